//! What can be chosen about the submodular pick.

use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::count;

/// A few rows whose explanations together show most of what the model uses (SP-LIME).
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Method whose attributions are picked from, which must be switched on; of all rows it explains, a thousand at most, drawn at random.
    pub source: Source,
    /// Rows picked at most: fewer where these cover all there is.
    pub picks: NonZeroUsize,
    /// A row covers a feature whose attribution is more than this share of the row's total; 0 for LIME and 0.05 for the others where null.
    #[schemars(range(min = 0, max = 1))]
    pub share: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { source: Source::Lime, picks: count(8), share: None }
    }
}

/// A method whose attributions can be picked from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Source {
    /// LIME's weights, most of them zero.
    Lime,
    /// TreeSHAP's values.
    TreeShap,
    /// KernelSHAP's values.
    KernelShap,
}

impl Source {
    /// The method's name.
    pub fn method(self) -> &'static str {
        match self {
            Self::Lime => "lime",
            Self::TreeShap => "tree_shap",
            Self::KernelShap => "kernel_shap",
        }
    }
}
