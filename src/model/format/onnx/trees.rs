//! Trees with onnxruntime's questions as trees with the forest's two: x < t and x ≤ t of an input.
//!
//! A branch on an equal value or a set of them becomes several splits that cut the input's numbers into pieces, each with a copy of the
//! subtree that its values reach; what the cuts above already decide is left out of the copies.

use std::ops::RangeInclusive;
use std::rc::Rc;

use super::columns::Column;
use super::ensemble::{Node, Nodes, Question, malformed};
use super::keys;
use crate::model::builder::{RawNode, RawTree};
use crate::model::error::ReadError;
use crate::model::forest::{Rule, TreeOutput, Width};

/// Nodes that a tree may have for each of the file's, once equality is cut into pieces.
const COPIES: usize = 64;
/// Edges on a path of a tree whose equality is cut into pieces.
const DEPTH: usize = 2_000;
/// Leaf values that a file may leave out for each that it holds.
const UNWRITTEN: usize = 64;

/// What is common to a model's trees.
pub(super) struct Lowering<'a> {
    pub columns: &'a [Column],
    pub width: Width,
    pub outputs: usize,
    pub scale: f64,
}

/// What the splits above a place leave of the values of an input.
struct Bound {
    feature: usize,
    keys: RangeInclusive<i64>,
    missing: bool,
    above: Bounds,
}

type Bounds = Option<Rc<Bound>>;

/// A node of the file on its way to a place in the tree.
struct Place {
    slot: usize,
    node: usize,
    depth: usize,
    bounds: Bounds,
}

impl Lowering<'_> {
    /// The tree at this position of the file.
    pub fn tree(&self, nodes: &Nodes, position: usize) -> Result<RawTree, ReadError> {
        let by_equality = |node: &Node| matches!(node, Node::Branch { question: Question::OneOf(_) | Question::NoneOf(_), .. });
        let cut = nodes.iter().any(by_equality);
        if !cut {
            check_parents(nodes, position)?;
        }
        let output = self.output(nodes, position)?;
        let mut lowered = vec![RawNode::Deleted];
        let mut pending = vec![Place { slot: 0, node: 0, depth: 0, bounds: None }];
        while let Some(place) = pending.pop() {
            if place.depth > nodes.len() {
                return Err(malformed(position, place.node, "is reached from itself: the nodes do not form a tree"));
            }
            if cut && (lowered.len() > COPIES * nodes.len() || place.depth > DEPTH) {
                return Err(ReadError::Unsupported(format!(
                    "tree {position}: its branches on equal values need more than {COPIES} copies of what is below them, or {DEPTH} levels"
                )));
            }
            match &nodes[place.node] {
                Node::Leaf(values) => lowered[place.slot] = RawNode::Leaf { values: self.values(values, output), cover: 0.0 },
                Node::Branch { column, .. } if *column >= self.columns.len() => {
                    let message = format!("asks about column {column}, but there are {}", self.columns.len());
                    return Err(malformed(position, place.node, &message));
                }
                branch if cut => self.cut(branch, &place, &mut lowered, &mut pending),
                branch => self.split(branch, &place, &mut lowered, &mut pending),
            }
        }
        Ok(RawTree { nodes: lowered, output, scale: self.scale })
    }

    /// One output if all leaves add to the same one, else all.
    fn output(&self, nodes: &Nodes, position: usize) -> Result<TreeOutput, ReadError> {
        let leaves = nodes.iter().filter_map(|node| if let Node::Leaf(values) = node { Some(values) } else { None });
        let written: usize = leaves.clone().map(Vec::len).sum();
        let one = |values: &Vec<(usize, f64)>| if let [(output, _)] = values.as_slice() { Some(*output) } else { None };
        let first = leaves.clone().next().and_then(one);
        match first {
            Some(output) if leaves.clone().all(|values| one(values) == Some(output)) => Ok(TreeOutput::One(output)),
            _ if leaves.count().saturating_mul(self.outputs) > UNWRITTEN * written.max(1) => Err(ReadError::Unsupported(format!(
                "tree {position}: its leaves have values for less than one in {UNWRITTEN} of {} outputs",
                self.outputs
            ))),
            _ => Ok(TreeOutput::All),
        }
    }

    fn values(&self, values: &[(usize, f64)], output: TreeOutput) -> Vec<f64> {
        if output != TreeOutput::All {
            return values.iter().map(|(_, value)| *value).collect();
        }
        let mut all = vec![0.0; self.outputs];
        values.iter().for_each(|(output, value)| all[*output] = *value);
        all
    }

    /// A split with the file's own threshold where the column is the input itself, else with the one that bisection finds.
    fn split(&self, branch: &Node, place: &Place, lowered: &mut Vec<RawNode>, pending: &mut Vec<Place>) {
        let Node::Branch { column, question, missing_yes, yes, no } = branch else { return };
        let column = &self.columns[*column];
        let (rule, left_is_yes) = match (question, column.steps.is_empty()) {
            (Question::AtMost(threshold), true) => (Rule::LessOrEqual(*threshold), true),
            (Question::Below(threshold), true) => (Rule::Less(*threshold), true),
            (Question::AtLeast(threshold), true) => (Rule::Less(*threshold), false),
            (Question::Above(threshold), true) => (Rule::LessOrEqual(*threshold), false),
            _ => {
                let (first, last) = keys::all(self.width).into_inner();
                let asked = self.yes(column, question);
                let begins = asked.contains(&first);
                let end = if asked.is_empty() || asked.contains(&last) && begins {
                    last
                } else if begins {
                    *asked.end()
                } else {
                    asked.start() - 1
                };
                (Rule::LessOrEqual(keys::value(end, self.width)), begins)
            }
        };
        let missing_left = question.missing(column, *missing_yes) == left_is_yes;
        let (left, right) = (lowered.len(), lowered.len() + 1);
        lowered[place.slot] = RawNode::Split { feature: column.feature, rule, missing_left, left, right, cover: 0.0 };
        lowered.extend([RawNode::Deleted, RawNode::Deleted]);
        let children = if left_is_yes { [(right, *no), (left, *yes)] } else { [(right, *yes), (left, *no)] };
        pending.extend(children.map(|(slot, node)| Place { slot, node, depth: place.depth + 1, bounds: None }));
    }

    /// Splits between pieces of the input's numbers that are answered alike.
    fn cut(&self, branch: &Node, place: &Place, lowered: &mut Vec<RawNode>, pending: &mut Vec<Place>) {
        let Node::Branch { column, question, missing_yes, yes, no } = branch else { return };
        let column = &self.columns[*column];
        let (bound, may_miss) = bound(&place.bounds, column.feature, self.width);
        let missing = question.missing(column, *missing_yes);
        let mut pieces = self.pieces(column, question, &bound);
        if may_miss && !pieces.iter().any(|(_, answer)| *answer == missing) {
            // No value but the missing one gets this answer: a piece beyond the last number is for it alone.
            pieces.push((*bound.end(), missing));
        }
        let (mut slot, mut start, mut may_miss) = (place.slot, *bound.start(), may_miss);
        let last = pieces.len().saturating_sub(1);
        for (index, (end, answer)) in pieces.into_iter().enumerate() {
            let takes_missing = may_miss && answer == missing;
            let above = place.bounds.clone();
            let bounds = Some(Rc::new(Bound { feature: column.feature, keys: start..=end, missing: takes_missing, above }));
            let node = if answer { *yes } else { *no };
            let depth = place.depth + 1;
            if index == last {
                pending.push(Place { slot, node, depth, bounds });
                break;
            }
            let (left, right) = (lowered.len(), lowered.len() + 1);
            let rule = Rule::LessOrEqual(keys::value(end, self.width));
            lowered[slot] = RawNode::Split { feature: column.feature, rule, missing_left: takes_missing, left, right, cover: 0.0 };
            lowered.extend([RawNode::Deleted, RawNode::Deleted]);
            pending.push(Place { slot: left, node, depth, bounds });
            (slot, start, may_miss) = (right, end + 1, may_miss && !takes_missing);
        }
    }

    /// Within a bound, the last place of each piece and the answer there; answers alternate.
    fn pieces(&self, column: &Column, question: &Question, bound: &RangeInclusive<i64>) -> Vec<(i64, bool)> {
        let (values, answer) = match question {
            Question::OneOf(values) => (values.as_slice(), true),
            Question::NoneOf(values) => (values.as_slice(), false),
            _ => (&[][..], true),
        };
        let mut ranges: Vec<RangeInclusive<i64>> = match question {
            Question::OneOf(_) | Question::NoneOf(_) => values.iter().map(|value| self.equal(column, *value)).collect(),
            ordered => vec![self.yes(column, ordered)],
        };
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| *range.start());
        let mut pieces: Vec<(i64, bool)> = Vec::new();
        let mut push = |from: i64, to: i64, answer: bool| {
            let (from, to) = (from.max(*bound.start()), to.min(*bound.end()));
            match pieces.last_mut() {
                _ if from > to => {}
                Some((end, last)) if *last == answer => *end = to,
                _ => pieces.push((to, answer)),
            }
        };
        let mut next = *bound.start();
        for range in ranges {
            push(next, range.start() - 1, !answer);
            push(next.max(*range.start()), *range.end(), answer);
            next = next.max(range.end() + 1);
        }
        push(next, *bound.end(), !answer);
        pieces
    }

    fn yes(&self, column: &Column, question: &Question) -> RangeInclusive<i64> {
        keys::yes(self.width, |x| question.ordered(column.apply(x)))
    }

    /// Where the column has exactly this value.
    fn equal(&self, column: &Column, value: f64) -> RangeInclusive<i64> {
        let (at_most, at_least) = (self.yes(column, &Question::AtMost(value)), self.yes(column, &Question::AtLeast(value)));
        *at_most.start().max(at_least.start())..=*at_most.end().min(at_least.end())
    }
}

impl Question {
    /// The answer of a question of order; the others are asked through it.
    fn ordered(&self, x: f64) -> bool {
        match self {
            Question::AtMost(threshold) => x <= *threshold,
            Question::Below(threshold) => x < *threshold,
            Question::AtLeast(threshold) => x >= *threshold,
            Question::Above(threshold) => x > *threshold,
            Question::OneOf(values) => values.contains(&x),
            Question::NoneOf(values) => !values.contains(&x),
        }
    }

    /// The answer where the input is missing: NaN may have been replaced on the way.
    fn missing(&self, column: &Column, missing_yes: bool) -> bool {
        let x = column.apply(f64::NAN);
        self.ordered(x) || missing_yes && x.is_nan()
    }
}

/// What the splits above leave of a feature's numbers, and whether missing values get here.
fn bound(bounds: &Bounds, feature: usize, width: Width) -> (RangeInclusive<i64>, bool) {
    let mut bounds = bounds;
    while let Some(bound) = bounds {
        if bound.feature == feature {
            return (bound.keys.clone(), bound.missing);
        }
        bounds = &bound.above;
    }
    (keys::all(width), true)
}

/// No node has two parents, the root none.
fn check_parents(nodes: &Nodes, position: usize) -> Result<(), ReadError> {
    let mut seen = vec![false; nodes.len()];
    seen.iter_mut().take(1).for_each(|root| *root = true);
    for (index, node) in nodes.iter().enumerate() {
        let Node::Branch { yes, no, .. } = node else { continue };
        for child in [*yes, *no] {
            if std::mem::replace(&mut seen[child], true) {
                return Err(malformed(position, index, &format!("child {child} is reached twice: the nodes do not form a tree")));
            }
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(node) => Err(malformed(position, node, "is not reachable from the root")),
        None => Ok(()),
    }
}
