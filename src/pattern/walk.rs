//! Prediction by words: which of 64 rows reach each leaf, from the decisions already made.
//!
//! A node's word is its parent's word and the split's decision, or its complement; a leaf adds its value to the rows whose bits are set. Each
//! row meets one leaf a tree, in tree order, so sums are those of a plain walk, to the bit.

use super::block::{BLOCK, WORDS, Word};
use super::boxes::Boxes;
use super::shape::leaf_values;
use crate::model::NodeKind;

/// A tree's nodes in preorder with its scaled leaf values.
#[derive(Clone, Debug)]
pub(super) struct LeafWalk {
    nodes: Vec<WalkNode>,
    /// `(output, value)` of all leaves, `width` a leaf.
    values: Vec<(u32, f64)>,
    width: usize,
}

#[derive(Clone, Copy, Debug)]
enum WalkNode {
    /// Children of the next split in preorder.
    Split { left: u32, right: u32 },
    /// A leaf's number.
    Leaf(u32),
}

impl LeafWalk {
    /// Compiles a tree.
    pub(super) fn new(boxes: &Boxes<'_>) -> Self {
        let nodes = boxes.tree.nodes.iter().map(|node| match &node.kind {
            NodeKind::Split(split) => WalkNode::Split { left: split.left as u32, right: split.right as u32 },
            NodeKind::Leaf(leaf) => WalkNode::Leaf(*leaf as u32),
        });
        let leaves = 0..boxes.tree.leaves();
        let values = leaves.flat_map(|leaf| leaf_values(boxes.tree, leaf)).map(|(output, value)| (output as u32, value)).collect();
        Self { nodes: nodes.collect(), values, width: boxes.tree.leaf_width() }
    }

    /// Adds every row's leaf: `out[output · BLOCK + row] += value`. `slots` starts with the splits' decisions, in preorder.
    #[inline(always)]
    pub(super) fn add(&self, slots: &[Word], reached: &mut Vec<Word>, out: &mut [f64]) {
        reached.clear();
        reached.resize(self.nodes.len(), [u64::MAX; WORDS]);
        let mut decisions = slots.iter();
        for (at, node) in self.nodes.iter().enumerate() {
            let here = reached[at];
            match *node {
                WalkNode::Split { left, right } => {
                    let Some(decision) = decisions.next() else { return };
                    reached[left as usize] = std::array::from_fn(|word| here[word] & decision[word]);
                    reached[right as usize] = std::array::from_fn(|word| here[word] & !decision[word]);
                }
                WalkNode::Leaf(leaf) => {
                    for (output, value) in &self.values[leaf as usize * self.width..][..self.width] {
                        let out = &mut out[*output as usize * BLOCK..][..BLOCK];
                        for (mut bits, out) in here.into_iter().zip(out.as_chunks_mut::<64>().0) {
                            while bits != 0 {
                                out[bits.trailing_zeros() as usize] += value;
                                bits &= bits - 1;
                            }
                        }
                    }
                }
            }
        }
    }
}
