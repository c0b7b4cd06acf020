//! One row, many coalitions: for each group of leaves a table over the coalitions of its features, then one look-up a coalition.

use super::coalitions::Coalitions;
use super::leaf::Shares;
use super::{ValueFunction, wide};
use crate::dataset::FeatureBlock;
use crate::pattern::block::BLOCK;

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
        let (count, forest) = (coalitions.len(), &self.shape.forest);
        assert_eq!(coalitions.features(), forest.features.len(), "features of the coalitions and the forest");
        assert_eq!(out.len(), count * forest.outputs.len(), "one value an output and coalition");
        if count == 0 {
            return;
        }
        out.chunks_exact_mut(count).zip(&forest.base).for_each(|(out, base)| out.fill(*base));
        let patterns = self.patterns(rows, row);
        self.groups.tables(&patterns.dense, |features, output, table| {
            for (block, out) in out[output * count..][..count].chunks_mut(BLOCK).enumerate() {
                let indices = (self.shape.kernels.index)(features, coalitions.block(block));
                out.iter_mut().zip(&indices).for_each(|(out, index)| *out += table[usize::from(*index)]);
            }
        });
        for (leaf, pattern) in patterns.wide {
            if let Shares::Sparse(background) = &self.leaves[leaf].shares {
                wide::add(&self.leaves[leaf], background, pattern, coalitions, out);
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
                        let holds = |test: u32| slots[(test >> 1) as usize][0] as u32 ^ test;
                        dense[number] = own.iter().enumerate().fold(0, |pattern, (j, test)| pattern | (holds(*test) & 1) << j) as u8;
                        tests = others;
                    }
                }
            }
        }
        Patterns { dense, wide }
    }
}
