//! `TreeEnsemble` of ai.onnx.ml 5: branches and leaves in lists of their own, children by index.

use super::attributes::Attributes;
use super::ensemble::{Ensemble, Node, Nodes, Question, aggregated, count, malformed, same_lengths, transformed};
use crate::model::error::ReadError;

/// The lists; those with an entry a branch, or a leaf, have the same length.
struct Lists<'a> {
    features: &'a [i64],
    modes: Vec<f64>,
    splits: Vec<f64>,
    yes: &'a [i64],
    yes_is_leaf: &'a [i64],
    no: &'a [i64],
    no_is_leaf: &'a [i64],
    missing: &'a [i64],
    members: Vec<Vec<f64>>,
    targets: Vec<usize>,
    weights: Vec<f64>,
}

/// Reads the operator.
pub(super) fn ensemble(attributes: Attributes<'_>) -> Result<Ensemble, ReadError> {
    let outputs = count(attributes.int("n_targets").unwrap_or(0), "n_targets")?;
    let mut lists = Lists::of(attributes, outputs)?;
    let mut trees = Vec::new();
    // A branch that two trees share would let a small file ask for much.
    let mut left = lists.features.len();
    for (position, root) in attributes.ints("tree_roots").iter().enumerate() {
        trees.push(lists.tree(position, *root, &mut left)?);
    }
    let named = |names: &[&'static str], attribute: &str, default: i64| {
        let value = attributes.int(attribute).unwrap_or(default);
        usize::try_from(value)
            .ok()
            .and_then(|value| names.get(value))
            .copied()
            .ok_or_else(|| ReadError::Malformed(format!("`{attribute}` is {value}")))
    };
    let aggregate = named(&["AVERAGE", "SUM", "MIN", "MAX"], "aggregate_function", 1)?;
    let transform = named(&["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"], "post_transform", 0)?;
    Ok(Ensemble { trees, outputs, base: Vec::new(), aggregate: aggregated(aggregate)?, transform: transformed(transform)?, classes: None })
}

impl<'a> Lists<'a> {
    fn of(attributes: Attributes<'a>, outputs: usize) -> Result<Self, ReadError> {
        let target = |id: &i64| {
            let known = usize::try_from(*id).ok().filter(|output| *output < outputs);
            known.ok_or_else(|| ReadError::Malformed(format!("a leaf adds to output {id}, but there are {outputs}")))
        };
        let modes = attributes.tensor("nodes_modes")?;
        let lists = Self {
            features: attributes.ints("nodes_featureids"),
            members: members(&modes, &attributes.tensor("membership_values")?),
            modes,
            splits: attributes.tensor("nodes_splits")?,
            yes: attributes.ints("nodes_truenodeids"),
            yes_is_leaf: attributes.ints("nodes_trueleafs"),
            no: attributes.ints("nodes_falsenodeids"),
            no_is_leaf: attributes.ints("nodes_falseleafs"),
            missing: attributes.ints("nodes_missing_value_tracks_true"),
            targets: attributes.ints("leaf_targetids").iter().map(target).collect::<Result<_, _>>()?,
            weights: attributes.tensor("leaf_weights")?,
        };
        let branches = lists.features.len();
        let optional = if lists.missing.is_empty() { branches } else { lists.missing.len() };
        let lengths = [
            ("nodes_modes", lists.modes.len()),
            ("nodes_splits", lists.splits.len()),
            ("nodes_truenodeids", lists.yes.len()),
            ("nodes_trueleafs", lists.yes_is_leaf.len()),
            ("nodes_falsenodeids", lists.no.len()),
            ("nodes_falseleafs", lists.no_is_leaf.len()),
            ("nodes_missing_value_tracks_true", optional),
        ];
        same_lengths(("nodes_featureids", branches), &lengths)?;
        same_lengths(("leaf_targetids", lists.targets.len()), &[("leaf_weights", lists.weights.len())])?;
        Ok(lists)
    }

    /// The tree at a root; `left` counts the branches that no tree has taken yet.
    fn tree(&mut self, position: usize, root: i64, left: &mut usize) -> Result<Nodes, ReadError> {
        let fail = |node: i64, message: &str| ReadError::Malformed(format!("tree {position}, branch {node}: {message}"));
        let mut nodes = Nodes::new();
        let mut pending = vec![(root, false)];
        // Breadth first: a child's index is known when its parent is read.
        let mut next = 0;
        while let Some((index, is_leaf)) = pending.get(next).copied() {
            next += 1;
            let Ok(row) = usize::try_from(index) else { return Err(fail(index, "does not exist")) };
            if is_leaf {
                let (Some(target), Some(weight)) = (self.targets.get(row), self.weights.get(row)) else {
                    return Err(fail(index, "leaf of this number does not exist"));
                };
                nodes.push(Node::Leaf(vec![(*target, *weight)]));
                continue;
            }
            *left = match (left.checked_sub(1), row < self.features.len()) {
                (Some(left), true) => left,
                (None, true) => return Err(fail(index, "is reached twice: the nodes do not form a tree")),
                (_, false) => return Err(fail(index, "does not exist")),
            };
            let node = self.branch(row, pending.len()).map_err(|message| malformed(position, row, &message))?;
            nodes.push(node);
            pending.extend([(self.yes[row], self.yes_is_leaf[row] != 0), (self.no[row], self.no_is_leaf[row] != 0)]);
        }
        Ok(nodes)
    }

    fn branch(&mut self, row: usize, child: usize) -> Result<Node, String> {
        let split = self.splits[row];
        if split.is_nan() && self.modes[row] != 6.0 {
            return Err("threshold is NaN".into());
        }
        let question = match self.modes[row] {
            0.0 => Question::AtMost(split),
            1.0 => Question::Below(split),
            2.0 => Question::AtLeast(split),
            3.0 => Question::Above(split),
            4.0 => Question::OneOf(vec![split]),
            5.0 => Question::NoneOf(vec![split]),
            6.0 => Question::OneOf(std::mem::take(&mut self.members[row])),
            other => return Err(format!("mode {other} is not known")),
        };
        let column = usize::try_from(self.features[row]).map_err(|_| format!("feature {} does not exist", self.features[row]))?;
        Ok(Node::Branch { column, question, missing_yes: self.missing.get(row) == Some(&1), yes: child, no: child + 1 })
    }
}

/// The sets of the MEMBER branches: the values between NaNs, in the branches' order.
fn members(modes: &[f64], values: &[f64]) -> Vec<Vec<f64>> {
    let mut sets = values.split(|value| value.is_nan());
    let set = |mode: &f64| if *mode == 6.0 { sets.next().unwrap_or_default().to_vec() } else { Vec::new() };
    modes.iter().map(set).collect()
}
