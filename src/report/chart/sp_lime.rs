//! SP-LIME: the picked rows side by side, a small bar and the value for each feature, over the curve of what they cover together.

use std::collections::HashMap;

use arrow_array::Array;
use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, Drawn, Face, svg};
use super::frame::{Frame, NOTE};
use super::output::{Output, outputs};
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{brief, short};
use crate::table::{Table, cell_text};

const ROW: f64 = 32.0;
const BAR: f64 = 9.0;
const HEADER: f64 = 22.0;
const CURVE: f64 = 96.0;
const SMALL: Face = Face { size: 10.5, bold: false, colour: palette::MUTED, anchor: HPos::Center };

/// One picked row.
#[derive(Debug)]
struct Pick<'a> {
    row: String,
    coverage: f64,
    /// Attribution and value by feature.
    cells: HashMap<&'a str, (f64, Option<&'a str>)>,
}

/// The picks of one output.
#[derive(Debug)]
struct Panel<'a> {
    source: &'a str,
    output: Output<'a>,
    picks: Vec<Pick<'a>>,
    /// In the table's order.
    features: Vec<&'a str>,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    tables.iter().flat_map(|table| outputs(table).into_iter().map(|output| figure(&panel(table, output), options))).collect()
}

fn panel<'a>(table: &'a Table, output: Output<'a>) -> Panel<'a> {
    let [sources, outputs, features, values] = ["source", "output", "feature", "value"].map(|column| table.texts(column));
    let mut panel = Panel { source: "", output, picks: Vec::new(), features: Vec::new() };
    for row in (0..table.len()).filter(|row| outputs.value(*row) == output.name) {
        let (feature, number) = (features.value(row), table.integers("pick").value(row) as usize);
        if panel.picks.len() < number {
            let id = table.rows.column_by_name("row_id").map_or(String::new(), |ids| cell_text(ids, row));
            panel.picks.push(Pick { row: id, coverage: table.numbers("coverage").value(row), cells: HashMap::new() });
        }
        if number == 1 {
            panel.source = sources.value(row);
            panel.features.push(feature);
        }
        let value = values.is_valid(row).then(|| values.value(row));
        let cell = (table.numbers("attribution").value(row), value);
        panel.picks.last_mut().into_iter().for_each(|pick| pick.cells.extend([(feature, cell)]));
    }
    panel
}

impl Panel<'_> {
    /// The features with the largest attributions in the picks.
    fn top(&self, count: usize) -> Vec<&str> {
        let total = |feature: &str| self.picks.iter().filter_map(|pick| pick.cells.get(feature)).map(|cell| cell.0.abs()).sum::<f64>();
        let mut features: Vec<(&str, f64)> = self.features.iter().map(|feature| (*feature, total(feature))).filter(|f| f.1 > 0.0).collect();
        features.sort_by(|a, b| b.1.total_cmp(&a.1));
        features.into_iter().take(count).map(|(feature, _)| feature).collect()
    }

    fn quantity(&self) -> &'static str {
        if self.source == "lime" { "LIME weight" } else { "SHAP value" }
    }
}

fn figure(panel: &Panel, options: &Options) -> Result<Figure, ReportError> {
    let names = panel.top(options.top_features);
    let (title, stem) = (panel.output.title("Rows that show most of the model"), panel.output.stem("sp_lime"));
    let largest = panel.picks.iter().flat_map(|pick| pick.cells.values()).fold(0.0_f64, |largest, cell| largest.max(cell.0.abs()));
    let subtitle = format!(
        "each column a picked row: bars are its {}s ({}; the longest is {}), its values beneath; the curve is the share of all importance that the rows cover so far",
        panel.quantity(),
        options.space_of(panel.source),
        short(largest)
    );
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, HEADER, 12.0));
    let alt = description(panel, &names);
    let (width, height) = frame.size();
    let picture = |canvas: &Canvas| -> Drawn {
        frame.draw(canvas, &names)?;
        for (place, pick) in panel.picks.iter().enumerate() {
            column(canvas, &frame, (place, panel.picks.len()), (pick, &names), largest)?;
        }
        curve(canvas, &frame, &panel.picks)
    };
    let svg = svg((width, height + CURVE - 40.0), (&stem, &title, &alt), picture).map_err(chart_error("sp_lime"))?;
    Ok(Figure { stem, title, alt, svg })
}

/// Middle and half width of a pick's column.
fn place(frame: &Frame, place: usize, count: usize) -> (f64, f64) {
    let width = (frame.sides.1 - frame.sides.0) / count as f64;
    (frame.sides.0 + width * (place as f64 + 0.5), width / 2.0 - 5.0)
}

fn column(canvas: &Canvas, frame: &Frame, (at, count): (usize, usize), (pick, names): (&Pick, &[&str]), largest: f64) -> Drawn {
    let (middle, half) = place(frame, at, count);
    let head = Face { bold: true, colour: palette::INK, ..SMALL };
    canvas.fitted((middle, frame.ends.0 - HEADER / 2.0), head, 2.0 * half, &format!("row {}", pick.row))?;
    canvas.line((middle, frame.ends.0), (middle, frame.ends.1), palette::ZERO, 1.0)?;
    for (row, name) in names.iter().enumerate() {
        let Some((attribution, value)) = pick.cells.get(name) else { continue };
        let y = frame.middle(row) - 7.0;
        let end = middle + if largest > 0.0 { half * attribution / largest } else { 0.0 };
        let colour = if *attribution < 0.0 { palette::ramp(0.0) } else { palette::ramp(1.0) };
        if *attribution != 0.0 {
            canvas.rect((middle.min(end), y - BAR / 2.0), (middle.max(end), y + BAR / 2.0), colour)?;
            let text = brief(value.unwrap_or("missing"));
            let reach = (width(&text, SMALL.size) / 2.0).min(half);
            canvas.rect((middle - reach, y + 8.0), (middle + reach, y + 20.0), palette::PAPER)?;
            canvas.fitted((middle, y + 14.0), SMALL, 2.0 * half, &text)?;
        }
    }
    Ok(())
}

/// The coverage after each pick, from nothing to all.
fn curve(canvas: &Canvas, frame: &Frame, picks: &[Pick]) -> Drawn {
    let (top, bottom) = (frame.ends.1 + 24.0, frame.ends.1 + CURVE - 14.0);
    let y = |share: f64| bottom - share.clamp(0.0, 1.0) * (bottom - top);
    for (share, label) in [(0.0, "0 %"), (1.0, "100 %")] {
        canvas.line((frame.sides.0, y(share)), (frame.sides.1, y(share)), palette::GRID, 1.0)?;
        canvas.text((frame.sides.0 - 6.0, y(share)), Face { anchor: HPos::Right, ..NOTE }, label)?;
    }
    canvas.text((frame.sides.0 - 6.0, y(0.5)), Face { anchor: HPos::Right, ..NOTE }, "covered")?;
    let mut last = (frame.sides.0, y(0.0));
    for (at, pick) in picks.iter().enumerate() {
        let next = (place(frame, at, picks.len()).0, y(pick.coverage));
        canvas.line(last, next, palette::BAR, 1.5)?;
        last = next;
    }
    for (at, pick) in picks.iter().enumerate() {
        let (x, _) = place(frame, at, picks.len());
        canvas.dot((x, y(pick.coverage)), 3.0, palette::BAR)?;
        canvas.text((x, y(pick.coverage) - 10.0), SMALL, &format!("{:.0} %", 100.0 * pick.coverage))?;
    }
    Ok(())
}

fn description(panel: &Panel, names: &[&str]) -> String {
    let one = |pick: &Pick| {
        let mut cells: Vec<(&str, f64)> = names.iter().filter_map(|name| Some((*name, pick.cells.get(name)?.0))).collect();
        cells.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let first: Vec<String> = cells.iter().take(2).map(|(name, value)| format!("{name} {}", short(*value))).collect();
        format!("row {} ({})", pick.row, first.join(", "))
    };
    let rows: Vec<String> = panel.picks.iter().take(4).map(one).collect();
    let coverage = panel.picks.last().map_or(0.0, |pick| pick.coverage);
    let more = if panel.picks.len() > 4 { ", and so on" } else { "" };
    format!(
        "The {}s of {} picked rows, which together cover {:.0} % of the importance of all features: {}{more}.",
        panel.quantity(),
        panel.picks.len(),
        100.0 * coverage,
        rows.join("; ")
    )
}
