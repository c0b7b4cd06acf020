//! What can be chosen about clusters.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::effect::Problem;
use crate::settings::count;

/// Clusters of rows that are explained alike: Ward's hierarchy of the attributions of all rows, condensed to 2 000 points, and cut.
///
/// The summary's rows are given the clusters of the nearest points, in the order of the hierarchy.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Clusters at most.
    pub count: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { count: count(6) }
    }
}

impl Settings {
    /// Checks that there will be a summary.
    pub(in crate::derive) fn check(&self, summarised: bool) -> Result<(), Problem> {
        let message = "the rows that are given clusters are the summary's; switch derive.summary on";
        if summarised { Ok(()) } else { Err(Problem { key: "count".into(), message: message.into() }) }
    }
}
