//! Clusters as a heat map: rows in the order of their hierarchy, a line a feature, the total of attributions above.

use std::collections::HashMap;
use std::ops::Range;

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::chosen::{Block, blocks};
use super::frame::{Frame, NOTE};
use super::output::{OUTPUTS, Output};
use super::{Figure, Options, chart_error, palette};
use crate::numeric::quantile::sorted_quantile;
use crate::report::ReportError;
use crate::report::number::{counted, grouped, short};
use crate::table::{Table, cell_text};

const ROW: f64 = 18.0;
/// Heights of the curve above and of the clusters' numbers.
const CURVE: f64 = 64.0;
const NUMBERS: f64 = 22.0;
/// Columns at most: neighbours in the hierarchy are averaged.
const COLUMNS: usize = 220;
/// Steps of colour on either side of zero.
const STEPS: f64 = 12.0;

/// One method and output: columns of neighbouring rows.
struct Map<'a> {
    method: &'a str,
    output: Output<'a>,
    rows: usize,
    /// Features, the largest first, with a mean attribution for each column.
    features: Vec<(&'a str, Vec<f64>)>,
    totals: Vec<f64>,
    /// Where each cluster ends, in columns, and how many rows it has.
    ends: Vec<(f64, usize)>,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [clusters, means, summary] = tables else { return Ok(Vec::new()) };
    maps(clusters, summary, options.top_features).iter().map(|map| figure(map, all_rows(means, map.method), options)).collect()
}

fn maps<'a>(clusters: &'a Table, summary: &'a Table, top: usize) -> Vec<Map<'a>> {
    let blocks = blocks(summary);
    let (methods, outputs) = (clusters.texts("method"), clusters.texts("output"));
    let mut starts: Vec<usize> = (0..clusters.len()).filter(|row| clusters.integers("order").value(*row) == 0).collect();
    starts.push(clusters.len());
    let mut maps: Vec<Map> = Vec::new();
    for ends in starts.windows(2) {
        let (method, output) = (methods.value(ends[0]), outputs.value(ends[0]));
        let place = maps.iter().filter(|map| map.method == method).count();
        let count = starts.iter().filter(|start| **start < clusters.len() && methods.value(**start) == method).count();
        if place < OUTPUTS {
            let attributions = blocks.iter().find(|block| (block.method, block.output) == (method, output));
            let attributions = attributions.map_or_else(Vec::new, |block| ordered(clusters, ends[0]..ends[1], summary, block));
            maps.push(map(clusters, Output::new(output, place, count), (ends[0]..ends[1], attributions), top));
        }
    }
    maps
}

/// Each feature with its attributions, in the order of the clusters' lines. A line's row in the summary is the one of its id and sum: ids may be of
/// several rows.
fn ordered<'a>(clusters: &Table, lines: Range<usize>, summary: &Table, block: &Block<'a>) -> Vec<(&'a str, Vec<f64>)> {
    let [Some(ids), Some(own)] = [summary, clusters].map(|table| table.rows.column_by_name("row_id")) else { return Vec::new() };
    let attributions = |feature: &Range<usize>, place: usize| summary.numbers("attribution").value(feature.start + place);
    let total = |place: usize| block.features.iter().map(|(_, feature)| attributions(feature, place)).sum::<f64>();
    let id = |place: usize| block.features.first().map_or_else(String::new, |(_, feature)| cell_text(ids, feature.start + place));
    let places: HashMap<(String, u64), usize> = (0..block.rows()).map(|place| ((id(place), total(place).to_bits()), place)).collect();
    let totals = clusters.numbers("total");
    let place = |line: usize| places.get(&(cell_text(own, line), totals.value(line).to_bits())).copied();
    let order: Vec<Option<usize>> = lines.map(place).collect();
    let of = |(name, feature): &(&'a str, Range<usize>)| {
        (*name, order.iter().map(|place| place.map_or(0.0, |place| attributions(feature, place))).collect())
    };
    block.features.iter().map(of).collect()
}

fn map<'a>(
    clusters: &'a Table,
    output: Output<'a>,
    (lines, attributions): (Range<usize>, Vec<(&'a str, Vec<f64>)>),
    top: usize,
) -> Map<'a> {
    let rows = lines.len();
    let columns = rows.min(COLUMNS);
    let column = |place: usize| place * columns / rows.max(1);
    let mean = |values: &[f64]| {
        let mut sums = vec![(0.0, 0.0); columns];
        values.iter().enumerate().for_each(|(place, value)| {
            let sum = &mut sums[column(place)];
            *sum = (sum.0 + value, sum.1 + 1.0);
        });
        sums.into_iter().map(|(sum, rows)| sum / rows).collect::<Vec<f64>>()
    };
    let size = |values: &[f64]| values.iter().map(|value| value.abs()).sum::<f64>();
    let mut sized: Vec<(f64, (&str, Vec<f64>))> =
        attributions.iter().map(|(feature, values)| (size(values), (*feature, mean(values)))).collect();
    sized.sort_by(|a, b| b.0.total_cmp(&a.0));
    let totals: Vec<f64> = lines.clone().map(|line| clusters.numbers("total").value(line)).collect();
    let mut ends: Vec<(f64, usize)> = Vec::new();
    let mut last = None;
    for (place, line) in lines.clone().enumerate() {
        let cluster = clusters.integers("cluster").value(line);
        if last != Some(cluster) {
            ends.push((0.0, 0));
            last = Some(cluster);
        }
        ends.last_mut().into_iter().for_each(|end| *end = ((place + 1) as f64 * columns as f64 / rows as f64, end.1 + 1));
    }
    Map {
        method: clusters.texts("method").value(lines.start),
        output,
        rows,
        features: sized.into_iter().take(top).map(|(_, feature)| feature).collect(),
        totals: mean(&totals),
        ends,
    }
}

/// Rows that the clusters of a method are of.
fn all_rows(means: &Table, method: &str) -> i64 {
    let [methods, outputs, features] = ["method", "output", "feature"].map(|column| means.texts(column));
    let Some(first) = (0..means.len()).find(|row| methods.value(*row) == method) else { return 0 };
    let one = |row: &usize| [methods, outputs, features].iter().all(|column| column.value(*row) == column.value(first));
    (first..means.len()).filter(one).map(|row| means.integers("rows").value(row)).sum()
}

fn figure(map: &Map, all: i64, options: &Options) -> Result<Figure, ReportError> {
    let names: Vec<&str> = map.features.iter().map(|feature| feature.0).collect();
    let title = map.output.title("Rows explained alike");
    let subtitle = format!(
        "{}; {} of {} in the order of Ward's hierarchy of all rows' attributions, {} clusters; above: the sum of attributions ({})",
        super::ranking::method_title(map.method),
        grouped(map.rows as i64),
        counted(all),
        map.ends.len(),
        options.space_of(map.method)
    );
    let stem = map.output.stem(&format!("clusters-{}", map.method));
    let sizes: Vec<String> = map.ends.iter().map(|(_, rows)| rows.to_string()).collect();
    let alt = format!("A heat map of attributions, {} rows in clusters of {}.", map.rows, sizes.join(", "));
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, CURVE + NUMBERS + 6.0, 12.0));
    let svg = svg(frame.size(), (&stem, &title, &alt), |canvas| picture(canvas, map, &frame, &names, options))
        .map_err(chart_error("clusters"))?;
    Ok(Figure { stem, title, alt, svg })
}

fn picture(canvas: &Canvas, map: &Map, frame: &Frame, names: &[&str], options: &Options) -> Drawn {
    frame.draw(canvas, names)?;
    let columns = map.totals.len().max(1) as f64;
    let x = |column: f64| frame.sides.0 + column * (frame.sides.1 - frame.sides.0) / columns;
    let top = frame.ends.0 - CURVE - NUMBERS;
    let finite = || map.totals.iter().copied().filter(|total| total.is_finite());
    let scale = Axis::new(finite().fold(0.0, f64::min), finite().fold(0.0, f64::max), (top + CURVE, top)).with_ticks(3.0);
    let small = Face { size: 10.5, anchor: HPos::Right, ..NOTE };
    for (value, label) in scale.ticks() {
        canvas.line(
            (frame.sides.0, scale.x(*value)),
            (frame.sides.1, scale.x(*value)),
            if *value == 0.0 { palette::ZERO } else { palette::GRID },
            1.0,
        )?;
        canvas.text((frame.sides.0 - 6.0, scale.x(*value)), small, label)?;
    }
    let curve: Vec<(f64, f64)> = map.totals.iter().enumerate().map(|(column, total)| (x(column as f64 + 0.5), scale.x(*total))).collect();
    canvas.path(&curve, palette::LINE, 1.5)?;
    let mut sizes: Vec<f64> =
        map.features.iter().flat_map(|feature| &feature.1).map(|value| value.abs()).filter(|size| size.is_finite()).collect();
    sizes.sort_by(f64::total_cmp);
    // The largest hundredth does not fade all others.
    let most = sorted_quantile(&sizes, 0.99);
    let step = |value: f64| if most > 0.0 { (value / most * STEPS).clamp(-STEPS, STEPS).round() } else { 0.0 };
    for (row, (_, values)) in map.features.iter().enumerate() {
        let (middle, mut start) = (frame.middle(row), 0);
        for column in 1..=values.len() {
            if column == values.len() || step(values[column]) != step(values[start]) {
                let corners = ((x(start as f64), middle - ROW / 2.0 + 0.5), (x(column as f64), middle + ROW / 2.0 - 0.5));
                canvas.rect(corners.0, corners.1, palette::diverging(step(values[start]) / STEPS))?;
                start = column;
            }
        }
    }
    let mut before = 0.0;
    for (number, (end, _)) in map.ends.iter().enumerate() {
        let middle = (x(before) + x(*end)) / 2.0;
        if x(*end) - x(before) > 14.0 {
            canvas.text((middle, frame.ends.0 - NUMBERS / 2.0), Face { anchor: HPos::Center, ..NOTE }, &format!("{}", number + 1))?;
        }
        if number + 1 < map.ends.len() {
            canvas.line((x(*end), top), (x(*end), frame.ends.1), palette::INK, 1.0)?;
        }
        before = *end;
    }
    legend(canvas, frame, most, options.space_of(map.method))
}

/// The scale of colours, below.
fn legend(canvas: &Canvas, frame: &Frame, most: f64, space: &str) -> Drawn {
    let (left, y) = (frame.sides.0 + 60.0, frame.ends.1 + 20.0);
    canvas.text((left - 6.0, y), Face { anchor: HPos::Right, ..NOTE }, &short(-most))?;
    for step in 0..=24_i32 {
        let x = left + 6.0 * f64::from(step);
        canvas.rect((x, y - 5.0), (x + 6.0, y + 5.0), palette::diverging(f64::from(step - 12) / 12.0))?;
    }
    canvas.text((left + 156.0, y), NOTE, &format!("{} and more: attribution ({})", short(most), space))
}

#[cfg(test)]
mod tests {
    use super::super::chosen::tests::repeated_ids;
    use super::*;
    use crate::table::{integers, numbers};

    #[test]
    fn rows_with_the_same_id_keep_their_attributions() {
        let clusters = Table::new("clusters", vec![("row_id", integers([8, 7, 7])), ("total", numbers([4.25, -1.0, 0.625]))]);
        let summary = repeated_ids();
        let found = ordered(&clusters, 0..3, &summary, &blocks(&summary)[0]);
        assert_eq!(found, [("x", vec![0.25, -2.0, 0.5]), ("y", vec![4.0, 1.0, 0.125])]);
    }
}
