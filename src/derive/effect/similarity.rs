//! Categories in an order that puts those side by side whose rows are alike in all other features.

use rayon::prelude::*;
use smartcore::linalg::basic::arrays::Array;
use smartcore::linalg::basic::matrix::DenseMatrix;
use smartcore::linalg::traits::evd::EVDDecomposable;

use super::members;
use crate::dataset::RowBatch;
use crate::subject::{ExplainedFeature, Member};

/// More levels than these keep their own order: distances between all pairs would take too long.
const LEVELS: usize = 256;

/// Points at which distribution functions are compared.
const PROBES: usize = 101;

/// Each row's place in the distribution of every feature.
pub(super) struct Likeness {
    features: Vec<Distribution>,
}

/// The rows by where they lie among the percentiles of a number, or by category.
struct Distribution {
    column: usize,
    ordered: bool,
    probes: usize,
    /// The first probe that is not below a row's value; `probes` beyond the last, and of a missing value.
    places: Vec<u32>,
}

impl Likeness {
    /// Of a sample's rows.
    pub fn new(sample: &RowBatch, features: &[ExplainedFeature]) -> Self {
        let members: Vec<&Member> = members(features).collect();
        Self { features: members.into_par_iter().map(|member| Distribution::new(sample, member)).collect() }
    }

    /// The levels of `column`, ordered as Apley & Zhu (2020, appendix E) do: distances between levels are sums, over the other features, of the
    /// Kolmogorov–Smirnov distance between the levels' distributions (of categories, half the sum of differences of shares), and the
    /// order is that of the first coordinate of classical multidimensional scaling. The end with the smaller code comes first.
    pub fn ordered(&self, levels: Vec<f64>, values: &[f64], column: usize) -> Vec<f64> {
        if levels.len() < 3 || levels.len() > LEVELS {
            return levels;
        }
        let level_of = |value: &f64| levels.iter().position(|level| level == value);
        let rows: Vec<Option<usize>> = values.iter().map(level_of).collect();
        let mut distances = vec![vec![0.0; levels.len()]; levels.len()];
        for other in self.features.iter().filter(|other| other.column != column) {
            add_distances(&mut distances, &other.shares(&rows, levels.len()), if other.ordered { farthest } else { different });
        }
        let Some(coordinates) = first_coordinate(&distances) else { return levels };
        let mut order: Vec<usize> = (0..levels.len()).collect();
        order.sort_by(|a, b| coordinates[*a].total_cmp(&coordinates[*b]));
        if order.first() > order.last() {
            order.reverse();
        }
        order.into_iter().map(|level| levels[level]).collect()
    }
}

impl Distribution {
    fn new(sample: &RowBatch, member: &Member) -> Self {
        let (values, ordered) = (sample.features.column(member.column), member.values.is_ordered());
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let probes: Vec<f64> = match sorted.len().checked_sub(1) {
            Some(last) if ordered => (0..PROBES).map(|probe| sorted[probe * last / (PROBES - 1)]).collect(),
            _ => {
                sorted.dedup();
                sorted
            }
        };
        let place = |value: &f64| if value.is_nan() { probes.len() } else { probes.partition_point(|probe| probe < value) } as u32;
        Self { column: member.column, ordered, probes: probes.len(), places: values.iter().map(place).collect() }
    }

    /// Each level's distribution: its distribution function at percentiles, or its share of each category.
    fn shares(&self, rows: &[Option<usize>], levels: usize) -> Vec<Vec<f64>> {
        let mut shares = vec![vec![0.0; self.probes]; levels];
        let mut counts = vec![0.0; levels];
        for (level, place) in rows.iter().zip(&self.places) {
            // The last percentile is the greatest value: only missing values lie beyond it.
            if let (Some(level), true) = (level, (*place as usize) < self.probes) {
                counts[*level] += 1.0;
                shares[*level][*place as usize] += 1.0;
            }
        }
        for (shares, count) in shares.iter_mut().zip(counts).filter(|(_, count)| *count > 0.0) {
            let mut below = 0.0;
            for share in shares {
                below = if self.ordered { below + *share } else { *share };
                *share = below / count;
            }
        }
        shares
    }
}

/// Kolmogorov–Smirnov distance of two distribution functions.
fn farthest(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Half the sum of differences of two distributions' shares.
fn different(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

fn add_distances(distances: &mut [Vec<f64>], shares: &[Vec<f64>], distance: fn(&[f64], &[f64]) -> f64) {
    for a in 0..shares.len() {
        for b in 0..a {
            let distance = distance(&shares[a], &shares[b]);
            distances[a][b] += distance;
            distances[b][a] += distance;
        }
    }
}

/// The eigenvector of −½·J·D²·J with the largest eigenvalue, J being the centring matrix (Torgerson 1952).
fn first_coordinate(distances: &[Vec<f64>]) -> Option<Vec<f64>> {
    let n = distances.len() as f64;
    let squares: Vec<Vec<f64>> = distances.iter().map(|row| row.iter().map(|distance| distance * distance).collect()).collect();
    let means: Vec<f64> = squares.iter().map(|row| row.iter().sum::<f64>() / n).collect();
    let mean = means.iter().sum::<f64>() / n;
    let centred = |i: usize, j: usize| -0.5 * (squares[i][j] - means[i] - means[j] + mean);
    let matrix: Vec<Vec<f64>> = (0..squares.len()).map(|i| (0..squares.len()).map(|j| centred(i, j)).collect()).collect();
    let decomposed = DenseMatrix::from_2d_vec(&matrix).ok()?.evd(true).ok()?;
    let largest = decomposed.d.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?.0;
    Some((0..squares.len()).map(|row| *decomposed.V.get((row, largest))).collect())
}
