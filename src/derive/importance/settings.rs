//! What can be chosen about importance.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
