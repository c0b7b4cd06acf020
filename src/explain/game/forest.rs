//! The game of a forest: exact over the whole background, from its patterns on the leaves.

use super::{Coalitions, Game, Players};
use crate::dataset::FeatureBlock;
use crate::pattern::{self, ValueFunction};

/// Coalitions of players as coalitions of model features.
#[derive(Debug)]
pub(super) struct ForestGame {
    function: ValueFunction,
    players: Players,
}

impl ForestGame {
    pub(super) fn new(function: ValueFunction, players: Players) -> Self {
        Self { function, players }
    }
}

impl Game for ForestGame {
    fn values(&self, rows: &FeatureBlock, row: usize, coalitions: &Coalitions) -> Result<Vec<f64>, String> {
        let forest = self.function.forest();
        let mut features = pattern::Coalitions::new(forest.features.len(), coalitions.len());
        for (number, coalition) in coalitions.iter().enumerate() {
            for (_, members) in coalition.iter().zip(&self.players).filter(|(is_in, _)| **is_in) {
                members.iter().for_each(|&feature| features.insert(number, feature));
            }
        }
        let mut values = vec![0.0; forest.outputs.len() * coalitions.len()];
        self.function.values(rows, row, &features, &mut values);
        Ok(values)
    }
}
