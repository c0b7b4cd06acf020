//! `pipeline compare`: what changed between two runs, as CSV.

use arrow_array::Array;

use super::args::Compare;
use super::failure::Failure;
use crate::compare;
use crate::table::cell_text;

/// The table as CSV (RFC 4180), its columns in the first line.
pub(super) fn compare(options: &Compare) -> Result<String, Failure> {
    let rows = compare::compare(&options.before, &options.after, &compare::inputs(&options.after)?)?.rows;
    let schema = rows.schema();
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let line = |row: usize| rows.columns().iter().map(|column| quoted(&cell_text(column as &dyn Array, row))).collect::<Vec<_>>().join(",");
    let lines = std::iter::once(names.join(",")).chain((0..rows.num_rows()).map(line));
    Ok(lines.map(|line| line + "\n").collect())
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
