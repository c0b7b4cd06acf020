//! What can be chosen about LIME.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::count;

/// LIME: a weighted linear model of a few features, each "in the row's own quartile or category", around each row.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Rows explained, a seeded sample of the data.
    pub rows: NonZeroUsize,
    /// Perturbed rows that the model is asked about.
    pub samples: NonZeroUsize,
    /// Features of a row's linear model; the others get zero.
    pub features: NonZeroUsize,
    /// A few of the rows are explained with other seeds too, to see whether these would say the same; none where null.
    pub stability: Option<Stability>,
}

/// Explanations of the same rows with other seeds.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Stability {
    /// Rows, evenly from those explained.
    pub rows: NonZeroUsize,
    /// Seeds beside the run's.
    pub seeds: NonZeroUsize,
}

impl Default for Stability {
    fn default() -> Self {
        Self { rows: count(20), seeds: count(5) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { rows: count(500), samples: count(5000), features: count(6), stability: Some(Stability::default()) }
    }
}
