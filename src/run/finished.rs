//! Attribution parts that an ended run has finished, read back chunk by chunk.

use std::sync::Arc;

use super::RunError;
use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::dataset::RowBatch;
use crate::explain::Explainer;
use crate::report::parquet::{Part, read_chunk};

/// What an ended run has finished of some methods.
pub(super) struct Finished {
    /// Of each method and its kinds of files: parts, as many of each.
    pub parts: Vec<Vec<Vec<Part>>>,
    /// Chunks in them.
    pub chunks: usize,
}

impl Finished {
    /// Where a chunk is read back from, if it is finished.
    pub fn chunk(&self, number: usize) -> Option<(&Self, usize)> {
        (number < self.chunks).then_some((self, number))
    }

    /// What a method, the one at `place` among those that go through together, said of a chunk's rows.
    ///
    /// # Errors
    /// If a part cannot be read, or holds other rows.
    pub fn read(
        &self,
        place: usize,
        mut chunk: usize,
        explainer: &dyn Explainer,
        schema: &Arc<AttributionSchema>,
        rows: &RowBatch,
    ) -> Result<AttributionBatch, RunError> {
        let mut number = 0;
        let kinds = &self.parts[place];
        while let Some(part) = kinds[0].get(number).filter(|part| part.chunks <= chunk) {
            (number, chunk) = (number + 1, chunk - part.chunks);
        }
        let read = |kind: &Vec<Part>| read_chunk(&kind[number].path, chunk, schema, explainer.extra_columns(), &rows.ids);
        let mut batch = read(&kinds[0])?;
        batch.standard_errors = kinds.get(1).map(read).transpose()?.map(|errors| errors.values);
        Ok(batch)
    }
}
