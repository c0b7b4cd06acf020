//! Perturbed rows: drawn from the bins, predicted once, and weighed around each explained row.

use std::sync::Arc;

use rayon::prelude::*;

use super::bins::Bins;
use super::fit::{Linear, Moments};
use super::{METHOD, predict};
use crate::dataset::FeatureBlock;
use crate::explain::ExplainError;
use crate::model::Predictor;
use crate::numeric::dense::Matrix;
use crate::numeric::seed;

/// How features are cut, and how perturbed rows weigh.
#[derive(Debug)]
pub(super) struct Neighbourhood {
    /// One a feature.
    pub bins: Vec<Bins>,
    /// Weight of a perturbed row by the number of its bits that are off.
    pub kernel: Vec<f64>,
    /// Features of a linear model at most.
    pub features: usize,
}

/// The perturbed rows of one seed.
#[derive(Debug)]
pub(super) struct Perturbed {
    around: Arc<Neighbourhood>,
    samples: usize,
    /// Bin of each perturbed value, `sample · features + feature`.
    keys: Vec<u64>,
    /// What the model says of them, `output · samples + sample`.
    predictions: Vec<f64>,
}

impl Perturbed {
    /// Draws rows and asks the model about them.
    ///
    /// # Errors
    /// If the model cannot be evaluated or says what is not a finite number.
    pub fn draw(around: &Arc<Neighbourhood>, predictor: &dyn Predictor, samples: usize, seed: u64) -> Result<Self, ExplainError> {
        let drawn: Vec<Vec<f64>> = (around.bins.par_iter().enumerate())
            .map(|(feature, bins)| {
                let rng = &mut seed::generator(seed, METHOD, feature as u64);
                (0..samples).map(|_| bins.draw(rng)).collect()
            })
            .collect();
        let sample = |sample: usize| around.bins.iter().zip(&drawn).map(move |(bins, drawn)| bins.key(drawn[sample]));
        let keys = (0..samples).flat_map(sample).collect();
        let predictions = predict(predictor, &FeatureBlock::new(samples, drawn.concat()))?;
        Ok(Self { around: Arc::clone(around), samples, keys, predictions })
    }

    /// Each output's linear model around a row, which itself counts as a perturbed row of weight one; `own` is what the model says of it.
    ///
    /// # Errors
    /// If the perturbed rows do not determine it.
    pub fn explain(&self, row: &[f64], own: &[f64]) -> Result<Vec<Linear>, String> {
        let (Neighbourhood { bins, kernel, features: most }, samples) = (&*self.around, self.samples);
        let features = bins.len();
        let row: Vec<u64> = bins.iter().zip(row).map(|(bins, value)| bins.key(*value)).collect();
        // A column of ones and zeros for each perturbed row; the explained row comes after the last, and has all bits.
        let is_own = |feature: usize, sample: usize| self.keys.get(sample * features + feature).is_none_or(|key| *key == row[feature]);
        let bits = Matrix::from_fn(features, samples + 1, |feature, sample| f64::from(u8::from(is_own(feature, sample))));
        let weights: Vec<f64> = bits.turned_times(&vec![1.0; features]).into_iter().map(|on| kernel[features - on as usize]).collect();
        let weight: f64 = weights.iter().sum();
        let means: Vec<f64> = bits.times(&weights).into_iter().map(|sum| sum / weight).collect();
        let scaled =
            Matrix::from_fn(features, samples + 1, |feature, sample| (bits.get(feature, sample) - means[feature]) * weights[sample]);
        // Since `Σ w (b_j − b̄_j)` is zero, the other factor need not be about its mean.
        let gram = scaled.product(&bits);
        let weighted = |values: &mut dyn Iterator<Item = f64>| values.zip(&weights).map(|(value, w)| value * w).sum::<f64>();
        let fit = |(predictions, own): (&[f64], &f64)| {
            let targets = || predictions.iter().chain([own]).copied();
            let mean = weighted(&mut targets()) / weight;
            let about: Vec<f64> = targets().map(|target| target - mean).collect();
            let variance = weighted(&mut about.iter().map(|y| y * y));
            Moments { weight, means: &means, bits: &gram, target: scaled.times(&about), mean, variance }.fit(*most)
        };
        self.predictions.chunks_exact(samples).zip(own).map(fit).collect()
    }
}
