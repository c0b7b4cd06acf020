//! Permutation Shapley: features join one by one in random orders, each walked forward and backward.
//!
//! `φ_j = E_π [v(before j ∪ j) − v(before j)]` over uniform orders π (Štrumbelj & Kononenko 2014). An order and its reverse make one antithetic pair, which is
//! exact where no three features interact (Mitchell et al. 2022); the mean over pairs is unbiased, and its standard error is that of a mean.

use std::num::NonZeroUsize;

use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ExplainError;
use super::game::Coalitions;
use super::sampled::{self, Sampler, Sampling};
use crate::dataset::FeatureBlock;
use crate::numeric::seed;
use crate::settings::count;
use crate::subject::Subject;

const METHOD: &str = "permutation";

/// Unbiased Shapley values of any model from random orders of the features; feature groups are players.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Rows explained, a seeded sample of the data.
    pub rows: NonZeroUsize,
    /// Coalitions evaluated for a row at most: an order and its reverse take two fewer than twice the features.
    pub samples: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rows: count(200), samples: count(2048) }
    }
}

/// Permutation Shapley values with standard errors.
pub struct Permutation {
    sampling: Sampling,
    /// Antithetic pairs of orders for each row.
    pairs: usize,
}

/// Coalitions on the way from none to all and back; both ends are known, and shared by all orders.
fn walk(players: usize) -> usize {
    2 * players.saturating_sub(1)
}

impl Permutation {
    /// The method against the subject's background.
    ///
    /// # Errors
    /// If the budget allows less than two pairs of orders, without which there is no standard error, or the background was not read.
    pub fn new(settings: &Settings, subject: &Subject) -> Result<Self, ExplainError> {
        let sampling = Sampling::new(METHOD, subject, (settings.rows, settings.samples), |players| 2 + 2 * walk(players))?;
        let pairs = (settings.samples.get() - 2).checked_div(walk(sampling.players())).unwrap_or(2);
        Ok(Self { sampling, pairs })
    }
}

impl Sampler for Permutation {
    fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    fn row(&self, rows: &FeatureBlock, row: usize, key: u64) -> Result<sampled::Row, String> {
        let players = self.sampling.players();
        let mut rng = seed::generator(self.sampling.seed, METHOD, key);
        let mut coalitions = Coalitions::ends(players);
        let orders: Vec<Vec<usize>> = (0..self.pairs)
            .map(|_| {
                let mut order: Vec<usize> = (0..players).collect();
                order.shuffle(&mut rng);
                push_walk(&mut coalitions, players, order.iter());
                push_walk(&mut coalitions, players, order.iter().rev());
                order
            })
            .collect();
        let values = self.sampling.game.values(rows, row, &coalitions)?;
        let mut found = sampled::Row::default();
        for values in values.chunks_exact(coalitions.len()) {
            let (means, errors) = summarise(&gains(&orders, values, players));
            found.base.push(values[0]);
            found.prediction.push(values[1]);
            found.values.extend(means);
            found.standard_errors.extend(errors);
        }
        Ok(found)
    }
}

/// The coalitions on the way, without both ends.
fn push_walk<'a>(coalitions: &mut Coalitions, players: usize, order: impl ExactSizeIterator<Item = &'a usize>) {
    let mut members = vec![false; players];
    for &player in order.take(players.saturating_sub(1)) {
        members[player] = true;
        coalitions.push(members.iter().copied());
    }
}

/// What each player brings, the mean of each order and its reverse: a list a pair. `values` are of both ends, then of the walks.
fn gains(orders: &[Vec<usize>], values: &[f64], players: usize) -> Vec<Vec<f64>> {
    let (none, all, mut walks) = (values[0], values[1], values[2..].chunks(players.saturating_sub(1).max(1)));
    let mut gains = vec![vec![0.0; players]; orders.len()];
    for (order, gains) in orders.iter().zip(&mut gains) {
        for backward in [false, true] {
            let mut before = none;
            let on_the_way = if players > 1 { walks.next().unwrap_or_default() } else { &[] };
            for (step, after) in on_the_way.iter().chain([&all]).enumerate() {
                let player = order[if backward { players - 1 - step } else { step }];
                gains[player] += (after - before) / 2.0;
                before = *after;
            }
        }
    }
    gains
}

/// Mean and standard error of the mean of each player's gains.
fn summarise(gains: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let (count, players) = (gains.len() as f64, gains.first().map_or(0, Vec::len));
    let of = |player: usize| gains.iter().map(move |gains| gains[player]);
    let means: Vec<f64> = (0..players).map(|player| of(player).sum::<f64>() / count).collect();
    let error = |player: usize| (of(player).map(|gain| (gain - means[player]).powi(2)).sum::<f64>() / (count * (count - 1.0))).sqrt();
    let errors = (0..players).map(error).collect();
    (means, errors)
}
