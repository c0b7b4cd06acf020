//! CatBoost's trees as the builder's nodes.

use super::document::{Shape, SourceNode, SourceTree};
use super::questions::{Question, Questions};
use crate::model::builder::{ForestError, RawNode, RawTree};
use crate::model::forest::TreeOutput;

/// Splits of an oblivious tree at most; CatBoost's own limit.
const DEPTH_LIMIT: usize = 16;

/// The tree `index` of the file, whose leaves hold `outputs` values each.
pub(super) fn raw_tree(tree: &SourceTree, index: usize, outputs: usize, scale: f64, questions: &Questions) -> Result<RawTree, ForestError> {
    let nodes = match &tree.shape {
        Shape::Oblivious(splits) => oblivious(tree, splits, outputs, questions),
        Shape::Nodes(nodes) => not_oblivious(tree, nodes, outputs, questions),
    };
    let nodes = nodes.map_err(|message| ForestError { tree: Some(index), node: None, message })?;
    let output = if outputs == 1 { TreeOutput::One(0) } else { TreeOutput::All };
    Ok(RawTree { nodes, output, scale })
}

/// Number of a tree's leaves, if it is not too deep.
pub(super) fn leaves(shape: &Shape) -> Result<usize, String> {
    match shape {
        Shape::Oblivious(splits) if splits.len() > DEPTH_LIMIT => {
            Err(format!("{} splits, but CatBoost's trees have {DEPTH_LIMIT} at most", splits.len()))
        }
        Shape::Oblivious(splits) => Ok(1 << splits.len()),
        Shape::Nodes(nodes) => Ok(nodes.iter().filter(|node| matches!(node, SourceNode::Leaf(_))).count()),
    }
}

/// A complete binary tree in level order, its root the last split: from left to right the leaves are in the order of their index where
/// clear bits go left.
fn oblivious(tree: &SourceTree, splits: &[usize], outputs: usize, questions: &Questions) -> Result<Vec<RawNode>, String> {
    let leaves = check_lengths(tree, outputs)?;
    let levels = splits.iter().rev().map(|number| questions.get(*number)).collect::<Result<Vec<_>, _>>()?;
    let inner = leaves - 1;
    let mut covers = vec![0.0; inner];
    covers.extend(leaf_covers(tree, leaves));
    (0..inner).rev().for_each(|node| covers[node] = covers[2 * node + 1] + covers[2 * node + 2]);
    let splits = (0..inner).map(|node| split(levels[(node + 1).ilog2() as usize], 2 * node + 1, 2 * node + 2, covers[node]));
    let leaves = (0..leaves).map(|leaf| RawNode::Leaf { values: leaf_values(tree, leaf, outputs), cover: covers[inner + leaf] });
    Ok(splits.chain(leaves).collect())
}

/// Nodes as they are; children come after their parents.
fn not_oblivious(tree: &SourceTree, nodes: &[SourceNode], outputs: usize, questions: &Questions) -> Result<Vec<RawNode>, String> {
    let leaves = check_lengths(tree, outputs)?;
    let leaf_covers = leaf_covers(tree, leaves);
    let mut covers = vec![0.0; nodes.len()];
    for (node, source) in nodes.iter().enumerate().rev() {
        covers[node] = match source {
            SourceNode::Leaf(leaf) => leaf_covers[*leaf],
            SourceNode::Split { clear, set, .. } => covers[*clear] + covers[*set],
        };
    }
    let raw = |(source, cover): (&SourceNode, f64)| match source {
        SourceNode::Leaf(leaf) => Ok(RawNode::Leaf { values: leaf_values(tree, *leaf, outputs), cover }),
        SourceNode::Split { bin, clear, set } => Ok(split(questions.get(*bin)?, *clear, *set, cover)),
    };
    nodes.iter().zip(covers).map(raw).collect()
}

fn split(question: &Question, clear: usize, set: usize, cover: f64) -> RawNode {
    let (left, right) = if question.left_is_set { (set, clear) } else { (clear, set) };
    RawNode::Split { feature: question.feature, rule: question.rule.clone(), missing_left: question.missing_left, left, right, cover }
}

/// The number of leaves, for which the file must hold all values and all weights or none.
fn check_lengths(tree: &SourceTree, outputs: usize) -> Result<usize, String> {
    let leaves = leaves(&tree.shape)?;
    if tree.values.len() != leaves * outputs {
        return Err(format!("{leaves} leaves of {outputs} values have {} values", tree.values.len()));
    }
    if !tree.weights.is_empty() && tree.weights.len() != leaves {
        return Err(format!("{leaves} leaves have {} weights", tree.weights.len()));
    }
    Ok(leaves)
}

fn leaf_covers(tree: &SourceTree, leaves: usize) -> Vec<f64> {
    if tree.weights.is_empty() { vec![0.0; leaves] } else { tree.weights.clone() }
}

fn leaf_values(tree: &SourceTree, leaf: usize, outputs: usize) -> Vec<f64> {
    tree.values[leaf * outputs..(leaf + 1) * outputs].to_vec()
}
