//! Small multiples: one panel a feature, with a curve, its band and the rows beneath, all on one scale.

use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face};
use super::frame::{Heading, MARGIN, NOTE, WIDTH};
use super::palette;
use super::text::width;

/// Height of a panel's name, of its curves, of the rows beneath, and of what is written below.
const NAME: f64 = 24.0;
const PLOT: f64 = 150.0;
const ROWS: f64 = 24.0;
const TICKS: f64 = 24.0;
const CATEGORIES: f64 = 120.0;
/// Width of the scale's labels, and between panels.
const SCALE: f64 = 58.0;
const GAP: f64 = 18.0;
/// Columns of a histogram.
const COLUMNS: usize = 40;
/// Share of the rows below which a column is shaded: whatever the curve does there rests on hardly any row.
const FEW: f64 = 0.002;
/// Categories that a panel shows, those with the most rows.
const MOST_CATEGORIES: usize = 24;

const SMALL: Face = Face { size: 11.0, bold: false, colour: palette::MUTED, anchor: HPos::Center };

/// One feature's curve.
#[derive(Clone, Debug, Default)]
pub(super) struct Curve {
    /// The feature.
    pub name: String,
    /// Its points, in order.
    pub points: Vec<Point>,
    /// Curves of single rows, drawn behind; a value for each point.
    pub behind: Vec<Vec<f64>>,
    /// Another curve to compare with, as places and heights.
    pub other: Vec<(f64, f64)>,
    /// Single rows.
    pub dots: Vec<Dot>,
}

/// A single row.
#[derive(Clone, Debug)]
pub(super) struct Dot {
    /// Where it is, of a number.
    pub x: Option<f64>,
    /// The point it belongs to, of a category.
    pub place: Option<usize>,
    /// Its height.
    pub y: f64,
    /// Its colour.
    pub colour: RGBColor,
}

/// A point of a curve.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// Where it is; `None` of a category and of the missing value.
    pub x: Option<f64>,
    /// What it is called.
    pub label: String,
    /// Its height.
    pub y: f64,
    /// Its band.
    pub band: Option<(f64, f64)>,
    /// Rows between the point before and this one; of this category.
    pub rows: f64,
}

/// Title, subtitle and panels, two side by side.
#[derive(Debug)]
pub(super) struct Panels {
    heading: Heading,
    curves: Vec<Curve>,
    scale: Axis,
    quantity: String,
}

impl Panels {
    /// A figure of these curves, whose heights are of a `quantity`.
    pub fn new(title: String, subtitle: &str, curves: Vec<Curve>, quantity: String) -> Self {
        let curves: Vec<Curve> = curves.into_iter().map(Curve::shortened).collect();
        let ends = curves.iter().flat_map(Curve::heights).filter(|height| height.is_finite());
        let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), height| (low.min(height), high.max(height)));
        let room = (high - low) * 0.04;
        let scale = Axis::new(low - room, high + room, (PLOT, 0.0)).with_ticks(5.0);
        Self { heading: Heading::new(title, subtitle), curves, scale, quantity }
    }

    /// Width and height of the figure.
    pub fn size(&self) -> (f64, f64) {
        let rows: f64 = self.curves.chunks(2).map(|pair| Self::height(pair) + GAP).sum();
        (WIDTH, (self.top() + rows + MARGIN / 2.0).ceil())
    }

    fn top(&self) -> f64 {
        self.heading.bottom() + 16.0
    }

    /// Height of a row of panels.
    fn height(pair: &[Curve]) -> f64 {
        let categories = pair.iter().any(|curve| curve.points.iter().any(|point| point.x.is_none()));
        NAME + PLOT + ROWS + if categories { CATEGORIES } else { TICKS }
    }

    /// Draws everything.
    pub fn draw(&self, canvas: &Canvas) -> Drawn {
        self.heading.draw(canvas)?;
        canvas.text((MARGIN, self.top() - 10.0), NOTE, &format!("vertical: {}", self.quantity))?;
        let column = (WIDTH - 2.0 * MARGIN - GAP) / 2.0;
        let mut top = self.top();
        for pair in self.curves.chunks(2) {
            for (place, curve) in pair.iter().enumerate() {
                let left = MARGIN + SCALE + place as f64 * (column + GAP);
                self.panel(canvas, curve, (left, left + column - SCALE), top)?;
            }
            top += Self::height(pair) + GAP;
        }
        Ok(())
    }

    fn panel(&self, canvas: &Canvas, curve: &Curve, (left, right): (f64, f64), top: f64) -> Drawn {
        let name = Face { size: 12.5, bold: true, colour: palette::INK, anchor: HPos::Left };
        canvas.fitted((left, top + 10.0), name, right - left, &curve.name)?;
        let top = top + NAME;
        let y = |height: f64| top + self.scale.x(height);
        let grid = || {
            self.scale.ticks().iter().try_for_each(|(value, label)| {
                let y = top + self.scale.x(*value);
                canvas.line((left, y), (right, y), if *value == 0.0 { palette::ZERO } else { palette::GRID }, 1.0)?;
                canvas.fitted((left - 6.0, y), Face { anchor: HPos::Right, ..SMALL }, SCALE - 8.0, label)
            })
        };
        if curve.is_categorical() {
            grid()?;
            categories(canvas, curve, (left, right), (top + PLOT, y))
        } else {
            numbers(canvas, curve, (left, right), (top + PLOT, y), grid)
        }
    }
}

impl Curve {
    /// How far its heights are apart.
    pub fn range(&self) -> f64 {
        let heights = || self.points.iter().map(|point| point.y).filter(|y| y.is_finite());
        heights().fold(f64::NEG_INFINITY, f64::max) - heights().fold(f64::INFINITY, f64::min)
    }

    fn is_categorical(&self) -> bool {
        !self.points.is_empty() && self.points.iter().all(|point| point.x.is_none())
    }

    /// All that the scale must hold.
    fn heights(&self) -> impl Iterator<Item = f64> {
        let bands = self.points.iter().flat_map(|point| point.band.map_or([point.y; 2], |(low, high)| [low, high]));
        bands
            .chain(self.points.iter().map(|point| point.y))
            .chain(self.behind.iter().flatten().copied())
            .chain(self.other.iter().map(|point| point.1))
            .chain(self.dots.iter().map(|dot| dot.y))
    }

    /// Of a feature with many categories, those with the most rows.
    fn shortened(mut self) -> Self {
        if !self.is_categorical() || self.points.len() <= MOST_CATEGORIES {
            return self;
        }
        let mut rows: Vec<f64> = self.points.iter().map(|point| point.rows).collect();
        rows.sort_by(|a, b| b.total_cmp(a));
        let least = rows[MOST_CATEGORIES - 1];
        let all = self.points.len();
        let keep: Vec<bool> = self.points.iter().map(|point| point.rows >= least).collect();
        let kept = |place: usize| keep.get(place).copied().unwrap_or(false);
        let mut place = 0..;
        self.points.retain(|_| place.next().is_some_and(kept));
        for line in &mut self.behind {
            let mut place = 0..;
            line.retain(|_| place.next().is_some_and(kept));
        }
        let numbers: Vec<Option<usize>> = keep
            .iter()
            .scan(0, |next, kept| {
                Some(if *kept {
                    *next += 1;
                    Some(*next - 1)
                } else {
                    None
                })
            })
            .collect();
        self.dots.retain_mut(|dot| {
            dot.place = dot.place.and_then(|place| numbers.get(place).copied().flatten()).filter(|place| *place < MOST_CATEGORIES);
            dot.place.is_some()
        });
        self.points.truncate(MOST_CATEGORIES);
        self.behind.iter_mut().for_each(|line| line.truncate(MOST_CATEGORIES));
        self.name = format!("{} ({} of {all} categories, those with the most rows)", self.name, self.points.len());
        self
    }
}

/// Points with whiskers, side by side; the missing value too.
fn categories(canvas: &Canvas, curve: &Curve, (left, right): (f64, f64), (bottom, y): (f64, impl Fn(f64) -> f64)) -> Drawn {
    let pitch = (right - left) / curve.points.len().max(1) as f64;
    let most = curve.points.iter().map(|point| point.rows).fold(0.0, f64::max);
    for (number, dot) in curve.dots.iter().enumerate() {
        // The golden ratio's multiples spread dots evenly.
        let aside = ((number as f64 * 0.618_033_988_749_894_9).fract() - 0.5) * (pitch * 0.6).min(40.0);
        let place = dot.place.unwrap_or(0) as f64;
        canvas.dot((left + pitch * (place + 0.5) + aside, y(dot.y)), 1.5, dot.colour)?;
    }
    for (place, point) in curve.points.iter().enumerate() {
        let x = left + pitch * (place as f64 + 0.5);
        curve.behind.iter().filter_map(|line| line.get(place)).try_for_each(|value| canvas.dot((x, y(*value)), 1.0, palette::BEHIND))?;
        if let Some((low, high)) = point.band {
            let half = (pitch * 0.3).min(9.0);
            canvas.rect((x - half, y(high)), (x + half, y(low)), palette::BAND)?;
        }
        if point.y.is_finite() {
            canvas.dot((x, y(point.y)), 3.0, palette::LINE)?;
        }
        if most > 0.0 && point.rows > 0.0 {
            let height = (ROWS - 6.0) * point.rows / most;
            let half = (pitch * 0.4).min(14.0);
            canvas.rect((x - half, bottom + ROWS - height), (x + half, bottom + ROWS), palette::ROWS)?;
        }
        canvas.upright((x, bottom + ROWS + 5.0), SMALL, CATEGORIES - 10.0, &point.label)?;
    }
    Ok(())
}

/// A curve over numbers, the missing value apart at the right.
fn numbers(
    canvas: &Canvas,
    curve: &Curve,
    (left, right): (f64, f64),
    (bottom, y): (f64, impl Fn(f64) -> f64),
    grid: impl Fn() -> Drawn,
) -> Drawn {
    let placed = |missing: bool| curve.points.iter().enumerate().filter(move |(_, point)| point.x.is_none() == missing);
    let (missing, points): (Vec<_>, Vec<_>) = (placed(true).collect(), placed(false).collect());
    let right = if missing.is_empty() { right } else { right - 44.0 };
    let known = || points.iter().filter_map(|point| point.1.x).chain(curve.dots.iter().filter_map(|dot| dot.x)).filter(|x| x.is_finite());
    let (first, last) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    if first > last {
        return grid();
    }
    let axis = Axis::new(first, last, (left, right)).with_ticks(5.0);
    let at = |point: &Point, height: f64| (axis.x(point.x.unwrap_or(first)), y(height));
    histogram(canvas, &axis, &points, bottom)?;
    grid()?;
    let band =
        |side: fn((f64, f64)) -> f64| points.iter().filter_map(move |(_, point)| Some(at(point, side(point.band?)))).collect::<Vec<_>>();
    let (mut lower, upper) = (band(|band| band.0), band(|band| band.1));
    lower.reverse();
    if points.len() > 1 && upper.len() == points.len() {
        canvas.polygon(&[upper, lower].concat(), palette::BAND)?;
    }
    for line in &curve.behind {
        let line: Vec<(f64, f64)> = points.iter().filter_map(|(place, point)| Some(at(point, *line.get(*place)?))).collect();
        canvas.path(&line, palette::BEHIND, 0.5)?;
    }
    canvas.path(&curve.other.iter().map(|(x, height)| (axis.x(*x), y(*height))).collect::<Vec<_>>(), palette::WARM, 1.75)?;
    curve.dots.iter().try_for_each(|dot| canvas.dot((axis.x(dot.x.unwrap_or(first)), y(dot.y)), 1.5, dot.colour))?;
    canvas.path(&points.iter().map(|(_, point)| at(point, point.y)).collect::<Vec<_>>(), palette::LINE, 1.75)?;
    if let [(_, point)] = points.as_slice() {
        canvas.dot(at(point, point.y), 3.0, palette::LINE)?;
    }
    let (mut reach, low) = (f64::NEG_INFINITY, points.len() == 1);
    for (value, label) in axis.ticks().iter().filter(|_| !low) {
        let (x, half) = (axis.x(*value), width(label, SMALL.size) / 2.0);
        canvas.line((x, bottom + ROWS), (x, bottom + ROWS + 3.0), palette::ZERO, 1.0)?;
        if x - half > reach + 6.0 && x + half < right + if missing.is_empty() { 14.0 } else { 0.0 } {
            canvas.text((x, bottom + ROWS + 12.0), SMALL, label)?;
            reach = x + half;
        }
    }
    if low {
        canvas.text((axis.x(first), bottom + ROWS + 12.0), SMALL, &points[0].1.label)?;
    }
    for (place, point) in missing {
        let x = right + 26.0;
        curve.behind.iter().filter_map(|line| line.get(place)).try_for_each(|value| canvas.dot((x, y(*value)), 1.0, palette::BEHIND))?;
        if let Some((low, high)) = point.band {
            canvas.rect((x - 8.0, y(high)), (x + 8.0, y(low)), palette::BAND)?;
        }
        canvas.dot((x, y(point.y)), 3.0, palette::LINE)?;
        canvas.text((x, bottom + ROWS + 12.0), SMALL, "missing")?;
    }
    Ok(())
}

/// Rows beneath the curve: those between two points are spread evenly between them.
fn histogram(canvas: &Canvas, axis: &Axis, points: &[(usize, &Point)], bottom: f64) -> Drawn {
    let (Some((_, first)), Some((_, last))) = (points.first(), points.last()) else { return Ok(()) };
    let (left, right) = (axis.x(first.x.unwrap_or(0.0)), axis.x(last.x.unwrap_or(0.0)));
    let step = (right - left) / COLUMNS as f64;
    if step <= 0.0 {
        return Ok(());
    }
    let mut columns = [0.0; COLUMNS];
    for pair in points.windows(2) {
        let (from, to) = (axis.x(pair[0].1.x.unwrap_or(0.0)) - left, axis.x(pair[1].1.x.unwrap_or(0.0)) - left);
        for (place, column) in columns.iter_mut().enumerate() {
            let (start, end) = (step * place as f64, step * (place + 1) as f64);
            let shared = (to.min(end) - from.max(start)).max(0.0);
            let whole = if to > from { shared / (to - from) } else { f64::from(u8::from(start <= to && to < end)) };
            *column += pair[1].1.rows * whole;
        }
    }
    let most = columns.iter().copied().fold(0.0, f64::max);
    let few = columns.iter().sum::<f64>() * FEW;
    for (place, _) in columns.iter().enumerate().filter(|(_, rows)| **rows < few) {
        let x = left + step * place as f64;
        canvas.rect((x, bottom - PLOT), (x + step, bottom), palette::SPARSE)?;
    }
    let drawn = columns.iter().enumerate().filter(|(_, rows)| **rows > 0.0);
    drawn.into_iter().try_for_each(|(place, rows)| {
        let (x, height) = (left + step * place as f64, ((ROWS - 6.0) * rows / most).max(0.5));
        canvas.rect((x, bottom + ROWS - height), (x + step, bottom + ROWS), palette::ROWS)
    })
}
