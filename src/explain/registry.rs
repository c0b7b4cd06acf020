//! The attribution methods, one line each.

use std::sync::Arc;

use super::{ExplainError, Method, Preparation};
use crate::model::Forest;

crate::settings::steps! {
    /// Attribution methods; one that is not named does not run, but for `tree_shap`.
    dyn Method:
    tree_shap: On,
}

/// The methods that are switched on, in the registry's order, before they have seen the background.
///
/// # Errors
/// If a method cannot explain this model.
pub fn prepare(settings: &Settings, forest: &Arc<Forest>) -> Result<Vec<Box<dyn Preparation>>, ExplainError> {
    settings.running().into_iter().map(|(_, method)| method.prepare(forest)).collect()
}
