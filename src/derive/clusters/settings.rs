//! What can be chosen about clusters.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::effect::Problem;

/// Clusters of the summary's rows that are explained alike: Ward's hierarchy of their attributions, cut, and in the order of its leaves.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Clusters at most.
    pub count: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { count: NonZeroUsize::MIN.saturating_add(5) }
    }
}

impl Settings {
    /// Checks that there will be a summary.
    pub(in crate::derive) fn check(&self, summarised: bool) -> Result<(), Problem> {
        let message = "clusters are of the summary's rows; switch derive.summary on";
        if summarised { Ok(()) } else { Err(Problem { key: "count".into(), message: message.into() }) }
    }
}
