//! Effects of two features as heat maps, with the rows of the summary as dots: where there are none, the model extrapolates.

use std::collections::HashMap;

use arrow_array::Array;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::chosen::{Block, blocks};
use super::contour::{contour, hull};
use super::frame::{Heading, MARGIN, NOTE, WIDTH};
use super::output::{Output, outputs};
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::short;
use crate::table::Table;

/// Width and height of a map, and the room around it.
const SIDE: (f64, f64) = (320.0, 240.0);
const LEFT: f64 = 90.0;
const BELOW: f64 = 34.0;
/// Height of categories' names beneath a map.
const CATEGORIES: f64 = 90.0;
const ABOVE: f64 = 26.0;
/// Pairs that are drawn of more.
const PAIRS: usize = 6;
/// Rows that are drawn as dots.
const DOTS: usize = 400;

/// What a figure is of.
struct Words {
    chart: &'static str,
    title: &'static str,
    about: &'static str,
    height: &'static str,
    /// The colour of a height between the least and the greatest.
    colour: fn(f64, (f64, f64)) -> RGBColor,
    /// The colour of lines of equal height and of the outline.
    lines: RGBColor,
}

/// One side's points, in the table's order.
#[derive(Clone, Debug, Default)]
struct Side {
    name: String,
    numbers: Vec<Option<f64>>,
    labels: Vec<String>,
}

/// A map of one pair: heights by the first feature's points, then the second's.
#[derive(Clone, Debug, Default)]
struct Plane {
    sides: [Side; 2],
    heights: HashMap<(usize, usize), f64>,
}

/// Partial dependence on pairs.
pub(super) fn draw_dependence(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let words = Words {
        chart: "pdp-2d",
        title: "Partial dependence on two features",
        about: "the mean prediction over the background as both features take each value; lines: equal heights; dots: rows of the data, outlined, outside of which it rests on no row",
        height: "mean",
        colour: |height, (low, high)| palette::ramp(if high > low { (height - low) / (high - low) } else { 0.5 }),
        lines: palette::PAPER,
    };
    figures(tables, options, &words)
}

/// Accumulated local effects of pairs.
pub(super) fn draw_effect(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let words = Words {
        chart: "ale-2d",
        title: "Accumulated local effects of two features together",
        about: "what both features add together beyond the effect of each; lines: equal heights; dots: rows of the data, outlined, outside of which it rests on no row",
        height: "effect",
        colour: |height, (low, high)| palette::diverging(height / low.abs().max(high.abs()).max(f64::MIN_POSITIVE)),
        lines: palette::MUTED,
    };
    figures(tables, options, &words)
}

fn figures(tables: &[&Table], options: &Options, words: &Words) -> Result<Vec<Figure>, ReportError> {
    let [table, summary] = tables else { return Ok(Vec::new()) };
    let rows = rows(summary);
    let figure = |output: Output<'_>| {
        let planes: Vec<Plane> = planes(table, output.name, words.height).into_iter().take(PAIRS).collect();
        let (title, stem) = (output.title(words.title), output.stem(words.chart));
        let pairs: Vec<String> = planes.iter().map(|plane| format!("{} and {}", plane.sides[0].name, plane.sides[1].name)).collect();
        let alt = format!("Heat maps of {}.", pairs.join("; "));
        let heading = Heading::new(title.clone(), words.about);
        let top = heading.bottom() + 24.0;
        let height = top + planes.chunks(2).map(below).sum::<f64>() + planes.len().div_ceil(2) as f64 * (ABOVE + SIDE.1);
        let picture = |canvas: &Canvas| -> Drawn {
            heading.draw(canvas)?;
            let ends = ends(&planes);
            legend(canvas, top - 20.0, ends, words, options)?;
            planes.iter().enumerate().try_for_each(|(number, plane)| {
                let left = MARGIN + LEFT + (number % 2) as f64 * (LEFT + SIDE.0 + 6.0);
                let before = number / 2;
                let above: f64 = planes.chunks(2).take(before).map(below).sum();
                let top = top + ABOVE + before as f64 * (ABOVE + SIDE.1) + above;
                draw_plane(canvas, plane, (left, top), ends, words, &rows)
            })
        };
        let svg = svg((WIDTH, height.ceil()), (&stem, &title, &alt), picture).map_err(chart_error(words.chart))?;
        Ok(Figure { stem, title: title.clone(), alt, svg })
    };
    outputs(table).into_iter().map(figure).collect()
}

/// Room beneath maps side by side.
fn below(pair: &[Plane]) -> f64 {
    if pair.iter().all(|plane| plane.sides[0].is_numeric()) { BELOW } else { CATEGORIES }
}

/// The pairs of one output.
fn planes(table: &Table, output: &str, height: &str) -> Vec<Plane> {
    let outputs = table.texts("output");
    let side = |letter: &str| {
        let [feature, label] = ["feature", "label"].map(|column| table.texts(&format!("{column}_{letter}")));
        (feature, table.numbers(&format!("value_{letter}")), label)
    };
    let (sides, heights) = ([side("a"), side("b")], table.numbers(height));
    let mut planes: Vec<Plane> = Vec::new();
    for row in (0..table.len()).filter(|row| outputs.value(*row) == output) {
        let names = sides.each_ref().map(|(feature, ..)| feature.value(row));
        if planes.last().is_none_or(|plane| plane.sides[0].name != names[0] || plane.sides[1].name != names[1]) {
            let sides = names.map(|name| Side { name: name.into(), ..Side::default() });
            planes.push(Plane { sides, heights: HashMap::new() });
        }
        let Some(plane) = planes.last_mut() else { continue };
        let mut at = [0; 2];
        for ((side, (_, values, labels)), at) in plane.sides.iter_mut().zip(&sides).zip(&mut at) {
            let label = if labels.is_valid(row) { labels.value(row) } else { "missing" };
            *at = side.place(label, values.is_valid(row).then(|| values.value(row)));
        }
        plane.heights.insert((at[0], at[1]), heights.value(row));
    }
    planes
}

impl Side {
    /// The point of this label, which is added where it is new.
    fn place(&mut self, label: &str, number: Option<f64>) -> usize {
        match self.labels.iter().position(|known| known == label) {
            Some(place) => place,
            None => {
                self.labels.push(label.into());
                self.numbers.push(number);
                self.labels.len() - 1
            }
        }
    }

    fn is_numeric(&self) -> bool {
        self.numbers.iter().flatten().count() > 1
    }

    /// The scale from places to pixels; categories lie a unit apart.
    fn axis(&self, ends: (f64, f64)) -> Axis {
        let numbers = || self.numbers.iter().flatten().copied();
        match self.is_numeric() {
            true => Axis::new(numbers().fold(f64::INFINITY, f64::min), numbers().fold(f64::NEG_INFINITY, f64::max), ends).with_ticks(4.0),
            false => Axis::new(-0.5, self.labels.len() as f64 - 0.5, ends),
        }
    }

    /// Where a point's cell begins and ends: halfway to its neighbours. None of the missing value beside numbers.
    fn cell(&self, point: usize) -> Option<(f64, f64)> {
        if !self.is_numeric() {
            return Some((point as f64 - 0.5, point as f64 + 0.5));
        }
        let own = self.numbers[point]?;
        let middle = |other: Option<usize>| other.and_then(|at| *self.numbers.get(at)?).map_or(own, |other| (own + other) / 2.0);
        Some((middle(point.checked_sub(1)), middle(Some(point + 1))))
    }

    /// Where a row's value lies.
    fn at(&self, (number, label): &(Option<f64>, &str)) -> Option<f64> {
        if self.is_numeric() { *number } else { self.labels.iter().position(|known| known == label).map(|place| place as f64) }
    }
}

type Rows<'a> = HashMap<&'a str, Vec<Option<(Option<f64>, &'a str)>>>;

/// Values of the summary's rows, by feature, of the method that it has most rows of.
fn rows(summary: &Table) -> Rows<'_> {
    let labels = summary.texts("value");
    let value = |line: usize| labels.is_valid(line).then(|| (summary.number("value_number", line), labels.value(line)));
    let longest = blocks(summary).into_iter().max_by_key(Block::rows);
    longest.into_iter().flat_map(|block| block.features).map(|(feature, lines)| (feature, lines.map(value).collect())).collect()
}

fn ends(planes: &[Plane]) -> (f64, f64) {
    let heights = planes.iter().flat_map(|plane| plane.heights.values()).copied().filter(|height| height.is_finite());
    heights.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), height| (low.min(height), high.max(height)))
}

fn draw_plane(canvas: &Canvas, plane: &Plane, (left, top): (f64, f64), ends: (f64, f64), words: &Words, rows: &Rows) -> Drawn {
    let [a, b] = &plane.sides;
    let (right, bottom) = (left + SIDE.0, top + SIDE.1);
    let (across, up) = (a.axis((left, right)), b.axis((bottom, top)));
    for i in 0..a.labels.len() {
        for j in 0..b.labels.len() {
            let (Some(x), Some(y), Some(height)) = (a.cell(i), b.cell(j), plane.heights.get(&(i, j))) else { continue };
            // Half a pixel over the next cells, which are drawn later, so that no seam shows.
            let lower_right = ((across.x(x.1) + 0.5).min(right), (up.x(y.0)).min(bottom));
            canvas.rect((across.x(x.0), (up.x(y.1) - 0.5).max(top)), lower_right, (words.colour)(*height, ends))?;
        }
    }
    draw_contours(canvas, plane, (&across, &up), ends, words.lines)?;
    draw_rows(canvas, plane, (&across, &up), words.lines, rows)?;
    let small = Face { size: 11.0, ..NOTE };
    if a.is_numeric() {
        for (value, label) in across.ticks() {
            canvas.text((across.x(*value), bottom + 11.0), Face { anchor: HPos::Center, ..small }, label)?;
        }
    } else {
        a.labels
            .iter()
            .enumerate()
            .try_for_each(|(place, label)| canvas.upright((across.x(place as f64), bottom + 5.0), small, CATEGORIES - 14.0, label))?;
    }
    let face = Face { anchor: HPos::Right, ..small };
    if b.is_numeric() {
        up.ticks().iter().try_for_each(|(value, label)| canvas.text((left - 6.0, up.x(*value)), face, label))?;
    } else {
        b.labels
            .iter()
            .enumerate()
            .try_for_each(|(place, label)| canvas.fitted((left - 6.0, up.x(place as f64)), face, LEFT - 12.0, label))?;
    }
    let name = Face { size: 12.5, bold: true, colour: palette::INK, anchor: HPos::Left };
    canvas.fitted((left, top - 12.0), name, SIDE.0, &format!("across: {}; up: {}", a.name, b.name))
}

/// Lines of equal height between numbers.
fn draw_contours(canvas: &Canvas, plane: &Plane, (across, up): (&Axis, &Axis), ends: (f64, f64), colour: RGBColor) -> Drawn {
    let [a, b] = &plane.sides;
    if !a.is_numeric() || !b.is_numeric() || ends.0 >= ends.1 {
        return Ok(());
    }
    let known =
        |side: &Side| side.numbers.iter().enumerate().filter_map(|(at, number)| Some((at, (*number)?))).unzip::<_, _, Vec<_>, Vec<_>>();
    let ((across_at, xs), (up_at, ys)) = (known(a), known(b));
    let height = |i: usize, j: usize| plane.heights.get(&(i, j)).copied().unwrap_or(f64::NAN);
    let heights: Vec<Vec<f64>> = across_at.iter().map(|i| up_at.iter().map(|j| height(*i, *j)).collect()).collect();
    for (level, _) in Axis::new(ends.0, ends.1, (0.0, 1.0)).ticks() {
        for (from, to) in contour(&xs, &ys, &heights, *level) {
            canvas.line((across.x(from.0), up.x(from.1)), (across.x(to.0), up.x(to.1)), colour, 0.5)?;
        }
    }
    Ok(())
}

/// Some of the rows as dots, and the outline of all.
fn draw_rows(canvas: &Canvas, plane: &Plane, (across, up): (&Axis, &Axis), colour: RGBColor, rows: &Rows) -> Drawn {
    let [a, b] = &plane.sides;
    let [first, second] = [a, b].map(|side| rows.get(side.name.as_str()).map_or(&[][..], Vec::as_slice));
    let point = |(x, y): (&Option<_>, &Option<_>)| Some((a.at(x.as_ref()?)?, b.at(y.as_ref()?)?));
    let points: Vec<(f64, f64)> = first.iter().zip(second).filter_map(point).collect();
    if a.is_numeric() && b.is_numeric() {
        let outline = hull(points.iter().map(|(x, y)| (across.x(*x), up.x(*y))).collect());
        canvas.path(&outline, colour, 1.5)?;
    }
    let step = points.len().div_ceil(DOTS).max(1);
    for (number, (x, y)) in points.into_iter().step_by(step).enumerate() {
        // Rows of a category lie beside each other.
        let aside = |side: &Side, factor: f64| if side.is_numeric() { 0.0 } else { (number as f64 * factor).fract() * 0.7 - 0.35 };
        let at = (across.x(x + aside(a, 0.618_033_988_749_894_9)), up.x(y + aside(b, 0.754_877_666_246_692_8)));
        canvas.dot(at, 1.5, palette::PAPER)?;
        canvas.dot(at, 1.0, palette::INK)?;
    }
    Ok(())
}

/// The scale of colours.
fn legend(canvas: &Canvas, y: f64, ends: (f64, f64), words: &Words, options: &Options) -> Drawn {
    if ends.0 > ends.1 {
        return Ok(());
    }
    // A diverging scale is alike on both sides of zero.
    let shown = if words.height == "effect" { (-ends.0.abs().max(ends.1.abs()), ends.0.abs().max(ends.1.abs())) } else { ends };
    let low = short(shown.0);
    let left = MARGIN + width(&low, NOTE.size) + 6.0;
    canvas.text((MARGIN, y), NOTE, &low)?;
    for step in 0..40_i32 {
        let (x, share) = (left + 4.0 * f64::from(step), f64::from(step) / 39.0);
        canvas.rect((x, y - 5.0), (x + 4.0, y + 5.0), (words.colour)(shown.0 + share * (shown.1 - shown.0), ends))?;
    }
    canvas.text((left + 166.0, y), NOTE, &format!("{} ({})", short(shown.1), options.effect_space))
}
