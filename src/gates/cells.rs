//! The numbers that a gate looks at.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::Gate;
use crate::table::{Table, cell_text};

/// Columns that hold a metric's value, the first that is there.
const VALUES: [&str; 2] = ["value", "change"];

/// Columns that say nothing of which number it is.
const SILENT: [&str; 3] = ["metric", "status", "reference"];

/// One number, or why there is none.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub value: Result<f64, String>,
    /// What tells it from others: the texts of its row.
    place: String,
}

impl Cell {
    /// Something about this cell, with its place.
    pub fn told(&self, what: &str) -> String {
        if self.place.is_empty() { what.to_owned() } else { format!("{}: {what}", self.place) }
    }
}

/// The table that a gate looks at, and the metric or column in it.
///
/// # Errors
/// If it names none.
pub(super) fn place_of(gate: &Gate) -> Result<(&str, &str), String> {
    let (table, name) =
        gate.metric.split_once('.').ok_or_else(|| format!("`{}` is not of the form table.metric or table.column", gate.metric))?;
    Ok((if table == "fairness" { "fairness_metrics" } else { table }, name))
}

/// All cells of a table, or of a piece of it, that a gate on the metric or column `name` looks at.
///
/// # Errors
/// If it cannot have any: why.
pub(super) fn cells(gate: &Gate, name: &str, table: &Table) -> Result<Vec<Cell>, String> {
    let column = |name: &str| table.rows.column_by_name(name);
    let metrics = column("metric").and_then(|metrics| metrics.as_string_opt::<i32>());
    let is_metric = |row: usize| metrics.is_none_or(|metrics| metrics.is_valid(row) && metrics.value(row) == name);
    let named = metrics.is_some() && (0..table.len()).any(is_metric);
    let values = match (&gate.column, named) {
        (Some(own), _) => column(own),
        (None, true) => VALUES.iter().find_map(|name| column(name)),
        (None, false) => column(name),
    };
    let numeric = |values: &&ArrayRef| matches!(values.data_type(), DataType::Float64 | DataType::Int64);
    let values =
        values.filter(numeric).ok_or_else(|| format!("`{name}` is neither a metric nor a numeric column of {} in this run", table.name))?;
    for wanted in gate.filter.keys() {
        column(wanted).ok_or_else(|| format!("table {} has no column `{wanted}`", table.name))?;
    }
    let fits = |row: &usize| {
        let has = |(name, wanted): (&String, &super::Wanted)| column(name).is_some_and(|cell| cell_text(cell, *row) == wanted.to_string());
        (!named || is_metric(*row)) && gate.filter.iter().all(has)
    };
    Ok((0..table.len()).filter(fits).map(|row| Cell { value: value(table, values, row), place: place(gate, table, row) }).collect())
}

fn value(table: &Table, values: &ArrayRef, row: usize) -> Result<f64, String> {
    let status = table.rows.column_by_name("status").and_then(|status| status.as_string_opt::<i32>()).map(|status| status.value(row));
    if let Some(status) = status.filter(|status| *status != "ok") {
        return Err(status.to_owned());
    }
    if values.is_null(row) {
        return Err("there is no number".into());
    }
    match values.data_type() {
        DataType::Int64 => Ok(values.as_primitive::<Int64Type>().value(row) as f64),
        _ => Some(values.as_primitive::<Float64Type>().value(row)).filter(|x| !x.is_nan()).ok_or_else(|| "it is not a number".into()),
    }
}

/// The texts of a row that the gate's conditions do not settle.
fn place(gate: &Gate, table: &Table, row: usize) -> String {
    let schema = table.rows.schema();
    let telling = |name: &str| !SILENT.contains(&name) && !gate.filter.contains_key(name);
    let columns = schema.fields().iter().zip(table.rows.columns());
    let texts = columns.filter(|(field, _)| *field.data_type() == DataType::Utf8 && telling(field.name()));
    texts.map(|(_, column)| cell_text(column, row)).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}
