//! The attribution matrix: what every explainer yields and every derivation reads.

mod additivity;
mod scores;

use std::sync::Arc;

pub use additivity::Additivity;
pub use scores::Scores;

/// What the matrices of one method share over a whole run.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributionSchema {
    /// Method name: `tree_shap`, `kernel_shap`, `permutation`, `lime`.
    pub method: &'static str,
    /// Names of the explained features or feature groups, in order.
    pub features: Vec<String>,
    /// Output names.
    pub outputs: Vec<String>,
}

/// Attributions of consecutive rows: `prediction = base + Σ_features value + residual`, for each row and output.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributionBatch {
    /// Method, features and outputs.
    pub schema: Arc<AttributionSchema>,
    /// Number of rows.
    pub rows: usize,
    /// Base value, `output · rows + row`.
    pub base: Vec<f64>,
    /// Prediction in the explained space, `output · rows + row`.
    pub prediction: Vec<f64>,
    /// Attributions, `(output · features + feature) · rows + row`.
    pub values: Vec<f64>,
    /// Standard errors of sampling methods, laid out as `values`.
    pub standard_errors: Option<Vec<f64>>,
    /// Further columns of one value a row and output, `output · rows + row` (LIME's `_intercept`, `_fidelity`).
    pub extra: Vec<(&'static str, Vec<f64>)>,
}

impl AttributionBatch {
    /// Attributions of one feature to one output, `rows` long.
    pub fn column(&self, output: usize, feature: usize) -> &[f64] {
        self.column_of(&self.values, output, feature)
    }

    /// One feature's part of what is laid out as [`Self::values`], such as [`Self::standard_errors`].
    pub fn column_of<'v>(&self, values: &'v [f64], output: usize, feature: usize) -> &'v [f64] {
        let start = (output * self.schema.features.len() + feature) * self.rows;
        &values[start..start + self.rows]
    }

    /// `prediction − base − Σ values` of one row and output: zero but for rounding where the method is exact.
    pub fn residual(&self, output: usize, row: usize) -> f64 {
        let at = output * self.rows + row;
        let total: f64 = (0..self.schema.features.len()).map(|feature| self.column(output, feature)[row]).sum();
        self.prediction[at] - self.base[at] - total
    }

    /// The residuals of all rows for one output, as [`Self::residual`].
    pub fn residuals(&self, output: usize) -> Vec<f64> {
        let mut totals = vec![0.0; self.rows];
        for feature in 0..self.schema.features.len() {
            totals.iter_mut().zip(self.column(output, feature)).for_each(|(total, value)| *total += value);
        }
        let at = output * self.rows;
        (0..self.rows).map(|row| self.prediction[at + row] - self.base[at + row] - totals[row]).collect()
    }
}
