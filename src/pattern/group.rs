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

    /// What of each index's share falls to each of the leaf's patterns.
    pub(super) fn histogram(&self, shares: &[f64]) -> Vec<f64> {
        let (mut histogram, patterns) = (vec![0.0; 1 << self.conditions.len()], self.patterns());
        shares.iter().enumerate().for_each(|(index, share)| histogram[patterns.of(index)] += share);
        histogram
    }

    /// The share of the indices that reach the leaf.
    pub(super) fn held(&self, shares: &[f64]) -> f64 {
        self.reached(shares.len().ilog2() as usize).map(|index| shares[index]).sum()
    }

    /// The indices, of so many bits, under which all conditions hold.
    pub(super) fn reached(&self, bits: usize) -> impl Iterator<Item = usize> + use<> {
        let possible = self.conditions.iter().all(|condition| condition.want & !condition.mask == 0);
        let fold = |of: fn(&Condition) -> u32| self.conditions.iter().map(of).fold(0, std::ops::BitOr::bitor);
        let (mask, want) = (fold(|condition| condition.mask), fold(|condition| condition.want));
        let free = ((1_u32 << bits) - 1) & !mask;
        // From one subset of the free bits to the next, up to all of them.
        let subsets =
            std::iter::successors(possible.then_some(0), move |subset: &u32| (*subset != free).then(|| ((subset | !free) + 1) & free));
        subsets.map(move |subset| (want | subset) as usize)
    }

    /// The leaf's patterns under its group's indices.
    #[inline]
    pub(super) fn patterns(&self) -> Patterns {
        let mut patterns = Patterns { low: [0; HALF], high: [0; HALF] };
        for (j, Condition { mask, want, .. }) in self.conditions.iter().enumerate() {
            let (low, high) = (HALF as u32 - 1, !(HALF as u32 - 1));
            for (index, (of_low, of_high)) in (0_u32..).zip(patterns.low.iter_mut().zip(&mut patterns.high)) {
                *of_low |= u8::from(index & mask == want & low) << j;
                *of_high |= u8::from((index * HALF as u32) & mask == want & high) << j;
            }
        }
        patterns
    }
}

/// Values of half an index's bits.
const HALF: usize = 16;

/// A leaf's pattern under each index of at most eight bits: bit `j` is set where condition `j` holds, which it does where both halves of the
/// index agree with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patterns {
    low: [u8; HALF],
    high: [u8; HALF],
}

impl Patterns {
    /// The pattern under an index.
    #[inline(always)]
    pub(super) fn of(&self, index: usize) -> usize {
        usize::from(self.low[index % HALF] & self.high[index / HALF % HALF])
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

/// Cuts a tree into groups: the largest subtrees that fit `limits`, neighbours merged while they still fit.
pub(super) fn group(boxes: &Boxes<'_>, limits: Limits) -> Grouping {
    let mut grouping = Grouping::default();
    let mut open: Vec<(Vec<usize>, Reach)> = Vec::new();
    for (root, new) in subtrees(boxes, limits) {
        if new.bits.len() > limits.alone {
            grouping.left_out.extend(boxes.leaves_below(root));
            continue;
        }
        let fits = |known: &Reach| union(&known.bits, &new.bits) <= limits.bits && union(&known.features, &new.features) <= limits.features;
        match open.iter_mut().rev().take(4).find(|(_, known)| fits(known)) {
            Some((roots, known)) => {
                roots.push(root);
                known.join(&new);
            }
            None => open.push((vec![root], new)),
        }
    }
    grouping.groups = open.into_iter().map(|(roots, reach)| of_subtrees(boxes, &roots, reach.bits)).collect();
    grouping
}

/// A tree's groups, if they hold all of its leaves.
pub(super) fn group_all(boxes: &Boxes<'_>, limits: Limits) -> Option<Vec<Group>> {
    // A leaf has at least one bit a feature.
    let grouping = (boxes.widest() <= limits.alone).then(|| group(boxes, limits))?;
    grouping.left_out.is_empty().then_some(grouping.groups)
}

/// All leaves of a tree in one group, if they fit.
pub(super) fn group_whole(boxes: &Boxes<'_>, limits: Limits) -> Option<Group> {
    let reach = Reach::new(boxes, 0, limits);
    reach.fits(limits).then(|| of_subtrees(boxes, &[0], reach.bits))
}

/// What the leaves below some nodes depend on.
#[derive(Clone, Debug, Default)]
struct Reach {
    /// Distinct, ascending.
    bits: Vec<Bit>,
    /// Distinct, ascending.
    features: Vec<usize>,
}

impl Reach {
    /// Of the leaves below `root`; less than all of it where that exceeds `limits`.
    fn new(boxes: &Boxes<'_>, root: usize, limits: Limits) -> Self {
        let mut reach = Self::default();
        for node in boxes.conditions(root) {
            let edge = boxes.edge(node);
            note(&mut reach.features, edge.feature);
            note(&mut reach.bits, above(node, edge).0);
        }
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            if let (NodeKind::Split(split), true) = (&boxes.tree.nodes[node].kind, reach.fits(limits)) {
                note(&mut reach.features, split.feature);
                note(&mut reach.bits, Bit::Split(boxes.edge(split.left).split));
                stack.extend([split.left, split.right]);
            }
        }
        reach.bits.sort_unstable();
        reach.features.sort_unstable();
        reach
    }

    fn fits(&self, limits: Limits) -> bool {
        self.bits.len() <= limits.bits && self.features.len() <= limits.features
    }

    fn join(&mut self, other: &Self) {
        other.bits.iter().for_each(|bit| note(&mut self.bits, *bit));
        other.features.iter().for_each(|feature| note(&mut self.features, *feature));
        self.bits.sort_unstable();
        self.features.sort_unstable();
    }
}

/// The bit that says whether the condition of an edge above a subtree holds, and its value where it does.
fn above(node: usize, edge: &Edge) -> (Bit, bool) {
    if edge.previous.is_none() { (Bit::Split(edge.split), edge.left) } else { (Bit::Edge(node), true) }
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

/// Roots of the largest subtrees that fit, in preorder, with their reaches; together they hold every leaf once.
fn subtrees(boxes: &Boxes<'_>, limits: Limits) -> Vec<(usize, Reach)> {
    let mut roots = Vec::new();
    let mut stack = vec![0];
    while let Some(node) = stack.pop() {
        let reach = Reach::new(boxes, node, limits);
        match &boxes.tree.nodes[node].kind {
            NodeKind::Split(split) if !reach.fits(limits) => stack.extend([split.right, split.left]),
            _ => roots.push((node, reach)),
        }
    }
    roots
}

/// The leaves below `roots`, for an index of `bits`.
fn of_subtrees(boxes: &Boxes<'_>, roots: &[usize], bits: Vec<Bit>) -> Group {
    let (mut leaves, mut path, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    for root in roots {
        let mut common: Vec<Wanted> = Vec::new();
        for node in boxes.conditions(*root) {
            let edge = boxes.edge(node);
            Wanted::note(&mut common, edge, &bits, above(node, edge));
        }
        for node in boxes.leaves_below(*root) {
            let NodeKind::Leaf(leaf) = boxes.tree.nodes[node].kind else { unreachable!("only leaves are below") };
            wanted.clone_from(&common);
            path.clear();
            path.extend(boxes.path(node, *root));
            path.iter().rev().for_each(|edge| Wanted::note(&mut wanted, edge, &bits, (Bit::Split(edge.split), edge.left)));
            wanted.sort_unstable_by_key(|wanted| wanted.feature);
            leaves.push(GroupLeaf { leaf, conditions: wanted.iter().map(Wanted::condition).collect() });
        }
    }
    Group { bits, leaves }
}

/// A condition on the way into a leaf: the bits that must be set, and those that must not.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    feature: usize,
    ratio: f64,
    set: u32,
    unset: u32,
}

impl Wanted {
    /// Adds an edge below all edges noted, whose bit has a value.
    fn note(wanted: &mut Vec<Self>, edge: &Edge, bits: &[Bit], (bit, value): (Bit, bool)) {
        let place = bits.iter().position(|known| *known == bit).unwrap_or_else(|| unreachable!("every bit was collected"));
        let known = wanted.iter().position(|known| known.feature == edge.feature).unwrap_or_else(|| {
            wanted.push(Self { feature: edge.feature, ratio: edge.ratio, set: 0, unset: 0 });
            wanted.len() - 1
        });
        let known = &mut wanted[known];
        known.ratio = edge.ratio;
        *(if value { &mut known.set } else { &mut known.unset }) |= 1 << place;
    }

    fn condition(&self) -> Condition {
        let Self { feature, ratio, set, unset } = *self;
        // A path that wants both answers to one question is never taken: no masked index equals a bit outside the mask.
        let (mask, want) = if set & unset == 0 { (set | unset, set) } else { (0, 1) };
        Condition { feature, ratio, mask, want }
    }
}

/// Adds what is not there yet.
fn note<T: PartialEq>(known: &mut Vec<T>, new: T) {
    if !known.contains(&new) {
        known.push(new);
    }
}
