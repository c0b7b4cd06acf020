//! One pass over the background: how often each pattern occurs, on every group and every wide leaf.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::block::{BLOCK, RankBlock};
use super::boxes::Boxes;
use super::compile::{CompiledTree, GroupGame, Options, Route, TreeWalk, WideTable};
use super::engine::{Attributor, PatternError};
use super::game::superset_sums;
use super::group::{Group, GroupLeaf, group};
use super::interaction::{Interactions, LeafGame, Part};
use super::kernel::{Indices, Kernels};
use super::program::{Lookup, Program};
use super::shape::{Shape, leaf_values};
use super::sparse::{Background, WIDEST, WideLeaf};
use super::value::{LeafShares, ValueFunction};
use super::walk::Margins;
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Tree};

/// Indices that a group may have.
const INDICES: usize = 256;
/// Tallies of one group that rows are counted in by turns: a count that follows another of the same index would have to wait for it.
const TALLIES: usize = 4;
/// Bytes of ranks that are counted by all trees before the next: they should stay in the second-level cache.
const RANK_BYTES: usize = 512 << 10;

/// Weights of rows by index, or their number.
type Tallies<T> = [[T; INDICES]; TALLIES];

/// Counts a block's rows by their indices.
fn tally_ones(indices: &Indices, rows: usize, tallies: &mut Tallies<u32>) {
    let (eights, rest) = indices[..rows].as_chunks::<8>();
    for indices in eights {
        let mut indices = u64::from_le_bytes(*indices);
        for turn in 0..8 {
            tallies[turn % TALLIES][(indices & 0xff) as usize] += 1;
            indices >>= 8;
        }
    }
    rest.iter().for_each(|index| tallies[0][usize::from(*index)] += 1);
}

/// Adds the weights of a block's rows to the tallies of their indices.
fn tally(indices: &Indices, weights: &[f64], tallies: &mut Tallies<f64>) {
    let (fours, rest) = weights.as_chunks::<TALLIES>();
    for (indices, weights) in indices.as_chunks::<TALLIES>().0.iter().zip(fours) {
        for ((tally, index), weight) in tallies.iter_mut().zip(indices).zip(weights) {
            tally[usize::from(*index)] += weight;
        }
    }
    let last = weights.len() - rest.len();
    indices[last..].iter().zip(rest).for_each(|(index, weight)| tallies[0][usize::from(*index)] += weight);
}

/// Adds what was tallied.
fn add<T: Copy + Into<f64>>(counts: &mut [f64], tallies: &Tallies<T>) {
    for (index, count) in counts.iter_mut().enumerate() {
        *count += tallies.iter().map(|tally| tally[index].into()).sum::<f64>();
    }
}

/// A forest compiled for interventional values, counting background patterns.
#[derive(Clone, Debug)]
pub struct BackgroundCounter {
    shape: Shape,
    trees: Vec<CountedTree>,
    weight: f64,
}

/// A tree whose groups' indices and wide leaves' patterns are counted.
#[derive(Clone, Debug)]
struct CountedTree {
    program: Program,
    groups: Vec<CountedGroup>,
    wide: Vec<(WideLeaf, HashMap<u128, f64>)>,
}

#[derive(Clone, Debug)]
struct CountedGroup {
    group: Group,
    lookup: Lookup,
    /// Weight of background rows, by index.
    counts: Vec<f64>,
}

impl BackgroundCounter {
    /// Compiles `forest`, each tree its cheapest way; no background row is counted yet.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn new(forest: Arc<Forest>) -> Result<Self, PatternError> {
        Self::with(forest, Options::default())
    }

    /// As [`BackgroundCounter::new`], with a choice of how.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn with(forest: Arc<Forest>, options: Options) -> Result<Self, PatternError> {
        let shape = Shape::new(forest, options.instructions)?;
        let compile = |(number, tree)| CountedTree::new(&shape, number, tree, options.route);
        let trees = shape.forest.trees.par_iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { shape, trees, weight: 0.0 })
    }

    /// Counts background rows; `weights` holds one finite weight ≥ 0 a row, or none for ones.
    pub fn count(&mut self, block: &FeatureBlock, weights: Option<&[f64]>) {
        let rows = block.rows();
        let block_of = |first| self.shape.rank_block(block, first, BLOCK.min(rows - first));
        let blocks: Vec<RankBlock> = (0..rows).into_par_iter().step_by(BLOCK).map(block_of).collect();
        self.weight += weights.map_or(rows as f64, |weights| weights.iter().sum());
        let together = (RANK_BYTES / self.shape.layout.bytes().max(1)).max(1);
        let kernels = self.shape.kernels;
        for (number, blocks) in blocks.chunks(together).enumerate() {
            let first = number * together * BLOCK;
            let rows = first..rows.min(first + together * BLOCK);
            let weights = weights.map(|weights| &weights[rows.clone()]);
            self.trees.par_iter_mut().for_each(|tree| tree.count(&kernels, blocks, rows.len(), weights));
        }
    }

    /// The interventional attributor against the rows counted.
    ///
    /// # Errors
    /// If no row of positive weight was counted.
    pub fn finish(self) -> Result<Attributor, PatternError> {
        let total = self.total()?;
        let shape = self.shape;
        let numbered: Vec<(usize, CountedTree)> = self.trees.into_iter().enumerate().collect();
        let compiled =
            numbered.into_par_iter().map(|(number, counted)| counted.finish(&shape, &shape.forest.trees[number], total)).collect();
        Ok(Attributor::assemble(shape, compiled))
    }

    /// Interventional Banzhaf values in place of Shapley's: each feature's mean gain over all coalitions of the others. They do not sum to
    /// the margin.
    ///
    /// # Errors
    /// If no row of positive weight was counted.
    pub fn finish_banzhaf(self) -> Result<Attributor, PatternError> {
        Self { shape: self.shape.banzhaf(), ..self }.finish()
    }

    /// The value function of every coalition against the rows counted.
    ///
    /// # Errors
    /// If no row of positive weight was counted.
    pub fn value_function(&self) -> Result<ValueFunction, PatternError> {
        let total = self.total()?;
        let trees = self.trees.par_iter().zip(&self.shape.forest.trees);
        let parts = trees.map(|(counted, tree)| (counted.program.clone(), counted.shares(tree.leaves(), total))).collect();
        Ok(ValueFunction::new(self.shape.clone(), parts))
    }

    /// The interventional interaction values against the rows counted.
    ///
    /// # Errors
    /// If no row of positive weight was counted.
    pub fn interactions(&self) -> Result<Interactions, PatternError> {
        let total = self.total()?;
        Ok(Interactions::compile(self.shape.clone(), |_, tree| self.trees[tree].part(total)))
    }

    /// The weight counted, if there is any.
    fn total(&self) -> Result<f64, PatternError> {
        if self.weight > 0.0 { Ok(self.weight) } else { Err(PatternError::EmptyBackground) }
    }
}

impl CountedTree {
    /// Counts the rows of some blocks.
    fn count(&mut self, kernels: &Kernels, blocks: &[RankBlock], rows: usize, weights: Option<&[f64]>) {
        self.groups.iter_mut().for_each(|group| group.count(kernels, blocks, rows, weights));
        if self.wide.is_empty() {
            return;
        }
        let (ones, mut slots) = ([1.0; BLOCK], Vec::new());
        for (number, ranks) in blocks.iter().enumerate() {
            let rows = number * BLOCK..rows.min((number + 1) * BLOCK);
            let weights = weights.map_or(&ones[..rows.len()], |weights| &weights[rows]);
            (kernels.run)(&self.program, ranks, &mut slots);
            for (leaf, counts) in &mut self.wide {
                let patterns = leaf.patterns(&slots);
                patterns.iter().zip(weights).for_each(|(pattern, weight)| *counts.entry(*pattern).or_insert(0.0) += weight);
            }
        }
    }

    fn new(shape: &Shape, number: usize, tree: &Tree, route: Route) -> Result<Self, PatternError> {
        let boxes = Boxes::new(tree);
        let features = boxes.widest();
        if features > WIDEST {
            return Err(PatternError::TooWide { tree: number, features });
        }
        let mut program = Program::new(&boxes, &shape.cuts, &shape.layout);
        let grouping = group(&boxes, route.limits());
        let groups = grouping.groups.into_iter().map(|group| {
            let lookup = program.lookup(&boxes, &group);
            let counts = vec![0.0; 1 << group.bits.len()];
            CountedGroup { group, lookup, counts }
        });
        let groups = groups.collect();
        let wide = grouping.left_out.iter().map(|node| (WideLeaf::new(&boxes, &mut program, *node), HashMap::new())).collect();
        Ok(Self { program, groups, wide })
    }

    /// The tree's tables, and what it adds to the base values.
    fn finish(self, shape: &Shape, tree: &Tree, total: f64) -> CompiledTree {
        let mut base = Vec::new();
        let mut add_base = |leaf: usize, share: f64| base.extend(leaf_values(tree, leaf).map(|(output, value)| (output, value * share)));
        let boxes = Boxes::new(tree);
        let whole = match (self.groups.as_slice(), self.wide.is_empty()) {
            ([counted], true) => Some(&counted.group),
            _ => None,
        };
        let margins = Margins::new(&boxes, Program::new(&boxes, &shape.cuts, &shape.layout), whole);
        let mut groups = Vec::new();
        for counted in self.groups {
            let shares: Vec<f64> = counted.counts.iter().map(|count| count / total).collect();
            counted.group.leaves.iter().for_each(|leaf| add_base(leaf.leaf, leaf.held(&shares)));
            groups.push(GroupGame { group: counted.group, lookup: counted.lookup, background: Some(shares) });
        }
        let mut wide = Vec::new();
        for (leaf, counts) in self.wide {
            let background = background(&counts, total);
            add_base(leaf.leaf, leaf.held(&background));
            let values = leaf_values(tree, leaf.leaf).collect();
            wide.push(WideTable { leaf, background, values });
        }
        let walk = (!wide.is_empty()).then_some(TreeWalk { program: self.program, sweep: None, wide });
        CompiledTree { margins, groups, walk, base }
    }

    /// The tree's leaves with the background's patterns.
    fn part(&self, total: f64) -> Part {
        let groups = self.groups.iter().map(|counted| {
            let games = counted.group.leaves.iter().map(|leaf| {
                let occur = counted.histogram(leaf, total).into_iter().enumerate().filter(|(_, share)| *share > 0.0);
                LeafGame::Background(Background(occur.map(|(pattern, share)| (pattern as u128, share)).collect()))
            });
            (counted.group.clone(), counted.lookup.clone(), games.collect())
        });
        let wide = self.wide.iter().map(|(leaf, counts)| (leaf.clone(), LeafGame::Background(background(counts, total))));
        Part { program: self.program.clone(), groups: groups.collect(), wide: wide.collect() }
    }

    /// The background's shares under the conditions of each leaf.
    fn shares(&self, leaves: usize, total: f64) -> Vec<LeafShares> {
        let mut shares: Vec<LeafShares> = (0..leaves).map(|_| LeafShares::Sparse(Background::default())).collect();
        for counted in &self.groups {
            for leaf in &counted.group.leaves {
                shares[leaf.leaf] = LeafShares::Dense(superset_sums(counted.histogram(leaf, total), 0..leaf.conditions.len()));
            }
        }
        for (leaf, counts) in &self.wide {
            shares[leaf.leaf] = LeafShares::Sparse(background(counts, total));
        }
        shares
    }
}

/// Counts as shares of the whole, sorted by pattern.
fn background(counts: &HashMap<u128, f64>, total: f64) -> Background {
    let mut patterns: Vec<(u128, f64)> = counts.iter().map(|(pattern, count)| (*pattern, count / total)).collect();
    patterns.sort_unstable_by_key(|entry| entry.0);
    Background(patterns)
}

impl CountedGroup {
    /// Counts the rows of some blocks by their indices.
    fn count(&mut self, kernels: &Kernels, blocks: &[RankBlock], rows: usize, weights: Option<&[f64]>) {
        match weights {
            None => {
                let mut tallies = [[0; INDICES]; TALLIES];
                self.each_block(kernels, blocks, rows, |indices, rows| tally_ones(indices, rows.len(), &mut tallies));
                add(&mut self.counts, &tallies);
            }
            Some(weights) => {
                let mut tallies = [[0.0; INDICES]; TALLIES];
                self.each_block(kernels, blocks, rows, |indices, rows| tally(indices, &weights[rows], &mut tallies));
                add(&mut self.counts, &tallies);
            }
        }
    }

    /// Shows the indices of the rows of each block.
    fn each_block(&self, kernels: &Kernels, blocks: &[RankBlock], rows: usize, mut show: impl FnMut(&Indices, Range<usize>)) {
        let mut indices = [0; BLOCK];
        for (number, ranks) in blocks.iter().enumerate() {
            (kernels.look_up)(&self.lookup, ranks, &mut indices);
            show(&indices, number * BLOCK..rows.min((number + 1) * BLOCK));
        }
    }

    /// Share of the background under each pattern of a leaf.
    fn histogram(&self, leaf: &GroupLeaf, total: f64) -> Vec<f64> {
        leaf.histogram(&self.counts.iter().map(|count| count / total).collect::<Vec<_>>())
    }
}
