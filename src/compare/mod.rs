//! Comparison of two run folders: importance, distributions, group metrics and inputs.

mod distance;
mod folder;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::numeric::rank::spearman;
use crate::table::{self, Table};
use distance::{bands, categories, change_limits, kolmogorov_smirnov, ndcg, population_stability};
use folder::{Estimate, Folder, Values};

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
    /// The runs explain nothing in common.
    #[error("the runs cannot be compared: {message}")]
    Incompatible {
        /// What either explains.
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
            CompareError::Incompatible { message } => message.clone(),
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
    /// Limits of the change.
    limits: Option<(f64, f64)>,
    status: &'static str,
}

/// Metrics that are not given where there is nothing to compare with.
const WHOLE: [&str; 4] = ["importance_rank_correlation", "importance_ndcg", "prediction_psi", "prediction_ks"];

/// What became of the baseline that a run is to be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// The comparison is made.
    Compared,
    /// `latest`, before the first run: nothing is wrong.
    NoBaseline,
    /// It is not there, is no run, or explains nothing that this run explains.
    UnusableBaseline,
}

impl Baseline {
    /// As in tables.
    pub fn name(self) -> &'static str {
        match self {
            Baseline::Compared => "compared",
            Baseline::NoBaseline => "no_baseline",
            Baseline::UnusableBaseline => "unusable_baseline",
        }
    }
}

/// The comparison of a run with its baseline; `manifest` is the run's own, of which `pipeline`, `inputs`, `schema` and `config` are looked at.
///
/// # Errors
/// If one of the folders is not that of a run, a file in it cannot be read, or the runs have nothing in common.
pub fn compare(baseline: &Path, run: &Path, manifest: &Json) -> Result<Table, CompareError> {
    let (before, after) = (Folder::open(baseline)?, Folder::open(run)?);
    let mut lines = changed(&before.manifest()?, manifest);
    lines.extend(importance(&before, &after)?);
    lines.extend(distributions(&before, &after)?);
    lines.extend(features(&before.values()?, &after.values()?));
    lines.extend(groups(&before, &after)?);
    Ok(table(&lines))
}

/// The table of a run that is compared with nothing.
pub fn without_baseline(why: Baseline) -> Table {
    let line = |metric: &&str| Line { status: why.name(), ..Line::new(metric, ["", "", ""]) };
    table(&WHOLE.iter().map(line).collect::<Vec<_>>())
}

/// The manifest of a run folder.
///
/// # Errors
/// If the folder has no readable manifest.
pub fn manifest(run: &Path) -> Result<Json, CompareError> {
    Folder::open(run)?.manifest()
}

impl Line {
    fn new(metric: &str, [method, output, feature]: [&str; 3]) -> Self {
        let (metric, method, output, feature) = (metric.to_owned(), method.to_owned(), output.to_owned(), feature.to_owned());
        Self { metric, method, output, feature, before: None, after: None, change: None, limits: None, status: "ok" }
    }

    /// A number of both runs; its status says where one of them lacks it.
    fn both(metric: &str, place: [&str; 3], before: Estimate, after: Estimate) -> Self {
        let status = match (before.value, after.value) {
            (Some(before), Some(after)) if (after - before).is_nan() => "undefined",
            (Some(_), Some(_)) => "ok",
            (Some(_), None) => "only_before",
            (None, Some(_)) => "only_after",
            (None, None) => "not_given",
        };
        let limits = |of: Estimate| Some((of.value?, of.low?, of.high?));
        Self {
            before: before.value,
            after: after.value,
            change: before.value.zip(after.value).map(|(before, after)| after - before),
            limits: limits(before).zip(limits(after)).map(|(before, after)| change_limits(before, after)),
            status,
            ..Self::new(metric, place)
        }
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

/// What the runs were made of: whether data, model, background or protected columns are other files, by their digests, columns are others or of other
/// types, settings are others, or the program is another version.
fn changed(before: &Json, after: &Json) -> Vec<Line> {
    let digests = |manifest: &Json, role: &str| -> BTreeSet<String> {
        let plays = |input: &&Json| input["role"] == role || (role == "model" && input["role"] == "command");
        let of_role = manifest["inputs"].as_array().into_iter().flatten().filter(plays);
        of_role.filter_map(|input| input["sha256"].as_str().map(str::to_owned)).collect()
    };
    let line = |name: &str, changed: bool| Line::change(&format!("{name}_changed"), ["", "", ""], f64::from(u8::from(changed)));
    let files = ["data", "model", "background", "protected"].map(|role| line(role, digests(before, role) != digests(after, role)));
    let facts = ["schema", "config", "pipeline"].map(|key| line(key, before[key] != after[key]));
    files.into_iter().chain(facts).collect()
}

fn importance(before: &Folder, after: &Folder) -> Result<Vec<Line>, CompareError> {
    let (before, after) = (before.importance()?, after.importance()?);
    let (mut lines, mut shared, none) = (Vec::new(), false, BTreeMap::new());
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for key in keys {
        let (method, output) = (key.0.as_str(), key.1.as_str());
        let (then, now) = (before.get(key).unwrap_or(&none), after.get(key).unwrap_or(&none));
        let common: Vec<(f64, f64)> = now.iter().filter_map(|(feature, now)| then.get(feature)?.value.zip(now.value)).collect();
        shared |= !common.is_empty();
        let (gains, order): (Vec<f64>, Vec<f64>) = common.iter().copied().unzip();
        lines.push(Line::change(WHOLE[0], [method, output, ""], spearman(&gains, &order).unwrap_or(f64::NAN)));
        lines.push(Line::change(WHOLE[1], [method, output, ""], ndcg(&common)));
        let features: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
        let of = |run: &BTreeMap<String, Estimate>, feature: &String| run.get(feature).copied().unwrap_or_default();
        let line = |feature: &String| Line::both("importance", [method, output, feature], of(then, feature), of(now, feature));
        lines.extend(features.into_iter().map(line));
    }
    if shared || before.is_empty() || after.is_empty() {
        return Ok(lines);
    }
    let told = |run: &folder::Importance| {
        let method = |((method, output), features): (&(String, String), &BTreeMap<String, Estimate>)| {
            format!("{method} of output {output} over {} features", features.len())
        };
        run.iter().map(method).collect::<Vec<_>>().join(", ")
    };
    let message = format!("no feature is common to {} and {}", told(&before), told(&after));
    Err(CompareError::Incompatible { message })
}

fn distributions(before: &Folder, after: &Folder) -> Result<Vec<Line>, CompareError> {
    let (before, after) = (before.distributions()?, after.distributions()?);
    let mut lines = Vec::new();
    for (key, now) in &after {
        let (kind, method, output, feature) = key;
        let place = [method.as_str(), output.as_str(), feature.as_str()];
        match before.get(key) {
            Some(then) => {
                lines.push(Line::change(&format!("{kind}_psi"), place, population_stability(&bands(then, now))));
                lines.push(Line::change(&format!("{kind}_ks"), place, kolmogorov_smirnov(then, now)));
            }
            None => lines.extend(["psi", "ks"].map(|name| Line { status: "only_after", ..Line::new(&format!("{kind}_{name}"), place) })),
        }
    }
    Ok(lines)
}

/// Stability of features' values, missing ones being a band of their own; and the distance of ordered ones.
fn features(before: &BTreeMap<String, Values>, after: &BTreeMap<String, Values>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (feature, now) in after {
        let place = ["", "", feature.as_str()];
        let Some(then) = before.get(feature) else {
            lines.push(Line { status: "only_after", ..Line::new("feature_psi", place) });
            continue;
        };
        let ordered = now.categories.is_empty() && then.categories.is_empty();
        let mut bands = if ordered { bands(&then.numbers, &now.numbers) } else { categories(&then.categories, &now.categories) };
        bands.extend(Some((then.missing, now.missing)).filter(|(then, now)| then + now > 0.0));
        bands.retain(|(then, now)| then + now > 0.0);
        lines.push(Line::change("feature_psi", place, population_stability(&bands)));
        if ordered {
            lines.push(Line::change("feature_ks", place, kolmogorov_smirnov(&then.numbers, &now.numbers)));
        }
    }
    lines
}

/// Group metrics before and after, as `fairness.metric` of `attribute: group`.
fn groups(before: &Folder, after: &Folder) -> Result<Vec<Line>, CompareError> {
    let (before, after) = (before.groups()?, after.groups()?);
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let line = |key: &folder::GroupMetric| {
        let (metric, place) = (format!("fairness.{}", key.2), format!("{}: {}", key.0, key.1));
        let of = |run: &BTreeMap<folder::GroupMetric, Estimate>| run.get(key).copied().unwrap_or_default();
        Line::both(&metric, ["", "", &place], of(&before), of(&after))
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
            ("ci_low", table::optional_numbers(lines.iter().map(|line| Some(line.limits?.0)))),
            ("ci_high", table::optional_numbers(lines.iter().map(|line| Some(line.limits?.1)))),
            ("status", table::texts(lines.iter().map(|line| line.status))),
        ],
    )
}
