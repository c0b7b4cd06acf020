//! Many points, a few sets of features: partial dependence functions of any order.

use rayon::prelude::*;

use super::ValueFunction;
use crate::dataset::FeatureBlock;
use crate::pattern::block::{BLOCK, Word};

/// What a leaf adds to the function of one set on the points where it holds.
struct Term {
    set: usize,
    leaf: usize,
    /// The leaf's conditions on the set.
    mask: u128,
    /// The background's share under the others.
    share: f64,
}

impl ValueFunction {
    /// Partial dependence on each set of features at each point: the mean over the background of the margin with the set's features moved to
    /// the point's, `(set · outputs + output) · points + point`, exactly.
    ///
    /// A row of `points` holds a value for every feature; only those of a set matter to it. So a grid of one feature is a block whose column
    /// holds the grid, and one call serves the grids of all features; a grid of two features is a block of all pairs of grid values. Missing
    /// values (NaN) and unknown categories are points like others.
    pub fn partial_dependence(&self, points: &FeatureBlock, sets: &[Vec<usize>]) -> Vec<f64> {
        let (outputs, count) = (self.base.len(), points.rows());
        let (constants, terms) = self.terms(sets);
        let blocks: Vec<Vec<f64>> = (0..count.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| self.dependence_block(points, block * BLOCK, &constants, &terms))
            .collect();
        let mut result = vec![0.0; sets.len() * outputs * count];
        for (column, result) in result.chunks_exact_mut(count.max(1)).enumerate() {
            for (result, block) in result.chunks_mut(BLOCK).zip(&blocks) {
                result.copy_from_slice(&block[column * BLOCK..][..result.len()]);
            }
        }
        result
    }

    /// What does not change along each set, `set · outputs + output`, and the terms of each tree that do.
    fn terms(&self, sets: &[Vec<usize>]) -> (Vec<f64>, Vec<Vec<Term>>) {
        let outputs = self.base.len();
        let mut constants = sets.iter().flat_map(|_| &self.shape.forest.base).copied().collect::<Vec<f64>>();
        let mut terms = Vec::with_capacity(self.trees.len());
        for tree in &self.trees {
            let mut of_tree = Vec::new();
            for leaf in tree.leaves.clone() {
                let found = &self.leaves[leaf];
                for (set, features) in sets.iter().enumerate() {
                    let mask = found.mask(|feature| features.contains(&feature));
                    let share = found.share(found.all_conditions() & !mask, &self.groups.shares);
                    if mask == 0 {
                        found.values.iter().for_each(|(output, value)| constants[set * outputs + output] += value * share);
                    } else if share > 0.0 {
                        of_tree.push(Term { set, leaf, mask, share });
                    }
                }
            }
            terms.push(of_tree);
        }
        (constants, terms)
    }

    /// The functions at up to [`BLOCK`] points from `first`, `(set · outputs + output) · BLOCK + point`.
    fn dependence_block(&self, points: &FeatureBlock, first: usize, constants: &[f64], terms: &[Vec<Term>]) -> Vec<f64> {
        let (outputs, kernels) = (self.base.len(), self.shape.kernels);
        let mut out: Vec<f64> = constants.iter().flat_map(|constant| std::iter::repeat_n(*constant, BLOCK)).collect();
        let ranks = self.shape.rank_block(points, first, BLOCK.min(points.rows() - first));
        let mut slots = Vec::new();
        for (tree, terms) in self.trees.iter().zip(terms) {
            (kernels.run)(&tree.program, &ranks, &mut slots);
            for term in terms {
                let leaf = &self.leaves[term.leaf];
                let hold = leaf.hold(term.mask, &slots);
                for (output, value) in &leaf.values {
                    add(hold, value * term.share, &mut out[(term.set * outputs + output) * BLOCK..][..BLOCK]);
                }
            }
        }
        out
    }
}

/// Adds `amount` at every set bit that `out` has a place for.
fn add(word: Word, amount: f64, out: &mut [f64]) {
    for (mut bits, out) in word.into_iter().zip(out.chunks_mut(64)) {
        if out.len() < 64 {
            bits &= (1 << out.len()) - 1;
        }
        while bits != 0 {
            out[bits.trailing_zeros() as usize] += amount;
            bits &= bits - 1;
        }
    }
}
