//! Why no model could be fitted.

use crate::dataset::DataError;

/// A fit that is impossible.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting that does not fit the data.
    #[error("{key}: {message}")]
    Setting {
        /// The config key, dotted.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A column cannot be fitted.
    #[error("cannot fit a model: column `{column}`: {message}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong, in which row, and what to do.
        message: String,
    },
    /// The rows as a whole cannot be fitted.
    #[error("cannot fit a model: {0}")]
    Rows(String),
    /// The library refused, or what it fitted is no sound forest.
    #[error("the model could not be fitted: {0}")]
    Failed(String),
}

impl TrainError {
    pub(super) fn setting(key: &str, message: impl Into<String>) -> Self {
        TrainError::Setting { key: key.into(), message: message.into() }
    }

    pub(super) fn column(column: &str, message: impl Into<String>) -> Self {
        TrainError::Column { column: column.into(), message: message.into() }
    }
}
