//! What can be chosen about KernelSHAP.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::count;

/// Coalitions a player from which on the proxy pays, none and all players among them.
const PROXY_FROM: usize = 8;

/// Shapley values of any model from a sample of coalitions; feature groups are players.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Rows explained, a seeded sample of the data.
    pub rows: NonZeroUsize,
    /// Coalitions evaluated for a row at most; where all fit, values are exact.
    pub samples: NonZeroUsize,
    /// Stops early once every standard error is at most this share of the spread between a row's largest and smallest value.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tolerance: Option<f64>,
    /// How values are estimated from the coalitions.
    pub estimator: Estimator,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rows: count(200), samples: count(2048), tolerance: None, estimator: Estimator::Auto }
    }
}

impl Settings {
    /// Whether all coalitions of so many players are within the budget: then values are exact.
    pub fn is_exact(&self, players: usize) -> bool {
        u32::try_from(players).ok().and_then(|players| 1_usize.checked_shl(players)).is_some_and(|all| all <= self.samples.get())
    }

    /// Pairs of coalitions that are drawn at most, where not all coalitions are: the budget but for none and all players.
    pub fn pairs(&self) -> usize {
        self.samples.get().saturating_sub(2) / 2
    }

    /// Whether a proxy explains what least squares leaves over of so many pairs.
    pub fn uses_proxy(&self, players: usize, pairs: usize) -> bool {
        match self.estimator {
            Estimator::Auto => 2 * pairs + 2 >= PROXY_FROM * players,
            Estimator::Leverage => false,
            Estimator::Proxy => true,
        }
    }
}

/// How Shapley values are estimated from sampled coalitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Estimator {
    /// `proxy` where there are at least eight coalitions a feature, else `leverage`.
    #[default]
    Auto,
    /// Weighted least squares on leverage-weighted pairs (Musco & Witter 2025).
    Leverage,
    /// The same on what a Gaussian process of the three-way interactions leaves over.
    Proxy,
}
