//! The rows of the summary's sample, and their identifiers.

use arrow_array::{Array, ArrayRef, Int64Array, StringArray};

use crate::derive::Explained;
use crate::derive::sample::BottomK;
use crate::table;

/// Rows in the sample, at most.
pub(super) const SAMPLE: usize = 1000;

/// A seeded sample of at most [`SAMPLE`] rows.
#[derive(Clone, Debug)]
pub struct Sample(BottomK<Row>);

/// A sampled row.
#[derive(Clone, Debug)]
pub struct Row {
    id: Id,
    /// The wanted columns of the features.
    pub values: Vec<f64>,
    /// All attributions: `output, feature`, the last fastest.
    pub attributions: Vec<f64>,
}

#[derive(Clone, Debug)]
enum Id {
    Number(Option<i64>),
    Text(Option<String>),
}

impl Default for Sample {
    fn default() -> Self {
        Self(BottomK::new(SAMPLE))
    }
}

impl Sample {
    /// Adds a chunk's rows, of which the sample keeps these feature `columns`.
    pub(in crate::derive) fn absorb(&mut self, seed: u64, columns: &[usize], chunk: Explained<'_>) {
        self.0.absorb((seed, "summary"), chunk.rows.first_row, chunk.rows.rows(), |row| Row {
            id: Id::of(&chunk.rows.ids, row),
            values: columns.iter().map(|&column| chunk.rows.features.column(column)[row]).collect(),
            attributions: chunk.attributions.values.iter().skip(row).step_by(chunk.attributions.rows.max(1)).copied().collect(),
        });
    }

    /// Adds the sample of other rows.
    pub(in crate::derive) fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// The sampled rows in the order of the data.
    pub(in crate::derive) fn into_rows(self) -> Vec<Row> {
        self.0.into_rows()
    }
}

impl Id {
    fn of(ids: &ArrayRef, row: usize) -> Self {
        match ids.as_any().downcast_ref::<Int64Array>() {
            Some(numbers) => Self::Number(numbers.is_valid(row).then(|| numbers.value(row))),
            None => {
                let texts = ids.as_any().downcast_ref::<StringArray>();
                Self::Text(texts.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row).to_owned()))
            }
        }
    }
}

/// The identifiers of `rows` in a column of their own type.
pub(in crate::derive) fn id_column(rows: &[&Row]) -> ArrayRef {
    if rows.iter().any(|row| matches!(row.id, Id::Text(_))) {
        return table::optional_texts(rows.iter().map(|row| match &row.id {
            Id::Text(text) => text.as_deref(),
            Id::Number(_) => None,
        }));
    }
    let numbers = rows.iter().map(|row| match row.id {
        Id::Number(number) => number,
        Id::Text(_) => None,
    });
    std::sync::Arc::new(numbers.collect::<Int64Array>())
}
