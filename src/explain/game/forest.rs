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
    /// Of players who have all features between them.
    ///
    /// # Errors
    /// If a feature is no player's: the complement of the players would not have the complement of their features.
    pub(super) fn new(function: ValueFunction, players: Players) -> Result<Self, String> {
        let mut features = function.forest().features.iter().enumerate();
        match features.find(|(feature, _)| !players.iter().flatten().any(|member| member == feature)) {
            Some((_, feature)) => Err(format!("the model's feature `{}` is in none of the explained features", feature.name)),
            None => Ok(Self { function, players }),
        }
    }

    fn features(&self, coalitions: &Coalitions) -> pattern::Coalitions {
        let mut features = pattern::Coalitions::new(self.function.forest().features.len(), coalitions.len());
        for (number, coalition) in coalitions.iter().enumerate() {
            for (_, members) in coalition.iter().zip(&self.players).filter(|(is_in, _)| **is_in) {
                members.iter().for_each(|&feature| features.insert(number, feature));
            }
        }
        features
    }

    /// One value an output and coalition.
    fn room(&self, coalitions: &Coalitions) -> Vec<f64> {
        vec![0.0; self.function.forest().outputs.len() * coalitions.len()]
    }
}

impl Game for ForestGame {
    fn base(&self) -> &[f64] {
        self.function.base()
    }

    fn values(&self, rows: &FeatureBlock, row: usize, coalitions: &Coalitions) -> Result<Vec<f64>, String> {
        let mut values = self.room(coalitions);
        self.function.values(rows, row, &self.features(coalitions), &mut values);
        Ok(values)
    }

    fn odd(&self, rows: &FeatureBlock, row: usize, coalitions: &Coalitions) -> Result<Vec<f64>, String> {
        let mut values = self.room(coalitions);
        self.function.differences(rows, row, &self.features(coalitions), &mut values);
        values.iter_mut().for_each(|value| *value /= 2.0);
        Ok(values)
    }
}
