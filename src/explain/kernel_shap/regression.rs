//! Shapley values by constrained weighted least squares on pairs of coalitions (Lundberg & Lee 2017; Covert & Lee 2021).
//!
//! A pair (S, N∖S) says `g = (v(S) − v(N∖S)) / 2`: the odd part of the game, on which alone Shapley values depend, so that models with
//! interactions of two features at most are explained exactly. With `u_j = ±1` for `j` in or out, `β` minimises `Σ w (g − u·β)²` subject to
//! `Σ β = g(N) = (v(N) − v(∅)) / 2`, and `φ = 2 β`.

use super::proxy::{MOST_PAIRS, Proxy};
use crate::numeric::dense::{Cholesky, Matrix};

/// Evaluated pairs of one row.
#[derive(Debug)]
pub(super) struct Pairs {
    /// `u`: pairs × players.
    pub signs: Matrix,
    /// Regression weights.
    pub weights: Vec<f64>,
    /// Share of each pair's size that was not drawn: what leaves chance in the estimate.
    pub undrawn: Vec<f64>,
    /// `g` of each pair, a list an output.
    pub odd: Vec<Vec<f64>>,
    /// `g(N)` of each output.
    pub whole: Vec<f64>,
}

/// Values and their standard errors, a list of players an output.
#[derive(Debug)]
pub(super) struct Estimate {
    pub values: Vec<Vec<f64>>,
    pub standard_errors: Vec<Vec<f64>>,
}

/// Least squares as a linear map of what was observed: `β = map · g + whole · g(N)`.
#[derive(Debug)]
pub(super) struct LeastSquares {
    /// Players × pairs.
    pub map: Matrix,
    /// A factor a player.
    pub whole: Vec<f64>,
}

/// Share of the mean variance that is added to each, so that few pairs, which may leave players apart, still have one solution.
const RIDGE: f64 = 1e-14;

impl LeastSquares {
    /// The map of some pairs: players × those.
    pub fn of(&self, pairs: &[usize]) -> Matrix {
        Matrix::from_fn(self.map.rows(), pairs.len(), |player, pair| self.map.get(player, pairs[pair]))
    }

    /// `β = A⁻¹ (b − λ 1)` with `A = UᵀWU`, `b = UᵀWg` and `λ` such that the constraint holds.
    pub fn new(pairs: &Pairs) -> Option<Self> {
        let (count, players) = (pairs.signs.rows(), pairs.signs.columns());
        let sign = |player, pair| pairs.signs.get(pair, player);
        let weighted = Matrix::from_fn(players, count, |player, pair| pairs.weights[pair] * sign(player, pair));
        let normal = weighted.product(&Matrix::from_fn(players, count, sign));
        let ridge = RIDGE * (0..players).map(|player| normal.get(player, player)).sum::<f64>() / players as f64;
        let normal = Cholesky::new(Matrix::from_fn(players, players, |a, b| normal.get(a, b) + if a == b { ridge } else { 0.0 }))?;
        let free = normal.solve(Matrix::from_fn(count, players, |pair, player| weighted.get(player, pair)));
        let ones = normal.solve(Matrix::from_fn(1, players, |_, _| 1.0));
        let total: f64 = (0..players).map(|player| ones.get(0, player)).sum();
        let whole: Vec<f64> = (0..players).map(|player| ones.get(0, player) / total).collect();
        let sums = free.times(&vec![1.0; players]);
        Some(Self { map: Matrix::from_fn(players, count, |player, pair| free.get(pair, player) - whole[player] * sums[pair]), whole })
    }

    /// `map · g + share · whole · g(N)` of each output, for this map or another.
    fn values(&self, map: &Matrix, pairs: &Pairs, share: f64) -> Vec<Vec<f64>> {
        let of = |(odd, all): (&Vec<f64>, &f64)| {
            map.times(odd).into_iter().zip(&self.whole).map(|(value, whole)| value + whole * (share * all)).collect()
        };
        pairs.odd.iter().zip(&pairs.whole).map(of).collect()
    }
}

/// Shapley values from pairs; `proxy` first explains three-way interactions. `None` where the pairs are too alike for a solution.
pub(super) fn estimate(pairs: &Pairs, proxy: bool) -> Option<Estimate> {
    let squares = LeastSquares::new(pairs)?;
    let main = squares.values(&squares.map, pairs, 1.0);
    let left: Vec<Vec<f64>> = pairs.odd.iter().zip(&main).map(|(odd, main)| subtract(odd, &pairs.signs.times(main))).collect();
    let norm = |all: &[Vec<f64>]| all.iter().flatten().map(|value| value * value).sum::<f64>().sqrt();
    let is_linear = norm(&left) <= 1e-10 * norm(&pairs.odd);
    if proxy
        && !is_linear
        && let Some(proxy) = Proxy::fit(pairs, &squares, &main, MOST_PAIRS)
    {
        let values = squares.values(&proxy.map, pairs, 2.0);
        return Some(Estimate { standard_errors: errors(&proxy.map, &proxy.left, &pairs.undrawn), values });
    }
    let (count, players) = (pairs.signs.rows(), pairs.signs.columns());
    let hat = |pair: usize| (0..players).map(|player| pairs.signs.get(pair, player) * squares.map.get(player, pair)).sum::<f64>();
    let slack: Vec<f64> = (0..count).map(|pair| (1.0 - hat(pair)).max(f64::EPSILON)).collect();
    let missed = |left: &Vec<f64>| left.iter().zip(&slack).map(|(left, slack)| if is_linear { 0.0 } else { 2.0 * left / slack }).collect();
    let left: Vec<Vec<f64>> = left.iter().map(missed).collect();
    let values = main.into_iter().map(|main| main.into_iter().map(|beta| 2.0 * beta).collect()).collect();
    Some(Estimate { standard_errors: errors(&squares.map, &left, &pairs.undrawn), values })
}

/// `a − b`.
fn subtract(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// Jackknife: `se_j² = Σ_i (1 − p_i) (M_ji e_i)²`, where leaving pair `i` out moves the estimate `M g` by `M_ji e_i`, with `e` the error of
/// predicting a pair from the others; `1 − p` corrects for drawing from finitely many.
fn errors(map: &Matrix, left: &[Vec<f64>], undrawn: &[f64]) -> Vec<Vec<f64>> {
    let squares = Matrix::from_fn(map.rows(), map.columns(), |player, pair| map.get(player, pair).powi(2));
    let of = |left: &Vec<f64>| {
        let moves: Vec<f64> = left.iter().zip(undrawn).map(|(left, undrawn)| undrawn * left * left).collect();
        squares.times(&moves).into_iter().map(f64::sqrt).collect()
    };
    left.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::super::design::Design;
    use super::*;
    use crate::numeric::seed::generator;

    const PLAYERS: usize = 14;

    /// A game of products `c Π_{j ∈ T} u_j` over sets of one, three and five players: `φ_j = Σ_{T ∋ j} 2 c / |T|`.
    fn game(seed: u64) -> Vec<(f64, Vec<usize>)> {
        let mut random = generator(seed, "game", 0);
        let mut term = |size: usize, scale: f64| {
            let players = rand::seq::index::sample(&mut random, PLAYERS, size).into_vec();
            (scale * (random.random::<f64>() - 0.5), players)
        };
        let mut terms: Vec<(f64, Vec<usize>)> = (0..20).map(|_| term(1, 4.0)).collect();
        terms.extend((0..60).map(|_| term(3, 0.5)));
        terms.extend((0..60).map(|_| term(5, 0.2)));
        terms
    }

    /// Errors over standard errors, of all players of some games, with a process conditioned on `most` of 400 pairs.
    fn scores(most: usize) -> Vec<f64> {
        let mut scores = Vec::new();
        for seed in 0..20 {
            let terms = game(seed);
            let mut design = Design::new(PLAYERS, generator(seed, "pairs", 0));
            design.grow(400);
            let members: Vec<&[bool]> = design.pairs().collect();
            let sign = |pair: usize, player: usize| if members[pair][player] { 1.0 } else { -1.0 };
            let value = |sign: &dyn Fn(usize) -> f64| terms.iter().map(|(c, of)| c * of.iter().map(|j| sign(*j)).product::<f64>()).sum();
            let pairs = Pairs {
                signs: Matrix::from_fn(members.len(), PLAYERS, sign),
                weights: design.weights(),
                undrawn: design.undrawn(),
                odd: vec![(0..members.len()).map(|pair| value(&|player| sign(pair, player))).collect()],
                whole: vec![value(&|_| 1.0)],
            };
            let squares = LeastSquares::new(&pairs).unwrap();
            let main = squares.values(&squares.map, &pairs, 1.0);
            let proxy = Proxy::fit(&pairs, &squares, &main, most).unwrap();
            let values = squares.values(&proxy.map, &pairs, 2.0);
            let errors = errors(&proxy.map, &proxy.left, &pairs.undrawn);
            for player in 0..PLAYERS {
                let exact: f64 = terms.iter().filter(|(_, of)| of.contains(&player)).map(|(c, of)| 2.0 * c / of.len() as f64).sum();
                scores.push((values[0][player] - exact) / errors[0][player]);
            }
        }
        scores
    }

    #[test]
    fn standard_errors_are_as_large_as_errors_whether_or_not_the_process_saw_all_pairs() {
        for most in [400, 399, 150] {
            let scores = scores(most);
            let spread = (scores.iter().map(|score| score * score).sum::<f64>() / scores.len() as f64).sqrt();
            assert!((0.5..1.6).contains(&spread), "{most}: errors are {spread} standard errors");
        }
    }
}
