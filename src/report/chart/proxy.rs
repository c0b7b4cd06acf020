//! Proxy check: how well attributions tell each group from its reference, and the features that give it away.

use arrow_array::Array;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::chosen::{distinct, not_drawn};
use super::effects::level;
use super::frame::{Frame, NOTE};
use super::ranking::method_title;
use super::text::{elide, width};
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, short};
use crate::table::Table;

const ROW: f64 = 40.0;

/// Room for the words right of the picture.
const RIGHT: f64 = 320.0;

/// Groups that are drawn at most, in the table's order, and features that are named.
const GROUPS: usize = 20;
const NAMED: usize = 2;

/// One group beside its reference.
struct Line {
    name: String,
    attribute: String,
    reference: String,
    rows: i64,
    /// AUC and its interval, where there are rows enough.
    auc: Option<(f64, (f64, f64))>,
    /// Features with the AUC of their own attributions, the farthest from ½ first.
    features: Vec<(String, f64)>,
}

pub(super) fn draw(tables: &[&Table], _options: &Options) -> Result<Vec<Figure>, ReportError> {
    let methods = |table: &&Table| {
        let methods = distinct(table, "method", &|_| true, usize::MAX);
        methods.iter().map(|method| figure((method, &level(table).unwrap_or_default()), &lines(table, method))).collect::<Vec<_>>()
    };
    tables.iter().flat_map(methods).collect()
}

fn lines(table: &Table, method: &str) -> Vec<Line> {
    let text = |column: &str, row: usize| table.texts(column).value(row);
    let number = |column: &str, row: usize| table.numbers(column).value(row);
    let given = |row: usize| table.numbers("value").is_valid(row);
    let mut lines: Vec<Line> = Vec::new();
    for row in (0..table.len()).filter(|&row| text("method", row) == method) {
        match text("metric", row) {
            "membership_auc" => lines.push(Line {
                name: format!("{}: {}", text("attribute", row), text("group", row)),
                attribute: text("attribute", row).to_owned(),
                reference: text("reference", row).to_owned(),
                rows: table.integers("rows").value(row),
                auc: given(row).then(|| (number("value", row), (number("ci_low", row), number("ci_high", row)))),
                features: Vec::new(),
            }),
            // Features follow the line of all of them.
            "feature_auc" if given(row) => {
                let feature = (text("feature", row).to_owned(), number("value", row));
                lines.last_mut().into_iter().for_each(|line| line.features.push(feature.clone()));
            }
            _ => {}
        }
    }
    for line in &mut lines {
        line.features.sort_by(|a, b| (b.1 - 0.5).abs().total_cmp(&(a.1 - 0.5).abs()));
        line.features.truncate(NAMED);
    }
    lines
}

fn figure((method, level): (&str, &str), lines: &[Line]) -> Result<Figure, ReportError> {
    let (lines, others) = lines.split_at(lines.len().min(GROUPS));
    let title = "Proxy check: can attributions tell a group from its reference?".to_owned();
    let stem = format!("fairness_proxy-{method}");
    let subtitle = format!(
        "{}; AUC of a logistic model that guesses the group from attributions, on rows that it has not seen, with its {} % interval: 0.5 is chance, 1 is certain; \
         right: the features whose attributions alone tell most (below 0.5: the group's are smaller){}. {}",
        method_title(method),
        level,
        not_drawn(&[(others.len(), "of the last groups")]),
        references(lines)
    );
    let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, 0.0, RIGHT));
    let lowest = lines.iter().filter_map(|line| line.auc).fold(0.5, |low: f64, (auc, interval)| low.min(auc).min(interval.0));
    let axis = Axis::new(lowest, 1.0, frame.sides).with_ticks(5.0);
    let alt = description(lines);
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, "AUC of membership")?;
        let chance = axis.x(0.5);
        canvas.line((chance, frame.ends.0), (chance, frame.ends.1), palette::ZERO, 1.0)?;
        frame.draw(canvas, &names)?;
        lines.iter().enumerate().try_for_each(|(row, line)| draw_line(canvas, &axis, (frame.middle(row), frame.sides.1), line))
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("fairness_proxy"))?;
    Ok(Figure { stem, title, alt, svg })
}

/// What the groups of each attribute are told from.
fn references(lines: &[Line]) -> String {
    let mut told: Vec<String> = lines.iter().map(|line| format!("{}: {}", line.attribute, line.reference)).collect();
    told.dedup();
    format!("References: {}", told.join("; "))
}

fn draw_line(canvas: &Canvas, axis: &Axis, (middle, right): (f64, f64), line: &Line) -> Drawn {
    if let Some((auc, interval)) = line.auc {
        axis.whisker(canvas, middle, interval, 9.0)?;
        canvas.dot((axis.x(auc), middle), 4.5, palette::LINE)?;
    }
    let (x, room) = (right + 14.0, RIGHT - 14.0);
    canvas.fitted((x, middle - 8.0), Face { colour: palette::INK, ..NOTE }, room, &line.told())?;
    let shortened = |feature: &str| elide(feature, NOTE.size, room / NAMED as f64 - width(" 0.000, ", NOTE.size));
    let features: Vec<String> = line.features.iter().map(|(feature, auc)| format!("{} {}", shortened(feature), short(*auc))).collect();
    canvas.fitted((x, middle + 9.0), NOTE, room, &features.join(", "))
}

impl Line {
    fn told(&self) -> String {
        let rows = counted(self.rows);
        match self.auc {
            Some((auc, (low, high))) => format!("{} ({} to {}), {rows}", short(auc), short(low), short(high)),
            None => format!("insufficient data: {rows}"),
        }
    }
}

fn description(lines: &[Line]) -> String {
    let one = |line: &Line| {
        let first = line.features.first().map_or(String::new(), |(feature, auc)| format!(", most by {feature} ({})", short(*auc)));
        format!("{}: {}{first}", line.name, line.told())
    };
    format!("AUC of membership with intervals. {}.", lines.iter().map(one).collect::<Vec<_>>().join("; "))
}
