//! The value function of an interventional game, exactly over the whole background: of one row for many coalitions, of many rows for a few.
//!
//! `v(S)(x) = (1/m) Σ_b f(x_S, b_{N∖S}) = base + Σ_leaf value · [x satisfies the leaf's conditions on S] · G_leaf[path ∖ S]`
//!
//! where `G_leaf[A]` is the share of background rows that satisfy the leaf's conditions on the features `A`, known from the histogram of their
//! patterns: the background itself is never touched again. For a fixed `S`, `v(S)` is the partial dependence function of `S` (Friedman 2001).

mod coalitions;
mod grouping;
mod groups;
mod intervals;
mod leaf;
mod partial_dependence;
mod row;
mod wide;

use std::ops::Range;
use std::sync::Arc;

use super::program::Program;
use super::shape::Shape;
use super::sweep::Literal;
use crate::model::Forest;
use groups::Groups;
use leaf::{Leaf, Shares};

pub use coalitions::Coalitions;
pub use intervals::Intervals;
pub(super) use leaf::LeafShares;

/// `v(S)(x)` of a forest against a counted background, in margin space; made by [`BackgroundCounter::value_function`].
///
/// [`BackgroundCounter::value_function`]: super::BackgroundCounter::value_function
#[derive(Debug)]
pub struct ValueFunction {
    shape: Shape,
    trees: Vec<BoxTree>,
    leaves: Vec<Leaf>,
    groups: Groups,
    base: Vec<f64>,
}

/// A tree's word operations, and where its leaves are.
#[derive(Debug)]
struct BoxTree {
    program: Program,
    leaves: Range<usize>,
    /// The conditions of its leaves with dense shares, leaf after leaf.
    tests: Vec<Literal>,
}

impl ValueFunction {
    /// From each tree's program and its leaves' shares of the background, by leaf number.
    pub(super) fn new(shape: Shape, parts: Vec<(Program, Vec<LeafShares>)>) -> Self {
        let (mut trees, mut leaves, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for ((mut program, found), tree) in parts.into_iter().zip(&shape.forest.trees) {
            let first = leaves.len();
            leaves.extend(Leaf::all(tree, &mut program, found, &mut shares));
            let dense = leaves[first..].iter().filter(|leaf| matches!(leaf.shares, Shares::Dense(_)));
            let tests = dense.flat_map(|leaf| &leaf.conditions).map(|condition| condition.holds).collect();
            trees.push(BoxTree { program, leaves: first..leaves.len(), tests });
        }
        let groups = Groups::new(&mut leaves, &shares, shape.forest.features.len());
        let mut base = shape.forest.base.clone();
        for leaf in &leaves {
            let share = leaf.share(leaf.all_conditions(), &groups.shares);
            leaf.values.iter().for_each(|(output, value)| base[*output] += value * share);
        }
        Self { shape, trees, leaves, groups, base }
    }

    /// The forest.
    pub fn forest(&self) -> &Arc<Forest> {
        &self.shape.forest
    }

    /// `v(∅)` of each output: the mean margin of the background.
    pub fn base(&self) -> &[f64] {
        &self.base
    }
}
