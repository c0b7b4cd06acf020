//! Agreement: how far methods say the same of the rows that both explain.
//!
//! Rows are compared one by one and measures averaged over them: rank correlations and the overlap of the features with the largest attributions, by size
//! (Krishna et al. 2022). Between Shapley values of one space there is an error too, `Σ (a − b)² / Σ b²` over all rows and features, beside the one that standard errors
//! predict, `Σ (se_a² + se_b²) / Σ b²`: where the first is far above the second, it is not for want of samples.

mod rank;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Context, Derivation, DeriveError, Explained};
use crate::attribution::AttributionSchema;
use crate::model::{Link, Output};
use crate::numeric::rank::spearman;
use crate::table::{self, Table};
use rank::{kendall, top};

pub use settings::Settings;

/// Rows that are kept of a method at most; of more, those with the smallest draws, which are the rows of smaller samples.
const ROWS: usize = 2_000;

/// The agreement of every two methods.
pub struct Agreement {
    context: Arc<Context>,
    settings: Settings,
}

/// What a method said of rows, by their draws.
pub type Partial = Vec<BTreeMap<u64, Row>>;

/// A method's attributions of a row and their standard errors, `output · features + feature`.
#[derive(Clone, Debug)]
pub struct Row {
    values: Vec<f64>,
    errors: Option<Vec<f64>>,
}

/// Measures of one pair of methods and output.
#[derive(Clone, Debug, Default, PartialEq)]
struct Measures {
    rows: usize,
    spearman: Mean,
    kendall: Mean,
    overlap: Mean,
    signs: Mean,
    /// Σ (a − b)², Σ b² and Σ (se_a² + se_b²).
    squares: [f64; 3],
}

/// A mean of what is defined.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        self.sum += value.unwrap_or(0.0);
        self.count += usize::from(value.is_some());
    }

    fn value(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl Agreement {
    /// Of the methods that `context` announces.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        Self { context: Arc::clone(context), settings: settings.clone() }
    }

    /// Whether two methods estimate the same numbers: Shapley values in one space.
    fn are_comparable(&self, a: &AttributionSchema, b: &AttributionSchema) -> bool {
        let subject = &self.context.subject;
        let one_space = subject.space == Output::Margin || subject.forest.as_ref().is_none_or(|forest| forest.link == Link::Identity);
        let differ = [a.method, b.method].contains(&"tree_shap") && !one_space;
        a.method != "lime" && b.method != "lime" && !differ
    }

    fn measure(&self, rows: &[(&Row, &Row)], output: usize, features: usize, k: usize) -> Measures {
        let mut found = Measures { rows: rows.len(), ..Measures::default() };
        for (a, b) in rows {
            let of = |values: &'_ Vec<f64>| values[output * features..][..features].to_vec();
            let (x, y) = (of(&a.values), of(&b.values));
            let sizes = |values: &[f64]| values.iter().map(|value| value.abs()).collect::<Vec<_>>();
            let (sizes_x, sizes_y) = (sizes(&x), sizes(&y));
            found.spearman.add(spearman(&sizes_x, &sizes_y));
            found.kendall.add(kendall(&sizes_x, &sizes_y));
            let (top_x, top_y) = (top(&sizes_x, k), top(&sizes_y, k));
            let both = top_x.iter().filter(|place| top_y.contains(place));
            found.overlap.add(Some(both.clone().count() as f64 / k as f64));
            found.signs.add(Some(both.filter(|&&place| x[place] * y[place] > 0.0).count() as f64 / k as f64));
            let squares =
                |errors: &Option<Vec<f64>>| errors.as_ref().map_or(0.0, |errors| of(errors).iter().map(|error| error * error).sum());
            found.squares[0] += x.iter().zip(&y).map(|(x, y)| (x - y).powi(2)).sum::<f64>();
            found.squares[1] += y.iter().map(|y| y * y).sum::<f64>();
            found.squares[2] += squares(&a.errors) + squares(&b.errors);
        }
        found
    }
}

impl Derivation for Agreement {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "agreement"
    }

    fn start(&self) -> Partial {
        vec![BTreeMap::new(); self.context.methods.len()]
    }

    fn compares(&self) -> bool {
        true
    }

    fn compare(&self, partial: &mut Partial, chunk: Explained<'_>, draws: &[u64]) {
        let Some(mine) = partial.get_mut(chunk.method) else { return };
        let batch = chunk.attributions;
        for (row, draw) in draws.iter().enumerate() {
            let of = |values: &Vec<f64>| values.iter().skip(row).step_by(batch.rows).copied().collect::<Vec<_>>();
            mine.insert(*draw, Row { values: of(&batch.values), errors: batch.standard_errors.as_ref().map(of) });
        }
        shrink(mine);
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        for (earlier, later) in earlier.iter_mut().zip(later) {
            earlier.extend(later);
            shrink(earlier);
        }
    }

    /// One table, a line for each two methods and output, the later method first; no table where there are no two methods.
    fn finish(&self, partial: Partial, _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let methods = &self.context.methods;
        let mut lines: Vec<(&str, &str, &str, Measures, bool)> = Vec::new();
        let k = |features: usize| self.settings.top.get().min(features.div_ceil(2));
        for (later, a) in methods.iter().enumerate() {
            for (earlier, b) in methods[..later].iter().enumerate() {
                let rows: Vec<(&Row, &Row)> =
                    partial[later].iter().filter_map(|(key, row)| Some((row, partial[earlier].get(key)?))).collect();
                for (output, name) in a.outputs.iter().enumerate() {
                    let measures = self.measure(&rows, output, a.features.len(), k(a.features.len()));
                    lines.push((a.method, b.method, name, measures, self.are_comparable(a, b)));
                }
            }
        }
        if lines.is_empty() {
            return Ok(Vec::new());
        }
        let k = methods.first().map_or(0, |schema| k(schema.features.len()));
        let share = |(_, _, _, measures, comparable): &(&str, &str, &str, Measures, bool), of: usize| {
            (*comparable && measures.squares[1] > 0.0).then(|| measures.squares[of] / measures.squares[1])
        };
        Ok(vec![Table::new(
            "agreement",
            vec![
                ("method_a", table::texts(lines.iter().map(|line| line.0))),
                ("method_b", table::texts(lines.iter().map(|line| line.1))),
                ("output", table::texts(lines.iter().map(|line| line.2))),
                ("rows", table::integers(lines.iter().map(|line| line.3.rows as i64))),
                ("spearman", table::optional_numbers(lines.iter().map(|line| line.3.spearman.value()))),
                ("kendall", table::optional_numbers(lines.iter().map(|line| line.3.kendall.value()))),
                ("top_k", table::integers(lines.iter().map(|_| k as i64))),
                ("top_k_overlap", table::optional_numbers(lines.iter().map(|line| line.3.overlap.value()))),
                ("sign_agreement", table::optional_numbers(lines.iter().map(|line| line.3.signs.value()))),
                ("normalised_error", table::optional_numbers(lines.iter().map(|line| share(line, 0)))),
                ("expected_error", table::optional_numbers(lines.iter().map(|line| share(line, 2)))),
            ],
        )])
    }
}

/// Keeps the rows with the smallest draws.
fn shrink(rows: &mut BTreeMap<u64, Row>) {
    while rows.len() > ROWS {
        rows.pop_last();
    }
}
