//! What can be chosen about TreeSHAP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Exact Shapley values of the model's trees.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whose values stand in for features that are left out of a coalition.
    pub mode: Mode,
}

/// Whose values stand in for features that are left out of a coalition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// The background's: features are taken as set by intervention, whatever the others are.
    #[default]
    Interventional,
    /// The training rows', as the covers of the tree's branches tell them; needs no background.
    PathDependent,
}
