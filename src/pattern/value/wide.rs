//! Many coalitions on a leaf of many conditions: only those that ask for nothing the row fails, only background patterns that occur.

use super::coalitions::Coalitions;
use super::leaf::Leaf;
use crate::pattern::block::{BLOCK, Word};
use crate::pattern::game::superset_sums;
use crate::pattern::sparse::Background;

/// Adds so many `times` a leaf's part of `v` to `out[output · coalitions + coalition]`.
///
/// With `p` the conditions that the row satisfies, a coalition that knows the conditions `s ⊆ p` gets `value · G[all ∖ s]`, and `G` sums over the
/// background patterns that satisfy everything the row fails. `G` of all `s` at once is a superset sum over `2^|p|`; where that costs more than
/// it saves, each coalition has its own sum.
pub(super) fn add(leaf: &Leaf, background: &Background, pattern: u128, coalitions: &Coalitions, times: f64, out: &mut [f64]) {
    let failed = leaf.all_conditions() & !pattern;
    let known = known(leaf, failed, coalitions);
    if known.is_empty() {
        return;
    }
    let compatible = background.0.iter().filter(|(b, _)| b & failed == failed);
    let compatible: Vec<(u128, f64)> = compatible.map(|(b, share)| (b & pattern, *share)).collect();
    let held = pattern.count_ones();
    let scan = known.len() * compatible.len();
    let shares: Vec<f64> = if held < 24 && ((held as usize) << held) + compatible.len() < scan {
        let mut sums = vec![0.0; 1 << held];
        compatible.iter().for_each(|(b, share)| sums[extract(*b, pattern)] += share);
        let sums = superset_sums(sums, 0..held as usize);
        known.iter().map(|(_, known)| sums[extract(pattern & !known, pattern)]).collect()
    } else {
        let share = |known: u128| compatible.iter().filter(|(b, _)| b | known == pattern).map(|(_, share)| share).sum();
        known.iter().map(|(_, known)| share(*known)).collect()
    };
    for (output, value) in &leaf.values {
        let out = &mut out[output * coalitions.len()..][..coalitions.len()];
        known.iter().zip(&shares).for_each(|((coalition, _), share)| out[*coalition] += times * value * share);
    }
}

/// The coalitions that know no failed condition, with the conditions that they know.
fn known(leaf: &Leaf, failed: u128, coalitions: &Coalitions) -> Vec<(usize, u128)> {
    let mut known = Vec::new();
    for block in 0..coalitions.len().div_ceil(BLOCK) {
        let words = coalitions.block(block);
        let asked = leaf.of(failed).map(|condition| &words[condition.feature]);
        let alive: Word = asked.fold(coalitions.present(block), |alive, asked| std::array::from_fn(|word| alive[word] & !asked[word]));
        for (word, mut alive) in alive.into_iter().enumerate() {
            while alive != 0 {
                let bit = alive.trailing_zeros() as usize;
                known.push((block * BLOCK + word * 64 + bit, leaf.mask(|feature| words[feature][word] >> bit & 1 == 1)));
                alive &= alive - 1;
            }
        }
    }
    known
}

/// The bits of `pattern` under `mask`, moved together.
fn extract(mut pattern: u128, mask: u128) -> usize {
    let mut moved = 0;
    pattern &= mask;
    while pattern != 0 {
        let lowest = pattern & pattern.wrapping_neg();
        moved |= 1 << (mask & (lowest - 1)).count_ones();
        pattern ^= lowest;
    }
    moved
}
