//! Which model is explained, and in which space: the `model` section of the config.

use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::format::{FORMATS, Iterations};

/// The model to explain.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct ModelSettings {
    /// Model file, as the library's own save function wrote it.
    #[schemars(extend("format" = "file-path"))]
    pub path: PathBuf,
    /// Format of the file; `auto` recognises it by its content.
    #[serde(default = "auto")]
    #[schemars(schema_with = "format_names")]
    pub format: String,
    /// The space that model-agnostic methods explain.
    #[serde(default)]
    pub output: Output,
    /// Boosting rounds that are used.
    #[serde(default)]
    pub iterations: Iterations,
}

/// The space in which predictions are explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Output {
    /// Raw scores, before the link: log-odds for classifiers.
    #[default]
    Margin,
    /// Predictions, after the link.
    Probability,
}

fn auto() -> String {
    "auto".into()
}

fn format_names(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = std::iter::once("auto").chain(FORMATS.iter().map(|format| format.name)).collect();
    json_schema!({ "type": "string", "enum": names })
}
