//! Cooperative games on one row: what the model is worth when only some players' values are known.
//!
//! Players are the explained features or feature groups. `v(S) = Σ_b w_b f(x_S, b_{N∖S}) / Σ_b w_b` over the whole background, in the space that
//! `model.output` names.

mod coalitions;
mod forest;
mod rows;

use super::ExplainError;
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Link, Output};
use crate::subject::{ExplainedFeature, Needs, Subject};
use forest::ForestGame;
use rows::BackgroundGame;

pub use coalitions::Coalitions;

/// The value of coalitions of players.
pub trait Game: Send + Sync {
    /// `v(∅)` of each output, the same for all rows.
    fn base(&self) -> &[f64];

    /// `v(S)` of one row for many coalitions, `output · coalitions + coalition`. A value depends on its row and coalition alone.
    ///
    /// # Errors
    /// If the model cannot be evaluated, or says what is not a finite number.
    fn values(&self, rows: &FeatureBlock, row: usize, coalitions: &Coalitions) -> Result<Vec<f64>, String>;

    /// `(v(S) − v(N∖S)) / 2`, the odd part of the game, likewise.
    ///
    /// # Errors
    /// As [`Game::values`].
    fn odd(&self, rows: &FeatureBlock, row: usize, coalitions: &Coalitions) -> Result<Vec<f64>, String> {
        let values = self.values(rows, row, &coalitions.with_complements())?;
        Ok(values.as_chunks().0.iter().map(|[of, complement]| (of - complement) / 2.0).collect())
    }
}

/// The model features of each player.
pub type Players = Vec<Vec<usize>>;

/// Each explained feature as a player.
pub fn players(features: &[ExplainedFeature]) -> Players {
    features.iter().map(|feature| feature.members.iter().map(|member| member.column).collect()).collect()
}

/// What a game needs of the background: its patterns where these say all, else its rows.
pub fn needs(forest: Option<&Forest>, space: Output) -> Needs {
    let counted = is_counted(forest, space);
    Needs { histograms: counted, rows: !counted, ..Needs::default() }
}

/// The game of the model against the background.
///
/// # Errors
/// If the background has no weight, the model cannot be evaluated on it, or a forest's feature is in no explained one.
pub fn game(method: &'static str, subject: &Subject) -> Result<Box<dyn Game>, ExplainError> {
    let refuse = |message: String| ExplainError { method, message };
    let players = players(&subject.features);
    let background = &subject.background;
    match (is_counted(subject.forest.as_deref(), subject.space), &background.histograms, &background.rows) {
        (true, Some(histograms), _) => {
            let function = histograms.value_function().map_err(|error| refuse(error.to_string()))?;
            ForestGame::new(function, players).map(|game| Box::new(game) as Box<dyn Game>).map_err(refuse)
        }
        (_, _, Some(rows)) => {
            let game = BackgroundGame::new(subject.predictor.clone(), rows, background.weights.as_deref(), players);
            game.map(|game| Box::new(game) as Box<dyn Game>).map_err(refuse)
        }
        _ => Err(refuse("the background was not read".into())),
    }
}

/// Whether the background's patterns on the leaves determine every coalition's value: sums of constant leaves, explained as sums.
fn is_counted(forest: Option<&Forest>, space: Output) -> bool {
    forest.is_some_and(|forest| {
        (space == Output::Margin || forest.link == Link::Identity) && forest.trees.iter().all(|tree| tree.linear.is_empty())
    })
}
