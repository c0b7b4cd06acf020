//! ONNX files with a tree ensemble: `TreeEnsembleRegressor`, `TreeEnsembleClassifier` and `TreeEnsemble` of the domain `ai.onnx.ml`.
//!
//! What stands before the trees is folded into their thresholds ([`inputs`], [`columns`], [`trees`]), what stands behind them into base
//! margins and link ([`outputs`]), or into the leaves, where trees of several operators are added up ([`leafwise`]). Where ONNX leaves something open, onnxruntime decides; facts were checked against its
//! `core/providers/cpu/ml/tree_ensemble_common.h` and `tree_ensemble_aggregator.h`, and against its predictions.

mod attributes;
mod columns;
mod ensemble;
mod indexed;
mod inputs;
mod keys;
mod leafwise;
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
use crate::model::link::Link;
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
    let operators = tree_operators(graph)?;
    let mut ensembles = operators.iter().map(|node| ensemble::ensemble(node)).collect::<Result<Vec<_>, _>>()?;
    let mut inputs = inputs::inputs(graph, &operators, needed(&ensembles))?;
    let (mut ensemble, scores) = match (operators.as_slice(), ensembles.pop()) {
        ([node], Some(ensemble)) if !leafwise::looks_up(graph, &ensemble) => {
            (ensemble, node.output.get(usize::from(node.op_type == "TreeEnsembleClassifier")).map(String::as_str))
        }
        (_, last) => {
            ensembles.extend(last);
            let (ensemble, sum) = leafwise::sum(graph, &operators, ensembles, &inputs.firsts)?;
            (ensemble, Some(sum))
        }
    };
    let mut outputs = outputs::outputs(&mut ensemble)?;
    if let Some(scores) = scores {
        outputs::follow(graph, scores, &mut outputs)?;
    }
    let width = compare(&mut inputs);
    let notes = notes(&ensemble, &inputs, outputs.link);
    let forest = forest(&ensemble, &inputs, outputs, width)?;
    let trees = forest.trees.len();
    let card = Card {
        format: FORMAT.name.into(),
        version: Some([model.producer_name, model.producer_version].join(" ").trim().to_string()).filter(|version| !version.is_empty()),
        objective: objective(&operators),
        best_iteration: None,
        rounds: trees,
        rounds_used: trees,
        notes,
    };
    Ok(Model { forest, card })
}

/// The operators with trees.
fn tree_operators(graph: &GraphProto) -> Result<Vec<&NodeProto>, ReadError> {
    let found: Vec<&NodeProto> = graph.node.iter().filter(|node| is_trees(node)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let mut names: Vec<&str> = graph.node.iter().map(|node| node.op_type.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(8);
    Err(ReadError::Unsupported(format!("it holds no tree ensemble; its operators are {}", names.join(", "))))
}

/// The operator's name, and how many there are.
fn objective(operators: &[&NodeProto]) -> String {
    match operators {
        [node] => node.op_type.clone(),
        [node, ..] => format!("{} × {}", operators.len(), node.op_type),
        [] => String::new(),
    }
}

/// Columns that the trees ask for.
fn needed(ensembles: &[Ensemble]) -> usize {
    let column = |node: &Node| if let Node::Branch { column, .. } = node { column.saturating_add(1) } else { 0 };
    ensembles.iter().flat_map(|ensemble| &ensemble.trees).flatten().map(column).max().unwrap_or(0)
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
fn notes(ensemble: &Ensemble, inputs: &Inputs, link: Link) -> Vec<String> {
    let mut notes = Vec::new();
    if inputs.columns.iter().any(|column: &Column| !column.steps.is_empty()) {
        notes.push("operators before the trees are folded into their thresholds".into());
    }
    if ensemble.aggregate == Aggregate::Average {
        notes.push("the prediction is the mean of the trees".into());
    }
    if let Link::Isolation { .. } = link {
        let note = "an isolation forest: margins and attributions are of the sum of path lengths, predictions are scikit-learn's \
                    decision_function; less of either is more anomalous";
        notes.push(note.into());
    }
    notes
}
