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
