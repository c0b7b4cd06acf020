//! One tree's arrays as the builder's nodes.

use std::collections::BTreeMap;

use crate::model::builder::{ForestError, RawNode, RawTree};
use crate::model::forest::{CategorySet, Rule, TreeOutput};

use super::document::{Real, TreeArrays};

/// Left child of a leaf.
const NO_CHILD: i64 = -1;
/// Split index of a node that was pruned away.
const DELETED: i64 = i32::MAX as i64;
/// Codes from here on count as unknown: f32 cannot tell them apart.
const CODE_LIMIT: u32 = 1 << 24;

/// The tree `index` of the file, adding to `output` (ignored by vector leaves of `width` values) with `scale`.
pub(super) fn raw_tree(arrays: &TreeArrays, index: usize, output: usize, width: usize, scale: f32) -> Result<RawTree, ForestError> {
    let fail = |node| move |message| ForestError { tree: Some(index), node, message };
    check_lengths(arrays).map_err(fail(None))?;
    let leaves = Leaves::of(arrays, width).map_err(fail(None))?;
    let mut sets = category_sets(arrays).map_err(fail(None))?;
    let nodes = (0..arrays.left_children.len())
        .map(|node| raw_node(arrays, node, &leaves, sets.remove(&node)).map_err(fail(Some(node))))
        .collect::<Result<_, _>>()?;
    let output = if matches!(leaves, Leaves::Scalar) { TreeOutput::One(output) } else { TreeOutput::All };
    Ok(RawTree { nodes, output, scale: scale.into() })
}

/// Where a tree's leaf values are.
enum Leaves<'a> {
    /// In the split conditions.
    Scalar,
    /// In rows of `leaf_weights`, the row's number in place of the leaf's right child (newer releases).
    Listed(&'a [Real], usize),
    /// In rows of `base_weights`, one for every node (2.x).
    EveryNode(&'a [Real], usize),
}

impl<'a> Leaves<'a> {
    fn of(arrays: &'a TreeArrays, width: usize) -> Result<Self, String> {
        match arrays.tree_param.size_leaf_vector.0 {
            0 | 1 => Ok(Leaves::Scalar),
            size if size != width => Err(format!("leaves hold {size} values, but the model has {width} outputs")),
            _ if arrays.leaf_weights.is_empty() => Ok(Leaves::EveryNode(&arrays.base_weights, width)),
            _ => Ok(Leaves::Listed(&arrays.leaf_weights, width)),
        }
    }

    fn values(&self, arrays: &TreeArrays, node: usize) -> Result<Vec<f64>, String> {
        let row = |values: &[Real], width: usize, row: usize| match values.chunks_exact(width).nth(row) {
            Some(row) => Ok(row.iter().map(|value| value.0.into()).collect()),
            None => Err(format!("leaf values {row} of {} do not exist", values.len() / width)),
        };
        match self {
            Leaves::Scalar => Ok(vec![arrays.split_conditions[node].0.into()]),
            Leaves::Listed(values, width) => row(values, *width, index(arrays.right_children[node], "leaf values")?),
            Leaves::EveryNode(values, width) => row(values, *width, node),
        }
    }
}

/// Arrays with an entry a node have as many as there are nodes; covers and split types may be absent.
fn check_lengths(arrays: &TreeArrays) -> Result<(), String> {
    let nodes = arrays.left_children.len();
    let lengths = [
        ("right_children", arrays.right_children.len()),
        ("split_indices", arrays.split_indices.len()),
        ("split_conditions", arrays.split_conditions.len()),
        ("default_left", arrays.default_left.len()),
        ("sum_hessian", if arrays.sum_hessian.is_empty() { nodes } else { arrays.sum_hessian.len() }),
        ("split_type", if arrays.split_type.is_empty() { nodes } else { arrays.split_type.len() }),
        ("num_nodes", arrays.tree_param.num_nodes.map_or(nodes, |count| count.0)),
    ];
    match lengths.into_iter().find(|(_, length)| *length != nodes) {
        Some((name, length)) => Err(format!("`left_children` tells of {nodes} nodes, `{name}` of {length}")),
        None => Ok(()),
    }
}

/// The categories that go right, by node.
fn category_sets(arrays: &TreeArrays) -> Result<BTreeMap<usize, CategorySet>, String> {
    let (nodes, starts, sizes) = (&arrays.categories_nodes, &arrays.categories_segments, &arrays.categories_sizes);
    let total = sizes.iter().try_fold(0_usize, |total, size| total.checked_add(size.0));
    if nodes.len() != starts.len() || nodes.len() != sizes.len() || total != Some(arrays.categories.len()) {
        return Err("`categories_nodes`, `categories_segments` and `categories_sizes` do not divide `categories`".into());
    }
    let mut sets = BTreeMap::new();
    for ((node, start), size) in nodes.iter().zip(starts).zip(sizes) {
        let codes = start.0.checked_add(size.0).and_then(|end| arrays.categories.get(start.0..end)).unwrap_or_default();
        if codes.is_empty() {
            return Err(format!("node {} splits by categories, but has none", node.0));
        }
        let code = |code: &i64| u32::try_from(*code).ok().filter(|code| *code < CODE_LIMIT);
        let Some(set) = codes.iter().map(code).collect() else {
            return Err(format!("node {} has a category code that is not from 0 to {}", node.0, CODE_LIMIT - 1));
        };
        sets.insert(node.0, set);
    }
    Ok(sets)
}

/// One node; `node` is within the arrays, whose lengths have been checked.
fn raw_node(arrays: &TreeArrays, node: usize, leaves: &Leaves<'_>, set: Option<CategorySet>) -> Result<RawNode, String> {
    if arrays.split_indices[node] == DELETED {
        return Ok(RawNode::Deleted);
    }
    let cover = arrays.sum_hessian.get(node).map_or(0.0, |cover| cover.0.into());
    if arrays.left_children[node] == NO_CHILD {
        return Ok(RawNode::Leaf { values: leaves.values(arrays, node)?, cover });
    }
    let feature = index(arrays.split_indices[node], "feature")?;
    let (left, right) = (index(arrays.left_children[node], "child")?, index(arrays.right_children[node], "child")?);
    let missing_left = arrays.default_left[node].0;
    if !arrays.split_type.get(node).is_some_and(|by_category| by_category.0) {
        let rule = Rule::Less(arrays.split_conditions[node].0.into());
        return Ok(RawNode::Split { feature, rule, missing_left, left, right, cover });
    }
    // XGBoost sends the categories of the set right, unknown ones left; here those of the set go left.
    let set = set.ok_or("splits by categories, but `categories_nodes` does not list it")?;
    Ok(RawNode::Split { feature, rule: Rule::In(set), missing_left: !missing_left, left: right, right: left, cover })
}

fn index(value: i64, what: &str) -> Result<usize, String> {
    usize::try_from(value).map_err(|_| format!("{what} {value} does not exist"))
}
