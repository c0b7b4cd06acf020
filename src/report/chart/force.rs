//! Force plots of chosen rows: what pushes each prediction up and down, from the base value to the sum of all attributions.

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::chosen::{Choice, Chosen, chosen, picks};
use super::frame::Frame;
use super::ranking::{Ranking, rankings};
use super::text::{elide, width};
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::report::number::{brief, short};
use crate::table::Table;

/// Height of a row, and of its bar.
const ROW: f64 = 76.0;
const BAR: f64 = 16.0;
/// Rows with the lowest and highest sums of attributions, of each.
const ENDS: usize = 3;
/// Pushes that are named, of each direction, and the width of one of them.
const NAMED: usize = 4;
const NAME: f64 = 180.0;
/// Segments narrower than this have no gaps between them.
const NARROW: f64 = 3.0;
const LABEL: Face = Face { size: 11.0, bold: false, colour: palette::INK, anchor: HPos::Left };

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
        let picked = chosen(summary, ranking, &Choice::Picked(picks(rest.first().copied(), ranking)));
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
        "{}; {which}, by their ids with the sum; from the base value (0) features push the prediction up (orange) and down (blue), the strongest \
         first, as named above and below each bar; the mark is where it ends",
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
        rows.iter().zip(&bars).enumerate().try_for_each(|(place, row)| draw_row(canvas, &axis, &frame, frame.middle(place), row))
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
            Segment { from, to: end, label: label(feature, row.values.get(feature).copied().unwrap_or("missing")) }
        };
        side.map(segment).collect()
    })
}

/// A feature and its value, both so long that they fit together.
fn label(feature: &str, value: &str) -> String {
    let value = format!(" = {}", elide(&brief(value), LABEL.size, NAME / 2.0));
    elide(feature, LABEL.size, NAME - width(&value, LABEL.size)) + &value
}

/// Upward pushes above the line, downward ones beneath, with the names of the strongest.
fn draw_row(canvas: &Canvas, axis: &Axis, frame: &Frame, middle: f64, (row, bar): (&Chosen, &[Vec<Segment>; 2])) -> Drawn {
    let sum = Face { size: 11.0, colour: palette::MUTED, anchor: HPos::Right, ..LABEL };
    canvas.text((frame.sides.0 - 12.0, middle + 15.0), sum, &short(row.total))?;
    let sides = [(&bar[0], middle - BAR, palette::UP, palette::WARM, -9.0), (&bar[1], middle, palette::DOWN, palette::LINE, BAR + 9.0)];
    for (segments, top, fill, ink, label) in sides {
        for segment in segments {
            let (left, right) = (axis.x(segment.from.min(segment.to)), axis.x(segment.from.max(segment.to)));
            let gap = if right - left > NARROW { 0.75 } else { 0.0 };
            canvas.rect((left + gap, top + 1.0), (right - gap, top + BAR - 1.0), fill)?;
        }
        let named: Vec<&str> = segments.iter().take(NAMED).map(|segment| segment.label.as_str()).collect();
        let more = if segments.len() > NAMED { ", …" } else { "" };
        let text = format!("{}{more}", named.join(", "));
        // Lines of the grid do not cross the names.
        let (left, y) = (frame.sides.0, top + label);
        canvas.rect((left - 2.0, y - 7.0), ((left + width(&text, LABEL.size) + 2.0).min(frame.sides.1), y + 7.0), palette::PAPER)?;
        canvas.fitted((left, y), Face { colour: ink, ..LABEL }, frame.sides.1 - frame.sides.0, &text)?;
    }
    let end = axis.x(row.total);
    canvas.line((end, middle - BAR - 1.0), (end, middle + BAR + 1.0), palette::INK, 2.0)
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

    #[test]
    fn long_names_are_shortened_rather_than_numbers() {
        let told = label("balance_of_all_accounts_at_other_banks", "1000083.749629328");
        assert!(told.starts_with("balance") && told.ends_with("banks = 1000084") && width(&told, LABEL.size) <= NAME, "{told}");
    }
}
