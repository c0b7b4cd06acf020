//! Partial dependence beside accumulated local effects, of features where they disagree, with the correlation that explains it.

use std::collections::HashMap;
use std::ops::Range;

use super::chosen::{Block, blocks};
use super::effects::{curves, heading};
use super::output::outputs;
use super::panels::{Curve, Panels, Point};
use super::{Figure, Options};
use crate::numeric::rank::spearman;
use crate::report::ReportError;
use crate::report::number::signed;
use crate::table::Table;

/// Share of the wider curve's range by which the dependence leaves the effect's band where they disagree.
const DIFFERENCE: f64 = 0.2;

pub(super) fn draw(tables: &[&Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let [pdp, ale, summary] = tables else { return Ok(Vec::new()) };
    let numbers = numbers(summary);
    let mut figures = Vec::new();
    for output in outputs(pdp) {
        let effects = curves(ale, output.name, "right", "effect");
        let pairs = curves(pdp, output.name, "value", "mean").into_iter().filter_map(|pdp| {
            let ale = effects.iter().find(|ale| ale.name == pdp.name)?;
            together(&pdp, ale, &numbers)
        });
        let pairs: Vec<Curve> = pairs.take(options.top_features).collect();
        if pairs.is_empty() {
            continue;
        }
        let title = output.title("Where two effects disagree");
        let subtitle = "blue: accumulated local effects, among rows that have such values; orange: partial dependence less its mean, also at \
                        combinations that no row has; they part where features are correlated: r is the rank correlation with the nearest other \
                        numeric feature";
        let alt = format!("Both effects of {}.", pairs.iter().map(|curve| curve.name.as_str()).collect::<Vec<_>>().join(", "));
        let panels = Panels::new(title.clone(), subtitle, pairs, format!("change of the prediction ({})", options.effect_space));
        figures.push(heading("disagreement", output.stem("disagreement"), title, alt, &panels)?);
    }
    Ok(figures)
}

/// Both curves of a number, where they differ.
fn together(pdp: &Curve, ale: &Curve, numbers: &Numbers<'_>) -> Option<Curve> {
    let line = |curve: &Curve| numbers_of(curve).filter_map(|point| Some((point.x?, point.y, point.rows))).collect::<Vec<_>>();
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
    // What the band holds may be chance.
    let beyond = |(k, point): (usize, &Point)| {
        let (low, high) = point.band.unwrap_or((point.y, point.y));
        (at_effect[k] - mean - high).max(low - at_effect[k] + mean)
    };
    let apart = numbers_of(ale).enumerate().map(beyond).fold(0.0, f64::max);
    if apart <= DIFFERENCE * pdp.range().max(ale.range()) {
        return None;
    }
    let reason =
        nearest(&ale.name, numbers).map_or(String::new(), |(other, r)| format!("   (r {} with {other})", signed(format!("{r:.2}"))));
    let points: Vec<Point> = numbers_of(ale).cloned().collect();
    let other = dependence.iter().map(|point| (point.0, point.1 - mean)).collect();
    Some(Curve { name: format!("{}{reason}", ale.name), points, other, ..Curve::default() })
}

/// The points of a curve that are numbers.
fn numbers_of(curve: &Curve) -> impl Iterator<Item = &Point> {
    curve.points.iter().filter(|point| point.x.is_some())
}

/// The height of straight lines between points.
fn interpolated(line: &[(f64, f64, f64)], x: f64) -> f64 {
    let place = line.partition_point(|point| point.0 < x).clamp(1, line.len() - 1);
    let (a, b) = (line[place - 1], line[place]);
    if b.0 > a.0 { a.1 + (b.1 - a.1) * ((x - a.0) / (b.0 - a.0)).clamp(0.0, 1.0) } else { b.1 }
}

/// Each numeric feature's values, row by row.
type Numbers<'a> = HashMap<&'a str, Vec<Option<f64>>>;

/// The numbers of the method that the summary has most rows of.
fn numbers(summary: &Table) -> Numbers<'_> {
    let values = |lines: &Range<usize>| lines.clone().map(|line| summary.number("value_number", line)).collect::<Vec<_>>();
    let longest = blocks(summary).into_iter().max_by_key(Block::rows);
    let all = longest.into_iter().flat_map(|block| block.features).map(|(feature, lines)| (feature, values(&lines)));
    all.filter(|(_, values)| values.iter().any(Option::is_some)).collect()
}

/// The other feature with the largest rank correlation (Spearman), and that.
fn nearest<'a>(name: &str, numbers: &Numbers<'a>) -> Option<(&'a str, f64)> {
    let own = numbers.get(name)?;
    let correlation = |other: &Vec<Option<f64>>| {
        let (own, other): (Vec<f64>, Vec<f64>) = own.iter().zip(other).filter_map(|(own, other)| own.zip(*other)).unzip();
        spearman(&own, &other).unwrap_or(0.0)
    };
    let mut all: Vec<(&str, f64)> =
        numbers.iter().filter(|(other, _)| **other != name).map(|(other, values)| (*other, correlation(values))).collect();
    all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(b.0)));
    all.first().copied()
}

#[cfg(test)]
mod tests {
    use super::super::chosen::tests::repeated_ids;
    use super::*;

    #[test]
    fn rows_with_the_same_id_are_correlated_one_by_one() {
        let summary = repeated_ids();
        let numbers = numbers(&summary);
        assert_eq!((&numbers["x"][..], &numbers["y"][..]), (&[Some(1.0), None, Some(3.0)][..], &[Some(10.0), Some(20.0), Some(30.0)][..]));
        assert_eq!(nearest("x", &numbers), Some(("y", 1.0)));
    }

    fn curve(heights: [f64; 3], half: Option<f64>) -> Curve {
        let point = |(x, y): (u32, f64)| Point {
            x: Some(f64::from(x)),
            label: String::new(),
            y,
            band: half.map(|half| (y - half, y + half)),
            rows: if x == 0 { 0.0 } else { 1.0 },
        };
        Curve { name: "age".into(), points: (0..).zip(heights).map(point).collect(), ..Curve::default() }
    }

    #[test]
    fn curves_that_differ_within_the_band_do_not_disagree() {
        let dependence = curve([0.0, 1.0, 2.0], None);
        let beside = |half| together(&dependence, &curve([-0.5, 0.5, 0.0], half), &HashMap::new()).is_some();
        assert!(beside(None) && beside(Some(0.1)) && !beside(Some(1.5)));
        assert!(together(&dependence, &curve([-1.0, 0.0, 1.0], None), &HashMap::new()).is_none());
    }
}
