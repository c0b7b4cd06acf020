//! Importance: horizontal bars of mean |attribution|, with their intervals.

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, svg};
use super::frame::{Frame, NOTE};
use super::ranking::{Ranked, Ranking, rankings};
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{counted, percent, short};
use crate::table::Table;

const ROW: f64 = 24.0;
const BAR: f64 = 15.0;
const WHISKER: f64 = 8.0;

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    tables.iter().flat_map(|importance| rankings(importance)).map(|ranking| figure(&ranking, options)).collect()
}

fn figure(ranking: &Ranking, options: &Options) -> Result<Figure, ReportError> {
    let bars = &ranking.features[..ranking.features.len().min(options.top_features)];
    let names: Vec<&str> = bars.iter().map(|bar| bar.feature).collect();
    let title = format!("Feature importance{}", ranking.of_output());
    let frame = Frame::new(title.clone(), &subtitle(ranking, options), &names, (ROW, 0.0, 72.0));
    let ends = bars.iter().flat_map(|bar| [bar.mean_abs, bar.interval.map_or(0.0, |interval| interval.1)]);
    let axis = Axis::new(0.0, ends.filter(|end| end.is_finite()).fold(0.0, f64::max), frame.sides);
    let stem = ranking.stem("importance");
    let alt = description(ranking, bars);
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, &format!("mean |{}| ({})", ranking.quantity(), options.space_of(ranking.method)))?;
        frame.draw(canvas, &names)?;
        bars.iter().enumerate().try_for_each(|(row, bar)| draw_bar(canvas, &axis, frame.middle(row), bar))
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("importance"))?;
    Ok(Figure { stem, title, alt, svg })
}

fn draw_bar(canvas: &Canvas, axis: &Axis, middle: f64, bar: &Ranked) -> Drawn {
    let end = axis.x(if bar.mean_abs.is_finite() { bar.mean_abs } else { 0.0 });
    canvas.rect((axis.x(0.0), middle - BAR / 2.0), (end, middle + BAR / 2.0), palette::BAR)?;
    let mut reach = end;
    if let Some(interval) = bar.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
        axis.whisker(canvas, middle, interval, WHISKER)?;
        reach = reach.max(axis.x(interval.1));
    }
    let number = short(bar.mean_abs);
    canvas.rect((reach + 3.0, middle - 8.0), (reach + 6.0 + width(&number, NOTE.size), middle + 8.0), palette::PAPER)?;
    canvas.text((reach + 6.0, middle), NOTE, &number)
}

fn subtitle(ranking: &Ranking, options: &Options) -> String {
    let mut parts = vec![format!("{}, {}", ranking.method_title(), counted(ranking.rows))];
    let level = ranking.level.filter(|_| ranking.features.iter().any(|ranked| ranked.interval.is_some()));
    parts.extend(level.map(|level| format!("whiskers: {} % bootstrap intervals over rows", percent(level))));
    parts.extend(ranking.part(options.top_features));
    parts.join("; ")
}

fn description(ranking: &Ranking, bars: &[Ranked]) -> String {
    let one = |bar: &Ranked| match bar.interval {
        Some((low, high)) => format!("{} {} (interval {} to {})", bar.feature, short(bar.mean_abs), short(low), short(high)),
        None => format!("{} {}", bar.feature, short(bar.mean_abs)),
    };
    let first: Vec<String> = bars.iter().take(5).map(one).collect();
    let quantity = ranking.quantity();
    let all = if bars.len() > 5 { ", and so on" } else { "" };
    format!("Horizontal bars of the mean absolute {quantity} of each feature, largest first: {}{all}.", first.join(", "))
}
