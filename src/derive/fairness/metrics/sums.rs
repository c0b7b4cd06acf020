//! What is summed over a group's rows, and the estimates that come of it.

use crate::derive::fairness::intervals::{Mean, Rate};
use crate::numeric::moments::Moments;
use crate::numeric::value_counts::ValueCounts;

/// Bands of predictions within which predicted and observed rates are compared.
pub(super) const BANDS: usize = 10;

/// Rows with their weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Count {
    pub rows: u64,
    /// Σ w.
    pub weight: f64,
    /// Σ w².
    pub squares: f64,
}

/// Sums over the rows of one group.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Rows by label (unfavourable, favourable, none) and decision (unfavourable, favourable).
    pub(super) cells: [[Count; 2]; 3],
    /// Of predictions.
    pub(super) scores: Moments,
    /// Predictions of rows with an unfavourable label and with a favourable one.
    pub(super) by_label: [ValueCounts; 2],
    /// Of (prediction − label)², over labelled rows.
    pub(super) squared_errors: Moments,
    /// Of prediction − label, over labelled rows.
    pub(super) errors: Moments,
    /// Σ w·(prediction − label) in equal bands of the prediction.
    pub(super) bands: [f64; BANDS],
}

/// One row, as it is summed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub prediction: f64,
    pub weight: f64,
    /// Whether the decision is favourable.
    pub favoured: bool,
    /// The label, 0 or 1, if there is one, and whether it is the favourable one.
    pub label: Option<(f64, bool)>,
}

/// Which rows a rate is a share of, and which of them it counts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Share {
    /// Favourable decisions among all.
    Favoured,
    /// Favourable decisions among rows with a favourable label.
    TruePositive,
    /// Favourable decisions among rows with an unfavourable label.
    FalsePositive,
    /// Favourable labels among rows with a favourable decision.
    PredictiveValue,
}

impl Count {
    fn add(&mut self, weight: f64) {
        self.merge(Self { rows: 1, weight, squares: weight * weight });
    }

    fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.weight += other.weight;
        self.squares += other.squares;
    }

    fn sum(counts: &[Self]) -> Self {
        counts.iter().fold(Self::default(), |mut sum, count| {
            sum.merge(*count);
            sum
        })
    }

    /// Kish's effective number of rows.
    pub fn effective(self) -> f64 {
        self.weight * self.weight / self.squares
    }
}

impl Sums {
    /// Adds rows, all at once.
    pub(super) fn add(&mut self, rows: &[Row]) {
        let weights: Vec<f64> = rows.iter().map(|row| row.weight).collect();
        let predictions: Vec<f64> = rows.iter().map(|row| row.prediction).collect();
        self.scores.merge(Moments::of(&predictions, &weights));
        let (mut errors, mut labelled) = (Vec::new(), Vec::new());
        for row in rows {
            let label = row.label.map_or(2, |(_, favourable)| usize::from(favourable));
            self.cells[label][usize::from(row.favoured)].add(row.weight);
            let Some((label, favourable)) = row.label else { continue };
            self.by_label[usize::from(favourable)].add(row.prediction, row.weight);
            let band = ((row.prediction * BANDS as f64) as usize).min(BANDS - 1);
            self.bands[band] += row.weight * (row.prediction - label);
            errors.push(row.prediction - label);
            labelled.push(row.weight);
        }
        self.errors.merge(Moments::of(&errors, &labelled));
        errors.iter_mut().for_each(|error| *error *= *error);
        self.squared_errors.merge(Moments::of(&errors, &labelled));
    }

    /// Adds the sums of later rows.
    pub(super) fn merge(&mut self, later: Self) {
        let cells = self.cells.as_flattened_mut().iter_mut().zip(later.cells.as_flattened());
        cells.for_each(|(cell, more)| cell.merge(*more));
        self.scores.merge(later.scores);
        self.by_label.iter_mut().zip(later.by_label).for_each(|(counts, more)| counts.merge(more));
        self.squared_errors.merge(later.squared_errors);
        self.errors.merge(later.errors);
        self.bands.iter_mut().zip(later.bands).for_each(|(band, more)| *band += more);
    }

    /// All rows.
    pub(super) fn all(&self) -> Count {
        Count::sum(self.cells.as_flattened())
    }

    /// Rows with a label.
    pub(super) fn labelled(&self) -> Count {
        Count::sum(self.cells[..2].as_flattened())
    }

    /// A rate and the rows that it is a share of.
    pub(super) fn rate(&self, share: Share) -> (Rate, Count) {
        let (part, whole) = match share {
            Share::Favoured => (Count::sum(&self.cells.map(|label| label[1])), self.all()),
            Share::TruePositive => (self.cells[1][1], Count::sum(&self.cells[1])),
            Share::FalsePositive => (self.cells[0][1], Count::sum(&self.cells[0])),
            Share::PredictiveValue => (self.cells[1][1], Count::sum(&[self.cells[0][1], self.cells[1][1]])),
        };
        (Rate { value: part.weight / whole.weight, n: whole.effective() }, whole)
    }

    /// Rows with an unfavourable and with a favourable label.
    pub(super) fn classes(&self) -> [Count; 2] {
        [Count::sum(&self.cells[0]), Count::sum(&self.cells[1])]
    }

    /// Area under the ROC curve, P(prediction with a favourable label > that with an unfavourable one) with ties for half, and its standard
    /// error (DeLong et al. 1988).
    pub(super) fn auc(&self) -> (f64, f64) {
        let [zeros, ones] = &self.by_label;
        let pairs = zeros.paired(ones);
        let total = pairs.iter().fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
        // A placement is the share of the other class that a row outranks.
        let (mut below, mut placements) = ((0.0, 0.0), Vec::with_capacity(pairs.len()));
        for (zero, one) in pairs {
            let of_one = (below.0 + zero / 2.0) / total.0;
            let of_zero = 1.0 - (below.1 + one / 2.0) / total.1;
            placements.push(((of_zero, zero), (of_one, one)));
            below = (below.0 + zero, below.1 + one);
        }
        let of_zeros: (Vec<f64>, Vec<f64>) = placements.iter().map(|placement| placement.0).unzip();
        let of_ones: (Vec<f64>, Vec<f64>) = placements.iter().map(|placement| placement.1).unzip();
        let (zeros, ones) = (Moments::of(&of_zeros.0, &of_zeros.1), Moments::of(&of_ones.0, &of_ones.1));
        let [n, m] = self.classes().map(Count::effective);
        let variance = zeros.deviations / zeros.weight / (n - 1.0) + ones.deviations / ones.weight / (m - 1.0);
        (ones.mean, variance.sqrt())
    }

    /// Expected calibration error: Σ over bands of |Σ w·(prediction − label)| / Σ w (Naeini, Cooper & Hauskrecht 2015).
    pub(super) fn calibration_error(&self) -> f64 {
        self.bands.iter().map(|band| band.abs()).sum::<f64>() / self.labelled().weight
    }
}

/// The mean of values with these moments, over these rows.
pub(super) fn mean(moments: Moments, rows: Count) -> Mean {
    let n = rows.effective();
    Mean { value: moments.mean, variance: moments.deviations / moments.weight * n / (n - 1.0), n }
}
