//! The additivity certificate: how far base value and attributions are from the prediction.

use super::{AttributionBatch, AttributionSchema};

/// The largest residuals of one method and output over all rows seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Additivity {
    /// Rows checked.
    pub rows: u64,
    /// max |prediction − base − Σφ|; infinite where a residual is not a number.
    pub largest: f64,
    /// max |prediction − base − Σφ| / (|base| + Σ|φ|), comparable with the machine epsilon 2.2e−16.
    pub largest_relative: f64,
}

impl Additivity {
    /// One certificate an output, before any row.
    pub fn start(schema: &AttributionSchema) -> Vec<Self> {
        vec![Self::default(); schema.outputs.len()]
    }

    /// Adds one output's rows of a batch.
    pub fn absorb(&mut self, batch: &AttributionBatch, output: usize) {
        let mut scales: Vec<f64> = batch.base[output * batch.rows..][..batch.rows].iter().map(|base| base.abs()).collect();
        for feature in 0..batch.schema.features.len() {
            scales.iter_mut().zip(batch.column(output, feature)).for_each(|(scale, value)| *scale += value.abs());
        }
        for (residual, scale) in batch.residuals(output).into_iter().zip(scales) {
            let size = if residual.is_nan() { f64::INFINITY } else { residual.abs() };
            self.largest = self.largest.max(size);
            self.largest_relative = self.largest_relative.max(if size == 0.0 { 0.0 } else { size / scale });
        }
        self.rows += batch.rows as u64;
    }

    /// Adds the rows that `later` has seen.
    pub fn merge(&mut self, later: Self) {
        self.rows += later.rows;
        self.largest = self.largest.max(later.largest);
        self.largest_relative = self.largest_relative.max(later.largest_relative);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn batch(prediction: Vec<f64>) -> AttributionBatch {
        let schema = AttributionSchema { method: "tree_shap", features: vec!["a".into(), "b".into()], outputs: vec!["p".into()] };
        let values = vec![1.0, 2.0, -3.0, 4.0];
        AttributionBatch { schema: Arc::new(schema), rows: 2, base: vec![0.5; 2], prediction, values, standard_errors: None, extra: vec![] }
    }

    #[test]
    fn the_largest_residual_is_found_in_absolute_and_relative_terms() {
        // Σφ is −2 and 6, so the exact predictions are −1.5 and 6.5; the scales are 4.5 and 6.5.
        let mut seen = Additivity::default();
        seen.absorb(&batch(vec![-1.5, 6.5]), 0);
        assert_eq!(seen, Additivity { rows: 2, largest: 0.0, largest_relative: 0.0 });
        let mut more = Additivity::default();
        more.absorb(&batch(vec![-1.75, 6.0]), 0);
        seen.merge(more);
        assert_eq!(seen, Additivity { rows: 4, largest: 0.5, largest_relative: 0.5 / 6.5 });
    }

    #[test]
    fn a_residual_that_is_not_a_number_is_never_a_certificate() {
        let mut seen = Additivity::default();
        seen.absorb(&batch(vec![f64::NAN, 6.5]), 0);
        assert_eq!((seen.largest, seen.largest_relative), (f64::INFINITY, f64::INFINITY));
    }
}
