//! Prediction by words: which of 64 rows reach each leaf, from the decisions already made.
//!
//! A node's word is its parent's word and the split's decision, or its complement; a leaf adds its value to the rows whose bits are set. Each
//! row meets one leaf a tree, in tree order, so sums are those of a plain walk, to the bit.

use std::ops::Range;

use super::block::{BLOCK, RankBlock, STRIDE, WORDS, Word};
use super::boxes::Boxes;
use super::group::Group;
use super::kernel::Kernels;
use super::program::{Lookup, Program};
use super::shape::leaf_values;
use crate::model::{NodeKind, Tree};

/// How a tree's margins come about.
#[derive(Debug)]
pub(super) enum Margins {
    /// The index of the tree's only group tells the leaf.
    Index(Lookup, Leaves),
    /// Node by node.
    Walk(Program, LeafWalk),
}

/// What margins need beside the rows, used again and again.
#[derive(Debug, Default)]
pub(super) struct MarginScratch {
    slots: Vec<Word>,
    reached: Vec<Word>,
}

/// Scaled leaf values, by leaf number or by the index of a group.
#[derive(Clone, Debug)]
pub(super) struct Leaves {
    /// Outputs that every leaf adds to.
    outputs: Range<usize>,
    /// Values of an output.
    stride: usize,
    /// `output · stride + leaf`, the outputs counted from the first.
    values: Vec<f64>,
}

/// A tree's nodes in preorder with its leaves.
#[derive(Clone, Debug)]
pub(super) struct LeafWalk {
    nodes: Vec<WalkNode>,
    leaves: Leaves,
}

/// Leaves that a byte can tell apart.
const NARROW: usize = 256;

#[derive(Clone, Copy, Debug)]
enum WalkNode {
    /// Slot of the question, and children.
    Split { slot: u32, left: u32, right: u32 },
    /// A leaf's number.
    Leaf(u32),
}

impl Margins {
    /// Of a tree, its program without anything but questions, and its groups if they hold all leaves.
    pub(super) fn new(boxes: &Boxes<'_>, mut program: Program, groups: Option<&[Group]>) -> Self {
        match groups {
            Some([group]) => Self::Index(program.lookup(boxes, group), Leaves::of_group(boxes.tree, group)),
            _ => Self::Walk(program, LeafWalk::new(boxes)),
        }
    }

    /// Adds every row's leaf: `out[output · STRIDE + row] += value`.
    pub(super) fn add(&self, kernels: &Kernels, ranks: &RankBlock, scratch: &mut MarginScratch, out: &mut [f64]) {
        match self {
            Self::Index(lookup, leaves) => leaves.add(&(kernels.look_up)(lookup, ranks), out),
            Self::Walk(program, walk) => {
                (kernels.run)(program, ranks, &mut scratch.slots);
                (kernels.walk)(walk, &scratch.slots, &mut scratch.reached, out);
            }
        }
    }
}

impl Leaves {
    /// By number.
    fn of_tree(tree: &Tree) -> Self {
        Self::new(tree, tree.leaves(), (0..tree.leaves()).map(Some))
    }

    /// By the index of the group that holds all leaves; indices that no row has get zeros.
    fn of_group(tree: &Tree, group: &Group) -> Self {
        let mut reached = vec![None; 1 << group.bits.len()];
        for leaf in &group.leaves {
            let (patterns, all) = (leaf.patterns(), (1 << leaf.conditions.len()) - 1);
            let reached = reached.iter_mut().enumerate().filter(|(index, _)| patterns.of(*index) == all);
            reached.for_each(|(_, reached)| *reached = Some(leaf.leaf));
        }
        Self::new(tree, NARROW, reached.into_iter())
    }

    fn new(tree: &Tree, places: usize, leaves: impl Iterator<Item = Option<usize>>) -> Self {
        let (width, stride) = (tree.leaf_width(), places.max(NARROW));
        let first = leaf_values(tree, 0).next().map_or(0, |(output, _)| output);
        let mut values = vec![0.0; width * stride];
        for (place, leaf) in leaves.enumerate() {
            let of_leaf = leaf.into_iter().flat_map(|leaf| leaf_values(tree, leaf));
            of_leaf.enumerate().for_each(|(k, (_, value))| values[k * stride + place] = value);
        }
        Self { outputs: first..first + width, stride, values }
    }

    /// Adds every row's leaf, where a byte tells it: `out[output · STRIDE + row] += value`.
    #[inline(always)]
    pub(super) fn add(&self, leaves: &[u8; BLOCK], out: &mut [f64]) {
        for (output, values) in self.outputs.clone().zip(self.values.as_chunks::<NARROW>().0) {
            let out = &mut out[output * STRIDE..][..BLOCK];
            out.iter_mut().zip(leaves).for_each(|(out, leaf)| *out += values[usize::from(*leaf)]);
        }
    }
}

impl LeafWalk {
    /// Compiles a tree.
    pub(super) fn new(boxes: &Boxes<'_>) -> Self {
        let nodes = boxes.tree.nodes.iter().map(|node| match &node.kind {
            NodeKind::Split(split) => {
                let slot = boxes.edges[split.left].as_ref().map_or(0, |edge| edge.split);
                WalkNode::Split { slot: slot as u32, left: split.left as u32, right: split.right as u32 }
            }
            NodeKind::Leaf(leaf) => WalkNode::Leaf(*leaf as u32),
        });
        Self { nodes: nodes.collect(), leaves: Leaves::of_tree(boxes.tree) }
    }

    /// The leaves, if a byte tells them apart.
    pub(super) fn narrow(&self) -> Option<&Leaves> {
        Some(&self.leaves).filter(|leaves| leaves.stride == NARROW)
    }

    /// Shows every leaf with the rows that reach it.
    #[inline(always)]
    pub(super) fn visit(&self, slots: &[Word], reached: &mut Vec<Word>, mut leaf_reached: impl FnMut(u32, &Word)) {
        reached.clear();
        reached.resize(self.nodes.len(), [u64::MAX; WORDS]);
        for (at, node) in self.nodes.iter().enumerate() {
            let here = reached[at];
            match *node {
                WalkNode::Split { slot, left, right } => {
                    let decision = slots[slot as usize];
                    reached[left as usize] = std::array::from_fn(|word| here[word] & decision[word]);
                    reached[right as usize] = std::array::from_fn(|word| here[word] & !decision[word]);
                }
                WalkNode::Leaf(leaf) => leaf_reached(leaf, &here),
            }
        }
    }

    /// Adds every row's leaf: `out[output · STRIDE + row] += value`.
    #[inline(always)]
    pub(super) fn add(&self, slots: &[Word], reached: &mut Vec<Word>, out: &mut [f64]) {
        let Leaves { outputs, stride, values } = &self.leaves;
        self.visit(slots, reached, |leaf, here| {
            for (output, values) in outputs.clone().zip(values.chunks_exact(*stride)) {
                let (value, out) = (values[leaf as usize], &mut out[output * STRIDE..][..BLOCK]);
                for (mut bits, out) in here.iter().copied().zip(out.as_chunks_mut::<64>().0) {
                    while bits != 0 {
                        out[bits.trailing_zeros() as usize] += value;
                        bits &= bits - 1;
                    }
                }
            }
        });
    }
}
