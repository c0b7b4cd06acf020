//! What can be chosen about the summary: nothing but whether it runs.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Summary;
use crate::derive::{AnyDerivation, Build, Context};

/// Each row's value and attribution of every feature, with the density that a beeswarm draws.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {}

impl Build for Settings {
    fn build(&self, context: &Arc<Context>) -> Box<dyn AnyDerivation> {
        Box::new(Summary::new(context))
    }
}
