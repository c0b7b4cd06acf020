//! A proxy of the game that knows three-way interactions, whose own Shapley values are known and whose errors least squares corrects.
//!
//! Regression adjustment (Witter, Liu & Musco, arXiv 2506.11849) with a Gaussian process for the proxy. Of the odd part of a game, least squares
//! sees the main effects; what it leaves over is mostly `Σ c_ijk u_i u_j u_k`. A prior `c_ijk ~ N(0, t_i t_j t_k)` has the covariance
//! `k(u, u') = e₃(t ∘ u ∘ u')`, the elementary symmetric polynomial `e₃ = (p₁³ − 3 p₁ p₂ + 2 p₃) / 6` of power sums `p_k = Σ_j (t_j u_j u'_j)^k`: two
//! matrix products, however many triples there are. `t_j` is the main effect's size: features that matter alone interact more.
//! A triple's coefficient `c` adds `2 c / 3` to the Shapley values of each of its features.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use rand::RngExt;

use super::regression::{LeastSquares, Pairs};
use crate::numeric::seed;

/// A fitted proxy, corrected: `φ = map · g + 2 whole · g(N)`.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Players × pairs.
    pub map: Mat<f64>,
    /// Errors of predicting a pair from the others: pairs × outputs.
    pub left: Mat<f64>,
}

/// Pairs that the process is conditioned on at most: its cost grows with their cube.
const MOST_PAIRS: usize = 2048;

/// Variance of what is neither a main effect nor a three-way interaction, as a share of the latter's.
const NOISE: f64 = 0.02;

/// Variance of the main effects as a multiple of the interactions': next to no knowledge.
const VAGUE: f64 = 1e3;

/// The least `t` as a share of the mean: no feature is certain not to interact.
const LEAST: f64 = 4e-4;

/// Random vectors for the trace of an inverse (Hutchinson 1989).
const PROBES: usize = 16;

impl Proxy {
    /// Conditions the process on the pairs; `main` are the main effects that least squares sees.
    pub fn fit(pairs: &Pairs, squares: &LeastSquares, main: &Mat<f64>) -> Option<Self> {
        let (count, players) = (pairs.signs.nrows(), pairs.signs.ncols());
        let step = count.div_ceil(MOST_PAIRS);
        let seen: Vec<usize> = (0..count).step_by(step).collect();
        let process = Process::new(main);
        let seen_signs = Mat::from_fn(seen.len(), players, |row, player| pairs.signs[(seen[row], player)]);
        let seen_odd = Mat::from_fn(seen.len(), pairs.odd.ncols(), |row, output| pairs.odd[(seen[row], output)]);
        let (interactions, mut covariance) = process.covariances(&seen_signs, &seen_signs);
        covariance += &interactions;
        (0..seen.len()).for_each(|row| covariance[(row, row)] += NOISE);
        let inverse = covariance.llt(Side::Lower).ok()?;
        let across = if step == 1 { interactions } else { process.covariances(&pairs.signs, &seen_signs).0 };
        // φ = 2 (B (g − K α) + o (g(N) − k(N)·α)) + C α with α = K⁻¹ g: `through` is what α contributes.
        let full = Mat::from_fn(1, players, |_, _| 1.0);
        let full = process.covariances(&full, &seen_signs).0;
        let through = process.values(&seen_signs) - (&squares.map * &across + &squares.whole * full) * 2.0;
        let mut map = &squares.map * 2.0;
        let conditioned = inverse.solve(through.transpose());
        for (row, &pair) in seen.iter().enumerate() {
            (0..players).for_each(|player| map[(player, pair)] += conditioned[(row, player)]);
        }
        // Leaving a seen pair out, it is missed by α_i / (K⁻¹)_ii (Rasmussen & Williams 2006, eq. 5.12), here with the mean of that diagonal.
        let alpha = inverse.solve(&seen_odd);
        let mut signs = seed::generator(0, "trace", seen.len() as u64);
        let probes = Mat::from_fn(seen.len(), PROBES, |_, _| if signs.random_bool(0.5) { 1.0 } else { -1.0 });
        let solved = inverse.solve(&probes);
        let trace: f64 = (0..PROBES).map(|probe| dot(&probes, &solved, probe)).sum::<f64>() / PROBES as f64;
        let mut left = &pairs.odd - &across * &alpha;
        for (row, &pair) in seen.iter().enumerate() {
            (0..left.ncols()).for_each(|output| left[(pair, output)] = alpha[(row, output)] * seen.len() as f64 / trace);
        }
        Some(Self { map, left })
    }
}

fn dot(a: &Mat<f64>, b: &Mat<f64>, column: usize) -> f64 {
    a.col(column).iter().zip(b.col(column).iter()).map(|(a, b)| a * b).sum()
}

/// The prior, scaled to variance one.
struct Process {
    t: Vec<f64>,
    /// `p₂`, the same for all pairs since `u² = 1`.
    squares: f64,
    /// `e₃` of `t`: the unscaled variance.
    variance: f64,
}

impl Process {
    fn new(main: &Mat<f64>) -> Self {
        let size = |player: usize| main.row(player).iter().map(|beta| beta * beta).sum::<f64>().sqrt();
        let sizes: Vec<f64> = (0..main.nrows()).map(size).collect();
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        let t: Vec<f64> = sizes.iter().map(|size| if mean > 0.0 { (size / mean).max(LEAST) } else { 1.0 }).collect();
        let power = |k: i32| t.iter().map(|t| t.powi(k)).sum::<f64>();
        let (squares, variance) = (power(2), third(power(1), power(2), power(3)));
        Self { t, squares, variance }
    }

    /// Between the rows of two sets of signs: of the interactions, and of the main effects.
    fn covariances(&self, a: &Mat<f64>, b: &Mat<f64>) -> (Mat<f64>, Mat<f64>) {
        let scaled = |power: i32| Mat::from_fn(a.nrows(), a.ncols(), |row, player| a[(row, player)] * self.t[player].powi(power));
        // Power sums first, turned into covariances where they are: these matrices are large.
        let (mut mains, mut interactions) = (scaled(1) * b.transpose(), scaled(3) * b.transpose());
        let vague = VAGUE / self.t.iter().sum::<f64>();
        for column in 0..b.nrows() {
            for (first, cubes) in mains.col_as_slice_mut(column).iter_mut().zip(interactions.col_as_slice_mut(column)) {
                *cubes = third(*first, self.squares, *cubes) / self.variance;
                *first *= vague;
            }
        }
        (interactions, mains)
    }

    /// Shapley values of the process's functions `k(·, u)`: `(2/3) Σ_{T ∋ j} Π_{i ∈ T} t_i u_i`, players × rows of `signs`.
    fn values(&self, signs: &Mat<f64>) -> Mat<f64> {
        let sums: Vec<f64> =
            (0..signs.nrows()).map(|row| self.t.iter().enumerate().map(|(player, t)| t * signs[(row, player)]).sum()).collect();
        Mat::from_fn(signs.ncols(), signs.nrows(), |player, row| {
            let (x, sum) = (self.t[player] * signs[(row, player)], sums[row]);
            // e₂ of the others: e₂ − x · e₁ of the others.
            let others = f64::midpoint(sum * sum, -self.squares) - x * (sum - x);
            2.0 / 3.0 * x * others / self.variance
        })
    }
}

/// `e₃` from power sums.
fn third(p1: f64, p2: f64, p3: f64) -> f64 {
    (p1.powi(3) - 3.0 * p1 * p2 + 2.0 * p3) / 6.0
}
