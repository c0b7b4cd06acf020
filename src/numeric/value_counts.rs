//! How much weight each value has, in bounded memory: exact while values are few, values rounded down to fewer bits when they are many.

use std::collections::BTreeMap;

/// Distinct values kept at most.
const VALUES: usize = 1 << 16;

/// Weights by value, ascending. Beyond 65 536 distinct values, trailing bits are dropped until they are fewer: values that then count as equal are
/// neighbours, within a relative 2⁻⁸ of each other where the values' magnitudes span up to 2⁸ binades, and far less where they span fewer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueCounts {
    /// Bits dropped.
    shift: u32,
    weights: BTreeMap<u64, f64>,
}

impl ValueCounts {
    /// Adds a value that is not NaN.
    pub fn add(&mut self, value: f64, weight: f64) {
        *self.weights.entry(ordered(value) >> self.shift).or_insert(0.0) += weight;
        self.shrink();
    }

    /// Adds other values.
    pub fn merge(&mut self, mut other: Self) {
        let shift = self.shift.max(other.shift);
        self.coarsen(shift);
        other.coarsen(shift);
        for (key, weight) in other.weights {
            *self.weights.entry(key).or_insert(0.0) += weight;
        }
        self.shrink();
    }

    /// Weights of `self` and of `other` at each value of either, ascending.
    pub fn paired(&self, other: &Self) -> Vec<(f64, f64)> {
        let shift = self.shift.max(other.shift);
        let mut pairs: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        self.weights.iter().for_each(|(key, weight)| pairs.entry(key >> (shift - self.shift)).or_default().0 += weight);
        other.weights.iter().for_each(|(key, weight)| pairs.entry(key >> (shift - other.shift)).or_default().1 += weight);
        pairs.into_values().collect()
    }

    fn shrink(&mut self) {
        while self.weights.len() > VALUES {
            self.coarsen(self.shift + 1);
        }
    }

    fn coarsen(&mut self, shift: u32) {
        let by = shift - self.shift;
        if by == 0 {
            return;
        }
        let mut coarser = BTreeMap::new();
        for (key, weight) in std::mem::take(&mut self.weights) {
            *coarser.entry(key >> by).or_insert(0.0) += weight;
        }
        (self.shift, self.weights) = (shift, coarser);
    }
}

/// Bits that order as the numbers do, both zeros alike.
fn ordered(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_order_and_zeros_alike() {
        let (mut a, mut b) = (ValueCounts::default(), ValueCounts::default());
        [2.0, -1.0, 0.0, -1.0].iter().for_each(|&x| a.add(x, 1.0));
        [-0.0, f64::INFINITY, -5e-324].iter().for_each(|&x| b.add(x, 2.0));
        assert_eq!(a.paired(&b), [(2.0, 0.0), (0.0, 2.0), (1.0, 2.0), (1.0, 0.0), (0.0, 2.0)]);
    }

    #[test]
    fn many_values_stay_bounded_whatever_the_order() {
        let values: Vec<f64> = (0..200_000_u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761)) / f64::from(u32::MAX)).collect();
        let mut whole = ValueCounts::default();
        values.iter().for_each(|&x| whole.add(x, 1.0));
        assert!(whole.weights.len() <= VALUES && whole.weights.values().sum::<f64>() == 200_000.0);
        let mut merged = ValueCounts::default();
        for part in values.chunks(7_777).rev() {
            let mut counts = ValueCounts::default();
            part.iter().for_each(|&x| counts.add(x, 1.0));
            merged.merge(counts);
        }
        assert_eq!(merged, whole);
    }
}
