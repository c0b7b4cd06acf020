//! Tests of the room through its public face, on files written here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::*;

mod errors;
mod filters;
mod stream;
mod values;

/// Writes named columns as one Parquet file with row groups of `group` rows.
fn write_groups(path: &Path, columns: Vec<(&str, ArrayRef)>, group: usize) -> PathBuf {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path.to_path_buf()
}

/// Writes named columns as one Parquet file.
fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) -> PathBuf {
    write_groups(path, columns, 1_000_000)
}

fn array<A: arrow_array::Array + 'static>(array: A) -> ArrayRef {
    Arc::new(array)
}

fn number(name: &str) -> FeatureRequest {
    FeatureRequest { name: name.into(), encoding: Encoding::Number }
}

fn category(name: &str, names: &[&str]) -> FeatureRequest {
    let names = (!names.is_empty()).then(|| names.iter().map(ToString::to_string).collect());
    FeatureRequest { name: name.into(), encoding: Encoding::Category { names } }
}

fn features(features: Vec<FeatureRequest>) -> Request {
    Request { features, ..Request::default() }
}

/// All rows of a request as one batch.
fn read(path: &Path, request: &Request) -> Result<Decoded, DataError> {
    let selection = Dataset::open(path)?.select(request)?;
    let mut batches = selection.batches(1_000_000).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(batches.len(), 1);
    batches.remove(0).decode()
}

fn fails(path: &Path, request: &Request) -> String {
    read(path, request).expect_err("the request is refused").to_string()
}

/// A file of the repository.
fn committed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// An empty folder, and a path in it.
fn scratch() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.parquet");
    (folder, path)
}
