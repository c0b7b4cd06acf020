//! The attribution methods, one line each.

use std::sync::Arc;

use super::tree_shap::TreeShap;
use super::{ExplainError, Explainer};
use crate::model::Forest;
use crate::pattern::Interactions;
use crate::subject::{Background, Needs, Subject};

crate::settings::steps! {
    /// Attribution methods; one that is not named does not run, but for `tree_shap`.
    tree_shap: On,
}

/// What the methods that are switched on need to know before the first row.
pub fn needs(settings: &Settings, forest: Option<&Forest>) -> Needs {
    let needs = [settings.tree_shap.settings().map(|settings| settings.needs(forest))];
    needs.into_iter().flatten().fold(Needs::default(), Needs::and)
}

/// The methods that are switched on, in the registry's order, ready for rows.
///
/// # Errors
/// If a method cannot explain this model.
pub fn build(settings: &Settings, subject: &Arc<Subject>) -> Result<Vec<Box<dyn Explainer>>, ExplainError> {
    let methods = [settings.tree_shap.settings().map(|settings| boxed(TreeShap::new(settings, subject)))];
    methods.into_iter().flatten().collect()
}

/// TreeSHAP's interaction values, where they are asked for.
///
/// # Errors
/// If they cannot be computed for this model.
pub fn interactions(settings: &Settings, forest: &Arc<Forest>, background: &Background) -> Result<Option<Interactions>, ExplainError> {
    let asked = settings.tree_shap.settings().filter(|settings| settings.interactions);
    asked.map(|settings| TreeShap::interactions(settings, forest, background)).transpose()
}

fn boxed<E: Explainer + 'static>(method: Result<E, ExplainError>) -> Result<Box<dyn Explainer>, ExplainError> {
    Ok(Box::new(method?))
}
