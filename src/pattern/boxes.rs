//! A tree's edges as merged conditions: one condition and one cover ratio for each feature on a root-to-leaf path.
//!
//! A leaf is then a box: the last merged condition of each feature on its path.

use rustc_hash::FxHashMap;

use crate::model::{CategorySet, NodeKind, Rule, Split, Tree};

/// The edge into a node, merged with the earlier edges on the same feature above it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Edge {
    /// Parent node.
    pub parent: usize,
    /// Number of the parent's question among [`Boxes::splits`].
    pub split: usize,
    /// Whether the node is the parent's left child.
    pub left: bool,
    /// Feature that the parent tests.
    pub feature: usize,
    /// Merged cover ratio: Π cover(child) / cover(parent) over the path's edges on this feature, up to this one.
    pub ratio: f64,
    /// The node whose edge is the previous one on this feature, if any.
    pub previous: Option<usize>,
}

/// Edges of a tree, by the node they lead to, and its questions.
#[derive(Clone, Debug)]
pub(super) struct Boxes<'a> {
    /// The tree.
    pub tree: &'a Tree,
    /// Edge into each node; `None` for the root.
    pub edges: Vec<Option<Edge>>,
    /// Splits that ask different questions, in preorder: an oblivious tree has one a level.
    pub splits: Vec<&'a Split>,
}

/// What a split asks.
#[derive(PartialEq, Eq, Hash)]
enum Question<'a> {
    Less(usize, bool, u64),
    LessOrEqual(usize, bool, u64),
    In(usize, bool, &'a CategorySet),
}

impl<'a> Question<'a> {
    fn of(split: &'a Split) -> Self {
        match &split.rule {
            Rule::Less(threshold) => Self::Less(split.feature, split.missing_left, threshold.to_bits()),
            Rule::LessOrEqual(threshold) => Self::LessOrEqual(split.feature, split.missing_left, threshold.to_bits()),
            Rule::In(codes) => Self::In(split.feature, split.missing_left, codes),
        }
    }
}

/// The part of a node's training weight that one of its children holds; where none reached the node, half.
fn share(tree: &Tree, parent: usize, child: usize) -> f64 {
    let [parent, child] = [parent, child].map(|node| tree.nodes[node].cover);
    if parent > 0.0 { child / parent } else { 0.5 }
}

impl<'a> Boxes<'a> {
    /// Merges the conditions along every path.
    pub(super) fn new(tree: &'a Tree) -> Self {
        let mut edges: Vec<Option<Edge>> = vec![None; tree.nodes.len()];
        let (mut splits, mut numbers) = (Vec::new(), FxHashMap::default());
        for (parent, node) in tree.nodes.iter().enumerate() {
            let NodeKind::Split(split) = &node.kind else { continue };
            let number = *numbers.entry(Question::of(split)).or_insert_with(|| {
                splits.push(split);
                splits.len() - 1
            });
            let previous = last_on_feature(&edges, parent, split.feature);
            let before = previous.and_then(|node| edges[node].as_ref()).map_or(1.0, |edge| edge.ratio);
            for (child, left) in [(split.left, true), (split.right, false)] {
                let ratio = before * share(tree, parent, child);
                let edge = Edge { parent, split: number, left, feature: split.feature, ratio, previous };
                edges[child] = Some(edge);
            }
        }
        Self { tree, edges, splits }
    }

    /// The share of the training weight that each node holds: the product of the cover ratios on its path.
    pub(super) fn shares(&self) -> Vec<f64> {
        let mut shares = vec![1.0; self.edges.len()];
        for (node, edge) in self.edges.iter().enumerate() {
            if let Some(edge) = edge {
                shares[node] = shares[edge.parent] * share(self.tree, edge.parent, node);
            }
        }
        shares
    }

    /// The nodes of the leaves, by leaf number.
    pub(super) fn leaf_nodes(&self) -> Vec<usize> {
        let mut nodes = vec![0; self.tree.leaves()];
        for (at, node) in self.tree.nodes.iter().enumerate() {
            if let NodeKind::Leaf(leaf) = node.kind {
                nodes[leaf] = at;
            }
        }
        nodes
    }

    /// Nodes whose edges are the box of `node`: the last edge of each feature on its path, from the node upwards.
    pub(super) fn conditions(&self, node: usize) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut at = node;
        while let Some(edge) = &self.edges[at] {
            if !found.iter().any(|known| self.edge(*known).feature == edge.feature) {
                found.push(at);
            }
            at = edge.parent;
        }
        found
    }

    /// All edges on the path to `node`, from the node upwards to (not including) `top`.
    pub(super) fn path(&self, node: usize, top: usize) -> impl Iterator<Item = &Edge> {
        let mut at = node;
        std::iter::from_fn(move || {
            if at == top {
                return None;
            }
            let edge = self.edges[at].as_ref()?;
            at = edge.parent;
            Some(edge)
        })
    }

    /// Leaves below `root`, from left to right.
    pub(super) fn leaves_below(&self, root: usize) -> Vec<usize> {
        let mut leaves = Vec::new();
        let mut stack = vec![root];
        while let Some(node) = stack.pop() {
            match &self.tree.nodes[node].kind {
                NodeKind::Leaf(_) => leaves.push(node),
                NodeKind::Split(split) => stack.extend([split.right, split.left]),
            }
        }
        leaves
    }

    /// The most features on any root-to-leaf path.
    pub(super) fn widest(&self) -> usize {
        let mut widths = vec![0; self.edges.len()];
        for (node, edge) in self.edges.iter().enumerate() {
            if let Some(edge) = edge {
                widths[node] = widths[edge.parent] + usize::from(edge.previous.is_none());
            }
        }
        widths.into_iter().max().unwrap_or(0)
    }

    /// The edge into a node that is not the root.
    pub(super) fn edge(&self, node: usize) -> &Edge {
        match &self.edges[node] {
            Some(edge) => edge,
            None => unreachable!("only the root has no edge"),
        }
    }
}

/// The nearest edge at or above `node` on `feature`, as the node it leads to.
fn last_on_feature(edges: &[Option<Edge>], node: usize, feature: usize) -> Option<usize> {
    let mut at = node;
    while let Some(edge) = &edges[at] {
        if edge.feature == feature {
            return Some(at);
        }
        at = edge.parent;
    }
    None
}
