//! How rooms declare their part of the config: sections of steps that are switched on and off by name, and defaults of counts.

mod step;

use std::num::NonZeroUsize;

pub use step::Step;
pub(crate) use step::steps;

/// A count that cannot be zero, for defaults; one for zero.
pub const fn count(count: usize) -> NonZeroUsize {
    match NonZeroUsize::new(count) {
        Some(count) => count,
        None => NonZeroUsize::MIN,
    }
}
