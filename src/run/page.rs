//! What the report's page says: the plan and the findings, put into words.

use std::path::Path;

use serde_json::Value as Json;

use super::RunError;
use super::agreement;
use super::error::AtPath;
use super::execute::Findings;
use super::fairness;
use super::model::Made;
use super::plan::Plan;
use super::streamed::{Method, Streamed};
use crate::config;
use crate::gates::Outcome;
use crate::model::{FeatureKind, Summary};
use crate::report::page::{self, Certificate, Fact, Link, Page, Verdict};

/// Writes `index.html`. Nothing in it varies between runs of the same inputs.
///
/// # Errors
/// If the page cannot be filled or written.
pub(super) fn write(plan: &Plan, findings: &Findings, folder: &Path) -> Result<(), RunError> {
    let html = page::render(&compose(plan, findings))?;
    let path = folder.join("index.html");
    std::fs::write(&path, html).at("write", &path)
}

fn compose(plan: &Plan, findings: &Findings) -> Page {
    let (rows, warnings) = (findings.streamed.rows, &findings.warnings);
    let failed = findings.gates.iter().filter(|gate| gate.fails()).count();
    let (verdict, message) = verdict(findings.gates.len(), failed, warnings.len());
    Page {
        name: plan.config.name.clone(),
        verdict,
        message,
        headline: headline(plan, rows),
        data: data(plan, &findings.streamed),
        model: model(plan),
        model_notes: plan.model.notes(),
        fairness: fairness::section(plan, &findings.tables),
        gates: findings.gates.iter().map(gate).collect(),
        methods: methods(plan, findings),
        agreement: agreement::sentences(&findings.tables),
        additivity: certificates(findings),
        figures: findings.figures.clone(),
        tables: links(findings),
        warnings: warnings.clone(),
        reproducibility: reproducibility(plan, findings),
    }
}

/// What is said of so many gates, of which some fail the run, and so many warnings.
fn verdict(gates: usize, failed: usize, warnings: usize) -> (Verdict, String) {
    match (gates, failed, warnings) {
        (0, 0, 0) => (Verdict::Passed, "Every step ran, and nothing calls the numbers into question.".into()),
        (1, 0, 0) => (Verdict::Passed, "Every step ran, and the gate passed.".into()),
        (gates, 0, 0) => (Verdict::Passed, format!("Every step ran, and all {gates} gates passed.")),
        (_, 0, 1) => (Verdict::Warned, "Every step ran; one warning.".into()),
        (_, 0, warnings) => (Verdict::Warned, format!("Every step ran; {warnings} warnings.")),
        (1, ..) => (Verdict::Failed, "Every step ran; the gate did not pass.".into()),
        (gates, failed, _) => (Verdict::Failed, format!("Every step ran; {failed} of {gates} gates did not pass.")),
    }
}

fn gate(outcome: &Outcome) -> page::Gate {
    page::Gate {
        metric: outcome.metric.clone(),
        filter: outcome.filter.clone(),
        value: outcome.value,
        limits: outcome.limits(),
        severity: outcome.severity.name(),
        status: outcome.status.name(),
        message: outcome.message.clone(),
    }
}

fn reproducibility(plan: &Plan, findings: &Findings) -> Vec<Fact> {
    let mut facts = vec![
        fact("Pipeline", env!("CARGO_PKG_VERSION")),
        fact("Seed", plan.config.run.seed),
        fact("Inputs and outputs by SHA-256", "manifest.json"),
        fact("Settings with every default", "config.resolved.yaml"),
    ];
    facts.extend(findings.baseline.iter().map(|baseline| fact("Baseline", baseline.text())));
    facts
}

fn fact(label: &str, value: impl ToString) -> Fact {
    Fact::new(label, value.to_string())
}

fn count(label: &str, value: usize) -> Fact {
    Fact::count(label, value as u64)
}

fn data(plan: &Plan, streamed: &Streamed) -> Vec<Fact> {
    let (written, source) = (plan.config.written(), plan.data.dataset().summary());
    let mut facts = vec![
        fact("Path", written.data.path.display()),
        count("Files", source.files.len()),
        Fact::count("Rows", source.rows),
        Fact::count("Rows explained", streamed.rows),
    ];
    let settings = &written.data;
    let named = [("Filter", &settings.filter), ("Row identifier", &settings.id), ("Label", &settings.label), ("Weight", &settings.weight)];
    facts.extend(named.into_iter().filter_map(|(label, value)| Some(fact(label, value.as_ref()?))));
    facts.extend(settings.feature_groups.iter().map(|(group, members)| fact(&format!("Group {group}"), members.join(", "))));
    if let Some(background) = &streamed.background {
        facts.extend([fact("Background", plan.background_text()), Fact::count("Background rows", background.rows)]);
    }
    facts
}

fn headline(plan: &Plan, rows: u64) -> Vec<Fact> {
    let mut facts = vec![
        Fact::count("Rows explained", rows),
        count("Features", plan.groups.columns().len()),
        count("Outputs", plan.model.outputs.len()),
    ];
    facts.extend(plan.model.trees().map(|trees| count("Trees", trees.summary.trees)));
    facts
}

fn model(plan: &Plan) -> Vec<Fact> {
    let model = &plan.model;
    let categorical = model.features.iter().filter(|feature| matches!(feature.kind, FeatureKind::Categorical { .. })).count();
    let mut facts = vec![
        fact("Model", plan.model_text()),
        fact("Outputs", format!("{} ({})", model.outputs.len(), model.outputs.join(", "))),
        fact("Features", format!("{}, {categorical} of them categorical", model.features.len())),
    ];
    match &model.made {
        Made::Trees(made) => drop(facts.splice(1..1, trees(&made.summary, model.margin_space()))),
        Made::Command(summary) => facts.insert(1, count("Rows a batch", summary.batch_rows)),
    }
    facts.push(fact(if model.trees().is_some() { "Space of other methods" } else { "Space" }, model.effect_space()));
    facts
}

/// What the model's file says of its trees.
fn trees(summary: &Summary, space: &str) -> Vec<Fact> {
    let card = &summary.card;
    let margins: Vec<String> = summary.base_margins.iter().map(|margin| format!("{margin:?}")).collect();
    vec![
        fact("Format", [card.format.as_str(), card.version.as_deref().unwrap_or_default()].join(" ").trim()),
        fact("Objective", &card.objective),
        fact("Boosting rounds", format!("{} of {}", card.rounds_used, card.rounds)),
        count("Trees", summary.trees),
        fact("Depth", format!("{} at most, {:.1} on average", summary.max_depth, summary.mean_depth)),
        count("Leaves", summary.leaves),
        fact("Cover", summary.cover),
        fact("Link", &summary.link),
        fact("Base margin", margins.join(", ")),
        fact("Space of TreeSHAP", space),
    ]
}

/// A method's sentence and settings, from the config's own schema and the resolved config.
fn methods(plan: &Plan, findings: &Findings) -> Vec<page::Method> {
    let settings = serde_json::to_value(&plan.config.written().explain).unwrap_or_default();
    let describe = |method: &Method| {
        let name = method.schema.method;
        let settings = settings.get(name).and_then(Json::as_object).into_iter().flatten();
        let facts = settings.map(|(key, value)| fact(key, value.as_str().map_or_else(|| value.to_string(), str::to_string)));
        page::Method { name: name.into(), description: about("explain", name), facts: facts.collect() }
    };
    findings.streamed.methods.iter().map(describe).collect()
}

fn certificates(findings: &Findings) -> Vec<Certificate> {
    let certificates = |method: &Method| {
        let of = |(output, additivity): (&String, &crate::attribution::Additivity)| Certificate {
            method: method.schema.method.into(),
            output: output.clone(),
            rows: additivity.rows,
            largest: additivity.largest,
            relative: additivity.largest_relative,
        };
        method.schema.outputs.iter().zip(&method.additivity).map(of).collect::<Vec<_>>()
    };
    findings.streamed.methods.iter().flat_map(certificates).collect()
}

fn links(findings: &Findings) -> Vec<Link> {
    let held = findings.tables.iter().map(|table| (table.name, table.len() as u64));
    let tables = held.chain(findings.streamed.lines.iter().map(|lines| (lines.name, lines.rows))).map(|(name, rows)| Link {
        name: name.into(),
        path: format!("tables/{name}.parquet"),
        rows,
        description: describe(name),
    });
    let parts = findings.streamed.methods.iter().flat_map(|method| {
        method.parts.iter().map(|part| {
            let file = part.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let folder = part.path.parent().and_then(std::path::Path::file_name).unwrap_or_default().to_string_lossy();
            let (name, holds) = match folder.strip_suffix("_se") {
                Some(method) => (format!("{method} standard errors"), "every attribution's standard error"),
                None => (format!("{folder} attributions"), "every attribution"),
            };
            let description = format!("Base value, prediction, residual and {holds}, a row for each explained row and output.");
            Link { name, path: format!("attributions/{folder}/{file}"), rows: part.rows, description }
        })
    });
    tables.chain(parts).collect()
}

/// What a table holds.
fn describe(table: &str) -> String {
    match table {
        "fairness_metrics" => "Decisions, scores and mistakes of each group beside its reference group.".into(),
        "fairness_attributions" => "What each feature contributes to the gap in mean prediction between a group and its reference.".into(),
        "fairness_calibration" => "Predicted and observed rates of each group, band by band of the prediction.".into(),
        "fairness_conditional" => "Each group beside its reference among rows that are alike in a stratum column.".into(),
        "fairness_effects" => {
            "Partial dependence and accumulated local effects over the rows of each group alone, at the same points for all.".into()
        }
        "fairness_importance" => "What matters in each group: the mean size of each feature's attributions.".into(),
        "fairness_proxy" => "How well attributions tell a group from its reference, and which features give it away.".into(),
        "reasons" => "The principal reasons of each unfavourable decision.".into(),
        "compare" => "What changed since the baseline run.".into(),
        "pdp_2d" => "The mean prediction over the background as two features take each value.".into(),
        "ale_2d" => "What two features add together beyond the effect of each, among rows that have such values.".into(),
        "cluster_means" => "Rows and mean attributions of each cluster, over all explained rows.".into(),
        "lime_stability" => "How LIME's weights of a few rows spread over other seeds, and whether these choose the same features.".into(),
        "gates" => "The limits of the config's gates, and what came of them.".into(),
        step => about("derive", step),
    }
}

/// What the config's schema says of a step.
fn about(section: &str, step: &str) -> String {
    let schema = config::schema();
    let about = schema.pointer(&format!("/properties/{section}/properties/{step}/description"));
    about.and_then(Json::as_str).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::CHARTS;

    #[test]
    fn one_gate_is_not_counted() {
        let told = |gates, failed, warnings| verdict(gates, failed, warnings).1;
        assert_eq!(told(1, 0, 0), "Every step ran, and the gate passed.");
        assert_eq!(told(1, 1, 2), "Every step ran; the gate did not pass.");
        assert_eq!(told(3, 0, 0), "Every step ran, and all 3 gates passed.");
        assert_eq!(told(3, 1, 0), "Every step ran; 1 of 3 gates did not pass.");
        assert_eq!(told(3, 0, 1), "Every step ran; one warning.");
    }

    #[test]
    fn every_table_that_is_drawn_says_what_it_holds() {
        let silent = |table: &&&str| describe(table).is_empty();
        let drawn = CHARTS.iter().flat_map(|chart| chart.tables.iter().chain(&chart.more));
        assert_eq!(drawn.filter(silent).collect::<Vec<_>>(), [&""; 0]);
    }
}
