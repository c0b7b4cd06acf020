//! Partial dependence, alone and before the curves of single rows: a panel a feature.

use std::collections::HashMap;

use super::effects::{Words, curves, figures};
use super::{Figure, Options};
use crate::report::ReportError;
use crate::report::number::counted;
use crate::table::{Table, cell_text};

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

/// Each output's and feature's rows.
fn lines(ice: &Table) -> HashMap<(&str, &str), Vec<Vec<f64>>> {
    let (outputs, features, predictions) = (ice.texts("output"), ice.texts("feature"), ice.numbers("prediction"));
    let mut lines: HashMap<(&str, &str), Vec<Vec<f64>>> = HashMap::new();
    let Some(ids) = ice.rows.column_by_name("row_id") else { return lines };
    let mut last = None;
    for row in 0..ice.len() {
        let key = (outputs.value(row), features.value(row));
        let line = (key, cell_text(ids, row));
        let found = lines.entry(key).or_default();
        if last.as_ref() != Some(&line) {
            found.push(Vec::new());
            last = Some(line);
        }
        found.last_mut().into_iter().for_each(|points| points.push(predictions.value(row)));
    }
    lines
}
