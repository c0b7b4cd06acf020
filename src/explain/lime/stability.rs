//! Stability: the same rows explained with other seeds.
//!
//! Coefficients spread over the seeds, and the sets of chosen features are compared by Jaccard's index `|A ∩ B| / |A ∪ B|`, averaged over all pairs of seeds.

use arrow_array::UInt64Array;
use arrow_select::take::take;

use super::fit::Linear;
use super::perturbed::Perturbed;
use super::{Lime, METHOD, Stability, predict};
use crate::dataset::{FeatureBlock, RowBatch};
use crate::explain::ExplainError;
use crate::numeric::seed;
use crate::table::{self, Table};

/// A line of the table: a feature that some seed chose.
struct Line<'a> {
    /// Its row's place among the rows.
    row: u64,
    output: &'a str,
    feature: &'a str,
    /// Coefficients, the run's own seed first.
    coefficients: Vec<f64>,
    jaccard: f64,
}

/// The table `lime_stability`: a line for each row, output and feature that some seed chose.
pub(super) fn table(lime: &Lime, settings: &Stability, rows: &RowBatch) -> Result<Table, ExplainError> {
    let count = settings.rows.get().min(rows.rows());
    let chosen: Vec<usize> = (0..count).map(|place| place * rows.rows() / count).collect();
    let block = FeatureBlock::from_rows(&chosen.iter().map(|&row| rows.features.row(row)).collect::<Vec<_>>());
    let predictions = predict(&*lime.predictor, &block)?;
    let mut models: Vec<Vec<Vec<Linear>>> = vec![lime.models(&lime.perturbed, &block, &predictions)?];
    for number in 0..settings.seeds.get() as u64 {
        let seed = seed::derive(lime.seed, "lime stability", number);
        let perturbed = Perturbed::draw(&lime.around, &*lime.predictor, lime.settings.samples.get(), seed)?;
        models.push(lime.models(&perturbed, &block, &predictions)?);
    }
    let mut lines = Vec::new();
    for (place, &row) in chosen.iter().enumerate() {
        for (output, name) in lime.schema.outputs.iter().enumerate() {
            let of: Vec<&[f64]> = models.iter().map(|rows| rows[place][output].coefficients.as_slice()).collect();
            let jaccard = jaccard(&of);
            for (feature, label) in lime.schema.features.iter().enumerate() {
                let coefficients: Vec<f64> = of.iter().map(|coefficients| coefficients[feature]).collect();
                if coefficients.iter().any(|coefficient| *coefficient != 0.0) {
                    lines.push(Line { row: row as u64, output: name, feature: label, coefficients, jaccard });
                }
            }
        }
    }
    to_table(&lines, rows)
}

fn to_table(lines: &[Line], rows: &RowBatch) -> Result<Table, ExplainError> {
    let places = UInt64Array::from_iter_values(lines.iter().map(|line| line.row));
    let ids = take(&rows.ids, &places, None).map_err(|error| ExplainError { method: METHOD, message: error.to_string() })?;
    let numbers = |of: &dyn Fn(&[f64]) -> f64| table::numbers(lines.iter().map(|line| of(&line.coefficients)));
    Ok(Table::new(
        "lime_stability",
        vec![
            ("row_id", ids),
            ("output", table::texts(lines.iter().map(|line| line.output))),
            ("feature", table::texts(lines.iter().map(|line| line.feature))),
            ("coefficient", numbers(&|all| all[0])),
            ("mean", numbers(&mean)),
            (
                "std",
                numbers(&|all| {
                    let mean = mean(all);
                    (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (all.len() - 1) as f64).sqrt()
                }),
            ),
            ("low", numbers(&|all| all.iter().copied().fold(f64::INFINITY, f64::min))),
            ("high", numbers(&|all| all.iter().copied().fold(f64::NEG_INFINITY, f64::max))),
            ("chosen", numbers(&|all| all.iter().filter(|x| **x != 0.0).count() as f64 / all.len() as f64)),
            ("jaccard", table::numbers(lines.iter().map(|line| line.jaccard))),
            ("seeds", table::integers(lines.iter().map(|line| line.coefficients.len() as i64))),
        ],
    ))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean over all pairs of seeds; one where both choose nothing.
fn jaccard(seeds: &[&[f64]]) -> f64 {
    let (mut total, mut pairs) = (0.0, 0);
    for (number, a) in seeds.iter().enumerate() {
        for b in &seeds[..number] {
            let count = |is_in: fn(bool, bool) -> bool| a.iter().zip(*b).filter(|(a, b)| is_in(**a != 0.0, **b != 0.0)).count() as f64;
            let (both, either) = (count(|a, b| a && b), count(|a, b| a || b));
            total += if either == 0.0 { 1.0 } else { both / either };
            pairs += 1;
        }
    }
    total / f64::from(pairs.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_chosen_features_are_compared_pair_by_pair() {
        // {0, 1} and {0, 2}: 1 of 3; {0, 1} and {1}: 1 of 2; {0, 2} and {1}: nothing of 3.
        assert!((jaccard(&[&[1.0, 2.0, 0.0], &[-1.0, 0.0, 3.0], &[0.0, 5.0, 0.0]]) - (1.0 / 3.0 + 0.5) / 3.0).abs() < 1e-15);
        assert_eq!(jaccard(&[&[0.0], &[0.0]]), 1.0);
    }
}
