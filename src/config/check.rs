//! Checks a tree against the JSON Schema of the config: everything that is wrong at once, each with its place.
//!
//! Covers the keywords that our schemas use: `type`, `enum`, `const`, `anyOf`, `oneOf`, `properties`, `additionalProperties`, `required`,
//! `items`, `minItems`, `uniqueItems`, `minLength`, `pattern`, bounds of numbers, and the path formats of [`super::paths`].

use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::problem::{Place, Sources};
use super::yaml::{Entry, Node, Scalar, Value};
use super::{describe, paths};

/// What a check yields beside the problems it reports.
#[derive(Debug)]
pub(super) struct Checked {
    /// The tree as JSON, without places.
    pub json: Json,
    /// JSON pointers to the paths in it.
    pub paths: Vec<String>,
}

/// Checks `root` against `schema`; problems go to `sources`. Relative paths start from `folder`.
pub(super) fn check(schema: &Json, root: &Node, sources: &mut Sources, folder: &Path) -> Checked {
    let mut checker = Checker { sources, folder, paths: Vec::new() };
    let start = Place { length: 0, ..root.place };
    let json = checker.value(schema, root, "", start);
    Checked { json, paths: checker.paths }
}

struct Checker<'a> {
    sources: &'a mut Sources,
    folder: &'a Path,
    paths: Vec<String>,
}

impl Checker<'_> {
    /// The node as JSON; `pointer` leads to it and `owner` is its key.
    fn value(&mut self, schema: &Json, node: &Node, pointer: &str, owner: Place) -> Json {
        if node.value == Value::Unknown {
            return Json::Null;
        }
        let Some((schema, json)) = fitting(schema, &node.value) else {
            let help = help_for_type(schema, &node.value);
            self.sources.report(
                visible(node, owner),
                format!("expected {}, found {}", describe::schema(schema), describe::value(&node.value)),
                help,
            );
            return Json::Null;
        };
        match (&node.value, json) {
            (Value::Map(entries), _) => self.map(schema, entries, pointer, owner),
            (Value::List(items), _) => self.list(schema, items, pointer, node.place),
            (Value::Scalar(_), Some(json)) => {
                self.scalar(schema, &json, pointer, visible(node, owner));
                json
            }
            (Value::Scalar(_), None) | (Value::Unknown, _) => Json::Null,
        }
    }

    fn map(&mut self, schema: &Json, entries: &[Entry], pointer: &str, owner: Place) -> Json {
        let none = Map::new();
        let known = schema.get("properties").and_then(Json::as_object).unwrap_or(&none);
        let others = schema.get("additionalProperties").filter(|others| others.is_object());
        let mut json = Map::new();
        for Entry { key, place, node } in entries {
            match known.get(key).or(others) {
                Some(schema) => {
                    let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    // The key is elsewhere where the value was set on the command line.
                    let owner = if node.place.source == place.source { *place } else { node.place };
                    json.insert(key.clone(), self.value(schema, node, &pointer, owner));
                }
                None => {
                    let help = describe::nearest(key, known.keys().map(String::as_str)).or_else(|| describe::known_keys(known));
                    self.sources.report(*place, format!("unknown key `{key}`{}", within(pointer)), help);
                }
            }
        }
        for key in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            if !json.contains_key(key) {
                let help = known
                    .get(key)
                    .and_then(|schema| schema.get("description"))
                    .and_then(Json::as_str)
                    .map(|about| format!("{key}: {about}"));
                self.sources.report(owner, format!("key `{key}` is missing{}", within(pointer)), help);
            }
        }
        self.rivals(schema, entries, pointer, owner);
        Json::Object(json)
    }

    /// Checks that exactly one of the keys is there that exclude each other.
    fn rivals(&mut self, schema: &Json, entries: &[Entry], pointer: &str, owner: Place) {
        let Some(rivals) = describe::rivals(schema) else { return };
        let quoted = |last| describe::join(&rivals.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>(), last);
        let found = entries.iter().filter(|entry| rivals.contains(&&*entry.key));
        let mut places: Vec<Place> = found.map(|entry| entry.place.max(entry.node.place)).collect();
        places.sort();
        match places.as_slice() {
            [] => self.sources.report(owner, format!("one of {} is missing{}", quoted("or"), within(pointer)), None),
            [_] => {}
            [.., last] => {
                let help = Some("leave all but one of them out".into());
                self.sources.report(*last, format!("{} exclude each other{}", quoted("and"), within(pointer)), help);
            }
        }
    }

    fn list(&mut self, schema: &Json, items: &[Node], pointer: &str, place: Place) -> Json {
        let any = Json::Bool(true);
        let each = schema.get("items").unwrap_or(&any);
        let mut values: Vec<Json> = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let value = self.value(each, item, &format!("{pointer}/{index}"), item.place);
            if schema.get("uniqueItems") == Some(&Json::Bool(true)) && !value.is_null() && values.contains(&value) {
                self.sources.report(item.place, format!("{} is listed twice", describe::json(&value)), None);
            }
            values.push(value);
        }
        let (limit, length) = (|key| schema.get(key).and_then(Json::as_u64), values.len() as u64);
        match (limit("minItems"), limit("maxItems")) {
            (Some(least), most) if length < least && (length == 0 || most.is_none()) => {
                self.sources.report(place, "the list is empty", Some("list something, or leave the key out".into()));
            }
            (Some(least), Some(most)) if length < least || length > most => {
                self.sources.report(place, format!("the list has {length} entries; it takes {most}"), None);
            }
            _ => {}
        }
        Json::Array(values)
    }

    fn scalar(&mut self, schema: &Json, json: &Json, pointer: &str, place: Place) {
        let words = describe::words(schema);
        if !words.is_empty() && !words.contains(&json) {
            let help = json.as_str().and_then(|text| describe::nearest(text, words.iter().filter_map(|word| word.as_str())));
            return self.sources.report(place, format!("expected {}, found {}", describe::schema(schema), describe::json(json)), help);
        }
        if json.as_f64().is_some_and(|number| !in_range(schema, number)) {
            return self.sources.report(place, format!("{json} is out of range: expected {}", describe::schema(schema)), None);
        }
        let Some(text) = json.as_str() else { return };
        if text.is_empty() && schema.get("minLength").is_some() {
            return self.sources.report(place, "this text is empty", None);
        }
        if schema
            .get("pattern")
            .and_then(Json::as_str)
            .and_then(|pattern| Regex::new(pattern).ok())
            .is_some_and(|regex| !regex.is_match(text))
        {
            return self.sources.report(place, format!("expected {}, found `{text}`", describe::schema(schema)), None);
        }
        if let Some(kind) = schema.get("format").and_then(Json::as_str).and_then(paths::Kind::from_format) {
            self.paths.push(pointer.into());
            if let Err((message, help)) = kind.check(self.folder, text) {
                self.sources.report(place, message, Some(help));
            }
        }
    }
}

/// Where to point for a value: at its key where it is not written out.
fn visible(node: &Node, owner: Place) -> Place {
    if node.place.length == 0 { owner } else { node.place }
}

fn within(pointer: &str) -> String {
    if pointer.is_empty() { String::new() } else { format!(" in `{}`", pointer[1..].replace('/', ".")) }
}

/// The alternative of `schema` whose type fits the value, and a scalar's reading that does.
fn fitting<'s>(schema: &'s Json, value: &Value) -> Option<(&'s Json, Option<Json>)> {
    if let Some(alternatives) = describe::alternatives(schema) {
        let words = describe::words(schema);
        let reading = |wanted: &dyn Fn(&Json) -> bool| match value {
            Value::Scalar(scalar) => scalar.readings().find(wanted).map(|json| (schema, Some(json))),
            _ => None,
        };
        // A misspelt word fits too, so that it is met with all words.
        return reading(&|json| words.contains(&json))
            .or_else(|| alternatives.iter().filter(|schema| !describe::is_word(schema)).find_map(|schema| fitting(schema, value)))
            .or_else(|| reading(&|json| json.is_string() && words.iter().any(|word| word.is_string())));
    }
    match value {
        Value::Unknown => None,
        Value::Map(_) => has_type(schema, "object").then_some((schema, None)),
        Value::List(_) => has_type(schema, "array").then_some((schema, None)),
        Value::Scalar(scalar) => scalar.readings().find(|json| accepts(schema, json)).map(|json| (schema, Some(json))),
    }
}

impl Scalar {
    /// The value, and the same as text where it may be taken so.
    fn readings(&self) -> impl Iterator<Item = Json> {
        [Some(self.json.clone()), self.text.clone().map(Json::String)].into_iter().flatten()
    }
}

fn accepts(schema: &Json, json: &Json) -> bool {
    match json {
        Json::Null => has_type(schema, "null"),
        Json::Bool(_) => has_type(schema, "boolean"),
        Json::Number(number) => has_type(schema, "number") || (!number.is_f64() && has_type(schema, "integer")),
        Json::String(_) => has_type(schema, "string"),
        Json::Array(_) => has_type(schema, "array"),
        Json::Object(_) => has_type(schema, "object"),
    }
}

fn has_type(schema: &Json, name: &str) -> bool {
    describe::types(schema).is_none_or(|types| types.contains(&name))
}

fn in_range(schema: &Json, number: f64) -> bool {
    let bound = |key| schema.get(key).and_then(Json::as_f64);
    bound("minimum").is_none_or(|least| number >= least)
        && bound("maximum").is_none_or(|most| number <= most)
        && bound("exclusiveMinimum").is_none_or(|below| number > below)
        && bound("exclusiveMaximum").is_none_or(|above| number < above)
}

fn help_for_type(schema: &Json, value: &Value) -> Option<String> {
    let (Value::Scalar(Scalar { json, .. }), options) = (value, describe::alternatives(schema).unwrap_or(std::slice::from_ref(schema)))
    else {
        return None;
    };
    let takes = |name| options.iter().any(|schema| has_type(schema, name));
    match json {
        Json::Null if takes("object") && takes("boolean") => Some("write {} to run it with its defaults, or false to leave it out".into()),
        Json::Null if takes("object") => Some("write its keys below it, or leave it out".into()),
        Json::Number(_) | Json::Bool(_) if takes("string") => Some("put it in quotes to make it text".into()),
        _ => None,
    }
}
