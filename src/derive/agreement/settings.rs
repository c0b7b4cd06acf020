//! What can be chosen about the agreement of methods.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::count;

/// How far methods agree on the rows that both explain: whether sampling was enough, where two or more of them ran.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Largest attributions of a row whose features are compared; half of the features at most.
    pub top: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { top: count(5) }
    }
}
