//! Groups of leaves laid out as their tables are made for a row: all memory is read front to back.

use std::ops::Range;

use super::grouping::group;
use super::leaf::{Leaf, Shares};

/// A group's sums for every coalition of its features.
pub(super) type Table = [f64; 256];

/// The leaves with dense shares of a whole forest, in groups.
#[derive(Debug)]
pub(super) struct Groups {
    groups: Vec<Group>,
    features: Vec<u32>,
    outputs: Vec<usize>,
    runs: Vec<Run>,
    /// Leaves by their numbers among all.
    leaves: Vec<u32>,
    /// Each leaf's values, one for each output of its group.
    values: Vec<f64>,
    /// Each leaf's shares: `G[all ∖ K]` at the place `K`.
    pub shares: Vec<f64>,
    places: Box<[Places]>,
}

/// Where a group's parts are.
#[derive(Debug)]
struct Group {
    /// Ascending: bit `i` of a table index is whether the `i`th is known.
    features: Range<usize>,
    /// The outputs that every leaf of the group adds to.
    outputs: Range<usize>,
    runs: Range<usize>,
    first_leaf: usize,
    first_value: usize,
    first_share: usize,
}

/// Leaves of a group that have the same features.
#[derive(Debug)]
struct Run {
    /// The index bits of the features.
    mask: u8,
    leaves: u32,
}

/// For each coalition of a group's features the coalition of those in a mask, numbered by these alone.
type Places = [u8; 256];

impl Groups {
    /// Groups leaves, and moves their shares to where they are read.
    pub fn new(leaves: &mut [Leaf], shares: &[f64], features: usize) -> Self {
        let places = (0..256).map(|mask| std::array::from_fn(|coalition| extract(coalition, mask))).collect();
        let found = group(leaves, features);
        let (groups, features, outputs) = (Vec::new(), Vec::new(), Vec::new());
        let mut all =
            Self { groups, features, outputs, runs: Vec::new(), leaves: Vec::new(), values: Vec::new(), shares: Vec::new(), places };
        for found in found {
            let (first_leaf, first_value, first_share) = (all.leaves.len(), all.values.len(), all.shares.len());
            let runs = found.members.chunk_by(|a, b| a.mask == b.mask).map(|run| Run { mask: run[0].mask, leaves: run.len() as u32 });
            let runs = extend(&mut all.runs, runs);
            for member in &found.members {
                let leaf = &mut leaves[member.leaf];
                all.leaves.push(member.leaf as u32);
                all.values.extend(leaf.values.iter().map(|(_, value)| *value));
                if let Shares::Dense(place) = &mut leaf.shares {
                    *place = extend(&mut all.shares, shares[place.clone()].iter().copied());
                }
            }
            let (features, outputs) = (extend(&mut all.features, found.features), extend(&mut all.outputs, found.outputs));
            all.groups.push(Group { features, outputs, runs, first_leaf, first_value, first_share });
        }
        all
    }

    /// Hands over each group's features, an output, and its table: for each coalition of the features the sum over the group's leaves of
    /// value · [the row meets the leaf's conditions on the coalition] · `G[the others]`. `patterns` are the row's, by leaf.
    pub fn tables(&self, patterns: &[u8], mut each: impl FnMut(&[u32], usize, &Table)) {
        self.each_table(&mut each, |group, output, table| self.fill(group, output, patterns, table, |_| {}));
    }

    /// The same, but of each sum less that of the coalition's complement: only half of the sums are made.
    pub fn odd_tables(&self, patterns: &[u8], mut each: impl FnMut(&[u32], usize, &Table)) {
        self.each_table(&mut each, |group, output, table| {
            let (low, high) = table.split_at_mut(table.len().div_ceil(2));
            self.fill(group, output, patterns, low, less_complements);
            high.iter_mut().zip(low.iter().rev()).for_each(|(sum, other)| *sum = -other);
        });
    }

    fn each_table(&self, each: &mut impl FnMut(&[u32], usize, &Table), fill: impl Fn(&Group, usize, &mut [f64])) {
        let mut table = [0.0; 256];
        for group in &self.groups {
            let features = &self.features[group.features.clone()];
            for (place, output) in self.outputs[group.outputs.clone()].iter().enumerate() {
                fill(group, place, &mut table[..1 << features.len()]);
                each(features, *output, &table);
            }
        }
    }

    /// Leaves of the same features share a table over these alone, which is `finished` and then spread over the coalitions of all features.
    fn fill(&self, group: &Group, output: usize, patterns: &[u8], table: &mut [f64], finished: impl Fn(&mut [f64])) {
        let (mut leaves, mut shares, mut own) = (&self.leaves[group.first_leaf..], &self.shares[group.first_share..], [0.0; 256]);
        let mut values = self.values[group.first_value..].chunks_exact(group.outputs.len());
        table.fill(0.0);
        for run in &self.runs[group.runs.clone()] {
            let (alike, others) = leaves.split_at(run.leaves as usize);
            let size = 1_usize << run.mask.count_ones();
            own[..size].fill(0.0);
            for (leaf, values) in alike.iter().zip(&mut values) {
                add_leaf(&mut own[..size], usize::from(patterns[*leaf as usize]), &shares[..size], values[output]);
                shares = &shares[size..];
            }
            leaves = others;
            finished(&mut own[..size]);
            let places = &self.places[usize::from(run.mask)];
            table.iter_mut().zip(places).for_each(|(sum, place)| *sum += own[usize::from(*place)]);
        }
    }
}

/// Subtracts from each coalition's sum that of its complement.
fn less_complements(sums: &mut [f64]) {
    let half = sums.len().div_ceil(2);
    for low in 0..half {
        let high = sums.len() - 1 - low;
        let odd = sums[low] - sums[high];
        (sums[low], sums[high]) = (odd, -odd);
    }
}

/// Where the new values are.
fn extend<T>(all: &mut Vec<T>, new: impl IntoIterator<Item = T>) -> Range<usize> {
    let first = all.len();
    all.extend(new);
    first..all.len()
}

/// The bits of `coalition` under `mask`, moved together.
fn extract(coalition: usize, mask: usize) -> u8 {
    let bits = (0..8).filter(|bit| mask >> bit & 1 == 1);
    bits.enumerate().fold(0, |place, (j, bit)| place | (coalition >> bit & 1) << j) as u8
}

/// Conditions whose coalitions are beside each other: a coalition's number is `others · LANES + low`.
const LOW: usize = 3;
const LANES: usize = 1 << LOW;

/// Adds a leaf to the table over coalitions of its own features: only those of which the row meets all conditions, `known ⊆ pattern`.
fn add_leaf(own: &mut [f64], pattern: usize, shares: &[f64], value: f64) {
    let met: [f64; LANES] = std::array::from_fn(|low| if low & !pattern == 0 { value } else { 0.0 });
    let ((own, few), (shares, few_shares)) = (own.as_chunks_mut::<LANES>(), shares.as_chunks::<LANES>());
    few.iter_mut().zip(few_shares).zip(&met).for_each(|((sum, share), met)| *sum += met * share);
    let high = pattern >> LOW;
    let mut known = 0;
    while let (Some(own), Some(shares)) = (own.get_mut(known), shares.get(known)) {
        own.iter_mut().zip(shares).zip(&met).for_each(|((sum, share), met)| *sum += met * share);
        // The next subset of `high`; none after the last.
        known = if known == high { usize::MAX } else { known.wrapping_sub(high) & high };
    }
}
