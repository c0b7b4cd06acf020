//! Exact Shapley values of tree ensembles.

mod settings;

pub use settings::{Mode, Settings};
