//! `pipeline inspect`: what a model file is, in aligned lines or JSON.

use std::fmt::Write;

use super::args::Inspect;
use super::failure::Failure;
use super::pretty;
use crate::model::{self, FeatureSummary, Iterations, Summary};

/// The text to print.
pub(super) fn inspect(options: &Inspect) -> Result<String, Failure> {
    let model = model::load(&options.model, &options.format, Iterations::All)?;
    let summary = Summary::of(&model);
    if options.json { pretty(&summary) } else { Ok(lines(&summary)) }
}

fn lines(model: &Summary) -> String {
    let card = &model.card;
    let version = card.version.as_ref().map_or(String::new(), |version| format!(" {version}"));
    let best = card.best_iteration.map_or(String::new(), |best| format!(", best iteration {best}"));
    let vectors = if model.vector_leaf_trees > 0 { format!(", {} with vector leaves", model.vector_leaf_trees) } else { String::new() };
    let linear = if model.linear_leaf_trees > 0 { format!(", {} with linear leaves", model.linear_leaf_trees) } else { String::new() };
    let mut facts = vec![
        ("format", format!("{}{version}", card.format)),
        ("objective", card.objective.clone()),
        ("link", model.link.into()),
        ("outputs", format!("{} ({})", model.outputs.len(), model.outputs.join(", "))),
        ("base margins", model.base_margins.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")),
        ("trees", format!("{}{vectors}{linear} in {} rounds{best}", model.trees, card.rounds)),
        ("depth", format!("{} at most, {:.2} on average", model.max_depth, model.mean_depth)),
        ("leaves", model.leaves.to_string()),
        ("cover", model.cover.into()),
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

fn features(features: &[FeatureSummary]) -> String {
    let width = features.iter().map(|feature| feature.name.chars().count()).max().unwrap_or(0).max("feature".len());
    let mut text = format!("{:<width$}  {:<11}  {:>6}  {:<7}  categories\n", "feature", "kind", "splits", "missing");
    for FeatureSummary { name, kind, categories, missing, splits } in features {
        let categories = match (categories, *kind) {
            (Some(names), _) => format!("{} ({})", names.len(), names.join(", ")),
            (None, "categorical") => "codes, without names".into(),
            (None, _) => String::new(),
        };
        let line = format!("{name:<width$}  {kind:<11}  {splits:>6}  {missing:<7}  {categories}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
