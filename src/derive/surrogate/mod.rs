//! A global surrogate: one shallow tree fitted to the model's predictions, with its fidelity on rows held out.

mod settings;
mod split;

use std::sync::Arc;

use rayon::prelude::*;

use super::effect::members;
use super::{Context, Derivation, DeriveError};
use crate::dataset::RowBatch;
use crate::numeric::seed;
use crate::table::{self, Table};
use split::{Split, Target, best};

pub use settings::Settings;

/// A regression tree on the predictions of the data's sample, one for each output.
///
/// Our own, of sixty lines, since a tree for people needs categories by name and missing values, which the tree libraries at hand do not know.
pub struct Surrogate {
    settings: Settings,
    context: Arc<Context>,
}

/// One of so many rows is held out.
const HELD_OUT: u64 = 4;

/// A share of the sum of squares below which a split's gain, or all that there is to explain, is rounding.
const ROUNDING: f64 = 1e-12;

/// A node of the tree, in preorder.
struct Node {
    parent: Option<usize>,
    depth: usize,
    /// The condition that leads here from the parent.
    condition: Option<String>,
    rows: Vec<usize>,
    prediction: f64,
    /// The question, and the two children.
    split: Option<(Split, usize, usize)>,
}

/// A node that waits to be grown: parent, depth, condition, rows and whether it is the right side.
type Waiting = (Option<usize>, usize, Option<String>, Vec<usize>, bool);

impl Surrogate {
    /// Of the subject's predictor.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        Self { settings: settings.clone(), context: Arc::clone(context) }
    }

    fn table(&self, sample: &RowBatch) -> Result<Table, String> {
        let subject = &self.context.subject;
        let rows = sample.rows();
        let predictions = subject.predictor.predict(&sample.features).map_err(|error| error.to_string())?;
        let weights: Vec<f64> = (0..rows).map(|row| sample.weight_of(row)).collect();
        let is_held = |row: &usize| rows > 1 && seed::derive(subject.seed, "surrogate", *row as u64).is_multiple_of(HELD_OUT);
        let (held, seen): (Vec<usize>, Vec<usize>) = (0..rows).partition(is_held);
        let mut lines: Vec<(&str, usize, Node, Option<f64>)> = Vec::new();
        for (output, predictions) in subject.outputs.iter().zip(predictions.chunks_exact(rows.max(1))) {
            let target = Target { predictions, weights: &weights };
            let nodes = self.grow(sample, &target, seen.clone());
            let fidelity = fidelity(&nodes, sample, &target, &held);
            lines.extend(nodes.into_iter().enumerate().map(|(number, node)| (output.as_str(), number, node, fidelity)));
        }
        Ok(table(&lines))
    }

    /// The tree over the rows seen.
    fn grow(&self, sample: &RowBatch, target: &Target, seen: Vec<usize>) -> Vec<Node> {
        let features: Vec<_> = members(&self.context.subject.features).collect();
        let least = ((self.settings.min_share * seen.len() as f64).ceil() as usize).max(1);
        let mean = |rows: &[usize]| {
            let weight: f64 = rows.iter().map(|row| target.weights[*row]).sum();
            rows.iter().map(|row| target.weights[*row] * target.predictions[*row]).sum::<f64>() / weight
        };
        let whole: f64 = seen.iter().map(|row| target.weights[*row] * target.predictions[*row].powi(2)).sum();
        let mut nodes: Vec<Node> = Vec::new();
        let mut waiting: Vec<Waiting> = vec![(None, 0, None, seen, false)];
        while let Some((parent, depth, condition, rows, right)) = waiting.pop() {
            let number = nodes.len();
            if let Some((_, left_child, right_child)) = parent.and_then(|parent| nodes[parent].split.as_mut()) {
                *(if right { right_child } else { left_child }) = number;
            }
            let found = || {
                let splits =
                    features.par_iter().filter_map(|member| best(member, sample.features.column(member.column), target, &rows, least));
                let better = |a: Split, b: Split| if b.gain > a.gain { b } else { a };
                // In the features' order, so that ties fall alike.
                splits.collect::<Vec<_>>().into_iter().reduce(better).filter(|split| split.gain > ROUNDING * whole)
            };
            let split = if depth < self.settings.depth.get() { found() } else { None };
            if let Some(split) = &split {
                let values = sample.features.column(split.member.column);
                let (left, others): (Vec<usize>, Vec<usize>) = rows.iter().copied().partition(|row| split.goes_left(values[*row]));
                let [yes, no] = split.conditions();
                waiting.push((Some(number), depth + 1, Some(no), others, true));
                waiting.push((Some(number), depth + 1, Some(yes), left, false));
            }
            let prediction = mean(&rows);
            nodes.push(Node { parent, depth, condition, rows, prediction, split: split.map(|split| (split, 0, 0)) });
        }
        nodes
    }
}

/// R² on the rows held out: the share of the variance of the model's predictions that the surrogate's explain; `None` where there is none.
fn fidelity(nodes: &[Node], sample: &RowBatch, target: &Target, held: &[usize]) -> Option<f64> {
    let imitated = |row: usize| {
        let mut node = nodes.first()?;
        while let Some((split, left, right)) = &node.split {
            let goes_left = split.goes_left(sample.features.column(split.member.column)[row]);
            node = nodes.get(if goes_left { *left } else { *right })?;
        }
        Some(node.prediction)
    };
    let weight: f64 = held.iter().map(|row| target.weights[*row]).sum();
    let mean = held.iter().map(|row| target.weights[*row] * target.predictions[*row]).sum::<f64>() / weight;
    let squares = |other: &dyn Fn(usize) -> f64| -> f64 {
        held.iter().map(|row| target.weights[*row] * (target.predictions[*row] - other(*row)).powi(2)).sum()
    };
    let total = squares(&|_| mean);
    (total > ROUNDING * squares(&|_| 0.0)).then(|| 1.0 - squares(&|row| imitated(row).unwrap_or(mean)) / total)
}

/// The table `surrogate`: outputs, then nodes in preorder; rules are the conditions from the root on.
fn table(lines: &[(&str, usize, Node, Option<f64>)]) -> Table {
    let mut rules: Vec<String> = Vec::with_capacity(lines.len());
    for (at, (_, number, node, _)) in lines.iter().enumerate() {
        let above = node.parent.map(|parent| rules[at - number + parent].clone()).filter(|rule| !rule.is_empty());
        rules.push(above.into_iter().chain(node.condition.clone()).collect::<Vec<_>>().join(" and "));
    }
    Table::new(
        "surrogate",
        vec![
            ("output", table::texts(lines.iter().map(|line| line.0))),
            ("node", table::integers(lines.iter().map(|line| line.1 as i64))),
            ("parent", table::optional_integers(lines.iter().map(|line| line.2.parent.map(|parent| parent as i64)))),
            ("depth", table::integers(lines.iter().map(|line| line.2.depth as i64))),
            ("condition", table::optional_texts(lines.iter().map(|line| line.2.condition.as_deref()))),
            ("rule", table::texts(rules)),
            ("rows", table::integers(lines.iter().map(|line| line.2.rows.len() as i64))),
            ("prediction", table::numbers(lines.iter().map(|line| line.2.prediction))),
            ("leaf", table::flags(lines.iter().map(|line| line.2.split.is_none()))),
            ("fidelity", table::optional_numbers(lines.iter().map(|line| line.3))),
        ],
    )
}

impl Derivation for Surrogate {
    type Partial = ();

    fn name(&self) -> &'static str {
        "surrogate"
    }

    fn start(&self) {}

    fn merge(&self, _earlier: &mut (), _later: ()) {}

    fn finish(&self, _partial: (), _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let refuse = |message: String| DeriveError { derivation: "surrogate", message };
        let sample = self.context.subject.sample.as_ref().filter(|sample| sample.rows() > 0);
        let sample = sample.ok_or_else(|| refuse("there are no rows; check data.path and data.filter".into()))?;
        self.table(sample).map(|table| vec![table]).map_err(refuse)
    }
}
