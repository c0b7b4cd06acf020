//! A seeded sample of rows in one pass and memory for the sample alone.

use std::sync::Arc;

use arrow_array::types::Int64Type;
use arrow_array::{BooleanArray, RecordBatch, cast::AsArray};
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;

use crate::numeric::seed;

use super::source::unreadable;
use super::{DataError, Decoded, RawBatch, Selection};

/// Rows that are looked at together.
const ROWS_PER_BATCH: usize = 8192;

impl Selection {
    /// A simple random sample of `count` of the rows that pass the filter, in their order; all of them where there are fewer.
    ///
    /// A row's draw depends only on `seed`, `purpose` and the row's number in the dataset: the rows with the smallest draws are the
    /// sample (bottom-k sampling), so that a larger sample contains a smaller one. The batch's `first_row` is 0.
    ///
    /// # Errors
    /// As [`Selection::batches`] and [`RawBatch::decode`].
    pub fn sample(&self, count: usize, seed: u64, purpose: &str) -> Result<Decoded, DataError> {
        let mut sample = Sample { count: count.max(1), limit: u64::MAX, draws: Vec::new(), rows: Vec::new() };
        let failed = |error: ArrowError| unreadable(&self.plan.dataset.inner.path, &error);
        for batch in self.batches(ROWS_PER_BATCH) {
            let batch = batch?;
            let numbers = batch.row_numbers().as_primitive::<Int64Type>().values();
            let draws: Vec<u64> = numbers.iter().map(|&number| seed::derive(seed, purpose, number as u64)).collect();
            sample.add(batch.record_batch(), &draws).map_err(failed)?;
        }
        sample.prune().map_err(failed)?;
        let rows = concat_batches(&self.plan.schema, &sample.rows).map_err(failed)?;
        Ok(Decoded { draws: sample.draws, ..RawBatch::new(Arc::clone(&self.plan), 0, rows).decode()? })
    }
}

/// The rows with the smallest draws so far, and at most as many again that will be pruned.
struct Sample {
    count: usize,
    /// No row with a draw above it can be in the sample.
    limit: u64,
    /// Draws of the rows in `rows`, in order.
    draws: Vec<u64>,
    rows: Vec<RecordBatch>,
}

impl Sample {
    fn add(&mut self, rows: &RecordBatch, draws: &[u64]) -> Result<(), ArrowError> {
        let keep: Vec<bool> = draws.iter().map(|&draw| draw <= self.limit).collect();
        let before = self.draws.len();
        self.draws.extend(draws.iter().filter(|&&draw| draw <= self.limit));
        if self.draws.len() > before {
            self.rows.push(filter_record_batch(rows, &BooleanArray::from(keep))?);
        }
        if self.draws.len() > 2 * self.count { self.prune() } else { Ok(()) }
    }

    /// Drops all but the `count` smallest draws, which differ from row to row.
    fn prune(&mut self) -> Result<(), ArrowError> {
        if self.draws.len() <= self.count {
            return Ok(());
        }
        let (_, &mut limit, _) = self.draws.clone().select_nth_unstable(self.count - 1);
        let keep: BooleanArray = self.draws.iter().map(|&draw| Some(draw <= limit)).collect();
        self.rows = vec![filter_record_batch(&concat_batches(self.rows[0].schema_ref(), &self.rows)?, &keep)?];
        self.draws.retain(|&draw| draw <= limit);
        self.limit = limit;
        Ok(())
    }
}
