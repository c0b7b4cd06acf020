//! Reads the golden folders: plain numeric columns of Parquet files.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::dataset::{Dataset, FeatureBlock, Request};
use pipeline::model::format::{FORMATS, Format};
use pipeline::model::{Feature, Iterations, Model, ReadError};
use serde_json::Value;

/// A folder below `tests/golden`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// The sub-folders of `tests/golden/<name>`, sorted.
pub fn folders(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder(name)).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// A model format by its registered name: its reader, and its golden files in `tests/golden/<name>`.
pub struct Goldens(pub &'static str);

impl Goldens {
    /// A golden file's content.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        std::fs::read(folder(self.0).join(path)).unwrap()
    }

    /// A variant's `model.json` after a change.
    pub fn changed(&self, variant: &str, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut model = serde_json::from_slice(&self.bytes(&format!("{variant}/model.json"))).unwrap();
        change(&mut model);
        model.to_string().into_bytes()
    }

    fn format(&self) -> &'static Format {
        FORMATS.iter().find(|format| format.name == self.0).unwrap()
    }

    /// Whether the bytes look like a file of the format.
    pub fn recognises(&self, bytes: &[u8]) -> bool {
        (self.format().recognise)(bytes)
    }

    /// The model of a file's bytes.
    pub fn read(&self, bytes: &[u8]) -> Result<Model, ReadError> {
        (self.format().read)(bytes, Iterations::All)
    }

    /// The message with which a file is refused.
    pub fn refusal(&self, what: &str, bytes: &[u8]) -> String {
        match self.read(bytes) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{what} is still read"),
        }
    }
}

fn batches(path: &Path) -> Vec<RecordBatch> {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap().map(Result::unwrap).collect()
}

fn numbers(array: &ArrayRef) -> Vec<f64> {
    let values = cast(array, &DataType::Float64).unwrap();
    values.as_primitive::<Float64Type>().iter().map(|value| value.unwrap_or(f64::NAN)).collect()
}

/// The numeric columns of a Parquet file, by name, as f64; nulls are NaN.
pub fn columns(path: &Path) -> Vec<(String, Vec<f64>)> {
    let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
    for batch in batches(path) {
        for (index, (field, array)) in batch.schema().fields().iter().zip(batch.columns()).enumerate() {
            if columns.len() == index {
                columns.push((field.name().clone(), Vec::new()));
            }
            columns[index].1.extend(numbers(array));
        }
    }
    columns
}

/// The columns whose names begin with `prefix` and end with an output's number, in the outputs' order.
pub fn outputs(columns: &[(String, Vec<f64>)], prefix: &str) -> Vec<Vec<f64>> {
    (0..)
        .map_while(|output| columns.iter().find(|(name, _)| *name == format!("{prefix}{output}")))
        .map(|(_, values)| values.clone())
        .collect()
}

/// Rows for the features of these names.
pub fn block(path: &Path, features: &[String]) -> FeatureBlock {
    let columns = columns(path);
    let rows = columns.first().map_or(0, |(_, values)| values.len());
    let column = |name: &String| &columns.iter().find(|(column, _)| column == name).unwrap_or_else(|| panic!("no column {name}")).1;
    FeatureBlock::new(rows, features.iter().flat_map(|name| column(name).iter().copied()).collect())
}

/// Rows whose categories are names, read as a run reads them.
pub fn named_block(path: &Path, features: &[Feature]) -> FeatureBlock {
    let request = Request { features: features.iter().map(Feature::request).collect(), ..Request::default() };
    let mut batches = Dataset::open(path).unwrap().select(&request).unwrap().batches(1_000_000);
    batches.next().unwrap().unwrap().decode().unwrap().rows.features
}
