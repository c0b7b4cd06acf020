//! What a validator wants to know of a model file, beside the forest itself.

use serde::Serialize;

/// Facts of a model file, for `inspect`, the manifest and the report.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Card {
    /// Format name, as in the registry.
    pub format: String,
    /// Version of the library that wrote the file, where it says.
    pub version: Option<String>,
    /// Training objective, in the library's words.
    pub objective: String,
    /// Best iteration, where the file names one.
    pub best_iteration: Option<usize>,
    /// Boosting rounds in the file.
    pub rounds: usize,
    /// Boosting rounds used.
    pub rounds_used: usize,
    /// Whatever else matters: dropped-tree weights, averaged outputs, how missing values and categories are handled.
    pub notes: Vec<String>,
}
