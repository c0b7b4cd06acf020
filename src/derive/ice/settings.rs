//! What can be chosen about individual conditional expectations.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::effect::{Choice, GridChoice, Problem};
use crate::settings::count;
use crate::subject::ExplainedFeature;

/// Individual conditional expectations (Goldstein et al. 2015): single rows' predictions as one feature takes each value.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Features: all, the most important, or some by name.
    pub features: Choice,
    /// Rows, drawn at random from the data.
    pub rows: NonZeroUsize,
    /// Points of numbers: so many quantiles, or exact at every threshold.
    pub grid: GridChoice,
}

impl Default for Settings {
    fn default() -> Self {
        Self { features: Choice::Top(count(6)), rows: count(200), grid: GridChoice::default() }
    }
}

impl Settings {
    /// Checks that features exist.
    pub(in crate::derive) fn check(&self, features: &[ExplainedFeature], ranked: bool) -> Result<(), Problem> {
        self.features.check(features, ranked)
    }
}
