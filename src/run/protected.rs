//! Protected columns that come from a file of their own, joined to the rows by id.

use super::RunError;
use super::plan::Plan;
use crate::config::Config;
use crate::dataset::{Dataset, Lookup, Request, RowBatch, Selection};

/// The share of `run.memory_limit` that the file's columns may take.
const SHARE: u64 = 4;

/// The file's id, and those of the review's columns that it holds; all others come from the data.
///
/// # Errors
/// If there is no id to join by, or the file has no such column.
pub(super) fn select(config: &Config) -> Result<Option<Selection>, RunError> {
    let Some((fairness, protected)) = config.fairness.as_ref().and_then(|fairness| Some((fairness, fairness.protected.as_ref()?))) else {
        return Ok(None);
    };
    if config.data.id.is_none() {
        let message = "is joined by the rows' ids, and there are none; name the column of ids as data.id";
        return Err(RunError::setting("fairness.protected", message));
    }
    let dataset = Dataset::open(&protected.path)?;
    let held = dataset.summary().columns;
    let is_held = |column: &String| held.iter().any(|other| other.name == *column);
    let extra = fairness.columns().into_iter().filter(is_held).collect();
    Ok(Some(dataset.select(&Request { id: Some(protected.id.clone()), extra, ..Request::default() })?))
}

/// Checks that ids of both files can be equal.
///
/// # Errors
/// If they are of different types.
pub(super) fn check(protected: &Selection, data: &Selection) -> Result<(), RunError> {
    if protected.id_type() == data.id_type() {
        return Ok(());
    }
    let name = |id_type| if id_type == arrow_schema::DataType::Int64 { "integers" } else { "text" };
    let message = format!("holds {}, but data.id holds {}; convert one", name(protected.id_type()), name(data.id_type()));
    Err(RunError::setting("fairness.protected.id", message))
}

/// Reads the file, where there is one.
///
/// # Errors
/// If it cannot be read, has an id twice, or takes too much memory.
pub(super) fn read(plan: &Plan) -> Result<Option<Lookup>, RunError> {
    let limit = usize::try_from(plan.config.run.memory_limit.0 / SHARE).unwrap_or(usize::MAX);
    Ok(plan.protected.as_ref().map(|protected| plan.pool.install(|| Lookup::read(protected, limit))).transpose()?)
}

/// Gives rows their protected columns and checks them; returns how many rows have no line in the file.
///
/// # Errors
/// If a probability of a group is out of range.
pub(super) fn join(plan: &Plan, protected: Option<&Lookup>, rows: &mut RowBatch) -> Result<u64, RunError> {
    let absent = protected.map_or(Ok(0), |protected| protected.join(rows))?;
    plan.review.as_ref().map_or(Ok(()), |review| review.check(rows))?;
    Ok(absent)
}
