//! The fairness review: groups, their metrics, and the features that make their scores differ.

mod groups;
mod intervals;
mod metrics;
mod settings;

use std::sync::Arc;

pub use groups::Grouping;
pub use metrics::FairnessMetrics;
pub use settings::{Attribute, Settings, Side};

/// Status of a number that can be relied on as far as its interval says.
const OK: &str = "ok";

/// Status of a number that is not given, since too few rows are behind it.
const INSUFFICIENT: &str = "insufficient_data";

/// Status of a number that does not exist, such as a ratio to zero.
const UNDEFINED: &str = "undefined";

/// A fairness section that fits the data and the model.
#[derive(Clone, Debug)]
pub struct Review {
    settings: Settings,
    grouping: Grouping,
    /// Number of the output that decides.
    output: usize,
    /// Number of the model's outputs.
    outputs: usize,
}

impl Review {
    /// A section's review of data whose further columns are of these types, and of a model with these outputs.
    ///
    /// # Errors
    /// The config key and what is wrong with it.
    pub fn new(settings: &Settings, columns: &arrow_schema::Schema, outputs: &[String]) -> Result<Arc<Self>, (String, String)> {
        let grouping = Grouping::new(settings, columns)?;
        let output = settings.output_index(outputs)?;
        Ok(Arc::new(Self { settings: settings.clone(), grouping, output, outputs: outputs.len() }))
    }

    /// A label as the deciding output sees it: itself, or whether it is the number of that output where there are several.
    fn label(&self, label: f64) -> f64 {
        if self.outputs == 1 { label } else { f64::from(u8::from(label == self.output as f64)) }
    }
}
