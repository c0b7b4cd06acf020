//! Agreement: for every two methods, bars of the rank correlation and of the shared top features, with the error beside them.

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::frame::{Frame, NOTE};
use super::output::{Output, outputs};
use super::ranking::method_title;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, short};
use crate::table::Table;

const ROW: f64 = 34.0;
const BAR: f64 = 10.0;

/// Room for the errors, right of the bars.
const RIGHT: f64 = 150.0;

/// One pair of methods.
struct Line {
    name: String,
    spearman: Option<f64>,
    overlap: Option<f64>,
    error: Option<f64>,
    rows: i64,
}

pub(super) fn draw(tables: &[&Table], _options: &Options) -> Result<Vec<Figure>, ReportError> {
    tables.iter().flat_map(|table| outputs(table).into_iter().map(|output| figure(table, output))).collect()
}

fn figure(table: &Table, output: Output<'_>) -> Result<Figure, ReportError> {
    let texts = |column| table.texts(column);
    let places = || (0..table.len()).filter(|&row| texts("output").value(row) == output.name);
    let line = |row: usize| Line {
        name: format!("{} – {}", method_title(texts("method_a").value(row)), method_title(texts("method_b").value(row))),
        spearman: table.number("spearman", row),
        overlap: table.number("top_k_overlap", row),
        error: table.number("normalised_error", row),
        rows: table.integers("rows").value(row),
    };
    let lines: Vec<Line> = places().map(line).collect();
    let k = places().next().map_or(0, |row| table.integers("top_k").value(row));
    let (title, stem) = (output.title("How far methods agree"), output.stem("agreement"));
    let subtitle = format!(
        "means over rows that both explain; upper bar: Spearman's correlation of the features' order by |attribution|; lower bar: share of the top {k} features \
         that both name; right: error Σ(a − b)² / Σb² where both estimate the same Shapley values"
    );
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, 0.0, RIGHT));
    let lowest = lines.iter().filter_map(|line| line.spearman).fold(0.0, f64::min);
    let axis = Axis::new(lowest, 1.0, frame.sides);
    let alt = description(&lines, k);
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, "1 is full agreement")?;
        frame.draw(canvas, &names)?;
        lines.iter().enumerate().try_for_each(|(row, line)| draw_line(canvas, &axis, (frame.middle(row), frame.sides.1), line))
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("agreement"))?;
    Ok(Figure { stem, title, alt, svg })
}

fn draw_line(canvas: &Canvas, axis: &Axis, (middle, right): (f64, f64), line: &Line) -> Drawn {
    let bars = [(line.spearman, palette::LINE, middle - BAR - 1.0), (line.overlap, palette::BAR, middle + 1.0)];
    for (value, colour, top) in bars {
        let Some(value) = value else { continue };
        let (zero, end) = (axis.x(0.0), axis.x(value));
        canvas.rect((zero.min(end), top), (zero.max(end), top + BAR), colour)?;
    }
    let face = Face { colour: palette::INK, ..NOTE };
    let error = line.error.map_or("–".to_owned(), |error| format!("error {}", short(error)));
    canvas.text((right + 12.0, middle - 7.0), face, &error)?;
    canvas.text((right + 12.0, middle + 8.0), NOTE, &counted(line.rows))
}

fn description(lines: &[Line], k: i64) -> String {
    let told = |value: Option<f64>| value.map_or("undefined".to_owned(), short);
    let one = |line: &Line| {
        let error = line.error.map_or(String::new(), |error| format!(", error {}", short(error)));
        format!("{}: rank correlation {}, shared top {k} features {}{error}", line.name, told(line.spearman), told(line.overlap))
    };
    format!("Bars for every two methods. {}.", lines.iter().map(one).collect::<Vec<_>>().join("; "))
}
