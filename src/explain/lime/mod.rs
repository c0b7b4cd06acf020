//! LIME for tabular data (Ribeiro, Singh & Guestrin 2016): which features explain the model linearly around a row.
//!
//! A perturbed row is drawn from the data's bins, whatever row is explained: so the model is asked once for all rows. Around a row, the bit of a feature says whether the
//! perturbed value is in the row's own bin, and rows weigh `√exp(−D²/w²)` with `D²` the number of bits that are off and `w = 0.75 √d`.

mod bins;
mod fit;
mod perturbed;
mod settings;
mod stability;

use std::num::NonZeroUsize;
use std::sync::Arc;

use rayon::prelude::*;

use super::{ExplainError, Explainer};
use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::dataset::{FeatureBlock, RowBatch};
use crate::model::Predictor;
use crate::subject::{Needs, Subject};
use crate::table::Table;
use bins::Bins;
use fit::Linear;
use perturbed::{Neighbourhood, Perturbed};

pub use settings::{Settings, Stability};

const METHOD: &str = "lime";

/// Kernel width as a multiple of the square root of the number of features.
const WIDTH: f64 = 0.75;

/// Columns that stand beside the attributions.
const EXTRA: &[&str] = &["_intercept", "_fidelity"];

/// LIME, with its perturbed rows drawn and predicted.
pub struct Lime {
    schema: Arc<AttributionSchema>,
    settings: Settings,
    seed: u64,
    predictor: Arc<dyn Predictor>,
    around: Arc<Neighbourhood>,
    perturbed: Perturbed,
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
        let width = WIDTH * WIDTH * bins.len() as f64;
        let kernel = (0..=bins.len()).map(|off| libm::exp(-(off as f64) / width).sqrt()).collect();
        let around = Arc::new(Neighbourhood { bins, kernel, features: settings.features.get() });
        let predictor = Arc::clone(&subject.predictor);
        let perturbed = Perturbed::draw(&around, &*predictor, settings.samples.get(), subject.seed)?;
        let features = members.iter().map(|member| member.name.clone()).collect();
        let schema = Arc::new(AttributionSchema { method: METHOD, features, outputs: subject.outputs.clone() });
        Ok(Self { schema, settings: settings.clone(), seed: subject.seed, predictor, around, perturbed })
    }

    /// What this method needs before the first row.
    pub fn needs() -> Needs {
        Needs { sample: true, ..Needs::default() }
    }

    /// Each row's linear models, an output each, from these perturbed rows.
    fn models(&self, perturbed: &Perturbed, rows: &FeatureBlock, predictions: &[f64]) -> Result<Vec<Vec<Linear>>, ExplainError> {
        let own = |row: usize| predictions.iter().skip(row).step_by(rows.rows()).copied().collect::<Vec<_>>();
        let models = (0..rows.rows()).into_par_iter().map(|row| perturbed.explain(&rows.row(row), &own(row)));
        models.collect::<Result<_, _>>().map_err(|message: String| refuse(&message))
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
        let found = self.models(&self.perturbed, &rows.features, &prediction)?;
        let each = |of: &dyn Fn(&Linear) -> f64| -> Vec<f64> {
            (0..outputs).flat_map(|output| found.iter().map(move |models| &models[output])).map(of).collect()
        };
        let values = (0..outputs).flat_map(|output| (0..self.around.bins.len()).map(move |feature| (output, feature)));
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

    fn review(&self, rows: &RowBatch) -> Result<Vec<Table>, ExplainError> {
        self.settings.stability.as_ref().map(|settings| stability::table(self, settings, rows)).into_iter().collect()
    }

    fn is_additive(&self) -> bool {
        false
    }

    fn extra_columns(&self) -> &'static [&'static str] {
        EXTRA
    }
}
