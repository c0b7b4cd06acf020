//! `pipeline compare`: what changed between two runs, as CSV, and what the later run's gates say of it.

use std::io::{self, Write};
use std::path::Path;

use arrow_array::Array;
use serde_json::Value as Json;

use super::args::Compare;
use super::failure::Failure;
use crate::compare::{self, CompareError};
use crate::gates::{self, Gate, Outcome};
use crate::table::{Table, cell_text};

/// The table as CSV (RFC 4180), its columns in the first line, and the exit code: as of a run, by those of the later run's gates that are about the
/// comparison.
pub(super) fn compare(options: &Compare) -> Result<(String, u8), Failure> {
    let manifest = compare::manifest(&options.after)?;
    let table = compare::compare(&options.before, &options.after, &manifest)?;
    let outcomes = gates::evaluate(&gates_of(&manifest, &options.after)?, std::slice::from_ref(&table));
    for outcome in outcomes.iter().filter(|outcome| outcome.fails() || outcome.warns()) {
        let severity = if outcome.fails() { "error" } else { "warning" };
        // Where stderr is closed the exit code still tells.
        let _ = writeln!(io::stderr(), "{severity}: {}", outcome.told());
    }
    Ok((csv(&table), gates::exit_code(&outcomes, options.fail_on_warn && outcomes.iter().any(Outcome::warns))))
}

/// The gates of a run's config that are about its comparison.
///
/// # Errors
/// If one of them cannot be read, such as one that another version has written: what is not evaluated must not pass.
fn gates_of(manifest: &Json, run: &Path) -> Result<Vec<Gate>, CompareError> {
    let gates = manifest["config"]["gates"].as_array().into_iter().flatten();
    let read = |gate: &Json| serde_json::from_value::<Gate>(gate.clone());
    let gates = gates
        .map(read)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| CompareError::Unreadable { path: run.join("manifest.json"), message: format!("config.gates: {error}") })?;
    Ok(gates.into_iter().filter(|gate| gate.metric.starts_with("compare.")).collect())
}

fn csv(table: &Table) -> String {
    let schema = table.rows.schema();
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    let line =
        |row: usize| table.rows.columns().iter().map(|column| quoted(&cell_text(column as &dyn Array, row))).collect::<Vec<_>>().join(",");
    let lines = std::iter::once(names.join(",")).chain((0..table.len()).map(line));
    lines.map(|line| line + "\n").collect()
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
