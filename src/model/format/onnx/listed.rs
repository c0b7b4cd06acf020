//! `TreeEnsembleRegressor` and `TreeEnsembleClassifier` of ai.onnx.ml 1 to 4: every node a row of parallel lists.

use std::collections::HashMap;

use super::attributes::Attributes;
use super::ensemble::{Ensemble, Node, Nodes, Question, aggregated, count, malformed, same_lengths, transformed};
use crate::model::error::ReadError;

/// The classes' names.
pub(super) fn class_names(attributes: Attributes<'_>) -> Result<Vec<String>, ReadError> {
    let texts = attributes.texts("classlabels_strings")?;
    let numbers = attributes.ints("classlabels_int64s").iter().map(i64::to_string);
    Ok(if texts.is_empty() { numbers.collect() } else { texts.into_iter().map(str::to_string).collect() })
}

/// Reads the operator: nodes have the ids of their tree and of themselves; leaves' values are a list of their own.
pub(super) fn ensemble(attributes: Attributes<'_>, prefix: &str, classes: Option<Vec<String>>) -> Result<Ensemble, ReadError> {
    let outputs = match &classes {
        Some(classes) => classes.len(),
        None => count(attributes.int("n_targets").unwrap_or(0), "n_targets")?,
    };
    let weights = weights(attributes, prefix, outputs)?;
    let rows = Rows::of(attributes)?;
    let places = places(&rows)?;
    let mut trees: Vec<Nodes> = Vec::new();
    let mut weights = weights;
    for (row, (tree, id)) in rows.trees.iter().zip(rows.ids).enumerate() {
        let (position, index) = places[&(*tree, *id)];
        let fail = |message: String| malformed(position, index, &message);
        let child = |ids: &[i64]| {
            places.get(&(*tree, ids[row])).map(|place| place.1).ok_or_else(|| fail(format!("child {} does not exist", ids[row])))
        };
        let leaf = weights.remove(&(*tree, *id));
        let node = match rows.modes[row] {
            "LEAF" => Node::Leaf(leaf.ok_or_else(|| fail("is a leaf without a value".into()))?),
            mode => Node::Branch {
                column: usize::try_from(rows.features[row]).map_err(|_| fail(format!("feature {} does not exist", rows.features[row])))?,
                question: question(mode, rows.values[row]).map_err(fail)?,
                missing_yes: rows.missing.get(row) == Some(&1),
                yes: child(rows.yes)?,
                no: child(rows.no)?,
            },
        };
        if trees.len() == position {
            trees.push(Vec::new());
        }
        trees[position].push(node);
    }
    if let Some((tree, node)) = weights.keys().min() {
        return Err(ReadError::Malformed(format!("a leaf value is for node {node} of tree {tree}, which does not exist")));
    }
    let aggregate = attributes.text("aggregate_function")?.unwrap_or("SUM");
    let transform = attributes.text("post_transform")?.unwrap_or("NONE");
    Ok(Ensemble {
        trees,
        outputs,
        base: attributes.numbers("base_values")?,
        aggregate: aggregated(aggregate)?,
        transform: transformed(transform)?,
        classes,
    })
}

/// The parallel lists of the nodes; those with an entry a node have the same length.
struct Rows<'a> {
    trees: &'a [i64],
    ids: &'a [i64],
    features: &'a [i64],
    modes: Vec<&'a str>,
    values: Vec<f64>,
    yes: &'a [i64],
    no: &'a [i64],
    missing: &'a [i64],
}

impl<'a> Rows<'a> {
    fn of(attributes: Attributes<'a>) -> Result<Self, ReadError> {
        let rows = Self {
            trees: attributes.ints("nodes_treeids"),
            ids: attributes.ints("nodes_nodeids"),
            features: attributes.ints("nodes_featureids"),
            modes: attributes.texts("nodes_modes")?,
            values: attributes.numbers("nodes_values")?,
            yes: attributes.ints("nodes_truenodeids"),
            no: attributes.ints("nodes_falsenodeids"),
            missing: attributes.ints("nodes_missing_value_tracks_true"),
        };
        let nodes = rows.trees.len();
        same_lengths(
            ("nodes_treeids", nodes),
            &[
                ("nodes_nodeids", rows.ids.len()),
                ("nodes_featureids", rows.features.len()),
                ("nodes_modes", rows.modes.len()),
                ("nodes_values", rows.values.len()),
                ("nodes_truenodeids", rows.yes.len()),
                ("nodes_falsenodeids", rows.no.len()),
                ("nodes_missing_value_tracks_true", if rows.missing.is_empty() { nodes } else { rows.missing.len() }),
            ],
        )?;
        Ok(rows)
    }
}

/// Tree and index in it, by the ids of tree and node.
type Places = HashMap<(i64, i64), (usize, usize)>;

/// Each node's tree and index in it, by its ids; a tree's nodes are consecutive, and its root is the first.
fn places(rows: &Rows<'_>) -> Result<Places, ReadError> {
    let mut places = HashMap::with_capacity(rows.trees.len());
    let mut seen: HashMap<i64, usize> = HashMap::new();
    let (mut previous, mut index) = (None, 0);
    for (tree, id) in rows.trees.iter().zip(rows.ids) {
        if previous != Some(tree) {
            index = 0;
            let position = seen.len();
            if seen.insert(*tree, position).is_some() {
                return Err(ReadError::Malformed(format!("the nodes of tree {tree} are not together in `nodes_treeids`")));
            }
        }
        if places.insert((*tree, *id), (seen.len() - 1, index)).is_some() {
            return Err(ReadError::Malformed(format!("tree {tree} has two nodes {id}")));
        }
        (previous, index) = (Some(tree), index + 1);
    }
    Ok(places)
}

type Weights = HashMap<(i64, i64), Vec<(usize, f64)>>;

/// The values of leaves, by tree and node.
fn weights(attributes: Attributes<'_>, prefix: &str, outputs: usize) -> Result<Weights, ReadError> {
    let name = |list: &str| format!("{prefix}_{list}");
    let (trees, nodes) = (attributes.ints(&name("treeids")), attributes.ints(&name("nodeids")));
    let (ids, values) = (attributes.ints(&name("ids")), attributes.numbers(&name("weights"))?);
    let lengths = [("treeids", trees.len()), ("nodeids", nodes.len()), ("weights", values.len())];
    same_lengths(("ids", ids.len()), &lengths)?;
    let mut weights = Weights::new();
    for (((tree, node), id), value) in trees.iter().zip(nodes).zip(ids).zip(values) {
        let Some(output) = usize::try_from(*id).ok().filter(|output| *output < outputs) else {
            return Err(ReadError::Malformed(format!("a leaf of tree {tree} adds to output {id}, but there are {outputs}")));
        };
        let leaf = weights.entry((*tree, *node)).or_default();
        if leaf.iter().any(|(known, _)| *known == output) {
            return Err(ReadError::Malformed(format!("node {node} of tree {tree} has two values for output {output}")));
        }
        leaf.push((output, value));
    }
    Ok(weights)
}

fn question(mode: &str, value: f64) -> Result<Question, String> {
    if value.is_nan() {
        return Err("threshold is NaN".into());
    }
    Ok(match mode {
        "BRANCH_LEQ" => Question::AtMost(value),
        "BRANCH_LT" => Question::Below(value),
        "BRANCH_GTE" => Question::AtLeast(value),
        "BRANCH_GT" => Question::Above(value),
        "BRANCH_EQ" => Question::OneOf(vec![value]),
        "BRANCH_NEQ" => Question::NoneOf(vec![value]),
        other => return Err(format!("mode `{other}` is not known")),
    })
}
