//! Leaves as boxes against the background: a word for each condition, and the background's share under any of them.

use std::ops::Range;

use crate::model::Tree;
use crate::pattern::block::{WORDS, Word};
use crate::pattern::boxes::Boxes;
use crate::pattern::program::Program;
use crate::pattern::shape::leaf_values;
use crate::pattern::sparse::Background;
use crate::pattern::sweep::Literal;

/// One feature's condition in a leaf's box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub feature: usize,
    pub holds: Literal,
}

/// A leaf's box.
#[derive(Debug)]
pub(super) struct Leaf {
    /// One condition a feature of the path, ascending by feature.
    pub conditions: Box<[Condition]>,
    /// Outputs and scaled values.
    pub values: Vec<(usize, f64)>,
    pub shares: Shares,
}

/// The background's shares `G[A]` under conditions of one leaf.
#[derive(Debug)]
pub(super) enum Shares {
    /// Where those of every `A` are among the shares of all leaves, `G[all ∖ K]` at the place `K`.
    Dense(Range<usize>),
    /// The patterns that occur.
    Sparse(Background),
}

/// The background on one leaf; bit `j` of a pattern is the condition on the `j`th of its ascending features.
#[derive(Debug)]
pub(in crate::pattern) enum LeafShares {
    /// `G[A]` of every set `A` of conditions.
    Dense(Vec<f64>),
    /// The patterns that occur.
    Sparse(Background),
}

impl Leaf {
    /// Compiles the boxes of a tree's leaves, in the order of their numbers, as `found` is; dense shares go to the end of `shares`.
    pub(super) fn all(tree: &Tree, program: &mut Program, found: Vec<LeafShares>, shares: &mut Vec<f64>) -> Vec<Self> {
        let boxes = Boxes::new(tree);
        let compile = |((leaf, node), found)| {
            let shares = match found {
                LeafShares::Sparse(background) => Shares::Sparse(background),
                LeafShares::Dense(found) => {
                    shares.extend(found.iter().rev());
                    Shares::Dense(shares.len() - found.len()..shares.len())
                }
            };
            Self { conditions: conditions(&boxes, program, node), values: leaf_values(tree, leaf).collect(), shares }
        };
        boxes.leaf_nodes().into_iter().enumerate().zip(found).map(compile).collect()
    }

    /// All conditions, as a pattern.
    pub(super) fn all_conditions(&self) -> u128 {
        u128::MAX.checked_shr(128 - self.conditions.len() as u32).unwrap_or(0)
    }

    /// The leaf's pattern on a row of a block: bit `j` is set where condition `j` holds.
    pub(super) fn pattern(&self, slots: &[Word], row: usize) -> u128 {
        let holds = |condition: &Condition| u128::from(condition.holds.word(slots, row / 64) >> (row % 64) & 1);
        self.conditions.iter().enumerate().fold(0, |pattern, (j, condition)| pattern | holds(condition) << j)
    }

    /// The conditions on features that `inside` says yes to.
    pub(super) fn mask(&self, inside: impl Fn(usize) -> bool) -> u128 {
        self.conditions.iter().enumerate().fold(0, |mask, (j, condition)| mask | u128::from(inside(condition.feature)) << j)
    }

    /// The conditions of a mask.
    pub(super) fn of(&self, mask: u128) -> impl Iterator<Item = &Condition> {
        self.conditions.iter().enumerate().filter(move |(j, _)| mask >> j & 1 == 1).map(|(_, condition)| condition)
    }

    /// The rows of a block on which all conditions of a mask hold.
    pub(super) fn hold(&self, mask: u128, slots: &[Word]) -> Word {
        self.of(mask).fold([u64::MAX; WORDS], |word, condition| std::array::from_fn(|at| word[at] & condition.holds.word(slots, at)))
    }

    /// `G[A]` of one set `A` of conditions.
    pub(super) fn share(&self, conditions: u128, dense: &[f64]) -> f64 {
        match &self.shares {
            Shares::Dense(place) => dense[place.end - 1 - conditions as usize],
            Shares::Sparse(background) => {
                background.0.iter().filter(|(pattern, _)| pattern & conditions == conditions).map(|(_, share)| share).sum()
            }
        }
    }
}

/// The box of the leaf at `node`.
fn conditions(boxes: &Boxes<'_>, program: &mut Program, node: usize) -> Box<[Condition]> {
    let mut conditions: Vec<Condition> = Vec::new();
    for at in boxes.conditions(node) {
        conditions.push(Condition { feature: boxes.edge(at).feature, holds: Literal::new(program.edge(boxes, at)) });
    }
    conditions.sort_unstable_by_key(|condition| condition.feature);
    conditions.into()
}
