//! What can be chosen about accumulated local effects.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::effect::{Choice, Problem, members, unknown};
use crate::settings::count;
use crate::subject::{ExplainedFeature, Values};

/// Accumulated local effects over all rows (Apley & Zhu 2020): how the prediction changes along a feature, among rows that have such values.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Features: all, the most important, or some by name.
    pub features: Choice,
    /// Bins between quantiles of a number, at most; quantiles that are equal are merged.
    pub bins: NonZeroUsize,
    /// Pairs of features for effects of both together, without the effects of each.
    pub pairs: Vec<[String; 2]>,
    /// Bins of each feature of a pair, at most.
    pub pair_bins: NonZeroUsize,
    /// Categories in order, for features whose categories have one; others are ordered by the likeness of their rows.
    pub order: BTreeMap<String, Vec<String>>,
    /// Confidence level of the bands, between 0 and 1; null leaves them out.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub intervals: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            features: Choice::All,
            bins: count(50),
            pairs: Vec::new(),
            pair_bins: count(20),
            order: BTreeMap::new(),
            intervals: Some(0.95),
        }
    }
}

impl Settings {
    /// Checks that features exist and orders are of categories.
    pub(in crate::derive) fn check(&self, features: &[ExplainedFeature], ranked: bool) -> Result<(), Problem> {
        self.features.check(features, ranked)?;
        let known = |name: &str| members(features).find(|member| member.name == name);
        for name in self.pairs.iter().flatten() {
            known(name).ok_or_else(|| Problem { key: "pairs".into(), message: unknown(name) })?;
        }
        for (name, order) in &self.order {
            let refuse = |message: String| Problem { key: format!("order.{name}"), message };
            let member = known(name).ok_or_else(|| refuse(unknown(name)))?;
            let Values::Category(names) = &member.values else { return Err(refuse(format!("`{name}` has no categories to order"))) };
            if let Some(category) = order.iter().find(|category| !names.is_empty() && !names.contains(category)) {
                return Err(refuse(format!("`{category}` is no category of `{name}`; it has {}", names.join(", "))));
            }
        }
        Ok(())
    }
}
