//! Several tree operators whose scores go through arithmetic before they are added up, as skl2onnx writes IsolationForest.
//!
//! A tree has only so many leaves, so whatever operators make of one tree's score is one number a leaf: they are computed leaf by leaf, in
//! f32 as onnxruntime computes them, and what is added up in the end is a sum of trees.

use std::collections::{HashMap, HashSet};

use super::attributes::{Attributes, Constants};
use super::ensemble::{Aggregate, Ensemble, Node, Nodes, Transform, same_lengths};
use super::proto::{GraphProto, NodeProto, element};
use crate::model::error::ReadError;
use crate::model::forest::Width;

/// Operators behind each tree, on average, that are computed for its leaves.
const OPERATORS: usize = 64;

/// What a tensor is at each leaf of one tree, leaves in the order of the nodes.
struct Leafwise {
    tree: usize,
    values: Vec<f64>,
}

/// Whether an only tree's score is a leaf's number, by which other numbers are looked up: an isolation forest of one tree.
pub(super) fn looks_up(graph: &GraphProto, ensemble: &Ensemble) -> bool {
    let has = |operator: &str| graph.node.iter().any(|node| node.op_type == operator);
    ensemble.classes.is_none() && has("LabelEncoder") && has("Sum")
}

/// The trees of all `operators`, whose columns begin at `firsts`, with leaves that hold what is added up; and the name of the sum.
///
/// # Errors
/// If the scores are combined in any other way than by operators on one tree's score and one sum of all.
pub(super) fn sum<'a>(
    graph: &'a GraphProto,
    operators: &[&'a NodeProto],
    ensembles: Vec<Ensemble>,
    firsts: &[usize],
) -> Result<(Ensemble, &'a str), ReadError> {
    let mut trees = ensembles.into_iter().map(|ensemble| single(ensemble, operators.len())).collect::<Result<Vec<Nodes>, _>>()?;
    let mut known: HashMap<&str, Leafwise> = HashMap::new();
    for (tree, (node, nodes)) in operators.iter().zip(&trees).enumerate() {
        let score =
            |node: &Node| if let Node::Leaf(values) = node { values.first().map(|(_, value)| Width::F32.round(*value)) } else { None };
        known.extend(
            node.output.first().map(|output| (output.as_str(), Leafwise { tree, values: nodes.iter().filter_map(score).collect() })),
        );
    }
    let constants = Constants::of(graph);
    let mut left = OPERATORS * trees.iter().map(Vec::len).sum::<usize>();
    let mut found = None;
    for node in &graph.node {
        match node.output.first() {
            _ if !node.input.iter().any(|input| known.contains_key(input.as_str())) => {}
            Some(output) if node.op_type == "Sum" && found.is_none() => found = Some((node, output.as_str())),
            Some(output) if found.is_none() => {
                let made = computed(node, &known, &constants)?;
                let spent = left.checked_sub(made.values.len());
                left = spent.ok_or_else(|| ReadError::Unsupported(format!("more than {OPERATORS} operators stand behind each tree")))?;
                known.insert(output, made);
            }
            _ => return Err(refused(node)),
        }
    }
    let Some((node, sum)) = found else { return Err(uncombined(operators.len())) };
    let mut ordered = Vec::with_capacity(trees.len());
    for made in added(node, &known, trees.len())? {
        ordered.push(with_leaves(std::mem::take(&mut trees[made.tree]), &made.values, firsts[made.tree]));
    }
    let ensemble =
        Ensemble { trees: ordered, outputs: 1, base: Vec::new(), aggregate: Aggregate::Sum, transform: Transform::None, classes: None };
    Ok((ensemble, sum))
}

/// The tree of an operator with one tree and one score.
fn single(mut ensemble: Ensemble, operators: usize) -> Result<Nodes, ReadError> {
    let plain = ensemble.outputs == 1 && ensemble.base.is_empty() && ensemble.classes.is_none() && ensemble.transform == Transform::None;
    match ensemble.trees.pop() {
        Some(tree) if plain && ensemble.trees.is_empty() => Ok(tree),
        _ => Err(uncombined(operators)),
    }
}

fn uncombined(operators: usize) -> ReadError {
    ReadError::Unsupported(format!(
        "it holds {operators} tree ensembles whose predictions are combined by other operators; only one, or single trees that are added up \
         (IsolationForest), can be explained exactly"
    ))
}

fn refused(node: &NodeProto) -> ReadError {
    ReadError::Unsupported(format!(
        "operator {} stands behind single trees, and is not one of those whose result for each leaf is known; export a model whose scores \
         are the trees' own",
        node.op_type
    ))
}

/// What is added up: every tree once.
fn added<'a>(node: &NodeProto, known: &'a HashMap<&str, Leafwise>, trees: usize) -> Result<Vec<&'a Leafwise>, ReadError> {
    let terms: Option<Vec<&Leafwise>> = node.input.iter().map(|input| known.get(input.as_str())).collect();
    let once = |terms: &Vec<&Leafwise>| terms.len() == trees && terms.iter().map(|term| term.tree).collect::<HashSet<_>>().len() == trees;
    terms.filter(once).ok_or_else(|| uncombined(trees))
}

/// The tree with other values in its leaves, and its columns among those of all trees.
fn with_leaves(mut nodes: Nodes, values: &[f64], first: usize) -> Nodes {
    let mut values = values.iter();
    for node in &mut nodes {
        match node {
            Node::Branch { column, .. } => *column = column.saturating_add(first),
            Node::Leaf(scores) => scores.iter_mut().zip(values.by_ref()).for_each(|((_, score), value)| *score = *value),
        }
    }
    nodes
}

/// What an operator makes of a tree's leaves.
fn computed(node: &NodeProto, known: &HashMap<&str, Leafwise>, constants: &Constants<'_>) -> Result<Leafwise, ReadError> {
    let attributes = Attributes(node);
    let operand = |index: usize| node.input.get(index).and_then(|input| known.get(input.as_str()));
    let constant = |index: usize| node.input.get(index).map_or(Ok(None), |name| constants.number(name));
    let unary = |of: &dyn Fn(f64) -> f64| {
        let leaves = operand(0).ok_or_else(|| refused(node))?;
        Ok(Leafwise { tree: leaves.tree, values: leaves.values.iter().map(|value| of(*value)).collect() })
    };
    let binary = |of: &dyn Fn(f64, f64) -> f64| {
        let round = |a: f64, b: f64| Width::F32.round(of(a, b));
        let (tree, values) = match (operand(0), operand(1), constant(0)?, constant(1)?) {
            _ if node.input.len() != 2 => return Err(refused(node)),
            (Some(a), Some(b), ..) if a.tree == b.tree => (a.tree, a.values.iter().zip(&b.values).map(|(a, b)| round(*a, *b)).collect()),
            (Some(a), None, _, Some(b)) => (a.tree, a.values.iter().map(|a| round(*a, b)).collect()),
            (None, Some(b), Some(a), _) => (b.tree, b.values.iter().map(|b| round(a, *b)).collect()),
            _ => return Err(refused(node)),
        };
        Ok(Leafwise { tree, values })
    };
    match node.op_type.as_str() {
        "Identity" => unary(&|x| x),
        "Reshape" if node.input.get(1).map(|shape| constants.numbers(shape)).transpose()?.flatten().as_deref() == Some(&[-1.0, 1.0]) => {
            unary(&|x| x)
        }
        "Cast" if attributes.int("to") == Some(i64::from(element::FLOAT)) => unary(&|x| Width::F32.round(x)),
        "Cast" if attributes.int("to") == Some(i64::from(element::INT64)) => unary(&f64::trunc),
        "LabelEncoder" => {
            let (table, default) = (labels(node)?, f64::from(attributes.float("default_float").unwrap_or(-0.0)));
            unary(&|x| table.get(&(x as i64)).copied().unwrap_or(default))
        }
        "Log" => unary(&|x| Width::F32.round(x.ln())),
        "Neg" => unary(&|x| -x),
        "Add" => binary(&|a, b| a + b),
        "Sub" => binary(&|a, b| a - b),
        "Mul" => binary(&|a, b| a * b),
        "Div" => binary(&|a, b| a / b),
        "Max" => binary(&f64::max),
        "Equal" => binary(&|a, b| f64::from(u8::from(a == b))),
        "Greater" => binary(&|a, b| f64::from(u8::from(a > b))),
        _ => Err(refused(node)),
    }
}

/// The table of a `LabelEncoder` from integers to numbers.
fn labels(node: &NodeProto) -> Result<HashMap<i64, f64>, ReadError> {
    let (keys, values) = (Attributes(node).ints("keys_int64s"), Attributes(node).floats("values_floats"));
    same_lengths(("keys_int64s", keys.len()), &[("values_floats", values.len())])?;
    if keys.is_empty() {
        return Err(refused(node));
    }
    Ok(keys.iter().copied().zip(values.iter().map(|value| f64::from(*value))).collect())
}
