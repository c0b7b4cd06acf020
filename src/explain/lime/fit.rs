//! A row's linear model: K-LASSO chooses the features, weighted ridge fits them (Ribeiro, Singh & Guestrin 2016, algorithm 1).

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_lars::Lars;
use ndarray::{Array1, Array2};

use crate::numeric::dense::{Cholesky, Matrix};

/// Penalty α of the ridge regression.
const RIDGE: f64 = 1.0;

/// Variance, as a share of the largest there can be, below which a feature's bit is constant.
const CONSTANT: f64 = 1e-12;

/// What is said of bits whose covariance has no factor, which rounding alone could be to blame for.
const SINGULAR: &str = "the perturbed rows do not tell the features apart; raise explain.lime.samples";

/// What is said of outputs that a fit would lose in infinities.
const OVERFLOW: &str =
    "the model's predictions are too large for a linear model, as their squares overflow; explain probabilities, or switch lime off";

/// Weighted moments of the bits and one output, about their weighted means.
#[derive(Debug)]
pub(super) struct Moments<'m> {
    /// Σ weights.
    pub weight: f64,
    /// Weighted means of the bits.
    pub means: &'m [f64],
    /// Σ w (b_j − b̄_j)(b_k − b̄_k).
    pub bits: &'m Matrix,
    /// Σ w (b_j − b̄_j)(y − ȳ).
    pub target: Vec<f64>,
    /// Weighted mean of the output.
    pub mean: f64,
    /// Σ w (y − ȳ)².
    pub variance: f64,
}

/// A fitted linear model.
#[derive(Debug)]
pub(super) struct Linear {
    /// One coefficient a feature.
    pub coefficients: Vec<f64>,
    /// Value where no bit is set.
    pub intercept: f64,
    /// Weighted R² on the perturbed rows; one where the output does not vary.
    pub fidelity: f64,
}

impl Moments<'_> {
    /// The model of at most `features` features.
    ///
    /// # Errors
    /// If the features cannot be told apart, or squares of outputs overflow.
    pub fn fit(&self, features: usize) -> Result<Linear, String> {
        if !(self.weight * self.variance).is_finite() {
            return Err(OVERFLOW.into());
        }
        let chosen = self.choose(features)?;
        let normal =
            Matrix::from_fn(chosen.len(), chosen.len(), |a, b| self.bits.get(chosen[a], chosen[b]) + if a == b { RIDGE } else { 0.0 });
        let target = Matrix::from_fn(1, chosen.len(), |_, a| self.target[chosen[a]]);
        let solution = Cholesky::new(normal).ok_or(SINGULAR)?.solve(target);
        let mut coefficients = vec![0.0; self.means.len()];
        chosen.iter().enumerate().for_each(|(place, &feature)| coefficients[feature] = solution.get(0, place));
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let through: Vec<f64> =
            (0..self.means.len()).map(|row| chosen.iter().map(|&k| self.bits.get(row, k) * coefficients[k]).sum()).collect();
        let left = self.variance - 2.0 * dot(&coefficients, &self.target) + dot(&coefficients, &through);
        let varies = self.variance > f64::EPSILON * self.weight * self.mean * self.mean;
        Ok(Linear {
            intercept: self.mean - dot(&coefficients, self.means),
            fidelity: if varies { 1.0 - left / self.variance } else { 1.0 },
            coefficients,
        })
    }

    /// The first `features` features on the path of least-angle regression (Efron et al. 2004).
    ///
    /// The lasso's path differs only from where a coefficient crosses zero on: bits are drawn independently, so that this is rare; on 2 100 simulated
    /// neighbourhoods of 10 to 60 features both choose the same.
    /// The path depends on the rows through their moments alone: with `G = LLᵀ`, the rows of `Lᵀ` and the targets `L⁻¹ c` have the same.
    fn choose(&self, features: usize) -> Result<Vec<usize>, String> {
        let vary: Vec<usize> = (0..self.means.len()).filter(|&j| self.bits.get(j, j) > CONSTANT * self.weight).collect();
        if vary.len() <= features || self.variance <= 0.0 {
            return Ok(vary);
        }
        let share = |a: usize, b: usize| self.bits.get(vary[a], vary[b]) / self.weight + if a == b { CONSTANT } else { 0.0 };
        let lower = Cholesky::new(Matrix::from_fn(vary.len(), vary.len(), share)).ok_or(SINGULAR)?;
        let size = (self.weight * self.variance).sqrt();
        let mut solved = Matrix::from_fn(1, vary.len(), |_, place| self.target[vary[place]] / size);
        lower.forward(&mut solved);
        let rows = Array2::from_shape_fn((vary.len(), vary.len()), |(row, column)| lower.get(column, row));
        let targets = Array1::from_shape_fn(vary.len(), |row| solved.get(0, row));
        let path = Lars::params().fit_intercept(false).n_nonzero_coefs(features).fit(&DatasetBase::new(rows, targets));
        let path = path.map_err(|error| format!("least-angle regression finds no features: {error}"))?;
        let mut chosen: Vec<usize> = path.active().iter().take(features).map(|&place| vary[place]).collect();
        chosen.sort_unstable();
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_whose_squares_overflow_are_refused() {
        let bits = Matrix::from_fn(3, 3, |a, b| if a == b { 100.0 } else { 0.0 });
        let [mean, variance] = [1e300, f64::INFINITY];
        let of = Moments { weight: 400.0, means: &[0.5; 3], bits: &bits, target: vec![1e300, 2e300, -1e300], mean, variance };
        assert_eq!(of.fit(2).unwrap_err(), OVERFLOW);
        let of = Moments { target: vec![1.0, 2.0, -1.0], mean: 1.0, variance: 30.0, ..of };
        assert!(of.fit(2).is_ok());
    }
}
