//! How rooms declare their part of the config: sections of steps that are switched on and off by name.

mod step;

pub use step::Step;
pub(crate) use step::steps;
