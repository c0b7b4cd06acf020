//! What can be chosen about the summary: nothing but whether it runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Up to 1000 rows, drawn at random, with value and attribution of every feature and the density that a beeswarm draws.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}
