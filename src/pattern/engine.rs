//! The engine: a forest compiled for one game, applied to rows block by block.

use std::sync::Arc;

use rayon::prelude::*;

use super::block::{BLOCK, Layout, RankBlock, Word};
use super::boxes::Boxes;
use super::cuts::{Cuts, TooManyCuts};
use super::game::{self, DENSE, Rules};
use super::group::{Group, GroupLeaf, Limits, group};
use super::program::{Program, indices};
use super::sparse::{Background, Memo, WIDEST, WideLeaf};
use super::sweep::Sweep;
use super::table::{Panel, accumulate, build};
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Tree, TreeOutput};

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
    /// The background holds no weight.
    #[error("the background has no rows of positive weight")]
    EmptyBackground,
}

/// A forest compiled for interventional values, counting background patterns.
#[derive(Debug)]
pub struct BackgroundCounter {
    shape: Shape,
    trees: Vec<CountedTree>,
    weight: f64,
}

/// Attributions of a forest under one game, ready for any number of rows.
#[derive(Debug)]
pub struct Attributor {
    shape: Shape,
    trees: Vec<CompiledTree>,
    base: Vec<f64>,
}

#[derive(Debug)]
struct Shape {
    forest: Arc<Forest>,
    cuts: Cuts,
    layout: Layout,
    rules: Rules,
}

/// A tree whose groups' indices and wide leaves' patterns are counted over the background.
#[derive(Debug)]
struct CountedTree {
    program: Program,
    groups: Vec<(Group, Vec<u32>, Vec<f64>)>,
    wide: Vec<(WideLeaf, std::collections::HashMap<u128, f64>)>,
}

#[derive(Debug)]
struct CompiledTree {
    program: Program,
    groups: Vec<CompiledGroup>,
    sweep: Option<Sweep>,
    wide: Vec<(WideLeaf, Background, Vec<(usize, f64)>)>,
    bytes: usize,
}

#[derive(Debug)]
struct CompiledGroup {
    bits: Vec<u32>,
    panels: Vec<Panel>,
}

const TABLES: Limits = Limits { bits: 8, features: 8, alone: 8 };
const JOINT: Limits = Limits { bits: 8, features: 8, alone: 10 };
/// Bytes of tables that one pass over a super-block uses: about half of a common L2 cache.
const CHUNK_BYTES: usize = 384 << 10;
/// Values that a super-block's output holds: about the other half.
const SUPER_VALUES: usize = 64 << 10;

/// Outputs of a leaf with their scaled values.
fn leaf_values(tree: &Tree, leaf: usize) -> Vec<(usize, f64)> {
    let width = tree.leaf_width();
    let first = match tree.output {
        TreeOutput::One(output) => output,
        TreeOutput::All => 0,
    };
    (0..width).map(|k| (first + k, tree.leaf_values[leaf * width + k] * tree.scale)).collect()
}

impl Shape {
    fn new(forest: Arc<Forest>) -> Result<Self, PatternError> {
        let cuts = Cuts::new(&forest)?;
        let layout = Layout::new(&cuts);
        let widest = forest.trees.par_iter().map(|tree| Boxes::new(tree).widest()).max().unwrap_or(0);
        Ok(Self { forest, cuts, layout, rules: Rules::up_to(widest) })
    }

    fn columns(&self) -> usize {
        self.forest.features.len() * self.forest.outputs.len()
    }
}

impl BackgroundCounter {
    /// Compiles `forest`; no background row is counted yet.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn new(forest: Arc<Forest>) -> Result<Self, PatternError> {
        let shape = Shape::new(forest)?;
        let compile = |(number, tree): (usize, &Tree)| {
            let boxes = Boxes::new(tree);
            let features = boxes.widest();
            if features > WIDEST {
                return Err(PatternError::TooWide { tree: number, features });
            }
            let mut program = Program::new(&boxes, &shape.cuts, &shape.layout);
            let grouping = group(&boxes, JOINT);
            let groups = grouping.groups.into_iter().map(|group| {
                let bits = program.compile(&boxes, &group);
                let counts = vec![0.0; 1 << bits.len()];
                (group, bits, counts)
            });
            let groups = groups.collect();
            let wide = grouping.left_out.iter().map(|node| (WideLeaf::new(&boxes, &mut program, *node), Default::default())).collect();
            Ok(CountedTree { program, groups, wide })
        };
        let trees = shape.forest.trees.par_iter().enumerate().map(compile).collect::<Result<_, _>>()?;
        Ok(Self { shape, trees, weight: 0.0 })
    }

    /// Counts background rows; `weights` holds one finite weight ≥ 0 a row, or none for ones.
    pub fn count(&mut self, block: &FeatureBlock, weights: Option<&[f64]>) {
        let blocks = rank_blocks(&self.shape, block, 0, block.rows());
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        (0..block.rows()).for_each(|row| self.weight += weight(row));
        self.trees.par_iter_mut().for_each(|tree| {
            let mut slots = Vec::new();
            for (number, ranks) in blocks.iter().enumerate() {
                let first = number * BLOCK;
                let rows = BLOCK.min(block.rows() - first);
                tree.program.run(ranks, &mut slots);
                for (_, bits, counts) in &mut tree.groups {
                    indices(bits, &slots)[..rows]
                        .iter()
                        .enumerate()
                        .for_each(|(row, index)| counts[usize::from(*index)] += weight(first + row));
                }
                for (leaf, counts) in &mut tree.wide {
                    leaf.patterns(&slots)[..rows]
                        .iter()
                        .enumerate()
                        .for_each(|(row, pattern)| *counts.entry(*pattern).or_insert(0.0) += weight(first + row));
                }
            }
        });
    }

    /// The interventional attributor against the rows counted.
    ///
    /// # Errors
    /// If no row of positive weight was counted.
    pub fn finish(self) -> Result<Attributor, PatternError> {
        if self.weight.is_nan() || self.weight <= 0.0 {
            return Err(PatternError::EmptyBackground);
        }
        let (shape, total) = (self.shape, self.weight);
        let numbered: Vec<(usize, CountedTree)> = self.trees.into_iter().enumerate().collect();
        let compiled: Vec<(CompiledTree, Vec<(usize, f64)>)> =
            numbered.into_par_iter().map(|(number, counted)| finish_tree(&shape, &shape.forest.trees[number], counted, total)).collect();
        Ok(Attributor::assemble(shape, compiled))
    }
}

/// A tree's tables from its background counts, and what it adds to the base values.
fn finish_tree(shape: &Shape, tree: &Tree, counted: CountedTree, total: f64) -> (CompiledTree, Vec<(usize, f64)>) {
    let values = |leaf| leaf_values(tree, leaf);
    let mut base = Vec::new();
    let mut add_base = |leaf: usize, share: f64| base.extend(values(leaf).into_iter().map(|(output, value)| (output, value * share)));
    let mut groups = Vec::new();
    for (group, bits, counts) in counted.groups {
        let histogram = |leaf: &GroupLeaf| {
            let mut histogram = vec![0.0; 1 << leaf.conditions.len()];
            counts.iter().enumerate().for_each(|(index, count)| histogram[leaf.pattern(index as u32)] += count / total);
            histogram
        };
        group.leaves.iter().for_each(|leaf| add_base(leaf.leaf, histogram(leaf).last().copied().unwrap_or(0.0)));
        let contributions = |leaf: &GroupLeaf| game::interventional(&histogram(leaf), &shape.rules);
        let panels = build(&group, shape.forest.features.len(), shape.columns() as u32, &values, &contributions);
        groups.push(CompiledGroup { bits, panels });
    }
    let mut wide = Vec::new();
    for (leaf, counts) in counted.wide {
        let mut patterns: Vec<(u128, f64)> = counts.into_iter().map(|(pattern, count)| (pattern, count / total)).collect();
        patterns.sort_unstable_by_key(|entry| entry.0);
        let background = Background(patterns);
        add_base(leaf.leaf, leaf.held(&background));
        let values = values(leaf.leaf);
        wide.push((leaf, background, values));
    }
    (CompiledTree::new(counted.program, groups, None, wide), base)
}

impl CompiledTree {
    fn new(
        program: Program,
        groups: Vec<CompiledGroup>,
        sweep: Option<Sweep>,
        wide: Vec<(WideLeaf, Background, Vec<(usize, f64)>)>,
    ) -> Self {
        let bytes = groups.iter().flat_map(|group| &group.panels).map(|panel| size_of_val(&panel.lines[..])).sum();
        Self { program, groups, sweep, wide, bytes }
    }
}

impl Attributor {
    /// Compiles `forest` for path-dependent values; its covers are known.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn path_dependent(forest: Arc<Forest>) -> Result<Self, PatternError> {
        let shape = Shape::new(forest)?;
        let compiled = shape.forest.trees.par_iter().map(|tree| path_dependent_tree(&shape, tree)).collect();
        Ok(Self::assemble(shape, compiled))
    }

    fn assemble(shape: Shape, compiled: Vec<(CompiledTree, Vec<(usize, f64)>)>) -> Self {
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
        let (features, stride) = (self.shape.forest.features.len(), (self.shape.columns() + 1) * BLOCK);
        let blocks = rank_blocks(&self.shape, block, first, rows);
        let mut out = vec![0.0; blocks.len() * stride];
        let (mut slots, mut scratch): (Vec<Word>, _) = (Vec::new(), Vec::new());
        for chunk in chunks(&self.trees) {
            let mut memos: Vec<Vec<Memo>> = chunk.iter().map(|tree| vec![Memo::new(); tree.wide.len()]).collect();
            for (ranks, out) in blocks.iter().zip(out.chunks_exact_mut(stride)) {
                for (tree, memos) in chunk.iter().zip(&mut memos) {
                    tree.program.run(ranks, &mut slots);
                    for group in &tree.groups {
                        let indices = indices(&group.bits, &slots);
                        group.panels.iter().for_each(|panel| accumulate(panel, &indices, out));
                    }
                    if let Some(sweep) = &tree.sweep {
                        sweep.accumulate(&slots, features, &mut scratch, out);
                    }
                    for ((leaf, background, values), memo) in tree.wide.iter().zip(memos) {
                        leaf.accumulate(&slots, background, memo, values, features, out);
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

fn rank_blocks(shape: &Shape, block: &FeatureBlock, first: usize, rows: usize) -> Vec<RankBlock> {
    (0..rows)
        .step_by(BLOCK)
        .map(|start| {
            let mut ranks = RankBlock::new(&shape.layout);
            ranks.fill(&shape.forest, &shape.cuts, &shape.layout, block, first + start, BLOCK.min(rows - start));
            ranks
        })
        .collect()
}

fn path_dependent_tree(shape: &Shape, tree: &Tree) -> (CompiledTree, Vec<(usize, f64)>) {
    let boxes = Boxes::new(tree);
    let mut program = Program::new(&boxes, &shape.cuts, &shape.layout);
    let values = |leaf| leaf_values(tree, leaf);
    let mut base = Vec::new();
    for (node, kind) in tree.nodes.iter().enumerate() {
        if let crate::model::NodeKind::Leaf(leaf) = kind.kind {
            let reach: f64 = boxes.conditions(node).iter().filter_map(|edge| boxes.edges[*edge].as_ref()).map(|edge| edge.ratio).product();
            base.extend(values(leaf).into_iter().map(|(output, value)| (output, value * reach)));
        }
    }
    let grouping = group(&boxes, TABLES);
    if !grouping.left_out.is_empty() {
        let sweep = Sweep::new(&boxes, &mut program, &shape.rules, &values);
        return (CompiledTree::new(program, Vec::new(), Some(sweep), Vec::new()), base);
    }
    let groups = grouping.groups.into_iter().map(|group| {
        let bits = program.compile(&boxes, &group);
        let contributions = |leaf: &GroupLeaf| {
            let ratios: Vec<f64> = leaf.conditions.iter().map(|condition| condition.ratio).collect();
            game::path_dependent(&ratios, &shape.rules)
        };
        let panels = build(&group, shape.forest.features.len(), shape.columns() as u32, &values, &contributions);
        CompiledGroup { bits, panels }
    });
    let groups = groups.collect();
    (CompiledTree::new(program, groups, None, Vec::new()), base)
}

const _: () = assert!(JOINT.alone <= DENSE && TABLES.alone <= DENSE);
