//! The three tree operators as one kind of trees.

use super::attributes::Attributes;
use super::proto::NodeProto;
use super::{indexed, listed};
use crate::model::error::ReadError;

/// What a branch asks of a column's value; NaN gets no, but yes from `NoneOf`.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Question {
    /// x ≤ threshold.
    AtMost(f64),
    /// x < threshold.
    Below(f64),
    /// x ≥ threshold.
    AtLeast(f64),
    /// x > threshold.
    Above(f64),
    /// x = one of them.
    OneOf(Vec<f64>),
    /// x ≠ each of them.
    NoneOf(Vec<f64>),
}

/// A node; children are indices into the same tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// Asks about a column.
    Branch { column: usize, question: Question, missing_yes: bool, yes: usize, no: usize },
    /// What a leaf adds to which outputs.
    Leaf(Vec<(usize, f64)>),
}

/// A tree; the root is node 0.
pub(super) type Nodes = Vec<Node>;

/// How leaves become scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
}

/// What is made of scores in the operator itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
}

/// A tree operator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ensemble {
    pub trees: Vec<Nodes>,
    /// Targets or classes.
    pub outputs: usize,
    /// As many as outputs, or none; classifiers of two classes may have one.
    pub base: Vec<f64>,
    pub aggregate: Aggregate,
    pub transform: Transform,
    /// Class names; `None` of what is not a classifier.
    pub classes: Option<Vec<String>>,
}

/// Whether an operator holds trees.
pub(super) fn is_trees(node: &NodeProto) -> bool {
    matches!(node.op_type.as_str(), "TreeEnsembleRegressor" | "TreeEnsembleClassifier" | "TreeEnsemble")
}

/// Reads a tree operator.
pub(super) fn ensemble(node: &NodeProto) -> Result<Ensemble, ReadError> {
    match node.op_type.as_str() {
        "TreeEnsemble" => indexed::ensemble(Attributes(node)),
        "TreeEnsembleClassifier" => listed::ensemble(Attributes(node), "class", Some(listed::class_names(Attributes(node))?)),
        _ => listed::ensemble(Attributes(node), "target", None),
    }
}

/// The name of an aggregate function.
pub(super) fn aggregated(name: &str) -> Result<Aggregate, ReadError> {
    match name {
        "SUM" => Ok(Aggregate::Sum),
        "AVERAGE" => Ok(Aggregate::Average),
        other => Err(ReadError::Unsupported(format!(
            "aggregate_function is {other}; only SUM and AVERAGE make a prediction a sum over trees, which attributions need"
        ))),
    }
}

/// The name of a post transform.
pub(super) fn transformed(name: &str) -> Result<Transform, ReadError> {
    match name {
        "NONE" => Ok(Transform::None),
        "LOGISTIC" => Ok(Transform::Logistic),
        "SOFTMAX" => Ok(Transform::Softmax),
        other => Err(ReadError::Unsupported(format!("post_transform {other} is not read; NONE, LOGISTIC and SOFTMAX are"))),
    }
}

/// A count that is not negative.
pub(super) fn count(value: i64, name: &str) -> Result<usize, ReadError> {
    usize::try_from(value).map_err(|_| ReadError::Malformed(format!("`{name}` is {value}")))
}

/// Lists that must be as long as the first.
pub(super) fn same_lengths(first: (&str, usize), others: &[(&str, usize)]) -> Result<(), ReadError> {
    match others.iter().find(|(_, length)| *length != first.1) {
        Some((name, length)) => Err(ReadError::Malformed(format!("`{}` has {} entries, `{name}` {length}", first.0, first.1))),
        None => Ok(()),
    }
}

/// A fault at a node.
pub(super) fn malformed(tree: usize, node: usize, message: &str) -> ReadError {
    ReadError::Malformed(format!("tree {tree}, node {node}: {message}"))
}
