//! Prediction by words: which of 64 rows reach each leaf.
//!
//! A left child's word is its parent's word and the split's decision, a right child's what is left of it; a leaf adds its value to the rows
//! whose bits are set. Where a byte tells a tree's leaves apart, the other way is shorter: every split, from the lowest up, selects each row's
//! leaf from those that its children selected. Each row meets one leaf a tree, in tree order, so sums are those of a plain walk, to the bit.

use std::ops::Range;

use super::block::{BLOCK, Op, RankBlock, STRIDE, WORDS, Word};
use super::boxes::Boxes;
use super::group::Group;
use super::kernel::{Indices, Kernels};
use super::program::{Lookup, Program};
use super::shape::leaf_values;
use crate::model::{NodeKind, Tree};

/// How a tree's margins come about.
#[derive(Debug)]
pub(super) enum Margins {
    /// The index of the tree's only group tells the leaf.
    Index(Lookup, Leaves),
    /// Node by node.
    Walk(LeafWalk),
}

/// What waits on the way through a tree, used again and again.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Rows that wait for the subtree that they pass.
    rows: Vec<Word>,
    /// Leaves that wait for those of the sibling's subtree.
    leaves: Vec<Indices>,
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

/// A tree's nodes with its leaves.
#[derive(Clone, Debug)]
pub(super) struct LeafWalk {
    nodes: Nodes,
    leaves: Leaves,
}

/// A tree's nodes in the order of a walk.
#[derive(Clone, Debug)]
enum Nodes {
    /// Preorder.
    Down(Vec<WalkNode>),
    /// The splits of a tree of few leaves that tests byte columns only, children before parents.
    Up(Vec<Select>),
}

/// Selects the leaf of each row at a split: the left child's where the rank in the column is at most the cut, else the right child's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Select {
    pub column: u32,
    pub cut: u8,
    pub from: Sides,
}

/// Where a split's leaves come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sides {
    /// Both children are leaves. What was selected last must wait, for the sibling.
    Leaves(u8, u8),
    /// The left child is a leaf; the right one's leaves were selected last.
    LeftLeaf(u8),
    /// The right child is a leaf; the left one's leaves were selected last.
    RightLeaf(u8),
    /// The left child's leaves wait; the right one's were selected last.
    Neither,
}

/// Trees whose leaves are added together where indices tell them: a row's margin is loaded and stored once for all.
pub(super) const TOGETHER: usize = 4;
/// Leaves that a byte can tell apart.
const NARROW: usize = 256;

#[derive(Clone, Debug)]
enum WalkNode {
    /// Rows that pass go into the next node, the others into the one behind all below that.
    Split(Op),
    /// A leaf's number.
    Leaf(u32),
}

impl Margins {
    /// Of a tree, its program without anything but questions, and the group of all leaves where there is one.
    pub(super) fn new(boxes: &Boxes<'_>, mut program: Program, whole: Option<&Group>) -> Self {
        match whole {
            Some(group) => Self::Index(program.lookup(boxes, group), Leaves::of_group(boxes.tree, group)),
            _ => Self::Walk(LeafWalk::new(boxes, &program)),
        }
    }

    /// Adds every row's leaf of some trees, one tree after the other: `out[output · STRIDE + row] += value`.
    pub(super) fn add_all(trees: &[Self], kernels: &Kernels, ranks: &RankBlock, waiting: &mut Waiting, out: &mut [f64]) {
        let by_index = match trees {
            [Self::Index(a, of_a), Self::Index(b, of_b), Self::Index(c, of_c), Self::Index(d, of_d)] => {
                Leaves::of_one_output([of_a, of_b, of_c, of_d]).map(|(output, values)| ([a, b, c, d], output, values))
            }
            _ => None,
        };
        let Some((lookups, output, values)) = by_index else {
            trees.iter().for_each(|tree| tree.add(kernels, ranks, waiting, out));
            return;
        };
        let mut indices: [Indices; TOGETHER] = [[0; BLOCK]; TOGETHER];
        lookups.iter().zip(&mut indices).for_each(|(lookup, indices)| (kernels.look_up)(lookup, ranks, indices));
        let out = &mut out[output * STRIDE..][..BLOCK];
        let [a, b, c, d] = &indices;
        for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            let of_row = [*a, *b, *c, *d].map(usize::from);
            *out = values.iter().zip(of_row).fold(*out, |sum, (values, leaf)| sum + values[leaf]);
        }
    }

    /// Adds every row's leaf: `out[output · STRIDE + row] += value`.
    fn add(&self, kernels: &Kernels, ranks: &RankBlock, waiting: &mut Waiting, out: &mut [f64]) {
        match self {
            Self::Index(lookup, leaves) => {
                let mut indices: Indices = [0; BLOCK];
                (kernels.look_up)(lookup, ranks, &mut indices);
                leaves.add(&indices, out);
            }
            Self::Walk(walk) => (kernels.walk)(walk, ranks, waiting, out),
        }
    }
}

impl Leaves {
    /// The output and the values of trees that all add to one and the same.
    fn of_one_output(trees: [&Self; TOGETHER]) -> Option<(usize, [&[f64; NARROW]; TOGETHER])> {
        let output = trees[0].outputs.start;
        let alike = trees.iter().all(|leaves| leaves.outputs == (output..output + 1));
        alike.then(|| (output, trees.map(|leaves| &leaves.values.as_chunks().0[0])))
    }

    /// By number.
    fn of_tree(tree: &Tree) -> Self {
        Self::new(tree, tree.leaves(), (0..tree.leaves()).map(Some))
    }

    /// By the index of the group that holds all leaves; indices that no row has get zeros.
    fn of_group(tree: &Tree, group: &Group) -> Self {
        let mut reached = vec![None; 1 << group.bits.len()];
        for leaf in &group.leaves {
            leaf.reached(group.bits.len()).for_each(|index| reached[index] = Some(leaf.leaf));
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
    /// Compiles a tree, given its questions.
    fn new(boxes: &Boxes<'_>, program: &Program) -> Self {
        let leaves = Leaves::of_tree(boxes.tree);
        let (mut nodes, mut open) = (Vec::with_capacity(boxes.tree.nodes.len()), vec![0]);
        while let Some(node) = open.pop() {
            match &boxes.tree.nodes[node].kind {
                NodeKind::Split(split) => {
                    let question = boxes.edge(split.left).split;
                    nodes.push(WalkNode::Split(program.op(question).clone()));
                    open.extend([split.right, split.left]);
                }
                NodeKind::Leaf(leaf) => nodes.push(WalkNode::Leaf(*leaf as u32)),
            }
        }
        let up = (leaves.stride == NARROW).then(|| selects(&nodes)).flatten();
        Self { nodes: up.map_or(Nodes::Down(nodes), Nodes::Up), leaves }
    }

    /// Adds every row's leaf: `out[output · STRIDE + row] += value`. `select` gives every row's leaf, of splits with children before parents;
    /// `pass` says which of some rows pass a test.
    #[inline(always)]
    pub(super) fn add(
        &self,
        waiting: &mut Waiting,
        select: impl FnOnce(&[Select], &mut Vec<Indices>) -> Indices,
        pass: impl Fn(&Op, &Word) -> Word,
        out: &mut [f64],
    ) {
        let nodes = match &self.nodes {
            Nodes::Up(selects) => return self.leaves.add(&select(selects, &mut waiting.leaves), out),
            Nodes::Down(nodes) => nodes,
        };
        let Leaves { outputs, stride, values } = &self.leaves;
        waiting.rows.clear();
        let mut here = [u64::MAX; WORDS];
        for node in nodes {
            match node {
                WalkNode::Split(op) => {
                    let left = pass(op, &here);
                    waiting.rows.push(std::array::from_fn(|word| here[word] & !left[word]));
                    here = left;
                }
                WalkNode::Leaf(leaf) => {
                    for (output, values) in outputs.clone().zip(values.chunks_exact(*stride)) {
                        let (value, out) = (values[*leaf as usize], &mut out[output * STRIDE..][..BLOCK]);
                        for (mut bits, out) in here.into_iter().zip(out.as_chunks_mut::<64>().0) {
                            while bits != 0 {
                                out[bits.trailing_zeros() as usize] += value;
                                bits &= bits - 1;
                            }
                        }
                    }
                    here = waiting.rows.pop().unwrap_or_default();
                }
            }
        }
    }
}

/// The splits of a tree given in preorder, children before parents, if all test byte columns and there is one.
fn selects(nodes: &[WalkNode]) -> Option<Vec<Select>> {
    // From the last node to the first, so that both children of a split are known before it: a leaf's number, or none for a subtree whose
    // splits are the given ones.
    let mut known: Vec<(Option<u8>, Vec<Select>)> = Vec::new();
    for node in nodes.iter().rev() {
        let of_node = match node {
            WalkNode::Leaf(leaf) => (Some(u8::try_from(*leaf).ok()?), Vec::new()),
            WalkNode::Split(Op::Narrow { column, cut }) => {
                let ((left, mut selects), (right, of_right)) = (known.pop()?, known.pop()?);
                let from = match (left, right) {
                    (Some(left), Some(right)) => Sides::Leaves(left, right),
                    (Some(left), None) => Sides::LeftLeaf(left),
                    (None, Some(right)) => Sides::RightLeaf(right),
                    (None, None) => Sides::Neither,
                };
                selects.extend(of_right);
                selects.push(Select { column: *column, cut: *cut, from });
                (None, selects)
            }
            WalkNode::Split(_) => return None,
        };
        known.push(of_node);
    }
    known.pop().map(|(_, selects)| selects).filter(|selects| !selects.is_empty())
}
