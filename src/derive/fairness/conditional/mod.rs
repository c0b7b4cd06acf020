//! Decisions by group among rows that are alike in a stratum column: what remains of a disparity that the column explains.

mod mantel_haenszel;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::group::Group;
use super::intervals::{Interval, quantile, two_sided};
use super::metrics::Count;
use super::{GROUPS, INSUFFICIENT, NOT_EVALUATED, OK, Review, UNDEFINED};
use crate::attribution::Scores;
use crate::dataset::RowBatch;
use crate::derive::{Derivation, DeriveError};
use crate::table::{self, Table};
use mantel_haenszel::Estimate;

/// Conditional demographic disparity, and Mantel–Haenszel odds ratio, rate ratio and rate difference, of each group within the strata of each column.
pub struct FairnessConditional {
    review: Arc<Review>,
}

/// Rows by decision (unfavourable, favourable).
type Decisions = [Count; 2];

/// Of each attribute within each stratum column: groups by stratum; rows of which either is missing are left out.
#[derive(Clone, Debug)]
pub struct Partial {
    cells: Vec<BTreeMap<Group, BTreeMap<Group, Decisions>>>,
    /// Each attribute's groups with their weight, to find the reference as the unconditional metrics do.
    weights: Vec<BTreeMap<Group, f64>>,
}

/// One line of the table.
struct Line<'a> {
    attribute: &'a str,
    group: &'a Group,
    reference: &'a Group,
    stratum: &'a str,
    strata: usize,
    rows: f64,
    metric: &'static str,
    value: f64,
    interval: Interval,
    p_value: Option<f64>,
    sufficient: bool,
    /// Whether there are too many groups or strata.
    crowded: bool,
}

impl FairnessConditional {
    /// Of a review.
    pub fn new(review: &Arc<Review>) -> Self {
        Self { review: Arc::clone(review) }
    }

    /// The lines of one group, from the `cells` of its attribute.
    fn lines<'a>(&self, about: &Line<'a>, cells: &BTreeMap<Group, BTreeMap<Group, Decisions>>) -> Vec<Line<'a>> {
        let (z, least) = (quantile(self.review.settings.intervals), self.review.settings.min_group as f64);
        let mut lines = Vec::new();
        let all = mantel_haenszel::against_all(cells, about.group);
        let estimate = all.disparity();
        lines.push(Line {
            metric: "conditional_demographic_disparity",
            strata: all.len(),
            rows: all.rows()[0],
            value: estimate.value,
            interval: (estimate.value - z * estimate.error, estimate.value + z * estimate.error),
            sufficient: all.rows().iter().all(|rows| *rows >= least),
            ..*about
        });
        if about.group == about.reference {
            return lines;
        }
        let pair = mantel_haenszel::against(cells, about.group, about.reference);
        let p_value = Some(two_sided(pair.association())).filter(|p| p.is_finite());
        let mut push = |metric, estimate: Estimate, interval: fn(Estimate, f64) -> Interval| {
            let sufficient = pair.rows().iter().all(|rows| *rows >= least);
            let interval = interval(estimate, z);
            lines.push(Line {
                metric,
                strata: pair.len(),
                rows: pair.rows()[0],
                value: estimate.value,
                interval,
                p_value,
                sufficient,
                ..*about
            });
        };
        let ratio = |estimate: Estimate, z: f64| {
            let factor = (z * estimate.error).exp();
            (estimate.value / factor, estimate.value * factor)
        };
        push("mantel_haenszel_odds_ratio", pair.odds_ratio(), ratio);
        push("mantel_haenszel_rate_ratio", pair.rate_ratio(), ratio);
        push("mantel_haenszel_rate_difference", pair.rate_difference(), |estimate, z| {
            ((estimate.value - z * estimate.error).max(-1.0), (estimate.value + z * estimate.error).min(1.0))
        });
        lines
    }
}

impl Derivation for FairnessConditional {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "fairness_conditional"
    }

    fn start(&self) -> Partial {
        let (attributes, strata) = (self.review.grouping.names().len(), self.review.strata.names().len());
        Partial { cells: vec![BTreeMap::new(); attributes * strata], weights: vec![BTreeMap::new(); attributes] }
    }

    fn wants_scores(&self) -> bool {
        true
    }

    fn absorb_rows(&self, partial: &mut Partial, rows: &RowBatch, scores: &Scores) {
        let predictions = &scores.predictions[self.review.output * rows.rows()..][..rows.rows()];
        let favoured: Vec<bool> = predictions.iter().map(|prediction| self.review.settings.is_favourable(*prediction)).collect();
        let strata: Vec<Vec<Group>> = self.review.strata.labels(rows).iter().map(|labels| labels.single()).collect();
        for (attribute, labels) in self.review.grouping.labels(rows).iter().enumerate().filter(|(_, labels)| !labels.is_crowded()) {
            for (group, members) in labels.groups.iter().zip(labels.members()) {
                let weight: f64 = members.iter().map(|(row, share)| share * rows.weight_of(*row)).sum();
                if !members.is_empty() {
                    *partial.weights[attribute].entry(group.clone()).or_insert(0.0) += weight;
                }
                for (number, strata) in strata.iter().enumerate().filter(|_| !group.is_missing()) {
                    let cells = partial.cells[attribute * self.review.strata.names().len() + number].entry(group.clone()).or_default();
                    for (row, share) in members.iter().filter(|(row, _)| !strata[*row].is_missing()) {
                        if let Some(cell) = cell(cells, &strata[*row]) {
                            cell[usize::from(favoured[*row])].add(*share, share * rows.weight_of(*row));
                        }
                    }
                }
            }
        }
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        for (cells, more) in earlier.cells.iter_mut().zip(later.cells) {
            for (group, strata) in more {
                let mine = cells.entry(group).or_default();
                for (stratum, decisions) in strata {
                    if let Some(cell) = cell(mine, &stratum) {
                        cell.iter_mut().zip(decisions).for_each(|(mine, more)| mine.merge(more));
                    }
                }
            }
            if cells.len() > GROUPS {
                cells.clear();
            }
        }
        for (weights, more) in earlier.weights.iter_mut().zip(later.weights) {
            more.into_iter().for_each(|(group, weight)| *weights.entry(group).or_insert(0.0) += weight);
            if weights.len() > GROUPS {
                weights.clear();
            }
        }
    }

    fn finish(&self, mut partial: Partial, earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let (names, strata) = (self.review.grouping.names(), self.review.strata.names());
        let crowded = self.review.crowded(earlier);
        for (attribute, weights) in partial.weights.iter_mut().enumerate().filter(|(attribute, _)| crowded.contains(&names[*attribute])) {
            *weights = BTreeMap::from([(Group::crowd(), 0.0)]);
            let cells = partial.cells.iter_mut().skip(attribute * strata.len()).take(strata.len());
            cells.for_each(|cells| *cells = BTreeMap::from([(Group::crowd(), BTreeMap::new())]));
        }
        let reference = |(attribute, weights): (usize, &BTreeMap<Group, f64>)| {
            self.review.reference(attribute, weights.iter().map(|(group, weight)| (group, *weight)))
        };
        let references: Vec<Group> = partial.weights.iter().enumerate().map(reference).collect();
        let mut lines = Vec::new();
        for (place, cells) in partial.cells.iter().enumerate() {
            let (attribute, stratum) = (place / strata.len().max(1), &strata[place % strata.len().max(1)]);
            let many = cells.values().any(|strata| strata.len() > GROUPS);
            for group in cells.keys() {
                let about = Line {
                    attribute: &names[attribute],
                    group,
                    reference: &references[attribute],
                    stratum,
                    strata: 0,
                    rows: 0.0,
                    metric: "",
                    value: f64::NAN,
                    interval: (f64::NAN, f64::NAN),
                    p_value: None,
                    sufficient: false,
                    crowded: many || group.is_crowd(),
                };
                lines.extend(self.lines(&about, cells));
            }
        }
        Ok(vec![table(self.review.settings.intervals, &lines)])
    }
}

/// A stratum's cell; none once there are too many, which one more than can be looked at tells.
fn cell<'c>(cells: &'c mut BTreeMap<Group, Decisions>, stratum: &Group) -> Option<&'c mut Decisions> {
    if cells.len() > GROUPS && !cells.contains_key(stratum) { None } else { Some(cells.entry(stratum.clone()).or_default()) }
}

fn table(level: f64, lines: &[Line<'_>]) -> Table {
    let given = |number: fn(&Line) -> Option<f64>| {
        let given =
            |line: &Line| number(line).filter(|number| line.sufficient && !line.crowded && line.value.is_finite() && number.is_finite());
        table::optional_numbers(lines.iter().map(given))
    };
    let status = |line: &Line| match line.value.is_finite() {
        _ if line.crowded => NOT_EVALUATED,
        _ if !line.sufficient => INSUFFICIENT,
        true => OK,
        false => UNDEFINED,
    };
    Table::new(
        "fairness_conditional",
        vec![
            ("attribute", table::texts(lines.iter().map(|line| line.attribute))),
            ("group", table::texts(lines.iter().map(|line| line.group.to_string()))),
            ("reference", table::texts(lines.iter().map(|line| line.reference.to_string()))),
            ("stratum", table::texts(lines.iter().map(|line| line.stratum))),
            ("metric", table::texts(lines.iter().map(|line| line.metric))),
            ("value", given(|line| Some(line.value))),
            ("ci_low", given(|line| Some(line.interval.0))),
            ("ci_high", given(|line| Some(line.interval.1))),
            ("level", table::numbers(lines.iter().map(|_| level))),
            ("p_value", given(|line| line.p_value)),
            ("rows", table::integers(lines.iter().map(|line| line.rows.round() as i64))),
            ("strata", table::integers(lines.iter().map(|line| line.strata as i64))),
            ("status", table::texts(lines.iter().map(status))),
        ],
    )
}
