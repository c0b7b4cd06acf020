//! Interactions: a heat-map of mean |interaction value|, or of H where there are none, between the features of the strongest pairs.

use arrow_array::Array;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, Drawn, Face, svg};
use super::frame::Frame;
use super::output::{OUTPUTS, Output};
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, short};
use crate::table::Table;

/// Most features of a heat-map.
const FEATURES: usize = 12;
const ROW: f64 = 30.0;
const HEADER: f64 = 22.0;
const NUMBER: Face = Face { size: 11.0, bold: false, colour: palette::INK, anchor: HPos::Center };

/// One output's lines of the table, in its order: pairs by strength, then main effects.
struct Pairs<'a> {
    output: &'a str,
    rows: i64,
    lines: Vec<(&'a str, &'a str, f64)>,
}

/// What the cells are of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// Mean |SHAP interaction value|.
    Shap,
    /// Unnormalised H.
    H,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [table] = tables else { return Ok(Vec::new()) };
    let measure = if table.numbers("mean_abs").null_count() < table.len() { Measure::Shap } else { Measure::H };
    let (size, rows) = match measure {
        Measure::Shap => ("mean_abs", "rows"),
        Measure::H => ("h_unnormalized", "h_rows"),
    };
    let (names, sizes) = (["output", "feature_a", "feature_b"].map(|column| table.texts(column)), table.numbers(size));
    let mut outputs: Vec<Pairs> = Vec::new();
    for row in (0..table.len()).filter(|row| names[2].is_valid(*row) && sizes.is_valid(*row)) {
        let [output, a, b] = [names[0].value(row), names[1].value(row), names[2].value(row)];
        if outputs.last().is_none_or(|last| last.output != output) {
            outputs.push(Pairs { output, rows: table.integers(rows).value(row), lines: Vec::new() });
        }
        outputs.last_mut().into_iter().for_each(|last| last.lines.push((a, b, sizes.value(row))));
    }
    let count = outputs.len();
    let drawn = outputs.iter().enumerate().take(OUTPUTS).filter(|(_, pairs)| pairs.lines.iter().any(|(a, b, _)| a != b));
    drawn.map(|(place, pairs)| figure(pairs, measure, Output::new(pairs.output, place, count), options)).collect()
}

fn figure(pairs: &Pairs, measure: Measure, output: Output<'_>, options: &Options) -> Result<Figure, ReportError> {
    let mut features: Vec<&str> = Vec::new();
    for (a, b, _) in pairs.lines.iter().filter(|(a, b, _)| a != b) {
        let new: Vec<&str> = [*a, *b].into_iter().filter(|name| !features.contains(name)).collect();
        if features.len() + new.len() <= FEATURES.min(options.top_features.max(2)) {
            features.extend(new);
        }
    }
    let title = output.title("Feature interactions");
    let (kind, what) = match measure {
        Measure::Shap => {
            ("interactions-tree_shap", format!("TreeSHAP, {}; mean |interaction value| ({})", counted(pairs.rows), options.space))
        }
        Measure::H => ("interactions-h", format!("Friedman's H, not normalised, at {} ({})", counted(pairs.rows), options.space)),
    };
    let stem = output.stem(kind);
    let cells = match measure {
        Measure::Shap => {
            "half a pair's interaction on either side of the diagonal, main effects on it; the features of the strongest pairs"
        }
        Measure::H => "how far the effect of two features together is from the sum of their own; the strongest pairs",
    };
    let subtitle = format!("{what}: {cells}");
    let names: Vec<String> = features.iter().enumerate().map(|(at, name)| format!("{name}  {}", at + 1)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, HEADER, 0.0));
    let alt = description(pairs, measure);
    let picture = |canvas: &Canvas| -> Drawn {
        frame.draw(canvas, &names)?;
        draw_cells(canvas, &frame, pairs, &features)
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("interactions"))?;
    Ok(Figure { stem, title, alt, svg })
}

fn draw_cells(canvas: &Canvas, frame: &Frame, pairs: &Pairs, features: &[&str]) -> Drawn {
    let column = ((frame.sides.1 - frame.sides.0) / features.len() as f64).min(72.0);
    let left = |at: usize| frame.sides.0 + column * at as f64;
    let largest = pairs.lines.iter().filter(|(a, b, _)| a != b).fold(0.0_f64, |largest, line| largest.max(line.2));
    for at in 0..features.len() {
        canvas.text(
            (left(at) + column / 2.0, frame.ends.0 - HEADER / 2.0),
            Face { colour: palette::MUTED, ..NUMBER },
            &(at + 1).to_string(),
        )?;
    }
    for (a, b, size) in &pairs.lines {
        let places = [a, b].map(|name| features.iter().position(|feature| feature == name));
        let [Some(a), Some(b)] = places else { continue };
        let share = if largest > 0.0 { size / largest } else { 0.0 };
        let fill = if a == b { palette::GRID } else { palette::ramp(share) };
        for (row, at) in [(a, b), (b, a)].into_iter().take(if a == b { 1 } else { 2 }) {
            draw_cell(canvas, (left(at), frame.middle(row)), column, fill, *size)?;
        }
    }
    Ok(())
}

fn draw_cell(canvas: &Canvas, (left, middle): (f64, f64), column: f64, fill: RGBColor, size: f64) -> Drawn {
    canvas.rect((left + 1.0, middle - ROW / 2.0 + 1.0), (left + column - 1.0, middle + ROW / 2.0 - 1.0), fill)?;
    let number = short(size);
    let face = Face { colour: palette::text_on(fill), ..NUMBER };
    if width(&number, face.size) <= column - 2.0 { canvas.text((left + column / 2.0, middle), face, &number) } else { Ok(()) }
}

fn description(pairs: &Pairs, measure: Measure) -> String {
    let strongest = pairs.lines.iter().filter(|(a, b, _)| a != b).take(5);
    let strongest: Vec<String> = strongest.map(|(a, b, size)| format!("{a} and {b} {}", short(*size))).collect();
    let what = if measure == Measure::Shap { "mean absolute interaction value" } else { "unnormalised H statistic" };
    format!("Heat-map of the {what} of pairs of features. The strongest: {}.", strongest.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    fn interactions(shap: bool) -> Table {
        let sizes = [0.5, 0.25, 0.125, 2.0, 1.0];
        let only = |wanted: bool| table::optional_numbers(sizes.into_iter().map(move |size| wanted.then_some(size)));
        Table::new(
            "interactions",
            vec![
                ("output", table::texts(["p"; 5])),
                ("feature_a", table::texts(["age", "age", "sex", "age", "sex"])),
                ("feature_b", table::texts(["sex", "job", "job", "age", "sex"])),
                ("mean_abs", only(shap)),
                ("h_unnormalized", only(!shap)),
                ("rows", table::integers([9; 5])),
                ("h_rows", table::integers([9; 5])),
            ],
        )
    }

    #[test]
    fn every_pair_has_a_cell_on_either_side_and_main_effects_one() {
        let options = Options { top_features: 20, space: "margin".into(), effect_space: "margin".into() };
        for (shap, stem) in [(true, "interactions-tree_shap"), (false, "interactions-h")] {
            let [figure] = &draw(&[&interactions(shap)], &options).unwrap()[..] else { panic!("one output, one figure") };
            let shown = |number: &str| figure.svg.matches(&format!("\n{number}\n")).count();
            assert_eq!(["0.500", "0.250", "0.125", "2.00", "1.00"].map(shown), [2, 2, 2, 1, 1]);
            assert!(figure.alt.contains("age and sex 0.500, age and job 0.250"), "{}", figure.alt);
            assert_eq!(figure.stem, stem);
        }
    }
}
