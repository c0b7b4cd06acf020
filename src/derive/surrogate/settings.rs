//! What can be chosen about the surrogate.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::count;

/// A shallow tree that imitates the model, with how well it does so on rows that it has not seen.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Splits on a path at most.
    #[schemars(range(max = 8))]
    pub depth: NonZeroUsize,
    /// Share of the rows that every leaf has at least.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 0.5))]
    pub min_share: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { depth: count(3), min_share: 0.01 }
    }
}
