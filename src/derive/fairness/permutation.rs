//! Permutation tests of differences between two groups over fixed attributions, and their correction for many features.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

use crate::numeric::seed;

/// Permutations drawn; the smallest p-value is one over one more.
const PERMUTATIONS: u64 = 999;

/// A seeded sample's rows of two groups.
#[derive(Clone, Debug, Default)]
pub(super) struct TwoGroups {
    /// Values of each row, one a feature.
    pub values: Vec<Vec<f64>>,
    /// The rows' weights.
    pub weights: Vec<f64>,
    /// How much of a row is in the first group, and how much in the second.
    pub shares: Vec<[f64; 2]>,
}

impl TwoGroups {
    /// For each feature the share of divisions of the rows into groups of the same sizes, the given one counted in, whose means differ by as
    /// much as the given one's: p = (1 + #{|difference| ≥ |given|}) / (1 + permutations) (Phipson & Smyth 2010, eq. 2).
    ///
    /// A permutation hands each row the shares of another; weights and values stay. `None` if a group has no rows of weight.
    pub fn p_values(&self, seed: u64, purpose: &str) -> Option<Vec<f64>> {
        let features = self.values.first()?.len();
        let own: Vec<usize> = (0..self.shares.len()).collect();
        let given = differences(&self.sums(&own, features))?;
        let reached = |order: &mut Vec<usize>, permutation: u64| {
            order.clone_from(&own);
            shuffle(order, &mut seed::generator(seed, purpose, permutation));
            // Equal but for the order of the sums counts as equal.
            let reaches = |(difference, given): (&f64, &f64)| u64::from(difference.abs() >= given.abs() * (1.0 - 1e-12));
            let differences = differences(&self.sums(order, features));
            differences.map_or_else(|| vec![0; features], |differences| differences.iter().zip(&given).map(reaches).collect())
        };
        let add = |sums: Vec<u64>, more: Vec<u64>| sums.iter().zip(&more).map(|(sum, more)| sum + more).collect();
        let counts = (0..PERMUTATIONS).into_par_iter().map_init(Vec::new, reached).reduce(|| vec![0; features], add);
        Some(counts.into_iter().map(|reached| (1 + reached) as f64 / (1 + PERMUTATIONS) as f64).collect())
    }

    /// Σ w·share, then Σ w·share·value of each feature, for both groups, rows having the shares of those that `order` names.
    fn sums(&self, order: &[usize], features: usize) -> [Vec<f64>; 2] {
        let mut sums = [vec![0.0; features + 1], vec![0.0; features + 1]];
        for ((values, weight), other) in self.values.iter().zip(&self.weights).zip(order) {
            for (sums, share) in sums.iter_mut().zip(self.shares[*other]).filter(|(_, share)| *share > 0.0) {
                let part = weight * share;
                sums[0] += part;
                sums[1..].iter_mut().zip(values).for_each(|(sum, value)| *sum += part * value);
            }
        }
        sums
    }
}

/// Fisher and Yates' shuffle.
fn shuffle(order: &mut [usize], random: &mut ChaCha8Rng) {
    for place in (1..order.len()).rev() {
        let drawn = ((u64::from(random.next_u32()) * (place + 1) as u64) >> 32) as usize;
        order.swap(place, drawn);
    }
}

/// Mean of the first group less that of the second, for each feature.
fn differences([first, second]: &[Vec<f64>; 2]) -> Option<Vec<f64>> {
    let difference = |(a, b): (&f64, &f64)| a / first[0] - b / second[0];
    (first[0] > 0.0 && second[0] > 0.0).then(|| first[1..].iter().zip(&second[1..]).map(difference).collect())
}

/// q-values: the false discovery rate at which each would be called a discovery (Benjamini & Hochberg 1995); absent ones stay absent.
pub(super) fn q_values(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut known: Vec<(usize, f64)> = p_values.iter().enumerate().filter_map(|(place, p)| Some((place, (*p)?))).collect();
    known.sort_by(|a, b| a.1.total_cmp(&b.1));
    let (count, mut q_values, mut least) = (known.len() as f64, vec![None; p_values.len()], 1.0_f64);
    for (rank, (place, p)) in known.into_iter().enumerate().rev() {
        least = least.min(p * count / (rank + 1) as f64);
        q_values[place] = Some(least);
    }
    q_values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(row: u32, column: u32, run: u32) -> f64 {
        let x = seed::derive(u64::from(run), "noise", u64::from(row * 8 + column));
        (x >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn hard(first: bool) -> [f64; 2] {
        if first { [1.0, 0.0] } else { [0.0, 1.0] }
    }

    #[test]
    fn p_values_are_uniform_where_there_is_no_difference() {
        // 300 runs of 2 features: the share of p ≤ t is t within 4 standard errors.
        let mut all = Vec::new();
        for run in 0..300 {
            let values = (0..40).map(|row| vec![noise(row, 0, run), noise(row, 1, run)]).collect();
            let groups = TwoGroups { values, weights: vec![1.0; 40], shares: (0..40).map(|row| hard(row < 13)).collect() };
            all.extend(groups.p_values(u64::from(run), "test").unwrap());
        }
        for t in [0.05, 0.1, 0.25, 0.5, 0.75, 0.9] {
            let share = all.iter().filter(|p| **p <= t).count() as f64 / all.len() as f64;
            assert!((share - t).abs() < 4.0 * (t * (1.0 - t) / all.len() as f64).sqrt(), "{t}: {share}");
        }
    }

    #[test]
    fn p_values_of_likely_groups_are_uniform_too() {
        let mut all = Vec::new();
        for run in 0..300 {
            let values = (0..40).map(|row| vec![noise(row, 0, run)]).collect();
            let shares = (0..40).map(|row| noise(row, 1, run)).map(|share| [share, 0.9 * (1.0 - share)]).collect();
            all.extend(TwoGroups { values, weights: vec![1.0; 40], shares }.p_values(u64::from(run), "test").unwrap());
        }
        for t in [0.1, 0.25, 0.5, 0.75] {
            let share = all.iter().filter(|p| **p <= t).count() as f64 / all.len() as f64;
            assert!((share - t).abs() < 4.0 * (t * (1.0 - t) / all.len() as f64).sqrt(), "{t}: {share}");
        }
    }

    #[test]
    fn a_clear_difference_has_the_smallest_p_and_none_has_one() {
        let values = (0..60).map(|row| vec![if row < 20 { 5.0 } else { 0.0 } + noise(row, 0, 1), 1.0]).collect();
        let groups = TwoGroups { values, weights: vec![2.0; 60], shares: (0..60).map(|row| hard(row < 20)).collect() };
        assert_eq!(groups.p_values(3, "test").unwrap(), [0.001, 1.0]);
        assert_eq!(TwoGroups { shares: vec![[1.0, 0.0]; 60], ..groups }.p_values(3, "test"), None);
    }

    #[test]
    fn small_samples_meet_the_exact_distribution() {
        // Of the 20 divisions of 1, 2, 3, 10, 11, 12 into threes, only {1, 2, 3} and {10, 11, 12} are as far apart: p → 2/20.
        let values = [1.0, 2.0, 3.0, 10.0, 11.0, 12.0].map(|x| vec![x]).to_vec();
        let groups = TwoGroups { values, weights: vec![1.0; 6], shares: [true, true, true, false, false, false].map(hard).to_vec() };
        let p = groups.p_values(5, "test").unwrap()[0];
        assert!((p - 0.1).abs() < 4.0 * (0.1_f64 * 0.9 / 1000.0).sqrt(), "{p}");
    }

    #[test]
    fn q_values_are_those_of_scipy() {
        // scipy.stats.false_discovery_control([0.01, 0.04, 0.03, 0.5, 0.005]) = [0.025, 0.05, 0.05, 0.5, 0.025].
        let found = q_values(&[Some(0.01), None, Some(0.04), Some(0.03), Some(0.5), Some(0.005)]);
        let expected = [Some(0.025), None, Some(0.05), Some(0.05), Some(0.5), Some(0.025)];
        assert!(found.iter().zip(expected).all(|(q, expected)| match (q, expected) {
            (Some(q), Some(expected)) => (q - expected).abs() < 1e-15,
            (q, expected) => *q == expected,
        }));
        assert!(q_values(&[]).is_empty());
    }
}
