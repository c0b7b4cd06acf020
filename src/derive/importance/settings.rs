//! What can be chosen about importance.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Importance;
use crate::derive::{AnyDerivation, Build, Context};

/// Mean absolute attribution of each feature, with bootstrap intervals over the rows.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Confidence level of the intervals, between 0 and 1; null leaves them out.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub intervals: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { intervals: Some(0.95) }
    }
}

impl Build for Settings {
    fn build(&self, context: &Arc<Context>) -> Box<dyn AnyDerivation> {
        Box::new(Importance::new(self, context))
    }
}
