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

/// Where the curves of one output and row start in `out`, a row's values being `size`.
struct Layout {
    size: usize,
    starts: Vec<usize>,
    points: Vec<usize>,
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
        let starts = points.iter().scan(0, |next, points| Some(std::mem::replace(next, *next + outputs * points))).collect();
        let layout = Layout { size: self.curve_size(), starts, points };
        let runs: Vec<Vec<Runs>> = self.trees.iter().map(runs).collect();
        let mut result = vec![0.0; block.rows() * layout.size];
        result.par_chunks_mut((BLOCK * layout.size).max(1)).enumerate().for_each(|(number, out)| {
            self.curve_block(block, number * BLOCK, &layout, &runs, out);
        });
        result
    }

    /// The curves of up to [`BLOCK`] rows from `first`.
    fn curve_block(&self, block: &FeatureBlock, first: usize, layout: &Layout, runs: &[Vec<Runs>], out: &mut [f64]) {
        let count = BLOCK.min(block.rows() - first);
        let (ranks, present) = (self.shape.rank_block(block, first, count), present(count));
        let (mut slots, mut fails): (Vec<Word>, Vec<Word>) = (Vec::new(), Vec::new());
        let base = &self.shape.forest.base;
        let mut margins: Vec<f64> = (0..count).flat_map(|_| base).copied().collect();
        for (tree, runs) in self.trees.iter().zip(runs) {
            (self.shape.kernels.run)(&tree.program, &ranks, &mut slots);
            tree.fails(&slots, &present, &mut fails);
            for leaf in &tree.leaves {
                let reach = leaf.reach(&fails, &present);
                for row in rows(reach.none) {
                    leaf.values.iter().for_each(|(output, value)| margins[row * base.len() + output] += value);
                }
                for number in &leaf.conditions {
                    let Some(track) = tree.conditions[*number as usize].track else { continue };
                    let (runs, fails) = (&runs[*number as usize], &fails[*number as usize]);
                    let only = std::array::from_fn(|w| reach.one[w] & fails[w]);
                    for (output, value) in &leaf.values {
                        let start = layout.starts[track] + output * layout.points[track];
                        let mut add = |row: usize, runs: &[u32], value: f64| {
                            add_runs(&mut out[row * layout.size + start..][..layout.points[track]], runs, value);
                        };
                        rows(reach.none).for_each(|row| add(row, &runs.outside, -value));
                        rows(only).for_each(|row| add(row, &runs.inside, *value));
                    }
                }
            }
        }
        for (row, out) in out.chunks_exact_mut(layout.size.max(1)).enumerate() {
            for (start, points) in layout.starts.iter().zip(&layout.points) {
                for (output, curve) in out[*start..].chunks_mut((*points).max(1)).take(base.len()).enumerate() {
                    let (margin, mut change) = (margins[row * base.len() + output], 0.0);
                    curve.iter_mut().for_each(|value| {
                        change += *value;
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

/// Adds what rises by `value` where runs start and falls by it where they end.
fn add_runs(curve: &mut [f64], runs: &[u32], value: f64) {
    let mut step = value;
    for point in runs {
        if let Some(at) = curve.get_mut(*point as usize) {
            *at += step;
        }
        step = -step;
    }
}
