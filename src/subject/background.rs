//! The background pass: one fold over the background, in row order, into every form that is needed.

use std::sync::Arc;

use super::Needs;
use crate::dataset::{FeatureBlock, RowBatch};
use crate::model::{CoverCounter, Forest};
use crate::pattern::{BackgroundCounter, PatternError};

/// Why the background cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackgroundError {
    /// The forest exceeds what patterns can hold.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Its rows do not fit in memory.
    #[error(
        "{rows} background rows of {features} features take more than {limit} MiB, and a step needs them all at once; \
         set background.rows to a number, or raise run.memory_limit"
    )]
    TooLarge {
        /// Rows read so far.
        rows: usize,
        /// Features.
        features: usize,
        /// What they may take.
        limit: usize,
    },
    /// No weight.
    #[error("the background has no rows of positive weight")]
    Empty,
}

/// The background in the forms that were needed.
#[derive(Clone, Debug, Default)]
pub struct Background {
    /// Its patterns, counted on every leaf.
    pub histograms: Option<Arc<BackgroundCounter>>,
    /// The forest with the background's weights for covers.
    pub covered: Option<Arc<Forest>>,
    /// Its rows.
    pub rows: Option<Arc<FeatureBlock>>,
    /// Their weights, where rows have weights.
    pub weights: Option<Arc<[f64]>>,
    /// As many rows of equal weight as make a mean no more certain (Kish 1965): (Σ w)² / Σ w².
    pub effective_rows: f64,
}

/// The fold.
pub struct BackgroundPass {
    counter: Option<BackgroundCounter>,
    covers: Option<CoverCounter>,
    /// Columns of the rows kept.
    columns: Option<Vec<Vec<f64>>>,
    weights: Option<Vec<f64>>,
    weight: f64,
    /// Σ w².
    squares: f64,
    /// Bytes that kept rows may take.
    limit: usize,
}

impl BackgroundPass {
    /// Before the first row; rows that are kept may take `limit` bytes.
    ///
    /// # Errors
    /// If the forest exceeds what patterns can hold.
    pub fn new(needs: Needs, forest: Option<&Arc<Forest>>, limit: usize) -> Result<Self, BackgroundError> {
        let counter = forest.filter(|_| needs.histograms).map(|forest| BackgroundCounter::new(Arc::clone(forest))).transpose()?;
        let covers = forest.filter(|_| needs.covers).map(|forest| CoverCounter::new(Arc::clone(forest)));
        let columns = needs.rows.then(Vec::new);
        Ok(Self { counter, covers, columns, weights: None, weight: 0.0, squares: 0.0, limit })
    }

    /// Takes in the next rows.
    ///
    /// # Errors
    /// If the rows that are kept grow too large.
    pub fn absorb(&mut self, rows: &RowBatch) -> Result<(), BackgroundError> {
        let (block, weights) = (&rows.features, rows.weight.as_deref());
        self.weight += weights.map_or(block.rows() as f64, |weights| weights.iter().sum());
        self.squares += weights.map_or(block.rows() as f64, |weights| weights.iter().map(|weight| weight * weight).sum());
        if let Some(counter) = &mut self.counter {
            counter.count(block, weights);
        }
        if let Some(covers) = &mut self.covers {
            covers.count(block, weights);
        }
        let Some(columns) = &mut self.columns else { return Ok(()) };
        columns.resize(block.features(), Vec::new());
        columns.iter_mut().enumerate().for_each(|(feature, column)| column.extend_from_slice(block.column(feature)));
        if let Some(weights) = weights {
            self.weights.get_or_insert_default().extend_from_slice(weights);
        }
        let (rows, features) = (columns.first().map_or(0, Vec::len), columns.len());
        if 8 * rows * features > self.limit {
            return Err(BackgroundError::TooLarge { rows, features, limit: self.limit >> 20 });
        }
        Ok(())
    }

    /// The background, whole.
    ///
    /// # Errors
    /// If no row of positive weight was seen.
    pub fn finish(self) -> Result<Background, BackgroundError> {
        if self.weight.is_nan() || self.weight <= 0.0 {
            return Err(BackgroundError::Empty);
        }
        Ok(Background {
            histograms: self.counter.map(Arc::new),
            covered: self.covers.map(|covers| Arc::new(covers.finish())),
            rows: self.columns.map(|columns| Arc::new(FeatureBlock::new(columns.first().map_or(0, Vec::len), columns.concat()))),
            weights: self.weights.map(Arc::from),
            effective_rows: self.weight * self.weight / self.squares,
        })
    }
}
