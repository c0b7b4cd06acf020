//! The proxy check: how well the attributions tell a group from its reference, and which features give it away.

use rayon::prelude::*;

use super::logistic::{Logistic, Observation};
use super::{About, SampledRow, Status};
use crate::derive::fairness::intervals::quantile;
use crate::derive::fairness::permutation::TwoGroups;
use crate::derive::fairness::{OK, lacking, roc};
use crate::numeric::moments::Moments;
use crate::numeric::seed;
use crate::numeric::value_counts::ValueCounts;
use crate::table::{self, Table};

/// Parts that the sample is cut into; each is scored by a model fitted to the others.
const FOLDS: usize = 5;

/// Features that the model sees at most: those whose attributions vary most.
const FEATURES: usize = 100;

/// One line of the table.
pub(super) struct Line<'a> {
    about: About<'a>,
    feature: Option<&'a str>,
    metric: &'static str,
    /// The number and its interval, where there are rows enough.
    numbers: Option<(f64, Option<(f64, f64)>)>,
    /// Rows of the group and of its reference in the sample.
    rows: f64,
}

/// How well membership of the first group can be told.
struct Membership {
    /// Cross-fitted AUC of all features, and its standard error.
    auc: (f64, f64),
    /// Each feature's own AUC with its standard error, and its coefficient beside the others.
    features: Vec<((f64, f64), f64)>,
}

/// The lines of a group beside its reference, from a sample's rows of both.
pub(super) fn lines<'a>(
    about: &About<'a>,
    features: &'a [String],
    rows: &TwoGroups,
    (least, level, seed): (u64, f64, u64),
) -> Vec<Line<'a>> {
    let counts = [0, 1].map(|side| rows.shares.iter().map(|shares| shares[side]).sum::<f64>());
    let enough = counts.iter().all(|count| *count >= least as f64);
    let purpose = format!("proxy {} {} {}", about.method, about.attribute, about.group);
    let found = if enough { membership(rows, seed, &purpose) } else { None };
    let z = quantile(level);
    let limits = |(value, error): (f64, f64)| (value, Some(((value - z * error).max(0.0), (value + z * error).min(1.0))));
    let line = |feature, metric, numbers: Option<(f64, Option<(f64, f64)>)>| {
        let finite = numbers.filter(|(value, _)| value.is_finite());
        Line { about: about.clone(), feature, metric, numbers: finite, rows: counts[0] + counts[1] }
    };
    let all = line(None, "membership_auc", found.as_ref().map(|found| limits(found.auc)));
    let of_feature = |(place, feature): (usize, &'a String)| {
        let numbers = found.as_ref().map(|found| found.features[place]);
        let auc = line(Some(feature.as_str()), "feature_auc", numbers.map(|(auc, _)| limits(auc)));
        [auc, line(Some(feature.as_str()), "coefficient", numbers.map(|(_, coefficient)| (coefficient, None)))]
    };
    std::iter::once(all).chain(features.iter().enumerate().flat_map(of_feature)).collect()
}

/// The sample's rows of two groups.
pub(super) fn two_groups(sample: &[SampledRow], attribute: usize, about: &About<'_>) -> TwoGroups {
    let mut rows = TwoGroups::default();
    for row in sample.iter().filter(|row| about.label.is_none_or(|label| row.label == Some(label as f64))) {
        let share = |wanted| row.groups[attribute].iter().filter(|(group, _)| group == wanted).map(|(_, share)| share).sum::<f64>();
        let shares = [share(about.group), share(about.reference)];
        if shares != [0.0; 2] {
            rows.values.push(row.values[..row.values.len() - 1].to_vec());
            rows.weights.push(row.weight);
            rows.shares.push(shares);
        }
    }
    rows
}

/// AUC of ridge-logistic scores of rows that the model has not seen, averaged over folds, with the folds' DeLong variances added up (as LeDell,
/// Petersen & van der Laan 2015); single features and coefficients on all rows.
fn membership(rows: &TwoGroups, seed: u64, purpose: &str) -> Option<Membership> {
    let columns = rows.values.first()?.len();
    let kept = widest(rows, columns);
    let values: Vec<Vec<f64>> = rows.values.iter().map(|values| kept.iter().map(|&column| values[column]).collect()).collect();
    let weights: Vec<[f64; 2]> = rows.shares.iter().zip(&rows.weights).map(|(shares, weight)| shares.map(|share| share * weight)).collect();
    let folds = folds(rows, seed, purpose);
    let observations: Vec<Observation> = values.iter().zip(&weights).map(|(x, w)| (x.as_slice(), *w)).collect();
    let of_fold = |fold: usize| {
        let (held, seen): (Vec<_>, Vec<_>) = observations.iter().zip(&folds).partition(|(_, of)| **of == fold);
        let model = Logistic::fit(&seen.into_iter().map(|(row, _)| *row).collect::<Vec<_>>())?;
        Some(separation(held.into_iter().map(|((x, w), _)| (model.score(x), *w))))
    };
    let by_fold: Option<Vec<(f64, f64)>> = (0..FOLDS).into_par_iter().map(of_fold).collect();
    let by_fold = by_fold?;
    let mean = by_fold.iter().map(|(auc, _)| auc).sum::<f64>() / FOLDS as f64;
    let error = by_fold.iter().map(|(_, error)| error * error).sum::<f64>().sqrt() / FOLDS as f64;
    let whole = Logistic::fit(&observations)?;
    let feature = |column: usize| {
        let alone = separation(rows.values.iter().zip(&weights).map(|(x, w)| (x[column], *w)));
        (alone, kept.iter().position(|kept| *kept == column).map_or(0.0, |place| whole.coefficients[place]))
    };
    Some(Membership { auc: (mean, error), features: (0..columns).into_par_iter().map(feature).collect() })
}

/// The columns of most variance, in their order.
fn widest(rows: &TwoGroups, columns: usize) -> Vec<usize> {
    let spread = |column: usize| Moments::of(&rows.values.iter().map(|x| x[column]).collect::<Vec<_>>(), &rows.weights).deviations;
    let mut kept: Vec<(f64, usize)> = (0..columns).map(|column| (spread(column), column)).collect();
    kept.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut kept: Vec<usize> = kept.into_iter().take(FEATURES).map(|(_, column)| column).collect();
    kept.sort_unstable();
    kept
}

/// Each row's fold: rows are shuffled within those that are more in the first group and those that are not, then dealt out.
fn folds(rows: &TwoGroups, seed: u64, purpose: &str) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.shares.len()).collect();
    order.sort_by_cached_key(|&row| (rows.shares[row][0] > rows.shares[row][1], seed::derive(seed, purpose, row as u64)));
    let mut folds = vec![0; order.len()];
    order.into_iter().enumerate().for_each(|(place, row)| folds[row] = place % FOLDS);
    folds
}

/// AUC of scores for the first class, and its standard error.
fn separation(scores: impl Iterator<Item = (f64, [f64; 2])>) -> (f64, f64) {
    let mut counts = [ValueCounts::default(), ValueCounts::default()];
    let mut sums = [[0.0; 2]; 2];
    for (score, weights) in scores {
        for (side, weight) in weights.into_iter().enumerate().filter(|(_, weight)| *weight > 0.0) {
            counts[side].add(score, weight);
            sums[side][0] += weight;
            sums[side][1] += weight * weight;
        }
    }
    let effective = sums.map(|[weight, squares]| weight * weight / squares);
    roc::auc(&counts[1], &counts[0], [effective[1], effective[0]])
}

/// The table.
pub(super) fn table(output: &str, level: f64, lines: &[Line<'_>]) -> Table {
    let text = |text: for<'l> fn(&'l Line<'_>) -> &'l str| table::texts(lines.iter().map(text));
    let limit = |of: fn((f64, f64)) -> f64| table::optional_numbers(lines.iter().map(|line| line.numbers?.1.map(of)));
    let status: Status<Line> = |line| if line.numbers.is_some() { OK } else { lacking(line.about.group) };
    Table::new(
        "fairness_proxy",
        vec![
            ("method", text(|line| line.about.method)),
            ("output", table::texts(lines.iter().map(|_| output))),
            ("attribute", text(|line| line.about.attribute)),
            ("group", table::texts(lines.iter().map(|line| line.about.group.to_string()))),
            ("reference", table::texts(lines.iter().map(|line| line.about.reference.to_string()))),
            ("feature", table::optional_texts(lines.iter().map(|line| line.feature))),
            ("metric", text(|line| line.metric)),
            ("value", table::optional_numbers(lines.iter().map(|line| line.numbers.map(|numbers| numbers.0)))),
            ("ci_low", limit(|interval| interval.0)),
            ("ci_high", limit(|interval| interval.1)),
            ("rows", table::integers(lines.iter().map(|line| line.rows.round() as i64))),
            ("level", table::numbers(lines.iter().map(|_| level))),
            ("status", table::texts(lines.iter().map(status))),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(row: u64, column: u64) -> f64 {
        (seed::derive(3, "noise", row * 16 + column) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn groups(rows: u64, shift: f64) -> TwoGroups {
        let first = |row: u64| row.is_multiple_of(3);
        TwoGroups {
            values: (0..rows).map(|row| vec![noise(row, 0), noise(row, 1) + if first(row) { shift } else { 0.0 }, 5.0]).collect(),
            weights: vec![1.0; rows as usize],
            shares: (0..rows).map(|row| if first(row) { [1.0, 0.0] } else { [0.0, 1.0] }).collect(),
        }
    }

    #[test]
    fn what_cannot_be_told_has_an_area_of_a_half_and_what_can_has_one() {
        let none = membership(&groups(3000, 0.0), 1, "test").unwrap();
        assert!((none.auc.0 - 0.5).abs() < 4.0 * none.auc.1, "{:?}", none.auc);
        // DeLong's standard error of an AUC of ½ is about √((n + m + 1) / 12nm); five folds' mean is as wide as one sample's.
        assert!((none.auc.1 / (3001.0 / (12.0 * 1000.0 * 2000.0_f64)).sqrt() - 1.0).abs() < 0.05);
        let all = membership(&groups(3000, 2.0), 1, "test").unwrap();
        assert_eq!((all.auc.0, all.features[1].0.0), (1.0, 1.0));
        // A uniform variable shifted by a half: P(U + ½ > V) = 7/8; coefficients point to the feature.
        let some = membership(&groups(6000, 0.5), 1, "test").unwrap();
        assert!((some.auc.0 - 0.875).abs() < 4.0 * some.auc.1, "{:?}", some.auc);
        assert!((some.features[1].0.0 - 0.875).abs() < 4.0 * some.features[1].0.1);
        assert!(some.features[1].1 > 10.0 * some.features[0].1.abs() && some.features[2].1 == 0.0 && some.features[2].0.0 == 0.5);
    }
}
