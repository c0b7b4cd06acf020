//! TreeSHAP on its way to its first row.

use std::sync::Arc;

use super::{Mode, Settings, TreeShap, refused};
use crate::dataset::RowBatch;
use crate::explain::{ExplainError, Explainer, Preparation};
use crate::model::{CoverCounter, Forest};
use crate::pattern::{BackgroundCounter, PatternError};

impl TreeShap {
    /// The method in its configured mode, before the background.
    ///
    /// # Errors
    /// As [`TreeShap::path_dependent`] and [`BackgroundCounter::new`].
    pub fn prepare(settings: &Settings, forest: &Arc<Forest>) -> Result<Box<dyn Preparation>, ExplainError> {
        let forest = Arc::clone(forest);
        Ok(match settings.mode {
            Mode::Interventional => Box::new(Counting(BackgroundCounter::new(forest).map_err(refused)?)),
            Mode::PathDependent if settings.counts_covers(&forest) => Box::new(Covering(CoverCounter::new(forest))),
            Mode::PathDependent => Box::new(Ready(Self::path_dependent(forest)?)),
        })
    }
}

/// Interventional: counts the background's patterns.
struct Counting(BackgroundCounter);

impl Preparation for Counting {
    fn wants_background(&self) -> bool {
        true
    }

    fn absorb(&mut self, rows: &RowBatch) {
        self.0.count(&rows.features, rows.weight.as_deref());
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Explainer>, ExplainError> {
        Ok(Box::new(TreeShap::interventional(self.0)?))
    }
}

/// Path-dependent, of a model without covers: counts the background's rows at each node.
struct Covering(CoverCounter);

impl Preparation for Covering {
    fn wants_background(&self) -> bool {
        true
    }

    fn absorb(&mut self, rows: &RowBatch) {
        self.0.count(&rows.features, rows.weight.as_deref());
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Explainer>, ExplainError> {
        if self.0.weight() == 0.0 {
            return Err(refused(PatternError::EmptyBackground));
        }
        Ok(Box::new(TreeShap::path_dependent(Arc::new(self.0.finish()))?))
    }
}

/// Path-dependent: needs nothing more.
struct Ready(TreeShap);

impl Preparation for Ready {
    fn wants_background(&self) -> bool {
        false
    }

    fn absorb(&mut self, _: &RowBatch) {}

    fn finish(self: Box<Self>) -> Result<Box<dyn Explainer>, ExplainError> {
        Ok(Box::new(self.0))
    }
}
