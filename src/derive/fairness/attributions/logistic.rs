//! Logistic regression with a ridge, on standardised columns.

use crate::numeric::dense::{Cholesky, Matrix};

/// Newton steps at most; a handful is enough unless the columns separate the classes.
const STEPS: usize = 50;

/// Largest component of a step that still counts as moving.
const TOLERANCE: f64 = 1e-10;

/// A fitted model: the log-odds of the first class are `intercept + Σ coefficient·(x − mean) / deviation`.
#[derive(Clone, Debug)]
pub(super) struct Logistic {
    means: Vec<f64>,
    /// Standard deviations; zero of a column that does not vary, which then does not count.
    deviations: Vec<f64>,
    intercept: f64,
    /// One a column, a standard deviation being the unit.
    pub coefficients: Vec<f64>,
}

/// A row: its values, and its weight in the first class and in the second.
pub(super) type Observation<'a> = (&'a [f64], [f64; 2]);

impl Logistic {
    /// Minimises ½·|β|² − Σ [w₁·ln p + w₂·ln(1 − p)], weights being scaled to a mean of one row, by Newton's method; the intercept is not shrunk.
    ///
    /// `None` if there is nothing to learn from.
    pub fn fit(rows: &[Observation<'_>]) -> Option<Self> {
        let columns = rows.first()?.0.len();
        let weight: f64 = rows.iter().flat_map(|row| row.1).sum();
        let scale = rows.len() as f64 / weight;
        let mean_of = |f: &dyn Fn(&[f64]) -> f64| rows.iter().map(|(x, w)| (w[0] + w[1]) * f(x)).sum::<f64>() / weight;
        let means: Vec<f64> = (0..columns).map(|column| mean_of(&|x| x[column])).collect();
        let deviations = means.iter().enumerate().map(|(column, mean)| {
            let deviation = mean_of(&|x| (x[column] - mean).powi(2)).sqrt();
            if deviation > 1e-12 * mean.abs() { deviation } else { 0.0 }
        });
        let mut model = Self { deviations: deviations.collect(), means, intercept: 0.0, coefficients: vec![0.0; columns] };
        let standardised: Vec<Vec<f64>> = rows.iter().map(|(x, _)| model.standardised(x)).collect();
        let weights: Vec<[f64; 2]> = rows.iter().map(|(_, w)| w.map(|w| w * scale)).collect();
        let mut beta = vec![0.0; columns + 1];
        let mut loss = penalised(&standardised, &weights, &beta);
        for _ in 0..STEPS {
            let step = newton(&standardised, &weights, &beta)?;
            let moved = |by: f64| beta.iter().zip(&step).map(|(beta, step)| beta - by * step).collect::<Vec<f64>>();
            // The loss is convex: some fraction of a Newton step lowers it.
            let tried = (0..30).map(|halvings| moved(0.5_f64.powi(halvings)));
            let better = tried.map(|beta| (penalised(&standardised, &weights, &beta), beta)).find(|(new, _)| *new <= loss);
            let Some((lower, found)) = better else { break };
            (loss, beta) = (lower, found);
            if step.iter().all(|step| step.abs() < TOLERANCE) {
                break;
            }
        }
        model.intercept = beta[0];
        model.coefficients.copy_from_slice(&beta[1..]);
        Some(model)
    }

    fn standardised(&self, x: &[f64]) -> Vec<f64> {
        let one = |((x, mean), deviation): ((&f64, &f64), &f64)| if *deviation > 0.0 { (x - mean) / deviation } else { 0.0 };
        x.iter().zip(&self.means).zip(&self.deviations).map(one).collect()
    }

    /// The log-odds of a row.
    pub fn score(&self, x: &[f64]) -> f64 {
        self.intercept + self.standardised(x).iter().zip(&self.coefficients).map(|(x, coefficient)| x * coefficient).sum::<f64>()
    }
}

fn odds(x: &[f64], beta: &[f64]) -> f64 {
    beta[0] + x.iter().zip(&beta[1..]).map(|(x, beta)| x * beta).sum::<f64>()
}

/// ½·|β|² + Σ [w₁·ln(1 + e⁻ᶻ) + w₂·ln(1 + eᶻ)].
fn penalised(rows: &[Vec<f64>], weights: &[[f64; 2]], beta: &[f64]) -> f64 {
    let softplus = |z: f64| z.max(0.0) + libm::log1p(libm::exp(-z.abs()));
    let one = |(x, w): (&Vec<f64>, &[f64; 2])| {
        let z = odds(x, beta);
        w[0] * softplus(-z) + w[1] * softplus(z)
    };
    rows.iter().zip(weights).map(one).sum::<f64>() + beta[1..].iter().map(|beta| beta * beta / 2.0).sum::<f64>()
}

/// H⁻¹·g with g = Σ (w·p − w₁)·x + β and H = Σ w·p·(1 − p)·x·xᵀ + I.
fn newton(rows: &[Vec<f64>], weights: &[[f64; 2]], beta: &[f64]) -> Option<Vec<f64>> {
    let size = beta.len();
    let mut gradient: Vec<f64> = beta.iter().enumerate().map(|(place, beta)| if place == 0 { 0.0 } else { *beta }).collect();
    let mut hessian = vec![0.0; size * size];
    for (x, w) in rows.iter().zip(weights) {
        let (weight, p) = (w[0] + w[1], 1.0 / (1.0 + libm::exp(-odds(x, beta))));
        let (residual, curvature) = (weight * p - w[0], weight * p * (1.0 - p));
        let x = |place: usize| if place == 0 { 1.0 } else { x[place - 1] };
        for row in 0..size {
            gradient[row] += residual * x(row);
            let scaled = curvature * x(row);
            hessian[row * size..][..=row].iter_mut().enumerate().for_each(|(column, cell)| *cell += scaled * x(column));
        }
    }
    let ridge = |row: usize, column: usize| if row == column && row > 0 { 1.0 } else { 0.0 };
    let hessian = Matrix::from_fn(size, size, |row, column| hessian[row.max(column) * size + row.min(column)] + ridge(row, column));
    let solved = Cholesky::new(hessian)?.solve(Matrix::from_fn(1, size, |_, place| gradient[place]));
    let step: Vec<f64> = (0..size).map(|place| solved.get(0, place)).collect();
    step.iter().all(|step| step.is_finite()).then_some(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_those_of_scikit_learn() {
        // LogisticRegression(C=1, tol=1e-12) on StandardScaler().fit_transform(X), scikit-learn 1.9.1.
        let x = [[0.0, 1.0], [1.0, 3.0], [2.0, -1.0], [3.0, 0.5], [4.0, 2.0], [5.0, -2.0], [6.0, 0.0], [7.0, 1.5]];
        let y = [false, false, true, false, true, false, true, true];
        let rows: Vec<Observation> = x.iter().zip(y).map(|(x, y)| (&x[..], if y { [3.0, 0.0] } else { [0.0, 3.0] })).collect();
        let fitted = Logistic::fit(&rows).unwrap();
        for (found, expected) in fitted.coefficients.iter().chain([&fitted.intercept]).zip([
            0.788_192_260_117_755_8,
            0.125_078_110_759_299_73,
            0.004_333_392_149_998_83,
        ]) {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }

    #[test]
    fn separated_classes_and_columns_that_do_not_vary_have_an_end() {
        let x = [[0.0, 7.0], [0.0, 7.0], [1e9, 7.0], [1e9, 7.0]];
        let rows: Vec<Observation> = x.iter().enumerate().map(|(row, x)| (&x[..], if row < 2 { [0.0, 1.0] } else { [1.0, 0.0] })).collect();
        let fitted = Logistic::fit(&rows).unwrap();
        assert!(fitted.coefficients[0] > 0.0 && fitted.coefficients[1] == 0.0);
        assert!(fitted.score(&[1e9, 7.0]) > 0.0 && fitted.score(&[0.0, 7.0]) < 0.0);
        assert!(Logistic::fit(&[]).is_none());
    }
}
