//! Attribution methods: rows in, an attribution batch out.

mod game;
pub mod kernel_shap;
pub mod lime;
pub mod permutation;
mod registry;
mod sampled;
pub mod tree_shap;

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::dataset::RowBatch;
use crate::table::Table;

pub use registry::{Settings, build, interactions, needs};

/// Why rows could not be explained.
#[derive(Debug, thiserror::Error)]
#[error("{method}: {message}")]
pub struct ExplainError {
    /// The method.
    pub method: &'static str,
    /// What is wrong, where, and what to do.
    pub message: String,
}

/// A method that attributes predictions to features.
pub trait Explainer: Send + Sync {
    /// Method name, features and outputs of every batch.
    fn schema(&self) -> &Arc<AttributionSchema>;

    /// Attributions of a batch's rows. A row's result depends on that row alone (and on the run's seed).
    ///
    /// # Errors
    /// If the model cannot be evaluated on these rows.
    fn explain(&self, rows: &RowBatch) -> Result<AttributionBatch, ExplainError>;

    /// Tables about the method itself, from all rows of its sample.
    ///
    /// # Errors
    /// As [`Explainer::explain`].
    fn review(&self, _rows: &RowBatch) -> Result<Vec<Table>, ExplainError> {
        Ok(Vec::new())
    }

    /// How many rows are explained, a seeded sample of the data's; all of them where `None`.
    fn sample(&self) -> Option<NonZeroUsize> {
        None
    }

    /// Whether feature groups are players, so that batches have the groups for features already.
    fn is_grouped(&self) -> bool {
        false
    }

    /// Whether base value and attributions are meant to add up to the prediction.
    fn is_additive(&self) -> bool {
        true
    }

    /// Names of [`AttributionBatch::extra`].
    fn extra_columns(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether batches have standard errors.
    fn has_standard_errors(&self) -> bool {
        false
    }
}
