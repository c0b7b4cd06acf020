//! Beeswarm: each sampled row a point, as wide as the points lie dense, coloured by the feature's value.

use std::collections::HashMap;

use arrow_array::Array;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::frame::{Frame, NOTE};
use super::ranking::{Ranking, rankings};
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, grouped};
use crate::table::Table;

const ROW: f64 = 28.0;
/// Largest distance of a point from its row's middle.
const SPREAD: f64 = 11.0;
const RADIUS: f64 = 1.75;
const LEGEND: f64 = 26.0;

/// One feature's points.
#[derive(Debug, Default)]
struct Swarm {
    points: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    attribution: f64,
    density: f64,
    value: Value,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    /// A number, then its rank among the feature's numbers, from 0 to 1.
    Ordered(f64),
    Category,
    Missing,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [importance, summary] = tables else { return Ok(Vec::new()) };
    let swarms = swarms(summary);
    rankings(importance).iter().map(|ranking| figure(ranking, summary, &swarms, options)).collect()
}

type Swarms<'a> = HashMap<(&'a str, &'a str, &'a str), Swarm>;

fn swarms(summary: &Table) -> Swarms<'_> {
    let [methods, outputs, features, values] = ["method", "output", "feature", "value"].map(|column| summary.texts(column));
    let [attributions, densities, numbers] = ["attribution", "density", "value_number"].map(|column| summary.numbers(column));
    let mut swarms = Swarms::new();
    for row in 0..summary.len() {
        let value = match (values.is_valid(row), numbers.is_valid(row)) {
            (_, true) => Value::Ordered(numbers.value(row)),
            (true, false) => Value::Category,
            (false, false) => Value::Missing,
        };
        let swarm = swarms.entry((methods.value(row), outputs.value(row), features.value(row))).or_default();
        swarm.points.push(Point { attribution: attributions.value(row), density: densities.value(row), value });
    }
    swarms.values_mut().for_each(Swarm::rank);
    swarms
}

impl Swarm {
    /// Replaces each number by its mean rank, scaled to 0…1; one half where all are equal.
    fn rank(&mut self) {
        let mut sorted: Vec<f64> = self.points.iter().filter_map(|point| point.value.number()).collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1) as f64;
        for point in &mut self.points {
            if let Value::Ordered(number) = &mut point.value {
                let below = sorted.partition_point(|other| other.total_cmp(number).is_lt());
                let equal = sorted.partition_point(|other| other.total_cmp(number).is_le());
                let rank = (below + equal - 1) as f64 / 2.0;
                *number = if last > 0.0 { rank / last } else { 0.5 };
            }
        }
    }

    /// Distance of each point from the row's middle, in −1…1: its density times a low-discrepancy sequence along the attributions.
    fn offsets(&self) -> Vec<f64> {
        let mut order: Vec<usize> = (0..self.points.len()).collect();
        order.sort_by(|a, b| self.points[*a].attribution.total_cmp(&self.points[*b].attribution));
        let mut offsets = vec![0.0; order.len()];
        for (place, point) in order.into_iter().enumerate() {
            // The golden ratio's multiples fill (0, 1) evenly from any starting point on.
            let even = (place as f64 * 0.618_033_988_749_894_9 + 0.5).fract();
            offsets[point] = (2.0 * even - 1.0) * self.points[point].density;
        }
        offsets
    }
}

impl Value {
    fn number(self) -> Option<f64> {
        match self {
            Value::Ordered(number) => Some(number),
            Value::Category | Value::Missing => None,
        }
    }
}

fn figure(ranking: &Ranking, summary: &Table, swarms: &Swarms, options: &Options) -> Result<Figure, ReportError> {
    let names: Vec<&str> = ranking.features.iter().take(options.top_features).map(|ranked| ranked.feature).collect();
    let output = ranking.output.map_or_else(|| first_output(summary, ranking.method), |(name, _)| name);
    let drawn: Vec<Option<&Swarm>> = names.iter().map(|name| swarms.get(&(ranking.method, output, *name))).collect();
    let points = || drawn.iter().flatten().flat_map(|swarm| &swarm.points);
    let title = format!("Attributions by feature value{}", ranking.of_output());
    let sampled = drawn.iter().flatten().map(|swarm| swarm.points.len()).max().unwrap_or(0) as i64;
    let frame = Frame::new(title.clone(), &subtitle(ranking, sampled, options), &names, (ROW, LEGEND, 12.0));
    let finite = || points().map(|point| point.attribution).filter(|value| value.is_finite());
    let (low, high) = (finite().fold(0.0, f64::min), finite().fold(0.0, f64::max));
    let margin = (high - low) * 0.02;
    let axis = Axis::new(low - margin, high + margin, frame.sides);
    let stem = ranking.stem("beeswarm");
    let alt = description(ranking, &names, sampled);
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, &format!("{} ({})", ranking.quantity(), options.space_of(ranking.method)))?;
        frame.draw(canvas, &names)?;
        let has = |value: Value| points().any(|point| point.value == value);
        legend(canvas, &frame, [has(Value::Category), has(Value::Missing)])?;
        drawn
            .iter()
            .enumerate()
            .try_for_each(|(row, swarm)| swarm.map_or(Ok(()), |swarm| draw_swarm(canvas, &axis, frame.middle(row), swarm)))
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("beeswarm"))?;
    Ok(Figure { stem, title, alt, svg })
}

fn first_output<'a>(summary: &'a Table, method: &str) -> &'a str {
    let row = summary.texts("method").iter().position(|name| name == Some(method));
    row.map_or("", |row| summary.texts("output").value(row))
}

fn draw_swarm(canvas: &Canvas, axis: &Axis, middle: f64, swarm: &Swarm) -> Drawn {
    let points = swarm.points.iter().zip(swarm.offsets()).filter(|(point, _)| point.attribution.is_finite());
    points.into_iter().try_for_each(|(point, offset)| {
        let colour = match point.value {
            Value::Ordered(rank) => palette::ramp(rank),
            Value::Category => palette::CATEGORY,
            Value::Missing => palette::MISSING,
        };
        canvas.dot((axis.x(point.attribution), middle + offset * SPREAD), RADIUS, colour)
    })
}

/// `feature value: low ▭ high  ● category  ● missing`, above the rows.
fn legend(canvas: &Canvas, frame: &Frame, [categories, missing]: [bool; 2]) -> Drawn {
    let (ramp, y) = (frame.sides.0 + width("feature value: low", NOTE.size), frame.ends.0 - LEGEND / 2.0 - 2.0);
    canvas.text((ramp - 6.0, y), Face { anchor: HPos::Right, ..NOTE }, "feature value: low")?;
    for step in 0..60 {
        let left = ramp + 2.0 * f64::from(step);
        canvas.rect((left, y - 5.0), (left + 2.0, y + 5.0), palette::ramp(f64::from(step) / 59.0))?;
    }
    canvas.text((ramp + 126.0, y), NOTE, "high (by rank)")?;
    let mut x = ramp + 126.0 + width("high (by rank)", NOTE.size) + 16.0;
    for (there, colour, text) in [(categories, palette::CATEGORY, "category"), (missing, palette::MISSING, "missing")] {
        if there {
            canvas.dot((x, y), 4.0, colour)?;
            canvas.text((x + 9.0, y), NOTE, text)?;
            x += width(text, NOTE.size) + 25.0;
        }
    }
    Ok(())
}

fn subtitle(ranking: &Ranking, sampled: i64, options: &Options) -> String {
    let rows = match (sampled, ranking.rows) {
        (sampled, rows) if sampled < rows => format!("each point one row: {} drawn at random of {}", grouped(sampled), grouped(rows)),
        (_, rows) => format!("each point one row: {} in all", counted(rows)),
    };
    let mut parts = vec![ranking.method_title().to_owned(), rows];
    parts.extend(ranking.part(options.top_features));
    parts.join("; ")
}

fn description(ranking: &Ranking, names: &[&str], sampled: i64) -> String {
    let (quantity, first) = (ranking.quantity(), names.iter().take(5).copied().collect::<Vec<_>>().join(", "));
    let rows = counted(sampled);
    format!("One row of points a feature, most important first ({first}): the {quantity} of {rows}, coloured by the feature's value.")
}
