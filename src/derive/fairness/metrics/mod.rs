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
use lines::{Lines, Shown};
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
    /// Whether each attribute has more than [`GROUPS`] groups; of such none is kept.
    crowded: Vec<bool>,
    rows: u64,
    /// Whether any row has a label.
    labelled: bool,
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
}

impl Derivation for FairnessMetrics {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "fairness"
    }

    fn start(&self) -> Partial {
        let attributes = self.review.grouping.names().len();
        let (groups, crowded) = (vec![BTreeMap::new(); attributes], vec![false; attributes]);
        Partial { groups, crowded, rows: 0, labelled: false, binary: true, unit: true }
    }

    fn wants_scores(&self) -> bool {
        true
    }

    fn absorb_rows(&self, partial: &mut Partial, rows: &RowBatch, scores: &Scores) {
        let predictions = &scores.predictions[self.review.output * rows.rows()..][..rows.rows()];
        let all: Vec<Row> = (0..rows.rows()).map(|row| self.row(rows, predictions, row)).collect();
        partial.rows += rows.rows() as u64;
        partial.labelled |= all.iter().any(|row| row.label.is_some());
        partial.binary &= all.iter().filter_map(|row| row.label).all(|(label, _)| label == 0.0 || label == 1.0);
        partial.unit &= predictions.iter().all(|prediction| (0.0..=1.0).contains(prediction));
        for (attribute, labels) in self.review.grouping.labels(rows).into_iter().enumerate() {
            let groups = &mut partial.groups[attribute];
            partial.crowded[attribute] |= labels.is_crowded();
            if partial.crowded[attribute] {
                continue;
            }
            let members = labels.members();
            for (group, members) in labels.groups.into_iter().zip(members).filter(|(_, members)| !members.is_empty()) {
                let in_part = |(row, share): &(usize, f64)| Row { weight: all[*row].weight * share, share: *share, ..all[*row] };
                groups.entry(group).or_default().add(&members.iter().map(in_part).collect::<Vec<_>>());
            }
        }
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        for (groups, more) in earlier.groups.iter_mut().zip(later.groups) {
            more.into_iter().for_each(|(name, sums)| groups.entry(name).or_default().merge(sums));
        }
        earlier.crowded.iter_mut().zip(later.crowded).for_each(|(crowded, later)| *crowded |= later);
        earlier.rows += later.rows;
        earlier.labelled |= later.labelled;
        earlier.binary &= later.binary;
        earlier.unit &= later.unit;
        earlier.limit();
    }

    /// Groups that are too many, and a reference group without any row, do not end the run: there is nothing to compare, and every line says so.
    fn finish(&self, mut partial: Partial, _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let names = self.review.grouping.names();
        let shown = Shown { binary: partial.binary, unit: partial.unit, labelled: partial.labelled };
        let (mut lines, mut bands) = (Lines::new(&self.review, shown), Vec::new());
        for (attribute, (name, groups)) in names.iter().zip(&mut partial.groups).enumerate() {
            if partial.crowded[attribute] {
                *groups = BTreeMap::from([(Group::crowd(), Sums::default())]);
            }
            let reference = self.review.reference(attribute, groups.iter().map(|(group, sums)| (group, sums.all().weight)));
            match partial.crowded[attribute] {
                true => lines.crowded(name, partial.rows, &reference),
                false => {
                    groups.entry(reference.clone()).or_default();
                    lines.attribute(name, groups, &reference);
                }
            }
            if partial.binary && partial.unit && partial.labelled {
                bands.extend(groups.iter().flat_map(|(group, sums)| calibration::lines(name, group, sums)));
            }
        }
        let calibration = (!bands.is_empty()).then(|| calibration::table(&self.review.settings, &bands));
        Ok([lines.table()].into_iter().chain(calibration).collect())
    }
}

impl Partial {
    fn limit(&mut self) {
        for (crowded, groups) in self.crowded.iter_mut().zip(&mut self.groups) {
            *crowded |= groups.len() > GROUPS;
            if *crowded {
                groups.clear();
            }
        }
    }
}
