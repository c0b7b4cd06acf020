//! Individual conditional expectations: each row's margins along whole tracks (Goldstein et al. 2015).

use rayon::prelude::*;

use super::{MovedTree, Moves, flips, present, rows};
use crate::dataset::FeatureBlock;
use crate::pattern::block::{BLOCK, Word};

/// Where a condition holds and where it fails along its track, as changes from point to point.
struct Runs {
    inside: Box<[u32]>,
    outside: Box<[u32]>,
}

/// Where curves are.
struct Layout {
    /// Values of a row.
    size: usize,
    /// Where each track's values start among a row's.
    starts: Vec<usize>,
    /// Points of each track.
    points: Vec<usize>,
    /// Where each track's steps start among a block's.
    steps: Vec<usize>,
}

/// What is kept from block to block.
#[derive(Default)]
struct Scratch {
    slots: Vec<Word>,
    fails: Vec<Word>,
    margins: Vec<f64>,
    /// Steps from point to point, one beyond the last: `((output · BLOCK) + row) · (points + 1) + point` of each track.
    ///
    /// Track by track, since rows at a multiple of a large power of two would share few sets of the cache.
    steps: Vec<f64>,
}

impl Moves {
    /// Values of a row in [`Self::curves`]: one an output and point.
    pub fn curve_size(&self) -> usize {
        self.tracks.iter().map(|track| track.points.len()).sum::<usize>() * self.shape.forest.outputs.len()
    }

    /// Margins of each row with one feature moved to each of its track's points: row by row, track by track, `output · points + point`.
    ///
    /// Along a curve steps are summed up from its first point on, so a value costs as much as a step.
    pub fn curves(&self, block: &FeatureBlock) -> Vec<f64> {
        let outputs = self.shape.forest.outputs.len();
        let points: Vec<usize> = self.tracks.iter().map(|track| track.points.len()).collect();
        let starts = |of: &dyn Fn(usize) -> usize| {
            points.iter().scan(0, |next, points| Some(std::mem::replace(next, *next + of(*points)))).collect()
        };
        let (starts, steps) = (starts(&|points| outputs * points), starts(&|points| outputs * BLOCK * (points + 1)));
        let layout = Layout { size: self.curve_size(), starts, steps, points };
        let runs: Vec<Vec<Runs>> = self.trees.iter().map(runs).collect();
        let mut result = vec![0.0; block.rows() * layout.size];
        let blocks = result.par_chunks_mut((BLOCK * layout.size).max(1)).enumerate();
        blocks.for_each_init(Scratch::default, |scratch, (number, out)| {
            self.add_steps(block, number * BLOCK, &layout, &runs, scratch);
            self.sum_steps(&layout, scratch, out);
        });
        result
    }

    /// The margins and steps of up to [`BLOCK`] rows from `first`.
    fn add_steps(&self, block: &FeatureBlock, first: usize, layout: &Layout, runs: &[Vec<Runs>], scratch: &mut Scratch) {
        let count = BLOCK.min(block.rows() - first);
        let (ranks, present) = (self.shape.rank_block(block, first, count), present(count));
        let base = &self.shape.forest.base;
        let Scratch { slots, fails, margins, steps } = scratch;
        margins.clear();
        margins.extend((0..count).flat_map(|_| base));
        steps.clear();
        steps.resize(base.len() * BLOCK * layout.points.iter().map(|points| points + 1).sum::<usize>(), 0.0);
        for (tree, runs) in self.trees.iter().zip(runs) {
            (self.shape.kernels.run)(&tree.program, &ranks, slots);
            tree.fails(slots, &present, fails);
            for leaf in &tree.leaves {
                let reach = leaf.reach(fails, &present);
                for row in rows(reach.none) {
                    leaf.values.iter().for_each(|(output, value)| margins[row * base.len() + output] += value);
                }
                for number in &leaf.conditions {
                    let Some(track) = tree.conditions[*number as usize].track else { continue };
                    let (runs, fails) = (&runs[*number as usize], &fails[*number as usize]);
                    let only = std::array::from_fn(|w| reach.one[w] & fails[w]);
                    let width = layout.points[track] + 1;
                    for (output, value) in &leaf.values {
                        let steps = &mut steps[layout.steps[track] + output * BLOCK * width..][..BLOCK * width];
                        add_runs(steps, width, reach.none, &runs.outside, -value);
                        add_runs(steps, width, only, &runs.inside, *value);
                    }
                }
            }
        }
    }

    /// Sums steps up to curves.
    fn sum_steps(&self, layout: &Layout, scratch: &Scratch, out: &mut [f64]) {
        let outputs = self.shape.forest.outputs.len();
        for (row, out) in out.chunks_exact_mut(layout.size.max(1)).enumerate() {
            for ((start, points), first) in layout.starts.iter().zip(&layout.points).zip(&layout.steps) {
                for (output, curve) in out[*start..].chunks_mut((*points).max(1)).take(outputs).enumerate() {
                    let (margin, mut change) = (scratch.margins[row * outputs + output], 0.0);
                    let steps = &scratch.steps[first + (output * BLOCK + row) * (points + 1)..];
                    curve.iter_mut().zip(steps).for_each(|(value, step)| {
                        change += step;
                        *value = margin + change;
                    });
                }
            }
        }
    }
}

fn runs(tree: &MovedTree) -> Vec<Runs> {
    let of = |inside: &[bool]| Runs { inside: flips(inside.iter().copied()), outside: flips(inside.iter().map(|inside| !inside)) };
    tree.conditions.iter().map(|condition| of(&condition.inside)).collect()
}

/// Adds to some rows' steps what rises by `value` where runs start and falls by it where they end.
fn add_runs(steps: &mut [f64], width: usize, word: Word, runs: &[u32], value: f64) {
    if runs.is_empty() {
        return;
    }
    for row in rows(word) {
        let row = &mut steps[row * width..][..width];
        let mut step = value;
        for point in runs {
            row[*point as usize] += step;
            step = -step;
        }
    }
}
