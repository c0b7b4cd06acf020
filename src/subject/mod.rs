//! What is explained: the model as a function, the features as people know them, and the rows that stand in for absent ones.

mod background;
mod feature;

use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::dataset::RowBatch;
use crate::model::{Forest, Output, Predictor};
use crate::pattern::Interactions;
use crate::settings::count;

pub use background::{Background, BackgroundError, BackgroundPass};
pub use feature::{ExplainedFeature, Member, Values};

/// What methods and derivations are told of a run, once the background has been seen.
#[derive(Clone)]
pub struct Subject {
    /// The run's seed.
    pub seed: u64,
    /// Rows of the data, before any filter: what pays over many rows is not built for few.
    pub rows: u64,
    /// The explained features or feature groups; their members are the model's features.
    pub features: Vec<ExplainedFeature>,
    /// Output names.
    pub outputs: Vec<String>,
    /// The space that [`Self::predictor`] predicts in.
    pub space: Output,
    /// The trees, where the model is made of such.
    pub forest: Option<Arc<Forest>>,
    /// The model in the space that `model.output` names: what model-agnostic methods explain.
    pub predictor: Arc<dyn Predictor>,
    /// The background, in the forms that were needed.
    pub background: Background,
    /// SHAP interaction values, where they were asked for.
    pub interactions: Option<Arc<Interactions>>,
    /// A seeded sample of at most [`SAMPLE_ROWS`] of the data's rows, where it was needed: for grids, bins and other statistics of features.
    pub sample: Option<Arc<RowBatch>>,
}

/// Rows in [`Subject::sample`] at most; all rows where there are no more.
pub const SAMPLE_ROWS: NonZeroUsize = count(65_536);

/// What methods and derivations need to know before the first row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// How often each pattern of each leaf occurs in the background.
    pub histograms: bool,
    /// The background's weight at each node, for a forest without covers.
    pub covers: bool,
    /// The background's rows themselves, in memory.
    pub rows: bool,
    /// [`Subject::sample`].
    pub sample: bool,
}

impl Needs {
    /// What either needs.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            histograms: self.histograms || other.histograms,
            covers: self.covers || other.covers,
            rows: self.rows || other.rows,
            sample: self.sample || other.sample,
        }
    }

    /// Whether the background is read.
    pub fn background(self) -> bool {
        self.histograms || self.covers || self.rows
    }
}
