//! Importance by group: for each feature the bars of all groups side by side, with their intervals.

use arrow_array::Array;
use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, svg};
use super::chosen::{distinct, not_drawn};
use super::effects::level;
use super::frame::Frame;
use super::legend::Legend;
use super::ranking::method_title;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, short};
use crate::table::Table;

/// Attributes of a method that are drawn at most, and features of a figure.
const FIGURES: usize = 4;
const FEATURES: usize = 10;

const BAR: f64 = 10.0;

/// One group's bars, by feature.
struct Bars {
    group: String,
    rows: i64,
    colour: RGBColor,
    /// Mean size and interval of the drawn features.
    sizes: Vec<(f64, (f64, f64))>,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    for table in tables {
        for method in distinct(table, "method", &|_| true, usize::MAX) {
            let attributes = distinct(table, "attribute", &|row| table.texts("method").value(row) == method, FIGURES);
            for (place, attribute) in attributes.iter().enumerate() {
                figures.extend(figure(table, &method, (place, attribute), options)?);
            }
        }
    }
    Ok(figures)
}

/// The figure of an attribute, where two of its groups have rows enough.
fn figure(table: &Table, method: &str, (place, attribute): (usize, &str), options: &Options) -> Result<Option<Figure>, ReportError> {
    let text = |column: &str, row: usize| table.texts(column).value(row);
    let is_of =
        |row: usize| text("method", row) == method && text("attribute", row) == attribute && table.numbers("mean_abs").is_valid(row);
    let mut groups = distinct(table, "group", &is_of, usize::MAX);
    if groups.len() < 2 {
        return Ok(None);
    }
    let all = distinct(table, "group", &|row| text("method", row) == method && text("attribute", row) == attribute, usize::MAX).len();
    let left_out = [(groups.len().saturating_sub(palette::GROUPS.len()), "of the last groups"), (all - groups.len(), "with too few rows")];
    groups.truncate(palette::GROUPS.len());
    let names = features(table, &is_of, FEATURES.min(options.top_features));
    let of_group = |(group, colour): (&String, &RGBColor)| bars(table, &is_of, &names, (group, *colour));
    let groups: Vec<Bars> = groups.iter().zip(&palette::GROUPS).map(of_group).collect();
    let title = format!("Feature importance by {attribute}");
    let stem = format!("fairness_importance-{method}-{place}");
    let subtitle = format!(
        "{}; a bar a group, the features ordered by their largest; whiskers: {} % bootstrap intervals over rows; the top {} features{}",
        method_title(method),
        level(table).unwrap_or_default(),
        names.len(),
        not_drawn(&left_out)
    );
    let features: Vec<&str> = names.iter().map(String::as_str).collect();
    let legend = Legend::new(groups.iter().map(|group| format!("{} ({})", group.group, counted(group.rows))).collect());
    let room = legend.height();
    let frame = Frame::new(title.clone(), &subtitle, &features, (BAR * groups.len() as f64 + 10.0, room, 24.0));
    let ends = groups.iter().flat_map(|group| &group.sizes).map(|(size, (_, high))| size.max(*high));
    let axis = Axis::new(0.0, ends.fold(0.0, f64::max), frame.sides);
    let alt = description(attribute, &names, &groups);
    let picture = |canvas: &Canvas| -> Drawn {
        legend.draw(canvas, frame.ends.0 - room)?;
        axis.draw(canvas, frame.ends, &format!("mean |attribution| within the group ({})", options.space_of(method)))?;
        frame.draw(canvas, &features)?;
        (0..features.len()).try_for_each(|row| draw_feature(canvas, &axis, frame.middle(row), (row, &groups)))
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("fairness_importance"))?;
    Ok(Some(Figure { stem, title, alt, svg }))
}

/// The features that matter most in any group.
fn features(table: &Table, is_of: &dyn Fn(usize) -> bool, most: usize) -> Vec<String> {
    let mut rows: Vec<usize> = (0..table.len()).filter(|row| is_of(*row)).collect();
    let size = |row: usize| table.numbers("mean_abs").value(row);
    rows.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
    let mut names: Vec<String> = Vec::new();
    for row in rows {
        let name = table.texts("feature").value(row);
        if names.len() < most && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn bars(table: &Table, is_of: &dyn Fn(usize) -> bool, names: &[String], (group, colour): (&str, RGBColor)) -> Bars {
    let number = |column: &str, row: usize| table.numbers(column).value(row);
    let of_group = || (0..table.len()).filter(|&row| is_of(row) && table.texts("group").value(row) == group);
    let size = |name: &String| {
        let row = of_group().find(|&row| table.texts("feature").value(row) == name);
        row.map_or((0.0, (0.0, 0.0)), |row| (number("mean_abs", row), (number("ci_low", row), number("ci_high", row))))
    };
    let rows = of_group().next().map_or(0, |row| table.integers("rows").value(row));
    Bars { group: group.to_owned(), rows, colour, sizes: names.iter().map(size).collect() }
}

fn draw_feature(canvas: &Canvas, axis: &Axis, middle: f64, (feature, groups): (usize, &[Bars])) -> Drawn {
    let top = middle - BAR * groups.len() as f64 / 2.0;
    for (place, group) in groups.iter().enumerate() {
        let Some((size, interval)) = group.sizes.get(feature) else { continue };
        let top = top + BAR * place as f64;
        canvas.rect((axis.x(0.0), top), (axis.x(*size), top + BAR - 1.0), group.colour)?;
        axis.whisker(canvas, top + (BAR - 1.0) / 2.0, *interval, 5.0)?;
    }
    Ok(())
}

fn description(attribute: &str, names: &[String], groups: &[Bars]) -> String {
    let one = |(place, name): (usize, &String)| {
        let sizes: Vec<String> = groups.iter().map(|group| format!("{} {}", group.group, short(group.sizes[place].0))).collect();
        format!("{name}: {}", sizes.join(", "))
    };
    let told: Vec<String> = names.iter().enumerate().take(5).map(one).collect();
    format!("Bars of each feature's mean absolute attribution in every group of {attribute}, largest first. {}.", told.join("; "))
}
