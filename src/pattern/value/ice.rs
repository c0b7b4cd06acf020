//! Individual conditional expectations: how one row's margin changes as one feature moves (Goldstein et al. 2015).

use rayon::prelude::*;

use super::ValueFunction;
use super::leaf::Leaf;
use super::partial_dependence::add;
use crate::dataset::FeatureBlock;
use crate::pattern::block::{BLOCK, WORDS, Word};

/// Where curves go: `((row · features + feature) · outputs + output) · points + point`.
struct Curves<'a> {
    /// Each moved feature's number among those asked for.
    place: &'a [Option<usize>],
    features: usize,
    outputs: usize,
    points: usize,
}

impl ValueFunction {
    /// Margins of each row with one feature moved to each point's value: `((row · features + feature) · outputs + output) · points + point`.
    ///
    /// `points` is as for [`partial_dependence`](Self::partial_dependence). Of each tree only the leaf that the row reaches and those that it
    /// would reach if one feature were different change along a curve. The mean of the background's curves is the partial dependence.
    pub fn ice(&self, rows: &FeatureBlock, points: &FeatureBlock, features: &[usize]) -> Vec<f64> {
        let (outputs, count) = (self.base.len(), rows.rows());
        let mut place = vec![None; self.shape.forest.features.len()];
        features.iter().enumerate().for_each(|(number, feature)| place[*feature] = Some(number));
        let curves = Curves { place: &place, features: features.len(), outputs, points: points.rows() };
        let margins = self.shape.forest.margins(rows);
        let size = features.len() * outputs * points.rows();
        let mut result = vec![0.0; count * size];
        result.par_chunks_mut((BLOCK * size).max(1)).enumerate().for_each(|(block, out)| {
            for (row, out) in out.chunks_exact_mut(size).enumerate() {
                for (curve, out) in out.chunks_exact_mut(points.rows()).enumerate() {
                    out.fill(margins[curve % outputs * count + block * BLOCK + row]);
                }
            }
            self.add_curves(rows, block * BLOCK, points, &curves, out);
        });
        result
    }

    /// Adds to the margins of up to [`BLOCK`] rows from `first` what moving a feature changes.
    fn add_curves(&self, rows: &FeatureBlock, first: usize, points: &FeatureBlock, curves: &Curves<'_>, out: &mut [f64]) {
        let present = BLOCK.min(rows.rows() - first);
        let (kernels, mut slots) = (self.shape.kernels, Vec::new());
        let grid = self.shape.rank_blocks(points, 0, points.rows());
        let mut grid_slots = vec![Vec::new(); grid.len()];
        let ranks = self.shape.rank_block(rows, first, present);
        for tree in &self.trees {
            (kernels.run)(&tree.program, &ranks, &mut slots);
            grid.iter().zip(&mut grid_slots).for_each(|(ranks, slots)| (kernels.run)(&tree.program, ranks, slots));
            self.leaves[tree.leaves.clone()].iter().for_each(|leaf| curves.add_leaf(leaf, present, &slots, &grid_slots, out));
        }
    }
}

impl Curves<'_> {
    /// A row that fails only one condition gains the leaf where that holds; a row that fails none loses it where one fails.
    fn add_leaf(&self, leaf: &Leaf, present: usize, slots: &[Word], grid: &[Vec<Word>], out: &mut [f64]) {
        let (mut once, mut twice) = ([0; WORDS], [0; WORDS]);
        for condition in &leaf.conditions {
            for word in 0..WORDS {
                let fails = !condition.holds.word(slots, word);
                twice[word] |= once[word] & fails;
                once[word] |= fails;
            }
        }
        for condition in &leaf.conditions {
            let Some(feature) = self.place[condition.feature] else { continue };
            for row in 0..present {
                let (word, bit) = (row / 64, row % 64);
                let fails = !condition.holds.word(slots, word) >> bit & 1 == 1;
                if twice[word] >> bit & 1 == 1 || fails != (once[word] >> bit & 1 == 1) {
                    continue;
                }
                for (output, value) in &leaf.values {
                    let curve = &mut out[((row * self.features + feature) * self.outputs + output) * self.points..][..self.points];
                    for (slots, curve) in grid.iter().zip(curve.chunks_mut(BLOCK)) {
                        let (flip, amount) = if fails { (0, *value) } else { (u64::MAX, -value) };
                        add(std::array::from_fn(|word| condition.holds.word(slots, word) ^ flip), amount, curve);
                    }
                }
            }
        }
    }
}
