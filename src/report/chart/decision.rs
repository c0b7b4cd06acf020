//! Decision plots of chosen rows: how their attributions add up, feature by feature, from the base value.

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::chosen::{Choice, Chosen, chosen, picks};
use super::frame::{Frame, NOTE};
use super::ranking::{Ranking, rankings};
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::table::Table;

const ROW: f64 = 22.0;
/// Rows with the lowest, middle and highest sums of attributions, of each.
const CHOSEN: usize = 3;
/// Features that have a line of their own.
const FEATURES: usize = 15;

/// Figures of extreme rows, and of SP-LIME's picks where its table comes third.
pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [importance, summary, rest @ ..] = tables else { return Ok(Vec::new()) };
    let mut figures = Vec::new();
    for ranking in &rankings(importance) {
        let extremes = chosen(summary, ranking, &Choice::Extremes { ends: CHOSEN, middle: CHOSEN });
        figures.push(figure(ranking, &extremes, ("decision", "rows with the lowest, middle and highest sums of attributions"), options)?);
        let mut picked = chosen(summary, ranking, &Choice::Picked(picks(rest.first().copied(), ranking)));
        picked.sort_by(|a, b| a.total.total_cmp(&b.total));
        if !picked.is_empty() {
            figures.push(figure(ranking, &picked, ("decision-picks", "rows that SP-LIME picked"), options)?);
        }
    }
    Ok(figures)
}

fn figure(ranking: &Ranking, rows: &[Chosen], (chart, which): (&str, &str), options: &Options) -> Result<Figure, ReportError> {
    let own: Vec<&str> = ranking.features.iter().take(FEATURES.min(options.top_features)).map(|ranked| ranked.feature).collect();
    let others = ranking.features.len() - own.len();
    let rest = format!("{others} other features");
    let names: Vec<&str> = own.iter().copied().chain((others > 0).then_some(rest.as_str())).collect();
    let title = format!("How predictions add up{}", ranking.of_output());
    let subtitle = format!(
        "{}; lines: {which}, by their ids above; from the base value at the bottom, each \
         line moves by the attribution of the feature it passes",
        ranking.method_title()
    );
    let frame = Frame::new(title.clone(), &subtitle, &names, (ROW, 74.0, 20.0));
    let path = |row: &Chosen| {
        let of = |feature: &&str| row.attributions.get(*feature).copied().unwrap_or(0.0);
        let shown: f64 = own.iter().map(of).sum();
        let mut steps = vec![0.0];
        if others > 0 {
            steps.push(row.total - shown);
        }
        for feature in own.iter().rev() {
            steps.push(steps.last().copied().unwrap_or(0.0) + of(feature));
        }
        steps
    };
    let paths: Vec<Vec<f64>> = rows.iter().map(path).collect();
    let reach = |pick: fn(f64, f64) -> f64| paths.iter().flatten().copied().filter(|step| step.is_finite()).fold(0.0, pick);
    let room = (reach(f64::max) - reach(f64::min)) * 0.04;
    let axis = Axis::new(reach(f64::min) - room, reach(f64::max) + room, frame.sides);
    let stem = ranking.stem(chart);
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let alt = format!("Lines of attributions adding up, for rows {}.", ids.join(", "));
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, &format!("sum of attributions above the base value ({})", options.space_of(ranking.method)))?;
        frame.draw(canvas, &names)?;
        for (number, (row, path)) in rows.iter().zip(&paths).enumerate() {
            let colour = palette::ramp(number as f64 / rows.len().saturating_sub(1).max(1) as f64);
            let line: Vec<(f64, f64)> = path.iter().enumerate().map(|(step, x)| (axis.x(*x), frame.ends.1 - ROW * step as f64)).collect();
            canvas.path(&line, colour, 1.5)?;
            let end = axis.x(path.last().copied().unwrap_or(0.0));
            // Ids stand at even distances, so that none covers another.
            let pitch = (frame.sides.1 - frame.sides.0) / rows.len().max(1) as f64;
            let x = frame.sides.0 + pitch * (number as f64 + 0.5);
            canvas.path(&[(end, frame.ends.0), (end, frame.ends.0 - 6.0), (x, frame.ends.0 - 52.0)], palette::GRID, 1.0)?;
            canvas.dot((end, frame.ends.0), 3.0, colour)?;
            canvas.fitted((x, frame.ends.0 - 60.0), Face { anchor: HPos::Center, ..NOTE }, pitch - 6.0, &row.id)?;
        }
        Ok(())
    };
    let svg = svg(frame.size(), (&stem, &title, &alt), picture).map_err(chart_error("decision"))?;
    Ok(Figure { stem, title, alt, svg })
}
