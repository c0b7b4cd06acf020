//! What can be chosen about partial dependence.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::effect::{Choice, GridChoice, Problem, members, unknown};
use crate::settings::count;
use crate::subject::ExplainedFeature;

/// Partial dependence (Friedman 2001): the mean prediction over the background as one feature, or two, take each value.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Features: all, the most important, or some by name.
    pub features: Choice,
    /// Pairs of features.
    pub pairs: Vec<[String; 2]>,
    /// Points of numbers: so many quantiles, or exact at every threshold.
    pub grid: GridChoice,
    /// Points of each number of a pair.
    pub pair_points: NonZeroUsize,
    /// Confidence level of the bands, between 0 and 1; null leaves them out.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub intervals: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            features: Choice::Top(count(6)),
            pairs: Vec::new(),
            grid: GridChoice::default(),
            pair_points: count(20),
            intervals: Some(0.95),
        }
    }
}

impl Settings {
    /// Checks that features exist.
    pub(in crate::derive) fn check(&self, features: &[ExplainedFeature], ranked: bool) -> Result<(), Problem> {
        self.features.check(features, ranked)?;
        let known = |name: &&String| members(features).any(|member| member.name == **name);
        match self.pairs.iter().flatten().find(|name| !known(name)) {
            Some(name) => Err(Problem { key: "pairs".into(), message: unknown(name) }),
            None => Ok(()),
        }
    }
}
