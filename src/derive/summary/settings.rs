//! What can be chosen about the summary: nothing but whether it runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Each row's value and attribution of every feature, with the density that a beeswarm draws.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}
