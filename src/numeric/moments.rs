//! Weighted mean and variance that merge.

use super::sum::paired_sum;

/// Weight, mean and sum of squared deviations of some values.
///
/// Two passes over each batch, and batches combined as in Chan, Golub & LeVeque (1983), eq. 1.5, with weights for counts: no
/// cancellation, whatever the ratio of mean to deviation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// Σ w.
    pub weight: f64,
    /// Σ w·x / Σ w; zero where there is no weight.
    pub mean: f64,
    /// Σ w·(x − mean)².
    pub deviations: f64,
}

impl Moments {
    /// Of values with their weights, which are finite and ≥ 0.
    pub fn of(values: &[f64], weights: &[f64]) -> Self {
        let weight = paired_sum(weights, weights, |w, _| w);
        if weight == 0.0 {
            return Self::default();
        }
        let mean = paired_sum(values, weights, |x, w| w * x) / weight;
        let deviations = paired_sum(values, weights, |x, w| w * (x - mean) * (x - mean));
        Self { weight, mean, deviations }
    }

    /// Of each of `size` columns of rows that lie one after another, with the rows' weights.
    pub fn of_columns(values: &[f64], weights: &[f64], size: usize) -> Vec<Self> {
        let weight = paired_sum(weights, weights, |w, _| w);
        let mut moments = vec![Self { weight, ..Self::default() }; size];
        if weight == 0.0 || size == 0 {
            return vec![Self::default(); size];
        }
        let rows = || values.chunks_exact(size).zip(weights);
        for (row, w) in rows() {
            moments.iter_mut().zip(row).for_each(|(moments, x)| moments.mean += w * x);
        }
        moments.iter_mut().for_each(|moments| moments.mean /= weight);
        for (row, w) in rows() {
            moments.iter_mut().zip(row).for_each(|(moments, x)| moments.deviations += w * (x - moments.mean) * (x - moments.mean));
        }
        moments
    }

    /// Adds the moments of other values.
    pub fn merge(&mut self, other: Self) {
        let weight = self.weight + other.weight;
        if other.weight == 0.0 {
            return;
        }
        let difference = other.mean - self.mean;
        self.deviations += other.deviations + difference * difference * (self.weight * (other.weight / weight));
        self.mean += difference * (other.weight / weight);
        self.weight = weight;
    }

    /// √(Σ w·(x − mean)² / Σ w), the deviation of the values themselves (no n − 1).
    pub fn deviation(&self) -> f64 {
        (self.deviations / self.weight).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_small_integers_are_exact() {
        // 2, 4, 4, 4, 5, 5, 7, 9 has mean 5 and deviation 2; here with 4 and 5 weighted.
        let moments = Moments::of(&[2.0, 4.0, 5.0, 7.0, 9.0], &[1.0, 3.0, 2.0, 1.0, 1.0]);
        assert_eq!((moments.weight, moments.mean, moments.deviation()), (8.0, 5.0, 2.0));
        let columns = Moments::of_columns(&[2.0, 0.0, 4.0, 0.0, 5.0, 0.0, 7.0, 0.0, 9.0, 1.0], &[1.0, 3.0, 2.0, 1.0, 1.0], 2);
        assert_eq!((columns[0], columns[1].mean), (moments, 0.125));
        assert_eq!(Moments::of_columns(&[2.0, 0.0], &[0.0], 2), vec![Moments::default(); 2]);
    }

    #[test]
    fn merging_is_the_same_as_seeing_all() {
        let values: Vec<f64> = (0..100).map(|i| 1e9 + f64::from(i * i % 37)).collect();
        let weights: Vec<f64> = (0..100).map(|i| f64::from(i % 5)).collect();
        let all = Moments::of(&values, &weights);
        for cut in [0, 1, 5, 50, 99, 100] {
            let mut merged = Moments::of(&values[..cut], &weights[..cut]);
            merged.merge(Moments::of(&values[cut..], &weights[cut..]));
            assert_eq!(merged.weight, all.weight);
            assert!((merged.mean / all.mean - 1.0).abs() < 1e-15);
            // Deviations of about 10 around 1e9 keep some nine digits in f64.
            assert!((merged.deviation() / all.deviation() - 1.0).abs() < 1e-9);
        }
    }
}
