//! Columns of another dataset, found by a row's identifier.

use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StringArray, UInt32Array};
use arrow_schema::{ArrowError, DataType, Schema};
use arrow_select::concat::{concat, concat_batches};
use arrow_select::take::take;

use super::{DataError, RowBatch, Selection};

/// Rows read at a time.
const ROWS: usize = 65_536;

/// All rows of a selection with an id and further columns, in memory: their values, and 4 to 16 bytes a row for the index.
#[derive(Debug)]
pub struct Lookup {
    path: PathBuf,
    ids: Ids,
    columns: RecordBatch,
}

/// Identifiers in ascending order, with the numbers of their rows.
#[derive(Debug)]
enum Ids {
    Numbers(Vec<(i64, u32)>),
    Texts(StringArray, Vec<u32>),
}

impl Lookup {
    /// Reads a selection that has an id, which takes at most about `limit` bytes.
    ///
    /// # Errors
    /// If it cannot be read, two of its rows have the same id, or there is too much of it.
    pub fn read(selection: &Selection, limit: usize) -> Result<Self, DataError> {
        let path = selection.dataset().inner.path.clone();
        let refuse = |message: String| DataError::Lookup { path: path.clone(), message };
        let (mut ids, mut columns, mut bytes): (Vec<ArrayRef>, Vec<RecordBatch>, usize) = Default::default();
        for batch in selection.batches(ROWS) {
            let rows = batch?.decode()?.rows;
            bytes += rows.ids.get_array_memory_size() + rows.extra.get_array_memory_size() + 16 * rows.rows();
            if bytes > limit {
                let message =
                    format!("its columns take more than {} MiB; leave columns or rows out, or raise run.memory_limit", limit >> 20);
                return Err(refuse(message));
            }
            ids.push(rows.ids);
            columns.push(rows.extra);
        }
        let failed = |error: ArrowError| refuse(error.to_string());
        let ids = concat(&ids.iter().map(AsRef::as_ref).collect::<Vec<_>>()).map_err(failed)?;
        let schema = columns.first().map_or_else(|| Schema::empty().into(), RecordBatch::schema);
        let columns = concat_batches(&schema, &columns).map_err(failed)?;
        let ids = Ids::new(&ids).map_err(|id| refuse(format!("the id {id} is on more than one row; keep one row for each id")))?;
        Ok(Self { path, ids, columns })
    }

    /// Adds the columns to a batch; of rows whose id is not there they are null, and their number is returned.
    ///
    /// # Errors
    /// If the batch has a column of the same name.
    pub fn join(&self, rows: &mut RowBatch) -> Result<u64, DataError> {
        let found: UInt32Array = (0..rows.rows()).map(|row| self.ids.find(&rows.ids, row)).collect();
        let failed = |error: ArrowError| DataError::Lookup { path: self.path.clone(), message: error.to_string() };
        let taken =
            self.columns.columns().iter().map(|column| take(column, &found, None)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let (mine, theirs) = (rows.extra.schema(), self.columns.schema());
        let schema = Schema::new(mine.fields().iter().chain(theirs.fields()).cloned().collect::<Vec<_>>());
        let columns = rows.extra.columns().iter().cloned().chain(taken).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.rows()));
        rows.extra = RecordBatch::try_new_with_options(schema.into(), columns, &options).map_err(failed)?;
        Ok(found.null_count() as u64)
    }
}

impl Ids {
    /// Sorts identifiers, which are Int64 or Utf8; one that occurs twice is an error.
    fn new(ids: &ArrayRef) -> Result<Self, String> {
        if ids.data_type() == &DataType::Int64 {
            let mut numbers: Vec<(i64, u32)> = ids.as_primitive::<Int64Type>().values().iter().copied().zip(0..).collect();
            numbers.sort_unstable();
            return match numbers.windows(2).find(|pair| pair[0].0 == pair[1].0) {
                Some(pair) => Err(pair[0].0.to_string()),
                None => Ok(Self::Numbers(numbers)),
            };
        }
        let texts = ids.as_string_opt::<i32>().cloned().unwrap_or_else(|| StringArray::new_null(0));
        let mut order: Vec<u32> = (0..).take(texts.len()).collect();
        let text = |row: u32| texts.value(row as usize);
        order.sort_unstable_by_key(|row| text(*row));
        match order.windows(2).find(|pair| text(pair[0]) == text(pair[1])) {
            Some(pair) => Err(text(pair[0]).to_owned()),
            None => Ok(Self::Texts(texts, order)),
        }
    }

    /// The row that has the identifier of one of these rows.
    fn find(&self, ids: &ArrayRef, row: usize) -> Option<u32> {
        match self {
            Self::Numbers(numbers) => {
                let id = ids.as_primitive_opt::<Int64Type>()?.value(row);
                numbers.binary_search_by_key(&id, |(number, _)| *number).ok().map(|place| numbers[place].1)
            }
            Self::Texts(texts, order) => {
                let id = ids.as_string_opt::<i32>()?.value(row);
                order.binary_search_by_key(&id, |row| texts.value(*row as usize)).ok().map(|place| order[place])
            }
        }
    }
}
