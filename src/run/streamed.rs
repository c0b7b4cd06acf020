//! What the rows of a run said, beside what the derivations make of them.

use std::sync::Arc;

use crate::attribution::{Additivity, AttributionSchema};
use crate::dataset::{UnseenCategories, UnseenColumn};
use crate::report::parquet::{Part, TableFile};
use crate::table::Table;

/// Largest residual, relative to |base| + Σ|φ|, that rounding explains.
const ROUNDING: f64 = 1e-9;

/// What the rows said, beside what the derivations make of them.
#[derive(Debug)]
pub(super) struct Streamed {
    /// Rows explained.
    pub rows: u64,
    /// The methods, in registry order.
    pub methods: Vec<Method>,
    /// Categories in the rows that the model does not know.
    pub unseen: UnseenCategories,
    /// Rows without a line in the file of protected columns.
    pub absent: u64,
    /// What the background said, where there is one.
    pub background: Option<Background>,
    /// What derivations said of rows: tables that are written, and may be too long to hold.
    pub lines: Vec<TableFile>,
    /// What methods say of themselves.
    pub tables: Vec<Table>,
}

/// What the background said.
#[derive(Debug, Default)]
pub(super) struct Background {
    /// Rows that stand in for features left out.
    pub rows: u64,
    /// Categories in them that the model does not know.
    pub unseen: UnseenCategories,
}

/// One method's certificate and files.
#[derive(Debug)]
pub(super) struct Method {
    /// Name, features and outputs, after grouping.
    pub schema: Arc<AttributionSchema>,
    /// A certificate an output; none of a method that is not additive.
    pub additivity: Vec<Additivity>,
    /// The files.
    pub parts: Vec<Part>,
}

impl Streamed {
    /// What the reader must know before trusting the numbers.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = unknown(&self.unseen, "row");
        warnings.extend(self.background.iter().flat_map(|background| unknown(&background.unseen, "background row")));
        if self.absent > 0 {
            let (absent, rows) = (self.absent, self.rows);
            warnings.push(format!("fairness.protected: {absent} of {rows} rows have no line in the file; they count as missing"));
        }
        for method in &self.methods {
            for (output, certificate) in method.schema.outputs.iter().zip(&method.additivity) {
                if certificate.largest_relative > ROUNDING {
                    let (name, largest) = (method.schema.method, certificate.largest);
                    warnings.push(format!("{name}, output {output}: attributions miss the prediction by up to {largest:e}"));
                }
            }
        }
        warnings
    }
}

/// Categories that a warning names: a column may have as many unknown ones as rows.
const NAMED: usize = 10;

/// Says which categories the model does not know, and in how many of `what`.
pub(super) fn unknown(unseen: &UnseenCategories, what: &str) -> Vec<String> {
    let describe = |(column, unseen): (&String, &UnseenColumn)| {
        let mut names: Vec<String> = unseen.names.iter().take(NAMED).map(|(name, rows)| format!("{name} ({rows})")).collect();
        if unseen.names.len() > NAMED {
            names.push("…".to_owned());
        }
        let plural = if unseen.rows == 1 { "" } else { "s" };
        format!("{column}: categories that the model does not know, in {} {what}{plural}: {}", unseen.rows, names.join(", "))
    };
    unseen.columns.iter().map(describe).collect()
}
