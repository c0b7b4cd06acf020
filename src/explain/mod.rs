//! Attribution methods: rows in, an attribution batch out.

mod registry;
pub mod tree_shap;

use std::sync::Arc;

use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::dataset::RowBatch;

pub use registry::{Settings, prepare};

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
}

/// A method on its way to its first row: a fold over the background, in row order.
pub trait Preparation: Send + Sync {
    /// Whether it needs the background; if not, it is shown none.
    fn wants_background(&self) -> bool;

    /// Takes in background rows.
    fn absorb(&mut self, rows: &RowBatch);

    /// The method, ready for rows.
    ///
    /// # Errors
    /// If the background seen does not allow it.
    fn finish(self: Box<Self>) -> Result<Box<dyn Explainer>, ExplainError>;
}
