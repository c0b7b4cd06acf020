//! Leaves without tables: cells of the row patterns that occur, once each.

use std::collections::HashMap;

use super::compile::LeafGame;
use super::game;
use crate::pattern::block::{STRIDE, Word};
use crate::pattern::game::Rules;
use crate::pattern::sparse::WideLeaf;

/// A leaf with its game.
#[derive(Debug)]
pub(super) struct PairLeaf {
    pub leaf: WideLeaf,
    pub game: LeafGame,
    /// Column of each cell, for each of `values`.
    pub columns: Vec<Vec<u32>>,
    /// Scaled values.
    pub values: Vec<f64>,
}

/// Cells of row patterns already met.
pub(super) type Memo = HashMap<u128, Box<[f64]>>;

impl PairLeaf {
    /// Adds the cells of a block's rows.
    pub(super) fn add(&self, slots: &[Word], rules: &Rules, memo: &mut Memo, out: &mut [f64]) {
        for (row, pattern) in self.leaf.patterns(slots).into_iter().enumerate() {
            let cells = memo.entry(pattern).or_insert_with(|| match &self.game {
                LeafGame::Ratios(ratios) => game::path_dependent(ratios, pattern, rules),
                LeafGame::Background(background) => game::interventional(self.leaf.features().len(), pattern, background),
            });
            for (value, columns) in self.values.iter().zip(&self.columns) {
                for (column, cell) in columns.iter().zip(cells.iter()) {
                    out[*column as usize * STRIDE + row] += value * cell;
                }
            }
        }
    }
}
