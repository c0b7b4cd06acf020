//! A block of feature values, column after column.

/// Feature values of consecutive rows, column-major: `values[feature · rows + row]`.
///
/// Missing values are NaN; a categorical feature holds its category's code.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureBlock {
    rows: usize,
    values: Vec<f64>,
}

impl FeatureBlock {
    /// A block from column-major values; `values.len()` is a multiple of `rows`.
    pub fn new(rows: usize, values: Vec<f64>) -> Self {
        assert!(if rows == 0 { values.is_empty() } else { values.len().is_multiple_of(rows) }, "a block's columns have equal lengths");
        Self { rows, values }
    }

    /// A block from rows, for small inputs; every row has the same length.
    pub fn from_rows(rows: &[Vec<f64>]) -> Self {
        let features = rows.first().map_or(0, Vec::len);
        let values = (0..features).flat_map(|feature| rows.iter().map(move |row| row[feature])).collect();
        Self::new(rows.len(), values)
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of features; zero for a block of no rows.
    pub fn features(&self) -> usize {
        self.values.len().checked_div(self.rows).unwrap_or(0)
    }

    /// One feature's values, `rows` long.
    pub fn column(&self, feature: usize) -> &[f64] {
        &self.values[feature * self.rows..(feature + 1) * self.rows]
    }

    /// `rows` of the rows, from `first` on.
    #[must_use]
    pub fn slice(&self, first: usize, rows: usize) -> Self {
        Self::new(rows, (0..self.features()).flat_map(|feature| &self.column(feature)[first..first + rows]).copied().collect())
    }

    /// One row's values, one for each feature.
    pub fn row(&self, row: usize) -> Vec<f64> {
        (0..self.features()).map(|feature| self.column(feature)[row]).collect()
    }

    /// All values, column-major.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}
