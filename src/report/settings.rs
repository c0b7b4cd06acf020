//! What can be chosen about the report.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::count;

/// The HTML page and its figures.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// Features that figures show, the most important first.
    pub top_features: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { top_features: count(20) }
    }
}
