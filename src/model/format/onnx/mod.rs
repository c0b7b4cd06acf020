//! ONNX files with one tree ensemble: `TreeEnsembleRegressor`, `TreeEnsembleClassifier` and `TreeEnsemble` of the domain `ai.onnx.ml`.
//!
//! What stands before the trees is folded into their thresholds ([`inputs`], [`columns`], [`trees`]), what stands behind them into base
//! margins and link ([`outputs`]). Where ONNX leaves something open, onnxruntime decides; facts were checked against its
//! `core/providers/cpu/ml/tree_ensemble_common.h` and `tree_ensemble_aggregator.h`, and against its predictions.

mod attributes;
mod columns;
mod ensemble;
mod indexed;
mod inputs;
mod keys;
mod listed;
mod outputs;
mod proto;
mod trees;

use prost::Message;

use self::columns::{Column, Step};
use self::ensemble::{Aggregate, Ensemble, Node, is_trees};
use self::inputs::{Inputs, Kind};
use self::outputs::Outputs;
use self::proto::{GraphProto, ModelProto, NodeProto};
use self::trees::Lowering;
use super::{Format, Iterations};
use crate::model::builder::ForestBuilder;
use crate::model::error::ReadError;
use crate::model::forest::{Cover, Feature, Forest, Summation, Width};
use crate::model::{Card, Model};

/// The registry's entry.
pub(super) const FORMAT: Format =
    Format { name: "onnx", about: "ONNX with a tree ensemble, as skl2onnx and onnxmltools write it", recognise, read };

/// The IR version comes first; then producer, domain, version, text, graph or operator sets.
fn recognise(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=31, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42 | 0x72, ..])
}

fn read(bytes: &[u8], iterations: Iterations) -> Result<Model, ReadError> {
    let model = ModelProto::decode(bytes).map_err(|error| ReadError::Malformed(error.to_string()))?;
    if matches!(iterations, Iterations::First(_)) {
        return Err(ReadError::Unsupported("ONNX files do not tell boosting rounds apart; set `iterations` to all".into()));
    }
    let graph = model.graph.as_ref().ok_or_else(|| ReadError::Malformed("it holds no graph".into()))?;
    let node = tree_operator(graph)?;
    let mut ensemble = ensemble::ensemble(node)?;
    let input = node.input.first().ok_or_else(|| ReadError::Malformed(format!("{} has no input", node.op_type)))?;
    let mut inputs = inputs::inputs(graph, input, needed(&ensemble))?;
    let mut outputs = outputs::outputs(&mut ensemble)?;
    if let Some(scores) = node.output.get(usize::from(node.op_type == "TreeEnsembleClassifier")) {
        outputs::follow(graph, scores, &mut outputs)?;
    }
    let width = compare(&mut inputs);
    let forest = forest(&ensemble, &inputs, outputs, width)?;
    let trees = forest.trees.len();
    let card = Card {
        format: FORMAT.name.into(),
        version: Some([model.producer_name, model.producer_version].join(" ").trim().to_string()).filter(|version| !version.is_empty()),
        objective: node.op_type.clone(),
        best_iteration: None,
        rounds: trees,
        rounds_used: trees,
        notes: notes(&ensemble, &inputs),
    };
    Ok(Model { forest, card })
}

/// The one operator with trees.
fn tree_operator(graph: &GraphProto) -> Result<&NodeProto, ReadError> {
    let mut found = graph.node.iter().filter(|node| is_trees(node));
    match (found.next(), found.count()) {
        (Some(node), 0) => Ok(node),
        (Some(_), more) => Err(ReadError::Unsupported(format!(
            "it holds {} tree ensembles whose predictions are combined by other operators; only one can be explained exactly",
            more + 1
        ))),
        (None, _) => {
            let mut names: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            names.truncate(8);
            Err(ReadError::Unsupported(format!("it holds no tree ensemble; its operators are {}", names.join(", "))))
        }
    }
}

/// Columns that the trees ask for.
fn needed(ensemble: &Ensemble) -> usize {
    let column = |node: &Node| if let Node::Branch { column, .. } = node { column.saturating_add(1) } else { 0 };
    ensemble.trees.iter().flatten().map(column).max().unwrap_or(0)
}

/// The width in which inputs are compared. Where all are rounded to f32 first, this is f32, and the rounding is left to the comparison.
fn compare(inputs: &mut Inputs) -> Width {
    if inputs.kind == Kind::Integer {
        // The operator itself compares integers as f32.
        inputs.columns.iter_mut().for_each(|column| column.steps.push(Step::Round));
        inputs.kind = Kind::Single;
    }
    if !inputs.columns.iter().all(|column| column.steps.first() == Some(&Step::Round)) {
        return Width::F64;
    }
    inputs.columns.iter_mut().for_each(|column| {
        column.steps.remove(0);
    });
    Width::F32
}

fn forest(ensemble: &Ensemble, inputs: &Inputs, outputs: Outputs, compare: Width) -> Result<Forest, ReadError> {
    // onnxruntime sums in the width of the operator's input, and adds base values last.
    let width = if inputs.kind == Kind::Double { Width::F64 } else { Width::F32 };
    let average = ensemble.aggregate == Aggregate::Average;
    let scale = if average { 1.0 / ensemble.trees.len() as f64 } else { 1.0 };
    let width = if average { Width::F64 } else { width };
    let lowering = Lowering { columns: &inputs.columns, width: compare, outputs: ensemble.outputs, scale };
    let mut builder = ForestBuilder::new(Forest {
        features: inputs.names.iter().map(Feature::numeric).collect(),
        outputs: outputs.names,
        base: outputs.base,
        trees: Vec::new(),
        link: outputs.link,
        compare,
        summation: Summation { width, base_first: false },
        cover: Cover::Absent,
    })?;
    for (position, nodes) in ensemble.trees.iter().enumerate() {
        builder.add(&lowering.tree(nodes, position)?)?;
    }
    Ok(builder.finish())
}

/// What a reader of a report should know beside numbers.
fn notes(ensemble: &Ensemble, inputs: &Inputs) -> Vec<String> {
    let mut notes = Vec::new();
    if inputs.columns.iter().any(|column: &Column| !column.steps.is_empty()) {
        notes.push("operators before the trees are folded into their thresholds".into());
    }
    if ensemble.aggregate == Aggregate::Average {
        notes.push("the prediction is the mean of the trees".into());
    }
    notes
}
