//! One row, many coalitions: for each group of leaves a table over the coalitions of its features, then one look-up a coalition.

use super::coalitions::Coalitions;
use super::groups::Table;
use super::leaf::Shares;
use super::{ValueFunction, wide};
use crate::dataset::FeatureBlock;
use crate::pattern::block::BLOCK;
use crate::pattern::sweep::Literal;

/// The pattern of every leaf on one row.
struct Patterns {
    /// By leaf, of those with dense shares.
    dense: Vec<u8>,
    /// Leaves with sparse shares.
    wide: Vec<(usize, u128)>,
}

impl ValueFunction {
    /// `v(S)` of one row of `rows` for many coalitions: `out[output · coalitions + coalition]`, in margin space.
    ///
    /// `v(∅)` is [`base`](Self::base) and `v(N)` the row's margin, both to rounding. Each value depends on its row and coalition alone.
    /// Single-threaded: rows are for the caller to share out. `out` holds one value an output and coalition.
    pub fn values(&self, rows: &FeatureBlock, row: usize, coalitions: &Coalitions, out: &mut [f64]) {
        self.check(coalitions, out);
        out.chunks_exact_mut(coalitions.len().max(1)).zip(&self.shape.forest.base).for_each(|(out, base)| out.fill(*base));
        let patterns = self.patterns(rows, row);
        self.groups.tables(&patterns.dense, self.look_up(coalitions, out));
        self.add_wide(&patterns.wide, coalitions, 1.0, out);
    }

    /// `v(S) − v(N∖S)`, likewise, with one look-up for both.
    pub fn differences(&self, rows: &FeatureBlock, row: usize, coalitions: &Coalitions, out: &mut [f64]) {
        self.check(coalitions, out);
        out.fill(0.0);
        let patterns = self.patterns(rows, row);
        self.groups.odd_tables(&patterns.dense, self.look_up(coalitions, out));
        if !patterns.wide.is_empty() {
            self.add_wide(&patterns.wide, coalitions, 1.0, out);
            self.add_wide(&patterns.wide, &coalitions.complements(), -1.0, out);
        }
    }

    fn check(&self, coalitions: &Coalitions, out: &[f64]) {
        let forest = &self.shape.forest;
        assert_eq!(coalitions.features(), forest.features.len(), "features of the coalitions and the forest");
        assert_eq!(out.len(), coalitions.len() * forest.outputs.len(), "one value an output and coalition");
    }

    /// Adds to every coalition what a group's table holds for it.
    fn look_up<'a>(&'a self, coalitions: &'a Coalitions, out: &'a mut [f64]) -> impl FnMut(&[u32], usize, &Table) + 'a {
        let count = coalitions.len();
        move |features, output, table| {
            for (block, out) in out[output * count..][..count].chunks_mut(BLOCK).enumerate() {
                let indices = (self.shape.kernels.index)(features, coalitions.block(block));
                out.iter_mut().zip(&indices).for_each(|(out, index)| *out += table[usize::from(*index)]);
            }
        }
    }

    /// Adds so many times what leaves with sparse shares are worth.
    fn add_wide(&self, leaves: &[(usize, u128)], coalitions: &Coalitions, times: f64, out: &mut [f64]) {
        for &(leaf, pattern) in leaves {
            if let Shares::Sparse(background) = &self.leaves[leaf].shares {
                wide::add(&self.leaves[leaf], background, pattern, coalitions, times, out);
            }
        }
    }

    fn patterns(&self, rows: &FeatureBlock, row: usize) -> Patterns {
        let ranks = self.shape.rank_block(rows, row, 1);
        let (mut dense, mut wide, mut slots) = (vec![0; self.leaves.len()], Vec::new(), Vec::new());
        for tree in &self.trees {
            (self.shape.kernels.run)(&tree.program, &ranks, &mut slots);
            let mut tests = tree.tests.as_slice();
            for number in tree.leaves.clone() {
                let leaf = &self.leaves[number];
                match leaf.shares {
                    Shares::Sparse(_) => wide.push((number, leaf.pattern(&slots, 0))),
                    Shares::Dense(_) => {
                        let (own, others) = tests.split_at(leaf.conditions.len());
                        let holds = |test: &Literal| (test.word(&slots, 0) & 1) as u32;
                        dense[number] = own.iter().enumerate().fold(0, |pattern, (j, test)| pattern | holds(test) << j) as u8;
                        tests = others;
                    }
                }
            }
        }
        Patterns { dense, wide }
    }
}
