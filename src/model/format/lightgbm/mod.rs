//! LightGBM models: the text that `save_model` writes, and `dump_model` written as JSON.
//!
//! Both decode into one [`document`]; everything after that is the same for both. Facts of the formats were checked against LightGBM's
//! own reader and predictor (`src/boosting/gbdt_model_text.cpp`, `src/io/tree.cpp`, `include/LightGBM/tree.h`, `src/c_api.cpp`) and its
//! predictions.
//!
//! Margins are what `predict(raw_score=True)` returns: the sum over all trees, of random forests too, whose predictions are the link of
//! the mean over rounds.

mod document;
mod dump;
mod features;
mod names;
mod objective;
mod text;
mod trees;

use crate::model::builder::ForestBuilder;
use crate::model::error::ReadError;
use crate::model::forest::{Cover, Forest, Summation, Width};
use crate::model::{Card, Model};

use super::{Format, Iterations, json};
use document::{Document, FileTree};

/// The registry's entry.
pub(super) const FORMAT: Format =
    Format { name: "lightgbm", about: "LightGBM ≥ 2.2, `save_model`, or `dump_model` as JSON from 3.0 on", recognise, read };

/// How much of a file's beginning names its format.
const HEAD: usize = 512;

fn recognise(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let has = |word: &[u8]| head.windows(word.len()).any(|found| found == word);
    is_text(bytes) || json::recognise(bytes) && (has(b"\"num_tree_per_iteration\"") || has(b"\"average_output\""))
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.strip_prefix(b"tree").is_some_and(|rest| rest.starts_with(b"\nversion=") || rest.starts_with(b"\r\nversion="))
}

fn read(bytes: &[u8], iterations: Iterations) -> Result<Model, ReadError> {
    build(if json::recognise(bytes) { dump::decode(bytes)? } else { text::decode(bytes)? }, iterations)
}

fn build(document: Document, iterations: Iterations) -> Result<Model, ReadError> {
    if !matches!(document.version.as_str(), "v2" | "v3" | "v4") {
        let message = format!("version {} of the format is not known; v2, v3 and v4 are (LightGBM 2.2 to 4.7)", document.version);
        return Err(ReadError::Unsupported(message));
    }
    let (trees, outputs) = (document.trees.len(), document.outputs);
    if outputs == 0 || trees == 0 || !trees.is_multiple_of(outputs) {
        return Err(ReadError::Malformed(format!("{trees} trees do not make up rounds of {outputs}, one tree for each output")));
    }
    let rounds = trees / outputs;
    let rounds_used = iterations.rounds(rounds, None)?;
    let objective = document.objective.clone().unwrap_or_else(|| "custom".into());
    let known = names::category_names(&document);
    let notes = notes(&document, known.is_some());
    let features = features::features(&document, known.unwrap_or_else(|| vec![None; document.features.len()]));
    let has_covers = document.trees.iter().all(|tree| tree.counted);
    let mut builder = ForestBuilder::new(Forest {
        features,
        outputs: (0..outputs).map(|output| output.to_string()).collect(),
        base: vec![0.0; outputs],
        trees: Vec::new(),
        link: objective::link(&objective, if document.averaged { rounds_used } else { 1 })?,
        compare: Width::F64,
        summation: Summation { width: Width::F64, base_first: true },
        cover: if has_covers { Cover::Count } else { Cover::Absent },
    })?;
    for (index, tree) in document.trees.into_iter().take(rounds_used * outputs).enumerate() {
        let tree = trees::raw_tree(tree, index, index % outputs, builder.features())?;
        builder.add(&tree)?;
    }
    let card =
        Card { format: FORMAT.name.into(), version: Some(document.version), objective, best_iteration: None, rounds, rounds_used, notes };
    Ok(Model { forest: builder.finish(), card })
}

/// What a reader of a report should know beside numbers.
fn notes(document: &Document, has_names: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(boosting) = document.boosting.as_ref().filter(|boosting| *boosting != "gbdt") {
        notes.push(format!("trained with boosting={boosting}"));
    }
    if document.averaged {
        let note = "predictions are of the mean over rounds; margins and attributions are of the sum, as raw_score and pred_contrib are";
        notes.push(note.into());
    }
    if document.objective.is_none() {
        notes.push("trained with an objective of the user's own: predictions are margins".into());
    }
    if document.trees.iter().any(FileTree::is_linear) {
        let note = "linear trees: a leaf adds a linear function of features; predictions are exact, but no values of TreeSHAP would be: explain \
                    with kernel_shap or permutation";
        notes.push(note.into());
    }
    if !has_names {
        let note =
            "the file has category names of pandas columns, but not which columns they belong to: name the categories in data.categories";
        notes.push(note.into());
    }
    if document.trees.iter().flat_map(|tree| tree.splits()).any(|(_, split)| matches!(split.rule, crate::model::Rule::In(_))) {
        notes.push("missing categories and those unknown to a split go right".into());
    }
    notes
}
