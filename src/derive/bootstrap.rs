//! Bootstrap intervals of weighted means over rows, from sums that stream and merge.
//!
//! Up to [`BUCKETS`] rows every row is a bucket of its own, and the intervals are the plain percentile bootstrap over rows
//! (Efron 1979). Beyond, rows fall into buckets by a hash of their index, and buckets are resampled. With e_i = w_i·(x_i − mean),
//! the replicates' variance is Σ_b (Σ_{i∈b} e_i)² / W²; since Σ e_i = 0, its expectation over the hash is
//! (1 − 1/BUCKETS)·Σ e_i² / W², so 1023/1024 of what resampling rows gives, whatever the order of the rows in the file.
//! (Buckets by index modulo BUCKETS would be too much alike where a file is sorted, and the intervals too narrow.)

use rand_chacha::rand_core::Rng;
use rayon::prelude::*;

use crate::numeric::quantile::sorted_quantile;
use crate::numeric::seed;
use crate::numeric::sum::paired_sum;

/// Number of buckets; the standard error of an interval's width from their finite number is 1/√(2·1024), about 2 %.
const BUCKETS: usize = 1024;

/// Replicates drawn.
const REPLICATES: u64 = 1000;

/// Weighted sums of columns by bucket. Sums add up in the order of rows within a chunk and of chunks, so they are the same at any
/// number of threads, and the same to rounding at any chunk size.
#[derive(Clone, Debug)]
pub(super) struct BucketSums {
    seed: u64,
    columns: usize,
    rows: u64,
    /// `column · BUCKETS + row` for the first rows, column 0 being the weights; empty while there is none of them.
    head: Vec<f64>,
    /// `column · BUCKETS + bucket` for all later rows; empty while there is none of them.
    tail: Vec<f64>,
}

/// Where the rows of a chunk go.
pub(super) struct Slots {
    first: usize,
    head: usize,
    tail: Vec<u16>,
}

/// Weighted means of columns, and the same of each bootstrap draw.
#[derive(Clone, Debug)]
pub(super) struct Replicates {
    /// One a column.
    pub means: Vec<f64>,
    /// One a draw for each column; draw k of any two sums over the same rows takes the same buckets.
    pub replicates: Vec<Vec<f64>>,
}

/// A weighted mean with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Estimate {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

impl BucketSums {
    /// Sums of `columns` columns, over no rows yet.
    pub fn new(seed: u64, columns: usize) -> Self {
        Self { seed, columns: columns + 1, rows: 0, head: Vec::new(), tail: Vec::new() }
    }

    /// What the first rows, or later ones, take of `columns` columns, in bytes.
    pub fn bytes(columns: usize) -> u64 {
        8 * ((columns + 1) * BUCKETS) as u64
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns - 1
    }

    /// Counts the next rows as seen, without any weight.
    pub fn skip(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// Number of rows seen.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds the weights of consecutive rows from `first_row` on, and tells where their values go.
    pub fn add_rows(&mut self, first_row: u64, weights: &[f64]) -> Slots {
        let first = usize::try_from(first_row).unwrap_or(usize::MAX).min(BUCKETS);
        let head = weights.len().min(BUCKETS - first);
        let later = first_row + head as u64..first_row + weights.len() as u64;
        let tail: Vec<u16> = later.map(|row| bucket(self.seed, row) as u16).collect();
        for (sums, rows) in [(&mut self.head, head), (&mut self.tail, tail.len())] {
            if rows > 0 && sums.is_empty() {
                sums.resize(self.columns * BUCKETS, 0.0);
            }
        }
        self.rows += weights.len() as u64;
        let slots = Slots { first, head, tail };
        self.add_at(&slots, 0, weights);
        slots
    }

    /// Adds a column's values, already times their weights, of the rows that `slots` stands for.
    pub fn add(&mut self, slots: &Slots, column: usize, weighted: &[f64]) {
        self.add_at(slots, column + 1, weighted);
    }

    fn add_at(&mut self, slots: &Slots, column: usize, weighted: &[f64]) {
        let (head, tail) = weighted.split_at(slots.head);
        if let Some(sums) = self.head.get_mut(column * BUCKETS + slots.first..) {
            sums.iter_mut().zip(head).for_each(|(sum, value)| *sum += value);
        }
        if let Some(sums) = self.tail.get_mut(column * BUCKETS..).and_then(<[f64]>::first_chunk_mut::<BUCKETS>) {
            slots.tail.iter().zip(tail).for_each(|(slot, value)| sums[usize::from(*slot) % BUCKETS] += value);
        }
    }

    /// Adds the sums of later rows.
    pub fn merge(&mut self, later: Self) {
        self.rows += later.rows;
        for (sums, more) in [(&mut self.head, later.head), (&mut self.tail, later.tail)] {
            if sums.is_empty() {
                *sums = more;
            } else {
                sums.iter_mut().zip(more).for_each(|(sum, value)| *sum += value);
            }
        }
    }

    /// Each column's weighted mean and its percentile interval at a confidence `level`; NaN limits where there is no level.
    ///
    /// `None` if the rows have no weight.
    pub fn estimates(self, level: Option<f64>) -> Option<Vec<Estimate>> {
        let Replicates { means, replicates } = self.resampled(if level.is_some() { REPLICATES } else { 0 })?;
        let tail = (1.0 - level.unwrap_or_default()) / 2.0;
        let estimate = |(mean, mut means): (f64, Vec<f64>)| {
            means.sort_by(f64::total_cmp);
            Estimate { mean, low: sorted_quantile(&means, tail), high: sorted_quantile(&means, 1.0 - tail) }
        };
        Some(means.into_iter().zip(replicates).map(estimate).collect())
    }

    /// Each column's weighted mean, over the rows and in every draw; `None` if the rows have no weight.
    pub fn replicates(self) -> Option<Replicates> {
        self.resampled(REPLICATES)
    }

    fn resampled(mut self, draws: u64) -> Option<Replicates> {
        self.fold_head();
        let buckets = usize::try_from(self.rows).unwrap_or(usize::MAX).min(BUCKETS);
        let sums: Vec<&[f64]> = self.tail.chunks_exact(BUCKETS).map(|column| &column[..buckets]).collect();
        let (weights, columns) = sums.split_first()?;
        let weight: f64 = weights.iter().sum();
        if weight == 0.0 {
            return None;
        }
        // Buckets without weight hold nothing: of a small group most of them.
        let kept: Vec<usize> = (0..buckets).filter(|bucket| weights[*bucket] != 0.0).collect();
        let packed = |column: &&[f64]| kept.iter().map(|bucket| column[*bucket]).collect::<Vec<f64>>();
        let (own, others): (Vec<f64>, Vec<Vec<f64>>) = (packed(weights), columns.iter().map(packed).collect());
        let draw = |draw| resample((self.seed, draw), (buckets, &kept), &own, &others);
        let drawn: Vec<Vec<f64>> = (0..draws).into_par_iter().map(draw).collect();
        let replicates = (0..columns.len()).map(|column| drawn.iter().map(|means| means[column]).collect()).collect();
        Some(Replicates { means: columns.iter().map(|column| column.iter().sum::<f64>() / weight).collect(), replicates })
    }

    /// Brings the first rows to the buckets, once there are more rows than buckets; else makes them the buckets.
    fn fold_head(&mut self) {
        if self.tail.is_empty() {
            self.tail = std::mem::take(&mut self.head);
            return;
        }
        for (sums, head) in self.tail.chunks_exact_mut(BUCKETS).zip(self.head.chunks_exact(BUCKETS)) {
            head.iter().zip(0..).for_each(|(value, row)| sums[bucket(self.seed, row)] += value);
        }
    }
}

fn bucket(seed: u64, row: u64) -> usize {
    (seed::derive(seed, "bootstrap bucket", row) % BUCKETS as u64) as usize
}

/// Draws as many `buckets` as there are, with replacement: each column's mean over those of them that are `kept`.
///
/// A draw without any weight says nothing and is repeated.
fn resample((seed, replicate): (u64, u64), (buckets, kept): (usize, &[usize]), weights: &[f64], columns: &[Vec<f64>]) -> Vec<f64> {
    let mut random = seed::generator(seed, "bootstrap replicate", replicate);
    let (mut drawn, mut counts) = (vec![0.0; buckets], Vec::new());
    let mut weight = 0.0;
    while weight == 0.0 {
        drawn.fill(0.0);
        for _ in 0..buckets {
            // A 32-bit draw times at most 1024 buckets: every bucket is equally likely to within 2⁻²².
            let bucket = (u64::from(random.next_u32()) * buckets as u64) >> 32;
            drawn[bucket as usize] += 1.0;
        }
        counts = kept.iter().map(|bucket| drawn[*bucket]).collect::<Vec<f64>>();
        weight = paired_sum(&counts, weights, |count, weight| count * weight);
    }
    columns.iter().map(|column| paired_sum(&counts, column, |count, sum| count * sum) / weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(values: &[f64], weights: &[f64], chunk: usize) -> BucketSums {
        let mut all = BucketSums::new(7, 1);
        for first in (0..values.len()).step_by(chunk) {
            let end = (first + chunk).min(values.len());
            let weighted: Vec<f64> = values[first..end].iter().zip(&weights[first..end]).map(|(x, w)| x * w).collect();
            let mut part = BucketSums::new(7, 1);
            let slots = part.add_rows(first as u64, &weights[first..end]);
            part.add(&slots, 0, &weighted);
            all.merge(part);
        }
        all
    }

    fn estimate(values: &[f64], weights: &[f64], chunk: usize) -> Estimate {
        sums(values, weights, chunk).estimates(Some(0.95)).unwrap()[0]
    }

    /// Values in ascending order, the hardest case for systematic groups.
    fn sorted_values(rows: u32) -> Vec<f64> {
        (0..rows).map(|i| f64::from(i) / f64::from(rows)).collect()
    }

    #[test]
    fn intervals_have_the_width_of_the_normal_limit_whatever_the_number_of_rows() {
        // The mean of n values uniform on [0, 1] has deviation 1/√(12n), so a 95 % interval is 2·1.96/√(12n) wide. The bootstrap's
        // own noise (1000 replicates, 1024 buckets) is a few percent.
        for rows in [200, 1024, 1500, 2048, 20_000, 200_000] {
            let got = estimate(&sorted_values(rows), &vec![1.0; rows as usize], 4096);
            let expected = 2.0 * 1.959_964 / (12.0 * f64::from(rows)).sqrt();
            assert!(((got.high - got.low) / expected - 1.0).abs() < 0.12, "{rows} rows: {got:?}, expected width {expected}");
            assert!(got.low < got.mean && got.mean < got.high);
        }
    }

    #[test]
    fn one_row_and_equal_rows_have_no_spread() {
        assert_eq!(estimate(&[2.5], &[1.0], 1), Estimate { mean: 2.5, low: 2.5, high: 2.5 });
        assert_eq!(estimate(&[2.5; 3000], &[2.0; 3000], 100), Estimate { mean: 2.5, low: 2.5, high: 2.5 });
    }

    #[test]
    fn a_row_of_weight_zero_does_not_count() {
        let got = estimate(&[1.0, 100.0, 3.0], &[1.0, 0.0, 1.0], 2);
        assert_eq!(got.mean, 2.0);
        assert!(got.low >= 1.0 && got.high <= 3.0);
        assert_eq!(sums(&[1.0, 2.0], &[0.0, 0.0], 2).estimates(Some(0.95)), None);
    }

    #[test]
    fn chunks_do_not_matter() {
        // Integers: sums are exact, so every bit must agree.
        let values: Vec<f64> = (0..5000_u32).map(|i| f64::from(i.wrapping_mul(2_654_435_761) >> 20)).collect();
        let weights: Vec<f64> = (0..5000).map(|i| f64::from(1 + i % 3)).collect();
        let whole = estimate(&values, &weights, 5000);
        for chunk in [1, 7, 1000, 1023, 1024, 1025, 4999] {
            assert_eq!(estimate(&values, &weights, chunk), whole, "chunks of {chunk}");
        }
    }

    #[test]
    fn small_samples_get_the_plain_bootstrap_over_rows() {
        // Two rows: means of 0, ½ and 1 with probabilities ¼, ½, ¼; a 40 % interval is [½, ½], a 60 % one [0, 1].
        let means = |level| sums(&[0.0, 1.0], &[1.0, 1.0], 1).estimates(Some(level)).unwrap()[0];
        assert_eq!((means(0.4).low, means(0.4).high), (0.5, 0.5));
        assert_eq!((means(0.6).low, means(0.6).high), (0.0, 1.0));
    }
}
