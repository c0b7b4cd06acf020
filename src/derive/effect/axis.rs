//! The points of a feature between which accumulated effects take their steps.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::similarity::Likeness;
use crate::model::ZERO;
use crate::pattern::Targets;
use crate::subject::{Member, Subject};

/// A feature with its points in order: quantiles of its numbers, or all of its categories. Bin `k` lies between points `k − 1` and `k`.
pub(in crate::derive) struct Axis {
    /// The feature.
    pub member: Member,
    /// The points; none where all values are missing.
    pub points: Vec<f64>,
    /// Categories by value, with their places among the points; empty of a number.
    places: Vec<(f64, usize)>,
}

/// Rows that take the same steps: of a number those of one bin, of a category those of one point, which step to both neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::derive) struct Cell {
    /// The bins that its rows step through.
    pub bins: [Option<usize>; 2],
    /// The points that its rows lie at, in equal parts.
    pub points: [usize; 2],
}

impl Axis {
    /// The axis of a feature with at most `bins` bins between numbers; `order` names categories in order where they are not ordered by
    /// likeness.
    fn new(subject: &Subject, member: &Member, bins: usize, order: Option<&[String]>, likeness: Option<&Likeness>) -> Self {
        let sample = subject.sample.as_deref().filter(|sample| sample.rows() > 0);
        let values = sample.map_or(&[][..], |sample| sample.features.column(member.column));
        let (points, places) = if member.values.is_ordered() {
            (edges(values, bins), Vec::new())
        } else {
            let levels = distinct(values);
            let ordered = match (order, likeness) {
                (Some(names), _) => by_names(levels, member, names),
                (None, Some(likeness)) => likeness.ordered(levels, values, member.column),
                (None, None) => levels,
            };
            let mut places: Vec<(f64, usize)> = ordered.iter().copied().zip(0..).collect();
            places.sort_by(|a, b| a.0.total_cmp(&b.0));
            (ordered, places)
        };
        Self { member: member.clone(), points, places }
    }

    /// The axes of these members with at most so many bins; `orders` names categories in order, by feature.
    pub fn all(subject: &Subject, members: &[&Member], bins: usize, orders: &BTreeMap<String, Vec<String>>) -> Vec<Self> {
        let sample = subject.sample.as_deref().filter(|sample| sample.rows() > 0);
        let wanted = members.iter().any(|member| !member.values.is_ordered() && !orders.contains_key(&member.name));
        let likeness = sample.filter(|_| wanted).map(|sample| Likeness::new(sample, &subject.features));
        members
            .par_iter()
            .map(|member| Self::new(subject, member, bins, orders.get(&member.name).map(Vec::as_slice), likeness.as_ref()))
            .collect()
    }

    /// Bins.
    pub fn bins(&self) -> usize {
        self.points.len().saturating_sub(1)
    }

    /// Whether its values are numbers.
    pub fn is_ordered(&self) -> bool {
        self.member.values.is_ordered()
    }

    /// Cells.
    pub fn cells(&self) -> usize {
        if self.is_ordered() { self.bins() } else { self.points.len() }
    }

    /// A cell, by its number.
    pub fn cell(&self, cell: usize) -> Cell {
        let bin = |bin: usize| (1..=self.bins()).contains(&bin).then_some(bin);
        match self.is_ordered() {
            true => Cell { bins: [bin(cell + 1), None], points: [cell, cell + 1] },
            false => Cell { bins: [bin(cell), bin(cell + 1)], points: [cell, cell] },
        }
    }

    /// The cell of a value; beyond the points, the nearest. `None` of a missing value, and of a category that the sample did not have.
    pub fn cell_of(&self, value: f64) -> Option<u32> {
        if value.is_nan() || self.cells() == 0 {
            return None;
        }
        if self.is_ordered() {
            return Some(self.points.partition_point(|point| *point < value).clamp(1, self.bins()) as u32 - 1);
        }
        let place = self.places.binary_search_by(|(known, _)| known.total_cmp(&value)).ok()?;
        self.places.get(place).map(|(_, place)| *place as u32)
    }

    /// The ends of a bin.
    pub fn ends(&self, bin: usize) -> [f64; 2] {
        [self.points[bin - 1], self.points[bin]]
    }

    /// The points that rows of a cell move to: the ends of a number's bin, a category's neighbours.
    pub fn targets(&self, cell: usize) -> Targets {
        let point = |point: usize| (point < self.points.len()).then_some(point as u32);
        match self.is_ordered() {
            true => [point(cell), point(cell + 1)],
            false => [cell.checked_sub(1).and_then(point), point(cell + 1)],
        }
    }

    /// How the prediction changes along each bin of a row's cell, from its changes towards the targets; zero where there is no such bin.
    pub fn along_bins(&self, [first, second]: [f64; 2]) -> [f64; 2] {
        if self.is_ordered() { [second - first, 0.0] } else { [-first, second] }
    }

    /// Values such that a split tells none of them apart only if it tells no values of the bin apart.
    ///
    /// Rows beyond the points belong to the outermost bins. Zero may count as missing, unlike its neighbours.
    pub fn within(&self, bin: usize) -> Vec<f64> {
        let [low, high] = self.ends(bin);
        if !self.is_ordered() {
            return vec![low, high];
        }
        let low = if bin == 1 { f64::NEG_INFINITY } else { low };
        let high = if bin == self.bins() { f64::INFINITY } else { high };
        let around = [-ZERO.next_up(), 0.0, ZERO.next_up()].into_iter().filter(|value| low < *value && *value < high);
        [low, high].into_iter().chain(around).collect()
    }
}

/// Distinct finite values in order.
pub(super) fn distinct(values: &[f64]) -> Vec<f64> {
    let mut sorted = sorted(values);
    sorted.dedup();
    sorted
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).map(|value| value + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// Least value and the k/`bins` quantiles, which are values themselves (the inverse of the distribution function, type 1 of Hyndman & Fan
/// 1996, as in Apley & Zhu's ALEPlot), each once; all distinct values where there are no more than `bins` + 1.
pub(super) fn edges(values: &[f64], bins: usize) -> Vec<f64> {
    let sorted = sorted(values);
    if sorted.chunk_by(|a, b| a == b).take(bins + 2).count() <= bins + 1 {
        let mut all = sorted;
        all.dedup();
        return all;
    }
    let quantile = |k: usize| sorted[(k * sorted.len()).div_ceil(bins).max(1) - 1];
    let mut edges: Vec<f64> = (0..=bins).map(quantile).collect();
    edges.dedup();
    edges
}

/// Levels in the order of their names; those that are not named follow in their own order.
fn by_names(mut levels: Vec<f64>, member: &Member, names: &[String]) -> Vec<f64> {
    let place = |level: &f64| {
        let text = member.values.text(*level).unwrap_or_default();
        names.iter().position(|name| *name == text).unwrap_or(names.len())
    };
    levels.sort_by_key(place);
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_values_and_ties_merge() {
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        assert_eq!(edges(&ten, 5), [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(edges(&ten, 9), ten);
        assert_eq!(edges(&ten, 3), [1.0, 4.0, 7.0, 10.0]);
        // Nine tenths are zero: quantiles at 0 … 0.9 are one edge.
        let tied: Vec<f64> = (0..100).map(|i| f64::from(i32::max(0, i - 89))).collect();
        assert_eq!(edges(&tied, 5), [0.0, 10.0]);
        assert_eq!(edges(&[f64::NAN, 3.0, f64::INFINITY], 5), [3.0]);
        assert_eq!(edges(&[0.0, -0.0, 1.0], 5), [0.0, 1.0]);
        assert_eq!(edges(&[f64::NAN], 5), [0.0; 0]);
    }
}
