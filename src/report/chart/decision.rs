//! Decision plots of chosen rows: how their attributions add up, feature by feature, from the base value.

use std::collections::HashMap;

use plotters::style::text_anchor::HPos;

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, Face, svg};
use super::frame::{Frame, NOTE};
use super::ranking::{Ranking, rankings};
use super::{Figure, Options, chart_error, palette};
use crate::report::ReportError;
use crate::table::{Table, cell_text};

const ROW: f64 = 22.0;
/// Rows with the lowest, middle and highest sums of attributions, of each.
const CHOSEN: usize = 3;
/// Features that have a line of their own.
const FEATURES: usize = 15;

/// A row's attributions by feature.
struct Chosen<'a> {
    id: String,
    attributions: HashMap<&'a str, f64>,
    total: f64,
}

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [importance, summary] = tables else { return Ok(Vec::new()) };
    rankings(importance).iter().map(|ranking| figure(ranking, &chosen(summary, ranking), options)).collect()
}

/// The chosen rows of the ranking's method and output, the lowest first.
fn chosen<'a>(summary: &'a Table, ranking: &Ranking) -> Vec<Chosen<'a>> {
    let [methods, outputs, features] = ["method", "output", "feature"].map(|column| summary.texts(column));
    let Some(ids) = summary.rows.column_by_name("row_id") else { return Vec::new() };
    let (mut rows, mut place, mut last): (Vec<Chosen>, usize, Option<&str>) = (Vec::new(), 0, None);
    let wanted = |row: &usize| methods.value(*row) == ranking.method && ranking.output.is_none_or(|(name, _)| outputs.value(*row) == name);
    for row in (0..summary.len()).filter(wanted) {
        let feature = features.value(row);
        place = if last == Some(feature) { place + 1 } else { 0 };
        last = Some(feature);
        if place == rows.len() {
            rows.push(Chosen { id: cell_text(ids, row), attributions: HashMap::new(), total: 0.0 });
        }
        let attribution = summary.numbers("attribution").value(row);
        rows[place].attributions.insert(feature, attribution);
        rows[place].total += attribution;
    }
    rows.sort_by(|a, b| a.total.total_cmp(&b.total));
    let (count, middle) = (rows.len(), (rows.len() / 2).saturating_sub(CHOSEN / 2));
    let keep = |place: usize| place < CHOSEN || place + CHOSEN >= count || (middle..middle + CHOSEN).contains(&place);
    rows.into_iter().enumerate().filter(|(place, _)| keep(*place)).map(|(_, row)| row).collect()
}

fn figure(ranking: &Ranking, rows: &[Chosen], options: &Options) -> Result<Figure, ReportError> {
    let own: Vec<&str> = ranking.features.iter().take(FEATURES.min(options.top_features)).map(|ranked| ranked.feature).collect();
    let others = ranking.features.len() - own.len();
    let rest = format!("{others} other features");
    let names: Vec<&str> = own.iter().copied().chain((others > 0).then_some(rest.as_str())).collect();
    let title = format!("How predictions add up{}", ranking.of_output());
    let subtitle = format!(
        "{}; lines: rows with the lowest, middle and highest sums of attributions, by their ids above; from the base value at the bottom, each \
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
    let stem = ranking.stem("decision");
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let alt = format!("Lines of attributions adding up, for rows {}.", ids.join(", "));
    let picture = |canvas: &Canvas| -> Drawn {
        axis.draw(canvas, frame.ends, &format!("sum of attributions above the base value ({})", options.space))?;
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
