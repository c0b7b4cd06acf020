//! Where a forest's answers can change along a feature.

use super::ValueFunction;
use crate::model::Width;
use crate::pattern::cuts::{Axis, from_key};

/// The values of one feature between which no split tells a difference.
#[derive(Clone, Debug, PartialEq)]
pub enum Intervals {
    /// No split tests the feature.
    Constant,
    /// The first value of every interval but the lowest, ascending, in the width in which the model compares.
    Numeric(Vec<f64>),
    /// The category codes that some split names, ascending; all others are as one.
    Categorical(Vec<u32>),
}

impl ValueFunction {
    /// Where the margin can change along a feature; a missing value is one more point.
    pub fn intervals(&self, feature: usize) -> Intervals {
        match self.shape.cuts.axis(feature) {
            Axis::Unused => Intervals::Constant,
            Axis::Numeric(ladder) => {
                let width = self.shape.forest.compare;
                Intervals::Numeric(
                    ladder.keys().iter().map(|key| at_least(from_key(*key), width)).filter(|start| !start.is_nan()).collect(),
                )
            }
            Axis::Categorical { class_of, .. } => Intervals::Categorical(class_of.iter().map(|(code, _)| *code).collect()),
        }
    }
}

/// The smallest value of a width that is not below `x`.
fn at_least(x: f64, width: Width) -> f64 {
    let rounded = width.round(x);
    if rounded < x { f64::from((rounded as f32).next_up()) } else { rounded }
}
