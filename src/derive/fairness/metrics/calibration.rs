//! Predicted and observed rates of the label 1, band by band of the prediction.

use super::sums::{BANDS, Band, Sums};
use crate::derive::fairness::group::Group;
use crate::derive::fairness::intervals::{Interval, Rate, quantile};
use crate::derive::fairness::settings::Settings;
use crate::derive::fairness::{OK, lacking};
use crate::table::{self, Table};

/// One line of the table.
pub(super) struct Line<'a> {
    attribute: &'a str,
    group: &'a Group,
    /// The band's number, from 0 on.
    bin: usize,
    band: Band,
}

/// The lines of a group.
pub(super) fn lines<'a>(attribute: &'a str, group: &'a Group, sums: &Sums) -> Vec<Line<'a>> {
    sums.bands.iter().enumerate().map(|(bin, band)| Line { attribute, group, bin, band: *band }).collect()
}

/// The table.
pub(super) fn table(settings: &Settings, lines: &[Line<'_>]) -> Table {
    let z = quantile(settings.intervals);
    let enough = |band: &Band| band.count.rows >= settings.min_group as f64 && band.count.weight > 0.0;
    let observed = |band: &Band| Rate { value: band.observed / band.count.weight, n: band.count.effective() };
    let given =
        |number: &dyn Fn(&Band) -> f64| table::optional_numbers(lines.iter().map(|line| enough(&line.band).then(|| number(&line.band))));
    let limit = |side: fn(Interval) -> f64| given(&|band| side(observed(band).wilson(z)));
    let edge = |bin: usize| bin as f64 / BANDS as f64;
    Table::new(
        "fairness_calibration",
        vec![
            ("attribute", table::texts(lines.iter().map(|line| line.attribute))),
            ("group", table::texts(lines.iter().map(|line| line.group.to_string()))),
            ("bin", table::integers(lines.iter().map(|line| line.bin as i64 + 1))),
            ("left", table::numbers(lines.iter().map(|line| edge(line.bin)))),
            ("right", table::numbers(lines.iter().map(|line| edge(line.bin + 1)))),
            ("mean_prediction", given(&|band| band.predicted / band.count.weight)),
            ("mean_label", given(&|band| observed(band).value)),
            ("ci_low", limit(|interval| interval.0)),
            ("ci_high", limit(|interval| interval.1)),
            ("level", table::numbers(lines.iter().map(|_| settings.intervals))),
            ("rows", table::integers(lines.iter().map(|line| line.band.count.rows.round() as i64))),
            ("status", table::texts(lines.iter().map(|line| if enough(&line.band) { OK } else { lacking(line.group) }))),
        ],
    )
}
