//! LIME for tabular data (Ribeiro, Singh & Guestrin 2016): which features explain the model linearly around a row.
//!
//! A perturbed row is drawn from the data's bins, whatever row is explained: so the model is asked once for all rows. Around a row, the bit of a feature says whether the
//! perturbed value is in the row's own bin, and rows weigh `√exp(−D²/w²)` with `D²` the number of bits that are off and `w = 0.75 √d`.

mod bins;
mod fit;
mod settings;

use std::num::NonZeroUsize;
use std::sync::Arc;

use faer::Mat;
use rayon::prelude::*;

use super::{ExplainError, Explainer};
use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::dataset::{FeatureBlock, RowBatch};
use crate::model::Predictor;
use crate::numeric::seed;
use crate::subject::{Needs, Subject};
use bins::Bins;
use fit::{Linear, Moments};

pub use settings::Settings;

const METHOD: &str = "lime";

/// Kernel width as a multiple of the square root of the number of features.
const WIDTH: f64 = 0.75;

/// Columns that stand beside the attributions.
const EXTRA: &[&str] = &["_intercept", "_fidelity"];

/// LIME, with its perturbed rows drawn and predicted.
pub struct Lime {
    schema: Arc<AttributionSchema>,
    settings: Settings,
    predictor: Arc<dyn Predictor>,
    bins: Vec<Bins>,
    /// Bin of each perturbed value, `feature · samples + sample`.
    keys: Vec<u64>,
    /// What the model says of them, `output · samples + sample`.
    predictions: Vec<f64>,
    /// Weight of a perturbed row by the number of its bits that are off.
    kernel: Vec<f64>,
}

impl Lime {
    /// Cuts the features by the subject's sample, draws the perturbed rows and asks the model about them.
    ///
    /// # Errors
    /// If there is no sample, or the model cannot be evaluated or says what is not a finite number.
    pub fn new(settings: &Settings, subject: &Subject) -> Result<Self, ExplainError> {
        let sample = subject.sample.as_deref().filter(|sample| sample.rows() > 0).ok_or_else(|| refuse("the data has no rows"))?;
        let mut members: Vec<_> = subject.features.iter().flat_map(|feature| &feature.members).collect();
        members.sort_unstable_by_key(|member| member.column);
        let bins: Vec<Bins> =
            members.par_iter().map(|member| Bins::new(sample.features.column(member.column), member.values.is_ordered())).collect();
        let count = settings.samples.get();
        let drawn: Vec<Vec<f64>> = (bins.par_iter().enumerate())
            .map(|(feature, bins)| {
                let rng = &mut seed::generator(subject.seed, METHOD, feature as u64);
                (0..count).map(|_| bins.draw(rng)).collect()
            })
            .collect();
        let keys = bins.iter().zip(&drawn).flat_map(|(bins, drawn)| drawn.iter().map(|value| bins.key(*value))).collect();
        let predictions = predict(&*subject.predictor, &FeatureBlock::new(count, drawn.concat()))?;
        let width = WIDTH * WIDTH * bins.len() as f64;
        let kernel = (0..=bins.len()).map(|off| (-(off as f64) / width).exp().sqrt()).collect();
        let features = members.iter().map(|member| member.name.clone()).collect();
        let schema = Arc::new(AttributionSchema { method: METHOD, features, outputs: subject.outputs.clone() });
        Ok(Self { schema, settings: settings.clone(), predictor: Arc::clone(&subject.predictor), bins, keys, predictions, kernel })
    }

    /// What this method needs before the first row.
    pub fn needs() -> Needs {
        Needs { sample: true, ..Needs::default() }
    }

    /// Each output's linear model around a row, which itself counts as a perturbed row of weight one.
    fn row(&self, row: &[f64], own: &[f64]) -> Vec<Linear> {
        let (features, samples) = (self.bins.len(), self.settings.samples.get());
        // A row of ones and zeros for each perturbed row, by column; the explained row is the last.
        let mut bits = Mat::from_fn(samples + 1, features, |_, _| 1.0);
        for (feature, bins) in self.bins.iter().enumerate() {
            let key = bins.key(row[feature]);
            let keys = &self.keys[feature * samples..][..samples];
            bits.col_mut(feature).iter_mut().zip(keys).for_each(|(bit, other)| *bit = f64::from(u8::from(key == *other)));
        }
        let mut off = vec![0_usize; samples + 1];
        for feature in 0..features {
            off.iter_mut().zip(bits.col(feature).iter()).for_each(|(off, bit)| *off += usize::from(*bit == 0.0));
        }
        let weights: Vec<f64> = off.iter().map(|off| self.kernel[*off]).collect();
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
            Moments { weight, means: &means, bits: &gram, target, mean, variance }.fit(self.settings.features.get())
        };
        self.predictions.chunks_exact(samples).zip(own).map(fit).collect()
    }
}

fn refuse(message: &str) -> ExplainError {
    ExplainError { method: METHOD, message: message.into() }
}

/// What the model says of rows, all of it finite.
fn predict(predictor: &dyn Predictor, block: &FeatureBlock) -> Result<Vec<f64>, ExplainError> {
    let predictions = predictor.predict(block).map_err(|error| refuse(&error.to_string()))?;
    match predictions.iter().find(|prediction| !prediction.is_finite()) {
        Some(odd) => Err(refuse(&format!("the model predicts {odd}, which no linear model can follow"))),
        None => Ok(predictions),
    }
}

impl Explainer for Lime {
    fn schema(&self) -> &Arc<AttributionSchema> {
        &self.schema
    }

    fn explain(&self, rows: &RowBatch) -> Result<AttributionBatch, ExplainError> {
        let (count, outputs) = (rows.rows(), self.schema.outputs.len());
        let prediction = predict(&*self.predictor, &rows.features)?;
        let row = |row: usize| {
            let own: Vec<f64> = (0..outputs).map(|output| prediction[output * count + row]).collect();
            self.row(&rows.features.row(row), &own)
        };
        let found: Vec<Vec<Linear>> = (0..count).into_par_iter().map(row).collect();
        let each = |of: &dyn Fn(&Linear) -> f64| -> Vec<f64> {
            (0..outputs).flat_map(|output| found.iter().map(move |models| &models[output])).map(of).collect()
        };
        let values = (0..outputs).flat_map(|output| (0..self.bins.len()).map(move |feature| (output, feature)));
        let intercepts = each(&|model| model.intercept);
        Ok(AttributionBatch {
            schema: Arc::clone(&self.schema),
            rows: count,
            base: intercepts.clone(),
            prediction,
            values: values.flat_map(|(output, feature)| found.iter().map(move |models| models[output].coefficients[feature])).collect(),
            standard_errors: None,
            extra: vec![(EXTRA[0], intercepts), (EXTRA[1], each(&|model| model.fidelity))],
        })
    }

    fn sample(&self) -> Option<NonZeroUsize> {
        Some(self.settings.rows)
    }

    fn is_additive(&self) -> bool {
        false
    }

    fn extra_columns(&self) -> &'static [&'static str] {
        EXTRA
    }
}
