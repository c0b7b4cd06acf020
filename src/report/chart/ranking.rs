//! The importance table as charts need it: one ranking of features for each method and output.

use arrow_array::Array;

use super::output::OUTPUTS;
use crate::report::number::short;
use crate::table::Table;

/// Features of one method and output, the most important first.
#[derive(Debug)]
pub(super) struct Ranking<'a> {
    pub method: &'a str,
    /// The output's name and place, where there are several.
    pub output: Option<(&'a str, usize)>,
    /// How many outputs there are.
    pub outputs: usize,
    pub features: Vec<Ranked<'a>>,
    pub rows: i64,
    pub level: Option<f64>,
}

/// A feature's importance.
#[derive(Debug)]
pub(super) struct Ranked<'a> {
    pub feature: &'a str,
    pub mean_abs: f64,
    /// Interval, if there is one.
    pub interval: Option<(f64, f64)>,
}

/// The rankings that are drawn, in the table's order.
pub(super) fn rankings(importance: &Table) -> Vec<Ranking<'_>> {
    let (methods, outputs) = (importance.texts("method"), importance.texts("output"));
    let mut all: Vec<Ranking> = Vec::new();
    for row in 0..importance.len() {
        let (method, output) = (methods.value(row), outputs.value(row));
        if all.last().is_none_or(|last| last.method != method || last.output.is_none_or(|(name, _)| name != output)) {
            let place = all.iter().filter(|ranking| ranking.method == method).count();
            let levels = importance.numbers("level");
            all.push(Ranking {
                method,
                output: Some((output, place)),
                outputs: 0,
                features: Vec::new(),
                rows: importance.integers("rows").value(row),
                level: levels.is_valid(row).then(|| levels.value(row)),
            });
        }
        let (low, high) = (importance.numbers("ci_low"), importance.numbers("ci_high"));
        let ranked = Ranked {
            feature: importance.texts("feature").value(row),
            mean_abs: importance.numbers("mean_abs").value(row),
            interval: (low.is_valid(row) && high.is_valid(row)).then(|| (low.value(row), high.value(row))),
        };
        all.last_mut().into_iter().for_each(|last| last.features.push(Ranked { ..ranked }));
    }
    limited(all)
}

fn limited(all: Vec<Ranking<'_>>) -> Vec<Ranking<'_>> {
    let totals: Vec<(&str, f64)> = all.iter().map(|ranking| (ranking.method, ranking.total())).collect();
    let count = |method: &str| totals.iter().filter(|(other, _)| *other == method).count();
    let is_drawn = |(place, ranking): &(usize, Ranking)| {
        let ahead = |(other, (method, total)): (usize, &(&str, f64))| {
            *method == ranking.method && (*total > totals[*place].1 || *total == totals[*place].1 && other < *place)
        };
        totals.iter().enumerate().filter(|entry| ahead(*entry)).count() < OUTPUTS
    };
    let drawn = all.into_iter().enumerate().filter(is_drawn).map(|(_, ranking)| ranking);
    drawn
        .map(|ranking| {
            let outputs = count(ranking.method);
            Ranking { outputs, output: ranking.output.filter(|_| outputs > 1), ..ranking }
        })
        .collect()
}

impl Ranking<'_> {
    fn total(&self) -> f64 {
        self.features.iter().map(|ranked| ranked.mean_abs).sum()
    }

    /// `chart-method`, with the output's place where there are several.
    pub fn stem(&self, chart: &str) -> String {
        match self.output {
            Some((_, place)) => format!("{chart}-{}-{place}", self.method),
            None => format!("{chart}-{}", self.method),
        }
    }

    /// `, output NAME` where there are several.
    pub fn of_output(&self) -> String {
        self.output.map(|(name, _)| format!(", output {name}")).unwrap_or_default()
    }

    /// What part of the features and outputs is drawn, where it is not all.
    pub fn part(&self, top_features: usize) -> Vec<String> {
        let mut parts = Vec::new();
        if self.features.len() > top_features {
            let shown: f64 = self.features.iter().take(top_features).map(|ranked| ranked.mean_abs).sum();
            let share = short(100.0 * shown / self.total());
            parts.push(format!("the top {top_features} of {} features, {share} % of the total", self.features.len()));
        }
        if self.outputs > OUTPUTS {
            parts.push(format!("figures show {OUTPUTS} of {} outputs, those with the largest total", self.outputs));
        }
        parts
    }

    /// The method's name in the field.
    pub fn method_title(&self) -> &str {
        method_title(self.method)
    }

    /// What an attribution of this method is called.
    pub fn quantity(&self) -> &'static str {
        if self.method == "lime" { "LIME weight" } else { "SHAP value" }
    }
}

/// A method's name in the field.
pub(super) fn method_title(method: &str) -> &str {
    match method {
        "tree_shap" => "TreeSHAP",
        "kernel_shap" => "KernelSHAP",
        "permutation" => "permutation SHAP",
        "lime" => "LIME",
        other => other,
    }
}
