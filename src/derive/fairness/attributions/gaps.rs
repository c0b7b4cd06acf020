//! What each feature adds to the gap in mean prediction between a group and its reference.

use super::importance::percentiles;
use super::{About, Status};
use crate::derive::bootstrap::Replicates;
use crate::derive::fairness::permutation::{TwoGroups, q_values};
use crate::derive::fairness::{OK, lacking};
use crate::table::{self, Table};

/// One line of the table.
pub(super) struct Line<'a> {
    about: About<'a>,
    feature: &'a str,
    /// Difference, its interval, gap and residual, where there are rows enough.
    numbers: Option<[f64; 5]>,
    p_value: Option<f64>,
    q_value: Option<f64>,
}

/// The lines of a group beside its reference, features in the method's order; p-values come from a sample's rows.
pub(super) fn lines<'a>(
    about: &About<'a>,
    features: &'a [String],
    pair: Option<(&Replicates, &Replicates)>,
    (sample, level, seed): (&TwoGroups, f64, u64),
) -> Vec<Line<'a>> {
    let difference = |column: usize| pair.map(|(own, other)| own.means[column] - other.means[column]);
    let gap = difference(features.len());
    let explained: f64 = (0..features.len()).filter_map(difference).sum();
    let label = about.label.map_or(String::new(), |label| format!(" label {label}"));
    let purpose = format!("fairness {} {} {}{label}", about.method, about.attribute, about.group);
    let p_values = pair.and_then(|_| sample.p_values(seed, &purpose));
    let line = |(column, feature): (usize, &'a String)| {
        let numbers = pair.zip(gap).map(|((own, other), gap)| {
            let draws = own.replicates[column].iter().zip(&other.replicates[column]).map(|(own, other)| own - other);
            let (low, high) = percentiles(draws.collect(), level);
            [own.means[column] - other.means[column], low, high, gap, gap - explained]
        });
        Line { about: about.clone(), feature, numbers, p_value: p_values.as_ref().map(|p| p[column]), q_value: None }
    };
    features.iter().enumerate().map(line).collect()
}

/// Adds the q-values of all lines of a method.
pub(super) fn correct(lines: &mut [Line<'_>]) {
    let q_values = q_values(&lines.iter().map(|line| line.p_value).collect::<Vec<_>>());
    lines.iter_mut().zip(q_values).for_each(|(line, q)| line.q_value = q);
}

/// The table.
pub(super) fn table(output: &str, level: f64, lines: &[Line<'_>]) -> Table {
    let number = |place: usize| table::optional_numbers(lines.iter().map(|line| line.numbers.map(|numbers| numbers[place])));
    let status: Status<Line> = |line| if line.numbers.is_some() { OK } else { lacking(line.about.group) };
    Table::new(
        "fairness_attributions",
        vec![
            ("method", table::texts(lines.iter().map(|line| line.about.method))),
            ("output", table::texts(lines.iter().map(|_| output))),
            ("attribute", table::texts(lines.iter().map(|line| line.about.attribute))),
            ("group", table::texts(lines.iter().map(|line| line.about.group.to_string()))),
            ("reference", table::texts(lines.iter().map(|line| line.about.reference.to_string()))),
            ("label", table::optional_integers(lines.iter().map(|line| line.about.label))),
            ("feature", table::texts(lines.iter().map(|line| line.feature))),
            ("difference", number(0)),
            ("ci_low", number(1)),
            ("ci_high", number(2)),
            ("p_value", table::optional_numbers(lines.iter().map(|line| line.p_value))),
            ("q_value", table::optional_numbers(lines.iter().map(|line| line.q_value))),
            ("gap", number(3)),
            ("residual", number(4)),
            ("rows", table::integers(lines.iter().map(|line| line.about.rows.round() as i64))),
            ("level", table::numbers(lines.iter().map(|_| level))),
            ("status", table::texts(lines.iter().map(status))),
        ],
    )
}
