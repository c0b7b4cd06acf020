//! What every compiled forest shares: its cuts, the layout of its rank blocks, its quadrature rules.

use std::sync::Arc;

use super::block::{BLOCK, Layout, RankBlock};
use super::cuts::Cuts;
use super::engine::PatternError;
use super::game::Rules;
use super::group::GroupLeaf;
use super::kernel::{InstructionSet, Kernels};
use super::table::Columns;
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Tree, TreeOutput};

/// A forest with what quantising its rows needs.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub forest: Arc<Forest>,
    pub cuts: Cuts,
    pub layout: Layout,
    pub rules: Rules,
    pub kernels: Kernels,
}

impl Shape {
    /// On one thread: a predictor holds a lock meanwhile, and a thread that waited for others could be given a task that waits for that lock.
    pub(super) fn new(forest: Arc<Forest>, instructions: InstructionSet) -> Result<Self, PatternError> {
        if let Some(tree) = forest.trees.iter().position(|tree| !tree.linear.is_empty()) {
            return Err(PatternError::LinearLeaves { tree });
        }
        let kernels = instructions.kernels().ok_or(PatternError::Instructions(instructions))?;
        let cuts = Cuts::new(&forest)?;
        let layout = Layout::new(&cuts);
        let rules = Rules::up_to(forest.depth().min(forest.features.len()));
        Ok(Self { forest, cuts, layout, rules, kernels })
    }

    /// The same forest for Banzhaf values in place of Shapley's.
    pub(super) fn banzhaf(self) -> Self {
        Self { rules: self.rules.banzhaf(), ..self }
    }

    /// Output columns: one for each output and feature.
    pub(super) fn columns(&self) -> usize {
        self.forest.features.len() * self.forest.outputs.len()
    }

    /// The columns of attributions: one a feature.
    pub(super) fn feature_columns(&self) -> Columns<'static> {
        let of: &'static (dyn Fn(&GroupLeaf, &mut Vec<u32>) + Sync) =
            &|leaf, columns| columns.extend(leaf.conditions.iter().map(|condition| condition.feature as u32));
        Columns { width: self.forest.features.len(), outputs: self.forest.outputs.len(), of }
    }

    /// Rows `first..first + rows` of `block` as ranks, [`BLOCK`] at a time.
    pub(super) fn rank_blocks(&self, block: &FeatureBlock, first: usize, rows: usize) -> Vec<RankBlock> {
        (0..rows).step_by(BLOCK).map(|start| self.rank_block(block, first + start, BLOCK.min(rows - start))).collect()
    }

    /// Up to [`BLOCK`] rows from `first` as ranks.
    pub(super) fn rank_block(&self, block: &FeatureBlock, first: usize, rows: usize) -> RankBlock {
        let mut ranks = RankBlock::new(&self.layout);
        ranks.fill(&self.forest, &self.cuts, &self.layout, block, first, rows);
        ranks
    }
}

/// The outputs that a leaf adds to, with its scaled values.
pub(super) fn leaf_values(tree: &Tree, leaf: usize) -> impl ExactSizeIterator<Item = (usize, f64)> + '_ {
    let width = tree.leaf_width();
    let first = match tree.output {
        TreeOutput::One(output) => output,
        TreeOutput::All => 0,
    };
    tree.leaf_values[leaf * width..][..width].iter().enumerate().map(move |(k, value)| (first + k, value * tree.scale))
}
