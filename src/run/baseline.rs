//! The comparison with a baseline: which run it is, and what to say where there is none.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::RunError;
use super::manifest::{self, Input};
use super::plan::Plan;
use crate::compare::{self, CompareError};
use crate::table::Table;

/// The run that a run was compared with, for the records: the same for the same baseline.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Baseline {
    /// What became of it.
    pub status: compare::Baseline,
    /// As the config names it.
    path: String,
    /// The run's id: the name of its folder.
    run_id: Option<String>,
    /// SHA-256 of its manifest, which tells the digests of all its files.
    manifest_sha256: Option<String>,
    /// Why it is not compared with.
    message: Option<String>,
}

/// The table, and what it compares with.
pub(super) struct Compared {
    pub table: Table,
    pub baseline: Baseline,
}

/// Compares the run in `folder` with its baseline, where there is to be one.
///
/// # Errors
/// If the run's own records cannot be made.
pub(super) fn compare(plan: &Plan, folder: &Path, inputs: &[Input]) -> Result<Option<Compared>, RunError> {
    let (Some(settings), Some(written)) = (&plan.config.compare, &plan.config.written().compare) else { return Ok(None) };
    let latest = (written.baseline == Path::new("latest")).then(|| plan.output().join("latest"));
    let named = |status, message: Option<String>| Baseline {
        status,
        path: written.baseline.to_string_lossy().into_owned(),
        run_id: None,
        manifest_sha256: None,
        message,
    };
    if latest.as_ref().is_some_and(|latest| latest.symlink_metadata().is_err()) {
        let baseline = named(compare::Baseline::NoBaseline, Some("there is no earlier run to compare with".into()));
        return Ok(Some(Compared { table: compare::without_baseline(baseline.status), baseline }));
    }
    // `latest` may move on while it is looked at.
    let path = latest.as_ref().unwrap_or(&settings.baseline);
    let path = path.canonicalize().unwrap_or_else(|_| path.clone());
    Ok(Some(match compare::compare(&path, folder, &own(plan, inputs)?) {
        Ok(table) => {
            let run_id = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let manifest_sha256 = Some(manifest::digest_of(&path.join("manifest.json"))?);
            Compared { table, baseline: Baseline { run_id, manifest_sha256, ..named(compare::Baseline::Compared, None) } }
        }
        Err(error) => {
            let baseline = named(compare::Baseline::UnusableBaseline, Some(unusable(&error, &written.baseline)));
            Compared { table: compare::without_baseline(baseline.status), baseline }
        }
    }))
}

/// What the run's manifest will say of what it is made of.
fn own(plan: &Plan, inputs: &[Input]) -> Result<Json, RunError> {
    let value = |value: serde_json::Result<Json>| value.map_err(|error| RunError::Internal(error.to_string()));
    Ok(json!({
        "pipeline": env!("CARGO_PKG_VERSION"),
        "inputs": value(serde_json::to_value(inputs))?,
        "schema": value(serde_json::to_value(manifest::Schema::of(&plan.data)))?,
        "config": value(serde_json::to_value(&plan.config))?,
    }))
}

fn unusable(error: &CompareError, name: &Path) -> String {
    format!("the baseline cannot be compared with: {}", error.told(name))
}

impl Baseline {
    /// What the reader must know before trusting the numbers; nothing where there can be no baseline yet.
    pub fn warning(&self) -> Option<String> {
        let message = self.message.as_ref().filter(|_| self.status == compare::Baseline::UnusableBaseline)?;
        Some(format!("compare: {message}"))
    }

    /// In words.
    pub fn text(&self) -> String {
        let run = self.run_id.as_ref().map(|id| format!("run {id}, manifest {}", self.manifest_sha256.as_deref().unwrap_or_default()));
        run.or_else(|| self.message.clone()).unwrap_or_default()
    }
}
