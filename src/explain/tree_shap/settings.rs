//! What can be chosen about TreeSHAP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Cover, Forest};
use crate::subject::Needs;

/// Exact Shapley values of the model's trees.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whose values stand in for features that are left out of a coalition.
    pub mode: Mode,
    /// Whether SHAP interaction values and main effects of all rows are computed, for the table `interactions`.
    pub interactions: bool,
}

impl Settings {
    /// Whether covers are counted on the background, since the model's file holds none.
    pub fn counts_covers(&self, forest: &Forest) -> bool {
        self.mode == Mode::PathDependent && forest.cover == Cover::Absent
    }

    /// What this mode needs of the background.
    pub fn needs(&self, forest: Option<&Forest>) -> Needs {
        let covers = forest.is_some_and(|forest| self.counts_covers(forest));
        Needs { histograms: self.mode == Mode::Interventional, covers, ..Needs::default() }
    }
}

/// Whose values stand in for features that are left out of a coalition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// The background's: features are taken as set by intervention, whatever the others are.
    #[default]
    Interventional,
    /// The training rows', as the covers of the tree's branches tell them; the background's, where the model file holds no covers.
    PathDependent,
}
