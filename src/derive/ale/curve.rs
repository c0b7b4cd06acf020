//! The table of accumulated effects of single features.

use crate::derive::effect::{Axis, CurveSums, Effect};
use crate::numeric::normal::two_sided;
use crate::table::{self, Table};

/// The table `ale`: outputs, then features, then points.
pub(super) fn table(outputs: &[String], curves: &[(&Axis, &CurveSums)], level: Option<f64>) -> Table {
    let mut labels: Vec<(&str, &Axis, usize)> = Vec::new();
    let mut effects: Vec<Effect> = Vec::new();
    for (number, output) in outputs.iter().enumerate() {
        for (axis, sums) in curves {
            let curve = sums.effects(axis, number).unwrap_or_default();
            labels.extend((0..curve.len()).map(|point| (output.as_str(), *axis, point)));
            effects.extend(curve);
        }
    }
    let reach = level.map(two_sided);
    let limit = |sign: f64| {
        table::optional_numbers(effects.iter().map(move |effect| reach.map(|reach| effect.effect + sign * reach * effect.error)))
    };
    let number = |axis: &Axis, point: usize| axis.is_ordered().then(|| axis.points[point]);
    Table::new(
        "ale",
        vec![
            ("output", table::texts(labels.iter().map(|label| label.0))),
            ("feature", table::texts(labels.iter().map(|label| &label.1.member.name))),
            ("bin", table::integers(labels.iter().map(|label| label.2 as i64))),
            ("left", table::optional_numbers(labels.iter().map(|(_, axis, point)| number(axis, point.saturating_sub(1))))),
            ("right", table::optional_numbers(labels.iter().map(|(_, axis, point)| number(axis, *point)))),
            ("label", table::optional_texts(labels.iter().map(|(_, axis, point)| axis.member.values.text(axis.points[*point])))),
            ("effect", table::numbers(effects.iter().map(|effect| effect.effect))),
            ("ci_low", limit(-1.0)),
            ("ci_high", limit(1.0)),
            ("level", table::optional_numbers(effects.iter().map(|_| level))),
            ("rows", table::integers(effects.iter().map(|effect| effect.rows as i64))),
        ],
    )
}
