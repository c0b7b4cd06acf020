//! The surrogate as an indented tree: a line a node, its condition, its rows, and where its prediction lies.

use arrow_array::{Array, BooleanArray};
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::frame::{Frame, MARGIN, NOTE};
use super::output::{Output, outputs};
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{brief, counted, grouped, short};
use crate::table::Table;

const ROW: f64 = 24.0;
const INDENT: f64 = 18.0;
/// Where conditions end, rows stand, and predictions begin.
const CONDITIONS: f64 = 470.0;
const ROWS: f64 = 550.0;
const PREDICTIONS: f64 = 570.0;

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [surrogate] = tables else { return Ok(Vec::new()) };
    outputs(surrogate).into_iter().map(|output| figure(surrogate, output, options)).collect()
}

fn figure(table: &Table, output: Output<'_>, options: &Options) -> Result<Figure, ReportError> {
    let lines: Vec<usize> = (0..table.len()).filter(|row| table.texts("output").value(*row) == output.name).collect();
    let (title, stem) = (output.title("The model in a few rules"), output.stem("surrogate"));
    let (rows, fidelities) = (table.integers("rows"), table.numbers("fidelity"));
    let first = lines.first().copied().filter(|line| fidelities.is_valid(*line));
    let fidelity = first.map_or("not known".to_owned(), |line| format!("R² {}", short(fidelities.value(line))));
    let seen = lines.first().map_or(0, |line| rows.value(*line));
    let subtitle = format!("a tree fitted to the model's predictions of {}; fidelity on rows held out: {fidelity}", counted(seen));
    let blank: Vec<&str> = lines.iter().map(|_| "").collect();
    let frame = Frame::new(title.clone(), &subtitle, &blank, (ROW, 0.0, 70.0));
    let alt = format!("An indented tree of {} nodes that imitates the model, fidelity {fidelity}.", lines.len());
    let predictions: Vec<f64> = lines.iter().map(|line| table.numbers("prediction").value(*line)).collect();
    let (low, high) = predictions.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(*p), high.max(*p)));
    let room = (high - low) * 0.05;
    let axis = Axis::new(low - room, high + room, (PREDICTIONS, frame.sides.1)).with_ticks(4.0);
    let leaves = table.rows.column_by_name("leaf").and_then(|column| column.as_any().downcast_ref::<BooleanArray>());
    let picture = |canvas: &Canvas| -> Drawn {
        frame.draw(canvas, &blank)?;
        axis.draw(canvas, frame.ends, &format!("prediction ({})", options.effect_space))?;
        let small = Face { size: 12.0, ..NOTE };
        for (row, line) in lines.iter().enumerate() {
            let (y, left) = (frame.middle(row), MARGIN + INDENT * table.integers("depth").value(*line) as f64);
            let is_leaf = leaves.is_some_and(|leaves| leaves.value(*line));
            let conditions = table.texts("condition");
            let text = if conditions.is_valid(*line) { conditions.value(*line) } else { "all rows" };
            let text = text.split(' ').map(brief).collect::<Vec<_>>().join(" ");
            if row > 0 {
                canvas.path(&[(left - 11.0, y - ROW / 2.0), (left - 11.0, y), (left - 4.0, y)], palette::ZERO, 1.0)?;
            }
            let face = Face { size: 12.5, bold: is_leaf, colour: palette::INK, anchor: HPos::Left };
            canvas.fitted((left, y), face, CONDITIONS - left, &text)?;
            canvas.text((ROWS, y), Face { anchor: HPos::Right, ..small }, &grouped(rows.value(*line)))?;
            let colour = if is_leaf { palette::LINE } else { palette::ROWS };
            canvas.dot((axis.x(predictions[row]), y), if is_leaf { 5.0 } else { 3.5 }, colour)?;
            canvas.text((frame.sides.1 + 8.0, y), small, &short(predictions[row]))?;
        }
        canvas.text((ROWS, frame.ends.1 + 11.0), Face { anchor: HPos::Right, ..small }, "rows")
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("surrogate"))?;
    Ok(Figure { stem, title, alt, svg })
}
