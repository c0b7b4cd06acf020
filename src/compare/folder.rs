//! A run folder, read back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value as Json;

use super::CompareError;
use crate::numeric::value_counts::ValueCounts;

/// Attribute, group and metric.
pub(super) type GroupMetric = (String, String, String);

/// What a distribution is of (`prediction` or `attribution`), its method, output and feature.
pub(super) type Of = (&'static str, String, String, String);

/// Mean |attribution| by feature, by method and output.
pub(super) type Importance = BTreeMap<(String, String), BTreeMap<String, Estimate>>;

/// Columns of attribution parts that are of no feature; a feature of such a name is written under another one.
const OF_ROWS: [&str; 6] = ["_row_id", "_output", "_base_value", "_residual", "_intercept", "_fidelity"];

/// A number with its interval, as far as they are given.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Estimate {
    pub value: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

/// A feature's values in the rows of the summary.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// Of an ordered feature.
    pub numbers: ValueCounts,
    /// Of a categorical feature or a group, by their texts.
    pub categories: BTreeMap<String, f64>,
    /// Rows that have none.
    pub missing: f64,
}

/// An existing run folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Of a folder that has tables.
    pub fn open(path: &Path) -> Result<Self, CompareError> {
        if path.join("tables").is_dir() {
            return Ok(Self { path: path.into() });
        }
        Err(CompareError::NotARun { path: path.into(), message: "it has no folder `tables`".into() })
    }

    /// The manifest.
    pub fn manifest(&self) -> Result<Json, CompareError> {
        let refuse = |message: String| CompareError::NotARun { path: self.path.clone(), message: format!("manifest.json: {message}") };
        let bytes = fs::read(self.path.join("manifest.json")).map_err(|error| refuse(error.to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))
    }

    /// Importance; empty where there is no such table.
    pub fn importance(&self) -> Result<Importance, CompareError> {
        let mut found = Importance::new();
        self.table("importance", |rows| {
            for row in 0..rows.num_rows() {
                let Some([method, output, feature]) = texts(rows, ["method", "output", "feature"], row) else { continue };
                found.entry((method, output)).or_default().insert(feature, estimate(rows, "mean_abs", row));
            }
        })?;
        Ok(found)
    }

    /// Group metrics; empty where there is no such table.
    pub fn groups(&self) -> Result<BTreeMap<GroupMetric, Estimate>, CompareError> {
        let mut found = BTreeMap::new();
        self.table("fairness_metrics", |rows| {
            for row in 0..rows.num_rows() {
                let Some([attribute, group, metric]) = texts(rows, ["attribute", "group", "metric"], row) else { continue };
                found.insert((attribute, group, metric), estimate(rows, "value", row));
            }
        })?;
        Ok(found)
    }

    /// Distributions of predictions and attributions over all explained rows.
    pub fn distributions(&self) -> Result<BTreeMap<Of, ValueCounts>, CompareError> {
        let mut found: BTreeMap<Of, ValueCounts> = BTreeMap::new();
        let folder = self.path.join("attributions");
        for method in names(&folder).into_iter().filter(|name| !name.ends_with("_se")) {
            for part in names(&folder.join(&method)) {
                read(&folder.join(&method).join(part), |rows| attributions(rows, &method, &mut found))?;
            }
        }
        Ok(found)
    }

    /// Values of features over the rows of the summary: of its first method and output, for all of them explain the same rows.
    pub fn values(&self) -> Result<BTreeMap<String, Values>, CompareError> {
        let (mut found, mut first): (BTreeMap<String, Values>, _) = (BTreeMap::new(), None);
        self.table("summary", |rows| {
            for row in 0..rows.num_rows() {
                let Some([method, output, feature, text]) = texts(rows, ["method", "output", "feature", "value"], row) else { continue };
                if first.get_or_insert_with(|| (method.clone(), output.clone())) != &(method, output) {
                    continue;
                }
                let values = found.entry(feature).or_default();
                match number(rows, "value_number", row) {
                    Some(value) => values.numbers.add(value, 1.0),
                    None if text.is_empty() => values.missing += 1.0,
                    None => *values.categories.entry(text).or_default() += 1.0,
                }
            }
        })?;
        Ok(found)
    }

    fn table(&self, name: &str, each: impl FnMut(&RecordBatch)) -> Result<(), CompareError> {
        let path = self.path.join("tables").join(format!("{name}.parquet"));
        if path.exists() { read(&path, each) } else { Ok(()) }
    }
}

/// Counts the values of one batch of an attribution part.
fn attributions(rows: &RecordBatch, method: &str, found: &mut BTreeMap<Of, ValueCounts>) {
    let Some(outputs) = rows.column_by_name("_output") else { return };
    let outputs: Vec<String> = (0..rows.num_rows()).map(|row| crate::table::cell_text(outputs, row)).collect();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let (kind, feature) = match field.name().as_str() {
            "_prediction" => ("prediction", ""),
            name if OF_ROWS.contains(&name) => continue,
            name => ("attribution", name),
        };
        let Some(values) = column.as_primitive_opt::<Float64Type>() else { continue };
        let mut by_output: BTreeMap<&String, ValueCounts> = BTreeMap::new();
        for (value, output) in values.values().iter().zip(&outputs).filter(|(value, _)| !value.is_nan()) {
            by_output.entry(output).or_default().add(*value, 1.0);
        }
        for (output, counts) in by_output {
            found.entry((kind, method.to_owned(), output.clone(), feature.to_owned())).or_default().merge(counts);
        }
    }
}

fn read(path: &Path, mut each: impl FnMut(&RecordBatch)) -> Result<(), CompareError> {
    let refuse = |message: String| CompareError::Unreadable { path: path.into(), message };
    let file = File::open(path).map_err(|error| refuse(error.to_string()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.with_batch_size(1 << 14).build());
    for batch in reader.map_err(|error| refuse(error.to_string()))? {
        each(&batch.map_err(|error| refuse(error.to_string()))?);
    }
    Ok(())
}

/// Entries of a folder in order; none where there is none.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn texts<const N: usize>(rows: &RecordBatch, columns: [&str; N], row: usize) -> Option<[String; N]> {
    let mut found = [const { String::new() }; N];
    for (text, column) in found.iter_mut().zip(columns) {
        *text = crate::table::cell_text(rows.column_by_name(column)?, row);
    }
    Some(found)
}

fn number(rows: &RecordBatch, column: &str, row: usize) -> Option<f64> {
    let numbers = rows.column_by_name(column)?.as_primitive_opt::<Float64Type>()?;
    numbers.is_valid(row).then(|| numbers.value(row))
}

fn estimate(rows: &RecordBatch, column: &str, row: usize) -> Estimate {
    Estimate { value: number(rows, column, row), low: number(rows, "ci_low", row), high: number(rows, "ci_high", row) }
}
