//! Local effects: each row's margins at two points beside it, for accumulated effects (Apley & Zhu 2020).

use std::sync::Arc;

use super::{MovedTree, Moves, Track, flips, present, rows};
use crate::dataset::FeatureBlock;
use crate::model::Forest;
use crate::pattern::PatternError;
use crate::pattern::block::{BLOCK, WORDS, Word};

/// The points of its track that the rows of a cell move to, if any.
pub type Targets = [Option<u32>; 2];

/// Cells with a property of either target, as changes from cell to cell.
type Sides = [Box<[u32]>; 2];

/// A forest, tracks, and the points that the rows of each cell of a track move to.
#[derive(Debug)]
pub struct Steps {
    moves: Moves,
    /// Cells of each track that have each target.
    targeted: Vec<Sides>,
    cells: Vec<usize>,
    /// Cells whose targets are inside, for the conditions of the trees that test some track's feature.
    trees: Vec<(usize, Vec<Sides>)>,
}

/// How the predictions of some consecutive rows change as they move to their targets.
#[derive(Debug)]
pub struct Changes<'a> {
    /// The first of the rows.
    pub first: usize,
    /// Number of rows.
    pub rows: usize,
    /// Outputs of the model.
    pub outputs: usize,
    /// Values of each column, the rows' first.
    pub stride: usize,
    /// Changes, `((track · 2 + target) · outputs + output) · stride + row`; zero where a row has no such target.
    pub values: &'a mut [f64],
}

/// What a block's rows have in common, kept from block to block.
struct Scratch {
    slots: Vec<Word>,
    fails: Vec<Word>,
    /// Rows in cells below each cell, of each track.
    below: Vec<Vec<Word>>,
    /// Rows that have each target, of each track.
    targeted: Vec<[Word; 2]>,
    /// Rows that a condition of a tree tells apart from each of their targets.
    apart: Vec<[Word; 2]>,
}

impl Changes<'_> {
    /// The rows' changes towards a target.
    pub fn column(&self, track: usize, target: usize, output: usize) -> &[f64] {
        &self.values[((track * 2 + target) * self.outputs + output) * self.stride..][..self.rows]
    }
}

impl Steps {
    /// Of a forest along these tracks, of different features, with each cell's targets.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold, or has linear leaves.
    pub fn new(forest: &Arc<Forest>, tracks: Vec<(Track, Vec<Targets>)>) -> Result<Self, PatternError> {
        let (tracks, targets): (Vec<Track>, Vec<Vec<Targets>>) = tracks.into_iter().unzip();
        let moves = Moves::new(forest, tracks)?;
        let both = |targets: &[Targets], at: &dyn Fn(u32) -> bool| -> Sides {
            [0, 1].map(|side| flips(targets.iter().map(|targets| targets[side].is_some_and(at))))
        };
        let of_tree = |tree: &MovedTree| {
            let none = || -> Sides { Default::default() };
            let of = |track: usize, inside: &[bool]| both(&targets[track], &|point| inside.get(point as usize).copied().unwrap_or(false));
            tree.conditions.iter().map(|condition| condition.track.map_or_else(none, |track| of(track, &condition.inside))).collect()
        };
        let tested = moves.trees.iter().enumerate().filter(|(_, tree)| tree.conditions.iter().any(|condition| condition.track.is_some()));
        let trees = tested.map(|(number, tree)| (number, of_tree(tree))).collect();
        let targeted = targets.iter().map(|targets| both(targets, &|_| true)).collect();
        Ok(Self { cells: targets.iter().map(Vec::len).collect(), moves, targeted, trees })
    }

    /// Changes of all rows, block by block; `cells` are those of the rows on each track, for rows that have one.
    pub fn visit(&self, block: &FeatureBlock, cells: &[Vec<Option<u32>>], mut see: impl FnMut(&mut Changes<'_>)) {
        let (outputs, tracks) = (self.moves.shape.forest.outputs.len(), self.cells.len());
        let mut values = vec![0.0; tracks * 2 * outputs * BLOCK];
        let mut scratch = Scratch {
            slots: Vec::new(),
            fails: Vec::new(),
            below: self.cells.iter().map(|cells| vec![[0; WORDS]; cells + 1]).collect(),
            targeted: vec![[[0; WORDS]; 2]; tracks],
            apart: Vec::new(),
        };
        for first in (0..block.rows()).step_by(BLOCK) {
            let count = BLOCK.min(block.rows() - first);
            values.fill(0.0);
            self.place(cells, first, count, &mut scratch);
            self.add(block, first, count, &mut scratch, &mut values);
            see(&mut Changes { first, rows: count, outputs, stride: BLOCK, values: &mut values });
        }
    }

    /// Finds the rows below each cell, and those with targets.
    fn place(&self, cells: &[Vec<Option<u32>>], first: usize, count: usize, scratch: &mut Scratch) {
        for (track, cells) in cells.iter().enumerate() {
            let below = &mut scratch.below[track];
            below.fill([0; WORDS]);
            for (row, cell) in cells[first..first + count].iter().enumerate() {
                if let Some(word) = cell.and_then(|cell| below.get_mut(cell as usize + 1)) {
                    word[row / 64] |= 1 << (row % 64);
                }
            }
            for cell in 1..below.len() {
                let before = below[cell - 1];
                below[cell].iter_mut().zip(before).for_each(|(word, before)| *word |= before);
            }
            scratch.targeted[track] = self.targeted[track].each_ref().map(|flips| union(flips, below));
        }
    }

    /// Adds the changes of up to [`BLOCK`] rows from `first`.
    fn add(&self, block: &FeatureBlock, first: usize, count: usize, scratch: &mut Scratch, values: &mut [f64]) {
        let (shape, present) = (&self.moves.shape, present(count));
        let outputs = shape.forest.outputs.len();
        let ranks = shape.rank_block(block, first, count);
        let Scratch { slots, fails, below, targeted, apart } = scratch;
        for (number, inside) in &self.trees {
            let tree = &self.moves.trees[*number];
            (shape.kernels.run)(&tree.program, &ranks, slots);
            tree.fails(slots, &present, fails);
            apart.clear();
            apart.extend(tree.conditions.iter().zip(inside).zip(&*fails).map(|((condition, inside), fails)| {
                let Some(track) = condition.track else { return Default::default() };
                [0, 1].map(|side| {
                    let (there, targeted) = (union(&inside[side], &below[track]), targeted[track][side]);
                    std::array::from_fn(|w| !(there[w] ^ fails[w]) & targeted[w])
                })
            }));
            for leaf in &tree.leaves {
                let reach = leaf.reach(fails, &present);
                for number in &leaf.conditions {
                    let number = *number as usize;
                    let Some(track) = tree.conditions[number].track else { continue };
                    // Few rows are near the ends of a condition, and fewer of them reach the leaf.
                    let [first, second] = &apart[number];
                    let near =
                        (0..WORDS).fold(0, |any, w| any | (reach.none[w] | reach.one[w] & fails[number][w]) & (first[w] | second[w]));
                    if near == 0 {
                        continue;
                    }
                    for side in [0, 1] {
                        let apart = &apart[number][side];
                        let lost: Word = std::array::from_fn(|w| reach.none[w] & apart[w]);
                        let gained: Word = std::array::from_fn(|w| reach.one[w] & fails[number][w] & apart[w]);
                        for (output, value) in &leaf.values {
                            let changes = &mut values[((track * 2 + side) * outputs + output) * BLOCK..][..BLOCK];
                            rows(lost).for_each(|row| changes[row] -= value);
                            rows(gained).for_each(|row| changes[row] += value);
                        }
                    }
                }
            }
        }
    }
}

/// The rows in the cells of a sequence, which is given by its changes.
fn union(flips: &[u32], below: &[Word]) -> Word {
    flips.iter().fold([0; WORDS], |mut union, cell| {
        union.iter_mut().zip(below[*cell as usize]).for_each(|(union, below)| *union ^= below);
        union
    })
}
