//! What is summed over a group's rows, and the estimates that come of it.

use crate::derive::fairness::intervals::{Mean, Rate};
use crate::derive::fairness::roc;
use crate::numeric::moments::Moments;
use crate::numeric::value_counts::ValueCounts;

/// Bands of predictions within which predicted and observed rates are compared.
pub(super) const BANDS: usize = 10;

/// Rows with their weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Count {
    /// Rows; of a row that is in a group with some probability, this share of it.
    pub rows: f64,
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
    /// Labelled rows in equal bands of the prediction.
    pub(super) bands: [Band; BANDS],
}

/// Labelled rows whose predictions are alike.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Band {
    pub count: Count,
    /// Σ w·prediction.
    pub predicted: f64,
    /// Σ w·label.
    pub observed: f64,
}

/// One row, as it is summed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub prediction: f64,
    /// The row's weight, times its share.
    pub weight: f64,
    /// How much of the row is in the group.
    pub share: f64,
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
    /// Adds one row's share and weight.
    pub fn add(&mut self, share: f64, weight: f64) {
        self.merge(Self { rows: share, weight, squares: weight * weight });
    }

    /// Adds other rows.
    pub fn merge(&mut self, other: Self) {
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
            self.cells[label][usize::from(row.favoured)].add(row.share, row.weight);
            let Some((label, favourable)) = row.label else { continue };
            self.by_label[usize::from(favourable)].add(row.prediction, row.weight);
            let band = ((row.prediction * BANDS as f64) as usize).min(BANDS - 1);
            self.bands[band].count.add(row.share, row.weight);
            self.bands[band].predicted += row.weight * row.prediction;
            self.bands[band].observed += row.weight * label;
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
        for (band, more) in self.bands.iter_mut().zip(later.bands) {
            band.count.merge(more.count);
            band.predicted += more.predicted;
            band.observed += more.observed;
        }
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

    /// Area under the ROC curve of the favourable label, and its standard error.
    pub(super) fn auc(&self) -> (f64, f64) {
        let [zeros, ones] = &self.by_label;
        roc::auc(zeros, ones, self.classes().map(Count::effective))
    }

    /// Expected calibration error: Σ over bands of |Σ w·(prediction − label)| / Σ w (Naeini, Cooper & Hauskrecht 2015).
    pub(super) fn calibration_error(&self) -> f64 {
        self.bands.iter().map(|band| (band.predicted - band.observed).abs()).sum::<f64>() / self.labelled().weight
    }
}

/// The mean of values with these moments, over these rows.
pub(super) fn mean(moments: Moments, rows: Count) -> Mean {
    let n = rows.effective();
    Mean { value: moments.mean, variance: moments.deviations / moments.weight * n / (n - 1.0), n }
}
