//! LIME's stability: for a few rows, how far each chosen feature's coefficient spreads over seeds.

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::frame::{Frame, NOTE};
use super::output::{Output, outputs};
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::short;
use crate::table::{Table, cell_text};

const ROW: f64 = 20.0;

/// Room for what is said of a row, right of the picture.
const RIGHT: f64 = 130.0;

/// Rows and features of a row that are drawn at most.
const ROWS: usize = 4;
const FEATURES: usize = 6;

/// One feature of one row.
struct Line {
    name: String,
    coefficient: f64,
    ends: (f64, f64),
    /// Share of the seeds that chose it.
    chosen: f64,
    /// What is said of the row, at its first feature.
    note: Option<String>,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    tables.iter().flat_map(|table| outputs(table).into_iter().map(|output| figure(table, output, options))).collect()
}

/// The lines that are drawn, and how many rows there are.
fn lines(table: &Table, output: &str) -> (Vec<Line>, usize) {
    let [outputs, features] = ["output", "feature"].map(|column| table.texts(column));
    let Some(ids) = table.rows.column_by_name("row_id") else { return (Vec::new(), 0) };
    let jaccard = table.numbers("jaccard");
    let mut rows: Vec<(String, Vec<usize>)> = Vec::new();
    for line in (0..table.len()).filter(|line| outputs.value(*line) == output) {
        let (id, feature) = (cell_text(ids, line), features.value(line));
        // Ids may be of several rows. Another row begins after lines of other outputs, with another overlap, and where a feature comes again.
        let follows = |places: &[usize]| {
            places.last().is_some_and(|&before| before + 1 == line && jaccard.value(before) == jaccard.value(line))
                && places.iter().all(|place| features.value(*place) != feature)
        };
        match rows.last_mut() {
            Some((last, places)) if *last == id && follows(places) => places.push(line),
            _ => rows.push((id, vec![line])),
        }
    }
    let (mut lines, count) = (Vec::new(), rows.len());
    for (row, mut places) in rows.into_iter().take(ROWS) {
        places.sort_by(|&a, &b| table.numbers("mean").value(b).abs().total_cmp(&table.numbers("mean").value(a).abs()));
        for (place, &line) in places.iter().take(FEATURES).enumerate() {
            let number = |column: &str| table.numbers(column).value(line);
            lines.push(Line {
                name: format!("row {row}: {}", features.value(line)),
                coefficient: number("coefficient"),
                ends: (number("low"), number("high")),
                chosen: number("chosen"),
                note: (place == 0).then(|| format!("Jaccard {}", short(number("jaccard")))),
            });
        }
    }
    (lines, count)
}

fn figure(table: &Table, output: Output<'_>, options: &Options) -> Result<Figure, ReportError> {
    let (lines, rows) = lines(table, output.name);
    let (title, stem) = (output.title("LIME with other seeds"), output.stem("lime_stability"));
    let seeds = if table.is_empty() { 0 } else { table.integers("seeds").value(0) };
    let subtitle = format!(
        "{} of {rows} rows explained with {seeds} seeds: bars from the smallest to the largest coefficient, dots where the run's own seed is; paler where some seeds do not \
         choose the feature; Jaccard: overlap of the chosen features, 1 where all seeds choose alike",
        rows.min(ROWS)
    );
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, 0.0, RIGHT));
    let (low, high) = lines.iter().fold((0.0_f64, 0.0_f64), |(low, high), line| (low.min(line.ends.0), high.max(line.ends.1)));
    let axis = Axis::new(low, high, frame.sides);
    let alt = description(&lines, seeds);
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, &format!("LIME weight ({})", options.space_of("lime")))?;
        frame.draw(canvas, &names)?;
        lines.iter().enumerate().try_for_each(|(row, line)| draw_line(canvas, &axis, (frame.middle(row), frame.sides.1), line))
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("lime_stability"))?;
    Ok(Figure { stem, title, alt, svg })
}

fn draw_line(canvas: &Canvas, axis: &Axis, (middle, right): (f64, f64), line: &Line) -> Drawn {
    let colour = if line.chosen < 1.0 { palette::FAINT } else { palette::BAR };
    let (low, high) = (axis.x(line.ends.0), axis.x(line.ends.1).max(axis.x(line.ends.0) + 1.0));
    canvas.rect((low, middle - 4.0), (high, middle + 4.0), colour)?;
    canvas.dot((axis.x(line.coefficient), middle), 3.0, palette::LINE)?;
    match &line.note {
        Some(note) => canvas.text((right + 12.0, middle), Face { colour: palette::INK, ..NOTE }, note),
        None => Ok(()),
    }
}

fn description(lines: &[Line], seeds: i64) -> String {
    let one = |line: &Line| format!("{} {} (from {} to {})", line.name, short(line.coefficient), short(line.ends.0), short(line.ends.1));
    let told: Vec<String> = lines.iter().take(FEATURES).map(one).collect();
    format!("Spread of LIME's coefficients over {seeds} seeds. {}, and so on.", told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{integers, numbers, texts};

    #[test]
    fn rows_with_the_same_id_are_two_rows() {
        let number = |name: &'static str| (name, numbers([1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 6.0]));
        let mut columns = vec![
            ("row_id", integers([7; 7])),
            ("output", texts(["bad", "bad", "bad", "bad", "bad", "good", "bad"])),
            ("feature", texts(["age", "amount", "age", "sex", "job", "age", "purpose"])),
            ("jaccard", numbers([0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0])),
        ];
        columns.extend(["coefficient", "mean", "low", "high", "chosen"].map(number));
        let (lines, rows) = lines(&Table::new("lime_stability", columns), "bad");
        let told: Vec<_> = lines.iter().map(|line| (line.coefficient, line.note.as_deref())).collect();
        let (half, one) = (Some("Jaccard 0.500"), Some("Jaccard 1.00"));
        assert_eq!(told, [(2.0, half), (1.0, None), (4.0, half), (3.0, None), (5.0, one), (6.0, one)]);
        assert_eq!(rows, 4);
    }
}
