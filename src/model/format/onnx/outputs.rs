//! From the trees' scores to the model's outputs: base margins, link and names, and the graph behind the trees.

use std::collections::HashSet;

use super::attributes::{Attributes, Constants};
use super::ensemble::{Aggregate, Ensemble, Node, Transform};
use super::proto::{GraphProto, element};
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

/// What operators behind the trees make of all scores alike.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Multiply(f64),
    Add(f64),
    PowerOfTwo,
    Linked(&'static Link),
}

/// Follows the scores behind the trees; what changes them becomes part of base margins and link, or is refused by name.
pub(super) fn follow(graph: &GraphProto, scores: &str, outputs: &mut Outputs) -> Result<(), ReadError> {
    let constants = Constants::of(graph);
    let mut followed: HashSet<&str> = HashSet::from([scores]);
    let (mut steps, mut names) = (Vec::new(), Vec::new());
    for node in &graph.node {
        if !node.input.iter().any(|input| followed.contains(input.as_str())) {
            continue;
        }
        let known = node.input.iter().find_map(|name| constants.number(name).transpose()).transpose()?;
        let is_scores = |index| node.input.get(index).is_some_and(|input: &String| followed.contains(input.as_str()));
        let step = match (node.op_type.as_str(), known) {
            ("Identity" | "ZipMap" | "Reshape" | "Flatten" | "Squeeze", _) => Step::Multiply(1.0),
            ("Cast", _) if matches!(Attributes(node).int("to"), Some(to) if [i64::from(element::FLOAT), i64::from(element::DOUBLE)].contains(&to)) => {
                Step::Multiply(1.0)
            }
            // Labels are chosen by the scores, which stay as they are.
            ("ArgMax" | "Less", _) => continue,
            ("Neg", _) => Step::Multiply(-1.0),
            ("Mul", Some(factor)) => Step::Multiply(factor),
            ("Div", Some(divisor)) if is_scores(0) => Step::Multiply(1.0 / divisor),
            ("Add", Some(term)) => Step::Add(term),
            ("Pow", Some(2.0)) if is_scores(1) => Step::PowerOfTwo,
            ("Exp", _) => Step::Linked(&Link::Exp),
            ("Sigmoid", _) => Step::Linked(&Link::Logistic),
            ("Softmax", _) => Step::Linked(&Link::Softmax),
            _ => return Err(refused(&node.op_type)),
        };
        if step != Step::Multiply(1.0) {
            names.push(node.op_type.as_str());
            match (steps.last_mut(), step) {
                (Some(Step::Multiply(before)), Step::Multiply(factor)) => *before *= factor,
                _ => steps.push(step),
            }
        }
        followed.extend(node.output.iter().map(String::as_str));
    }
    take(outputs, &steps).ok_or_else(|| refused(&names.join(", ")))
}

/// Makes the steps part of base margins and link, if they can be.
fn take(outputs: &mut Outputs, steps: &[Step]) -> Option<()> {
    let is_finite = |step: &Step| !matches!(step, Step::Multiply(number) | Step::Add(number) if !number.is_finite() || *number == 0.0);
    if steps.is_empty() {
        return Some(());
    }
    if outputs.link != Link::Identity || !steps.iter().all(is_finite) {
        return None;
    }
    outputs.link = match steps {
        [Step::Linked(link)] => **link,
        [Step::Multiply(factor), Step::Linked(link)] => Link::Scaled(*factor, link),
        // c · e^m = e^(m + ln c)
        [Step::Linked(Link::Exp), Step::Multiply(factor)] if *factor > 0.0 => {
            outputs.base.iter_mut().for_each(|base| *base += factor.ln());
            Link::Exp
        }
        [Step::Multiply(factor)] => Link::Scaled(*factor, &Link::Identity),
        [Step::Multiply(rate), Step::PowerOfTwo, Step::Multiply(-1.0), Step::Add(offset)] if *rate < 0.0 => {
            Link::Isolation { length: -1.0 / rate, offset: *offset }
        }
        _ => return None,
    };
    Some(())
}

fn refused(operators: &str) -> ReadError {
    ReadError::Unsupported(format!(
        "operator {operators} stands behind the trees and changes what they add up to; export a model whose scores are the trees' own"
    ))
}
