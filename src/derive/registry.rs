//! The derivations, one line each, and what they know of a run.

use std::sync::Arc;

use super::fairness::{FairnessMetrics, Review};
use super::{AnyDerivation, Derivation};
use super::{importance::Importance, summary::Summary};
use crate::attribution::AttributionSchema;
use crate::settings::Step;
use crate::subject::{Needs, Subject};

crate::settings::steps! {
    /// What is derived from the attributions; a step that is not named does not run, but for `importance` and `summary`.
    importance: On,
    summary: On,
}

/// What derivations know of a run beside its rows.
#[derive(Clone)]
pub struct Context {
    /// The methods; [`super::Explained::method`] counts them.
    pub methods: Vec<Arc<AttributionSchema>>,
    /// Model, features and background; its features are in the order of the methods'.
    pub subject: Arc<Subject>,
}

/// What the derivations that are switched on need to know before the first row.
pub fn needs(_settings: &Settings) -> Needs {
    Needs::default()
}

/// The derivations that are switched on, in the registry's order, and those of a fairness review.
pub fn build(settings: &Settings, review: Option<&Arc<Review>>, context: &Arc<Context>) -> Vec<Box<dyn AnyDerivation>> {
    let steps =
        [step(&settings.importance, |settings| Importance::new(settings, context)), step(&settings.summary, |_| Summary::new(context))];
    steps.into_iter().flatten().chain(review.into_iter().flat_map(fairness)).collect()
}

fn fairness(review: &Arc<Review>) -> Vec<Box<dyn AnyDerivation>> {
    vec![Box::new(FairnessMetrics::new(review))]
}

fn step<S, D: Derivation + 'static>(step: &Step<S>, new: impl FnOnce(&S) -> D) -> Option<Box<dyn AnyDerivation>> {
    Some(Box::new(new(step.settings()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_off_is_not_built() {
        let context = crate::derive::testing::Run::new(&[], &[], vec![]).context;
        let names = |settings: &Settings| build(settings, None, &context).iter().map(|derivation| derivation.name()).collect::<Vec<_>>();
        assert_eq!(names(&Settings::default()), ["importance", "summary"]);
        assert_eq!(names(&Settings { importance: Step::Off, ..Settings::default() }), ["summary"]);
    }
}
