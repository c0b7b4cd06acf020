//! How far apart two rankings or two distributions are.

use std::collections::BTreeMap;

use crate::numeric::value_counts::ValueCounts;

/// Share of the baseline below which a category has no band of its own.
const RARE: f64 = 0.01;

/// Bands of equal weight in the baseline that the stability index compares.
const BANDS: f64 = 10.0;

/// Normalised discounted cumulative gain of ordering by `after`, `before` being the gains (Järvelin & Kekäläinen 2002, log base 2): one where the
/// order is the same.
pub(super) fn ndcg(pairs: &[(f64, f64)]) -> f64 {
    let gain = |mut pairs: Vec<(f64, f64)>| {
        // Of equals the one of less gain comes first, so that ties do not flatter.
        pairs.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.total_cmp(&b.0)));
        pairs.iter().zip(2_u32..).map(|((gain, _), place)| gain / f64::from(place).log2()).sum::<f64>()
    };
    gain(pairs.to_vec()) / gain(pairs.iter().map(|pair| (pair.0, pair.0)).collect())
}

/// Kolmogorov–Smirnov distance: the largest difference of the distribution functions.
pub(super) fn kolmogorov_smirnov(before: &ValueCounts, after: &ValueCounts) -> f64 {
    let pairs = before.paired(after);
    let total = totals(&pairs);
    let (mut below, mut largest) = ((0.0, 0.0), 0.0_f64);
    for (a, b) in pairs {
        below = (below.0 + a, below.1 + b);
        largest = largest.max((below.0 / total.0 - below.1 / total.1).abs());
    }
    if total.0 > 0.0 && total.1 > 0.0 { largest } else { f64::NAN }
}

/// Population stability index Σ (q − p)·ln(q / p) over bands (Siddiqi 2006), given the weight of each in the baseline and after; a share of zero
/// counts as half a row.
pub(super) fn population_stability(bands: &[(f64, f64)]) -> f64 {
    let total = totals(bands);
    let share = |weight: f64, total: f64| if weight > 0.0 { weight } else { 0.5 } / total;
    let shares = bands.iter().map(|&(a, b)| (share(a, total.0), share(b, total.1)));
    if total.0 > 0.0 && total.1 > 0.0 { shares.map(|(p, q)| (q - p) * (q / p).ln()).sum() } else { f64::NAN }
}

/// Bands of numbers that each hold about a tenth of the baseline.
pub(super) fn bands(before: &ValueCounts, after: &ValueCounts) -> Vec<(f64, f64)> {
    let pairs = before.paired(after);
    let total = totals(&pairs);
    let (mut bands, mut below): (Vec<(f64, f64)>, f64) = (vec![(0.0, 0.0)], 0.0);
    for (a, b) in pairs {
        // A band ends with the value at which the baseline's share reaches the next tenth.
        if let Some(band) = bands.last_mut() {
            *band = (band.0 + a, band.1 + b);
        }
        let reached = |weight: f64| (weight / total.0 * BANDS + 1e-9).floor();
        if reached(below + a) > reached(below) && below + a < total.0 {
            bands.push((0.0, 0.0));
        }
        below += a;
    }
    bands
}

/// A band a category; those of less than a hundredth of the baseline, new ones too, are one band.
pub(super) fn categories(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> Vec<(f64, f64)> {
    let total: f64 = before.values().sum();
    let weight = |counts: &BTreeMap<String, f64>, name: &String| counts.get(name).copied().unwrap_or(0.0);
    let (mut bands, mut rare) = (Vec::new(), (0.0, 0.0));
    for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
        let pair = (weight(before, name), weight(after, name));
        if pair.0 < RARE * total { rare = (rare.0 + pair.0, rare.1 + pair.1) } else { bands.push(pair) }
    }
    bands.extend(Some(rare).filter(|(a, b)| a + b > 0.0));
    bands
}

/// Limits of a change `after − before` from those of two independent estimates, each `(value, low, high)`: the method of variance estimates
/// recovery (Zou & Donner 2008, eq. 3).
pub(super) fn change_limits((before, before_low, before_high): Limits, (after, low, high): Limits) -> (f64, f64) {
    let change = after - before;
    (change - (after - low).hypot(before_high - before), change + (high - after).hypot(before - before_low))
}

/// A number with the limits of its interval.
pub(super) type Limits = (f64, f64, f64);

fn totals(pairs: &[(f64, f64)]) -> (f64, f64) {
    pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(values: &[f64]) -> ValueCounts {
        let mut counts = ValueCounts::default();
        values.iter().for_each(|&x| counts.add(x, 1.0));
        counts
    }

    #[test]
    fn ndcg_is_sklearns() {
        // sklearn.metrics.ndcg_score([[10, 0, 0, 1, 5]], [[0.1, 0.2, 0.3, 4, 70]]) = 0.6956940443813076.
        let found = ndcg(&[(10.0, 0.1), (0.0, 0.2), (0.0, 0.3), (1.0, 4.0), (5.0, 70.0)]);
        assert!((found - 0.695_694_044_381_307_6).abs() < 1e-15);
        assert_eq!(ndcg(&[(3.0, 30.0), (1.0, 10.0)]), 1.0);
    }

    #[test]
    fn kolmogorov_smirnov_is_scipys() {
        // scipy.stats.ks_2samp([1, 2, 3, 4], [3, 4, 5, 6, 7]).statistic = 0.6.
        assert!((kolmogorov_smirnov(&counts(&[1.0, 2.0, 3.0, 4.0]), &counts(&[3.0, 4.0, 5.0, 6.0, 7.0])) - 0.6).abs() < 1e-15);
        assert!(kolmogorov_smirnov(&counts(&[]), &counts(&[1.0])).is_nan());
    }

    #[test]
    fn stability_of_two_bands_is_the_formula() {
        // Half of the baseline at 0 and at 1, a quarter and three quarters after: (¼ − ½)·ln ½ + (¾ − ½)·ln 1.5.
        let stability = |before: &ValueCounts, after: &ValueCounts| population_stability(&bands(before, after));
        let found = stability(&counts(&[0.0, 0.0, 1.0, 1.0]), &counts(&[0.0, 1.0, 1.0, 1.0]));
        assert!((found - (-0.25 * 0.5_f64.ln() + 0.25 * 1.5_f64.ln())).abs() < 1e-15);
        let uniform: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(stability(&counts(&uniform), &counts(&uniform)), 0.0);
        // All of it beyond the baseline's range: nine bands hold half a row, the last all rows.
        let beyond = stability(&counts(&uniform), &counts(&vec![2000.0; 1000]));
        let expected = 9.0 * (0.0005 - 0.1) * (0.0005_f64 / 0.1).ln() + 0.9 * 10.0_f64.ln();
        assert!((beyond - expected).abs() < 1e-12, "{beyond} {expected}");
    }

    #[test]
    fn rare_and_new_categories_are_one_band() {
        let counts = |pairs: &[(&str, f64)]| pairs.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect();
        let found = categories(&counts(&[("a", 899.0), ("b", 100.0), ("c", 1.0)]), &counts(&[("a", 80.0), ("c", 15.0), ("d", 5.0)]));
        assert_eq!(found, [(899.0, 80.0), (100.0, 0.0), (1.0, 20.0)]);
        assert!(population_stability(&categories(&counts(&[]), &counts(&[("a", 1.0)]))).is_nan());
    }

    #[test]
    fn limits_of_a_change_are_those_of_the_normal_case_where_intervals_are_symmetric() {
        // Standard errors of 3 and 4 make one of 5.
        assert_eq!(change_limits((10.0, 7.0, 13.0), (20.0, 16.0, 24.0)), (5.0, 15.0));
        // Newcombe's example (1998, Statistics in Medicine 17, table II, method 10, case a): 56/70 − 48/80 from their Wilson limits.
        let (low, high) = change_limits((0.6, 0.490_4, 0.700_3), (0.8, 0.691_8, 0.877_1));
        assert!((low - 0.0524).abs() < 6e-4 && (high - 0.3339).abs() < 6e-4, "{low} {high}");
    }
}
