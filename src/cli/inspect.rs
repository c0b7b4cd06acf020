//! `pipeline inspect`: what a model file is, in aligned lines or JSON.

use std::fmt::Write;

use super::args::Inspect;
use super::failure::Failure;
use super::pretty;
use crate::model::{self, Cover, FeatureSummary, Iterations, Summary};

/// Category names of a feature that are listed; JSON lists all.
const NAMES: usize = 10;

/// The text to print.
pub(super) fn inspect(options: &Inspect) -> Result<String, Failure> {
    let model = model::load(&options.model, &options.format, Iterations::All)?;
    let summary = Summary::of(&model);
    if options.json { pretty(&summary) } else { Ok(lines(&summary)) }
}

fn lines(model: &Summary) -> String {
    let card = &model.card;
    let version = card.version.as_ref().map_or(String::new(), |version| format!(" {version}"));
    let mut facts = vec![
        ("format", format!("{}{version}", card.format)),
        ("objective", card.objective.clone()),
        ("link", model.link.clone()),
        ("outputs", format!("{} ({})", model.outputs.len(), model.outputs.join(", "))),
        ("base margins", base(model)),
        ("trees", trees(model)),
        ("depth", format!("{} at most, {:.2} on average", model.max_depth, model.mean_depth)),
        ("leaves", model.leaves.to_string()),
        ("cover", model.cover.into()),
        ("tree_shap", tree_shap(model).into()),
        ("arithmetic", format!("values compared in {}, leaves summed in {}", model.compared_in, model.summed_in)),
    ];
    facts.extend(card.notes.iter().map(|note| ("note", note.clone())));
    let categorical = model.features.iter().filter(|feature| feature.kind == "categorical").count();
    facts.push((
        "features",
        format!("{} ({} numeric, {categorical} categorical)", model.features.len(), model.features.len() - categorical),
    ));
    let mut text = String::new();
    for (name, fact) in facts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<13} {fact}");
    }
    text + "\n" + &features(&model.features)
}

/// Base margins, and what is predicted of them where that is something else.
fn base(model: &Summary) -> String {
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let margins = list(&model.base_margins);
    if model.base_margins == model.base_predictions || model.base_margins.iter().all(|margin| *margin == 0.0) {
        return margins;
    }
    format!("{margins} (of which alone {} would be predicted)", list(&model.base_predictions))
}

fn trees(model: &Summary) -> String {
    let of_kind = |count: usize, kind: &str| if count > 0 { format!(", {count} with {kind} leaves") } else { String::new() };
    let (vectors, linear) = (of_kind(model.vector_leaf_trees, "vector"), of_kind(model.linear_leaf_trees, "linear"));
    let best = model.card.best_iteration.map_or(String::new(), |best| format!(", best iteration {best}"));
    format!("{}{vectors}{linear} in {} rounds{best}", model.trees, model.card.rounds)
}

/// The games that TreeSHAP can play on the model.
fn tree_shap(model: &Summary) -> &'static str {
    if model.linear_leaf_trees > 0 {
        "refused, since leaves hold linear functions"
    } else if model.cover == Cover::Absent.name() {
        "interventional; path_dependent with covers counted on the background"
    } else {
        "interventional, path_dependent"
    }
}

fn features(features: &[FeatureSummary]) -> String {
    let rows: Vec<[String; 5]> = features.iter().map(row).collect();
    let header = ["feature", "kind", "splits", "missing", "categories"].map(String::from);
    let all = || std::iter::once(&header).chain(&rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [name, kind, splits, missing] = [0, 1, 2, 3].map(width);
    let mut text = String::new();
    for row in all() {
        let line = format!("{:<name$}  {:<kind$}  {:>splits$}  {:<missing$}  {}", row[0], row[1], row[2], row[3], row[4]);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A feature's cells.
fn row(feature: &FeatureSummary) -> [String; 5] {
    let FeatureSummary { name, kind, categories, missing, splits, missing_left } = feature;
    let directions = missing_left.map_or(String::new(), |left| format!(": {left} left, {} right", splits - left));
    let categories = match (categories, *kind) {
        (Some(names), _) => {
            let more = if names.len() > NAMES { ", …" } else { "" };
            format!("{} ({}{more})", names.len(), names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        (None, "categorical") => "codes, without names".into(),
        (None, _) => String::new(),
    };
    [name.clone(), (*kind).into(), splits.to_string(), format!("{missing}{directions}"), categories]
}
