//! Shapley values by constrained weighted least squares on pairs of coalitions (Lundberg & Lee 2017; Covert & Lee 2021).
//!
//! A pair (S, N∖S) says `g = (v(S) − v(N∖S)) / 2`: the odd part of the game, on which alone Shapley values depend, so that models with
//! interactions of two features at most are explained exactly. With `u_j = ±1` for `j` in or out, `β` minimises `Σ w (g − u·β)²` subject to
//! `Σ β = g(N) = (v(N) − v(∅)) / 2`, and `φ = 2 β`.

use faer::linalg::solvers::{Llt, Solve};
use faer::{Mat, Side};

use super::proxy::Proxy;

/// Evaluated pairs of one row.
#[derive(Debug)]
pub(super) struct Pairs {
    /// `u`: pairs × players.
    pub signs: Mat<f64>,
    /// Regression weights.
    pub weights: Vec<f64>,
    /// Share of each pair's size that was not drawn: what leaves chance in the estimate.
    pub undrawn: Vec<f64>,
    /// `g`: pairs × outputs.
    pub odd: Mat<f64>,
    /// `g(N)`: 1 × outputs.
    pub whole: Mat<f64>,
}

/// Values and their standard errors, players × outputs.
#[derive(Debug)]
pub(super) struct Estimate {
    pub values: Mat<f64>,
    pub standard_errors: Mat<f64>,
}

/// Least squares as a linear map of what was observed: `β = map · g + whole · g(N)`.
#[derive(Debug)]
pub(super) struct LeastSquares {
    /// Players × pairs.
    pub map: Mat<f64>,
    /// Players × 1.
    pub whole: Mat<f64>,
}

/// Share of the mean variance that is added to each, so that few pairs, which may leave players apart, still have one solution.
const RIDGE: f64 = 1e-14;

impl LeastSquares {
    /// `β = A⁻¹ (b − λ 1)` with `A = UᵀWU`, `b = UᵀWg` and `λ` such that the constraint holds.
    pub fn new(pairs: &Pairs) -> Option<Self> {
        let (count, players) = (pairs.signs.nrows(), pairs.signs.ncols());
        let weighted = Mat::from_fn(count, players, |pair, player| pairs.weights[pair] * pairs.signs[(pair, player)]);
        let mut normal = pairs.signs.transpose() * &weighted;
        let ridge = RIDGE * (0..players).map(|player| normal[(player, player)]).sum::<f64>() / players as f64;
        (0..players).for_each(|player| normal[(player, player)] += ridge);
        let normal: Llt<f64> = normal.llt(Side::Lower).ok()?;
        let free = normal.solve(weighted.transpose());
        let ones = normal.solve(Mat::from_fn(players, 1, |_, _| 1.0));
        let total: f64 = (0..players).map(|player| ones[(player, 0)]).sum();
        let whole = Mat::from_fn(players, 1, |player, _| ones[(player, 0)] / total);
        let sums = Mat::from_fn(1, count, |_, pair| free.col(pair).iter().sum::<f64>());
        Some(Self { map: free - &whole * sums, whole })
    }
}

/// Shapley values from pairs; `proxy` first explains three-way interactions. `None` where the pairs are too alike for a solution.
pub(super) fn estimate(pairs: &Pairs, proxy: bool) -> Option<Estimate> {
    let squares = LeastSquares::new(pairs)?;
    let (map, whole) = (&squares.map, &squares.whole);
    let main = map * &pairs.odd + whole * &pairs.whole;
    let left = &pairs.odd - &pairs.signs * &main;
    let is_linear = left.norm_l2() <= 1e-10 * pairs.odd.norm_l2();
    if proxy
        && !is_linear
        && let Some(proxy) = Proxy::fit(pairs, &squares, &main)
    {
        let values = &proxy.map * &pairs.odd + (whole * &pairs.whole) * 2.0;
        return Some(Estimate { standard_errors: errors(&proxy.map, &proxy.left, &pairs.undrawn), values });
    }
    let hat = |pair: usize| -> f64 { (0..main.nrows()).map(|player| pairs.signs[(pair, player)] * map[(player, pair)]).sum() };
    let slack: Vec<f64> = (0..left.nrows()).map(|pair| (1.0 - hat(pair)).max(f64::EPSILON)).collect();
    let left = Mat::from_fn(left.nrows(), left.ncols(), |pair, output| if is_linear { 0.0 } else { left[(pair, output)] / slack[pair] });
    let map = map * 2.0;
    Some(Estimate { standard_errors: errors(&map, &left, &pairs.undrawn), values: main * 2.0 })
}

/// Jackknife: `se_j² = Σ_i (1 − p_i) (M_ji e_i)²`, where leaving pair `i` out moves the estimate `M g` by `M_ji e_i`, with `e` the error of
/// predicting a pair from the others; `1 − p` corrects for drawing from finitely many.
fn errors(map: &Mat<f64>, left: &Mat<f64>, undrawn: &[f64]) -> Mat<f64> {
    Mat::from_fn(map.nrows(), left.ncols(), |player, output| {
        let moves = undrawn.iter().enumerate().map(|(pair, undrawn)| undrawn * (map[(player, pair)] * left[(pair, output)]).powi(2));
        moves.sum::<f64>().sqrt()
    })
}
