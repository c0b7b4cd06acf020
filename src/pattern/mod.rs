//! The pattern engine: leaves as boxes, rows as patterns, background as histograms.
//!
//! A leaf's contribution to any Shapley-like value depends on a row only through which of the leaf's conditions hold. So rows are
//! quantised to ranks once, every split decides 64 rows with one comparison, and a few bits index a table of finished contributions.

mod background;
mod block;
mod boxes;
mod compile;
mod cost;
mod cuts;
mod engine;
mod game;
mod group;
mod interaction;
mod kernel;
mod moves;
mod predictor;
mod program;
mod shape;
mod sparse;
mod stack;
mod super_blocks;
mod sweep;
mod table;
mod value;
mod walk;

pub use background::BackgroundCounter;
pub use compile::{Options, Route};
pub use cost::Cost;
pub use cuts::TooManyCuts;
pub use engine::{Attributions, Attributor, PatternError};
pub use interaction::Interactions;
pub use kernel::InstructionSet;
pub use moves::{Changes, Moves, Steps, Targets, Track};
pub use predictor::ForestPredictor;
pub use value::{Coalitions, Intervals, ValueFunction};
