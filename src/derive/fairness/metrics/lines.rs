//! From sums to the lines of the table, with a status where a number would mislead.

use std::collections::BTreeMap;

use super::sums::{Count, Share, Sums, mean};
use crate::derive::fairness::group::Group;
use crate::derive::fairness::intervals::{Interval, Mean, Rate, quantile, two_sided};
use crate::derive::fairness::settings::Side;
use crate::derive::fairness::{INSUFFICIENT, NOT_EVALUATED, OK, Review, UNDEFINED};
use crate::numeric::moments::Moments;
use crate::table::{self, Table};

/// The table as it grows.
pub(super) struct Lines<'a> {
    review: &'a Review,
    shown: Shown,
    z: f64,
    lines: Vec<Line>,
}

/// Which metrics there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Whether labels are 0 and 1, so that they can be compared with decisions.
    pub binary: bool,
    /// Whether predictions can be probabilities.
    pub unit: bool,
    /// Whether any row has a label.
    pub labelled: bool,
}

/// One line, all but what names it being optional.
#[derive(Clone, Debug, Default)]
struct Line {
    attribute: String,
    group: String,
    metric: &'static str,
    reference: String,
    rows: f64,
    value: Option<f64>,
    interval: Option<Interval>,
    difference: Option<f64>,
    ratio: Option<f64>,
    p_value: Option<f64>,
    sufficient: bool,
    /// Whether it is about an attribute that has too many groups.
    crowded: bool,
}

/// A group beside its reference, which is `None` for the reference itself.
struct Pair<'a> {
    name: &'a Line,
    group: &'a Sums,
    reference: Option<&'a Sums>,
}

/// A rate, its name, and the name of its difference.
const RATES: [(Share, &str, &str); 3] = [
    (Share::TruePositive, "true_positive_rate", "equal_opportunity_difference"),
    (Share::FalsePositive, "false_positive_rate", "false_positive_rate_difference"),
    (Share::PredictiveValue, "positive_predictive_value", "predictive_parity_difference"),
];

impl<'a> Lines<'a> {
    pub(super) fn new(review: &'a Review, shown: Shown) -> Self {
        Self { review, shown, z: quantile(review.settings.intervals), lines: Vec::new() }
    }

    /// All metrics of an attribute's groups.
    pub(super) fn attribute(&mut self, attribute: &str, groups: &BTreeMap<Group, Sums>, reference: &Group) {
        for (group, sums) in groups {
            let name = Line { attribute: attribute.into(), group: group.to_string(), reference: reference.to_string(), ..Line::default() };
            let other = groups.get(reference).filter(|_| group != reference);
            self.metrics(&Pair { name: &name, group: sums, reference: other });
        }
    }

    /// All metrics of an attribute with too many groups, without a number.
    pub(super) fn crowded(&mut self, attribute: &str, rows: u64, reference: &Group) {
        let (group, none, first) = (Group::crowd().to_string(), Sums::default(), self.lines.len());
        let name = Line { attribute: attribute.into(), group, reference: reference.to_string(), crowded: true, ..Line::default() };
        self.metrics(&Pair { name: &name, group: &none, reference: Some(&none) });
        self.lines[first..].iter_mut().for_each(|line| line.rows = rows as f64);
    }

    fn metrics(&mut self, pair: &Pair<'_>) {
        self.decisions(pair);
        self.scores(pair);
        if self.shown.binary && self.shown.labelled {
            self.mistakes(pair);
            self.ranking(pair);
            if self.shown.unit {
                self.calibration(pair);
            }
        }
    }

    /// Whether a number about these rows is given.
    fn enough(&self, counts: &[Count]) -> bool {
        counts.iter().all(|count| count.rows >= self.review.settings.min_group as f64 && count.weight > 0.0)
    }

    fn decisions(&mut self, pair: &Pair<'_>) {
        let p_value = self.rate(pair, Share::Favoured, "favourable_rate");
        let Some(reference) = pair.reference else { return };
        let ((rate, rows), (other, others)) = (pair.group.rate(Share::Favoured), reference.rate(Share::Favoured));
        let sufficient = self.enough(&[rows, others]);
        let ratio = Line { rows: rows.rows, sufficient, p_value, ..pair.name.clone() };
        let (value, interval) = (rate.value / other.value, rate.ratio(other, self.z));
        let (ratio, difference) = (Line { value: Some(value), interval: Some(interval), ..ratio.clone() }, ratio);
        self.lines.push(Line { metric: "adverse_impact_ratio", ..ratio });
        let (value, interval) = (rate.value - other.value, rate.difference(other, self.z));
        self.lines.push(Line { metric: "demographic_parity_difference", value: Some(value), interval: Some(interval), ..difference });
    }

    fn scores(&mut self, pair: &Pair<'_>) {
        self.mean(pair, "mean_prediction", |sums| (sums.scores, sums.all()));
        let Some(reference) = pair.reference else { return };
        let (rows, others) = (pair.group.all(), reference.all());
        let (own, other) = (mean(pair.group.scores, rows), mean(reference.scores, others));
        let standardised = own.standardised(other, self.z);
        self.lines.push(Line {
            metric: "standardized_mean_difference",
            rows: rows.rows,
            sufficient: self.enough(&[rows, others]),
            value: standardised.map(|(d, _)| d),
            interval: standardised.map(|(_, interval)| interval),
            difference: Some(own.value - other.value),
            p_value: Some(own.equality(other)),
            ..pair.name.clone()
        });
    }

    fn mistakes(&mut self, pair: &Pair<'_>) {
        let mut odds: Option<(f64, Interval, bool)> = None;
        for (share, name, difference) in RATES {
            let p_value = self.rate(pair, share, name);
            let Some(reference) = pair.reference else { continue };
            let ((rate, rows), (other, others)) = (pair.group.rate(share), reference.rate(share));
            let (value, sufficient) = (rate.value - other.value, self.enough(&[rows, others]));
            if !matches!(share, Share::PredictiveValue) {
                let (largest, (low, high), all) = odds.unwrap_or((0.0, (0.0, 0.0), true));
                // Bonferroni: each of the two differences at half the risk, so that the larger is covered at least as often as wanted.
                let (left, right) = rate.difference(other, quantile(0.5 + self.review.settings.intervals / 2.0));
                let least = if left <= 0.0 && right >= 0.0 { 0.0 } else { left.abs().min(right.abs()) };
                odds = Some((largest.max(value.abs()), (low.max(least), high.max(left.abs().max(right.abs()))), all && sufficient));
            }
            let interval = Some(rate.difference(other, self.z));
            self.lines.push(Line {
                metric: difference,
                rows: rows.rows,
                sufficient,
                value: Some(value),
                interval,
                p_value,
                ..pair.name.clone()
            });
        }
        if let Some((largest, interval, sufficient)) = odds {
            let (rows, value, interval) = (pair.group.labelled().rows, Some(largest), Some(interval));
            self.lines.push(Line { metric: "equalized_odds_difference", rows, sufficient, value, interval, ..pair.name.clone() });
        }
    }

    fn ranking(&mut self, pair: &Pair<'_>) {
        // The label 1 is what the prediction is high for, whichever side is favourable.
        let side = self.review.settings.favourable;
        let auc = |sums: &Sums| {
            let (auc, deviation) = sums.auc();
            (if side == Side::Above { auc } else { 1.0 - auc }, deviation)
        };
        let ((value, deviation), other) = (auc(pair.group), pair.reference.map(auc));
        let mut classes = pair.group.classes().to_vec();
        let sufficient = self.enough(&classes);
        classes.extend(pair.reference.into_iter().flat_map(Sums::classes));
        let compared = other.filter(|_| self.enough(&classes)).map(|(other, others)| (value - other, deviation.hypot(others)));
        self.lines.push(Line {
            metric: "auc",
            rows: pair.group.labelled().rows,
            sufficient,
            value: Some(value),
            interval: Some(((value - self.z * deviation).max(0.0), (value + self.z * deviation).min(1.0))),
            difference: compared.map(|(difference, _)| difference),
            p_value: compared.filter(|(_, deviation)| *deviation > 0.0).map(|(difference, deviation)| two_sided(difference / deviation)),
            ..pair.name.clone()
        });
    }

    fn calibration(&mut self, pair: &Pair<'_>) {
        self.mean(pair, "brier_score", |sums| (sums.squared_errors, sums.labelled()));
        self.mean(pair, "calibration_difference", |sums| (sums.errors, sums.labelled()));
        let (rows, sufficient) = (pair.group.labelled(), self.enough(&[pair.group.labelled()]));
        let error = Some(pair.group.calibration_error());
        self.lines.push(Line { metric: "calibration_error", rows: rows.rows, sufficient, value: error, ..pair.name.clone() });
    }

    /// A rate's line; returns the p-value of its equality with the reference's.
    fn rate(&mut self, pair: &Pair<'_>, share: Share, metric: &'static str) -> Option<f64> {
        let (rate, rows) = pair.group.rate(share);
        let other = pair.reference.map(|reference| reference.rate(share));
        let other: Option<Rate> = other.filter(|(_, others)| self.enough(&[rows, *others])).map(|(other, _)| other);
        let p_value = other.map(|other| rate.equality(other));
        self.lines.push(Line {
            metric,
            rows: rows.rows,
            sufficient: self.enough(&[rows]),
            value: Some(rate.value),
            interval: Some(rate.wilson(self.z)),
            difference: other.map(|other| rate.value - other.value),
            ratio: other.map(|other| rate.value / other.value),
            p_value,
            ..pair.name.clone()
        });
        p_value
    }

    fn mean(&mut self, pair: &Pair<'_>, metric: &'static str, of: impl Fn(&Sums) -> (Moments, Count)) {
        let ((moments, rows), other) = (of(pair.group), pair.reference.map(of));
        let own = mean(moments, rows);
        let other: Option<Mean> = other.filter(|(_, others)| self.enough(&[rows, *others])).map(|(other, others)| mean(other, others));
        self.lines.push(Line {
            metric,
            rows: rows.rows,
            sufficient: self.enough(&[rows]),
            value: Some(own.value),
            interval: Some(own.interval(self.z)),
            difference: other.map(|other| own.value - other.value),
            ratio: other.map(|other| own.value / other.value),
            p_value: other.map(|other| own.equality(other)),
            ..pair.name.clone()
        });
    }

    /// The table.
    pub(super) fn table(self) -> Table {
        let lines = &self.lines;
        let texts = |text: fn(&Line) -> &str| table::texts(lines.iter().map(text));
        let given = |number: fn(&Line) -> Option<f64>| {
            let finite = |line: &Line| number(line).filter(|x| x.is_finite() && line.sufficient && line.value.is_some_and(f64::is_finite));
            table::optional_numbers(lines.iter().map(finite))
        };
        let status = |line: &Line| match line.value {
            _ if line.crowded => NOT_EVALUATED,
            _ if !line.sufficient => INSUFFICIENT,
            Some(value) if value.is_finite() => OK,
            _ => UNDEFINED,
        };
        Table::new(
            "fairness_metrics",
            vec![
                ("attribute", texts(|line| &line.attribute)),
                ("group", texts(|line| &line.group)),
                ("metric", texts(|line| line.metric)),
                ("value", given(|line| line.value)),
                ("ci_low", given(|line| line.interval.map(|interval| interval.0))),
                ("ci_high", given(|line| line.interval.map(|interval| interval.1))),
                ("rows", table::integers(lines.iter().map(|line| line.rows.round() as i64))),
                ("reference", texts(|line| &line.reference)),
                ("difference", given(|line| line.difference)),
                ("ratio", given(|line| line.ratio)),
                ("level", table::numbers(lines.iter().map(|_| self.review.settings.intervals))),
                ("p_value", given(|line| line.p_value)),
                ("status", table::texts(lines.iter().map(status))),
            ],
        )
    }
}
