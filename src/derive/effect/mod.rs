//! What the effects of features share: which features, how predictions change as one moves, how wide a band is.

mod accumulated;
mod axis;
mod choice;
mod dependence;
mod grid;
mod local;
mod shift;
mod similarity;

pub use choice::Choice;
pub use grid::GridChoice;

pub(super) use accumulated::{CurveSums, Effect};
pub(super) use axis::{Axis, Cell};
pub(super) use choice::{Problem, members, ranking, unknown};
pub(super) use dependence::{Dependence, Mean, needs};
pub(super) use grid::Grid;
pub(super) use local::Local;
pub(super) use shift::{Model, RowMajor, Shift};
