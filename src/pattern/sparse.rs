//! Interventional contributions of leaves with many conditions: only the background patterns that occur, only the row patterns that occur.
//!
//! For row pattern `p` and background pattern `b` on a leaf of `D` conditions, with `a = D − |b|` and `e = D − |p|`: if every condition
//! holds for `p` or for `b`, a condition that `b` fails gets `+value / (a · C(a+e, e))` and one that `p` fails `−value / (e · C(a+e, a))`
//! (the weights `(a−1)! e!/(a+e)!` and `a! (e−1)!/(a+e)!` of Lundberg et al. 2020).

use std::collections::HashMap;

use super::block::{BLOCK, STRIDE, Word};
use super::boxes::Boxes;
use super::game::Rules;
use super::program::Program;
use crate::model::NodeKind;

/// Most conditions of a leaf that a pattern can hold.
pub(super) const WIDEST: usize = 128;

/// A leaf with its own list of conditions.
#[derive(Clone, Debug)]
pub(super) struct WideLeaf {
    /// Leaf number in the tree.
    pub leaf: usize,
    /// Ascending; bit `j` of a pattern is the condition on the `j`th.
    features: Vec<usize>,
    /// Slot of each condition, and the flip that makes "set" mean "holds".
    slots: Vec<(u32, u64)>,
}

/// Weights of the background patterns that occur on a leaf, sorted by pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Background(pub Vec<(u128, f64)>);

/// Contributions of row patterns already met.
pub(super) type Memo = HashMap<u128, Box<[f64]>>;

impl WideLeaf {
    /// Compiles the leaf at `node`.
    pub(super) fn new(boxes: &Boxes<'_>, program: &mut Program, node: usize) -> Self {
        let NodeKind::Leaf(leaf) = boxes.tree.nodes[node].kind else { unreachable!("only leaves are compiled") };
        let mut conditions = Vec::new();
        for condition in boxes.conditions(node) {
            let (slot, flip) = program.edge(boxes, condition);
            conditions.push((boxes.edge(condition).feature, (slot, if flip { u64::MAX } else { 0 })));
        }
        conditions.sort_unstable();
        let (features, slots) = conditions.into_iter().unzip();
        Self { leaf, features, slots }
    }

    /// The features, ascending; bit `j` of a pattern is the condition on the `j`th.
    pub(super) fn features(&self) -> &[usize] {
        &self.features
    }

    fn all(&self) -> u128 {
        if self.slots.len() == WIDEST { u128::MAX } else { (1 << self.slots.len()) - 1 }
    }

    /// The leaf's pattern on each row of a block.
    pub(super) fn patterns(&self, slots: &[Word]) -> [u128; BLOCK] {
        let mut patterns = [0; BLOCK];
        for (bit, (slot, flip)) in self.slots.iter().enumerate() {
            for (row, pattern) in patterns.iter_mut().enumerate() {
                *pattern |= u128::from((slots[*slot as usize][row / 64] ^ flip) >> (row % 64) & 1) << bit;
            }
        }
        patterns
    }

    /// Share of the background that satisfies every condition.
    pub(super) fn held(&self, background: &Background) -> f64 {
        background.0.binary_search_by_key(&self.all(), |entry| entry.0).map_or(0.0, |at| background.0[at].1)
    }

    /// Contributions of one row pattern at leaf value 1, one a condition.
    fn contributions(&self, pattern: u128, background: &Background, rules: &Rules) -> Box<[f64]> {
        let mut result = vec![0.0; self.slots.len()];
        let all = self.all();
        let failed = all & !pattern;
        let e = failed.count_ones();
        let mut from_failed = 0.0;
        for (b, weight) in &background.0 {
            if (b & failed) != failed {
                continue;
            }
            let mut gained = all & !b;
            let a = gained.count_ones();
            let (gain, loss) = rules.divisors(a, e);
            if e > 0 {
                from_failed -= weight / loss;
            }
            let share = weight / gain;
            while gained != 0 {
                result[gained.trailing_zeros() as usize] += share;
                gained &= gained - 1;
            }
        }
        for (j, value) in result.iter_mut().enumerate() {
            if failed >> j & 1 == 1 {
                *value = from_failed;
            }
        }
        result.into_boxed_slice()
    }

    /// Adds the contributions of a block's rows for every `(output, value)` of the leaf.
    pub(super) fn accumulate(
        &self,
        slots: &[Word],
        (background, rules): (&Background, &Rules),
        memo: &mut Memo,
        values: &[(usize, f64)],
        features: usize,
        out: &mut [f64],
    ) {
        for (row, pattern) in self.patterns(slots).into_iter().enumerate() {
            let contributions = memo.entry(pattern).or_insert_with(|| self.contributions(pattern, background, rules));
            for (output, value) in values {
                for (feature, contribution) in self.features.iter().zip(contributions.iter()) {
                    out[(output * features + feature) * STRIDE + row] += value * contribution;
                }
            }
        }
    }
}
