//! LightGBM's JSON dump: `dump_model()` written to a file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::document::{Declared, Document, FileFeature, FileNode, FileSplit, FileTree, MissingType, category_names};
use crate::model::error::ReadError;
use crate::model::forest::{LinearLeaf, Rule};
use crate::model::format::json;

/// Dumps have this in place of anything larger, infinity above all.
const LARGEST: f64 = 1e300;

#[derive(Deserialize)]
struct Dump {
    version: String,
    num_tree_per_iteration: usize,
    objective: Option<String>,
    average_output: bool,
    feature_names: Vec<String>,
    #[serde(default)]
    feature_infos: BTreeMap<String, Info>,
    tree_info: Vec<DumpTree>,
    pandas_categorical: Option<Vec<Vec<Value>>>,
}

/// A feature's training values; one that no split was possible on has none.
#[derive(Deserialize)]
struct Info {
    min_value: f64,
    max_value: f64,
    /// Category codes; empty for numeric features.
    values: Vec<i64>,
}

#[derive(Deserialize)]
struct DumpTree {
    tree_structure: Node,
}

/// A split or a leaf.
#[derive(Deserialize)]
struct Node {
    split_feature: Option<usize>,
    threshold: Option<Threshold>,
    decision_type: Option<String>,
    #[serde(default)]
    default_left: bool,
    missing_type: Option<String>,
    internal_count: Option<f64>,
    left_child: Option<Box<Node>>,
    right_child: Option<Box<Node>>,
    leaf_value: Option<f64>,
    leaf_count: Option<f64>,
    leaf_const: Option<f64>,
    #[serde(default)]
    leaf_features: Vec<usize>,
    #[serde(default)]
    leaf_coeff: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Threshold {
    Number(f64),
    /// Category codes between double bars.
    Codes(String),
}

/// Decodes a whole file; errors name line and column, or tree and node.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, ReadError> {
    let dump: Dump = json::decode(bytes).map_err(|error| match error.to_string() {
        message if message.starts_with("recursion limit") => {
            let hint = "trees this deep are not read from JSON: write the model as text, with save_model()";
            ReadError::Unsupported(format!("{message}; {hint}"))
        }
        message => ReadError::Malformed(message),
    })?;
    let declared = |name: &String| match dump.feature_infos.get(name) {
        None => Declared::Unused,
        Some(info) if info.values.is_empty() => Declared::numeric(info.min_value, info.max_value),
        Some(info) => Declared::categorical(info.values.iter().copied()),
    };
    let features = dump.feature_names.iter().map(|name| FileFeature { name: name.clone(), declared: declared(name) }).collect();
    Ok(Document {
        version: dump.version,
        objective: dump.objective,
        boosting: None,
        averaged: dump.average_output,
        outputs: dump.num_tree_per_iteration,
        features,
        pandas_categories: category_names(dump.pandas_categorical),
        trees: dump.tree_info.into_iter().enumerate().map(|(index, tree)| flat(tree.tree_structure, index)).collect::<Result<_, _>>()?,
    })
}

/// The nodes of a nested tree, numbered in preorder.
fn flat(root: Node, tree: usize) -> Result<FileTree, ReadError> {
    let (mut nodes, mut counted) = (Vec::new(), true);
    // Each node with the split whose right child it is.
    let mut stack = vec![(root, None)];
    while let Some((mut node, parent)) = stack.pop() {
        let number = nodes.len();
        if let Some(FileNode::Split(split)) = parent.and_then(|parent: usize| nodes.get_mut(parent)) {
            split.right = number;
        }
        let fail = |message| ReadError::Malformed(format!("tree {tree}, node {number}: {message}"));
        if let Some(value) = node.leaf_value {
            counted &= node.leaf_count.is_some();
            let linear = linear(&mut node).map_err(fail)?;
            nodes.push(FileNode::Leaf { value, count: node.leaf_count.unwrap_or(0.0), linear });
            continue;
        }
        counted &= node.internal_count.is_some();
        let (left, right) = (node.left_child.take(), node.right_child.take());
        let (Some(left), Some(right)) = (left, right) else {
            return Err(fail("has neither a `leaf_value` nor both children".into()));
        };
        nodes.push(FileNode::Split(split(&node, number).map_err(fail)?));
        stack.push((*right, Some(number)));
        stack.push((*left, None));
    }
    Ok(FileTree::new(nodes, counted))
}

/// The split of a node; its left child follows it, its right child is set when it is met.
fn split(node: &Node, number: usize) -> Result<FileSplit, String> {
    let rule = match (node.decision_type.as_deref(), &node.threshold) {
        (Some("<="), Some(Threshold::Number(threshold))) => Rule::LessOrEqual(or_infinity(*threshold)),
        (Some("=="), Some(Threshold::Codes(codes))) => {
            let code = |code: &str| code.parse::<u32>().map_err(|_| format!("`{code}` is not a category code"));
            Rule::In(codes.split("||").filter(|code| !code.is_empty()).map(code).collect::<Result<_, _>>()?)
        }
        _ => return Err("`decision_type` and `threshold` are not a number after `<=` or category codes after `==`".into()),
    };
    let missing = match node.missing_type.as_deref() {
        Some("None") => MissingType::None,
        Some("Zero") => MissingType::Zero,
        Some("NaN") => MissingType::Nan,
        _ => return Err("`missing_type` is not None, Zero or NaN".into()),
    };
    let feature = node.split_feature.ok_or("has no `split_feature`")?;
    let count = node.internal_count.unwrap_or(0.0);
    Ok(FileSplit { feature, rule, missing, default_left: node.default_left, left: number + 1, right: 0, count })
}

/// The linear function of a leaf that has one.
fn linear(node: &mut Node) -> Result<Option<LinearLeaf>, String> {
    let (features, coefficients) = (std::mem::take(&mut node.leaf_features), std::mem::take(&mut node.leaf_coeff));
    let Some(constant) = node.leaf_const else { return Ok(None) };
    if features.len() != coefficients.len() {
        return Err(format!("{} `leaf_features` with {} `leaf_coeff`", features.len(), coefficients.len()));
    }
    Ok(Some(LinearLeaf { constant, terms: features.into_iter().zip(coefficients).collect() }))
}

fn or_infinity(threshold: f64) -> f64 {
    if threshold.abs() >= LARGEST { threshold.signum() * f64::INFINITY } else { threshold }
}
