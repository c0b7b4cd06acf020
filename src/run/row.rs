//! One row explained, as a run explains it: what `pipeline explain` tells.

use std::sync::Arc;

use arrow_array::Array;
use serde::Serialize;

use super::events::Log;
use super::execute;
use super::plan::Plan;
use super::signals::Interrupt;
use super::steps::Steps;
use super::{Options, RunError, interruptible, stream};
use crate::attribution::{AttributionBatch, Scores};
use crate::config::Config;
use crate::dataset::{Decoded, RowBatch};
use crate::derive::{self, Context};
use crate::explain;
use crate::subject::{ExplainedFeature, Subject};
use crate::table::{Table, cell_text};

/// Which row, and what of it.
#[derive(Clone, Debug, Default)]
pub struct RowQuestion {
    /// The row's identifier, or its number where the config names no column of identifiers.
    pub id: String,
    /// The attribution method; the first that is switched on where `None`.
    pub method: Option<String>,
    /// The output; all of them where `None`.
    pub output: Option<String>,
}

/// A row's prediction and what it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowExplanation {
    /// The audit's name.
    pub audit: String,
    /// Column of identifiers, if one is configured.
    pub id_column: Option<String>,
    /// The row's identifier.
    pub row_id: String,
    /// Attribution method.
    pub method: &'static str,
    /// An entry an output.
    pub outputs: Vec<ExplainedOutput>,
    /// What the fairness section makes of the row, where there is one.
    pub decision: Option<Decision>,
    /// What the reader must know before trusting the numbers: categories that the model does not know.
    pub warnings: Vec<String>,
}

/// One output's prediction: `base_value + Σ attributions + residual`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedOutput {
    /// Its name.
    pub output: String,
    /// What base value, prediction and attributions are measured in.
    pub space: &'static str,
    /// The mean over the background.
    pub base_value: f64,
    /// The prediction in the explained space.
    pub prediction: f64,
    /// What rounding, or the method, leaves over.
    pub residual: f64,
    /// The prediction as the model gives it: the probability in classification.
    pub response: f64,
    /// A feature each, the largest first.
    pub attributions: Vec<Contribution>,
}

/// One feature's part.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// Feature or feature group.
    pub feature: String,
    /// Its value; `None` if missing.
    pub value: Option<String>,
    /// Its attribution.
    pub attribution: f64,
    /// The attribution's standard error, of methods that sample.
    pub standard_error: Option<f64>,
}

/// What the fairness section makes of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// Whether it is favourable.
    pub favourable: bool,
    /// The principal reasons of an unfavourable decision, where they are asked for.
    pub reasons: Vec<Reason>,
}

/// A line of the table `reasons`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Feature or feature group.
    pub feature: String,
    /// Its attribution, favourable decisions alone being the background.
    pub attribution: f64,
    /// In words.
    pub text: String,
}

/// Explains one row of a config's data: the numbers that a run has for it, without those of the other rows.
///
/// # Errors
/// If inputs are unusable or do not fit together, or there is no such row, method or output.
pub fn explain_row(config: Config, options: Options, question: &RowQuestion, log: &Log) -> Result<RowExplanation, RunError> {
    interruptible(|interrupt| explain(config, options, question, log, interrupt))
}

fn explain(config: Config, options: Options, question: &RowQuestion, log: &Log, interrupt: &Interrupt) -> Result<RowExplanation, RunError> {
    let plan = Plan::new(config, options, interrupt)?.of_methods_alone();
    let mut steps = Steps::new(log.clone());
    let Decoded { rows, unseen, .. } = plan.data.find(&question.id)?.ok_or_else(|| unknown_row(&plan, &question.id))?;
    let (subject, _) = execute::subject(&plan, &mut steps, interrupt)?;
    let explainers = plan.pool.install(|| explain::build(&plan.config.explain, &subject))?;
    let schemas = stream::schemas(&plan, &explainers);
    let methods: Vec<&str> = schemas.iter().map(|schema| schema.method).collect();
    let is_asked = |method: &&str| question.method.as_deref().is_none_or(|asked| asked == *method);
    let method = methods.iter().position(is_asked);
    let chosen = method.and_then(|method| Some((explainers.get(method)?, schemas.get(method)?)));
    let (explainer, schema) = chosen.ok_or_else(|| match &question.method {
        Some(asked) if !methods.is_empty() => refuse("--method", asked, "attribution method that the config switches on", &methods),
        _ => RunError::setting("explain", "no method is on that a row could be explained by; switch one on"),
    })?;
    let batch = plan.pool.install(|| stream::explained(&plan, &**explainer, schema, &rows))?;
    let scores = plan.pool.install(|| plan.model.scores(&rows.features))?;
    let space = if schema.method == "tree_shap" { plan.model.margin_space() } else { plan.model.effect_space() };
    let outputs = outputs(&subject, &batch, &scores, &rows, space);
    let names: Vec<&str> = schema.outputs.iter().map(String::as_str).collect();
    let wanted = |output: &ExplainedOutput| question.output.as_ref().is_none_or(|wanted| *wanted == output.output);
    let outputs: Vec<ExplainedOutput> = outputs.into_iter().filter(wanted).collect();
    if outputs.is_empty() {
        return Err(refuse("--output-name", question.output.as_deref().unwrap_or_default(), "output of the model", &names));
    }
    let context = Arc::new(Context { methods: schemas.clone(), subject });
    let decision = decision(&plan, &rows, &scores, &context, &mut steps, interrupt)?;
    plan.model.predictor.close()?;
    Ok(RowExplanation {
        audit: plan.config.name.clone(),
        id_column: plan.config.data.id.clone(),
        row_id: cell_text(&*rows.ids as &dyn Array, 0),
        method: schema.method,
        outputs,
        decision,
        warnings: super::streamed::unknown(&unseen, "row"),
    })
}

/// Each output's prediction and attributions of the only row.
fn outputs(subject: &Subject, batch: &AttributionBatch, scores: &Scores, rows: &RowBatch, space: &'static str) -> Vec<ExplainedOutput> {
    let values = rows.features.row(0);
    let text = |feature: &ExplainedFeature| feature.text(&feature.members.iter().map(|member| values[member.column]).collect::<Vec<_>>());
    let output = |(number, name): (usize, &String)| {
        let contribution = |(place, feature): (usize, &ExplainedFeature)| Contribution {
            feature: feature.name.clone(),
            value: text(feature),
            attribution: batch.column(number, place)[0],
            standard_error: batch.standard_errors.as_ref().map(|errors| batch.column_of(errors, number, place)[0]),
        };
        let mut attributions: Vec<Contribution> = subject.features.iter().enumerate().map(contribution).collect();
        attributions.sort_by(|a, b| b.attribution.abs().total_cmp(&a.attribution.abs()));
        ExplainedOutput {
            output: name.clone(),
            space,
            base_value: batch.base[number],
            prediction: batch.prediction[number],
            residual: batch.residual(number, 0),
            response: scores.predictions[number],
            attributions,
        }
    };
    batch.schema.outputs.iter().enumerate().map(output).collect()
}

/// What the fairness section makes of the row; the derivation `reasons` gives its reasons.
fn decision(
    plan: &Plan,
    rows: &RowBatch,
    scores: &Scores,
    context: &Arc<Context>,
    steps: &mut Steps,
    interrupt: &Interrupt,
) -> Result<Option<Decision>, RunError> {
    let Some(review) = &plan.review else { return Ok(None) };
    let favourable = !review.favoured(rows, scores).1.is_empty();
    if favourable || review.reasons().is_none() {
        return Ok(Some(Decision { favourable, reasons: Vec::new() }));
    }
    let reviewed = execute::reviewed(plan, steps, interrupt)?;
    let derivations = derive::build(&derive::Settings::default(), reviewed, context);
    let mut reasons = Vec::new();
    for derivation in derivations.iter().filter(|derivation| derivation.name() == "reasons") {
        reasons.extend(plan.pool.install(|| derivation.lines(rows, scores))?.iter().flat_map(told));
    }
    Ok(Some(Decision { favourable, reasons }))
}

fn told(table: &Table) -> Vec<Reason> {
    let reason = |row: usize| Reason {
        feature: table.texts("feature").value(row).into(),
        attribution: table.numbers("attribution").value(row),
        text: table.texts("text").value(row).into(),
    };
    (0..table.len()).map(reason).collect()
}

fn unknown_row(plan: &Plan, id: &str) -> RunError {
    let path = plan.config.written().data.path.clone();
    let what = plan.config.data.id.as_ref().map_or("row number".into(), |column| format!("`{column}`"));
    let filter = plan.config.data.filter.as_ref().map_or(String::new(), |filter| format!(" among those where {filter}"));
    let help = match plan.config.data.id {
        Some(_) => "check the identifier",
        None => "row numbers begin with 0; data.id names a column of identifiers",
    };
    RunError::UnknownRow { path, message: format!("no row has {what} `{id}`{filter}; {help}") }
}

fn refuse(key: &str, asked: &str, what: &str, known: &[&str]) -> RunError {
    RunError::setting(key, format!("`{asked}` is no {what}: {}", known.join(", ")))
}
