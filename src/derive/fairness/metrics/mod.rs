//! Group metrics: what is decided, scored and mistaken in each group, beside its reference group.

mod calibration;
mod lines;
mod sums;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::Group;
use super::{GROUPS, Review};
use crate::attribution::Scores;
use crate::dataset::RowBatch;
use crate::derive::{Derivation, DeriveError};
use crate::table::Table;
use lines::Lines;
use sums::Row;

pub use sums::{Count, Sums};

/// Group metrics with intervals, of every attribute and combination.
///
/// With a label, the favourable label is the one that a favourable decision would be right about: 0 where predictions below the threshold are
/// favourable, else 1. True positives are favourable decisions on favourable labels.
pub struct FairnessMetrics {
    review: Arc<Review>,
}

/// Sums over some rows.
#[derive(Clone, Debug)]
pub struct Partial {
    /// Each attribute's groups.
    groups: Vec<BTreeMap<Group, Sums>>,
    /// The first attribute with more than [`GROUPS`] groups.
    crowded: Option<usize>,
    /// Whether every label is 0 or 1.
    binary: bool,
    /// Whether every prediction is between 0 and 1.
    unit: bool,
}

impl FairnessMetrics {
    /// Of a review.
    pub fn new(review: &Arc<Review>) -> Self {
        Self { review: Arc::clone(review) }
    }

    fn row(&self, rows: &RowBatch, predictions: &[f64], row: usize) -> Row {
        let settings = &self.review.settings;
        let label = self.review.label_of(rows, row);
        Row {
            prediction: predictions[row],
            weight: rows.weight_of(row),
            share: 1.0,
            favoured: settings.is_favourable(predictions[row]),
            label: label.map(|label| (label, settings.is_favourable_label(label))),
        }
    }

    fn error(message: String) -> DeriveError {
        DeriveError { derivation: "fairness", message }
    }
}

impl Derivation for FairnessMetrics {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "fairness"
    }

    fn start(&self) -> Partial {
        let groups = vec![BTreeMap::new(); self.review.grouping.names().len()];
        Partial { groups, crowded: None, binary: true, unit: true }
    }

    fn wants_scores(&self) -> bool {
        true
    }

    fn absorb_rows(&self, partial: &mut Partial, rows: &RowBatch, scores: &Scores) {
        let predictions = &scores.predictions[self.review.output * rows.rows()..][..rows.rows()];
        let all: Vec<Row> = (0..rows.rows()).map(|row| self.row(rows, predictions, row)).collect();
        partial.binary &= all.iter().filter_map(|row| row.label).all(|(label, _)| label == 0.0 || label == 1.0);
        partial.unit &= predictions.iter().all(|prediction| (0.0..=1.0).contains(prediction));
        for (labels, groups) in self.review.grouping.labels(rows).into_iter().zip(&mut partial.groups) {
            let members = labels.members();
            for (group, members) in labels.groups.into_iter().zip(members).filter(|(_, members)| !members.is_empty()) {
                let in_part = |(row, share): &(usize, f64)| Row { weight: all[*row].weight * share, share: *share, ..all[*row] };
                groups.entry(group).or_default().add(&members.iter().map(in_part).collect::<Vec<_>>());
            }
        }
        partial.limit();
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        for (groups, more) in earlier.groups.iter_mut().zip(later.groups) {
            more.into_iter().for_each(|(name, sums)| groups.entry(name).or_default().merge(sums));
        }
        earlier.crowded = earlier.crowded.or(later.crowded);
        earlier.binary &= later.binary;
        earlier.unit &= later.unit;
        earlier.limit();
    }

    /// Groups that are too many are an error; a reference group without any row is not, for then there is nothing to compare with, which every
    /// line says.
    fn finish(&self, mut partial: Partial, _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let names = self.review.grouping.names();
        if let Some(name) = partial.crowded.and_then(|attribute| names.get(attribute)) {
            let message = format!("`{name}` has more than {GROUPS} groups; give a number bins, or choose another column");
            return Err(Self::error(message));
        }
        let calibrated = partial.binary && partial.unit;
        let (mut lines, mut bands) = (Lines::new(&self.review, partial.binary, partial.unit), Vec::new());
        for (attribute, (name, groups)) in names.iter().zip(&mut partial.groups).enumerate() {
            let reference = self.review.reference(attribute, groups.iter().map(|(group, sums)| (group, sums.all().weight)));
            groups.entry(reference.clone()).or_default();
            lines.attribute(name, groups, &reference);
            if calibrated && groups.values().any(|sums| sums.labelled().rows > 0.0) {
                bands.extend(groups.iter().flat_map(|(group, sums)| calibration::lines(name, group, sums)));
            }
        }
        let calibration = (!bands.is_empty()).then(|| calibration::table(&self.review.settings, &bands));
        Ok([lines.table()].into_iter().chain(calibration).collect())
    }
}

impl Partial {
    fn limit(&mut self) {
        for (attribute, groups) in self.groups.iter_mut().enumerate() {
            if groups.len() > GROUPS {
                self.crowded.get_or_insert(attribute);
                *groups = std::mem::take(groups).into_iter().take(GROUPS).collect();
            }
        }
    }
}
