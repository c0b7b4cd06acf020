//! Words for schemas and values, as messages use them.

use serde_json::{Map, Value as Json};

use super::yaml::Value;

/// The alternatives of a schema that has some, [`rivals`] aside.
pub(super) fn alternatives(schema: &Json) -> Option<&[Json]> {
    let written = schema.get("anyOf").or_else(|| schema.get("oneOf").filter(|_| rivals(schema).is_none()));
    written.and_then(Json::as_array).map(Vec::as_slice)
}

/// The keys of which a mapping needs exactly one: `oneOf` with nothing but a required key in each entry.
pub(super) fn rivals(schema: &Json) -> Option<Vec<&str>> {
    let entries = schema.get("oneOf")?.as_array()?;
    entries.iter().map(|entry| entry.get("required")?.get(0)?.as_str()).collect()
}

/// The types that a schema allows; `None` is any.
pub(super) fn types(schema: &Json) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Json::Array(types) => Some(types.iter().filter_map(Json::as_str).collect()),
        one => one.as_str().map(|one| vec![one]),
    }
}

/// Whether a schema lists fixed values.
pub(super) fn is_word(schema: &Json) -> bool {
    schema.get("enum").or_else(|| schema.get("const")).is_some()
}

/// The fixed values that a schema lists, in its alternatives too.
pub(super) fn words(schema: &Json) -> Vec<&Json> {
    let own = schema.get("enum").and_then(Json::as_array).into_iter().flatten().chain(schema.get("const"));
    own.chain(alternatives(schema).into_iter().flatten().flat_map(words)).collect()
}

/// What a schema expects, such as “`all`, `best` or a whole number ≥ 1”.
pub(super) fn schema(schema: &Json) -> String {
    join(&options(schema), "or")
}

fn options(schema: &Json) -> Vec<String> {
    match alternatives(schema) {
        Some(alternatives) => alternatives.iter().flat_map(options).collect(),
        None if is_word(schema) => words(schema).into_iter().map(json).collect(),
        None => types(schema).unwrap_or_default().into_iter().map(|name| kind(schema, name)).collect(),
    }
}

fn kind(schema: &Json, name: &str) -> String {
    match name {
        "object" => "a mapping".into(),
        "array" => "a list".into(),
        "boolean" => "true or false".into(),
        "null" => "null".into(),
        "integer" => format!("a whole number{}", bounds(schema)),
        "number" => format!("a number{}", bounds(schema)),
        _ => match schema.get("examples").and_then(Json::as_array) {
            Some(examples) => format!("text such as {}", join(&examples.iter().map(json).collect::<Vec<_>>(), "or")),
            None => "text".into(),
        },
    }
}

fn bounds(schema: &Json) -> String {
    let sides = [("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<")];
    let told: Vec<String> = sides.into_iter().filter_map(|(key, sign)| Some(format!("{sign} {}", schema.get(key)?))).collect();
    if told.is_empty() { String::new() } else { format!(" {}", join(&told, "and")) }
}

/// What was found.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::Map(_) => "a mapping".into(),
        Value::List(_) => "a list".into(),
        Value::Scalar(scalar) => json(&scalar.json),
        Value::Unknown => "what cannot be told".into(),
    }
}

/// A value, with its type where that might be taken for another.
pub(super) fn json(value: &Json) -> String {
    match value {
        Json::Null => "nothing (null)".into(),
        Json::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

/// Help that names the known word nearest to `word`, if one is near.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = known.map(|name| (strsim::damerau_levenshtein(word, name), name)).min()?;
    (near.0 <= near.1.chars().count().max(3) / 3).then(|| format!("did you mean `{}`?", near.1))
}

/// Help that lists the known keys.
pub(super) fn known_keys(known: &Map<String, Json>) -> Option<String> {
    let names: Vec<String> = known.keys().map(|key| format!("`{key}`")).collect();
    Some(if names.is_empty() { "it has no keys".into() } else { format!("the keys here are {}", join(&names, "and")) })
}

/// Words joined by commas, with another word before the last one.
pub(super) fn join(options: &[String], last: &str) -> String {
    match options {
        [] => "anything".into(),
        [one] => one.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}
