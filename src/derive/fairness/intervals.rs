//! Intervals and tests of rates, their differences and ratios, and of means, by closed forms.
//!
//! Weighted rows count by Kish's effective number n = (Σw)² / Σw² (Kish 1965), which is the number of rows where weights are equal.

use statrs::distribution::{ContinuousCDF, Normal};

/// A share of some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// The share.
    pub value: f64,
    /// Effective number of rows.
    pub n: f64,
}

/// A mean of some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mean {
    /// The mean.
    pub value: f64,
    /// Variance of single values, n − 1 beneath.
    pub variance: f64,
    /// Effective number of rows.
    pub n: f64,
}

/// A two-sided interval.
pub(super) type Interval = (f64, f64);

/// The standard normal quantile z of a two-sided interval at this confidence level.
pub(super) fn quantile(level: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + level / 2.0)
}

/// P(|Z| ≥ |z|) of a standard normal Z.
pub(super) fn two_sided(z: f64) -> f64 {
    2.0 * Normal::standard().sf(z.abs())
}

impl Rate {
    /// Wilson's score interval (Wilson 1927).
    pub fn wilson(self, z: f64) -> Interval {
        let (p, n) = (self.value, self.n);
        let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        ((middle - half).max(0.0), (middle + half).min(1.0))
    }

    /// Interval of `self − other`: Newcombe's hybrid of the Wilson intervals (Newcombe 1998, method 10).
    pub fn difference(self, other: Self, z: f64) -> Interval {
        let (d, (l1, u1), (l2, u2)) = (self.value - other.value, self.wilson(z), other.wilson(z));
        let low = d - ((self.value - l1).powi(2) + (u2 - other.value).powi(2)).sqrt();
        let high = d + ((u1 - self.value).powi(2) + (other.value - l2).powi(2)).sqrt();
        (low, high)
    }

    /// Interval of `self / other`, normal on the log scale (Katz et al. 1978); where one of the rates is zero, with half a case added to each (Walter 1975).
    pub fn ratio(self, other: Self, z: f64) -> Interval {
        let add = if self.value == 0.0 || other.value == 0.0 { 0.5 } else { 0.0 };
        let (cases, rows) = ([self, other].map(|rate| rate.value * rate.n + add), [self, other].map(|rate| rate.n + add));
        let log = (cases[0] / rows[0] / (cases[1] / rows[1])).ln();
        let deviation = (1.0 / cases[0] - 1.0 / rows[0] + 1.0 / cases[1] - 1.0 / rows[1]).max(0.0).sqrt();
        ((log - z * deviation).exp(), (log + z * deviation).exp())
    }

    /// Two-sided p-value of equal rates: the pooled z test; one where both are all or nothing.
    pub fn equality(self, other: Self) -> f64 {
        let pooled = (self.value * self.n + other.value * other.n) / (self.n + other.n);
        let variance = pooled * (1.0 - pooled) * (1.0 / self.n + 1.0 / other.n);
        if variance > 0.0 { two_sided((self.value - other.value) / variance.sqrt()) } else { 1.0 }
    }
}

impl Mean {
    /// Normal interval.
    pub fn interval(self, z: f64) -> Interval {
        let half = z * (self.variance / self.n).sqrt();
        (self.value - half, self.value + half)
    }

    /// Two-sided p-value of equal means, variances apart (Welch 1947, with a normal for his t).
    pub fn equality(self, other: Self) -> f64 {
        let deviation = self.deviation(other);
        if deviation > 0.0 { two_sided((self.value - other.value) / deviation) } else { 1.0 }
    }

    /// Standardised mean difference (x̄ − ȳ) / √((s²x + s²y) / 2), and its interval with the large-sample variance of Hedges & Olkin (1985),
    /// (n₁ + n₂) / (n₁·n₂) + d² / (2(n₁ + n₂)); `None` where nothing varies.
    pub fn standardised(self, other: Self, z: f64) -> Option<(f64, Interval)> {
        let pooled = ((self.variance + other.variance) / 2.0).sqrt();
        let d = (self.value - other.value) / pooled;
        let n = self.n + other.n;
        let half = z * (n / (self.n * other.n) + d * d / (2.0 * n)).sqrt();
        d.is_finite().then_some((d, (d - half, d + half)))
    }

    fn deviation(self, other: Self) -> f64 {
        (self.variance / self.n + other.variance / other.n).sqrt()
    }
}
