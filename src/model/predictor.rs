//! A model as a function of rows, whatever it is made of.

use crate::dataset::FeatureBlock;

/// Why a model could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[error("the model cannot be evaluated: {0}")]
pub struct PredictError(pub String);

/// Rows of feature values in, predictions out.
pub trait Predictor: Send + Sync {
    /// Output names.
    fn outputs(&self) -> &[String];

    /// Predictions of all rows, in one space, laid out `output · rows + row`. A row's prediction depends on that row alone.
    ///
    /// # Errors
    /// If the model fails on these rows.
    fn predict(&self, block: &FeatureBlock) -> Result<Vec<f64>, PredictError>;

    /// Ends the model: nothing is asked any more.
    ///
    /// # Errors
    /// If the model turns out to have answered what was not asked, so that no answer can be trusted.
    fn close(&self) -> Result<(), PredictError> {
        Ok(())
    }
}
