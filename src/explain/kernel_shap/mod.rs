//! KernelSHAP: Shapley values of any model, exact where all coalitions fit the budget, else estimated from pairs of them.

mod design;
mod enumeration;
mod proxy;
mod regression;
mod settings;

use std::iter;

use super::ExplainError;
use super::game::Coalitions;
use super::sampled::{self, Sampler, Sampling};
use crate::dataset::FeatureBlock;
use crate::numeric::dense::Matrix;
use crate::numeric::seed;
use crate::subject::Subject;
use design::Design;
use regression::{Estimate, Pairs, estimate};

pub use proxy::MOST_PAIRS;
pub use settings::{Estimator, Settings};

const METHOD: &str = "kernel_shap";

/// Coalitions of the first look, where there is a tolerance.
const FIRST: usize = 256;

/// KernelSHAP (Lundberg & Lee 2017) on leverage-weighted pairs, with standard errors.
pub struct KernelShap {
    sampling: Sampling,
    settings: Settings,
}

impl Sampler for KernelShap {
    fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    fn row(&self, rows: &FeatureBlock, row: usize, key: u64) -> Result<sampled::Row, String> {
        if self.settings.is_exact(self.sampling.players()) { self.exact(rows, row) } else { self.sampled(rows, row, key) }
    }
}

impl KernelShap {
    /// The method against the subject's background.
    ///
    /// # Errors
    /// If the budget is too small for the number of players, or the background was not read.
    pub fn new(settings: &Settings, subject: &Subject) -> Result<Self, ExplainError> {
        let samples = settings.samples.get();
        let least = |players| if settings.is_exact(players) { samples } else { 2 * players + 2 };
        let sampling = Sampling::new(METHOD, subject, (settings.rows, settings.samples), least)?;
        Ok(Self { sampling, settings: settings.clone() })
    }

    /// All coalitions.
    fn exact(&self, rows: &FeatureBlock, row: usize) -> Result<sampled::Row, String> {
        let (players, outputs) = (self.sampling.players(), self.sampling.schema.outputs.len());
        let mut all = Coalitions::new(players);
        (0..1_usize << players).for_each(|set| all.push((0..players).map(|player| set >> player & 1 == 1)));
        let games = self.sampling.game.values(rows, row, &all)?;
        let games = || games.chunks_exact(all.len());
        Ok(sampled::Row {
            base: games().map(|values| values[0]).collect(),
            prediction: games().map(|values| values[all.len() - 1]).collect(),
            values: games().flat_map(|values| enumeration::shapley(players, values)).collect(),
            standard_errors: vec![0.0; players * outputs],
        })
    }

    /// Pairs of coalitions until the budget is spent, or the tolerance reached.
    fn sampled(&self, rows: &FeatureBlock, row: usize, key: u64) -> Result<sampled::Row, String> {
        let (players, outputs) = (self.sampling.players(), self.sampling.schema.outputs.len());
        let most = self.settings.pairs();
        let mut design = Design::new(players, seed::generator(self.sampling.seed, METHOD, key));
        let mut odd: Vec<Vec<f64>> = vec![Vec::new(); outputs];
        let mut goal = if self.settings.tolerance.is_some() { most.min((FIRST / 2).max(2 * players)) } else { most };
        loop {
            design.grow(goal);
            self.evaluate(rows, row, &design, &mut odd)?;
            let signs: Vec<&[bool]> = design.pairs().collect();
            let pairs = Pairs {
                signs: Matrix::from_fn(signs.len(), players, |pair, player| if signs[pair][player] { 1.0 } else { -1.0 }),
                weights: design.weights(),
                undrawn: design.undrawn(),
                odd: odd.iter().map(|odd| odd[1..].to_vec()).collect(),
                whole: odd.iter().map(|odd| odd[0]).collect(),
            };
            let found = estimate(&pairs, self.settings.uses_proxy(players, signs.len()))
                .ok_or("the sampled coalitions do not determine the values; raise explain.kernel_shap.samples")?;
            if goal >= most || self.settings.tolerance.is_none_or(|tolerance| is_precise(&found, tolerance)) {
                let base = self.sampling.game.base().to_vec();
                return Ok(sampled::Row {
                    prediction: base.iter().zip(&pairs.whole).map(|(base, whole)| base + 2.0 * whole).collect(),
                    base,
                    values: found.values.concat(),
                    standard_errors: found.standard_errors.concat(),
                });
            }
            goal = most.min(2 * goal);
        }
    }

    /// Evaluates what is new in a design: `g = (v(S) − v(N∖S)) / 2` of all players, then of each pair, a list an output.
    fn evaluate(&self, rows: &FeatureBlock, row: usize, design: &Design, odd: &mut [Vec<f64>]) -> Result<(), String> {
        let known = odd.first().map_or(0, Vec::len);
        let mut coalitions = Coalitions::new(self.sampling.players());
        let all = vec![true; self.sampling.players()];
        iter::once(all.as_slice()).chain(design.pairs()).skip(known).for_each(|pair| coalitions.push(pair.iter().copied()));
        if coalitions.is_empty() {
            return Ok(());
        }
        let values = self.sampling.game.odd(rows, row, &coalitions)?;
        odd.iter_mut().zip(values.chunks_exact(coalitions.len())).for_each(|(odd, values)| odd.extend(values));
        Ok(())
    }
}

/// Whether, for every output, the largest standard error is within the share of the spread of the values.
fn is_precise(found: &Estimate, tolerance: f64) -> bool {
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
    found.values.iter().zip(&found.standard_errors).all(|(values, errors)| {
        let spread = largest(&mut values.iter().copied()) + largest(&mut values.iter().map(|value| -value));
        largest(&mut errors.iter().copied()) <= tolerance * spread
    })
}
