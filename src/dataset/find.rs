//! One row by its identifier.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use super::{DataError, Decoded, RawBatch, Selection};

/// Rows that are looked at together.
const ROWS_PER_BATCH: usize = 8192;

impl Selection {
    /// The row of an identifier among the rows that pass the filter, alone in its batch; the first of several, and `None` where there is none.
    ///
    /// # Errors
    /// As [`Selection::batches`] and [`RawBatch::decode`].
    pub fn find(&self, id: &str) -> Result<Option<Decoded>, DataError> {
        for batch in self.batches(ROWS_PER_BATCH) {
            let batch = batch?;
            if let Some(row) = position(&batch, id)? {
                return batch.single(row).decode().map(Some);
            }
        }
        Ok(None)
    }
}

fn position(batch: &RawBatch, id: &str) -> Result<Option<usize>, DataError> {
    let ids = batch.ids()?;
    Ok(match ids.as_primitive_opt::<Int64Type>() {
        Some(numbers) => id.parse::<i64>().ok().and_then(|id| numbers.values().iter().position(|number| *number == id)),
        None => ids.as_string_opt::<i32>().and_then(|texts| (0..texts.len()).find(|&row| texts.value(row) == id)),
    })
}
