//! Perturbed rows: drawn from the bins, predicted once, and weighed around each explained row.

use std::sync::Arc;

use faer::Mat;
use rayon::prelude::*;

use super::bins::Bins;
use super::fit::{Linear, Moments};
use super::{METHOD, predict};
use crate::dataset::FeatureBlock;
use crate::explain::ExplainError;
use crate::model::Predictor;
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
    /// Bin of each perturbed value, `feature · samples + sample`.
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
        let keys = around.bins.iter().zip(&drawn).flat_map(|(bins, drawn)| drawn.iter().map(|value| bins.key(*value))).collect();
        let predictions = predict(predictor, &FeatureBlock::new(samples, drawn.concat()))?;
        Ok(Self { around: Arc::clone(around), samples, keys, predictions })
    }

    /// Each output's linear model around a row, which itself counts as a perturbed row of weight one; `own` is what the model says of it.
    pub fn explain(&self, row: &[f64], own: &[f64]) -> Vec<Linear> {
        let (Neighbourhood { bins, kernel, features: most }, samples) = (&*self.around, self.samples);
        let features = bins.len();
        // A row of ones and zeros for each perturbed row, by column; the explained row is the last.
        let mut bits = Mat::from_fn(samples + 1, features, |_, _| 1.0);
        for (feature, bins) in bins.iter().enumerate() {
            let key = bins.key(row[feature]);
            let keys = &self.keys[feature * samples..][..samples];
            bits.col_mut(feature).iter_mut().zip(keys).for_each(|(bit, other)| *bit = f64::from(u8::from(key == *other)));
        }
        let mut off = vec![0_usize; samples + 1];
        for feature in 0..features {
            off.iter_mut().zip(bits.col(feature).iter()).for_each(|(off, bit)| *off += usize::from(*bit == 0.0));
        }
        let weights: Vec<f64> = off.iter().map(|off| kernel[*off]).collect();
        let weight: f64 = weights.iter().sum();
        let weighted = |values: &mut dyn Iterator<Item = f64>| values.zip(&weights).map(|(value, w)| value * w).sum::<f64>();
        let means: Vec<f64> = (0..features).map(|feature| weighted(&mut bits.col(feature).iter().copied()) / weight).collect();
        for (feature, mean) in means.iter().enumerate() {
            bits.col_mut(feature).iter_mut().for_each(|bit| *bit -= mean);
        }
        let scaled = Mat::from_fn(samples + 1, features, |sample, feature| bits[(sample, feature)] * weights[sample]);
        let gram = scaled.transpose() * &bits;
        let fit = |(predictions, own): (&[f64], &f64)| {
            let targets = || predictions.iter().chain([own]).copied();
            let mean = weighted(&mut targets()) / weight;
            let about: Vec<f64> = targets().map(|target| target - mean).collect();
            let against = |feature: usize| scaled.col(feature).iter().zip(&about).map(|(bit, y)| bit * y).sum();
            let target = (0..features).map(against).collect();
            let variance = weighted(&mut about.iter().map(|y| y * y));
            Moments { weight, means: &means, bits: &gram, target, mean, variance }.fit(*most)
        };
        self.predictions.chunks_exact(samples).zip(own).map(fit).collect()
    }
}
