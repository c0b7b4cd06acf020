//! Models: one checked forest form, its arithmetic, and the formats that build it.

pub mod builder;
mod card;
mod cover;
mod error;
mod forest;
pub mod format;
mod link;
mod predict;
mod predictor;
mod settings;
mod summary;

use std::path::Path;

pub use card::Card;
pub use cover::CoverCounter;
pub use error::{ModelError, ReadError};
pub use forest::{
    CategorySet, Cover, Feature, FeatureKind, Forest, LinearLeaf, Missing, Node, NodeKind, Rule, Split, Summation, Tree, TreeOutput, Width,
    ZERO, category_code,
};
pub use format::Iterations;
pub use link::{Link, logistic};
pub use predict::{apply_link, leaf_outputs};
pub use predictor::{PredictError, Predictor};
pub use settings::{ModelSettings, Output, Task, TrainSettings};
pub use summary::{FeatureSummary, Summary};

/// A model read from a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The trees.
    pub forest: Forest,
    /// Facts about the file.
    pub card: Card,
}

/// Reads a model file; `format` is a registered name, or `auto` to recognise it by its content.
///
/// # Errors
/// If the file cannot be read, is of no known format, breaks its format's rules, or holds what cannot be handled exactly.
pub fn load(path: &Path, format: &str, iterations: Iterations) -> Result<Model, ModelError> {
    let bytes = std::fs::read(path).map_err(|source| ModelError::Io { path: path.into(), source })?;
    parse(&bytes, path, format, iterations)
}

/// Reads a model from the bytes of a file; `path` is its name in messages.
///
/// # Errors
/// As [`load`].
pub fn parse(bytes: &[u8], path: &Path, format: &str, iterations: Iterations) -> Result<Model, ModelError> {
    let known = || format::FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    let found = match format {
        "auto" => format::FORMATS.iter().find(|format| (format.recognise)(bytes)),
        name => format::FORMATS.iter().find(|format| format.name == name),
    };
    let Some(found) = found else {
        let message = match format {
            "auto" => format!("is not a model of a known format ({}); is it the file that the library's own save_model wrote?", known()),
            name => format!("cannot be read: `{name}` is not a model format; use auto, {}", known()),
        };
        return Err(ModelError::UnknownFormat { path: path.into(), message });
    };
    (found.read)(bytes, iterations).map_err(|error| match error {
        ReadError::Malformed(message) => ModelError::Malformed { path: path.into(), format: found.name, message },
        ReadError::Unsupported(message) => ModelError::Unsupported { path: path.into(), format: found.name, message },
    })
}
