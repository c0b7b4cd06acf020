//! What the methods share that estimate a row's attributions with standard errors.

use std::num::NonZeroUsize;
use std::sync::Arc;

use rayon::prelude::*;

use super::game::{self, Game};
use super::{ExplainError, Explainer};
use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::dataset::{FeatureBlock, RowBatch};
use crate::subject::Subject;

/// One row's attributions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    /// `v(∅)` of each output.
    pub base: Vec<f64>,
    /// `v(N)` of each output.
    pub prediction: Vec<f64>,
    /// Attributions, `output · features + feature`.
    pub values: Vec<f64>,
    /// Their standard errors.
    pub standard_errors: Vec<f64>,
}

/// The game that a method samples, and what of it.
pub(super) struct Sampling {
    pub schema: Arc<AttributionSchema>,
    /// Rows explained, a seeded sample of the data.
    pub rows: NonZeroUsize,
    pub seed: u64,
    pub game: Box<dyn Game>,
}

impl Sampling {
    /// Of a subject's features as players, for so many of whom the budget of coalitions must be `least` or more.
    pub fn new(
        method: &'static str,
        subject: &Subject,
        (rows, samples): (NonZeroUsize, NonZeroUsize),
        least: impl Fn(usize) -> usize,
    ) -> Result<Self, ExplainError> {
        let features: Vec<String> = subject.features.iter().map(|feature| feature.name.clone()).collect();
        let (players, least) = (features.len(), least(features.len()));
        if samples.get() < least {
            let message =
                format!("{samples} coalitions are too few for {players} features; set explain.{method}.samples to {least} or more");
            return Err(ExplainError { method, message });
        }
        let schema = Arc::new(AttributionSchema { method, features, outputs: subject.outputs.clone() });
        Ok(Self { schema, rows, seed: subject.seed, game: game::game(method, subject)? })
    }

    /// Number of features.
    pub fn players(&self) -> usize {
        self.schema.features.len()
    }
}

/// A method that explains rows one by one.
pub(super) trait Sampler: Send + Sync {
    fn sampling(&self) -> &Sampling;

    /// The attributions of the row at a place, by its key.
    fn row(&self, rows: &FeatureBlock, row: usize, key: u64) -> Result<Row, String>;
}

impl<S: Sampler> Explainer for S {
    fn schema(&self) -> &Arc<AttributionSchema> {
        &self.sampling().schema
    }

    fn explain(&self, rows: &RowBatch) -> Result<AttributionBatch, ExplainError> {
        let schema = &self.sampling().schema;
        let keys = rows.keys();
        let found: Result<Vec<_>, String> = keys.par_iter().enumerate().map(|(place, &key)| self.row(&rows.features, place, key)).collect();
        found.map(|found| batch(schema, &found)).map_err(|message| ExplainError { method: schema.method, message })
    }

    fn sample(&self) -> Option<NonZeroUsize> {
        Some(self.sampling().rows)
    }

    fn is_grouped(&self) -> bool {
        true
    }

    fn has_standard_errors(&self) -> bool {
        true
    }
}

/// Rows as a batch.
fn batch(schema: &Arc<AttributionSchema>, rows: &[Row]) -> AttributionBatch {
    let (outputs, columns) = (schema.outputs.len(), schema.outputs.len() * schema.features.len());
    let gather =
        |count: usize, of: &dyn Fn(&Row) -> &[f64]| (0..count).flat_map(|column| rows.iter().map(move |row| of(row)[column])).collect();
    AttributionBatch {
        schema: Arc::clone(schema),
        rows: rows.len(),
        base: gather(outputs, &|row| &row.base),
        prediction: gather(outputs, &|row| &row.prediction),
        values: gather(columns, &|row| &row.values),
        standard_errors: Some(gather(columns, &|row| &row.standard_errors)),
        extra: Vec::new(),
    }
}
