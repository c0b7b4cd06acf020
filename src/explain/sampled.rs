//! What the methods share that estimate a row's attributions with standard errors.

use std::sync::Arc;

use crate::attribution::{AttributionBatch, AttributionSchema};
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

/// Rows as a batch.
pub(super) fn batch(schema: &Arc<AttributionSchema>, rows: &[Row]) -> AttributionBatch {
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
