//! The attribution methods, one line each.

use std::sync::Arc;

use super::kernel_shap::KernelShap;
use super::lime::Lime;
use super::permutation::Permutation;
use super::tree_shap::TreeShap;
use super::{ExplainError, Explainer, game};
use crate::model::{Forest, Output};
use crate::pattern::Interactions;
use crate::settings::Step;
use crate::subject::{Background, Needs, Subject};

crate::settings::steps! {
    /// Attribution methods; one that is not named does not run, but for `tree_shap`.
    tree_shap: On,
    kernel_shap: Off,
    permutation: Off,
    lime: Off,
}

impl Settings {
    /// Switches off what is on unasked but cannot explain this model.
    ///
    /// # Errors
    /// Where a method is asked for that cannot.
    pub fn suit(&mut self, forest: Option<&Forest>) -> Result<(), ExplainError> {
        match (forest, &self.tree_shap) {
            (None, Step::On(_)) => Err(TreeShap::without_trees()),
            (None, Step::Default(_)) => {
                self.tree_shap = Step::Off;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether a method is switched on.
    pub fn is_on(&self, method: &str) -> bool {
        match method {
            "tree_shap" => self.tree_shap.settings().is_some(),
            "kernel_shap" => self.kernel_shap.settings().is_some(),
            "permutation" => self.permutation.settings().is_some(),
            "lime" => self.lime.settings().is_some(),
            _ => false,
        }
    }
}

/// What the methods that are switched on need to know before the first row, of a model explained in a space.
pub fn needs(settings: &Settings, forest: Option<&Forest>, space: Output) -> Needs {
    let needs = [
        settings.tree_shap.settings().map(|settings| settings.needs(forest)),
        settings.kernel_shap.settings().map(|_| game::needs(forest, space)),
        settings.permutation.settings().map(|_| game::needs(forest, space)),
        settings.lime.settings().map(|_| Lime::needs()),
    ];
    needs.into_iter().flatten().fold(Needs::default(), Needs::and)
}

/// The methods that are switched on, in the registry's order, ready for rows.
///
/// # Errors
/// If a method cannot explain this model.
pub fn build(settings: &Settings, subject: &Arc<Subject>) -> Result<Vec<Box<dyn Explainer>>, ExplainError> {
    let methods = [
        settings.tree_shap.settings().map(|settings| boxed(TreeShap::new(settings, subject))),
        settings.kernel_shap.settings().map(|settings| boxed(KernelShap::new(settings, subject))),
        settings.permutation.settings().map(|settings| boxed(Permutation::new(settings, subject))),
        settings.lime.settings().map(|settings| boxed(Lime::new(settings, subject))),
    ];
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
