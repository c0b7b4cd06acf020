//! What can go wrong while results are written.

use std::path::PathBuf;

/// Why a part of the report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file could not be created or written.
    #[error("{}: {source}; is the disk full, or the folder not writable?", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Rows could not be encoded as Parquet.
    #[error("{}: cannot be written as Parquet: {source}", path.display())]
    Parquet {
        /// The file or folder.
        path: PathBuf,
        /// What the Parquet writer says.
        source: parquet::errors::ParquetError,
    },
    /// A chart could not be drawn.
    #[error("chart {chart}: {message}")]
    Chart {
        /// The chart, as in the registry.
        chart: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The page's template could not be filled.
    #[error("index.html: {0}")]
    Page(#[from] minijinja::Error),
}
