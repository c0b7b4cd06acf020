//! From margins (raw scores) to predictions.

/// The function from a row's margins to its predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The margin itself.
    Identity,
    /// 1 / (1 + e^−m), a probability.
    Logistic,
    /// e^m.
    Exp,
    /// e^m_k / Σ e^m, class probabilities.
    Softmax,
    /// 1 where the margin is positive, else 0 (hinge loss).
    Step,
    /// The margins in ascending order, so that quantiles do not cross.
    Ascending,
    /// Running sums of ε + ln(1 + e^m_k) from the first margin on, so that expectiles do not cross.
    Gaps,
    /// The first margin itself and e^2m of the second: a mean and a variance.
    MeanVariance,
}

impl Link {
    /// Name in `inspect` and the manifest.
    pub fn name(self) -> &'static str {
        match self {
            Link::Identity => "identity",
            Link::Logistic => "logistic",
            Link::Exp => "exp",
            Link::Softmax => "softmax",
            Link::Step => "step",
            Link::Ascending => "ascending",
            Link::Gaps => "gaps",
            Link::MeanVariance => "mean_variance",
        }
    }

    /// Whether predictions are probabilities.
    pub fn is_probability(self) -> bool {
        matches!(self, Link::Logistic | Link::Softmax)
    }

    /// Turns one row's margins into its predictions, in place.
    pub fn apply(self, margins: &mut [f64]) {
        match self {
            Link::Identity => {}
            Link::Logistic => margins.iter_mut().for_each(|m| *m = logistic(*m)),
            Link::Exp => margins.iter_mut().for_each(|m| *m = m.exp()),
            Link::Softmax => softmax(margins),
            Link::Step => margins.iter_mut().for_each(|m| *m = f64::from(u8::from(*m > 0.0))),
            Link::Ascending => margins.sort_unstable_by(f64::total_cmp),
            Link::Gaps => gaps(margins),
            Link::MeanVariance => margins.iter_mut().skip(1).for_each(|m| *m = (2.0 * *m).exp()),
        }
    }
}

/// 1 / (1 + e^−m), without overflow and with full relative precision at both ends.
pub fn logistic(m: f64) -> f64 {
    if m >= 0.0 {
        1.0 / (1.0 + (-m).exp())
    } else {
        let e = m.exp();
        e / (1.0 + e)
    }
}

fn softmax(margins: &mut [f64]) {
    let top = margins.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    margins.iter_mut().for_each(|m| *m = (*m - top).exp());
    let total: f64 = margins.iter().sum();
    margins.iter_mut().for_each(|m| *m /= total);
}

/// Least gap between neighbouring expectiles, ε of [`Link::Gaps`].
pub(super) const LEAST_GAP: f32 = 1e-6;

fn gaps(margins: &mut [f64]) {
    let softplus = |m: f64| m.max(0.0) + (-m.abs()).exp().ln_1p();
    for output in 1..margins.len() {
        margins[output] = margins[output - 1] + f64::from(LEAST_GAP) + softplus(margins[output]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_sorted_and_expectiles_are_sums_of_gaps() {
        let mut quantiles = [3.0, -1.0, 2.0];
        Link::Ascending.apply(&mut quantiles);
        assert_eq!(quantiles, [-1.0, 2.0, 3.0]);
        // ln(1 + e^m) = 2 at m = ln(e² − 1), and ln 2 at m = 0.
        let mut expectiles = [-5.0, (2_f64.exp() - 1.0).ln(), 0.0, -800.0];
        Link::Gaps.apply(&mut expectiles);
        let gap = f64::from(1e-6_f32);
        let expected = [-5.0, -3.0 + gap, -3.0 + 2_f64.ln() + 2.0 * gap, -3.0 + 2_f64.ln() + 3.0 * gap];
        for (found, expected) in expectiles.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{found} against {expected}");
        }
    }
}
