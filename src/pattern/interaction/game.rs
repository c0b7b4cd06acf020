//! Interaction values of one leaf of value 1, for one pattern of its conditions or for all.
//!
//! The Shapley interaction index of conditions `j ≠ k` is `∫ ∂²v̄/∂t_j∂t_k dt` on the diagonal of the game's multilinear extension `v̄` (Grabisch &
//! Roubens 1999): the integrals of [`crate::pattern::game`] with one factor more outside, `c_j·c_k` in place of `c_j`. Cells follow Lundberg et al. 2020, as `shap` and XGBoost do:
//! half the index in each of the cells `(j, k)` and `(k, j)`, and on the diagonal what is left of `φ_j`, so that a row of cells sums to `φ_j`.
//!
//! A leaf of `D` conditions has the cells `(0, 0), (0, 1), …, (0, D−1), (1, 1), …`, the cell below the diagonal being the same as above.

use crate::pattern::game::{self, Rules, binomial, coefficient_failed, coefficient_held, factor_held, leave_one_out, superset_sums};
use crate::pattern::sparse::Background;

/// Number of cells of `d` conditions.
pub(super) fn count(d: usize) -> usize {
    d * (d + 1) / 2
}

/// Place of cell `(j, k)`, `j ≤ k`, of `d` conditions.
fn place(j: usize, k: usize, d: usize) -> usize {
    j * (2 * d + 1 - j) / 2 + k - j
}

/// The cells of `d` conditions, in their order.
pub(super) fn cells(d: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..d).flat_map(move |j| (j..d).map(move |k| (j, k)))
}

/// Path-dependent cells of one pattern: `½ Σ_q ω_q c_j c_k Π_i f_i` off the diagonal.
pub(super) fn path_dependent(ratios: &[f64], pattern: u128, rules: &Rules) -> Box<[f64]> {
    let d = ratios.len();
    let mut values = vec![0.0; count(d)].into_boxed_slice();
    let rule = rules.exact(d);
    let mut coefficients = vec![0.0; d];
    for (&t, &weight) in rule.nodes.iter().zip(&rule.weights) {
        let mut product = weight;
        for (i, (coefficient, &ratio)) in coefficients.iter_mut().zip(ratios).enumerate() {
            let held = pattern >> i & 1 == 1;
            product *= if held { factor_held(ratio, t) } else { (1.0 - t) * ratio };
            *coefficient = if held { coefficient_held(ratio, t) } else { coefficient_failed(t) };
        }
        for (value, (j, k)) in values.iter_mut().zip(cells(d)) {
            *value += product * if j == k { coefficients[j] } else { 0.5 * coefficients[j] * coefficients[k] };
        }
    }
    rest_on_diagonal(&mut values, d);
    values
}

/// Path-dependent cells of every pattern: `table[cell << D | pattern]`.
pub(super) fn path_dependent_table(ratios: &[f64], rules: &Rules) -> Vec<f64> {
    let d = ratios.len();
    let mut table = vec![0.0; count(d) << d];
    for pattern in 0..1 << d {
        let cells = path_dependent(ratios, pattern as u128, rules);
        cells.iter().enumerate().for_each(|(cell, value)| table[cell << d | pattern] = *value);
    }
    table
}

/// Interventional cells of every pattern, `table[cell << D | pattern]`, from the weights of background patterns (`2^D`, summing to one).
///
/// With `F` the failed conditions and `Z(F, …)` the sum of `h_b t^{|¬b|}` over `b ⊇ F`, the index of `j, k` is the integral of
/// `(1−t)^{|F|} Z(F, b_j = b_k = 0)/t²` where neither fails, `−(1−t)^{|F|−1} Z(F, b_k = 0)/t` where `j` alone does, `(1−t)^{|F|−2} Z(F)` where both do.
pub(super) fn interventional_table(background: &[f64], rules: &Rules) -> Vec<f64> {
    let d = background.len().trailing_zeros() as usize;
    let (rule, cells, all) = (rules.exact(d), count(d), (1_usize << d) - 1);
    let (mut table, mut attributions) = (vec![0.0; cells << d], Vec::new());
    game::interventional(background, rules, &mut attributions);
    for (j, values) in attributions.chunks_exact(1 << d).enumerate() {
        table[place(j, j, d) << d..][..1 << d].copy_from_slice(values);
    }
    for (&t, &weight) in rule.nodes.iter().zip(&rule.weights) {
        let powers: Vec<f64> = (0..=d).map(|failed| t.powi(failed as i32)).collect();
        let mut sums: Vec<f64> = background.iter().enumerate().map(|(b, h)| h * powers[d - b.count_ones() as usize]).collect();
        for j in 0..d {
            let mut visit = |k: usize, sums: &[f64]| {
                let (table, one, other) = (&mut table[place(j, k, d) << d..], 1 << j, 1 << k);
                for failed in (0..=all).filter(|set| set & (one | other) == 0) {
                    let half = 0.5 * weight * (1.0 - t).powi(failed.count_ones() as i32);
                    let held = all & !failed;
                    table[held] += half * sums[failed] / (t * t);
                    table[held & !one] -= half * sums[failed | one] / t;
                    table[held & !other] -= half * sums[failed | other] / t;
                    table[held & !one & !other] += half * sums[failed | one | other];
                }
            };
            leave_one_out(sums.clone(), j + 1, d, &mut visit);
            sums = superset_sums(sums, j..j + 1);
        }
    }
    for (at, (j, k)) in self::cells(d).enumerate().filter(|(_, (j, k))| j != k) {
        for pattern in 0..1 << d {
            let value = table[at << d | pattern];
            table[place(j, j, d) << d | pattern] -= value;
            table[place(k, k, d) << d | pattern] -= value;
        }
    }
    table
}

/// Interventional cells of one pattern, from the background patterns that occur.
///
/// With `a` conditions that `b` fails, `e` that the row fails and `B(x, y) = ∫ t^{x−1}(1−t)^{y−1} dt`, a background pattern adds `½B(a−1, e+1)` to
/// pairs that it fails, `½B(a+1, e−1)` to pairs that the row fails, `−½B(a, e)` to pairs of one each.
pub(super) fn interventional(d: usize, pattern: u128, background: &Background) -> Box<[f64]> {
    let all = u128::MAX.checked_shr(128 - d as u32).unwrap_or(0);
    let failed = all & !pattern;
    let e = failed.count_ones();
    let mut values = vec![0.0; count(d)].into_boxed_slice();
    for (b, share) in background.0.iter().filter(|(b, _)| b & failed == failed) {
        let gained = all & !b;
        let a = gained.count_ones();
        let state = |j: usize| (gained >> j & 1 == 1, failed >> j & 1 == 1);
        let pairs = [beta(a.wrapping_sub(1), e + 1), beta(a + 1, e.wrapping_sub(1)), -beta(a, e)].map(|value| 0.5 * share * value);
        let alone = [share * beta(a, e + 1), -share * beta(a + 1, e)];
        for (value, (j, k)) in values.iter_mut().zip(cells(d)) {
            *value += match (state(j), state(k)) {
                ((false, false), _) | (_, (false, false)) => 0.0,
                ((true, _), _) if j == k => alone[0],
                (_, _) if j == k => alone[1],
                ((true, _), (true, _)) => pairs[0],
                ((_, true), (_, true)) => pairs[1],
                _ => pairs[2],
            };
        }
    }
    rest_on_diagonal(&mut values, d);
    values
}

/// `B(x, y) = 1/(x · C(x+y−1, x))` for x, y ≥ 1; 0 where there is nothing to integrate.
fn beta(x: u32, y: u32) -> f64 {
    if x == 0 || y == 0 || x == u32::MAX || y == u32::MAX { 0.0 } else { 1.0 / (f64::from(x) * binomial(x + y - 1, x)) }
}

/// Takes each off-diagonal cell from both its conditions' diagonal cells.
fn rest_on_diagonal(values: &mut [f64], d: usize) {
    for (at, (j, k)) in cells(d).enumerate().filter(|(_, (j, k))| j != k) {
        let value = values[at];
        values[place(j, j, d)] -= value;
        values[place(k, k, d)] -= value;
    }
}
