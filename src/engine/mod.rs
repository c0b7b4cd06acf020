//! Chunk tasks and the ordered fold: work in parallel, results in order.

mod ordered;

pub use ordered::ordered;
