//! What can be chosen about interactions.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::effect::{Choice, Problem};
use crate::settings::count;
use crate::subject::ExplainedFeature;

/// Friedman's H: how much of the effect of two features together, or of one with all others, is no sum of their own effects.
///
/// Beside SHAP interaction values where `explain.tree_shap.interactions` is on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Pairs of each output that are kept, the strongest.
    pub pairs: NonZeroUsize,
    /// Features whose pairs are measured: all, the most important, or some by name.
    pub features: Choice,
    /// Rows at which the effects are compared, drawn at random from the data; at most 100 where the model is not made of trees with constant leaves.
    pub rows: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { pairs: count(10), features: Choice::Top(count(10)), rows: count(500) }
    }
}

impl Settings {
    /// Checks that features exist.
    pub(in crate::derive) fn check(&self, features: &[ExplainedFeature], ranked: bool) -> Result<(), Problem> {
        self.features.check(features, ranked)
    }
}
