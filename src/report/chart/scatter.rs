//! Dependence plots: attributions against values, coloured by the feature that changes them most.

use std::collections::HashMap;

use arrow_array::Array;

use super::effects::heading;
use super::panels::{Curve, Dot, Panels, Point};
use super::ranking::{Ranking, rankings};
use super::{Figure, Options, palette};
use crate::report::ReportError;
use crate::report::number::counted;
use crate::table::Table;

/// Features that are drawn at most.
const FEATURES: usize = 6;
/// Groups of rows of like value, within which another feature may change attributions.
const GROUPS: usize = 10;

/// One feature's rows, in the summary's order.
#[derive(Default)]
struct Column<'a> {
    labels: Vec<Option<&'a str>>,
    numbers: Vec<Option<f64>>,
    attributions: Vec<f64>,
}

type Columns<'a> = HashMap<&'a str, Column<'a>>;

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [importance, summary] = tables else { return Ok(Vec::new()) };
    rankings(importance).iter().map(|ranking| figure(ranking, &columns(summary, ranking), options)).collect()
}

/// The features' rows for the ranking's method and output.
fn columns<'a>(summary: &'a Table, ranking: &Ranking) -> Columns<'a> {
    let [methods, outputs, features, values] = ["method", "output", "feature", "value"].map(|column| summary.texts(column));
    let (numbers, attributions) = (summary.numbers("value_number"), summary.numbers("attribution"));
    let mut columns = Columns::new();
    let wanted = |row: &usize| methods.value(*row) == ranking.method && ranking.output.is_none_or(|(name, _)| outputs.value(*row) == name);
    for row in (0..summary.len()).filter(wanted) {
        let column = columns.entry(features.value(row)).or_default();
        column.labels.push(values.is_valid(row).then(|| values.value(row)));
        column.numbers.push(numbers.is_valid(row).then(|| numbers.value(row)));
        column.attributions.push(attributions.value(row));
    }
    columns
}

fn figure(ranking: &Ranking, columns: &Columns, options: &Options) -> Result<Figure, ReportError> {
    let names: Vec<&str> = ranking.features.iter().take(FEATURES.min(options.top_features)).map(|ranked| ranked.feature).collect();
    let rows = columns.values().map(|column| column.attributions.len()).max().unwrap_or(0);
    let curves = names.iter().filter_map(|name| Some(curve(name, columns.get(name)?, columns))).collect();
    let title = format!("Attributions along features{}", ranking.of_output());
    let subtitle = format!(
        "{}; each point one of {}; coloured from low (dark) to high (light) by the numeric feature that changes the attributions most among rows \
         of like value; grey where that is missing",
        ranking.method_title(),
        counted(rows as i64)
    );
    let panels = Panels::new(title.clone(), &subtitle, curves, format!("{} ({})", ranking.quantity(), options.space_of(ranking.method)));
    let alt = format!("Points of attributions against values of {}.", names.join(", "));
    heading("scatter", ranking.stem("scatter"), title, alt, &panels)
}

fn curve(name: &str, column: &Column, columns: &Columns) -> Curve {
    let partner = partner(name, column, columns);
    let ranks = partner.map(|(_, other)| ranks(&other.numbers));
    let colour = |row: usize| ranks.as_ref().and_then(|ranks| ranks[row]).map_or(palette::CATEGORY, palette::ramp);
    let mut labels: Vec<&str> = Vec::new();
    if column.numbers.iter().all(Option::is_none) {
        labels = column.labels.iter().flatten().copied().collect();
        labels.sort_unstable();
        labels.dedup();
    }
    let mut points: Vec<Point> =
        labels.iter().map(|label| Point { x: None, label: (*label).into(), y: f64::NAN, band: None, rows: 0.0 }).collect();
    let mut dots = Vec::new();
    for row in 0..column.attributions.len() {
        let place = column.labels[row].and_then(|label| labels.iter().position(|known| *known == label));
        place.into_iter().for_each(|place| points[place].rows += 1.0);
        if column.numbers[row].is_some() || place.is_some() {
            dots.push(Dot { x: column.numbers[row], place, y: column.attributions[row], colour: colour(row) });
        }
    }
    let name = partner.map_or(name.to_owned(), |(partner, _)| format!("{name}   (colour: {partner})"));
    Curve { name, points, dots, ..Curve::default() }
}

/// The numeric feature whose ranks are most correlated with the attributions within groups of rows of like value, in sum over the groups.
fn partner<'a>(name: &str, column: &Column, columns: &'a Columns) -> Option<(&'a str, &'a Column<'a>)> {
    let mut order: Vec<usize> = (0..column.attributions.len()).collect();
    order.sort_by(|a, b| {
        let key = |row: usize| (column.numbers[row].unwrap_or(f64::INFINITY), column.labels[row]);
        key(*a).0.total_cmp(&key(*b).0).then(key(*a).1.cmp(&key(*b).1))
    });
    let size = order.len().div_ceil(GROUPS).max(1);
    let strength = |other: &Column| {
        let ranks = ranks(&other.numbers);
        let group = |rows: &[usize]| {
            let pairs: Vec<(f64, f64)> = rows.iter().filter_map(|row| Some((ranks[*row]?, column.attributions[*row]))).collect();
            correlation(&pairs).abs() * deviation(&pairs)
        };
        order.chunks(size).map(group).sum::<f64>()
    };
    let mut sized: Vec<(f64, &str, &Column)> =
        columns.iter().filter(|(other, _)| **other != name).map(|(other, column)| (strength(column), *other, column)).collect();
    sized.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    sized.first().filter(|(strength, ..)| *strength > 0.0).map(|(_, name, column)| (*name, *column))
}

/// Ranks from 0 to 1, equal numbers alike; none of what is no number.
fn ranks(numbers: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut sorted: Vec<f64> = numbers.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1).max(1) as f64;
    let rank = |number: f64| {
        let below = sorted.partition_point(|other| *other < number);
        let equal = sorted.partition_point(|other| *other <= number);
        (below + equal).saturating_sub(1) as f64 / 2.0 / last
    };
    numbers.iter().map(|number| number.map(rank)).collect()
}

fn means(pairs: &[(f64, f64)]) -> (f64, f64) {
    let n = pairs.len().max(1) as f64;
    (pairs.iter().map(|pair| pair.0).sum::<f64>() / n, pairs.iter().map(|pair| pair.1).sum::<f64>() / n)
}

/// Standard deviation of the second numbers.
fn deviation(pairs: &[(f64, f64)]) -> f64 {
    let mean = means(pairs).1;
    (pairs.iter().map(|pair| (pair.1 - mean).powi(2)).sum::<f64>() / pairs.len().max(1) as f64).sqrt()
}

fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let (a, b) = means(pairs);
    let sum = |term: fn(f64, f64) -> f64| pairs.iter().map(|pair| term(pair.0 - a, pair.1 - b)).sum::<f64>();
    let (both, first, second) = (sum(|x, y| x * y), sum(|x, _| x * x), sum(|_, y| y * y));
    if first > 0.0 && second > 0.0 { both / (first * second).sqrt() } else { 0.0 }
}
