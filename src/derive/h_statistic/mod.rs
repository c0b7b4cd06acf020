//! Friedman's H statistics (Friedman & Popescu 2008): how much features interact in the model, from partial dependences alone.

mod settings;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::Array;

use super::effect::{Dependence, members};
use super::{Context, Derivation, DeriveError};
use crate::dataset::FeatureBlock;
use crate::pattern::ValueFunction;
use crate::table::{self, Table};

pub use settings::Settings;

/// With F the partial dependence over the whole background, centred over some rows of the data, and sums over these rows:
///
/// - of a pair, `H²_jk = Σ (F_jk − F_j − F_k)² / Σ F_jk²` (eq. 44);
/// - of a feature with all others, `H²_j = Σ (f − F_j − F_∖j)² / Σ f²` (eq. 45).
///
/// In margin space. The numerator's root mean square is the strength in units of the prediction, which does not grow where both effects vanish.
pub struct HStatistic {
    settings: Settings,
    context: Arc<Context>,
}

/// Sets that are evaluated at a time: what is kept of each leaf grows with them.
const SETS: usize = 32;

/// A share of the variance of predictions below which an effect is rounding, and so is its ratio.
const ROUNDING: f64 = 1e-20;

/// A measured pair; of a feature with all others where there is no second.
struct Line {
    output: usize,
    features: (usize, Option<usize>),
    squared: f64,
    strength: f64,
}

impl HStatistic {
    /// Of the subject's trees.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        Self { settings: settings.clone(), context: Arc::clone(context) }
    }

    fn table(&self, earlier: &[Table]) -> Result<Table, String> {
        let subject = &self.context.subject;
        let dependence = Dependence::new(subject)?;
        let function = dependence.function().ok_or("the model is not made of trees with constant leaves")?;
        let numbers = dependence.draw(self.settings.rows.get(), "h statistic");
        let rows = dependence.rows(&numbers);
        let weights: Vec<f64> = numbers.iter().filter_map(|row| Some(subject.sample.as_ref()?.weight_of(*row))).collect();
        let chosen = self.settings.features.columns(&subject.features, earlier);
        let mut lines = if weights.iter().sum::<f64>() > 0.0 { lines(function, &rows, &weights, &chosen) } else { Vec::new() };
        lines.sort_by(|a, b| {
            (a.output, a.features.1.is_none()).cmp(&(b.output, b.features.1.is_none())).then(b.strength.total_cmp(&a.strength))
        });
        let mut ranks: Vec<i64> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let goes_on = at
                .checked_sub(1)
                .map(|before| &lines[before])
                .is_some_and(|before| before.output == line.output && before.features.1.is_none() == line.features.1.is_none());
            ranks.push(if goes_on { ranks[at - 1] + 1 } else { 1 });
        }
        let name = |column: usize| members(&subject.features).find(|member| member.column == column).map(|member| member.name.as_str());
        Ok(Table::new(
            "h_statistic",
            vec![
                ("output", table::texts(lines.iter().map(|line| &subject.outputs[line.output]))),
                ("feature_a", table::optional_texts(lines.iter().map(|line| name(line.features.0)))),
                ("feature_b", table::optional_texts(lines.iter().map(|line| line.features.1.and_then(name)))),
                ("h_statistic", table::numbers(lines.iter().map(|line| line.squared.sqrt()))),
                ("h_squared", table::numbers(lines.iter().map(|line| line.squared))),
                ("strength", table::numbers(lines.iter().map(|line| line.strength))),
                ("rank", table::integers(ranks)),
                ("rows", table::integers(lines.iter().map(|_| rows.rows() as i64))),
            ],
        ))
    }
}

/// The statistics of pairs by output and features, where they were measured before.
pub(super) fn by_pair(earlier: &[Table]) -> HashMap<(&str, &str, &str), f64> {
    let Some(table) = earlier.iter().find(|table| table.name == "h_statistic") else { return HashMap::new() };
    let [outputs, first, second] = ["output", "feature_a", "feature_b"].map(|column| table.texts(column));
    let pairs = (0..table.len()).filter(|row| second.is_valid(*row));
    pairs.map(|row| ((outputs.value(row), first.value(row), second.value(row)), table.numbers("h_statistic").value(row))).collect()
}

impl Derivation for HStatistic {
    type Partial = ();

    fn name(&self) -> &'static str {
        "h_statistic"
    }

    fn start(&self) {}

    fn merge(&self, _earlier: &mut (), _later: ()) {}

    fn finish(&self, _partial: (), earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let table = self.table(earlier).map_err(|message| DeriveError { derivation: "h_statistic", message })?;
        Ok(vec![table])
    }
}

/// All pairs of the chosen features, and each with all others.
fn lines(function: &ValueFunction, rows: &FeatureBlock, weights: &[f64], chosen: &[usize]) -> Vec<Line> {
    let (outputs, count, features) = (function.forest().outputs.len(), rows.rows(), rows.features());
    let centred = |sets: &[Vec<usize>]| -> Vec<Vec<f64>> {
        let columns = sets.chunks(SETS).flat_map(|sets| function.partial_dependence(rows, sets));
        columns.collect::<Vec<f64>>().chunks_exact(count.max(1)).map(|column| centre(column, weights)).collect()
    };
    let singles = centred(&chosen.iter().map(|feature| vec![*feature]).collect::<Vec<_>>());
    let others = centred(&chosen.iter().map(|feature| (0..features).filter(|other| other != feature).collect()).collect::<Vec<_>>());
    let whole = centred(&[(0..features).collect()]);
    let places: Vec<(usize, usize)> = (0..chosen.len()).flat_map(|a| (a + 1..chosen.len()).map(move |b| (a, b))).collect();
    let pairs = centred(&places.iter().map(|(a, b)| vec![chosen[*a], chosen[*b]]).collect::<Vec<_>>());
    let mut lines = Vec::new();
    for output in 0..outputs {
        let of = |columns: &'_ [Vec<f64>], set: usize| columns[set * outputs + output].clone();
        let all = of(&whole, 0);
        for (pair, (a, b)) in places.iter().enumerate() {
            let (squared, strength) = measure(&of(&pairs, pair), &of(&singles, *a), &of(&singles, *b), &all, weights);
            lines.push(Line { output, features: (chosen[*a], Some(chosen[*b])), squared, strength });
        }
        for (place, feature) in chosen.iter().enumerate() {
            let (squared, strength) = measure(&all, &of(&singles, place), &of(&others, place), &all, weights);
            lines.push(Line { output, features: (*feature, None), squared, strength });
        }
    }
    lines
}

/// Values minus their weighted mean.
fn centre(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mean = values.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f64>() / weights.iter().sum::<f64>();
    values.iter().map(|value| value - mean).collect()
}

/// H² of a joint effect and its two parts, zero where the joint effect is rounding beside `all`; and the numerator's root mean square.
fn measure(joint: &[f64], one: &[f64], other: &[f64], all: &[f64], weights: &[f64]) -> (f64, f64) {
    let (mut numerator, mut denominator, mut total) = (0.0, 0.0, 0.0);
    for (row, weight) in weights.iter().enumerate() {
        numerator += weight * (joint[row] - one[row] - other[row]).powi(2);
        denominator += weight * joint[row].powi(2);
        total += weight * all[row].powi(2);
    }
    let known = denominator > ROUNDING * total && denominator > 0.0;
    (if known { numerator / denominator } else { 0.0 }, (numerator / weights.iter().sum::<f64>()).sqrt())
}
