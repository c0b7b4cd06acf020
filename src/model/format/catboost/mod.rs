//! CatBoost models as `save_model` writes them, in JSON or in its own binary format (`.cbm`).
//!
//! Both decode into one typed [`document`]; everything after that is the same for both. An oblivious tree asks one question a level and
//! becomes a complete binary tree. Facts of the format were checked against CatBoost's own evaluator (`catboost/libs/model/cpu`,
//! `static_ctr_provider.cpp`) and its predictions.

mod bins;
mod cbm;
mod ctr;
mod document;
mod features;
mod info;
mod json;
mod questions;
mod trees;

use crate::model::builder::{ForestBuilder, ForestError};
use crate::model::error::ReadError;
use crate::model::forest::{Cover, Forest, Summation, Width};
use crate::model::{Card, Model};

use super::{Format, Iterations};
use document::{Document, Shape};
use questions::Questions;

/// The registry's entry.
pub(super) const FORMAT: Format = Format { name: "catboost", about: "CatBoost, `save_model` to .cbm or .json", recognise, read };

/// Codes in sets of categories for each byte of the file, at most.
const CODES_PER_BYTE: usize = 16;

fn recognise(bytes: &[u8]) -> bool {
    let has = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    bytes.starts_with(cbm::MAGIC)
        || super::json::recognise(bytes) && has(b"\"features_info\"") && (has(b"\"oblivious_trees\"") || has(b"\"trees\""))
}

fn read(bytes: &[u8], iterations: Iterations) -> Result<Model, ReadError> {
    let document = if bytes.starts_with(cbm::MAGIC) { cbm::decode(bytes)? } else { json::decode(bytes)? };
    build(document, iterations, bytes.len().saturating_mul(CODES_PER_BYTE))
}

fn build(document: Document, iterations: Iterations, codes: usize) -> Result<Model, ReadError> {
    let rounds = document.trees.len();
    let rounds_used = iterations.rounds(rounds, None)?;
    let outputs = outputs(&document)?;
    let questions = Questions::of(&document, codes)?;
    let has_covers = document.trees.iter().all(|tree| !tree.weights.is_empty());
    let mut builder = ForestBuilder::new(Forest {
        features: questions.inputs.features.clone(),
        outputs: document.info.output_names(outputs),
        base: base(&document.bias, outputs)?,
        trees: Vec::new(),
        link: document.info.link()?,
        compare: Width::F32,
        summation: Summation { width: Width::F64, base_first: false },
        cover: if has_covers { Cover::Weight } else { Cover::Absent },
    })?;
    for (index, tree) in document.trees.iter().take(rounds_used).enumerate() {
        builder.add(&trees::raw_tree(tree, index, outputs, document.scale, &questions)?)?;
    }
    let card = Card {
        format: FORMAT.name.into(),
        version: document.info.version.clone(),
        objective: document.info.loss.clone().unwrap_or_else(|| "unknown".into()),
        best_iteration: None,
        rounds,
        rounds_used,
        notes: notes(&document, &questions),
    };
    Ok(Model { forest: builder.finish(), card })
}

/// Values that each leaf holds; a model without trees has those of its bias.
fn outputs(document: &Document) -> Result<usize, ReadError> {
    let Some(tree) = document.trees.first() else { return Ok(document.bias.len().max(1)) };
    let fail = |message| ForestError { tree: Some(0), node: None, message };
    let leaves = trees::leaves(&tree.shape).map_err(fail)?;
    match tree.values.len().checked_div(leaves) {
        None | Some(0) => Err(fail(format!("{leaves} leaves have {} values", tree.values.len())).into()),
        Some(outputs) => Ok(outputs),
    }
}

fn base(bias: &[f64], outputs: usize) -> Result<Vec<f64>, ReadError> {
    match bias {
        [] | [0.0] => Ok(vec![0.0; outputs]),
        bias if bias.len() == outputs => Ok(bias.to_vec()),
        bias => Err(ReadError::Malformed(format!("{outputs} outputs with {} biases", bias.len()))),
    }
}

/// What a reader of a report should know beside numbers.
fn notes(document: &Document, questions: &Questions) -> Vec<String> {
    let oblivious = document.trees.iter().all(|tree| matches!(tree.shape, Shape::Oblivious(_)));
    let mut notes = vec![if oblivious { "trees are oblivious: one question a level" } else { "trees are not oblivious" }.to_owned()];
    if !questions.with_ctrs.is_empty() {
        let names: Vec<String> =
            questions.with_ctrs.iter().map(|feature| format!("`{}`", features::name(&document.categoricals[*feature]))).collect();
        notes.push(format!("categories of {} are split by statistics of the training target (CTRs)", names.join(", ")));
    }
    if !document.categoricals.is_empty() {
        notes.push("categories are known by hashes of their texts; CatBoost takes no missing ones, which count as unknown here".into());
    }
    if document.scale != 1.0 {
        notes.push(format!("leaf values are scaled by {}", document.scale));
    }
    if document.info.loss.is_none() {
        notes.push("the file names no loss function: margins are taken as predictions".into());
    }
    notes
}
