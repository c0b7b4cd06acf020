//! Dense products and symmetric systems, the same to the last bit on every processor.
//!
//! A matrix is cut into strips of 16 rows, each of which is stored column by column. Whatever is computed, each element is a sum in ascending order of
//! the inner index: vectors go along the rows of a strip, so how many lanes an instruction has cannot be seen in the result. Products of matrices, which are
//! most of the work, are added without a rounding of their own; processors without fused additions compute the same, slowly.

mod cholesky;
mod matrix;
mod micro;

pub use cholesky::Cholesky;
pub use matrix::Matrix;

/// Rows of a strip.
pub const ROWS: usize = 16;

/// A strip's column.
pub type Column = [f64; ROWS];
