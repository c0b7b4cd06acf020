//! What can be wrong with a dataset, where, and what to do.

use std::path::PathBuf;

/// A dataset that cannot be read as it was asked for. Rows are counted from 0 within their file.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Nothing is at the path.
    #[error("data not found: {} does not exist; check the path (it is relative to the config file)", path.display())]
    NotFound {
        /// File, directory or glob.
        path: PathBuf,
    },
    /// The directory or glob holds no Parquet file.
    #[error("no Parquet files in {}: {reason}", path.display())]
    NoFiles {
        /// Directory or glob.
        path: PathBuf,
        /// What was looked for.
        reason: String,
    },
    /// The system refuses to read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// File or directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not Parquet, cut off, or damaged.
    #[error("{} is not a readable Parquet file: {message}; write it again, or leave it out of the path", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the Parquet reader found.
        message: String,
    },
    /// Two files that do not belong to one table.
    #[error("{} and {} differ: {message}; all files of a dataset have the same columns and types", first.display(), other.display())]
    SchemaMismatch {
        /// The first file.
        first: PathBuf,
        /// The file that differs from it.
        other: PathBuf,
        /// How they differ.
        message: String,
    },
    /// Two columns of one name.
    #[error("{} has more than one column `{column}`; rename one", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The name.
        column: String,
    },
    /// The request names columns that are not there.
    #[error("{} has no {}", path.display(), missing.join("; no "))]
    MissingColumns {
        /// The dataset's path.
        path: PathBuf,
        /// Column, what it is needed for, and the nearest names: one text each.
        missing: Vec<String>,
    },
    /// A column's type does not suit what it is asked for.
    #[error("{}: column `{column}` holds {found}, but {needed}", path.display())]
    ColumnType {
        /// The dataset's path.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What was needed, and what to do.
        needed: String,
    },
    /// Category names that are missing, doubled or contradictory.
    #[error("{}: categories of column `{column}`: {message}", path.display())]
    Categories {
        /// The dataset's path.
        path: PathBuf,
        /// The column.
        column: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// One value that cannot be used.
    #[error("{}: column `{column}`, row {row}: {message}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Row of the file, counted from 0.
        row: u64,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The filter is not a condition on single rows of this dataset.
    #[error("filter `{filter}`: {message}")]
    Filter {
        /// The SQL expression.
        filter: String,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A dataset whose rows cannot be found by their ids.
    #[error("{}: {message}", path.display())]
    Lookup {
        /// The dataset's path.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
    /// Nothing to work on.
    #[error("{} has no rows{}", path.display(), filter.as_ref().map(|f| format!(" for which the filter `{f}` holds; loosen it")).unwrap_or_default())]
    NoRows {
        /// The dataset's path.
        path: PathBuf,
        /// The filter, if it left nothing.
        filter: Option<String>,
    },
}

/// The `names` nearest to `wanted`, best first, as ``(nearest: `a`, `b`)`` with a leading space; empty where none is near.
pub(super) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let wanted = wanted.to_lowercase();
    let mut scored: Vec<(f64, &str)> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
        .filter(|(score, _)| *score >= 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let quoted: Vec<String> = scored.iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    if quoted.is_empty() { String::new() } else { format!(" (nearest: {})", quoted.join(", ")) }
}
