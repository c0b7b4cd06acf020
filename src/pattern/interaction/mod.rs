//! SHAP interaction values: how much of a row's attributions two features owe to each other, for every pair of features that share a path.

mod compile;
mod game;
mod leaf;

use std::ops::Range;
use std::sync::Arc;

use super::block::{BLOCK, STRIDE, Word};
use super::program::{Lookup, Program};
use super::shape::Shape;
use super::super_blocks;
use super::table::{Panel, Tables};
use crate::dataset::FeatureBlock;
use crate::model::Forest;
use leaf::{Memo, PairLeaf};

pub(super) use compile::{LeafGame, Part};

/// Interaction values of a forest under one game, in margin space; of all other pairs of features they are zero.
///
/// Cells are those of `shap` and XGBoost (Lundberg et al. 2020): the Shapley interaction index of two features is halved between the cells
/// `(a, b)` and `(b, a)`, and the cell `(a, a)` holds the main effect, what is left of the attribution. So the cells of a feature with all
/// features, itself included, sum to its attribution.
#[derive(Debug)]
pub struct Interactions {
    shape: Shape,
    pairs: Vec<(usize, usize)>,
    trees: Vec<PairTree>,
    tables: Tables,
}

/// A tree ready to be applied to blocks.
#[derive(Debug)]
struct PairTree {
    program: Program,
    groups: Vec<PairGroup>,
    leaves: Vec<PairLeaf>,
}

/// A group's index and its tables, each with a panel of its own.
#[derive(Debug)]
struct PairGroup {
    lookup: Lookup,
    panels: Vec<Panel>,
}

/// Most blocks of a super-block: all tables are read from memory once a super-block.
const SUPER_BLOCKS: usize = 16;
/// Most values that a super-block's output holds.
const SUPER_VALUES: usize = 4 << 20;

impl Interactions {
    /// The forest.
    pub fn forest(&self) -> &Arc<Forest> {
        &self.shape.forest
    }

    /// The cells `(a, b)`, `a ≤ b`, of [`values`](Self::values): features that are tested, and pairs of them that share a path, ascending.
    pub fn pairs(&self) -> &[(usize, usize)] {
        &self.pairs
    }

    /// The cells of some of a block's rows, `(output · pairs + pair) · rows + row`, by super-blocks in parallel. A row's result depends on that
    /// row alone.
    pub fn values(&self, block: &FeatureBlock, rows: Range<usize>) -> Vec<f64> {
        let (start, rows, columns) = (rows.start, rows.len(), self.columns());
        let share = rows.div_ceil(BLOCK).div_ceil(rayon::current_num_threads()).max(1);
        let step = (SUPER_VALUES / (columns + 1) / BLOCK).clamp(1, SUPER_BLOCKS).min(share) * BLOCK;
        let mut values = vec![0.0; columns * rows];
        let kept = values.chunks_exact_mut(rows.max(1)).chain([&mut [][..]]);
        super_blocks::compute(rows, step, kept.collect(), |first, rows, out| self.super_block(block, start + first, rows, out));
        values
    }

    /// Columns: one for each output and cell.
    fn columns(&self) -> usize {
        self.pairs.len() * self.shape.forest.outputs.len()
    }

    /// Adds one super-block to zeros, `(block · (columns + 1) + column) · STRIDE + row`; the last column is for unused lanes.
    fn super_block(&self, block: &FeatureBlock, first: usize, rows: usize, out: &mut [f64]) {
        let (kernels, stride) = (self.shape.kernels, (self.columns() + 1) * STRIDE);
        let blocks = self.shape.rank_blocks(block, first, rows);
        let (lines, mut slots) = (self.tables.lines(), Vec::<Word>::new());
        for tree in &self.trees {
            let mut memos = vec![Memo::new(); tree.leaves.len()];
            for (ranks, out) in blocks.iter().zip(out.chunks_exact_mut(stride)) {
                for group in &tree.groups {
                    let mut indices = [0; BLOCK];
                    (kernels.look_up)(&group.lookup, ranks, &mut indices);
                    group.panels.iter().for_each(|panel| (kernels.add)(panel, lines, std::slice::from_ref(&indices), out));
                }
                if !tree.leaves.is_empty() {
                    (kernels.run)(&tree.program, ranks, &mut slots);
                }
                for (leaf, memo) in tree.leaves.iter().zip(&mut memos) {
                    leaf.add(&slots, &self.shape.rules, memo, out);
                }
            }
        }
    }
}
