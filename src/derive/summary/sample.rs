//! A sample of rows that streams and merges: the rows with the smallest hashes.

use arrow_array::{Array, ArrayRef, Int64Array, StringArray};

use crate::derive::Explained;
use crate::numeric::seed;
use crate::table;

/// Rows in the sample, at most.
pub(super) const SAMPLE: usize = 1000;

/// The [`SAMPLE`] rows whose hash of (seed, row index) is smallest: a simple random sample that depends on nothing else, so neither on
/// chunks nor on threads (bottom-k; Cohen & Kaplan 2007).
#[derive(Clone, Debug, Default)]
pub struct Sample {
    rows: Vec<Row>,
}

/// A sampled row.
#[derive(Clone, Debug)]
pub struct Row {
    hash: u64,
    index: u64,
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

impl Sample {
    /// Adds a chunk's rows, of which the sample keeps these feature `columns`.
    pub(in crate::derive) fn absorb(&mut self, seed: u64, columns: &[usize], chunk: Explained<'_>) {
        let hashed = |row: usize| (seed::derive(seed, "summary", chunk.rows.first_row + row as u64), row);
        let mut candidates: Vec<(u64, usize)> = (0..chunk.rows.rows()).map(hashed).collect();
        if candidates.len() > SAMPLE {
            candidates.select_nth_unstable(SAMPLE);
            candidates.truncate(SAMPLE);
        }
        self.rows.extend(candidates.into_iter().map(|(hash, row)| Row {
            hash,
            index: chunk.rows.first_row + row as u64,
            id: Id::of(&chunk.rows.ids, row),
            values: columns.iter().map(|&column| chunk.rows.features.column(column)[row]).collect(),
            attributions: chunk.attributions.values.iter().skip(row).step_by(chunk.attributions.rows.max(1)).copied().collect(),
        }));
        self.shrink();
    }

    /// Adds the sample of other rows.
    pub(in crate::derive) fn merge(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.rows.len() > SAMPLE {
            self.rows.select_nth_unstable_by_key(SAMPLE, |row| (row.hash, row.index));
            self.rows.truncate(SAMPLE);
        }
    }

    /// The sampled rows in the order of the data.
    pub(in crate::derive) fn into_rows(mut self) -> Vec<Row> {
        self.rows.sort_by_key(|row| row.index);
        self.rows
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
