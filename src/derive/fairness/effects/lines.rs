//! The table of effects by group.

use super::curves::{Curve, Kind, Point};
use crate::derive::fairness::group::Group;
use crate::derive::fairness::intervals::quantile;
use crate::derive::fairness::{OK, lacking};
use crate::table::{self, Table};

/// One line: a point of a curve, or that there is no curve.
pub(super) struct Line {
    attribute: String,
    pub group: Group,
    reference: String,
    feature: String,
    kind: Kind,
    /// Number and place.
    point: Option<(usize, Point)>,
    /// Rows of the group.
    rows: f64,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Dependence => "pdp",
            Kind::Accumulated => "ale",
        }
    }
}

/// The lines of a group's curve; one without numbers where it has no points.
pub(super) fn of(curve: &Curve<'_>, (attribute, group, reference): (&str, &Group, &Group), rows: f64) -> Vec<Line> {
    let line = |point| Line {
        attribute: attribute.into(),
        group: group.clone(),
        reference: reference.to_string(),
        feature: curve.member.name.clone(),
        kind: curve.kind,
        point,
        rows,
    };
    match curve.points.is_empty() {
        true => vec![line(None)],
        false => curve.points.iter().cloned().enumerate().map(|point| line(Some(point))).collect(),
    }
}

/// The table: attributes, then groups, then features, then kinds, then points.
pub(super) fn table(output: &str, level: f64, lines: &[Line]) -> Table {
    let z = quantile(level);
    let number = |number: &dyn Fn(&Point) -> Option<f64>| {
        table::optional_numbers(lines.iter().map(|line| line.point.as_ref().and_then(|(_, point)| number(point)).filter(|x| x.is_finite())))
    };
    let label = |line: &Line| line.point.as_ref().and_then(|(_, point)| point.label.clone());
    let near = |line: &Line| line.point.as_ref().map(|(_, point)| point.rows.round() as i64);
    Table::new(
        "fairness_effects",
        vec![
            ("output", table::texts(lines.iter().map(|_| output))),
            ("attribute", table::texts(lines.iter().map(|line| &line.attribute))),
            ("group", table::texts(lines.iter().map(|line| line.group.to_string()))),
            ("reference", table::texts(lines.iter().map(|line| &line.reference))),
            ("feature", table::texts(lines.iter().map(|line| &line.feature))),
            ("kind", table::texts(lines.iter().map(|line| line.kind.name()))),
            ("point", table::optional_integers(lines.iter().map(|line| line.point.as_ref().map(|(number, _)| *number as i64)))),
            ("x", number(&|point| point.x)),
            ("label", table::optional_texts(lines.iter().map(label))),
            ("value", number(&|point| Some(point.value))),
            ("ci_low", number(&|point| Some(point.value - z * point.error))),
            ("ci_high", number(&|point| Some(point.value + z * point.error))),
            ("level", table::numbers(lines.iter().map(|_| level))),
            ("rows", table::optional_integers(lines.iter().map(near))),
            ("group_rows", table::integers(lines.iter().map(|line| line.rows.round() as i64))),
            ("status", table::texts(lines.iter().map(|line| if line.point.is_some() { OK } else { lacking(&line.group) }))),
        ],
    )
}
