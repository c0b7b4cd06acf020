//! The derivations, one line each, and what they know of a run.

use std::sync::Arc;

use super::effect::{self, GridChoice, Problem};
use super::fairness::{self, AdverseReasons, FairnessAttributions, FairnessConditional, FairnessEffects, FairnessMetrics, Review};
use super::{AnyDerivation, Derivation};
use super::{
    agreement::Agreement, ale::Ale, clusters::Clusters, ice::Ice, importance::Importance, interactions::Interactions, pdp::Pdp,
    sp_lime::SpLime, summary::Summary, surrogate::Surrogate,
};
use crate::attribution::AttributionSchema;
use crate::model::{Forest, Output};
use crate::pattern::Attributor;
use crate::settings::Step;
use crate::subject::{ExplainedFeature, Needs, Subject};

crate::settings::steps! {
    /// What is derived from the attributions; a step that is not named does not run, but for `importance`, `summary` and `agreement`.
    importance: On,
    summary: On,
    agreement: On,
    clusters: Off,
    pdp: Off,
    ice: Off,
    ale: Off,
    interactions: Off,
    surrogate: Off,
    sp_lime: Off,
}

/// What derivations know of a run beside its rows.
#[derive(Clone)]
pub struct Context {
    /// The methods; [`super::Explained::method`] counts them.
    pub methods: Vec<Arc<AttributionSchema>>,
    /// Model, features and background; its features are in the order of the methods'.
    pub subject: Arc<Subject>,
}

/// A fairness review, ready for rows.
pub struct Reviewed {
    /// What is reviewed.
    pub review: Arc<Review>,
    /// Attributions against the background's favourable decisions, where reasons are asked for.
    pub favourable: Option<Attributor>,
}

/// A setting that does not fit the model or the other settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct SettingError {
    /// The config key, dotted.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Checks the settings of the derivations that are switched on, and of a fairness review, against the explained features.
///
/// # Errors
/// If a setting names a feature that is not there, or needs a derivation that is off.
pub fn check(settings: &Settings, review: Option<&fairness::Settings>, features: &[ExplainedFeature]) -> Result<(), SettingError> {
    let effects = review.map_or(Ok(()), |review| review.check_effects(features));
    effects.map_err(|problem| SettingError { key: format!("fairness.effects.{}", problem.key), message: problem.message })?;
    let (ranked, summarised) = (settings.importance.settings().is_some(), settings.summary.settings().is_some());
    let named = |step: &str, problem: Problem| SettingError { key: format!("derive.{step}.{}", problem.key), message: problem.message };
    let steps = [
        ("clusters", settings.clusters.settings().map(|clusters| clusters.check(summarised))),
        ("interactions", settings.interactions.settings().map(|h| h.check(features, ranked))),
        ("pdp", settings.pdp.settings().map(|pdp| pdp.check(features, ranked))),
        ("ice", settings.ice.settings().map(|ice| ice.check(features, ranked))),
        ("ale", settings.ale.settings().map(|ale| ale.check(features, ranked))),
    ];
    steps.into_iter().try_for_each(|(step, checked)| checked.unwrap_or(Ok(())).map_err(|problem| named(step, problem)))
}

/// Whether there are trees, and their leaves are constants.
fn has_constant_leaves(forest: Option<&Forest>) -> bool {
    forest.is_some_and(|forest| forest.trees.iter().all(|tree| tree.linear.is_empty()))
}

/// What the derivations that are switched on need to know before the first row.
pub fn needs(settings: &Settings, review: Option<&fairness::Settings>, forest: Option<&Forest>, space: Output) -> Needs {
    let (trees, sample) = (has_constant_leaves(forest), Needs { sample: true, ..Needs::default() });
    let steps = [
        settings.pdp.settings().map(|pdp| effect::needs(trees, space, pdp.grid)),
        settings.ice.settings().map(|ice| Needs { histograms: trees && ice.grid == GridChoice::Exact, ..sample }),
        settings.ale.settings().map(|_| sample),
        settings.interactions.settings().map(|_| effect::needs(trees, Output::Margin, GridChoice::Exact)),
        settings.surrogate.settings().map(|_| sample),
        review.and_then(|review| review.effects.as_ref()).map(|_| sample),
    ];
    steps.into_iter().flatten().fold(Needs::default(), Needs::and)
}

/// The derivations that are switched on, in the registry's order, and those of a fairness review.
pub fn build(settings: &Settings, reviewed: Option<Reviewed>, context: &Arc<Context>) -> Vec<Box<dyn AnyDerivation>> {
    let steps = [
        step(&settings.importance, |settings| Importance::new(settings, context)),
        step(&settings.summary, |_| Summary::new(context)),
        step(&settings.agreement, |settings| Agreement::new(settings, context)),
        step(&settings.clusters, |settings| Clusters::new(settings, context)),
        step(&settings.pdp, |settings| Pdp::new(settings, context)),
        step(&settings.ice, |settings| Ice::new(settings, context)),
        step(&settings.ale, |settings| Ale::new(settings, context)),
        step(&settings.surrogate, |settings| Surrogate::new(settings, context)),
        step(&settings.sp_lime, |settings| SpLime::new(settings, context)),
    ];
    let interacting = settings.interactions.settings();
    let interactions = interacting.is_some() || context.subject.interactions.is_some();
    let interactions = interactions.then(|| boxed(Interactions::new(interacting, context)));
    steps
        .into_iter()
        .flatten()
        .chain(interactions)
        .chain(reviewed.into_iter().flat_map(|reviewed| of_review(reviewed, settings, context)))
        .collect()
}

fn of_review(Reviewed { review, favourable }: Reviewed, settings: &Settings, context: &Arc<Context>) -> Vec<Box<dyn AnyDerivation>> {
    let reasons = review.reasons().zip(favourable);
    let reasons = reasons.map(|(settings, attributor)| boxed(AdverseReasons::new(settings, &review, context, attributor)));
    let conditional = review.has_strata().then(|| boxed(FairnessConditional::new(&review)));
    let always = [boxed(FairnessMetrics::new(&review)), boxed(FairnessAttributions::new(&review, context))];
    let orders = settings.ale.settings().map(|ale| ale.order.clone()).unwrap_or_default();
    let effects = review.effects().map(|effects| boxed(FairnessEffects::new(effects, &review, context, &orders)));
    always.into_iter().chain(conditional).chain(effects).chain(reasons).collect()
}

fn step<S, D: Derivation + 'static>(step: &Step<S>, new: impl FnOnce(&S) -> D) -> Option<Box<dyn AnyDerivation>> {
    Some(boxed(new(step.settings()?)))
}

fn boxed<D: Derivation + 'static>(derivation: D) -> Box<dyn AnyDerivation> {
    Box::new(derivation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_switched_off_is_not_built() {
        let context = crate::derive::testing::Run::new(&[], &[], vec![]).context;
        let names = |settings: &Settings| build(settings, None, &context).iter().map(|derivation| derivation.name()).collect::<Vec<_>>();
        assert_eq!(names(&Settings::default()), ["importance", "summary", "agreement"]);
        assert_eq!(names(&Settings { importance: Step::Off, ..Settings::default() }), ["summary", "agreement"]);
    }
}
