//! A proxy of the game that knows three-way interactions, whose own Shapley values are known and whose errors least squares corrects.
//!
//! Regression adjustment (Witter, Liu & Musco, arXiv 2506.11849) with a Gaussian process for the proxy. Of the odd part of a game, least squares
//! sees the main effects; what it leaves over is mostly `Σ c_ijk u_i u_j u_k`. A prior `c_ijk ~ N(0, t_i t_j t_k)` has the covariance
//! `k(u, u') = e₃(t ∘ u ∘ u')`, the elementary symmetric polynomial `e₃ = (p₁³ − 3 p₁ p₂ + 2 p₃) / 6` of power sums `p_k = Σ_j (t_j u_j u'_j)^k`: two
//! matrix products, however many triples there are. `t_j` is the main effect's size: features that matter alone interact more.
//! A triple's coefficient `c` adds `2 c / 3` to the Shapley values of each of its features.

use rand::RngExt;

use super::regression::{LeastSquares, Pairs};
use crate::numeric::dense::{Cholesky, Column, Matrix, ROWS};
use crate::numeric::seed;

/// A fitted proxy, corrected: `φ = map · g + 2 whole · g(N)`.
#[derive(Debug)]
pub(super) struct Proxy {
    /// Players × pairs.
    pub map: Matrix,
    /// Errors of predicting a pair from the others, a list an output.
    pub left: Vec<Vec<f64>>,
}

/// Pairs that the process is conditioned on at most: its cost grows with their cube.
pub const MOST_PAIRS: usize = 2048;

/// Pairs beside those whose covariances are held at the same time; they are computed twice, which takes less than fresh memory for all.
const TOGETHER: usize = 128;

/// Variance of what is neither a main effect nor a three-way interaction, as a share of the latter's.
const NOISE: f64 = 0.02;

/// Variance of the main effects as a multiple of the interactions': next to no knowledge.
const VAGUE: f64 = 1e3;

/// The least `t` as a share of the mean: no feature is certain not to interact.
const LEAST: f64 = 4e-4;

/// Random vectors for the trace of an inverse: with one output, as many rows as fill a strip.
const PROBES: usize = 15;

impl Proxy {
    /// Conditions the process on the pairs, at most `most` of them; `main` are the main effects that least squares sees, of each output.
    ///
    /// With the least squares `B` and `o`, the process's functions `C` of Shapley values and `K` of covariance `k + m + noise` (interactions, main effects) between
    /// the pairs, `φ = 2 (B (g − k α) + o (g(N) − k(N)·α)) + C α` with `α = K⁻¹ g`. As `k α = g − (m + noise) α`, this is
    /// `(C − 2 o k(N) + 2 B m + 2 noise B) K⁻¹ g + 2 o g(N)`: the players' rows are solved beside `g`. Pairs that were not conditioned on keep
    /// their `2 B g`, and add `−2 B k` to the rows.
    pub fn fit(pairs: &Pairs, squares: &LeastSquares, main: &[Vec<f64>], most: usize) -> Option<Self> {
        let (count, players, outputs) = (pairs.signs.rows(), pairs.signs.columns(), pairs.odd.len());
        // Those seen are spread evenly: pairs come ordered by the sizes of their coalitions.
        let before = |pair: usize| pair * count.min(most) / count;
        let (seen, unseen): (Vec<usize>, Vec<usize>) = (0..count).partition(|pair| before(pair + 1) > before(*pair));
        let process = Process::new(main);
        let signs = |of: &[usize]| Matrix::from_fn(of.len(), players, |row, player| pairs.signs.get(of[row], player));
        let known = signs(&seen);
        let scaled = process.scaled(&known);
        let inverse = Cholesky::new(process.covariance(&known, &scaled))?;
        let (mut missed, mut across) = (Matrix::zeros(players, seen.len()), Matrix::zeros(0, 0));
        for unseen in unseen.chunks(TOGETHER) {
            process.interactions(&scaled, &signs(unseen), &mut across);
            missed.add(&squares.of(unseen), &across);
        }
        let through = process.through(squares, &known, &seen, &missed);
        // Random vectors for the trace of the inverse (Hutchinson 1989).
        let mut random = seed::generator(0, "trace", seen.len() as u64);
        let probes: Vec<f64> = (0..PROBES * seen.len()).map(|_| if random.random_bool(0.5) { 1.0 } else { -1.0 }).collect();
        let mut rows = Matrix::from_fn(players + outputs + PROBES, seen.len(), |row, pair| match row.checked_sub(players) {
            None => through.get(row, pair),
            Some(output) if output < outputs => pairs.odd[output][seen[pair]],
            Some(probe) => probes[(probe - outputs) * seen.len() + pair],
        });
        inverse.forward(&mut rows);
        let probed = |pair| (players + outputs..rows.rows()).map(|row| rows.get(row, pair).powi(2)).sum::<f64>();
        let trace = (0..seen.len()).map(probed).sum::<f64>() / PROBES as f64;
        inverse.backward(&mut rows);
        let map = Matrix::from_fn(players, count, |player, pair| {
            if before(pair + 1) > before(pair) { rows.get(player, before(pair)) } else { 2.0 * squares.map.get(player, pair) }
        });
        // Leaving a seen pair out, it is missed by α_i / (K⁻¹)_ii (Rasmussen & Williams 2006, eq. 5.12), here with the mean of that diagonal.
        let alphas: Vec<Vec<f64>> =
            (players..players + outputs).map(|row| (0..seen.len()).map(|pair| rows.get(row, pair)).collect()).collect();
        let mut left = vec![vec![0.0; count]; outputs];
        for (left, alpha) in left.iter_mut().zip(&alphas) {
            seen.iter().zip(alpha).for_each(|(pair, alpha)| left[*pair] = alpha * seen.len() as f64 / trace);
        }
        // An unseen pair is missed by what neither the interactions nor the main effects predict.
        for unseen in unseen.chunks(TOGETHER) {
            let unknown = signs(unseen);
            process.interactions(&scaled, &unknown, &mut across);
            for ((left, alpha), odd) in left.iter_mut().zip(&alphas).zip(&pairs.odd) {
                let mains: Vec<f64> = known.turned_times(alpha).iter().zip(&process.t).map(|(sum, t)| process.vague * t * sum).collect();
                let predicted = across.turned_times(alpha).into_iter().zip(unknown.times(&mains));
                unseen.iter().zip(predicted).for_each(|(pair, (interactions, mains))| left[*pair] = odd[*pair] - interactions - mains);
            }
        }
        Some(Self { left, map })
    }
}

/// The prior, scaled to variance one.
struct Process {
    t: Vec<f64>,
    /// `p₂`, the same for all pairs since `u² = 1`.
    squares: f64,
    /// One over the unscaled variance, `6 e₃` of `t`.
    scale: f64,
    /// Variance of the main effects, as a factor of `p₁`.
    vague: f64,
}

impl Process {
    fn new(main: &[Vec<f64>]) -> Self {
        let players = main.first().map_or(0, Vec::len);
        let sizes: Vec<f64> = (0..players).map(|player| main.iter().map(|beta| beta[player].powi(2)).sum::<f64>().sqrt()).collect();
        let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
        let t: Vec<f64> = sizes.iter().map(|size| if mean > 0.0 { (size / mean).max(LEAST) } else { 1.0 }).collect();
        let power = |k: i32| t.iter().map(|t| t.powi(k)).sum::<f64>();
        Self { squares: power(2), scale: 1.0 / third(power(1), power(2), power(3)), vague: VAGUE / power(1), t }
    }

    /// Signs times `t` and times its cube.
    fn scaled(&self, signs: &Matrix) -> [Matrix; 2] {
        [1, 3]
            .map(|power| Matrix::from_fn(signs.rows(), signs.columns(), |row, player| signs.get(row, player) * self.t[player].powi(power)))
    }

    /// `K` of some pairs, given their scaled signs too: on and below the diagonal.
    fn covariance(&self, signs: &Matrix, scaled: &[Matrix; 2]) -> Matrix {
        let mut all = Matrix::zeros(signs.rows(), signs.rows());
        for i in 0..all.strips() {
            for (j, out) in all.strip_mut(i).chunks_exact_mut(ROWS).enumerate().take(i + 1) {
                self.fill(out, scaled, i, signs, j, self.vague);
            }
            let own = i * ROWS..signs.rows().min((i + 1) * ROWS);
            own.for_each(|at| all.strip_mut(i)[at][at % ROWS] += NOISE);
        }
        all
    }

    /// The interactions' covariance between the rows of two sets of signs, the first scaled.
    fn interactions(&self, a: &[Matrix; 2], b: &Matrix, into: &mut Matrix) {
        into.reset(a[0].rows(), b.rows());
        for i in 0..into.strips() {
            for (j, out) in into.strip_mut(i).chunks_exact_mut(ROWS).enumerate() {
                self.fill(out, a, i, b, j, 0.0);
            }
        }
    }

    /// 16 × 16 elements of the covariance: the interactions', and so many times `p₁`.
    fn fill(&self, out: &mut [Column], [first, cubes]: &[Matrix; 2], i: usize, b: &Matrix, j: usize, vague: f64) {
        let mut mains = [[0.0; ROWS]; ROWS];
        first.add_product(i, b, j, &mut mains);
        cubes.add_product(i, b, j, out);
        let sums = out.as_flattened_mut().iter_mut().zip(mains.as_flattened());
        sums.for_each(|(sum, main)| *sum = third(*main, self.squares, *sum) * self.scale + main * vague);
    }

    /// What is solved for the players, players × seen pairs; `missed` is `B k` of the pairs that are not seen.
    fn through(&self, squares: &LeastSquares, known: &Matrix, seen: &[usize], missed: &Matrix) -> Matrix {
        let players = known.columns();
        let own = squares.of(seen);
        let beta = own.product(&Matrix::from_fn(players, seen.len(), |player, pair| known.get(pair, player)));
        let mains = Matrix::from_fn(players, players, |player, other| beta.get(player, other) * self.t[other]).product(known);
        let sums = |power: i32| known.times(&self.t.iter().map(|t| t.powi(power)).collect::<Vec<f64>>());
        let (first, cubes) = (sums(1), sums(3));
        Matrix::from_fn(players, seen.len(), |player, pair| {
            let (x, sum) = (self.t[player] * known.get(pair, player), first[pair]);
            // Shapley values of `k(·, u)`: (2/3) Σ_{T ∋ j} Π_{i ∈ T} t_i u_i, by e₂ of the others, e₂ − x · e₁ of the others.
            let others = f64::midpoint(sum * sum, -self.squares) - x * (sum - x);
            let value = 4.0 * x * others * self.scale;
            let whole = third(sum, self.squares, cubes[pair]) * self.scale;
            let missed = missed.get(player, pair) + squares.whole[player] * whole;
            value - 2.0 * missed + 2.0 * (self.vague * mains.get(player, pair) + NOISE * own.get(player, pair))
        })
    }
}

/// `6 e₃` from power sums.
fn third(p1: f64, p2: f64, p3: f64) -> f64 {
    (p1 * p1 - 3.0 * p2) * p1 + 2.0 * p3
}
