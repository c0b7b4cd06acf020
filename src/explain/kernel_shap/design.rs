//! Which coalitions are evaluated: complementary pairs, without replacement, every size as likely.
//!
//! Leverage scores of Shapley regression are equal for all sizes (Musco & Witter, ICLR 2025, arXiv 2410.01917): sizes get equal shares of the pairs
//! until all their coalitions are drawn, and coalitions of a size are drawn uniformly. With `π(s) = (d − 1) / (C(d, s) · s · (d − s))` the
//! Shapley kernel and `p` the share of a size's pairs that is drawn, a pair has the regression weight `2 π / p`.

use std::collections::HashSet;

use rand::seq::index;
use rand_chacha::ChaCha8Rng;

/// Pairs drawn so far; it can grow, and what was drawn stays.
#[derive(Debug)]
pub(super) struct Design {
    players: usize,
    rng: ChaCha8Rng,
    strata: Vec<Stratum>,
    /// In the order of drawing: the smaller of a pair, and its stratum.
    pairs: Vec<(Vec<bool>, usize)>,
}

/// The pairs of coalitions of `size` and of `players − size` players.
#[derive(Debug)]
struct Stratum {
    size: usize,
    /// Pairs there are; infinite where a number cannot hold them.
    capacity: f64,
    drawn: HashSet<Vec<bool>>,
}

impl Stratum {
    /// Its share of the pairs: two sizes, or one where both are the same.
    fn share(&self, players: usize) -> f64 {
        if 2 * self.size == players { 1.0 } else { 2.0 }
    }
}

impl Design {
    /// Nothing drawn yet, of at least two players.
    pub fn new(players: usize, rng: ChaCha8Rng) -> Self {
        let stratum = |size: usize| {
            let coalitions: f64 = (0..size).map(|k| (players - k) as f64 / (k + 1) as f64).product();
            let capacity = if 2 * size == players { coalitions / 2.0 } else { coalitions };
            Stratum { size, capacity: capacity.round(), drawn: HashSet::new() }
        };
        Self { players, rng, strata: (1..=players / 2).map(stratum).collect(), pairs: Vec::new() }
    }

    /// Draws until there are about `pairs` pairs, fewer than exist.
    pub fn grow(&mut self, pairs: usize) {
        let mut before = 0.0;
        for (number, wanted) in self.allocation(pairs as f64).into_iter().enumerate() {
            let count = (before + wanted + 0.5).floor() - (before + 0.5_f64).floor();
            before += wanted;
            self.draw(number, count as usize);
        }
    }

    /// Pairs for each size: `min(capacity, share · c)`, with `c` such that they sum to `pairs`.
    fn allocation(&self, pairs: f64) -> Vec<f64> {
        let at = |c: f64| self.strata.iter().map(move |stratum| stratum.capacity.min(stratum.share(self.players) * c));
        let (mut low, mut high) = (0.0, pairs);
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if at(middle).sum::<f64>() < pairs { low = middle } else { high = middle }
        }
        at(high).collect()
    }

    fn draw(&mut self, number: usize, count: usize) {
        let stratum = &mut self.strata[number];
        while stratum.drawn.len() < count && (stratum.drawn.len() as f64) < stratum.capacity {
            let mut members = vec![false; self.players];
            index::sample(&mut self.rng, self.players, stratum.size).iter().for_each(|player| members[player] = true);
            // Of a pair of equal sizes, the one without the first player.
            if 2 * stratum.size == self.players && members[0] {
                members.iter_mut().for_each(|member| *member = !*member);
            }
            if stratum.drawn.insert(members.clone()) {
                self.pairs.push((members, number));
            }
        }
    }

    /// The smaller coalition of each pair.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = &[bool]> {
        self.pairs.iter().map(|(members, _)| members.as_slice())
    }

    /// Each pair's regression weight `2 π / p`.
    pub fn weights(&self) -> Vec<f64> {
        let weight = |stratum: &Stratum| {
            let (d, s) = (self.players as f64, stratum.size as f64);
            stratum.share(self.players) * (d - 1.0) / (s * (d - s) * stratum.drawn.len() as f64)
        };
        let weights: Vec<f64> = self.strata.iter().map(weight).collect();
        self.pairs.iter().map(|(_, stratum)| weights[*stratum]).collect()
    }

    /// For each pair the share of its size's pairs that is not drawn, `1 − p`.
    pub fn undrawn(&self) -> Vec<f64> {
        let undrawn = |stratum: &Stratum| 1.0 - stratum.drawn.len() as f64 / stratum.capacity;
        let undrawn: Vec<f64> = self.strata.iter().map(undrawn).collect();
        self.pairs.iter().map(|(_, stratum)| undrawn[*stratum]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::seed::generator;

    fn drawn(players: usize, pairs: &[usize]) -> Design {
        let mut design = Design::new(players, generator(3, "test", 5));
        pairs.iter().for_each(|&pairs| design.grow(pairs));
        design
    }

    #[test]
    fn pairs_are_distinct_and_small_sizes_are_whole() {
        for (players, pairs) in [(4, 6), (9, 100), (10, 300), (32, 1023), (200, 402), (2000, 4002)] {
            let design = drawn(players, &[pairs]);
            assert!(design.pairs().len().abs_diff(pairs) <= 1, "{players}: {}", design.pairs().len());
            let mut seen = HashSet::new();
            for pair in design.pairs() {
                let other: Vec<bool> = pair.iter().map(|member| !member).collect();
                assert!(!seen.contains(&other) && seen.insert(pair.to_vec()));
            }
            if players < 100 {
                assert_eq!(design.pairs().filter(|pair| pair.iter().filter(|member| **member).count() == 1).count(), players.min(pairs));
            }
        }
    }

    /// Σ over all pairs of 2π is Σ_s (d − 1) / (s (d − s)) over the sizes, whatever was drawn.
    #[test]
    fn weights_stand_for_all_coalitions() {
        for (players, pairs) in [(9, 100), (10, 300), (32, 1023), (2000, 4002)] {
            let total: f64 = drawn(players, &[pairs]).weights().iter().sum();
            let expected: f64 = (1..players).map(|s| (players - 1) as f64 / (s * (players - s)) as f64).sum();
            assert!((total - expected).abs() < 1e-12 * expected);
        }
    }

    #[test]
    fn what_was_drawn_stays() {
        let (once, grown) = (drawn(20, &[100]), drawn(20, &[100, 400]));
        assert!(once.pairs().zip(grown.pairs()).all(|(a, b)| a == b));
        assert!(grown.pairs().len().abs_diff(400) <= 1);
        assert!(grown.undrawn().iter().all(|share| (0.0..1.0).contains(share)));
    }
}
