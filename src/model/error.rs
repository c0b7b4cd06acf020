//! What can be wrong with a model file.

use std::path::PathBuf;

use super::builder::ForestError;

/// A model that cannot be read, or cannot be explained exactly.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be opened or read.
    #[error("cannot read model {}: {source}", path.display())]
    Io {
        /// The model file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// No registered format recognises the file, or the named one does not exist.
    #[error("{} {message}", path.display())]
    UnknownFormat {
        /// The model file.
        path: PathBuf,
        /// What was looked for.
        message: String,
    },
    /// The file breaks its format's rules.
    #[error("{} is not a sound {format} model: {message}", path.display())]
    Malformed {
        /// The model file.
        path: PathBuf,
        /// Format name.
        format: &'static str,
        /// What is wrong and where in the file.
        message: String,
    },
    /// The file is sound but holds something that cannot be handled exactly.
    #[error("{} ({format}) is not supported: {message}", path.display())]
    Unsupported {
        /// The model file.
        path: PathBuf,
        /// Format name.
        format: &'static str,
        /// What, why, and what to do instead.
        message: String,
    },
}

/// What a format's reader reports; [`super::load`] adds file and format.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// Breaks the format's rules: what is wrong, and where.
    #[error("{0}")]
    Malformed(String),
    /// Sound but not handled exactly: what, why, and what to do instead.
    #[error("{0}")]
    Unsupported(String),
}

impl From<ForestError> for ReadError {
    fn from(error: ForestError) -> Self {
        ReadError::Malformed(error.to_string())
    }
}
