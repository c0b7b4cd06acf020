//! Attribution parts: chunks encoded by worker threads, appended in order by one.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::{create, open, properties};
use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::report::ReportError;

/// Columns that stand before the features; the first is the row identifier.
pub(super) const RESERVED: [&str; 5] = ["_row_id", "_output", "_base_value", "_prediction", "_residual"];

/// Rows (each output counts) after which a part is closed and the next begins: what a run that is gone on with may have to compute again.
const PART_ROWS: usize = 1 << 18;

/// What the columns of the features hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Attributions.
    Values,
    /// Their standard errors.
    StandardErrors,
}

impl Content {
    /// Name of a method's folder of parts.
    pub fn folder(self, method: &str) -> String {
        match self {
            Content::Values => method.into(),
            Content::StandardErrors => format!("{method}_se"),
        }
    }
}

/// Turns attribution batches of one method into Parquet row groups; shared by all worker threads.
///
/// The columns are `_row_id`, `_output`, `_base_value`, `_prediction`, `_residual`, the method's own extra ones, then one f64 column a feature by the feature's name;
/// a name that is taken (one of those, or an earlier feature's) gets underscores in front until it is free.
#[derive(Debug)]
pub struct PartEncoder {
    folder: PathBuf,
    schema: SchemaRef,
    properties: WriterProperties,
    columns: ArrowRowGroupWriterFactory,
    content: Content,
    /// Columns between the reserved ones and the features.
    extra: usize,
}

/// One batch as an encoded, compressed row group: for each output in turn all rows.
#[derive(Debug)]
pub struct EncodedChunk {
    rows: usize,
    columns: Vec<ArrowColumnChunk>,
}

/// A finished file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it is.
    pub path: PathBuf,
    /// Its rows: explained rows times outputs.
    pub rows: u64,
    /// Its chunks: row groups.
    pub chunks: usize,
}

impl PartEncoder {
    /// An encoder for one method's batches with its `extra` columns, to be written into `folder`, of rows whose identifiers are of type `ids` (Int64 or Utf8).
    ///
    /// # Errors
    /// If Parquet cannot hold such columns.
    pub fn new(
        folder: &Path,
        attributions: &AttributionSchema,
        extra: &[&str],
        ids: &DataType,
        content: Content,
    ) -> Result<Self, ReportError> {
        let schema = columns(attributions, extra, ids);
        let properties = part_properties();
        let writer = open(std::io::sink(), Arc::clone(&schema), properties.clone());
        let columns = writer.and_then(|writer| writer.into_serialized_writer()).map(|(_, columns)| columns);
        let columns = columns.map_err(|source| ReportError::Parquet { path: folder.into(), source })?;
        Ok(Self { folder: folder.into(), schema, properties, columns, content, extra: extra.len() })
    }

    /// The folder of the parts.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Encodes a batch; `ids` are its rows' identifiers. Pure, so any thread may do it.
    ///
    /// # Errors
    /// If the identifiers are not of the announced type.
    pub fn encode(&self, ids: &ArrayRef, batch: &AttributionBatch) -> Result<EncodedChunk, ReportError> {
        self.encode_columns(ids, batch).map_err(|source| ReportError::Parquet { path: self.folder.clone(), source })
    }

    fn encode_columns(&self, ids: &ArrayRef, batch: &AttributionBatch) -> Result<EncodedChunk, ParquetError> {
        let (outputs, features) = (batch.schema.outputs.len(), batch.schema.features.len());
        let mut writers = self.columns.create_column_writers(0)?.into_iter();
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for (column, field) in self.schema.fields().iter().enumerate() {
            let Some(mut writer) = writers.next() else { break };
            for output in 0..outputs {
                let per_row = |values: &[f64]| numbers(&values[output * batch.rows..][..batch.rows]);
                let array = match column {
                    0 => Arc::clone(ids),
                    1 => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&batch.schema.outputs[output], batch.rows))),
                    2 => per_row(&batch.base),
                    3 => per_row(&batch.prediction),
                    4 => Arc::new(Float64Array::from(batch.residuals(output))),
                    _ => match (column - RESERVED.len()).checked_sub(self.extra) {
                        Some(feature) => numbers(self.column(batch, output, feature)),
                        None => per_row(batch.extra.get(column - RESERVED.len()).map_or(&[], |(_, values)| values)),
                    },
                };
                write(&mut writer, field, &array)?;
            }
            columns.push(writer.close()?);
        }
        debug_assert_eq!(columns.len(), RESERVED.len() + self.extra + features);
        Ok(EncodedChunk { rows: batch.rows * outputs, columns })
    }

    /// What is written of a feature; nothing that a batch should have and has not.
    fn column<'b>(&self, batch: &'b AttributionBatch, output: usize, feature: usize) -> &'b [f64] {
        match (self.content, &batch.standard_errors) {
            (Content::Values, _) => batch.column(output, feature),
            (Content::StandardErrors, errors) => errors.as_deref().map_or(&[], |errors| batch.column_of(errors, output, feature)),
        }
    }
}

fn write(writer: &mut ArrowColumnWriter, field: &Field, array: &ArrayRef) -> Result<(), ParquetError> {
    compute_leaves(field, array)?.iter().try_for_each(|leaf| writer.write(leaf))
}

fn numbers(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

fn columns(attributions: &AttributionSchema, extra: &[&str], ids: &DataType) -> SchemaRef {
    let mut taken: HashSet<String> = RESERVED.iter().chain(extra).map(|name| (*name).to_owned()).collect();
    let features = attributions.features.iter().map(|name| {
        let mut name = name.clone();
        while !taken.insert(name.clone()) {
            name.insert(0, '_');
        }
        Field::new(name, DataType::Float64, false)
    });
    let fixed = RESERVED.iter().map(|&name| match name {
        "_row_id" => Field::new(name, ids.clone(), true),
        "_output" => Field::new(name, DataType::Utf8, false),
        _ => Field::new(name, DataType::Float64, false),
    });
    let extra = extra.iter().map(|&name| Field::new(name, DataType::Float64, false));
    Arc::new(Schema::new(fixed.chain(extra).chain(features).collect::<Vec<_>>()))
}

fn part_properties() -> WriterProperties {
    let repeated = ["_output", "_base_value"].map(|name| ColumnPath::new(vec![name.to_owned()]));
    let plain = properties().set_dictionary_enabled(false);
    repeated.into_iter().fold(plain, |properties, column| properties.set_column_dictionary_enabled(column, true)).build()
}

/// Name of a part's file, by its number from 0 on.
pub fn part_name(number: usize) -> String {
    format!("part-{number:05}.parquet")
}

/// Writes encoded chunks to `part-00000.parquet`, `part-00001.parquet`, …
#[derive(Debug)]
pub struct PartWriter<'a> {
    encoder: &'a PartEncoder,
    open: Option<OpenPart>,
    parts: Vec<Part>,
    part_rows: usize,
}

#[derive(Debug)]
struct OpenPart {
    part: Part,
    writer: SerializedFileWriter<File>,
}

impl<'a> PartWriter<'a> {
    /// A writer into the encoder's folder, which exists; it goes on after the parts that are finished already.
    pub fn new(encoder: &'a PartEncoder, finished: Vec<Part>) -> Self {
        Self { encoder, open: None, parts: finished, part_rows: PART_ROWS }
    }

    #[cfg(test)]
    pub(super) fn set_part_rows(&mut self, rows: usize) {
        self.part_rows = rows;
    }

    /// The finished parts.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Appends a chunk as one row group, and closes the part that has its number of rows.
    ///
    /// # Errors
    /// If a file cannot be created or written.
    pub fn append(&mut self, chunk: EncodedChunk) -> Result<(), ReportError> {
        if self.open.is_none() {
            self.open = Some(self.begin()?);
        }
        let Some(open) = self.open.as_mut() else { return Ok(()) };
        open.part.rows += chunk.rows as u64;
        open.part.chunks += 1;
        let append = |writer: &mut SerializedFileWriter<File>| {
            let mut group = writer.next_row_group()?;
            chunk.columns.into_iter().try_for_each(|column| column.append_to_row_group(&mut group))?;
            group.close().map(drop)
        };
        append(&mut open.writer).map_err(|source| ReportError::Parquet { path: open.part.path.clone(), source })?;
        if open.part.rows >= self.part_rows as u64 { self.close() } else { Ok(()) }
    }

    /// Closes the last part; at least one exists, if need be without rows.
    ///
    /// # Errors
    /// If a file cannot be created or written.
    pub fn finish(&mut self) -> Result<(), ReportError> {
        if self.open.is_none() && self.parts.is_empty() {
            self.open = Some(self.begin()?);
        }
        self.close()
    }

    fn begin(&self) -> Result<OpenPart, ReportError> {
        let path = self.encoder.folder.join(part_name(self.parts.len()));
        let writer = open(create(&path)?, Arc::clone(&self.encoder.schema), self.encoder.properties.clone());
        match writer.and_then(|writer| writer.into_serialized_writer()) {
            Ok((writer, _)) => Ok(OpenPart { part: Part { path, rows: 0, chunks: 0 }, writer }),
            Err(source) => Err(ReportError::Parquet { path, source }),
        }
    }

    fn close(&mut self) -> Result<(), ReportError> {
        if let Some(open) = self.open.take() {
            open.writer.close().map_err(|source| ReportError::Parquet { path: open.part.path.clone(), source })?;
            self.parts.push(open.part);
        }
        Ok(())
    }
}
