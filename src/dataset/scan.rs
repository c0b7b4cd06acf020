//! The stream of batches: files one after another, filtered, cut to equal size.

use std::fs::File;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, DataType, Schema};
use arrow_select::coalesce::BatchCoalescer;
use arrow_select::filter::filter_record_batch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::selection::Plan;
use super::source::{OpenFile, SourceFile, guarded, unreadable};
use super::{DataError, RawBatch, Selection};

/// Rows that the Parquet reader hands over at a time.
const READ_ROWS: usize = 8192;

/// Iterator over a selection's batches, as they come from Parquet; [`RawBatch::decode`] does the rest, on any thread.
#[derive(Debug)]
pub struct Batches {
    selection: Selection,
    cut: BatchCoalescer,
    /// Index of the file that is read next.
    next_file: usize,
    open: Option<ReadFile>,
    first_row: u64,
    ended: bool,
}

/// A file that is being read.
struct ReadFile {
    index: usize,
    reader: ParquetRecordBatchReader,
    /// Rows of it that have been read.
    rows: u64,
}

impl std::fmt::Debug for ReadFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadFile").field("index", &self.index).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Batches {
    pub(super) fn new(selection: Selection, rows_per_batch: usize) -> Self {
        let cut = BatchCoalescer::new(Arc::clone(&selection.plan.schema), rows_per_batch.max(1));
        Self { selection, cut, next_file: 0, open: None, first_row: 0, ended: false }
    }

    /// Reads on until a batch is full or the files end.
    fn advance(&mut self) -> Result<Option<RecordBatch>, DataError> {
        loop {
            if let Some(batch) = self.cut.next_completed_batch() {
                return Ok(Some(batch));
            }
            if self.ended {
                return Ok(None);
            }
            if !self.read_some()? {
                self.ended = true;
                self.cut.finish_buffered_batch().map_err(|error| self.failed(&error))?;
                if self.first_row == 0 && self.cut.is_empty() {
                    return Err(self.no_rows());
                }
            }
        }
    }

    /// Reads a few thousand rows more; false at the end of the last file.
    fn read_some(&mut self) -> Result<bool, DataError> {
        let plan = Arc::clone(&self.selection.plan);
        let files = &plan.dataset.inner.files;
        let Some(open) = &mut self.open else {
            let Some(file) = files.get(self.next_file) else { return Ok(false) };
            self.open = Some(ReadFile { index: self.next_file, reader: reader(&plan, file)?, rows: 0 });
            self.next_file += 1;
            return Ok(true);
        };
        let file = &files[open.index];
        let rows = open.rows;
        match guarded(&file.path, || open.reader.next().transpose().map_err(|error| format!("after row {rows}: {error}")))? {
            None if open.rows == file.rows => self.open = None,
            None => return Err(unreadable(&file.path, &format!("it ends after {} of {} rows", open.rows, file.rows))),
            Some(batch) => {
                let first_row = file.first_row + open.rows;
                open.rows += batch.num_rows() as u64;
                let batch = assemble(&plan, file, first_row, &batch).map_err(|error| unreadable(&file.path, &error))?;
                let batch = match &plan.filter {
                    None => batch,
                    Some(filter) => filter_record_batch(&batch, &filter.mask(&batch)?).map_err(|error| unreadable(&file.path, &error))?,
                };
                self.cut.push_batch(batch).map_err(|error| unreadable(&file.path, &error))?;
            }
        }
        Ok(true)
    }

    fn failed(&self, error: &ArrowError) -> DataError {
        unreadable(&self.selection.plan.dataset.inner.path, error)
    }

    fn no_rows(&self) -> DataError {
        let plan = &self.selection.plan;
        DataError::NoRows { path: plan.dataset.inner.path.clone(), filter: plan.filter.as_ref().map(|filter| filter.text().to_string()) }
    }
}

impl Iterator for Batches {
    type Item = Result<RawBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.advance().inspect_err(|_| {
            self.ended = true;
            self.open = None;
        });
        let rows = batch.transpose()?;
        Some(rows.map(|rows| {
            let first_row = self.first_row;
            self.first_row += rows.num_rows() as u64;
            RawBatch::new(Arc::clone(&self.selection.plan), first_row, rows)
        }))
    }
}

/// A reader of the plan's columns of one file.
fn reader(plan: &Plan, source: &SourceFile) -> Result<ParquetRecordBatchReader, DataError> {
    let OpenFile { file, footer, rows } = OpenFile::new(&source.path)?;
    if rows != source.rows {
        return Err(unreadable(&source.path, &format!("it had {} rows and now has {rows}: it was changed during the run", source.rows)));
    }
    guarded(&source.path, || build(plan, file, &footer))
}

fn build(plan: &Plan, file: File, footer: &ArrowReaderMetadata) -> parquet::errors::Result<ParquetRecordBatchReader> {
    let wanted = |name: &str| plan.read.iter().find(|column| !column.hive && column.name == name);
    let declared = footer.schema();
    let fields: Vec<_> = declared
        .fields()
        .iter()
        .map(|field| {
            wanted(field.name()).map_or_else(|| Arc::clone(field), |c| Arc::new(field.as_ref().clone().with_data_type(c.data_type.clone())))
        })
        .collect();
    let roots: Vec<usize> = (0..fields.len()).filter(|&root| wanted(fields[root].name()).is_some()).collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new_with_metadata(fields, declared.metadata().clone())));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer.metadata()), options)?;
    let mask = ProjectionMask::roots(metadata.parquet_schema(), roots);
    ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_projection(mask).with_batch_size(READ_ROWS).build()
}

/// A file's rows in the plan's schema: its columns, those of its folders, and the row numbers.
fn assemble(plan: &Plan, file: &SourceFile, first_row: u64, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let rows = batch.num_rows();
    let mut columns = Vec::with_capacity(plan.read.len() + 1);
    for column in &plan.read {
        columns.push(match batch.column_by_name(&column.name) {
            Some(array) if !column.hive => Arc::clone(array),
            _ => folder_column(file.hive.get(&column.name).and_then(Option::as_deref), &column.data_type, rows)?,
        });
    }
    columns.push(Arc::new((first_row as i64..).take(rows).collect::<Int64Array>()));
    RecordBatch::try_new(Arc::clone(&plan.schema), columns)
}

/// A column of one value, from a folder's name.
fn folder_column(value: Option<&str>, data_type: &DataType, rows: usize) -> Result<ArrayRef, ArrowError> {
    match value {
        None => Ok(new_null_array(data_type, rows)),
        Some(value) => {
            let texts: StringArray = std::iter::repeat_n(Some(value), rows).collect();
            arrow_cast::cast(&texts, data_type)
        }
    }
}
