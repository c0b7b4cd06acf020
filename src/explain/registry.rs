//! The attribution methods, one line each.

use std::sync::Arc;

use super::tree_shap::TreeShap;
use super::{ExplainError, Preparation};
use crate::model::Forest;

crate::settings::steps! {
    /// Attribution methods; one that is not named does not run, but for `tree_shap`.
    tree_shap: On,
}

/// The methods that are switched on, in the registry's order, before they have seen the background.
///
/// # Errors
/// If a method cannot explain this model.
pub fn prepare(settings: &Settings, forest: &Arc<Forest>) -> Result<Vec<Box<dyn Preparation>>, ExplainError> {
    let methods = [settings.tree_shap.settings().map(|settings| TreeShap::prepare(settings, forest))];
    methods.into_iter().flatten().collect()
}
