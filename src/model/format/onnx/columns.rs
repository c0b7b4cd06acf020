//! What stands before the trees: each column that they see, as a chain of steps on one of the graph's inputs.
//!
//! Every step is monotone where it is not missing, rounding included, so a question about a column is a question about the input itself:
//! the value where the answer changes is found by bisection over the input's own floating-point numbers (see `keys`), exactly.

use crate::model::forest::Width;

/// One step from an input to a column, rounding as onnxruntime does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// To the nearest f32.
    Round,
    /// NaN becomes this.
    Impute(f64),
    /// (x − offset) · scale, in f32, or in f64 and then rounded to f32.
    Scale { offset: f64, scale: f64, width: Width },
    /// x + a.
    Add(f64, Width),
    /// x − a.
    Subtract(f64, Width),
    /// x · a.
    Multiply(f64, Width),
    /// x / a.
    Divide(f64, Width),
}

impl Step {
    fn apply(self, x: f64) -> f64 {
        match self {
            Step::Round => Width::F32.round(x),
            Step::Impute(value) => {
                if x.is_nan() {
                    value
                } else {
                    x
                }
            }
            Step::Scale { offset, scale, width } => Width::F32.round(width.round(x - offset) * scale),
            // Of two f32 numbers, sum, difference, product and quotient in f64 round to f32 as if they were exact.
            Step::Add(a, width) => width.round(x + a),
            Step::Subtract(a, width) => width.round(x - a),
            Step::Multiply(a, width) => width.round(x * a),
            Step::Divide(a, width) => width.round(x / a),
        }
    }
}

/// One column that the trees see.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    /// The input, an index into the model's features.
    pub feature: usize,
    /// What is made of it, first step first.
    pub steps: Vec<Step>,
}

impl Column {
    /// The column's value where the input is `x`.
    pub fn apply(&self, x: f64) -> f64 {
        self.steps.iter().fold(x, |x, step| step.apply(x))
    }
}
