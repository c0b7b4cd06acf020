//! Friedman's H statistics (Friedman & Popescu 2008): how much features interact in the model, from partial dependences alone.
//!
//! With F the partial dependence over the whole background, centred over some rows of the data, and sums over these rows:
//!
//! - of a pair, `H²_jk = Σ (F_jk − F_j − F_k)² / Σ F_jk²` (eq. 44);
//! - of a feature with all others, `H²_j = Σ (f − F_j − F_∖j)² / Σ f²` (eq. 45).
//!
//! In margin space for trees with constant leaves, whose partial dependences are exact sums; in the space of the predictions for any other model.
//! The numerator's root mean square is the strength in units of the prediction, which does not grow where both effects vanish.

use std::sync::Arc;

use super::{Line, Settings};
use crate::dataset::FeatureBlock;
use crate::derive::effect::{Dependence, members};
use crate::subject::Subject;
use crate::table::Table;

/// Rows at which effects are compared at most where each takes a prediction of every background row.
const PREDICTED_ROWS: usize = 100;

/// A share of the variance of predictions below which an effect is rounding, and so is its ratio.
const ROUNDING: f64 = 1e-20;

/// The strongest pairs of the chosen features, each of these with all others, and at how many rows they were compared.
///
/// # Errors
/// If the model cannot be evaluated, or the background has no weight.
pub(super) fn lines<'a>(settings: &Settings, subject: &'a Arc<Subject>, earlier: &[Table]) -> Result<(Vec<Line<'a>>, usize), String> {
    let dependence = Dependence::new(subject, true)?;
    let most = if dependence.function().is_some() { usize::MAX } else { PREDICTED_ROWS };
    let numbers = dependence.draw(settings.rows.get().min(most), "h statistic");
    let rows = dependence.rows(&numbers);
    let weights: Vec<f64> = numbers.iter().filter_map(|row| Some(subject.sample.as_ref()?.weight_of(*row))).collect();
    if weights.iter().sum::<f64>().is_nan() || weights.iter().sum::<f64>() <= 0.0 {
        return Ok((Vec::new(), 0));
    }
    let chosen = settings.features.columns(&subject.features, earlier);
    let name = |column: usize| members(&subject.features).find(|member| member.column == column).map_or("", |member| &member.name);
    let mut lines = Vec::new();
    for output in measured(&dependence, subject.outputs.len(), &rows, &weights, &chosen)? {
        let mut left = settings.pairs.get();
        for Measured { output, features: (a, b), squared, strength } in output {
            if b.is_some() && left == 0 {
                continue;
            }
            left -= usize::from(b.is_some());
            lines.push(Line { output, features: (name(a), b.map(name)), shap: None, statistic: Some((squared, strength)) });
        }
    }
    Ok((lines, rows.rows()))
}

/// A pair; a feature with all others where there is no second.
struct Measured {
    output: usize,
    features: (usize, Option<usize>),
    squared: f64,
    strength: f64,
}

/// Of each output all pairs of the chosen features and each with all others, the strongest first.
fn measured(
    dependence: &Dependence,
    outputs: usize,
    rows: &FeatureBlock,
    weights: &[f64],
    chosen: &[usize],
) -> Result<Vec<Vec<Measured>>, String> {
    let (count, features) = (rows.rows(), rows.features());
    let centred = |sets: &[Vec<usize>]| -> Result<Vec<Vec<f64>>, String> {
        Ok(dependence.on_sets(rows, sets)?.chunks_exact(count.max(1)).map(|column| centre(column, weights)).collect())
    };
    let singles = centred(&chosen.iter().map(|feature| vec![*feature]).collect::<Vec<_>>())?;
    let others = centred(&chosen.iter().map(|feature| (0..features).filter(|other| other != feature).collect()).collect::<Vec<_>>())?;
    let whole = centred(&[(0..features).collect()])?;
    let places: Vec<(usize, usize)> = (0..chosen.len()).flat_map(|a| (a + 1..chosen.len()).map(move |b| (a, b))).collect();
    let pairs = centred(&places.iter().map(|(a, b)| vec![chosen[*a], chosen[*b]]).collect::<Vec<_>>())?;
    let of_output = |output: usize| {
        let all = &whole[output];
        let of = |columns: &'_ [Vec<f64>], set: usize| columns[set * outputs + output].clone();
        let of_pair = |(pair, (a, b)): (usize, &(usize, usize))| {
            let (squared, strength) = measure(&of(&pairs, pair), &of(&singles, *a), &of(&singles, *b), all, weights);
            Measured { output, features: (chosen[*a], Some(chosen[*b])), squared, strength }
        };
        let of_feature = |(place, feature): (usize, &usize)| {
            let (squared, strength) = measure(all, &of(&singles, place), &of(&others, place), all, weights);
            Measured { output, features: (*feature, None), squared, strength }
        };
        let mut lines: Vec<Measured> = places.iter().enumerate().map(of_pair).chain(chosen.iter().enumerate().map(of_feature)).collect();
        lines.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        lines
    };
    Ok((0..outputs).map(of_output).collect())
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
