//! Comparison of two run folders: importance, distributions, group metrics and inputs.

mod distance;
mod folder;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::table::{self, Table};
use distance::{kolmogorov_smirnov, ndcg, population_stability, rank_correlation};
use folder::Folder;

/// Comparison with an earlier run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// `latest` for the newest run in the same output folder, or a run folder.
    #[schemars(extend("format" = "output-path"))]
    pub baseline: PathBuf,
}

/// Why a run folder cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// It is not one.
    #[error("{}: is not the folder of a run: {message}", path.display())]
    NotARun {
        /// The folder.
        path: PathBuf,
        /// What is missing or unreadable.
        message: String,
    },
    /// A file in it cannot be read.
    #[error("{}: cannot be read: {message}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

impl CompareError {
    /// What is wrong with a baseline, by the name that the config gives it.
    pub fn told(&self, name: &Path) -> String {
        match self {
            CompareError::NotARun { message, .. } => format!("{} is not the folder of a run: {message}", name.display()),
            CompareError::Unreadable { path, message } => {
                let file = path.file_name().unwrap_or_default().to_string_lossy();
                format!("{file} of {} cannot be read: {message}", name.display())
            }
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
struct Line {
    metric: String,
    method: String,
    output: String,
    feature: String,
    before: Option<f64>,
    after: Option<f64>,
    change: Option<f64>,
    status: &'static str,
}

/// Metrics that are not given where there is nothing to compare with.
const WHOLE: [&str; 4] = ["importance_rank_correlation", "importance_ndcg", "prediction_psi", "prediction_ks"];

/// The comparison of a run with its baseline; `inputs` are the run's own, as its manifest lists them.
///
/// # Errors
/// If one of the folders is not that of a run, or a file in it cannot be read.
pub fn compare(baseline: &Path, run: &Path, inputs: &Json) -> Result<Table, CompareError> {
    let (before, after) = (Folder::open(baseline)?, Folder::open(run)?);
    let manifest = before.manifest()?;
    let mut lines = changed_inputs(manifest.get("inputs").unwrap_or(&Json::Null), inputs);
    lines.extend(importance(&before, &after)?);
    lines.extend(distributions(&before, &after)?);
    lines.extend(groups(&before, &after)?);
    Ok(table(&lines))
}

/// The table of a run whose baseline is not there, or is no run.
pub fn without_baseline() -> Table {
    let line = |metric: &&str| Line { status: "no_baseline", ..Line::new(metric, ["", "", ""]) };
    table(&WHOLE.iter().map(line).collect::<Vec<_>>())
}

/// The inputs of a run folder, as its manifest lists them.
///
/// # Errors
/// If the folder has no readable manifest.
pub fn inputs(run: &Path) -> Result<Json, CompareError> {
    Ok(Folder::open(run)?.manifest()?.get("inputs").cloned().unwrap_or_default())
}

impl Line {
    fn new(metric: &str, [method, output, feature]: [&str; 3]) -> Self {
        let (metric, method, output, feature) = (metric.to_owned(), method.to_owned(), output.to_owned(), feature.to_owned());
        Self { metric, method, output, feature, before: None, after: None, change: None, status: "ok" }
    }

    /// A number of both runs; its status says where one of them lacks it.
    fn both(metric: &str, place: [&str; 3], before: Option<f64>, after: Option<f64>) -> Self {
        let status = match (before, after) {
            (Some(_), Some(_)) => "ok",
            (Some(_), None) => "only_before",
            (None, Some(_)) => "only_after",
            (None, None) => "not_given",
        };
        Self { before, after, change: before.zip(after).map(|(before, after)| after - before), status, ..Self::new(metric, place) }
    }

    /// A number that is about the change itself.
    fn change(metric: &str, place: [&str; 3], change: f64) -> Self {
        Self {
            change: Some(change).filter(|x| x.is_finite()),
            status: if change.is_finite() { "ok" } else { "undefined" },
            ..Self::new(metric, place)
        }
    }
}

/// Whether data, background or model are other files, by their digests.
fn changed_inputs(before: &Json, after: &Json) -> Vec<Line> {
    let digests = |inputs: &Json, role: &str| -> BTreeSet<String> {
        let of_role = inputs.as_array().into_iter().flatten().filter(|input| input["role"] == role);
        of_role.filter_map(|input| input["sha256"].as_str().map(str::to_owned)).collect()
    };
    let line = |role: &&str| {
        let changed = digests(before, role) != digests(after, role);
        Line::change(&format!("{role}_changed"), ["", "", ""], f64::from(u8::from(changed)))
    };
    ["data", "model", "background"].iter().map(line).collect()
}

fn importance(before: &Folder, after: &Folder) -> Result<Vec<Line>, CompareError> {
    let (before, after) = (before.importance()?, after.importance()?);
    let mut lines = Vec::new();
    for ((method, output), now) in &after {
        let none = BTreeMap::new();
        let then = before.get(&(method.clone(), output.clone())).unwrap_or(&none);
        let common: Vec<(f64, f64)> = now.iter().filter_map(|(feature, now)| Some((*then.get(feature)?, *now))).collect();
        lines.push(Line::change(WHOLE[0], [method, output, ""], rank_correlation(&common)));
        lines.push(Line::change(WHOLE[1], [method, output, ""], ndcg(&common)));
        let features: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let of =
            |feature: &String| Line::both("importance", [method, output, feature], then.get(feature).copied(), now.get(feature).copied());
        lines.extend(features.into_iter().map(of));
    }
    Ok(lines)
}

fn distributions(before: &Folder, after: &Folder) -> Result<Vec<Line>, CompareError> {
    let (before, after) = (before.distributions()?, after.distributions()?);
    let mut lines = Vec::new();
    for ((kind, method, output, feature), now) in &after {
        let key = (*kind, method.clone(), output.clone(), feature.clone());
        let place = [method.as_str(), output.as_str(), feature.as_str()];
        match before.get(&key) {
            Some(then) => {
                lines.push(Line::change(&format!("{kind}_psi"), place, population_stability(then, now)));
                lines.push(Line::change(&format!("{kind}_ks"), place, kolmogorov_smirnov(then, now)));
            }
            None => lines.extend(["psi", "ks"].map(|name| Line { status: "only_after", ..Line::new(&format!("{kind}_{name}"), place) })),
        }
    }
    Ok(lines)
}

/// Group metrics before and after, as `fairness.metric` of `attribute: group`.
fn groups(before: &Folder, after: &Folder) -> Result<Vec<Line>, CompareError> {
    let (before, after) = (before.groups()?, after.groups()?);
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let value = |run: &BTreeMap<folder::GroupMetric, Option<f64>>, key: &folder::GroupMetric| run.get(key).copied().flatten();
    let line = |key: &folder::GroupMetric| {
        let (metric, place) = (format!("fairness.{}", key.2), format!("{}: {}", key.0, key.1));
        Line::both(&metric, ["", "", &place], value(&before, key), value(&after, key))
    };
    Ok(keys.into_iter().map(line).collect())
}

fn table(lines: &[Line]) -> Table {
    Table::new(
        "compare",
        vec![
            ("metric", table::texts(lines.iter().map(|line| &line.metric))),
            ("method", table::texts(lines.iter().map(|line| &line.method))),
            ("output", table::texts(lines.iter().map(|line| &line.output))),
            ("feature", table::texts(lines.iter().map(|line| &line.feature))),
            ("before", table::optional_numbers(lines.iter().map(|line| line.before))),
            ("after", table::optional_numbers(lines.iter().map(|line| line.after))),
            ("change", table::optional_numbers(lines.iter().map(|line| line.change))),
            ("status", table::texts(lines.iter().map(|line| line.status))),
        ],
    )
}
