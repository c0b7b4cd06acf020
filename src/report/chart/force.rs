//! Force plots of chosen rows: what pushes each prediction up and down, from the base value to the sum of all attributions.

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::chosen::{Choice, Chosen, chosen, picks};
use super::frame::Frame;
use super::ranking::{Ranking, rankings};
use super::text::width;
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::short;
use crate::table::Table;

/// Height of a row, and of its bar.
const ROW: f64 = 58.0;
const BAR: f64 = 16.0;
/// Rows with the lowest and highest sums of attributions, of each.
const ENDS: usize = 3;
/// A segment below this share of the picture's width is drawn together with the smaller ones.
const SMALLEST: f64 = 0.004;
const LABEL: Face = Face { size: 11.0, bold: false, colour: palette::INK, anchor: HPos::Center };

/// A feature's part of a bar.
struct Segment {
    from: f64,
    to: f64,
    label: String,
}

/// Figures of extreme rows, and of SP-LIME's picks where its table comes third.
pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [importance, summary, rest @ ..] = tables else { return Ok(Vec::new()) };
    let mut figures = Vec::new();
    for ranking in &rankings(importance) {
        let extremes = chosen(summary, ranking, &Choice::Extremes { ends: ENDS, middle: 1 });
        figures.push(figure(ranking, &extremes, ("force", "the rows with the lowest, middle and highest sums of attributions"), options)?);
        let picked = chosen(summary, ranking, &Choice::Named(picks(rest.first().copied(), ranking)));
        if !picked.is_empty() {
            figures.push(figure(ranking, &picked, ("force-picks", "the rows that SP-LIME picked"), options)?);
        }
    }
    Ok(figures)
}

fn figure(ranking: &Ranking, rows: &[Chosen], (chart, which): (&'static str, &str), options: &Options) -> Result<Figure, ReportError> {
    let title = format!("What pushes predictions up and down{}", ranking.of_output());
    let space = options.space_of(ranking.method);
    let subtitle = format!(
        "{}; {which}, by their ids; from the base value (0) features push the prediction up (orange) and down (blue); the mark is where it ends",
        ranking.method_title()
    );
    let names: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, 6.0, 12.0));
    let bars: Vec<[Vec<Segment>; 2]> = rows.iter().map(segments).collect();
    let reach = bars.iter().flatten().flatten().flat_map(|segment| [segment.from, segment.to]).filter(|end| end.is_finite());
    let (low, high) = reach.fold((0.0_f64, 0.0_f64), |(low, high), end| (low.min(end), high.max(end)));
    let room = (high - low) * 0.02;
    let axis = Axis::new(low - room, high + room, frame.sides);
    let stem = ranking.stem(chart);
    let ends: Vec<String> = rows.iter().map(|row| format!("{} {}", row.id, short(row.total))).collect();
    let alt = format!("A bar a row of what pushes its prediction up and down. Sums of attributions: {}.", ends.join(", "));
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, &format!("sum of attributions above the base value ({space})"))?;
        frame.draw(canvas, &names)?;
        rows.iter().zip(&bars).enumerate().try_for_each(|(place, (row, bar))| draw_row(canvas, &axis, frame.middle(place), row, bar))
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("force"))?;
    Ok(Figure { stem, title, alt, svg })
}

/// What pushes up, from the base value on, and what pushes down from there to the sum, the largest first.
fn segments(row: &Chosen) -> [Vec<Segment>; 2] {
    let mut parts: Vec<(&str, f64)> =
        row.attributions.iter().map(|(feature, value)| (*feature, *value)).filter(|part| part.1 != 0.0).collect();
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(b.0)));
    let mut end = 0.0;
    [1.0, -1.0].map(|sign: f64| {
        let side = parts.iter().filter(|part| part.1.signum() == sign);
        let segment = |(feature, attribution): &(&str, f64)| {
            let from = end;
            end += attribution;
            let value = row.values.get(feature).copied().unwrap_or("missing");
            Segment { from, to: end, label: format!("{feature} = {value}") }
        };
        side.map(segment).collect()
    })
}

/// Upward pushes above the line, downward ones beneath, labelled where there is room.
fn draw_row(canvas: &Canvas, axis: &Axis, middle: f64, row: &Chosen, bar: &[Vec<Segment>; 2]) -> Drawn {
    let whole = axis.x(f64::INFINITY) - axis.x(f64::NEG_INFINITY);
    for (segments, top, colour, label) in
        [(&bar[0], middle - BAR, palette::UP, middle - BAR - 8.0), (&bar[1], middle, palette::DOWN, middle + BAR + 8.0)]
    {
        let mut reach = f64::NEG_INFINITY;
        for (number, segment) in segments.iter().enumerate() {
            let (left, right) = (axis.x(segment.from.min(segment.to)), axis.x(segment.from.max(segment.to)));
            // The ends of segments are told apart by a gap, which small ones do without.
            let gap = if right - left > whole * SMALLEST { 0.75 } else { 0.0 };
            canvas.rect((left + gap, top + 1.0), (right - gap, top + BAR - 1.0), colour)?;
            let (centre, half) = ((left + right) / 2.0, width(&segment.label, LABEL.size) / 2.0);
            let clear = if number == 0 { true } else { centre - half > reach + 8.0 || centre + half < -reach - 8.0 };
            let inside = centre - half >= axis.x(f64::NEG_INFINITY) && centre + half <= axis.x(f64::INFINITY);
            if right - left > 6.0 && clear && inside && half < (right - left).max(60.0) {
                canvas.text((centre, label), LABEL, &segment.label)?;
                reach = if segment.to > segment.from { centre + half } else { -(centre - half) };
            }
        }
    }
    let end = axis.x(row.total);
    canvas.line((end, middle - BAR - 1.0), (end, middle + BAR + 1.0), palette::INK, 2.0)?;
    let (anchor, x) = if end > axis.x(f64::INFINITY) - 60.0 { (HPos::Right, end - 5.0) } else { (HPos::Left, end + 5.0) };
    canvas.text((x, middle + BAR - 8.0), Face { anchor, size: 11.0, bold: true, colour: palette::INK }, &short(row.total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_up_come_first_and_all_end_at_the_sum() {
        let attributions = [("a", 1.0), ("b", -0.5), ("c", 2.0), ("d", 0.0)].into_iter().collect();
        let row = Chosen { id: "7".into(), attributions, values: [("c", "red")].into_iter().collect(), total: 2.5 };
        let [up, down] = segments(&row);
        let ends = |side: &[Segment]| side.iter().map(|segment| (segment.from, segment.to, segment.label.clone())).collect::<Vec<_>>();
        assert_eq!(ends(&up), [(0.0, 2.0, "c = red".into()), (2.0, 3.0, "a = missing".into())]);
        assert_eq!(ends(&down), [(3.0, 2.5, "b = missing".into())]);
    }
}
