//! Importance by group: mean |φ| of each feature within each group.

use std::collections::BTreeMap;

use super::{Counted, Status};
use crate::derive::bootstrap::{Estimate, Replicates};
use crate::derive::fairness::group::Group;
use crate::derive::fairness::{OK, lacking};
use crate::numeric::quantile::sorted_quantile;
use crate::table::{self, Table};

/// One line of the table.
pub(super) struct Line<'a> {
    method: &'a str,
    attribute: &'a str,
    group: &'a Group,
    feature: &'a str,
    /// Rank, mean |φ| with its interval, and mean φ, where there are rows enough.
    numbers: Option<(i64, Estimate, f64)>,
    rows: f64,
}

/// The lines of an attribute's groups.
pub(super) fn lines<'a>(
    (method, attribute, features): (&'a str, &'a str, &'a [String]),
    groups: &'a BTreeMap<Group, Counted>,
    replicates: &BTreeMap<&Group, Replicates>,
    level: f64,
) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for (group, counted) in groups {
        let found = replicates.get(group);
        let size = |feature: usize| found.map(|found| estimate(found, features.len() + 1 + feature, level));
        let sizes: Vec<Option<Estimate>> = (0..features.len()).map(size).collect();
        let mut order: Vec<usize> = (0..features.len()).collect();
        order.sort_by(|a, b| sizes[*b].map_or(0.0, |size| size.mean).total_cmp(&sizes[*a].map_or(0.0, |size| size.mean)));
        let line = |(feature, rank): (usize, i64)| Line {
            method,
            attribute,
            group,
            feature: &features[feature],
            numbers: sizes[feature].zip(found).map(|(size, found)| (rank, size, found.means[feature])),
            rows: counted.rows,
        };
        lines.extend(order.into_iter().zip(1..).map(line));
    }
    lines
}

fn estimate(replicates: &Replicates, column: usize, level: f64) -> Estimate {
    let (low, high) = percentiles(replicates.replicates[column].clone(), level);
    Estimate { mean: replicates.means[column], low, high }
}

/// The two-sided percentile interval of bootstrap draws.
pub(super) fn percentiles(mut draws: Vec<f64>, level: f64) -> (f64, f64) {
    draws.sort_by(f64::total_cmp);
    let tail = (1.0 - level) / 2.0;
    (sorted_quantile(&draws, tail), sorted_quantile(&draws, 1.0 - tail))
}

/// The table.
pub(super) fn table(output: &str, level: f64, lines: &[Line<'_>]) -> Table {
    let number = |number: fn((i64, Estimate, f64)) -> f64| table::optional_numbers(lines.iter().map(|line| line.numbers.map(number)));
    let status: Status<Line> = |line| if line.numbers.is_some() { OK } else { lacking(line.group) };
    Table::new(
        "fairness_importance",
        vec![
            ("method", table::texts(lines.iter().map(|line| line.method))),
            ("output", table::texts(lines.iter().map(|_| output))),
            ("attribute", table::texts(lines.iter().map(|line| line.attribute))),
            ("group", table::texts(lines.iter().map(|line| line.group.to_string()))),
            ("feature", table::texts(lines.iter().map(|line| line.feature))),
            ("rank", table::optional_integers(lines.iter().map(|line| line.numbers.map(|numbers| numbers.0)))),
            ("mean_abs", number(|(_, size, _)| size.mean)),
            ("ci_low", number(|(_, size, _)| size.low)),
            ("ci_high", number(|(_, size, _)| size.high)),
            ("mean", number(|(_, _, mean)| mean)),
            ("rows", table::integers(lines.iter().map(|line| line.rows.round() as i64))),
            ("level", table::numbers(lines.iter().map(|_| level))),
            ("status", table::texts(lines.iter().map(status))),
        ],
    )
}
