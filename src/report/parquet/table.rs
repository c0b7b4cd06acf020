//! Tables as files, written whole or piece by piece.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{create, open, properties};
use crate::report::ReportError;
use crate::table::Table;

/// Rows of a row group at most: what a writer holds until it is full.
const GROUP_ROWS: usize = 1 << 17;

/// Rows of a piece that is read back, at most.
const PIECE_ROWS: usize = 1 << 14;

/// Writes a table as `NAME.parquet` in a folder that exists: zstd, statistics a row group, `pipeline.version` in the metadata.
///
/// # Errors
/// If the file cannot be created or written.
pub fn write_table(table: &Table, folder: &Path) -> Result<TableFile, ReportError> {
    let mut writer = TableWriter::new(table, folder)?;
    writer.append(table)?;
    writer.finish()
}

/// Writes a table of any length piece by piece, holding one row group.
#[derive(Debug)]
pub struct TableWriter {
    file: TableFile,
    writer: ArrowWriter<File>,
}

/// A table that is a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFile {
    /// The table's name.
    pub name: &'static str,
    /// Its rows.
    pub rows: u64,
    path: PathBuf,
}

impl TableWriter {
    /// A writer of tables of this one's name and columns into a folder that exists.
    ///
    /// # Errors
    /// If the file cannot be created.
    pub fn new(like: &Table, folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join(format!("{}.parquet", like.name));
        let properties = properties().set_max_row_group_row_count(Some(GROUP_ROWS)).build();
        let writer = open(create(&path)?, like.rows.schema(), properties);
        let writer = writer.map_err(|source| ReportError::Parquet { path: path.clone(), source })?;
        Ok(Self { file: TableFile { name: like.name, rows: 0, path }, writer })
    }

    /// The table's name.
    pub fn name(&self) -> &'static str {
        self.file.name
    }

    /// Appends the next rows.
    ///
    /// # Errors
    /// If they have other columns, or the file cannot be written.
    pub fn append(&mut self, piece: &Table) -> Result<(), ReportError> {
        self.file.rows += piece.len() as u64;
        self.writer.write(&piece.rows).map_err(|source| ReportError::Parquet { path: self.file.path.clone(), source })
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<TableFile, ReportError> {
        let Self { file, writer } = self;
        writer.close().map_err(|source| ReportError::Parquet { path: file.path.clone(), source })?;
        Ok(file)
    }
}

impl TableFile {
    /// The table, a piece of bounded size at a time.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn pieces(&self) -> Result<impl Iterator<Item = Result<Table, ReportError>> + use<>, ReportError> {
        let (name, path) = (self.name, self.path.clone());
        let file = File::open(&path).map_err(|source| ReportError::Io { path: path.clone(), source })?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.with_batch_size(PIECE_ROWS).build());
        let reader = reader.map_err(|source| ReportError::Parquet { path: path.clone(), source })?;
        let piece = move |rows: Result<_, arrow_schema::ArrowError>| match rows {
            Ok(rows) => Ok(Table { name, rows }),
            Err(error) => Err(ReportError::Parquet { path: path.clone(), source: error.into() }),
        };
        Ok(reader.map(piece))
    }
}
