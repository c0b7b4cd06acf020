//! The engine: a forest compiled for one game, applied to rows block by block.

use std::sync::Arc;

use rayon::prelude::*;

use super::block::{BLOCK, Word};
use super::compile::{BaseShares, CompiledTree, Options, path_dependent};
use super::cuts::TooManyCuts;
use super::kernel::InstructionSet;
use super::shape::Shape;
use super::sparse::{Memo, WIDEST};
use crate::dataset::FeatureBlock;
use crate::model::Forest;

/// Why a forest cannot be compiled.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// Too many thresholds on a feature.
    #[error(transparent)]
    TooManyCuts(#[from] TooManyCuts),
    /// A path with too many features for interventional explanations.
    #[error(
        "tree {tree} has a path that tests {features} different features; interventional explanations handle {WIDEST}: use path_dependent"
    )]
    TooWide {
        /// Tree number.
        tree: usize,
        /// Features on the path.
        features: usize,
    },
    /// This machine does not have the instructions.
    #[error("this machine does not run {0:?} instructions")]
    Instructions(InstructionSet),
    /// The background holds no weight.
    #[error("the background has no rows of positive weight")]
    EmptyBackground,
}

/// Attributions of a forest under one game, ready for any number of rows.
#[derive(Debug)]
pub struct Attributor {
    shape: Shape,
    trees: Vec<CompiledTree>,
    base: Vec<f64>,
}

/// Bytes of tables that one pass over a super-block uses: about half of a common L2 cache.
const CHUNK_BYTES: usize = 384 << 10;
/// Values that a super-block's output holds: about the other half.
const SUPER_VALUES: usize = 64 << 10;

impl Attributor {
    /// Compiles `forest` for path-dependent values, each tree its cheapest way; its covers are known.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn path_dependent(forest: Arc<Forest>) -> Result<Self, PatternError> {
        Self::path_dependent_with(forest, Options::default())
    }

    /// As [`Attributor::path_dependent`], with a choice of how.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn path_dependent_with(forest: Arc<Forest>, options: Options) -> Result<Self, PatternError> {
        let shape = Shape::new(forest, options.instructions)?;
        let compiled = shape.forest.trees.par_iter().map(|tree| path_dependent(&shape, tree, options.route)).collect();
        Ok(Self::assemble(shape, compiled))
    }

    pub(super) fn assemble(shape: Shape, compiled: Vec<(CompiledTree, BaseShares)>) -> Self {
        let mut base = shape.forest.base.clone();
        let mut trees = Vec::with_capacity(compiled.len());
        for (tree, shares) in compiled {
            shares.into_iter().for_each(|(output, share)| base[output] += share);
            trees.push(tree);
        }
        Self { shape, trees, base }
    }

    /// The forest.
    pub fn forest(&self) -> &Arc<Forest> {
        &self.shape.forest
    }

    /// Base value of each output: the value of the empty coalition, in margin space.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// Attributions in margin space, `(output · features + feature) · rows + row`, by whole super-blocks in parallel.
    pub fn attribute(&self, block: &FeatureBlock) -> Vec<f64> {
        let (rows, columns) = (block.rows(), self.shape.columns());
        let step = (SUPER_VALUES / columns.max(1) / BLOCK).clamp(1, 32) * BLOCK;
        let firsts: Vec<usize> = (0..rows).step_by(step).collect();
        let parts: Vec<Vec<f64>> = firsts.par_iter().map(|first| self.attribute_rows(block, *first, step.min(rows - first))).collect();
        let mut values = vec![0.0; columns * rows];
        for (column, values) in values.chunks_exact_mut(rows.max(1)).enumerate() {
            for (first, part) in firsts.iter().zip(&parts) {
                let count = step.min(rows - first);
                for (number, values) in values[*first..first + count].chunks_mut(BLOCK).enumerate() {
                    let start = (number * (columns + 1) + column) * BLOCK;
                    values.copy_from_slice(&part[start..start + values.len()]);
                }
            }
        }
        values
    }

    /// One super-block: `(block · (columns + 1) + column) · BLOCK + row`.
    fn attribute_rows(&self, block: &FeatureBlock, first: usize, rows: usize) -> Vec<f64> {
        let kernels = self.shape.kernels;
        let (features, stride) = (self.shape.forest.features.len(), (self.shape.columns() + 1) * BLOCK);
        let blocks = self.shape.rank_blocks(block, first, rows);
        let mut out = vec![0.0; blocks.len() * stride];
        let (mut slots, mut scratch): (Vec<Word>, _) = (Vec::new(), Vec::new());
        for chunk in chunks(&self.trees) {
            let mut memos: Vec<Vec<Memo>> = chunk.iter().map(|tree| vec![Memo::new(); tree.wide.len()]).collect();
            for (ranks, out) in blocks.iter().zip(out.chunks_exact_mut(stride)) {
                for (tree, memos) in chunk.iter().zip(&mut memos) {
                    (kernels.run)(&tree.program, ranks, &mut slots);
                    for group in &tree.groups {
                        let indices = (kernels.index)(&group.bits, &slots);
                        group.panels.iter().for_each(|panel| (kernels.add)(panel, &indices, out));
                    }
                    if let Some(sweep) = &tree.sweep {
                        (kernels.sweep)(sweep, &slots, features, &mut scratch, out);
                    }
                    for (wide, memo) in tree.wide.iter().zip(memos) {
                        wide.leaf.accumulate(&slots, &wide.background, memo, &wide.values, features, out);
                    }
                }
            }
        }
        out
    }
}

/// Trees in runs whose tables stay in cache together.
fn chunks(trees: &[CompiledTree]) -> impl Iterator<Item = &[CompiledTree]> {
    let mut rest = trees;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let count = rest.iter().take_while(|tree| {
            bytes += tree.bytes;
            bytes <= CHUNK_BYTES
        });
        let (chunk, later) = rest.split_at(count.count().clamp(1.min(rest.len()), 64));
        rest = later;
        (!chunk.is_empty()).then_some(chunk)
    })
}
