//! Gauss–Legendre quadrature on [0, 1], the exact integrator of the Shapley weights.

/// Nodes `t` and weights `w` of a rule: `∫₀¹ p(t) dt = Σ w·p(t)` for polynomials of degree ≤ `2n − 1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Nodes, strictly inside (0, 1), ascending.
    pub nodes: Vec<f64>,
    /// Weights, positive, summing to one.
    pub weights: Vec<f64>,
}

/// The `n`-point Gauss–Legendre rule on [0, 1], nodes and weights to about one unit in the last place.
///
/// Newton's method on the Legendre polynomial `P_n` from the Chebyshev-like first guess
/// `cos(π(i − ¼)/(n + ½))` (Abramowitz & Stegun 25.4.29), mapped from [−1, 1].
pub fn gauss_legendre(n: usize) -> Rule {
    let mut rule = Rule { nodes: vec![0.5; n], weights: vec![1.0; n] };
    for i in 0..n.div_ceil(2) {
        let guess = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let (root, slope) = newton_root(n, guess);
        // (1 − x)/2 for the root near +1 keeps the small node's relative precision.
        let near = (1.0 - root) / 2.0;
        let weight = 1.0 / ((1.0 - root) * (1.0 + root) * slope * slope);
        rule.nodes[i] = near;
        rule.nodes[n - 1 - i] = 1.0 - near;
        rule.weights[i] = weight;
        rule.weights[n - 1 - i] = weight;
    }
    if n % 2 == 1 {
        rule.nodes[n / 2] = 0.5;
    }
    rule
}

/// A root of `P_n` near `x`, and the derivative there.
fn newton_root(n: usize, mut x: f64) -> (f64, f64) {
    let mut slope = 1.0;
    for _ in 0..100 {
        let (value, derivative) = legendre(n, x);
        slope = derivative;
        let step = value / derivative;
        x -= step;
        if step.abs() <= 1e-17 {
            break;
        }
    }
    (x, slope.abs().max(legendre(n, x).1.abs()))
}

/// `P_n(x)` and `P_n′(x)` by the three-term recurrence, |x| < 1.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    if n == 0 {
        return (1.0, 0.0);
    }
    for k in 2..=n {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, n as f64 * (before - x * value) / ((1.0 - x) * (1.0 + x)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrates_every_monomial_up_to_twice_its_order() {
        for n in 1..=64 {
            let rule = gauss_legendre(n);
            for degree in 0..2 * n {
                let sum: f64 = rule.nodes.iter().zip(&rule.weights).map(|(t, w)| w * t.powi(degree as i32)).sum();
                let exact = 1.0 / (degree as f64 + 1.0);
                assert!((sum - exact).abs() <= 4e-14 * exact, "n={n} degree={degree}: {sum} against {exact}");
            }
        }
    }

    #[test]
    fn agrees_with_the_closed_form_of_two_points() {
        let rule = gauss_legendre(2);
        let offset = 0.5 / 3f64.sqrt();
        assert!((rule.nodes[0] - (0.5 - offset)).abs() < 1e-16);
        assert!((rule.weights[0] - 0.5).abs() < 1e-15 && (rule.weights[1] - 0.5).abs() < 1e-15);
    }
}
