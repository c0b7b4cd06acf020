//! Model formats: one file or folder each, one line in [`FORMATS`] each.

mod catboost;
mod json;
mod lightgbm;
mod onnx;
pub mod pipeline;
mod xgboost;

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Model;
use super::error::ReadError;

/// How many boosting rounds of a model are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Iterations {
    /// All rounds in the file.
    #[default]
    All,
    /// Up to the best iteration that the file names; all where it names none.
    Best,
    /// The first `n` rounds.
    #[serde(untagged)]
    First(NonZeroUsize),
}

impl Iterations {
    /// How many of a file's `rounds` are asked for; `best` is the 0-based best iteration that the file names.
    fn rounds(self, rounds: usize, best: Option<usize>) -> Result<usize, ReadError> {
        let asked = match (self, best) {
            (Iterations::All, _) | (Iterations::Best, None) => rounds,
            (Iterations::Best, Some(best)) => best.saturating_add(1),
            (Iterations::First(asked), _) => asked.get(),
        };
        if asked <= rounds {
            return Ok(asked);
        }
        Err(ReadError::Unsupported(format!(
            "{asked} boosting rounds are asked for, but the file has {rounds}; set `iterations` to all or to fewer rounds"
        )))
    }
}

/// Features of a model without names that are named `f0`, `f1`, … at most: a count alone must not ask for memory.
const UNNAMED_LIMIT: usize = 100_000;

/// Names for the features of a model that has none.
fn unnamed(count: usize) -> Result<Vec<String>, ReadError> {
    if count > UNNAMED_LIMIT {
        let message = format!("the model has {count} features without names; at most {UNNAMED_LIMIT} can be handled");
        return Err(ReadError::Unsupported(message));
    }
    Ok((0..count).map(|feature| format!("f{feature}")).collect())
}

/// One model format.
pub struct Format {
    /// Name in configs and in `inspect`.
    pub name: &'static str,
    /// One line for help and docs.
    pub about: &'static str,
    /// Whether a file's bytes look like this format.
    pub recognise: fn(&[u8]) -> bool,
    /// Builds the model from a file's bytes.
    pub read: fn(&[u8], Iterations) -> Result<Model, ReadError>,
}

/// All formats, sorted by name.
pub static FORMATS: &[Format] = &[catboost::FORMAT, lightgbm::FORMAT, onnx::FORMAT, pipeline::FORMAT, xgboost::FORMAT];
