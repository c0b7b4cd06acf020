//! A dataset on disk: its files, checked to be one table, and its columns.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::{DataType, SchemaRef};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};

use super::files::{self, Found};
use super::{DataError, Request, Selection};

/// Parquet files that form one table. Only their footers have been read; cloning is cheap.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    /// The path that was asked for.
    pub(super) path: PathBuf,
    pub(super) files: Vec<SourceFile>,
    pub(super) columns: Vec<Column>,
    bytes: u64,
    row_groups: usize,
}

/// One file and its place in the row order.
#[derive(Debug)]
pub(super) struct SourceFile {
    pub(super) path: PathBuf,
    pub(super) hive: BTreeMap<String, Option<String>>,
    /// Rows of the files before it.
    pub(super) first_row: u64,
    pub(super) rows: u64,
}

/// One column of the table.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    /// As the files declare it; a dictionary only where all of them do.
    pub(super) data_type: DataType,
    /// Whether the folders' names hold it, not the files.
    pub(super) hive: bool,
}

/// What a dataset is, without its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetSummary {
    /// File, directory or glob, as asked for.
    pub path: PathBuf,
    /// The Parquet files, in reading order.
    pub files: Vec<PathBuf>,
    /// Rows of all files, before any filter.
    pub rows: u64,
    /// Row groups of all files.
    pub row_groups: usize,
    /// Size of all files in bytes.
    pub bytes: u64,
    /// Columns: the files' in the first file's order, then those of hive folders.
    pub columns: Vec<ColumnSummary>,
}

/// One column of a summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSummary {
    /// Name.
    pub name: String,
    /// Arrow type, as Arrow writes it: `Int32`, `Utf8`, `Dictionary(Int8, Utf8)`.
    pub data_type: String,
}

impl Dataset {
    /// Finds the files of `path` (a file, a directory or a glob), reads their footers and checks that they form one table.
    ///
    /// In a directory all files ending in .parquet, .parq or .pq count, in sub-folders too, except hidden ones (`.name`, `_name`); they
    /// are ordered by path. Folders named `key=value` below the directory, or below a glob's first wildcard, become columns: of
    /// integers if all values are, else of text. They take precedence over a column of that name in the files.
    ///
    /// # Errors
    /// If nothing is there, a file is not readable Parquet, or files differ in columns or types.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let found = files::find(path)?;
        let (mut files, mut columns) = (Vec::with_capacity(found.len()), Vec::new());
        let (mut first_row, mut bytes, mut row_groups) = (0, 0, 0);
        for Found { path, hive } in found {
            let OpenFile { file, footer, rows } = OpenFile::new(&path)?;
            let its_columns = columns_of(footer.schema(), &path)?;
            match files.first() {
                None => columns = its_columns,
                Some(SourceFile { path: first, hive: first_hive, .. }) => {
                    if let Err(message) = unify(&mut columns, &its_columns).and_then(|()| same_keys(first_hive, &hive)) {
                        return Err(DataError::SchemaMismatch { first: first.clone(), other: path, message });
                    }
                }
            }
            bytes += file.metadata().map_err(|source| DataError::Io { path: path.clone(), source })?.len();
            row_groups += footer.metadata().num_row_groups();
            files.push(SourceFile { path, hive, first_row, rows });
            first_row += rows;
        }
        add_hive_columns(&mut columns, &files);
        Ok(Self { inner: Arc::new(Inner { path: path.to_path_buf(), files, columns, bytes, row_groups }) })
    }

    /// Rows of all files, before any filter.
    pub fn rows(&self) -> u64 {
        self.inner.files.last().map_or(0, |file| file.first_row + file.rows)
    }

    /// Files, sizes and columns.
    pub fn summary(&self) -> DatasetSummary {
        let column = |column: &Column| ColumnSummary { name: column.name.clone(), data_type: column.data_type.to_string() };
        DatasetSummary {
            path: self.inner.path.clone(),
            files: self.inner.files.iter().map(|file| file.path.clone()).collect(),
            rows: self.rows(),
            row_groups: self.inner.row_groups,
            bytes: self.inner.bytes,
            columns: self.inner.columns.iter().map(column).collect(),
        }
    }

    /// Checks a request against the columns; nothing but footers and dictionaries is read.
    ///
    /// # Errors
    /// If a column is absent or of an unsuitable type, categories are unknown or contradictory, the filter is not a condition on
    /// single rows, or there are no rows at all.
    pub fn select(&self, request: &Request) -> Result<Selection, DataError> {
        Selection::new(self.clone(), request)
    }

    /// The file that holds a row of the dataset, and the row's number within it.
    pub(super) fn locate(&self, row: u64) -> (PathBuf, u64) {
        let after = self.inner.files.partition_point(|file| file.first_row <= row);
        let file = self.inner.files[..after].iter().rev().find(|file| file.rows > 0);
        file.map_or_else(|| (self.inner.path.clone(), row), |file| (file.path.clone(), row - file.first_row))
    }
}

/// An open file and its footer.
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) footer: ArrowReaderMetadata,
    pub(super) rows: u64,
}

impl OpenFile {
    pub(super) fn new(path: &Path) -> Result<Self, DataError> {
        let file = open(path)?;
        let footer = guarded(path, || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()))?;
        let rows = u64::try_from(footer.metadata().file_metadata().num_rows());
        Ok(Self { file, rows: rows.map_err(|_| unreadable(path, &"its number of rows is negative"))?, footer })
    }
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> Result<File, DataError> {
    File::open(path).map_err(|source| DataError::Io { path: path.to_path_buf(), source })
}

/// The Parquet reader's complaint about a file.
pub(super) fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> DataError {
    DataError::Unreadable { path: path.to_path_buf(), message: error.to_string() }
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread, now, is the Parquet reader's, which becomes an error: then it need not be told.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Runs the Parquet reader, which panics on some damaged files.
pub(super) fn guarded<T, E: std::fmt::Display>(path: &Path, read: impl FnOnce() -> Result<T, E>) -> Result<T, DataError> {
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(read));
    GUARDED.set(before);
    match done {
        Ok(result) => result.map_err(|error| unreadable(path, &error)),
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
            Err(unreadable(path, &message.unwrap_or("it is damaged")))
        }
    }
}

fn columns_of(schema: &SchemaRef, path: &Path) -> Result<Vec<Column>, DataError> {
    let mut seen = BTreeSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name()) {
            return Err(DataError::DuplicateColumn { path: path.to_path_buf(), column: field.name().clone() });
        }
    }
    Ok(schema.fields().iter().map(|f| Column { name: f.name().clone(), data_type: f.data_type().clone(), hive: false }).collect())
}

/// Checks a file's columns against the table's, whatever their order; a dictionary meets plain values as plain values.
fn unify(table: &mut [Column], file: &[Column]) -> Result<(), String> {
    let only = |a: &[Column], b: &[Column]| a.iter().find(|x| b.iter().all(|y| y.name != x.name)).map(|x| x.name.clone());
    if let Some(name) = only(table, file) {
        return Err(format!("column `{name}` is only in the first"));
    }
    if let Some(name) = only(file, table) {
        return Err(format!("column `{name}` is only in the second"));
    }
    for column in table {
        let Some(other) = file.iter().find(|other| other.name == column.name) else { continue };
        let (here, there) = (plain_type(&column.data_type), plain_type(&other.data_type));
        if !here.equals_datatype(there) {
            return Err(format!("column `{}` is {} in the first and {} in the second", column.name, column.data_type, other.data_type));
        }
        if !matches!(other.data_type, DataType::Dictionary(..)) {
            column.data_type = here.clone();
        }
    }
    Ok(())
}

fn same_keys(first: &BTreeMap<String, Option<String>>, other: &BTreeMap<String, Option<String>>) -> Result<(), String> {
    if first.keys().eq(other.keys()) {
        return Ok(());
    }
    let list = |hive: &BTreeMap<String, Option<String>>| hive.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(format!("their key=value folders name [{}] and [{}]", list(first), list(other)))
}

fn add_hive_columns(columns: &mut Vec<Column>, files: &[SourceFile]) {
    let Some(first) = files.first() else { return };
    columns.retain(|column| !first.hive.contains_key(&column.name));
    for name in first.hive.keys() {
        let is_integer = files.iter().filter_map(|file| file.hive.get(name)?.as_ref()).all(|value| value.parse::<i64>().is_ok());
        let data_type = if is_integer { DataType::Int64 } else { DataType::Utf8 };
        columns.push(Column { name: name.clone(), data_type, hive: true });
    }
}

/// A dictionary's value type, any text as Utf8, other types themselves.
pub(super) fn plain_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain_type(values),
        DataType::LargeUtf8 | DataType::Utf8View => &DataType::Utf8,
        other => other,
    }
}
