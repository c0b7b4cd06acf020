//! From margins (raw scores) to predictions.

use std::fmt;

/// The function from a row's margins to its predictions.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// ln(1 + e^m), the intensity of an event (LightGBM's `cross_entropy_lambda`).
    Softplus,
    /// m·|m|, where the square root was learned.
    SignedSquare,
    /// offset − 2^(−m / length), the decision of an isolation forest whose path lengths add up to m (Liu, Ting and Zhou 2008, equation 2).
    Isolation {
        /// The sum of path lengths that a tree of random data has on average, over all trees.
        length: f64,
        /// What separates anomalies from the rest.
        offset: f64,
    },
    /// m / n, the mean over the `n` trees whose values were summed.
    Mean(u32),
    /// m / n, the share of the `n` trees that vote for a class.
    VoteShare(u32),
    /// Another link of the margins times a factor: a sigmoid's steepness, or one over the number of averaged rounds.
    Scaled(f64, &'static Link),
}

impl Link {
    /// Whether predictions are probabilities.
    pub fn is_probability(self) -> bool {
        match self {
            Link::Logistic | Link::Softmax | Link::VoteShare(_) => true,
            Link::Scaled(_, link) => link.is_probability(),
            _ => false,
        }
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
            Link::Softplus => margins.iter_mut().for_each(|m| *m = softplus(*m)),
            Link::SignedSquare => margins.iter_mut().for_each(|m| *m *= m.abs()),
            Link::Isolation { length, offset } => margins.iter_mut().for_each(|m| *m = offset - (-*m / length).exp2()),
            // Divided, not multiplied by 1 / n, so that all votes make exactly 1.
            Link::Mean(trees) | Link::VoteShare(trees) => margins.iter_mut().for_each(|m| *m /= f64::from(trees)),
            Link::Scaled(factor, link) => {
                margins.iter_mut().for_each(|m| *m *= factor);
                link.apply(margins);
            }
        }
    }
}

/// As `inspect`, manifest and report word it.
impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::Identity => formatter.write_str("identity"),
            Link::Logistic => formatter.write_str("logistic"),
            Link::Exp => formatter.write_str("exp"),
            Link::Softmax => formatter.write_str("softmax"),
            Link::Step => formatter.write_str("step"),
            Link::Ascending => formatter.write_str("ascending"),
            Link::Gaps => formatter.write_str("gaps"),
            Link::MeanVariance => formatter.write_str("mean and variance"),
            Link::Softplus => formatter.write_str("softplus"),
            Link::SignedSquare => formatter.write_str("signed square"),
            Link::Isolation { length, offset } => write!(formatter, "{offset} - 2^(-margin / {length})"),
            Link::Mean(trees) => write!(formatter, "mean of {trees} trees"),
            Link::VoteShare(trees) => write!(formatter, "share of {trees} votes"),
            Link::Scaled(factor, link) => write!(formatter, "{link} of margin * {factor}"),
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

/// ln(1 + e^m), without overflow and with full relative precision at both ends.
fn softplus(m: f64) -> f64 {
    m.max(0.0) + (-m.abs()).exp().ln_1p()
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
    for output in 1..margins.len() {
        margins[output] = margins[output - 1] + f64::from(LEAST_GAP) + softplus(margins[output]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_keep_their_sign_and_scaled_links_scale_first() {
        let mut margins = [3.0, -0.5];
        Link::SignedSquare.apply(&mut margins);
        assert_eq!(margins, [9.0, -0.25]);
        // The mean of 4 rounds of margins that sum to 8, through e^m.
        let mut margins = [8.0];
        Link::Scaled(0.25, &Link::Exp).apply(&mut margins);
        assert_eq!(margins, [2.0_f64.exp()]);
        // ln(1 + e^ln 3) = ln 4; far below zero it is e^m.
        let mut margins = [3.0_f64.ln(), -800.0, -40.0];
        Link::Softplus.apply(&mut margins);
        assert!((margins[0] - 4.0_f64.ln()).abs() < 1e-15);
        assert_eq!(margins[1..], [0.0, (-40.0_f64).exp()]);
        assert!(Link::Scaled(2.0, &Link::Logistic).is_probability());
    }

    #[test]
    fn isolation_forests_decide_by_halves() {
        // A path of average length halves once: 2^−1, less than the offset by which anomalies are told.
        let mut margins = [30.0, 0.0, 60.0];
        Link::Isolation { length: 30.0, offset: 0.5 }.apply(&mut margins);
        assert_eq!(margins, [0.0, -0.5, 0.25]);
    }

    #[test]
    fn all_votes_make_a_share_of_one() {
        // 49 · (1 / 49) is not 1.
        let mut margins = [49.0, 7.0];
        Link::VoteShare(49).apply(&mut margins);
        assert_eq!(margins, [1.0, 7.0 / 49.0]);
        assert!(Link::VoteShare(49).is_probability() && !Link::Mean(49).is_probability());
    }

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
