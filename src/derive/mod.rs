//! Derivations: folds over explained rows that end in tables.

pub mod agreement;
pub mod ale;
mod bootstrap;
pub mod clusters;
mod effect;
pub mod fairness;
pub mod ice;
pub mod importance;
pub mod interactions;
pub mod pdp;
mod registry;
mod sample;
pub mod sp_lime;
pub mod summary;
pub mod surrogate;
#[cfg(test)]
mod testing;

use std::any::Any;

use crate::attribution::{AttributionBatch, Scores};
use crate::dataset::RowBatch;
use crate::table::Table;

pub use effect::{Choice, GridChoice};
pub use registry::{Context, Reviewed, SettingError, Settings, build, check, needs};

/// One chunk of rows with the attributions of one method.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    /// The method's number in [`Context::methods`].
    pub method: usize,
    /// The rows: consecutive ones of the data, or of the method's own sample.
    pub rows: &'a RowBatch,
    /// Their attributions.
    pub attributions: &'a AttributionBatch,
}

/// Why a derivation could not finish.
#[derive(Debug, thiserror::Error)]
#[error("{derivation}: {message}")]
pub struct DeriveError {
    /// The derivation.
    pub derivation: &'static str,
    /// What is wrong and what to do.
    pub message: String,
}

/// A fold over chunks: `start → absorb → merge → finish`.
///
/// A chunk of the data is absorbed once as rows, then once for each method that explains all rows. Methods that explain a sample
/// follow when all data has been absorbed. What a derivation does not look at it need not absorb. Partials merge in chunk order, so the number of threads cannot change a byte.
pub trait Derivation: Send + Sync {
    /// State after some rows.
    type Partial: Send + 'static;

    /// Name, as in the config.
    fn name(&self) -> &'static str;

    /// The state after no rows.
    fn start(&self) -> Self::Partial;

    /// Whether rows are absorbed with the model's scores.
    fn wants_scores(&self) -> bool {
        false
    }

    /// Whether methods are compared: see [`Derivation::compare`].
    fn compares(&self) -> bool {
        false
    }

    /// Adds a chunk of rows of a method's sample: as that method explains them, and as each does that explains all rows. Of `draws` each row has its
    /// own, whatever the method; a smaller sample has the rows with the smaller ones.
    fn compare(&self, _partial: &mut Self::Partial, _chunk: Explained<'_>, _draws: &[u64]) {}

    /// Adds a chunk of the data's rows, with the model's scores where wanted (else empty).
    fn absorb_rows(&self, _partial: &mut Self::Partial, _rows: &RowBatch, _scores: &Scores) {}

    /// What is said of single rows, in their order, for a table that is written as the rows come and never held; none where there is no such table.
    /// Its columns are the same for every chunk.
    ///
    /// # Errors
    /// If a table cannot hold what is said.
    fn lines(&self, _rows: &RowBatch, _scores: &Scores) -> Result<Option<Table>, DeriveError> {
        Ok(None)
    }

    /// Adds a method's chunk of rows.
    fn absorb(&self, _partial: &mut Self::Partial, _chunk: Explained<'_>) {}

    /// Adds the state of later rows to that of earlier ones.
    fn merge(&self, earlier: &mut Self::Partial, later: Self::Partial);

    /// The other tables; `earlier` are those of the derivations before this one in the registry.
    ///
    /// # Errors
    /// If the rows seen do not allow a result.
    fn finish(&self, partial: Self::Partial, earlier: &[Table]) -> Result<Vec<Table>, DeriveError>;
}

/// A derivation of any kind, so that a run can hold a list of them.
pub trait AnyDerivation: Send + Sync {
    /// See [`Derivation::name`].
    fn name(&self) -> &'static str;
    /// See [`Derivation::start`].
    fn start(&self) -> Box<dyn Any + Send>;
    /// See [`Derivation::wants_scores`].
    fn wants_scores(&self) -> bool;
    /// See [`Derivation::compares`].
    fn compares(&self) -> bool;
    /// See [`Derivation::compare`]; `partial` came from this derivation's `start`.
    fn compare(&self, partial: &mut (dyn Any + Send), chunk: Explained<'_>, draws: &[u64]);
    /// See [`Derivation::absorb_rows`]; `partial` came from this derivation's `start`.
    fn absorb_rows(&self, partial: &mut (dyn Any + Send), rows: &RowBatch, scores: &Scores);
    /// See [`Derivation::lines`].
    ///
    /// # Errors
    /// As [`Derivation::lines`].
    fn lines(&self, rows: &RowBatch, scores: &Scores) -> Result<Option<Table>, DeriveError>;
    /// See [`Derivation::absorb`]; `partial` came from this derivation's `start`.
    fn absorb(&self, partial: &mut (dyn Any + Send), chunk: Explained<'_>);
    /// See [`Derivation::merge`].
    fn merge(&self, earlier: &mut (dyn Any + Send), later: Box<dyn Any + Send>);
    /// See [`Derivation::finish`].
    ///
    /// # Errors
    /// As [`Derivation::finish`].
    fn finish(&self, partial: Box<dyn Any + Send>, earlier: &[Table]) -> Result<Vec<Table>, DeriveError>;
}

impl<D: Derivation> AnyDerivation for D {
    fn name(&self) -> &'static str {
        Derivation::name(self)
    }

    fn start(&self) -> Box<dyn Any + Send> {
        Box::new(Derivation::start(self))
    }

    fn wants_scores(&self) -> bool {
        Derivation::wants_scores(self)
    }

    fn compares(&self) -> bool {
        Derivation::compares(self)
    }

    fn compare(&self, partial: &mut (dyn Any + Send), chunk: Explained<'_>, draws: &[u64]) {
        if let Some(partial) = partial.downcast_mut() {
            Derivation::compare(self, partial, chunk, draws);
        }
    }

    fn absorb_rows(&self, partial: &mut (dyn Any + Send), rows: &RowBatch, scores: &Scores) {
        if let Some(partial) = partial.downcast_mut() {
            Derivation::absorb_rows(self, partial, rows, scores);
        }
    }

    fn lines(&self, rows: &RowBatch, scores: &Scores) -> Result<Option<Table>, DeriveError> {
        Derivation::lines(self, rows, scores)
    }

    fn absorb(&self, partial: &mut (dyn Any + Send), chunk: Explained<'_>) {
        if let Some(partial) = partial.downcast_mut() {
            Derivation::absorb(self, partial, chunk);
        }
    }

    fn merge(&self, earlier: &mut (dyn Any + Send), later: Box<dyn Any + Send>) {
        if let (Some(earlier), Ok(later)) = (earlier.downcast_mut(), later.downcast()) {
            Derivation::merge(self, earlier, *later);
        }
    }

    fn finish(&self, partial: Box<dyn Any + Send>, earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        match partial.downcast() {
            Ok(partial) => Derivation::finish(self, *partial, earlier),
            Err(_) => Err(DeriveError { derivation: Derivation::name(self), message: "was given another derivation's state".into() }),
        }
    }
}
