//! Calibration by group: for each attribute a panel a group, observed against predicted rates, with the rows of every band beneath.

use arrow_array::Array;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::chosen::{distinct, not_drawn};
use super::effects::level;
use super::frame::{MARGIN, NOTE, TITLE, WIDTH};
use super::text::wrap;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, grouped, short};
use crate::table::Table;

/// Attributes and groups of an attribute that are drawn at most, in the table's order.
const FIGURES: usize = 8;
const GROUPS: usize = 8;

/// Height of a panel's name, of its picture, and of what is written beneath.
const NAME: f64 = 26.0;
const PLOT: f64 = 230.0;
const BENEATH: f64 = 72.0;
/// Width of the labels left of a panel.
const SCALE: f64 = 40.0;
const GAP: f64 = 24.0;
const SUBTITLE_LINE: f64 = 17.0;

const SMALL: Face = Face { size: 11.0, bold: false, colour: palette::MUTED, anchor: HPos::Center };

const SUBTITLE: &str = "observed share of the label 1 against the mean prediction, in ten equal bands of the prediction; on the dashed diagonal both are the same, above it the \
     prediction is too low; pale lines: the attribute's other groups; lines break at bands with too few rows";

/// One group's bands.
struct Panel {
    group: String,
    bands: Vec<Band>,
}

struct Band {
    middle: f64,
    rows: i64,
    /// Mean prediction, observed share and its interval, where there are rows enough.
    rates: Option<(f64, f64, (f64, f64))>,
}

pub(super) fn draw(tables: &[&Table], _options: &Options) -> Result<Vec<Figure>, ReportError> {
    let figures = |table: &&Table| {
        let attributes = distinct(table, "attribute", &|_| true, FIGURES);
        let panels =
            attributes.into_iter().map(|attribute| (panels(table, &attribute), attribute)).filter(|((panels, _), _)| !panels.is_empty());
        let level = level(table).unwrap_or_default();
        panels
            .enumerate()
            .map(|(place, ((panels, left_out), attribute))| figure(place, (&attribute, &level), (&panels, &left_out)))
            .collect::<Vec<_>>()
    };
    tables.iter().flat_map(figures).collect()
}

/// The groups of an attribute that have rows enough in some band, and what is said of those that are not drawn.
fn panels(table: &Table, attribute: &str) -> (Vec<Panel>, String) {
    let number = |column: &str, row: usize| table.numbers(column).value(row);
    let band = |row: usize| Band {
        middle: (number("left", row) + number("right", row)) / 2.0,
        rows: table.integers("rows").value(row),
        rates: (table.numbers("mean_label").is_valid(row))
            .then(|| (number("mean_prediction", row), number("mean_label", row), (number("ci_low", row), number("ci_high", row)))),
    };
    let is_of = |row: usize| table.texts("attribute").value(row) == attribute;
    let given = |row: usize| is_of(row) && table.numbers("mean_label").is_valid(row);
    let of_group = |group: String| {
        let rows = (0..table.len()).filter(|&row| is_of(row) && table.texts("group").value(row) == group);
        Panel { bands: rows.map(band).collect(), group }
    };
    let groups = distinct(table, "group", &given, usize::MAX);
    let all = distinct(table, "group", &is_of, usize::MAX).len();
    let left_out = [(groups.len().saturating_sub(GROUPS), "of the last groups"), (all - groups.len(), "with too few rows in every band")];
    (groups.into_iter().take(GROUPS).map(of_group).collect(), not_drawn(&left_out))
}

fn figure(place: usize, (attribute, level): (&str, &str), (panels, left_out): (&[Panel], &str)) -> Result<Figure, ReportError> {
    let title = format!("Calibration by {attribute}");
    let stem = format!("fairness_calibration-{place}");
    let subtitle = wrap(&format!("{SUBTITLE}; whiskers: {level} % Wilson intervals{left_out}"), NOTE.size, WIDTH - 2.0 * MARGIN);
    let top = MARGIN + 30.0 + SUBTITLE_LINE * subtitle.len() as f64;
    let height = NAME + PLOT + BENEATH;
    let size = (WIDTH, top + height * panels.len().div_ceil(2) as f64 + MARGIN / 2.0);
    let alt = description(attribute, panels);
    let picture = |canvas: &Canvas| -> Drawn {
        canvas.fitted((MARGIN, MARGIN + 8.0), TITLE, WIDTH - 2.0 * MARGIN, &title)?;
        for (line, text) in subtitle.iter().enumerate() {
            canvas.text((MARGIN, MARGIN + 30.0 + SUBTITLE_LINE * line as f64), NOTE, text)?;
        }
        let column = (WIDTH - 2.0 * MARGIN - GAP) / 2.0;
        for place in 0..panels.len() {
            let left = MARGIN + SCALE + (place % 2) as f64 * (column + GAP);
            draw_panel(canvas, panels, place, (left, left + column - SCALE), top + height * (place / 2) as f64)?;
        }
        Ok(())
    };
    let svg = svg(size, (&stem, &title, &alt), picture).map_err(chart_error("fairness_calibration"))?;
    Ok(Figure { stem, title, alt, svg })
}

fn draw_panel(canvas: &Canvas, panels: &[Panel], place: usize, (left, right): (f64, f64), top: f64) -> Drawn {
    let panel = &panels[place];
    let (x, y) = (Axis::new(0.0, 1.0, (left, right)).with_ticks(5.0), Axis::new(0.0, 1.0, (PLOT, 0.0)).with_ticks(5.0));
    let name = Face { size: 12.5, bold: true, colour: palette::INK, anchor: HPos::Left };
    let rows = panel.bands.iter().map(|band| band.rows).sum();
    canvas.fitted((left, top + 12.0), name, right - left, &format!("{} ({})", panel.group, counted(rows)))?;
    let top = top + NAME;
    for (value, label) in y.ticks() {
        canvas.line((left, top + y.x(*value)), (right, top + y.x(*value)), palette::GRID, 1.0)?;
        canvas.text((left - 6.0, top + y.x(*value)), Face { anchor: HPos::Right, ..SMALL }, label)?;
    }
    for (value, label) in x.ticks() {
        canvas.line((x.x(*value), top), (x.x(*value), top + PLOT), palette::GRID, 1.0)?;
        canvas.text((x.x(*value), top + PLOT + 11.0), SMALL, label)?;
    }
    canvas.text(
        ((left + right) / 2.0, top + PLOT + 27.0),
        Face { colour: palette::INK, ..SMALL },
        "mean prediction; rows in each band:",
    )?;
    for dash in 0..20 {
        let at = |share: f64| (x.x(share), top + y.x(share));
        canvas.line(at(f64::from(dash) / 20.0), at((f64::from(dash) + 0.55) / 20.0), palette::ZERO, 1.0)?;
    }
    let points = |panel: &Panel| -> Vec<Option<(f64, f64)>> {
        panel.bands.iter().map(|band| band.rates.map(|(predicted, observed, _)| (x.x(predicted), top + y.x(observed)))).collect()
    };
    let others = panels.iter().enumerate().filter(|(other, _)| *other != place);
    others.into_iter().try_for_each(|(_, other)| broken(canvas, &points(other), palette::BEHIND, 1.0))?;
    for band in &panel.bands {
        canvas.fitted((x.x(band.middle), top + PLOT + 43.0), Face { size: 10.0, ..SMALL }, (right - left) / 10.0, &grouped(band.rows))?;
        let Some((predicted, _, (low, high))) = band.rates else { continue };
        canvas.line((x.x(predicted), top + y.x(low)), (x.x(predicted), top + y.x(high)), palette::INK, 1.0)?;
    }
    broken(canvas, &points(panel), palette::LINE, 2.0)?;
    points(panel).into_iter().flatten().try_for_each(|point| canvas.dot(point, 3.5, palette::LINE))
}

/// A line through neighbouring points, broken where one is not known.
fn broken(canvas: &Canvas, points: &[Option<(f64, f64)>], colour: RGBColor, width: f64) -> Drawn {
    let stretches = points.chunk_by(|a, b| a.is_some() && b.is_some()).map(|stretch| stretch.iter().flatten().copied().collect::<Vec<_>>());
    stretches.into_iter().filter(|stretch| stretch.len() > 1).try_for_each(|stretch| canvas.path(&stretch, colour, width))
}

fn description(attribute: &str, panels: &[Panel]) -> String {
    let one = |panel: &Panel| {
        let far = |band: &Band| band.rates.map(|(predicted, observed, _)| (observed - predicted, predicted));
        let widest = panel.bands.iter().filter_map(far).max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
        widest.map(|(difference, predicted)| format!("{} at most {} (at {})", panel.group, short(difference), short(predicted)))
    };
    let told: Vec<String> = panels.iter().filter_map(one).collect();
    format!("Reliability lines by {attribute}, a panel a group. Observed less predicted rate, where it is largest: {}.", told.join("; "))
}
