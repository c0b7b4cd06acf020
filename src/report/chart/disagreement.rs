//! Partial dependence beside accumulated local effects, of features where they disagree, with the correlation that explains it.

use std::collections::HashMap;

use arrow_array::Array;

use super::effects::{curves, heading, outputs};
use super::panels::{Curve, Panels, Point};
use super::{Figure, Options};
use crate::report::ReportError;
use crate::table::{Table, cell_text};

/// Outputs that are drawn of a model with more.
const OUTPUTS: usize = 4;
/// Share of the wider curve's range by which the curves differ where they disagree.
const DIFFERENCE: f64 = 0.2;

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [pdp, ale, summary] = tables else { return Ok(Vec::new()) };
    let (numbers, outputs) = (numbers(summary), outputs(pdp));
    let mut figures = Vec::new();
    for (place, output) in outputs.iter().take(OUTPUTS).enumerate() {
        let effects = curves(ale, output, "right", "effect");
        let pairs = curves(pdp, output, "value", "mean").into_iter().filter_map(|pdp| {
            let ale = effects.iter().find(|ale| ale.name == pdp.name)?;
            together(&pdp, ale, &numbers)
        });
        let pairs: Vec<Curve> = pairs.take(options.top_features).collect();
        if pairs.is_empty() {
            continue;
        }
        let several = outputs.len() > 1;
        let title = format!("Where two effects disagree{}", if several { format!(", output {output}") } else { String::new() });
        let subtitle = "blue: accumulated local effects, among rows that have such values; orange: partial dependence less its mean, also at \
                        combinations that no row has; they part where features are correlated: r is the rank correlation with the nearest other \
                        numeric feature";
        let alt = format!("Both effects of {}.", pairs.iter().map(|curve| curve.name.as_str()).collect::<Vec<_>>().join(", "));
        let panels = Panels::new(title.clone(), subtitle, pairs, format!("change of the prediction ({})", options.effect_space));
        let stem = if several { format!("disagreement-{place}") } else { "disagreement".to_owned() };
        figures.push(heading("disagreement", stem, title, alt, &panels)?);
    }
    Ok(figures)
}

/// Both curves of a number, where they differ.
fn together(pdp: &Curve, ale: &Curve, numbers: &HashMap<&str, HashMap<String, f64>>) -> Option<Curve> {
    let line = |curve: &Curve| curve.points.iter().filter_map(|point| Some((point.x?, point.y, point.rows))).collect::<Vec<_>>();
    let (dependence, effect) = (line(pdp), line(ale));
    let rows: f64 = effect.iter().map(|point| point.2).sum();
    if dependence.len() < 2 || effect.len() < 2 || rows <= 0.0 {
        return None;
    }
    // Both relative to their mean over the rows, which lie between the effect's points.
    let at_effect: Vec<f64> = effect.iter().map(|point| interpolated(&dependence, point.0)).collect();
    let middle =
        |heights: &dyn Fn(usize) -> f64| (1..effect.len()).map(|k| effect[k].2 * (heights(k - 1) + heights(k)) / 2.0).sum::<f64>() / rows;
    let mean = middle(&|k| at_effect[k]);
    let apart = (0..effect.len()).map(|k| (at_effect[k] - mean - effect[k].1).abs()).fold(0.0, f64::max);
    if apart <= DIFFERENCE * pdp.range().max(ale.range()) {
        return None;
    }
    let reason = nearest(&ale.name, numbers).map_or(String::new(), |(other, r)| format!("   (r {r:.2} with {other})"));
    let points: Vec<Point> = ale.points.iter().filter(|point| point.x.is_some()).cloned().collect();
    let other = dependence.iter().map(|point| (point.0, point.1 - mean)).collect();
    Some(Curve { name: format!("{}{reason}", ale.name), points, other, ..Curve::default() })
}

/// The height of straight lines between points.
fn interpolated(line: &[(f64, f64, f64)], x: f64) -> f64 {
    let place = line.partition_point(|point| point.0 < x).clamp(1, line.len() - 1);
    let (a, b) = (line[place - 1], line[place]);
    if b.0 > a.0 { a.1 + (b.1 - a.1) * ((x - a.0) / (b.0 - a.0)).clamp(0.0, 1.0) } else { b.1 }
}

/// Each numeric feature's values by row.
fn numbers(summary: &Table) -> HashMap<&str, HashMap<String, f64>> {
    let (features, values) = (summary.texts("feature"), summary.numbers("value_number"));
    let mut numbers: HashMap<&str, HashMap<String, f64>> = HashMap::new();
    let Some(ids) = summary.rows.column_by_name("row_id") else { return numbers };
    for row in (0..summary.len()).filter(|row| values.is_valid(*row)) {
        numbers.entry(features.value(row)).or_default().insert(cell_text(ids, row), values.value(row));
    }
    numbers
}

/// The other feature with the largest rank correlation (Spearman), and that.
fn nearest<'a>(name: &str, numbers: &HashMap<&'a str, HashMap<String, f64>>) -> Option<(&'a str, f64)> {
    let own = numbers.get(name)?;
    let correlation = |other: &HashMap<String, f64>| {
        let mut pairs: Vec<(f64, f64)> = own.iter().filter_map(|(row, value)| Some((*value, *other.get(row)?))).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let ranks = [ranks(pairs.iter().map(|pair| pair.0)), ranks(pairs.iter().map(|pair| pair.1))];
        let middle = (pairs.len() as f64 - 1.0) / 2.0;
        let sum = |a: usize, b: usize| ranks[a].iter().zip(&ranks[b]).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
        let spread = (sum(0, 0) * sum(1, 1)).sqrt();
        if spread > 0.0 { sum(0, 1) / spread } else { 0.0 }
    };
    let mut all: Vec<(&str, f64)> =
        numbers.iter().filter(|(other, _)| **other != name).map(|(other, values)| (*other, correlation(values))).collect();
    all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(b.0)));
    all.first().copied()
}

/// Mean ranks, from zero.
fn ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let rank = |value: &f64| {
        let below = sorted.partition_point(|other| other.total_cmp(value).is_lt());
        let equal = sorted.partition_point(|other| other.total_cmp(value).is_le());
        (below + equal - 1) as f64 / 2.0
    };
    values.iter().map(rank).collect()
}
