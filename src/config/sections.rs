//! The config's sections: those of the run itself, beside the ones that rooms declare.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ByteSize;
use crate::dataset::{BackgroundSettings, DataSettings};
use crate::model::ModelSettings;
use crate::{compare, derive, explain, gates, report};

/// An explanation audit: which model, on which data, explained how, written where.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pipeline config")]
pub struct Sections {
    /// Version of this format.
    #[serde(default = "version")]
    #[schemars(extend("enum" = [1]))]
    pub version: u8,
    /// Name of the audit, in the report's title.
    #[serde(default = "unnamed")]
    #[schemars(length(min = 1))]
    pub name: String,
    /// How the run uses the machine.
    #[serde(default)]
    pub run: RunSettings,
    /// The rows to explain.
    pub data: DataSettings,
    /// The model to explain.
    pub model: ModelSettings,
    /// The rows that stand in for features left out of a coalition.
    #[serde(default)]
    pub background: BackgroundSettings,
    /// Attribution methods.
    #[serde(default)]
    pub explain: explain::Settings,
    /// What is derived from the attributions.
    #[serde(default)]
    pub derive: derive::Settings,
    /// The fairness review.
    #[serde(default)]
    pub fairness: Option<derive::fairness::Settings>,
    /// Comparison with an earlier run.
    #[serde(default)]
    pub compare: Option<compare::Settings>,
    /// Limits on numbers of the tables; one that fails or cannot be evaluated fails the run.
    #[serde(default)]
    pub gates: Vec<gates::Gate>,
    /// The HTML page and its figures.
    #[serde(default)]
    pub report: report::Settings,
    /// Where results go.
    pub output: OutputSettings,
}

fn version() -> u8 {
    1
}

fn unnamed() -> String {
    "audit".into()
}

/// How the run uses the machine.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct RunSettings {
    /// Seed of everything random.
    pub seed: u64,
    /// Worker threads; they cannot change a result.
    pub threads: Threads,
    /// Memory that the run may use, such as `2GiB`.
    pub memory_limit: ByteSize,
}

impl Default for RunSettings {
    fn default() -> Self {
        Self { seed: 42, threads: Threads::Auto, memory_limit: ByteSize(2 << 30) }
    }
}

/// Number of worker threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Threads {
    /// One for each processor that the process may use.
    #[default]
    Auto,
    /// This many.
    #[serde(untagged)]
    Count(NonZeroUsize),
}

/// Where results go.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct OutputSettings {
    /// Folder of all runs; each has a folder of its own in it.
    #[schemars(extend("format" = "output-path"))]
    pub dir: PathBuf,
    /// Runs that are kept, the newest; all where null.
    #[serde(default)]
    pub keep: Option<NonZeroUsize>,
}
