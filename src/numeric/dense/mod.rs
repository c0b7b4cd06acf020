//! Dense products and symmetric systems, the same to the last bit on every processor.
//!
//! Matrices are cut into tiles of 64 × 64. Whatever is computed, each element is a sum in ascending order of the inner index, every product
//! added without a rounding of its own: vectors go along the rows of a tile, so how many lanes an instruction has cannot be seen in the result.
//! Processors without fused additions compute the same, slowly.

mod cholesky;
mod micro;
mod tiles;

pub use cholesky::Cholesky;
pub use tiles::Tiles;

/// Rows and columns of a tile.
pub const TILE: usize = 64;

/// A tile's column: 64 rows.
pub type Column = [f64; TILE];
