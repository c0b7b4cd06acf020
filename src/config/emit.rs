//! A config as YAML, the same bytes for the same config.

use std::fmt::Write;

use serde_json::Value as Json;

use super::yaml;

/// `value`, a mapping, as a YAML document that reads back to the same value.
pub(super) fn emit(value: &Json) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn block(text: &mut String, value: &Json, depth: usize) {
    let indent = "  ".repeat(depth);
    for (key, value) in value.as_object().into_iter().flatten() {
        // Writing to a string cannot fail.
        let _ = match value {
            Json::Object(entries) if !entries.is_empty() => writeln!(text, "{indent}{}:", word(key)),
            other => writeln!(text, "{indent}{}: {}", word(key), inline(other)),
        };
        if value.is_object() {
            block(text, value, depth + 1);
        }
    }
}

fn inline(value: &Json) -> String {
    match value {
        Json::String(text) => word(text),
        Json::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) => {
            let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{}: {}", word(key), inline(value))).collect();
            if entries.is_empty() { "{}".into() } else { format!("{{ {} }}", entries.join(", ")) }
        }
        other => other.to_string(),
    }
}

/// Text as a plain scalar where every YAML reader takes it for text, in double quotes elsewhere (a JSON string is a YAML string).
pub(super) fn word(text: &str) -> String {
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '/')) || text.starts_with("../");
    let safe = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    // Words that YAML 1.1 takes for booleans.
    let old = ["y", "n", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str());
    if starts && safe && !old && yaml::plain(text).is_string() {
        return text.into();
    }
    let escape = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Json::String(text.replace("${", "$${")).to_string().chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::problem::Sources;
    use crate::config::yaml::{Node, Value};

    fn read(text: &str) -> Json {
        fn json(node: Node) -> Json {
            match node.value {
                Value::Scalar(scalar) => scalar.json,
                Value::Unknown => Json::Null,
                Value::List(items) => items.into_iter().map(json).collect(),
                Value::Map(entries) => entries.into_iter().map(|entry| (entry.key, json(entry.node))).collect(),
            }
        }
        let mut sources = Sources::default();
        let node = yaml::read(&mut sources, 0, 0, text).unwrap();
        assert!(sources.is_sound());
        json(node)
    }

    #[test]
    fn writes_blocks_of_lines() {
        let value = json!({ "name": "credit", "data": { "path": "../d.parquet", "groups": {}, "on": ["a", "no", "1"] }, "keep": null });
        assert_eq!(emit(&value), "name: credit\ndata:\n  path: ../d.parquet\n  groups: {}\n  \"on\": [a, \"no\", \"1\"]\nkeep: null\n");
    }

    fn value() -> impl Strategy<Value = Json> {
        let text = prop_oneof![any::<String>(), "[ \\t\\-:#${}\\[\\]'\"\\\\a-z0-9.~]{0,8}"];
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>().prop_map(Json::from),
            text.clone().prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 20, 4, move |inner| {
            let entries = prop::collection::vec((text.clone(), inner.clone()), 0..4);
            prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Json::from), entries.prop_map(|entries| entries.into_iter().collect())]
        })
    }

    proptest! {
        #[test]
        fn reads_back_what_it_writes(entries in prop::collection::vec((any::<String>(), value()), 1..5)) {
            let value: Json = entries.into_iter().collect();
            prop_assert_eq!(read(&emit(&value)), value);
        }
    }
}
