//! Which model is explained, and in which space: the `model` section of the config.

use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::format::{FORMATS, Iterations};

/// The model to explain.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("oneOf" = [{ "required": ["path"] }, { "required": ["train"] }, { "required": ["command"] }]))]
pub struct ModelSettings {
    /// Model file, as the library's own save function wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "PathBuf", extend("format" = "file-path"))]
    pub path: Option<PathBuf>,
    /// Fits a random forest on the data's own columns and label, instead of reading a model file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "TrainSettings")]
    pub train: Option<TrainSettings>,
    /// Program and arguments of a model that is a process: rows go to its stdin, predictions come from its stdout, both as Arrow IPC streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", extend("minItems" = 1))]
    pub command: Option<Vec<String>>,
    /// Rows that a command is sent at a time at most; 65536 where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NonZeroUsize")]
    pub batch_rows: Option<NonZeroUsize>,
    /// Seconds from a command's start to its first answer at most; 120 where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NonZeroU64")]
    pub start_seconds: Option<NonZeroU64>,
    /// Seconds that a command may take for a batch; 600 where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NonZeroU64")]
    pub answer_seconds: Option<NonZeroU64>,
    /// Columns of a command's answers that are its outputs; all of them where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>", extend("uniqueItems" = true, "minItems" = 1))]
    pub outputs: Option<Vec<String>>,
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

/// A random forest to fit.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct TrainSettings {
    /// What the label is.
    pub task: Task,
    /// Trees.
    pub trees: NonZeroU16,
    /// Splits on a path at most; until leaves are pure where null.
    pub depth: Option<NonZeroU16>,
    /// Rows of a leaf at least, a row counted as often as it was drawn.
    pub min_leaf: NonZeroUsize,
    /// Features that are tried at each split; the square root of their number, rounded down, where null.
    pub features_per_split: Option<NonZeroUsize>,
    /// Share of the labelled rows that are fitted; the others are held out for the score.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub train_share: f64,
    /// Seed of the split and of the forest; the run's where null.
    pub seed: Option<u64>,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            task: Task::Classification,
            trees: NonZeroU16::MIN.saturating_add(99),
            depth: None,
            min_leaf: NonZeroUsize::MIN,
            features_per_split: None,
            train_share: 0.8,
            seed: None,
        }
    }
}

/// What a label is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Task {
    /// A class.
    #[default]
    Classification,
    /// A quantity.
    Regression,
}

impl Task {
    /// Name in configs and in model files.
    pub fn name(self) -> &'static str {
        match self {
            Task::Classification => "classification",
            Task::Regression => "regression",
        }
    }
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
    let names: Vec<&str> = ["auto", "command"].into_iter().chain(FORMATS.iter().map(|format| format.name)).collect();
    json_schema!({ "type": "string", "enum": names })
}
