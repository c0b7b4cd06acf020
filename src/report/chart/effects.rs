//! Effect tables as curves, and the figure that all effects share: one for each output, a panel a feature.

use arrow_array::Array;

use super::canvas::{Canvas, Drawn, svg};
use super::output::{Output, outputs};
use super::panels::{Curve, Panels, Point};
use super::{Figure, Options, chart_error};
use crate::report::ReportError;
use crate::report::number::{counted, percent, short};
use crate::table::Table;

/// What a figure of effects says.
pub(super) struct Words {
    /// Chart name, the stem's beginning.
    pub chart: &'static str,
    /// Heading.
    pub title: &'static str,
    /// What the curves are.
    pub about: String,
    /// What the heights are of.
    pub quantity: String,
}

/// One figure for each of the first outputs; `curves` gives those of an output.
pub(super) fn figures(
    table: &Table,
    options: &Options,
    words: &Words,
    curves: impl Fn(&str) -> Vec<Curve>,
) -> Result<Vec<Figure>, ReportError> {
    outputs(table).into_iter().map(|output| figure(table, options, words, curves(output.name), output)).collect()
}

fn figure(table: &Table, options: &Options, words: &Words, all: Vec<Curve>, output: Output<'_>) -> Result<Figure, ReportError> {
    let shown = all.len().min(options.top_features);
    let (title, stem) = (output.title(words.title), output.stem(words.chart));
    let mut parts = vec![words.about.clone()];
    parts.extend(level(table).map(|level| format!("bands: {level} % intervals")));
    let rows = all.iter().map(|curve| curve.points.iter().map(|point| point.rows).sum::<f64>()).fold(0.0, f64::max);
    parts.push(format!("grey below: where the {} are; shaded: hardly any rows", counted(rows as i64)));
    if shown < all.len() {
        parts.push(format!("the {shown} of {} features with the widest effect", all.len()));
    }
    let first: Vec<String> = all.iter().take(5).map(|curve| format!("{} {}", curve.name, short(curve.range()))).collect();
    let alt = format!("A curve a feature of its {}, widest range first: {}.", words.title.to_lowercase(), first.join(", "));
    let panels = Panels::new(title.clone(), &parts.join("; "), all.into_iter().take(shown).collect(), words.quantity.clone());
    heading(words.chart, stem, title, alt, &panels)
}

/// Panels as a figure.
pub(super) fn heading(chart: &'static str, stem: String, title: String, alt: String, panels: &Panels) -> Result<Figure, ReportError> {
    let picture = |canvas: &Canvas| -> Drawn { panels.draw(canvas) };
    let svg = svg(panels.size(), (&stem, &title, &alt), picture).map_err(chart_error(chart))?;
    Ok(Figure { stem, title, alt, svg })
}

/// The level of a table's intervals as a percentage, where it has such.
pub(super) fn level(table: &Table) -> Option<String> {
    (!table.is_empty()).then(|| table.number("level", 0).map(percent))?
}

/// The curves of one output, widest range first; `place` and `height` are columns.
pub(super) fn curves(table: &Table, output: &str, place: &str, height: &str) -> Vec<Curve> {
    let (outputs, features, labels) = (table.texts("output"), table.texts("feature"), table.texts("label"));
    let [places, heights, lows, highs] = [place, height, "ci_low", "ci_high"].map(|column| table.numbers(column));
    let mut curves: Vec<Curve> = Vec::new();
    for row in (0..table.len()).filter(|row| outputs.value(*row) == output) {
        if curves.last().is_none_or(|last| last.name != features.value(row)) {
            curves.push(Curve { name: features.value(row).into(), ..Curve::default() });
        }
        let point = Point {
            x: places.is_valid(row).then(|| places.value(row)),
            label: if labels.is_valid(row) { labels.value(row).into() } else { "missing".into() },
            y: heights.value(row),
            band: (lows.is_valid(row) && highs.is_valid(row)).then(|| (lows.value(row), highs.value(row))),
            rows: table.integers("rows").value(row) as f64,
        };
        curves.last_mut().into_iter().for_each(|last| last.points.push(point.clone()));
    }
    curves.sort_by(|a, b| b.range().total_cmp(&a.range()));
    curves
}
