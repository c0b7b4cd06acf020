//! What the model says of rows, beside why.

/// Margins and predictions of consecutive rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Raw scores, before the link, `output · rows + row`; the predictions again, of a model without margins.
    pub margins: Vec<f64>,
    /// Predictions, through the link, `output · rows + row`.
    pub predictions: Vec<f64>,
}
