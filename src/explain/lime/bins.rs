//! Features in bins: numbers by their quartiles, categories as they are, missing values for themselves.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::numeric::quantile::sorted_quantile;

/// How a feature is cut, and what its bins hold in the data.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bins {
    /// Inner edges of a number's bins, ascending and distinct; a bin holds what is above its left edge, up to its right one. Absent of categories.
    edges: Option<Vec<f64>>,
    /// Bins that occur, with the running share of rows up to each.
    bins: Vec<(Bin, f64)>,
}

/// What a bin holds: a normal distribution cut off at `low` and `high`, or one value.
#[derive(Clone, Debug, PartialEq)]
struct Bin {
    mean: f64,
    deviation: f64,
    low: f64,
    high: f64,
}

impl Bins {
    /// From a feature's values; `is_ordered` of numbers.
    pub fn new(values: &[f64], is_ordered: bool) -> Self {
        let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        known.sort_unstable_by(f64::total_cmp);
        let edges = is_ordered.then(|| {
            let mut edges: Vec<f64> =
                [0.25, 0.5, 0.75].map(|q| sorted_quantile(&known, q)).into_iter().filter(|edge| !edge.is_nan()).collect();
            edges.dedup();
            edges
        });
        let mut bins = Self { edges, bins: Vec::new() };
        let mut members: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        values.iter().for_each(|value| members.entry(bins.key(*value)).or_default().push(*value));
        let mut share = 0.0;
        for members in members.values() {
            share += members.len() as f64 / values.len() as f64;
            bins.bins.push((Bin::new(members), share));
        }
        bins
    }

    /// A number that values of one bin share, and no others.
    pub fn key(&self, value: f64) -> u64 {
        match &self.edges {
            _ if value.is_nan() => u64::MAX,
            Some(edges) => edges.iter().filter(|edge| **edge < value).count() as u64,
            // −0 and 0 are one category.
            None => (value + 0.0).to_bits(),
        }
    }

    /// A bin as often as it occurs, and a value in it.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> f64 {
        let place: f64 = rng.random();
        let found = self.bins.iter().find(|(_, share)| place < *share).or(self.bins.last());
        found.map_or(f64::NAN, |(bin, _)| bin.draw(rng))
    }
}

impl Bin {
    /// From the values in it, at least one.
    fn new(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.iter().any(|value| !value.is_finite()) || low == high {
            return Self { mean: values[0], deviation: 0.0, low, high };
        }
        let mean = values.iter().map(|value| value / count).sum::<f64>();
        let deviation = values.iter().map(|value| (value - mean).powi(2) / count).sum::<f64>().sqrt();
        Self { mean, deviation, low, high }
    }

    /// Draws until a normal one (Box & Muller 1958) lies within: half of them do at least, since the mean does.
    fn draw(&self, rng: &mut ChaCha8Rng) -> f64 {
        if self.deviation == 0.0 {
            return self.mean;
        }
        for _ in 0..64 {
            let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
            let (sine, cosine) = libm::sincos(std::f64::consts::TAU * angle);
            let radius = self.deviation * (-2.0 * libm::log(radius)).sqrt();
            let within = |value: &f64| (self.low..=self.high).contains(value);
            if let Some(value) = [self.mean + radius * cosine, self.mean + radius * sine].into_iter().find(within) {
                return value;
            }
        }
        self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::seed::generator;

    #[test]
    fn numbers_fall_into_quartiles_and_equal_edges_into_one() {
        let bins = Bins::new(&[1.0, 2.0, 3.0, 4.0, 5.0, f64::NAN], true);
        assert_eq!(bins.edges.as_deref(), Some(&[2.0, 3.0, 4.0][..]));
        assert_eq!([-9.0, 2.0, 2.5, 3.0, 4.0, 4.1, 99.0].map(|value| bins.key(value)), [0, 0, 1, 1, 2, 3, 3]);
        assert_ne!(bins.key(f64::NAN), bins.key(99.0));
        assert_eq!(Bins::new(&[0.0, 0.0, 0.0, 0.0, 7.0], true).edges.as_deref(), Some(&[0.0][..]));
        assert_eq!(Bins::new(&[f64::NAN], true).edges.as_deref(), Some(&[][..]));
        let categories = Bins::new(&[2.0, 0.0, 2.0, -0.0], false);
        assert!(categories.key(-0.0) == categories.key(0.0) && categories.key(2.0) != categories.key(0.0));
    }

    #[test]
    fn draws_have_the_bins_shares_and_stay_within_them() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i * i)).chain(vec![f64::NAN; 25]).collect();
        let bins = Bins::new(&values, true);
        let rng = &mut generator(1, "test", 0);
        let drawn: Vec<f64> = (0..40_000).map(|_| bins.draw(rng)).collect();
        for key in [0, 1, 2, 3, u64::MAX] {
            let mine: Vec<f64> = values.iter().copied().filter(|value| bins.key(*value) == key).collect();
            let theirs: Vec<f64> = drawn.iter().copied().filter(|value| bins.key(*value) == key).collect();
            assert!((theirs.len() as f64 / 40_000.0 - mine.len() as f64 / 125.0).abs() < 0.01);
            assert!(theirs.iter().all(|value| value.is_nan() || (mine[0]..=mine[mine.len() - 1]).contains(value)));
        }
        assert_eq!(Bins::new(&[3.5, 3.5], true).draw(rng), 3.5);
        assert!(Bins::new(&[f64::NAN], false).draw(rng).is_nan());
    }
}
