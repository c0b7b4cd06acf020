//! Partial dependence, alone and before the curves of single rows: a panel a feature.

use std::collections::HashMap;

use arrow_array::Array;

use super::effects::{Words, curves, figures};
use super::{Figure, Options};
use crate::report::ReportError;
use crate::report::number::counted;
use crate::table::Table;

/// Curves of single rows that a panel shows, the first ones of the table.
const BEHIND: usize = 60;

/// Means alone, on a scale of their own.
pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [pdp] = tables else { return Ok(Vec::new()) };
    let words = Words {
        chart: "pdp",
        title: "Partial dependence",
        about: "the mean prediction over the background as one feature takes each value, whatever the others are".into(),
        quantity: format!("mean prediction ({})", options.effect_space),
    };
    figures(pdp, options, &words, |output| curves(pdp, output, "value", "mean"))
}

/// Single rows behind their mean.
pub(super) fn draw_rows(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [pdp, ice] = tables else { return Ok(Vec::new()) };
    let lines = lines(ice);
    let shown = lines.values().map(Vec::len).max().unwrap_or(0).min(BEHIND);
    let words = Words {
        chart: "ice",
        title: "Individual conditional expectation",
        about: format!(
            "grey lines and dots: predictions of {} as one feature takes each value; blue: their mean over the background",
            counted(shown as i64)
        ),
        quantity: format!("prediction ({})", options.effect_space),
    };
    figures(pdp, options, &words, |output| {
        let mut curves = curves(pdp, output, "value", "mean");
        for curve in &mut curves {
            let behind = lines.get(&(output, curve.name.as_str())).into_iter().flatten().take(BEHIND);
            // Lines on another grid cannot be laid behind.
            curve.behind = behind.filter(|line| line.len() == curve.points.len()).cloned().collect();
        }
        curves
    })
}

/// Each output's and feature's rows: a row begins where the feature's first point comes again, for ids may be of several rows.
fn lines(ice: &Table) -> HashMap<(&str, &str), Vec<Vec<f64>>> {
    let (outputs, features, predictions) = (ice.texts("output"), ice.texts("feature"), ice.numbers("prediction"));
    let (values, labels) = (ice.numbers("value"), ice.texts("label"));
    let point = |row: usize| (values.is_valid(row).then(|| values.value(row).to_bits()), labels.is_valid(row).then(|| labels.value(row)));
    let mut lines: HashMap<(&str, &str), Vec<Vec<f64>>> = HashMap::new();
    let mut first = None;
    for row in 0..ice.len() {
        let key = (outputs.value(row), features.value(row));
        if first.is_none_or(|(of, _)| of != key) {
            first = Some((key, point(row)));
        }
        let found = lines.entry(key).or_default();
        if first == Some((key, point(row))) {
            found.push(Vec::new());
        }
        found.last_mut().into_iter().for_each(|points| points.push(predictions.value(row)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{numbers, optional_numbers, optional_texts, texts};

    #[test]
    fn rows_that_follow_each_other_with_the_same_id_have_lines_of_their_own() {
        let (values, labels) = ([Some(1.0), Some(2.0), None].repeat(2), [Some("1"), Some("2"), None].repeat(2));
        let ice = Table::new(
            "ice",
            vec![
                ("output", texts(["bad"; 6])),
                ("feature", texts(["age"; 6])),
                ("row_id", texts(["7"; 6])),
                ("value", optional_numbers(values)),
                ("label", optional_texts(labels)),
                ("prediction", numbers([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])),
            ],
        );
        assert_eq!(lines(&ice)[&("bad", "age")], [vec![0.0, 1.0, 2.0], vec![3.0, 4.0, 5.0]]);
    }
}
