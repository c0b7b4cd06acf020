//! From the trees' scores to the model's outputs: base margins, link and names, and the graph behind the trees.

use std::collections::{HashMap, HashSet};

use super::attributes::Attributes;
use super::attributes::numbers;
use super::ensemble::{Aggregate, Ensemble, Node, Transform};
use super::proto::{GraphProto, NodeProto, element};
use crate::model::error::ReadError;
use crate::model::link::Link;

/// What is made of scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outputs {
    pub names: Vec<String>,
    pub base: Vec<f64>,
    pub link: Link,
}

/// The outputs of a tree operator, following onnxruntime where ONNX is silent.
///
/// A classifier of two classes whose leaves all add to one class has a single score, that of the second class (the label is by its sign,
/// or by ½ where all weights are positive); the other class's is 1 − it, or its negative.
pub(super) fn outputs(ensemble: &mut Ensemble) -> Result<Outputs, ReadError> {
    let link = match ensemble.transform {
        Transform::None => Link::Identity,
        Transform::Logistic => Link::Logistic,
        Transform::Softmax => Link::Softmax,
    };
    let Some(classes) = ensemble.classes.take() else {
        if link != Link::Identity && ensemble.outputs == 1 {
            return Err(ReadError::Unsupported(
                "post_transform of a single target is ignored by onnxruntime, though ONNX defines it; export it without".into(),
            ));
        }
        // The base first: a count alone must not ask for memory.
        let base = base(ensemble)?;
        let names = (0..ensemble.outputs).map(|output| output.to_string()).collect();
        return Ok(Outputs { names, base, link });
    };
    if ensemble.aggregate != Aggregate::Sum {
        return Err(ReadError::Unsupported("a classifier's aggregate_function is SUM".into()));
    }
    let scored: HashSet<usize> = leaves(ensemble).map(|(output, _)| output).collect();
    match (classes.as_slice(), scored.len(), ensemble.base.len()) {
        ([_], ..) => Err(ReadError::Unsupported("a classifier of one class has nothing to explain".into())),
        ([_, second], 1, bases @ (0 | 1)) if bases == 0 || scored.contains(&0) => {
            // Class 0 is 0 where the leaves add to class 1, of which softmax makes the logistic of their difference.
            let link = if scored.contains(&1) && link == Link::Softmax || link == Link::Logistic { Link::Logistic } else { Link::Identity };
            let names = vec![second.clone()];
            ensemble.outputs = 1;
            let values =
                ensemble.trees.iter_mut().flatten().filter_map(|node| if let Node::Leaf(values) = node { Some(values) } else { None });
            values.flatten().for_each(|(output, _)| *output = 0);
            Ok(Outputs { names, base: base(ensemble)?, link })
        }
        ([_, _], 2, 1) => {
            ensemble.base.push(0.0);
            Ok(Outputs { base: base(ensemble)?, names: classes, link })
        }
        ([_, _], _, bases) if bases > 0 => Err(ReadError::Unsupported(format!(
            "{bases} base_values for two classes, of which leaves add to {}: onnxruntime does not add them up",
            scored.len()
        ))),
        _ => Ok(Outputs { base: base(ensemble)?, names: classes, link }),
    }
}

fn leaves(ensemble: &Ensemble) -> impl Iterator<Item = (usize, f64)> + '_ {
    ensemble.trees.iter().flatten().filter_map(|node| if let Node::Leaf(values) = node { Some(values) } else { None }).flatten().copied()
}

fn base(ensemble: &Ensemble) -> Result<Vec<f64>, ReadError> {
    let leaves = leaves(ensemble).count();
    match ensemble.base.len() {
        _ if ensemble.outputs > leaves => {
            Err(ReadError::Malformed(format!("{} outputs are declared, but there are {leaves} leaf values", ensemble.outputs)))
        }
        0 => Ok(vec![0.0; ensemble.outputs]),
        bases if bases == ensemble.outputs => Ok(ensemble.base.clone()),
        bases => Err(ReadError::Malformed(format!("{} outputs with {bases} base_values", ensemble.outputs))),
    }
}

/// Follows the scores behind the trees; what changes them becomes part of base margins and link, or is refused by name.
pub(super) fn follow(graph: &GraphProto, scores: &str, outputs: &mut Outputs) -> Result<(), ReadError> {
    let constants: HashMap<&str, &super::proto::TensorProto> =
        graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let constant = |name: &String| match constants.get(name.as_str()) {
        Some(tensor) => numbers(tensor, name).map(|values| if let [value] = values.as_slice() { Some(*value) } else { None }),
        None => Ok(None),
    };
    let mut followed: HashSet<&str> = HashSet::from([scores]);
    for node in &graph.node {
        if !node.input.iter().any(|input| followed.contains(input.as_str())) {
            continue;
        }
        let known = node.input.iter().map(constant).find_map(|value| value.transpose()).transpose()?;
        let with_scores_left = node.input.first().is_some_and(|input| followed.contains(input.as_str()));
        match (node.op_type.as_str(), known) {
            ("Identity" | "ZipMap" | "Reshape" | "Flatten" | "Squeeze", _) => {}
            ("Cast", _) if matches!(Attributes(node).int("to"), Some(to) if [i64::from(element::FLOAT), i64::from(element::DOUBLE)].contains(&to)) =>
                {}
            // Labels are chosen by the scores, which stay as they are.
            ("ArgMax", _) => continue,
            ("Mul", Some(factor)) => multiply(outputs, factor, node)?,
            ("Div", Some(divisor)) if with_scores_left => multiply(outputs, 1.0 / divisor, node)?,
            ("Exp", _) => linked(outputs, Link::Exp, node)?,
            ("Sigmoid", _) => linked(outputs, Link::Logistic, node)?,
            ("Softmax", _) => linked(outputs, Link::Softmax, node)?,
            _ => return Err(refused(node)),
        }
        followed.extend(node.output.iter().map(String::as_str));
    }
    Ok(())
}

fn linked(outputs: &mut Outputs, link: Link, node: &NodeProto) -> Result<(), ReadError> {
    if outputs.link != Link::Identity {
        return Err(refused(node));
    }
    outputs.link = link;
    Ok(())
}

/// c · e^m = e^(m + ln c); a factor on margins scales the link.
fn multiply(outputs: &mut Outputs, factor: f64, node: &NodeProto) -> Result<(), ReadError> {
    match outputs.link {
        _ if factor == 1.0 => {}
        Link::Exp if factor > 0.0 && factor.is_finite() => outputs.base.iter_mut().for_each(|base| *base += factor.ln()),
        Link::Identity if factor.is_finite() => outputs.link = Link::Scaled(factor, &Link::Identity),
        _ => return Err(refused(node)),
    }
    Ok(())
}

fn refused(node: &NodeProto) -> ReadError {
    ReadError::Unsupported(format!(
        "operator {} stands behind the trees and changes what they add up to; export a model whose scores are the trees' own",
        node.op_type
    ))
}
