//! Trees of a `.cbm` file: runs of splits, or nodes that tell how far their children are.

use super::super::document::{Shape, SourceNode, SourceTree};
use super::flatbuffer::Table;
use super::malformed;
use crate::model::error::ReadError;

/// Arrays of all trees together.
struct Arrays {
    /// A split a level or a node.
    splits: Vec<i32>,
    values: Vec<f64>,
    weights: Vec<f64>,
    /// How far the children for a clear and a set bit come after each node; 0 where there is none.
    steps: Vec<(u16, u16)>,
    /// Where each node's values begin.
    leaves: Vec<u32>,
    /// Leaves that a node has.
    taken: Vec<bool>,
    outputs: usize,
}

/// All trees, whose leaves hold `outputs` values each.
pub(super) fn source_trees(trees: &Table<'_>, outputs: usize) -> Result<Vec<SourceTree>, ReadError> {
    let mut arrays = Arrays {
        splits: trees.numbers(1)?,
        values: trees.numbers(8)?,
        weights: trees.numbers(9)?,
        steps: trees.numbers(10)?,
        leaves: trees.numbers(11)?,
        taken: Vec::new(),
        outputs,
    };
    if outputs == 0 {
        return malformed("`ApproxDimension` is not positive");
    }
    if !arrays.values.len().is_multiple_of(outputs) || !arrays.weights.is_empty() && arrays.weights.len() != arrays.values.len() / outputs {
        let (values, weights) = (arrays.values.len(), arrays.weights.len());
        return malformed(format!("{values} leaf values and {weights} leaf weights do not make up leaves of {outputs} values"));
    }
    arrays.taken = vec![false; arrays.values.len() / outputs];
    let (mut start, mut first_leaf, mut found) = (0_usize, 0_usize, Vec::new());
    for (index, size) in trees.numbers::<i32>(2)?.into_iter().enumerate() {
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size)).filter(|end| *end <= arrays.splits.len());
        let Some(end) = end else {
            return malformed(format!("tree {index}: {size} splits are declared, but the file has {} more", arrays.splits.len() - start));
        };
        let tree = if arrays.steps.is_empty() { arrays.oblivious(start, end, first_leaf) } else { arrays.nodes(start, end) };
        let tree = tree.map_err(|message| ReadError::Malformed(format!("tree {index}: {message}")))?;
        (start, first_leaf) = (end, first_leaf + tree.values.len() / outputs);
        found.push(tree);
    }
    if first_leaf * outputs != arrays.values.len() {
        return malformed(format!("the trees have {first_leaf} leaves, but the file holds {}", arrays.values.len() / outputs));
    }
    Ok(found)
}

impl Arrays {
    fn split(&self, at: usize) -> Result<usize, String> {
        usize::try_from(self.splits[at]).map_err(|_| format!("split {} does not exist", self.splits[at]))
    }

    fn oblivious(&self, start: usize, end: usize, first_leaf: usize) -> Result<SourceTree, String> {
        let splits = (start..end).map(|at| self.split(at)).collect::<Result<Vec<_>, _>>()?;
        let total = self.values.len() / self.outputs;
        let leaves =
            u32::try_from(splits.len()).ok().and_then(|depth| 1_usize.checked_shl(depth)).filter(|leaves| *leaves <= total - first_leaf);
        let Some(leaves) = leaves else {
            return Err(format!("{} splits, but the file has {} more leaves", splits.len(), total - first_leaf));
        };
        let values = self.values[first_leaf * self.outputs..(first_leaf + leaves) * self.outputs].to_vec();
        let weights = self.weights.get(first_leaf..first_leaf + leaves).unwrap_or_default().to_vec();
        Ok(SourceTree { shape: Shape::Oblivious(splits), values, weights })
    }

    /// Nodes from `start` to `end`; one that has a child on one side alone is itself the leaf of the other side.
    fn nodes(&mut self, start: usize, end: usize) -> Result<SourceTree, String> {
        let count = end - start;
        let (mut nodes, mut own_leaves) = (Vec::with_capacity(count), Vec::new());
        let mut tree = SourceTree { shape: Shape::Oblivious(Vec::new()), values: Vec::new(), weights: Vec::new() };
        for node in 0..count {
            let Some(&(clear, set)) = self.steps.get(start + node) else { return Err(format!("node {node} has no steps to its children")) };
            let child = |step: u16, own: usize| if step > 0 { node + usize::from(step) } else { own };
            let own = count + own_leaves.len();
            let (clear, set) = (child(clear, own), child(set, own));
            if clear == own && set == own {
                nodes.push(self.leaf(start + node, &mut tree)?);
                continue;
            }
            if clear == own || set == own {
                own_leaves.push(self.leaf(start + node, &mut tree)?);
            }
            if let Some(beyond) = [clear, set].into_iter().find(|child| *child >= count && *child != own) {
                return Err(format!("child {beyond} of node {node} does not exist"));
            }
            nodes.push(SourceNode::Split { bin: self.split(start + node)?, clear, set });
        }
        nodes.extend(own_leaves);
        tree.shape = Shape::Nodes(nodes);
        Ok(tree)
    }

    /// A leaf with the values of the node at `at`; no other leaf may have them.
    fn leaf(&mut self, at: usize, tree: &mut SourceTree) -> Result<SourceNode, String> {
        let place = self.leaves.get(at).map(|place| *place as usize).filter(|place| place.is_multiple_of(self.outputs));
        let Some(leaf) = place.map(|place| place / self.outputs) else { return Err("a node's leaf values have no place".into()) };
        match self.taken.get_mut(leaf) {
            Some(taken) if !*taken => *taken = true,
            _ => return Err(format!("leaf {leaf} of the file does not exist, or another node has it")),
        }
        tree.values.extend_from_slice(&self.values[leaf * self.outputs..(leaf + 1) * self.outputs]);
        tree.weights.extend(self.weights.get(leaf));
        Ok(SourceNode::Leaf(tree.values.len() / self.outputs - 1))
    }
}
