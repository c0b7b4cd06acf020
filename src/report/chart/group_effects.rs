//! Effects by group: for each feature the partial dependence and the accumulated effect of every group in one panel each, with where the rows of
//! the groups are beneath.

use arrow_array::Array;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::chosen::{distinct, not_drawn};
use super::frame::{Heading, MARGIN, NOTE, WIDTH};
use super::legend::Legend;
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, short};
use crate::table::Table;

/// Attributes that are drawn at most, in the table's order.
const FIGURES: usize = 8;

/// Height of a panel's name, of its curves, of one group's rows beneath, and of what is written below.
const NAME: f64 = 26.0;
const PLOT: f64 = 160.0;
const STRIP: f64 = 7.0;
const TICKS: f64 = 26.0;
const CATEGORIES: f64 = 136.0;
/// Width of the scale's labels, between panels, and of the place of missing values.
const SCALE: f64 = 58.0;
const GAP: f64 = 18.0;
const MISSING: f64 = 44.0;
/// Rows of a group below which its dot at a category is small.
const FEW: f64 = 10.0;
/// Categories that a panel shows, those with the most rows.
const MOST_CATEGORIES: usize = 16;

const SMALL: Face = Face { size: 11.0, bold: false, colour: palette::MUTED, anchor: HPos::Center };

/// The kinds of the table, a column of panels each, and what is written above it.
const KINDS: [(&str, &str); 2] =
    [("pdp", "partial dependence: mean prediction"), ("ale", "accumulated local effect: 0 is the group's mean")];

/// One feature's panels.
struct Feature {
    name: String,
    /// A panel a kind.
    panels: [Panel; 2],
}

/// The points of all groups, in order.
#[derive(Default)]
struct Panel {
    places: Vec<Place>,
}

/// A point, with the value and the rows of each group.
struct Place {
    x: Option<f64>,
    label: Option<String>,
    values: Vec<Option<f64>>,
    rows: Vec<f64>,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    for table in tables {
        for (place, attribute) in distinct(table, "attribute", &|_| true, FIGURES).iter().enumerate() {
            figures.extend(figure(table, (place, attribute), options)?);
        }
    }
    Ok(figures)
}

/// The figure of an attribute, where two of its groups have curves.
fn figure(table: &Table, (place, attribute): (usize, &str), options: &Options) -> Result<Option<Figure>, ReportError> {
    let is_of = |row: usize| table.texts("attribute").value(row) == attribute && table.numbers("value").is_valid(row);
    let mut groups = distinct(table, "group", &is_of, usize::MAX);
    if groups.len() < 2 {
        return Ok(None);
    }
    let all = distinct(table, "group", &|row| table.texts("attribute").value(row) == attribute, usize::MAX).len();
    let left_out = [(groups.len().saturating_sub(palette::GROUPS.len()), "of the last groups"), (all - groups.len(), "with too few rows")];
    groups.truncate(palette::GROUPS.len());
    let features: Vec<Feature> =
        distinct(table, "feature", &is_of, options.top_features).into_iter().map(|name| feature(table, &is_of, &groups, name)).collect();
    let title = format!("Effects of features by {attribute}");
    let stem = format!("fairness_effects-{place}");
    let heading = Heading::new(title.clone(), &subtitle(options, &left_out));
    let rows = |group: &String| {
        let row = (0..table.len()).find(|&row| is_of(row) && table.texts("group").value(row) == group);
        row.map_or(0, |row| table.integers("group_rows").value(row))
    };
    let legend = Legend::new(groups.iter().map(|group| format!("{group} ({})", counted(rows(group)))).collect());
    let top = heading.bottom();
    let first = top + legend.height() + 18.0;
    let height = features.iter().map(|feature| feature.height(groups.len())).sum::<f64>();
    let alt = description(attribute, &groups, &features);
    let picture = |canvas: &Canvas| -> Drawn {
        heading.draw(canvas)?;
        legend.draw(canvas, top)?;
        let column = (WIDTH - 2.0 * MARGIN - GAP) / 2.0;
        for (kind, (_, heading)) in KINDS.iter().enumerate() {
            let left = MARGIN + SCALE + kind as f64 * (column + GAP);
            canvas.fitted((left, first - 10.0), Face { colour: palette::INK, ..NOTE }, column - SCALE, heading)?;
            let scale = scale(&features, kind);
            let mut top = first;
            for feature in &features {
                feature.panels[kind].draw(canvas, (&feature.name, &scale), (left, left + column - SCALE), top)?;
                top += feature.height(groups.len());
            }
        }
        Ok(())
    };
    let svg =
        svg((WIDTH, (first + height + MARGIN / 2.0).ceil()), (&stem, &title, &alt), picture).map_err(chart_error("fairness_effects"))?;
    Ok(Some(Figure { stem, title, alt, svg }))
}

/// What the figure shows, and how many groups it does not, and why.
fn subtitle(options: &Options, left_out: &[(usize, &str)]) -> String {
    let shown = format!(
        "a line a group, over its own rows alone, at the same points; the features with the largest attribution gaps first; strips below: where each group's rows \
         are; lines end where a group has no rows, dots of fewer than {FEW} are small; vertical: {}; intervals are in the table",
        options.effect_space
    );
    shown + &not_drawn(left_out)
}

fn feature(table: &Table, is_of: &dyn Fn(usize) -> bool, groups: &[String], name: String) -> Feature {
    let panel = |kind: &str| {
        let own = (0..table.len())
            .filter(|&row| is_of(row) && table.texts("feature").value(row) == name && table.texts("kind").value(row) == kind);
        let mut panel = Panel::default();
        for row in own {
            let Some(group) = groups.iter().position(|group| group == table.texts("group").value(row)) else { continue };
            let (point, x, label) = (table.integers("point").value(row) as usize, table.numbers("x"), table.texts("label"));
            while panel.places.len() <= point {
                panel.places.push(Place { x: None, label: None, values: vec![None; groups.len()], rows: vec![0.0; groups.len()] });
            }
            let place = &mut panel.places[point];
            place.x = x.is_valid(row).then(|| x.value(row));
            place.label = label.is_valid(row).then(|| label.value(row).to_owned());
            place.values[group] = Some(table.numbers("value").value(row));
            place.rows[group] = table.integers("rows").value(row) as f64;
        }
        panel
    };
    let [mut dependence, accumulated] = KINDS.map(|(kind, _)| panel(kind));
    if dependence.is_categorical() {
        // Categories are alike where they are neighbours in the order of accumulated effects; the missing value is no category.
        let order = |place: &Place| accumulated.places.iter().position(|other| other.label == place.label).unwrap_or(usize::MAX);
        dependence.places.sort_by_key(order);
    }
    Feature { name, panels: [dependence.shortened(), accumulated.shortened()] }
}

/// One scale for all panels of a kind.
fn scale(features: &[Feature], kind: usize) -> Axis {
    let values = features.iter().flat_map(|feature| &feature.panels[kind].places).flat_map(|place| place.values.iter().flatten());
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    let room = (high - low) * 0.05;
    Axis::new(low - room, high + room, (PLOT, 0.0)).with_ticks(5.0)
}

impl Feature {
    fn height(&self, groups: usize) -> f64 {
        let categories = self.panels.iter().any(Panel::is_categorical);
        NAME + PLOT + STRIP * groups as f64 + if categories { CATEGORIES } else { TICKS } + GAP
    }
}

impl Panel {
    fn is_categorical(&self) -> bool {
        self.places.iter().any(|place| place.x.is_none() && place.label.is_some())
    }

    /// Of many categories, those with the most rows.
    fn shortened(mut self) -> Self {
        if self.is_categorical() && self.places.len() > MOST_CATEGORIES {
            let rows = |place: &Place| place.rows.iter().sum::<f64>();
            let mut sorted: Vec<f64> = self.places.iter().map(rows).collect();
            sorted.sort_by(|a, b| b.total_cmp(a));
            self.places.retain(|place| rows(place) >= sorted[MOST_CATEGORIES - 1]);
            self.places.truncate(MOST_CATEGORIES);
        }
        self
    }

    fn draw(&self, canvas: &Canvas, (name, scale): (&str, &Axis), (left, right): (f64, f64), top: f64) -> Drawn {
        let face = Face { size: 12.5, bold: true, colour: palette::INK, anchor: HPos::Left };
        canvas.fitted((left, top + 10.0), face, right - left, name)?;
        let top = top + NAME;
        for (value, label) in scale.ticks() {
            let y = top + scale.x(*value);
            canvas.line((left, y), (right, y), if *value == 0.0 { palette::ZERO } else { palette::GRID }, 1.0)?;
            canvas.fitted((left - 6.0, y), Face { anchor: HPos::Right, ..SMALL }, SCALE - 8.0, label)?;
        }
        if self.is_categorical() {
            self.categories(canvas, (left, right), (top, scale))
        } else {
            self.numbers(canvas, (left, right), (top, scale))
        }
    }

    /// Groups of each category side by side.
    fn categories(&self, canvas: &Canvas, (left, right): (f64, f64), (top, scale): (f64, &Axis)) -> Drawn {
        let pitch = (right - left) / self.places.len().max(1) as f64;
        for (number, place) in self.places.iter().enumerate() {
            let middle = left + pitch * (number as f64 + 0.5);
            let groups = place.values.len() as f64;
            for (group, (value, colour)) in place.values.iter().zip(&palette::GROUPS).enumerate() {
                let aside = (group as f64 - (groups - 1.0) / 2.0) * (pitch * 0.7 / groups).min(8.0);
                if let Some(value) = value.filter(|_| place.rows[group] > 0.0) {
                    let radius = if place.rows[group] < FEW { 1.5 } else { 3.0 };
                    canvas.dot((middle + aside, top + scale.x(value)), radius, *colour)?;
                }
                let most = self.places.iter().map(|place| place.rows[group]).fold(1.0, f64::max);
                let (bottom, height) = (top + PLOT + STRIP * (group as f64 + 1.0), (STRIP - 1.5) * place.rows[group] / most);
                canvas.rect((middle - pitch * 0.3, bottom - height), (middle + pitch * 0.3, bottom), *colour)?;
            }
            let below = top + PLOT + STRIP * groups + 6.0;
            canvas.upright((middle, below), SMALL, CATEGORIES - 12.0, place.label.as_deref().unwrap_or("missing"))?;
        }
        Ok(())
    }

    /// Lines over numbers, missing values apart at the right.
    fn numbers(&self, canvas: &Canvas, (left, right): (f64, f64), (top, scale): (f64, &Axis)) -> Drawn {
        let known: Vec<(f64, &Place)> = self.places.iter().filter_map(|place| Some((place.x?, place))).collect();
        let missing: Vec<&Place> = self.places.iter().filter(|place| place.x.is_none()).collect();
        let right = if missing.is_empty() { right } else { right - MISSING };
        let (Some((first, _)), Some((last, _))) = (known.first(), known.last()) else { return Ok(()) };
        let axis = Axis::new(*first, *last, (left, right)).with_ticks(5.0);
        let groups = known.first().map_or(0, |(_, place)| place.values.len());
        for (group, colour) in palette::GROUPS.iter().enumerate().take(groups) {
            let line = supported(&known, group);
            let at = |(x, value): &(f64, f64)| (axis.x(*x), top + scale.x(*value));
            canvas.path(&line.iter().map(at).collect::<Vec<_>>(), *colour, 1.75)?;
            if let [point] = line.as_slice() {
                canvas.dot(at(point), 3.0, *colour)?;
            }
            let bottom = top + PLOT + STRIP * (group as f64 + 1.0);
            strip(canvas, &known.iter().map(|(x, place)| (axis.x(*x), place.rows[group])).collect::<Vec<_>>(), bottom, *colour)?;
            for place in missing.iter().filter(|place| place.rows[group] > 0.0) {
                let x = right + 26.0 + (group as f64 - (groups as f64 - 1.0) / 2.0) * 5.0;
                place.values[group].map_or(Ok(()), |value| canvas.dot((x, top + scale.x(value)), 3.0, *colour))?;
                canvas.rect((x - 2.0, bottom - STRIP + 1.5), (x + 2.0, bottom), *colour)?;
            }
        }
        let below = top + PLOT + STRIP * groups as f64;
        ticks(canvas, &axis, below, right)?;
        missing.first().map_or(Ok(()), |_| canvas.text((right + 26.0, below + 12.0), SMALL, "missing"))
    }
}

/// A group's rows over numbers, whose places come with the rows between the place before and their own: the denser the higher.
fn strip(canvas: &Canvas, places: &[(f64, f64)], bottom: f64, colour: RGBColor) -> Drawn {
    let Some((first, at_first)) = places.first() else { return Ok(()) };
    let between = places.windows(2).map(|pair| (pair[0].0, pair[1].0.max(pair[0].0 + 1.0), pair[1].1));
    let stretches: Vec<(f64, f64, f64)> = std::iter::once((*first, first + 3.0, *at_first)).chain(between).collect();
    let density = |(from, to, rows): &(f64, f64, f64)| rows / (to - from).max(3.0);
    let most = stretches.iter().map(density).fold(0.0, f64::max);
    stretches.iter().filter(|stretch| stretch.2 > 0.0).try_for_each(|stretch| {
        let height = ((STRIP - 1.5) * density(stretch) / most).max(1.0);
        canvas.rect((stretch.0, bottom - height), (stretch.1, bottom), colour)
    })
}

/// A group's points from the first to the last between which it has rows.
fn supported(known: &[(f64, &Place)], group: usize) -> Vec<(f64, f64)> {
    let has_rows = |(_, place): &(f64, &Place)| place.rows[group] > 0.0;
    let Some(first) = known.iter().position(has_rows) else { return Vec::new() };
    let last = known.iter().rposition(has_rows).unwrap_or(first);
    // Rows lie between the point before and their own.
    known[first.saturating_sub(1)..=last].iter().filter_map(|(x, place)| Some((*x, place.values[group]?))).collect()
}

/// The labels of an axis that do not touch each other.
fn ticks(canvas: &Canvas, axis: &Axis, top: f64, right: f64) -> Drawn {
    let mut reach = f64::NEG_INFINITY;
    for (value, label) in axis.ticks() {
        let (x, half) = (axis.x(*value), width(label, SMALL.size) / 2.0);
        canvas.line((x, top + 1.0), (x, top + 4.0), palette::ZERO, 1.0)?;
        if x - half > reach + 6.0 && x + half < right + 14.0 {
            canvas.text((x, top + 12.0), SMALL, label)?;
            reach = x + half;
        }
    }
    Ok(())
}

fn description(attribute: &str, groups: &[String], features: &[Feature]) -> String {
    let range = |panel: &Panel, group: usize| {
        let values = || panel.places.iter().filter_map(|place| place.values[group]);
        values().fold(f64::NEG_INFINITY, f64::max) - values().fold(f64::INFINITY, f64::min)
    };
    let of_feature = |feature: &Feature| {
        let of_group = |(place, group): (usize, &String)| format!("{group} {}", short(range(&feature.panels[1], place)));
        format!("{}: {}", feature.name, groups.iter().enumerate().map(of_group).collect::<Vec<_>>().join(", "))
    };
    let told: Vec<String> = features.iter().take(5).map(of_feature).collect();
    format!(
        "Lines of partial dependence and of accumulated local effects of each feature, a line a group of {attribute}. Range of the accumulated effect: {}.",
        told.join("; ")
    )
}
