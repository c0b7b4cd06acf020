//! Leaves of one tree grouped so that one small pattern index serves them all.
//!
//! A group's index has one bit for each merged path condition above its subtrees and one for each split inside. Whether a leaf's
//! condition on a feature holds is then a masked comparison of the index, so a table over all indices can hold the summed
//! contributions of all leaves of the group.

use super::boxes::{Boxes, Edge};
use crate::model::NodeKind;

/// One bit of a group's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bit {
    /// The answer to a question, by its number: set where the row goes left.
    Split(usize),
    /// The merged condition of the edge into this node: set where it holds.
    Edge(usize),
}

/// One feature's condition in a leaf's box, as a masked comparison of the group's index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Condition {
    /// Feature index.
    pub feature: usize,
    /// Merged cover ratio.
    pub ratio: f64,
    /// Index bits that matter.
    pub mask: u32,
    /// Their values where the condition holds.
    pub want: u32,
}

/// A leaf of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GroupLeaf {
    /// Leaf number in the tree.
    pub leaf: usize,
    /// One condition a feature of its path.
    pub conditions: Vec<Condition>,
}

impl GroupLeaf {
    /// The leaf's features, ascending.
    pub(super) fn features(&self) -> Vec<usize> {
        self.conditions.iter().map(|condition| condition.feature).collect()
    }

    /// The merged cover ratio of each condition.
    pub(super) fn ratios(&self) -> Vec<f64> {
        self.conditions.iter().map(|condition| condition.ratio).collect()
    }

    /// What of each index's share falls to each of the leaf's patterns.
    pub(super) fn histogram(&self, shares: &[f64]) -> Vec<f64> {
        let mut histogram = vec![0.0; 1 << self.conditions.len()];
        shares.iter().zip(0..).for_each(|(share, index)| histogram[self.pattern(index)] += share);
        histogram
    }

    /// The leaf's pattern under a group index: bit `j` is set where condition `j` holds.
    pub(super) fn pattern(&self, index: u32) -> usize {
        let holds = |condition: &Condition| index & condition.mask == condition.want;
        self.conditions.iter().enumerate().fold(0, |pattern, (j, condition)| pattern | usize::from(holds(condition)) << j)
    }

    /// Writes the leaf's pattern under each of the group's first `indices` indices.
    pub(super) fn patterns(&self, indices: usize, patterns: &mut Vec<u16>) {
        patterns.clear();
        patterns.resize(indices, 0);
        for (j, condition) in self.conditions.iter().enumerate() {
            for (pattern, index) in patterns.iter_mut().zip(0_u32..) {
                *pattern |= u16::from(index & condition.mask == condition.want) << j;
            }
        }
    }

    /// Whether rows with a group index reach the leaf.
    pub(super) fn is_reached(&self, index: u32) -> bool {
        self.conditions.iter().all(|condition| index & condition.mask == condition.want)
    }
}

/// Leaves that share an index.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Group {
    /// The index's bits, lowest first.
    pub bits: Vec<Bit>,
    /// The leaves.
    pub leaves: Vec<GroupLeaf>,
}

impl Group {
    /// Features of the group's leaves, ascending.
    pub(super) fn features(&self) -> Vec<usize> {
        let mut features: Vec<usize> = self.leaves.iter().flat_map(|leaf| &leaf.conditions).map(|condition| condition.feature).collect();
        features.sort_unstable();
        features.dedup();
        features
    }
}

/// How large groups may become.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Index bits of a group of several leaves.
    pub bits: usize,
    /// Features of a group of several leaves.
    pub features: usize,
    /// Index bits of a group of a single leaf; leaves beyond are left out.
    pub alone: usize,
}

/// A tree's leaves in groups, and those whose boxes have too many features.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Grouping {
    /// The groups.
    pub groups: Vec<Group>,
    /// Nodes of the leaves left out.
    pub left_out: Vec<usize>,
}

impl Grouping {
    /// The groups, if they hold all leaves.
    pub(super) fn all(&self) -> &[Group] {
        if self.left_out.is_empty() { &self.groups } else { &[] }
    }
}

/// A leaf on the way into a group.
struct Draft {
    leaf: usize,
    conditions: Vec<DraftCondition>,
}

/// A condition on the way into a group: bits with the values that they must have.
struct DraftCondition {
    feature: usize,
    ratio: f64,
    wanted: Vec<(Bit, bool)>,
}

/// Cuts a tree into groups: the largest subtrees that fit `limits`, neighbours merged while they still fit.
pub(super) fn group(boxes: &Boxes<'_>, limits: Limits) -> Grouping {
    let mut grouping = Grouping::default();
    let mut open: Vec<Open> = Vec::new();
    for root in subtrees(boxes, limits) {
        let leaves = boxes.leaves_below(root);
        let new = Open::new(leaves.iter().map(|node| draft(boxes, *node, root)).collect());
        if new.bits.len() > limits.alone {
            grouping.left_out.extend(leaves);
            continue;
        }
        let fits = |group: &Open| union(&group.bits, &new.bits) <= limits.bits && union(&group.features, &new.features) <= limits.features;
        match open.iter_mut().rev().take(4).find(|group| fits(group)) {
            Some(group) => group.join(new),
            None => open.push(new),
        }
    }
    grouping.groups = open.into_iter().map(Open::close).collect();
    grouping
}

/// A group that may grow.
struct Open {
    drafts: Vec<Draft>,
    /// Distinct, ascending.
    bits: Vec<Bit>,
    /// Distinct, ascending.
    features: Vec<usize>,
}

impl Open {
    fn new(drafts: Vec<Draft>) -> Self {
        let conditions = || drafts.iter().flat_map(|draft| &draft.conditions);
        let bits = distinct(conditions().flat_map(|condition| &condition.wanted).map(|(bit, _)| *bit).collect());
        let features = distinct(conditions().map(|condition| condition.feature).collect());
        Self { drafts, bits, features }
    }

    fn join(&mut self, other: Self) {
        self.drafts.extend(other.drafts);
        self.bits = distinct([&self.bits[..], &other.bits].concat());
        self.features = distinct([&self.features[..], &other.features].concat());
    }

    fn close(self) -> Group {
        let Self { drafts, bits, .. } = self;
        let place = |bit: &Bit| bits.binary_search(bit).unwrap_or_else(|_| unreachable!("every bit was collected"));
        let condition = |draft: &DraftCondition| {
            let all =
                |wanted: bool| draft.wanted.iter().filter(|(_, value)| *value == wanted).fold(0, |mask, (bit, _)| mask | 1 << place(bit));
            let (set, unset) = (all(true), all(false));
            // A path that wants both answers to one question is never taken: no masked index equals a bit outside the mask.
            let (mask, want) = if set & unset == 0 { (set | unset, set) } else { (0, 1) };
            Condition { feature: draft.feature, ratio: draft.ratio, mask, want }
        };
        let leaves = drafts
            .iter()
            .map(|draft| GroupLeaf { leaf: draft.leaf, conditions: draft.conditions.iter().map(condition).collect() })
            .collect();
        Group { bits, leaves }
    }
}

fn distinct<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}

/// How many values are in either of two ascending lists.
fn union<T: Ord>(mut a: &[T], mut b: &[T]) -> usize {
    let mut count = 0;
    while let ([first, after_a @ ..], [second, after_b @ ..]) = (a, b) {
        let order = first.cmp(second);
        a = if order.is_le() { after_a } else { a };
        b = if order.is_ge() { after_b } else { b };
        count += 1;
    }
    count + a.len() + b.len()
}

/// Roots of the largest subtrees that fit, in preorder; together they hold every leaf once.
fn subtrees(boxes: &Boxes<'_>, limits: Limits) -> Vec<usize> {
    let mut roots = Vec::new();
    let mut stack = vec![0];
    while let Some(node) = stack.pop() {
        let NodeKind::Split(split) = &boxes.tree.nodes[node].kind else {
            roots.push(node);
            continue;
        };
        if fits(boxes, node, limits) {
            roots.push(node);
        } else {
            stack.push(split.right);
            stack.push(split.left);
        }
    }
    roots
}

fn fits(boxes: &Boxes<'_>, root: usize, limits: Limits) -> bool {
    let (mut bits, mut features) = (Vec::new(), Vec::new());
    for node in boxes.conditions(root) {
        if let Some(edge) = &boxes.edges[node] {
            note(&mut features, edge.feature);
            note(&mut bits, if edge.previous.is_none() { Bit::Split(edge.split) } else { Bit::Edge(node) });
        }
    }
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        if let (NodeKind::Split(split), true) = (&boxes.tree.nodes[node].kind, bits.len() <= limits.bits) {
            note(&mut features, split.feature);
            boxes.edges[split.left].iter().for_each(|edge| note(&mut bits, Bit::Split(edge.split)));
            stack.extend([split.left, split.right]);
        }
    }
    bits.len() <= limits.bits && features.len() <= limits.features
}

/// Adds what is not there yet.
fn note<T: PartialEq>(known: &mut Vec<T>, new: T) {
    if !known.contains(&new) {
        known.push(new);
    }
}

fn draft(boxes: &Boxes<'_>, node: usize, root: usize) -> Draft {
    let NodeKind::Leaf(leaf) = boxes.tree.nodes[node].kind else { unreachable!("only leaves are drafted") };
    let mut conditions: Vec<DraftCondition> = Vec::new();
    let mut want = |edge: &Edge, bit: Bit, value: bool| match conditions.iter_mut().find(|condition| condition.feature == edge.feature) {
        Some(condition) => condition.wanted.push((bit, value)),
        None => conditions.push(DraftCondition { feature: edge.feature, ratio: edge.ratio, wanted: vec![(bit, value)] }),
    };
    boxes.path(node, root).for_each(|edge| want(edge, Bit::Split(edge.split), edge.left));
    for above in boxes.conditions(root) {
        match &boxes.edges[above] {
            Some(edge) if edge.previous.is_none() => want(edge, Bit::Split(edge.split), edge.left),
            Some(edge) => want(edge, Bit::Edge(above), true),
            None => {}
        }
    }
    conditions.sort_by_key(|condition| condition.feature);
    Draft { leaf, conditions }
}
