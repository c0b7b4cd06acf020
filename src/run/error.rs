//! Why a run ended without a report.

use std::path::{Path, PathBuf};

use crate::dataset::DataError;
use crate::derive::{DeriveError, SettingError};
use crate::explain::ExplainError;
use crate::model::{ModelError, PredictError};
use crate::report::ReportError;
use crate::subject::BackgroundError;
use crate::train::TrainError;

/// A run that could not be planned, finished or published.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A setting that is sound by itself but does not fit the data or the model.
    #[error("{key}: {message}")]
    Setting {
        /// The config key, dotted.
        key: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// The data cannot be read or used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model cannot be read or used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// No model could be fitted.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The background cannot be used.
    #[error("background: {0}")]
    Background(#[from] BackgroundError),
    /// The model cannot be evaluated.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// Rows could not be explained.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// A derivation could not finish.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// A table, figure or page could not be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// No row is the one that was asked for.
    #[error("{}: {message}", path.display())]
    UnknownRow {
        /// The data, as configured.
        path: PathBuf,
        /// Which row, and what to do.
        message: String,
    },
    /// The output folder cannot be made, or nothing can be written to it.
    #[error("cannot write to the output folder {}: {source}; choose another with output.dir or --output", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file operation failed, such as for want of space.
    #[error("cannot {action} {}: {source}", path.display())]
    Output {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The output folder cannot take this run.
    #[error("{}: {message}", path.display())]
    Occupied {
        /// The folder or link in the way.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// Something that is not about any input or output: threads, signal handlers, records.
    #[error("the run cannot go on: {0}")]
    Internal(String),
    /// A signal asked the run to stop.
    #[error("interrupted by {}; nothing was published", if *signal == 15 { "SIGTERM" } else { "SIGINT" })]
    Interrupted {
        /// The signal's number.
        signal: u8,
    },
}

impl RunError {
    /// A setting of this key, and what is wrong with it.
    pub(super) fn setting(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Setting { key: key.into(), message: message.into() }
    }

    /// The process's exit code: 2 for settings and filters, 128 + signal when interrupted, 3 for everything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            RunError::Setting { .. } | RunError::Train(TrainError::Setting { .. }) | RunError::Data(DataError::Filter { .. }) => 2,
            RunError::Interrupted { signal } => 128 + signal,
            _ => 3,
        }
    }
}

/// Adds what was being done, and to which path, to a failed file operation.
pub(super) trait AtPath<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, RunError>;
}

impl<T> AtPath<T> for std::io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, RunError> {
        self.map_err(|source| RunError::Output { action, path: path.into(), source })
    }
}

impl From<SettingError> for RunError {
    fn from(error: SettingError) -> Self {
        Self::setting(error.key, error.message)
    }
}
