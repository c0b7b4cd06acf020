//! The game of any model: background rows with the coalition's values put in, predicted in large batches, averaged.

use std::sync::Arc;

use super::{Coalitions, Game, Players};
use crate::dataset::FeatureBlock;
use crate::model::Predictor;

/// Rows that are predicted together, unless one coalition alone takes more.
const BATCH_ROWS: usize = 1 << 16;

/// A model against rows.
pub(super) struct BackgroundGame {
    predictor: Arc<dyn Predictor>,
    background: Arc<FeatureBlock>,
    /// Summing to one.
    weights: Vec<f64>,
    players: Players,
    /// `v(∅)` of each output.
    base: Vec<f64>,
}

impl BackgroundGame {
    /// Against the rows of positive weight; there are some.
    ///
    /// # Errors
    /// If the model cannot be evaluated on them, or says what is not a finite number.
    pub(super) fn new(
        predictor: Arc<dyn Predictor>,
        background: &Arc<FeatureBlock>,
        weights: Option<&[f64]>,
        players: Players,
    ) -> Result<Self, String> {
        let all = vec![1.0; background.rows()];
        let weights = weights.unwrap_or(&all);
        let kept: Vec<usize> = (0..background.rows()).filter(|&row| weights[row] > 0.0).collect();
        let total: f64 = weights.iter().sum();
        let weights = kept.iter().map(|&row| weights[row] / total).collect();
        let background = if kept.len() == background.rows() {
            Arc::clone(background)
        } else {
            Arc::new(FeatureBlock::from_rows(&kept.into_iter().map(|row| background.row(row)).collect::<Vec<_>>()))
        };
        let mut game = Self { predictor, background, weights, players, base: Vec::new() };
        let predictions = game.predictor.predict(&game.background).map_err(|error| error.to_string())?;
        game.base = game.means(&predictions).collect();
        match predictions.iter().find(|prediction| !prediction.is_finite()) {
            Some(odd) => Err(format!("the model predicts {odd} of a background row; Shapley values need finite predictions")),
            None => Ok(game),
        }
    }

    /// The mean of every so many predictions as there are background rows.
    fn means<'a>(&'a self, predictions: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        predictions.chunks_exact(self.weights.len()).map(|p| p.iter().zip(&self.weights).map(|(p, w)| p * w).sum())
    }

    /// The background once for each coalition, with the row's values where the coalition knows them.
    fn mixed(&self, rows: &FeatureBlock, row: usize, coalitions: &[&[bool]]) -> FeatureBlock {
        let mut player_of = vec![None; self.background.features()];
        for (player, members) in self.players.iter().enumerate() {
            members.iter().for_each(|&feature| player_of[feature] = Some(player));
        }
        let mut values = Vec::with_capacity(self.background.values().len() * coalitions.len());
        for (feature, player) in player_of.into_iter().enumerate() {
            let (own, others) = (rows.column(feature)[row], self.background.column(feature));
            for coalition in coalitions {
                if player.is_some_and(|player| coalition[player]) {
                    values.resize(values.len() + others.len(), own);
                } else {
                    values.extend_from_slice(others);
                }
            }
        }
        FeatureBlock::new(self.background.rows() * coalitions.len(), values)
    }
}

impl Game for BackgroundGame {
    fn base(&self) -> &[f64] {
        &self.base
    }

    fn values(&self, rows: &FeatureBlock, row: usize, coalitions: &Coalitions) -> Result<Vec<f64>, String> {
        let (count, background) = (coalitions.len(), self.background.rows());
        let mut values = vec![0.0; self.predictor.outputs().len() * count];
        let all: Vec<&[bool]> = coalitions.iter().collect();
        let step = (BATCH_ROWS / background.max(1)).max(1);
        for (batch, coalitions) in all.chunks(step).enumerate() {
            let predictions = self.predictor.predict(&self.mixed(rows, row, coalitions)).map_err(|error| error.to_string())?;
            for (output, predictions) in predictions.chunks_exact(background * coalitions.len()).enumerate() {
                let place = values[output * count + batch * step..].iter_mut();
                place.zip(self.means(predictions)).for_each(|(value, mean)| *value = mean);
            }
        }
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(format!(
                "the model predicts {value} where some of a row's values are replaced by the background's; Shapley values need finite predictions"
            )),
            None => Ok(values),
        }
    }
}
