//! Attribution gaps: what each feature adds to the gap in mean prediction between a group and its reference.

use arrow_array::Array;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, svg};
use super::frame::{Frame, NOTE};
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, percent, short};
use crate::table::Table;

const ROW: f64 = 24.0;
const BAR: f64 = 15.0;
const WHISKER: f64 = 8.0;

/// Groups of a method that are drawn at most, in the table's order.
const FIGURES: usize = 8;

/// Rate of false discoveries below which a bar is dark.
const DISCOVERY: f64 = 0.05;

/// One group beside its reference: a stretch of the table.
struct Gap<'a> {
    method: &'a str,
    attribute: &'a str,
    group: &'a str,
    reference: &'a str,
    rows: i64,
    gap: f64,
    level: f64,
    bars: Vec<Bar<'a>>,
}

#[derive(Clone, Copy)]
struct Bar<'a> {
    feature: &'a str,
    difference: f64,
    interval: (f64, f64),
    discovered: bool,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let gaps: Vec<Gap> = tables.iter().flat_map(|table| gaps(table)).collect();
    // Of combinations there may be many: attributes come first in the table.
    gaps.iter().take(FIGURES).enumerate().map(|(place, gap)| figure(place, gap, options)).collect()
}

fn gaps(table: &Table) -> Vec<Gap<'_>> {
    let text = |name: &str, row: usize| table.texts(name).value(row);
    let number = |name: &str, row: usize| table.numbers(name).value(row);
    let mut all: Vec<Gap> = Vec::new();
    // Differences among rows of one label are left to the table.
    let is_drawn = |row: &usize| table.numbers("difference").is_valid(*row) && table.integers("label").is_null(*row);
    for row in (0..table.len()).filter(is_drawn) {
        let key = [text("method", row), text("attribute", row), text("group", row)];
        if all.last().is_none_or(|last| [last.method, last.attribute, last.group] != key) {
            all.push(Gap {
                method: key[0],
                attribute: key[1],
                group: key[2],
                reference: text("reference", row),
                rows: table.integers("rows").value(row),
                gap: number("gap", row),
                level: number("level", row),
                bars: Vec::new(),
            });
        }
        let bar = Bar {
            feature: text("feature", row),
            difference: number("difference", row),
            interval: (number("ci_low", row), number("ci_high", row)),
            discovered: table.numbers("q_value").is_valid(row) && number("q_value", row) < DISCOVERY,
        };
        all.last_mut().into_iter().for_each(|last| last.bars.push(bar));
    }
    for gap in &mut all {
        gap.bars.sort_by(|a, b| b.difference.abs().total_cmp(&a.difference.abs()));
    }
    all
}

fn figure(place: usize, gap: &Gap<'_>, options: &Options) -> Result<Figure, ReportError> {
    let bars = &gap.bars[..gap.bars.len().min(options.top_features)];
    let names: Vec<&str> = bars.iter().map(|bar| bar.feature).collect();
    let title = format!("Gap in mean prediction by {}: {} less {}", gap.attribute, gap.group, gap.reference);
    let frame = Frame::new(title.clone(), &subtitle(gap, options), &names, (ROW, 0.0, 72.0));
    let ends = || bars.iter().flat_map(|bar| [0.0, bar.difference, bar.interval.0, bar.interval.1]).filter(|end| end.is_finite());
    let (low, high) = (ends().fold(0.0, f64::min), ends().fold(0.0, f64::max));
    let axis = Axis::new(low - (high - low) * left_of(bars, frame.sides), high, frame.sides);
    let stem = format!("fairness-{}-{place}", gap.method);
    let alt = description(gap, bars);
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, &format!("difference in mean attribution ({})", options.space_of(gap.method)))?;
        frame.draw(canvas, &names)?;
        bars.iter().enumerate().try_for_each(|(row, bar)| draw_bar(canvas, &axis, frame.middle(row), bar))
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("fairness"))?;
    Ok(Figure { stem, title, alt, svg })
}

/// Room left of the lowest end for the numbers of negative bars, as a share of what is left of the picture.
fn left_of(bars: &[Bar<'_>], sides: (f64, f64)) -> f64 {
    let numbers = bars.iter().filter(|bar| bar.difference < 0.0).map(|bar| width(&short(bar.difference), NOTE.size) + 12.0);
    let room = numbers.fold(0.0, f64::max);
    room / (sides.1 - sides.0 - room)
}

fn draw_bar(canvas: &Canvas, axis: &Axis, middle: f64, bar: &Bar<'_>) -> Drawn {
    let (zero, end) = (axis.x(0.0), axis.x(if bar.difference.is_finite() { bar.difference } else { 0.0 }));
    let colour = if bar.discovered { palette::GAP } else { palette::FAINT };
    canvas.rect((zero.min(end), middle - BAR / 2.0), (zero.max(end), middle + BAR / 2.0), colour)?;
    let (low, high) = (axis.x(bar.interval.0), axis.x(bar.interval.1));
    axis.whisker(canvas, middle, bar.interval, WHISKER)?;
    let number = short(bar.difference);
    let x = if bar.difference < 0.0 { low.min(end) - 6.0 - width(&number, NOTE.size) } else { high.max(end) + 6.0 };
    canvas.rect((x - 3.0, middle - 8.0), (x + width(&number, NOTE.size), middle + 8.0), palette::PAPER)?;
    canvas.text((x, middle), NOTE, &number)
}

fn subtitle(gap: &Gap<'_>, options: &Options) -> String {
    let mut parts = vec![
        format!("{} in the group; all bars add up to the gap of {} ({})", counted(gap.rows), short(gap.gap), options.space_of(gap.method)),
        format!("whiskers: {} % bootstrap intervals over rows", percent(gap.level)),
        format!("dark: q < {DISCOVERY} by permutation (Benjamini–Hochberg)"),
    ];
    if gap.bars.len() > options.top_features {
        parts.push(format!("the top {} of {} features", options.top_features, gap.bars.len()));
    }
    parts.join("; ")
}

fn description(gap: &Gap<'_>, bars: &[Bar<'_>]) -> String {
    let one = |bar: &Bar| format!("{} {}", bar.feature, short(bar.difference));
    let first: Vec<String> = bars.iter().take(5).map(one).collect();
    format!(
        "Horizontal bars of each feature's part in the gap of {} in mean prediction between {} and {}, largest first: {}.",
        short(gap.gap),
        gap.group,
        gap.reference,
        first.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{integers, numbers, optional_integers, texts};

    #[test]
    fn numbers_of_negative_bars_leave_the_names_alone() {
        let name = "a_feature_whose_name_is_so_long_that_the_picture_is_narrow";
        let table = Table::new(
            "fairness_attributions",
            vec![
                ("method", texts(["tree_shap"; 2])),
                ("attribute", texts(["sex"; 2])),
                ("group", texts(["female"; 2])),
                ("reference", texts(["male"; 2])),
                ("label", optional_integers([None; 2])),
                ("feature", texts(["b", name])),
                ("difference", numbers([-0.0857, 0.07])),
                ("ci_low", numbers([-0.2286, -0.03])),
                ("ci_high", numbers([0.06, 0.17])),
                ("q_value", numbers([0.5; 2])),
                ("gap", numbers([-0.0157; 2])),
                ("rows", integers([10; 2])),
                ("level", numbers([0.95; 2])),
            ],
        );
        let options = Options { top_features: 20, space: "margin".into(), effect_space: "margin".into() };
        let [figure] = &draw(&[&table], &options).unwrap()[..] else { panic!("one figure") };
        // Where a text is anchored, in units of the picture.
        let place = |text: &str| -> f64 {
            let before = figure.svg.split(&format!("\n{text}")).next().unwrap();
            let tag = &before[before.rfind("<text").unwrap()..];
            tag.split("x=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap()
        };
        // Names end where they are anchored, numbers begin there: in the picture, which is twelve pixels of two units away.
        assert!(place("−0.0857\n") >= place("b\n") + 24.0, "{} {}", place("−0.0857\n"), place("b\n"));
    }
}
