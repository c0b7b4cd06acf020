//! What the methods share that estimate a row's attributions with standard errors.

use std::sync::Arc;

use rayon::prelude::*;

use super::ExplainError;
use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::dataset::RowBatch;
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

/// The schema of a method whose features are the explained ones.
pub(super) fn schema(method: &'static str, subject: &Subject) -> Arc<AttributionSchema> {
    let features = subject.features.iter().map(|feature| feature.name.clone()).collect();
    Arc::new(AttributionSchema { method, features, outputs: subject.outputs.clone() })
}

/// What is said of a budget below the least.
pub(super) fn too_few(method: &'static str, samples: usize, players: usize, least: usize) -> ExplainError {
    let message = format!("{samples} coalitions are too few for {players} features; set explain.{method}.samples to {least} or more");
    ExplainError { method, message }
}

/// Explains rows one by one, in parallel: `row` is given a row's place and key.
pub(super) fn explain(
    schema: &Arc<AttributionSchema>,
    rows: &RowBatch,
    row: impl Fn(usize, u64) -> Result<Row, String> + Sync,
) -> Result<AttributionBatch, ExplainError> {
    let found: Result<Vec<_>, String> = rows.keys().par_iter().enumerate().map(|(place, &key)| row(place, key)).collect();
    found.map(|found| batch(schema, &found)).map_err(|message| ExplainError { method: schema.method, message })
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
