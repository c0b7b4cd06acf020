//! One row, many coalitions: for each group of leaves a table over the coalitions of its features, then one look-up a coalition.

use super::coalitions::Coalitions;
use super::grouping::{LeafGroup, Member};
use super::leaf::{Leaf, Shares};
use super::{ValueFunction, wide};
use crate::dataset::FeatureBlock;
use crate::pattern::block::BLOCK;

/// A group's sums for every coalition of its features.
type Table = [f64; 256];

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
        for group in &self.groups {
            for (value, output) in group.outputs.iter().enumerate() {
                let table = self.table(group, value, &patterns);
                for (block, out) in out[output * count..][..count].chunks_mut(BLOCK).enumerate() {
                    let indices = (self.shape.kernels.index)(&group.features, coalitions.block(block));
                    out.iter_mut().zip(&indices).for_each(|(out, index)| *out += table[usize::from(*index)]);
                }
            }
        }
        for (leaf, pattern) in self.leaves.iter().zip(patterns) {
            if let Shares::Sparse(background) = &leaf.shares {
                wide::add(leaf, background, pattern, coalitions, out);
            }
        }
    }

    /// The pattern of every leaf on one row.
    fn patterns(&self, rows: &FeatureBlock, row: usize) -> Vec<u128> {
        let ranks = self.shape.rank_block(rows, row, 1);
        let (mut patterns, mut slots) = (Vec::with_capacity(self.leaves.len()), Vec::new());
        for tree in &self.trees {
            (self.shape.kernels.run)(&tree.program, &ranks, &mut slots);
            patterns.extend(self.leaves[tree.leaves.clone()].iter().map(|leaf| leaf.pattern(&slots, 0)));
        }
        patterns
    }

    /// A group's table: for each coalition of its features, the sum over its leaves of value · [the coalition's conditions hold] · `G[the others]`.
    fn table(&self, group: &LeafGroup, value: usize, patterns: &[u128]) -> Table {
        let mut table = [0.0; 256];
        let all = ((1_u16 << group.features.len()) - 1) as u8;
        for member in &group.members {
            let leaf = &self.leaves[member.leaf];
            if let (Shares::Dense(place), Some((_, value))) = (&leaf.shares, leaf.values.get(value)) {
                add_leaf(&mut table, leaf, member, patterns[member.leaf] as u8, &self.shares[place.clone()], all, *value);
            }
        }
        table
    }
}

/// Adds a leaf: only coalitions whose conditions on the leaf all hold, whatever they know of the group's other features.
fn add_leaf(table: &mut Table, leaf: &Leaf, member: &Member, pattern: u8, shares: &[f64], all: u8, value: f64) {
    let last = (1_usize << leaf.conditions.len()) - 1;
    let (held, others) = (deposit(pattern, member.mask), all & !member.mask);
    // `known` and `place` are the same set of conditions, numbered by the leaf and by the group; both run down through all subsets.
    let (mut known, mut place) = (pattern, held);
    loop {
        let amount = value * shares[last ^ usize::from(known)];
        let mut other = others;
        loop {
            table[usize::from(place | other)] += amount;
            if other == 0 {
                break;
            }
            other = (other - 1) & others;
        }
        if known == 0 {
            break;
        }
        known = (known - 1) & pattern;
        place = (place - 1) & held;
    }
}

/// Bit `j` of `pattern` moved to the `j`th set bit of `mask`.
fn deposit(pattern: u8, mut mask: u8) -> u8 {
    let mut moved = 0;
    for j in 0..mask.count_ones() {
        let lowest = mask & mask.wrapping_neg();
        moved |= lowest * (pattern >> j & 1);
        mask ^= lowest;
    }
    moved
}
