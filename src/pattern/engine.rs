//! The engine: a forest compiled for one game, applied to rows block by block.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::block::{BLOCK, RankBlock, STRIDE, WORDS, Word};
use super::compile::{CompiledTree, GroupGame, Options, TreeWalk, path_dependent};
use super::cuts::TooManyCuts;
use super::kernel::{InstructionSet, Scratch, fetch};
use super::shape::Shape;
use super::sparse::{Memo, WIDEST};
use super::stack::{Outline, Stack};
use super::super_blocks;
use super::table::Tables;
use super::walk::{self, Margins, Waiting};
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Tree};

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
    /// A tree whose leaves are no constants.
    #[error(
        "tree {tree} has linear leaves (LightGBM's linear_tree): their values differ within a leaf, so no values of TreeSHAP are exact; \
         switch tree_shap off and explain the predictions with kernel_shap or permutation, or train with linear_tree=false"
    )]
    LinearLeaves {
        /// Tree number.
        tree: usize,
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
    margins: Vec<Margins>,
    walks: Vec<TreeWalk>,
    stacks: Vec<Stack>,
    tables: Tables,
    base: Vec<f64>,
}

/// What the engine says of rows, in margin space.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributions {
    /// Attributions, `(output · features + feature) · rows + row`.
    pub values: Vec<f64>,
    /// Margins, `output · rows + row`: base and leaves summed in tree order, equal to the bit to [`Forest::margins`].
    pub margins: Vec<f64>,
}

/// Bytes of tables that stay in cache while a super-block's blocks pass: a quarter of a common L2 cache.
const RUN_BYTES: usize = 256 << 10;
/// Most blocks of a super-block. All tables are read from memory once a super-block, so it must be long for that to cost little:
/// with 112 MB of tables and blocks of 128 rows, 16 blocks made 43 000 rows/s, 64 blocks 60 000, 128 no more.
const SUPER_BLOCKS: usize = 64;
/// Most values that a super-block's output holds, for models with many columns.
const SUPER_VALUES: usize = 1 << 20;

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
        Ok(Self::covered(Shape::new(forest, options.instructions)?, options))
    }

    /// Path-dependent Banzhaf values in place of Shapley's: each feature's mean gain over all coalitions of the others. They do not sum to
    /// the margin.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn path_dependent_banzhaf(forest: Arc<Forest>, options: Options) -> Result<Self, PatternError> {
        Ok(Self::covered(Shape::new(forest, options.instructions)?.banzhaf(), options))
    }

    fn covered(shape: Shape, options: Options) -> Self {
        let compiled = path_dependent(&shape, options);
        Self::assemble(shape, compiled)
    }

    pub(super) fn assemble(shape: Shape, compiled: Vec<CompiledTree>) -> Self {
        let mut base = shape.forest.base.clone();
        let (mut margins, mut walks, mut groups) = (Vec::with_capacity(compiled.len()), Vec::new(), Vec::new());
        for (tree, compiled) in shape.forest.trees.iter().zip(compiled) {
            compiled.base.into_iter().for_each(|(output, share)| base[output] += share);
            margins.push(compiled.margins);
            walks.extend(compiled.walk);
            groups.extend(compiled.groups.into_iter().map(|group| (tree, group)));
        }
        let columns = shape.feature_columns();
        let outline = |(tree, game): &mut (&Tree, GroupGame)| Outline {
            columns: columns.of_group(&game.group, tree),
            lookup: std::mem::take(&mut game.lookup),
        };
        let outlines: Vec<Outline> = groups.par_iter_mut().map(outline).collect();
        let stacks = Stack::all(&outlines, columns.spare());
        let panels = stacks.iter().map(|stack| (&stack.panel, &stack.groups[..]));
        let tables = Tables::build(panels, &groups, |(tree, game), targets, scratch| {
            game.add(&columns, tree, &shape.rules, targets, scratch);
        });
        drop(groups);
        Self { shape, margins, walks, stacks, tables, base }
    }

    /// The forest.
    pub fn forest(&self) -> &Arc<Forest> {
        &self.shape.forest
    }

    /// Base value of each output: the value of the empty coalition, in margin space.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// Attributions and margins of all rows, by super-blocks in parallel. A row's result depends on that row alone.
    pub fn attribute(&self, block: &FeatureBlock) -> Attributions {
        let (rows, columns, outputs) = (block.rows(), self.shape.columns(), self.base.len());
        // Sweeps take as many words as have rows, tables whole blocks.
        let unit = if self.stacks.is_empty() { BLOCK / WORDS } else { BLOCK };
        let share = rows.div_ceil(unit).div_ceil(rayon::current_num_threads()).max(1) * unit;
        let step = ((SUPER_VALUES / (columns + outputs) / BLOCK).clamp(1, SUPER_BLOCKS) * BLOCK).min(share);
        let (mut values, mut margins) = (vec![0.0; columns * rows], vec![0.0; outputs * rows]);
        let kept = values.chunks_exact_mut(rows.max(1)).chain([&mut [][..]]).chain(margins.chunks_exact_mut(rows.max(1)));
        super_blocks::compute(rows, step, kept.collect(), |first, rows, out| self.attribute_rows(block, first, rows, out));
        Attributions { values, margins }
    }

    /// Columns of a block: attributions, a spare one for unused lanes, margins.
    fn columns(&self) -> usize {
        self.shape.columns() + 1 + self.base.len()
    }

    /// Adds one super-block to zeros: `(block · columns + column) · STRIDE + row`.
    fn attribute_rows(&self, block: &FeatureBlock, first: usize, rows: usize, out: &mut [f64]) {
        let (kernels, features) = (self.shape.kernels, self.shape.forest.features.len());
        let stride = self.columns() * STRIDE;
        let first_margin = (self.shape.columns() + 1) * STRIDE;
        let blocks = self.shape.rank_blocks(block, first, rows);
        for out in out.chunks_exact_mut(stride) {
            out[first_margin..].chunks_exact_mut(STRIDE).zip(&self.shape.forest.base).for_each(|(margins, base)| margins.fill(*base));
        }
        self.add_margins(&blocks, out, stride, first_margin);
        self.add_walks(&blocks, out, stride, features);
        let (lines, mut scratch) = (self.tables.lines(), Vec::new());
        let mut runs = runs(&self.stacks).peekable();
        while let Some(run) = runs.next() {
            // While a run's tables serve block after block, the next run's are fetched bit by bit.
            let next = runs.peek().map_or(&[][..], |next| &lines[extent(next)]);
            let mut parts = next.chunks(next.len().div_ceil(blocks.len()).max(1));
            for (ranks, out) in blocks.iter().zip(out.chunks_exact_mut(stride)) {
                parts.next().into_iter().for_each(fetch);
                run.iter().for_each(|stack| stack.add(&kernels, lines, ranks, &mut scratch, out));
            }
        }
    }

    fn add_margins(&self, blocks: &[RankBlock], out: &mut [f64], stride: usize, first: usize) {
        let mut waiting = Waiting::default();
        for trees in self.margins.chunks(walk::TOGETHER) {
            for (ranks, out) in blocks.iter().zip(out.chunks_exact_mut(stride)) {
                Margins::add_all(trees, &self.shape.kernels, ranks, &mut waiting, &mut out[first..]);
            }
        }
    }

    fn add_walks(&self, blocks: &[RankBlock], out: &mut [f64], stride: usize, features: usize) {
        let (kernels, mut slots, mut scratch) = (self.shape.kernels, Vec::<Word>::new(), Scratch::default());
        for walk in &self.walks {
            let mut memos = vec![Memo::new(); walk.wide.len()];
            for (ranks, out) in blocks.iter().zip(out.chunks_exact_mut(stride)) {
                (kernels.run)(&walk.program, ranks, &mut slots);
                if let Some(sweep) = &walk.sweep {
                    (kernels.sweep)(sweep, &slots, ranks.words(), features, &mut scratch, out);
                }
                for (wide, memo) in walk.wide.iter().zip(&mut memos) {
                    wide.leaf.accumulate(&slots, (&wide.background, &self.shape.rules), memo, &wide.values, features, out);
                }
            }
        }
    }
}

/// Where the tables of stacks lie, one behind the other.
fn extent(stacks: &[Stack]) -> Range<usize> {
    let mut tables = stacks.iter().flat_map(|stack| &stack.panel.tables);
    tables.next().map_or(0..0, |first| first.start..tables.next_back().unwrap_or(first).end)
}

/// Stacks in runs whose tables stay in cache together.
fn runs(stacks: &[Stack]) -> impl Iterator<Item = &[Stack]> {
    let mut rest = stacks;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let count = rest.iter().take_while(|stack| {
            bytes += stack.panel.bytes();
            bytes <= RUN_BYTES
        });
        let (run, later) = rest.split_at(count.count().clamp(1.min(rest.len()), 64));
        rest = later;
        (!run.is_empty()).then_some(run)
    })
}
