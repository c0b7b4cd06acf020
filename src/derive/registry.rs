//! The derivations, one line each, and what they know of a run.

use std::sync::Arc;

use super::{AnyDerivation, Derivation};
use super::{importance::Importance, summary::Summary};
use crate::attribution::AttributionSchema;
use crate::settings::Step;

crate::settings::steps! {
    /// What is derived from the attributions; a step that is not named does not run, but for `importance` and `summary`.
    importance: On,
    summary: On,
}

/// What derivations know of a run beside its rows.
#[derive(Clone, Debug)]
pub struct Context {
    /// The run's seed.
    pub seed: u64,
    /// The methods, in the order of [`super::Explained::attributions`].
    pub methods: Vec<Arc<AttributionSchema>>,
    /// The explained features or feature groups, in the order of the methods' features.
    pub features: Vec<ExplainedFeature>,
}

/// An explained feature: one model feature, or a group of them whose attributions are summed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedFeature {
    /// Name of the feature or group.
    pub name: String,
    /// The model features in it.
    pub members: Vec<Member>,
}

/// A model feature's values in the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name, as in the dataset.
    pub name: String,
    /// Its column among [`crate::dataset::RowBatch::features`].
    pub column: usize,
    /// What its numbers stand for.
    pub values: Values,
}

/// What a feature's numbers stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values {
    /// Themselves.
    Number,
    /// Days since 1970-01-01.
    Date,
    /// Seconds since 1970-01-01T00:00:00Z.
    Time,
    /// Category codes; names in code order, as far as they are known.
    Category(Vec<String>),
}

/// The derivations that are switched on, in the registry's order.
pub fn build(settings: &Settings, context: &Arc<Context>) -> Vec<Box<dyn AnyDerivation>> {
    let steps =
        [step(&settings.importance, |settings| Importance::new(settings, context)), step(&settings.summary, |_| Summary::new(context))];
    steps.into_iter().flatten().collect()
}

fn step<S, D: Derivation + 'static>(step: &Step<S>, new: impl FnOnce(&S) -> D) -> Option<Box<dyn AnyDerivation>> {
    Some(Box::new(new(step.settings()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_off_is_not_built() {
        let context = Arc::new(Context { seed: 0, methods: vec![], features: vec![] });
        let names = |settings: &Settings| build(settings, &context).iter().map(|derivation| derivation.name()).collect::<Vec<_>>();
        assert_eq!(names(&Settings::default()), ["importance", "summary"]);
        assert_eq!(names(&Settings { importance: Step::Off, ..Settings::default() }), ["summary"]);
    }
}
