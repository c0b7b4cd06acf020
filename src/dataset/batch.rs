//! What the dataset yields: one batch of rows with everything the later rooms asked for.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

use super::FeatureBlock;
use crate::numeric::seed;

/// Consecutive rows of the dataset, after the filter.
#[derive(Clone, Debug)]
pub struct RowBatch {
    /// Index of the first row among all rows that passed the filter.
    pub first_row: u64,
    /// Row identifiers: the `id` column (Int64 or Utf8), or the row number in the source (Int64).
    pub ids: ArrayRef,
    /// Model features, in the model's order.
    pub features: FeatureBlock,
    /// Label as a number, NaN where null, if a label column is configured.
    pub label: Option<Vec<f64>>,
    /// Row weights, finite and ≥ 0, if a weight column is configured.
    pub weight: Option<Vec<f64>>,
    /// Further columns that a component asked for (fairness attributes, strata), by name.
    pub extra: RecordBatch,
}

impl RowBatch {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.ids.len()
    }

    /// `rows` of the rows, from `first` on.
    #[must_use]
    pub fn slice(&self, first: usize, rows: usize) -> Self {
        let numbers = |values: &Vec<f64>| values[first..first + rows].to_vec();
        Self {
            first_row: self.first_row + first as u64,
            ids: self.ids.slice(first, rows),
            features: self.features.slice(first, rows),
            label: self.label.as_ref().map(numbers),
            weight: self.weight.as_ref().map(numbers),
            extra: self.extra.slice(first, rows),
        }
    }

    /// A number for each row that depends on its identifier alone, for seeds.
    pub fn keys(&self) -> Vec<u64> {
        let text = |row: usize| match self.ids.data_type() {
            DataType::Utf8 => seed::derive(0, self.ids.as_string::<i32>().value(row), 0),
            DataType::Int64 => self.ids.as_primitive::<Int64Type>().value(row) as u64,
            _ => 0,
        };
        (0..self.rows()).map(|row| if self.ids.is_null(row) { 0 } else { text(row) }).collect()
    }

    /// The weight of a row: one where no weight column is configured.
    pub fn weight_of(&self, row: usize) -> f64 {
        self.weight.as_ref().map_or(1.0, |weights| weights[row])
    }
}
