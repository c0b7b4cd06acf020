//! Accumulated local effects against a literal reading of Apley & Zhu (2020), closed forms and resampling.

use std::num::NonZeroUsize;
use std::sync::Arc;

use pipeline::dataset::{FeatureBlock, RowBatch};
use pipeline::derive::ale::{Ale, Settings};
use pipeline::model::{Forest, Link, Output};
use pipeline::subject::Subject;
use pipeline::table::Table;
use rand::{Rng, RngExt};

use crate::effects::{context, derive, of_forest, of_function, rows};
use crate::forests::{self, Shape, source};

fn ale(subject: &Subject, rows: &RowBatch, settings: &Settings, chunk: usize) -> Vec<Table> {
    derive(&Ale::new(settings, &context(subject.clone())), subject, rows, chunk)
}

fn settings(bins: usize) -> Settings {
    let bins = NonZeroUsize::new(bins).unwrap();
    Settings { bins, pair_bins: bins, ..Settings::default() }
}

/// Points of one feature and output, with effect and limits.
fn curve(table: &Table, output: &str, feature: &str) -> Vec<[f64; 4]> {
    let (outputs, features) = (table.texts("output"), table.texts("feature"));
    let chosen = (0..table.len()).filter(|row| outputs.value(*row) == output && features.value(*row) == feature);
    let column = |name: &str, row| table.numbers(name).value(row);
    chosen.map(|row| ["right", "effect", "ci_low", "ci_high"].map(|name| column(name, row))).collect()
}

/// The value at every row of the block with one column replaced.
fn moved(subject: &Subject, block: &FeatureBlock, moves: &[(usize, &[f64])]) -> Vec<f64> {
    let column = |feature: usize| moves.iter().find(|(moved, _)| *moved == feature).map_or(block.column(feature), |(_, values)| values);
    let values = (0..block.features()).flat_map(|feature| column(feature).to_vec()).collect();
    subject.predictor.predict(&FeatureBlock::new(block.rows(), values)).unwrap()
}

/// Type-1 quantiles, each once.
fn edges(values: &[f64], bins: usize) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|x| x.is_finite()).map(|x| if x == 0.0 { 0.0 } else { x }).collect();
    sorted.sort_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= bins + 1 {
        return distinct;
    }
    let mut edges = vec![sorted[0]];
    edges.extend((1..=bins).map(|k| sorted[(k as f64 / bins as f64 * sorted.len() as f64 - 1e-9).ceil() as usize - 1]));
    edges.dedup();
    edges
}

/// One literal curve: predictions of copies of all rows, differences averaged bin by bin, accumulated, centred.
fn literal(subject: &Subject, rows: &RowBatch, column: usize, bins: usize, output: usize) -> (Vec<f64>, Vec<f64>) {
    let (block, n) = (&rows.features, rows.rows());
    let values = block.column(column);
    let edges = edges(values, bins);
    let mut effect = vec![0.0; edges.len().min(1)];
    let mut centre = (0.0, 0.0);
    for k in 1..edges.len() {
        let inside: Vec<usize> = (0..n)
            .filter(|row| {
                let x = values[*row];
                !x.is_nan() && (x > edges[k - 1] || k == 1) && (x <= edges[k] || k == edges.len() - 1)
            })
            .collect();
        let low = moved(subject, block, &[(column, &vec![edges[k - 1]; n])]);
        let high = moved(subject, block, &[(column, &vec![edges[k]; n])]);
        let weight: f64 = inside.iter().map(|row| rows.weight_of(*row)).sum();
        let change: f64 = inside.iter().map(|row| rows.weight_of(*row) * (high[output * n + row] - low[output * n + row])).sum();
        effect.push(effect[k - 1] + if weight > 0.0 { change / weight } else { 0.0 });
        centre = (centre.0 + weight * (effect[k - 1] + effect[k]) / 2.0, centre.1 + weight);
    }
    let shift = if edges.len() > 1 { centre.0 / centre.1 } else { 0.0 };
    (edges, effect.into_iter().map(|effect| effect - shift).collect())
}

#[test]
fn curves_of_random_forests_are_the_literal_ones() {
    let mut worst: f64 = 0.0;
    for case in 0..60 {
        let mut rng = source(case);
        let outputs = if case % 5 == 0 { 3 } else { 1 };
        let shape = Shape { features: 5, trees: 6, depth: 5, outputs, grow: 0.9, zero_covers: false };
        let mut forest = Forest::clone(&forests::forest(&mut rng, shape));
        let space = if case % 2 == 0 { Output::Margin } else { Output::Probability };
        forest.link = if outputs == 3 { Link::Softmax } else { Link::Logistic };
        let block = forests::rows(&mut rng, &forest, 1 + case as usize);
        let weight = (case % 3 == 0).then(|| (0..block.rows()).map(|_| rng.random_range(0.1..2.0)).collect());
        let (rows, forest) = (rows(block, weight), Arc::new(forest));
        let subject = of_forest(&forest, space, &rows);
        let mut slow = subject.clone();
        slow.forest = None;
        let bins = 1 + case as usize % 7;
        let tables = ale(&subject, &rows, &settings(bins), 16);
        for (output, name) in subject.outputs.iter().enumerate() {
            for column in [0, 1, 3, 4] {
                let (points, expected) = literal(&subject, &rows, column, bins, output);
                let found = curve(&tables[0], name, &format!("x{column}"));
                assert_eq!(found.iter().map(|point| point[0]).collect::<Vec<_>>(), points);
                found.iter().zip(expected).for_each(|(point, expected)| worst = worst.max((point[1] - expected).abs()));
            }
        }
        // By predictions alone, without a look into the trees, categories included.
        let other = ale(&slow, &rows, &settings(bins), 1000);
        let pairs = tables[0].numbers("effect").values().iter().zip(other[0].numbers("effect").values());
        pairs.for_each(|(a, b)| worst = worst.max((a - b).abs()));
    }
    // Margins are sums of up to six leaves of about 1.
    assert!(worst < 2e-14, "{worst:e}");
}

/// Rows of two standard normal features with a correlation.
fn gaussian(rows: usize, correlation: f64) -> Vec<Vec<f64>> {
    let mut rng = source(rows as u64);
    let mut normal = || {
        let (u, v): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    };
    let pair = |_| {
        let (a, b) = (normal(), normal());
        vec![a, correlation * a + (1.0 - correlation * correlation).sqrt() * b]
    };
    (0..rows).map(pair).collect()
}

#[test]
fn a_linear_function_has_its_slopes_whatever_the_correlation() {
    let rows = rows(FeatureBlock::from_rows(&gaussian(500, 0.9)), None);
    let subject = of_function(|x| 3.0 * x[0] - 2.0 * x[1] + 5.0, &rows);
    let table = ale(&subject, &rows, &settings(20), 64).remove(0);
    for (feature, slope) in [("x0", 3.0), ("x1", -2.0)] {
        let points = curve(&table, "f", feature);
        assert_eq!(points.len(), 21);
        points.windows(2).for_each(|pair| assert!(((pair[1][1] - pair[0][1]) - slope * (pair[1][0] - pair[0][0])).abs() < 1e-12));
    }
}

#[test]
fn a_product_of_correlated_gaussians_has_half_of_a_parabola() {
    // E[∂(x0·x1)/∂x0 | x0] = ρ·x0, so the effect is ρ·x0²/2 − ρ/2, where partial dependence is x0·E[x1] = 0.
    let rows = rows(FeatureBlock::from_rows(&gaussian(20_000, 0.8)), None);
    let subject = of_function(|x| x[0] * x[1], &rows);
    let mut chosen = settings(100);
    chosen.pairs = vec![["x0".into(), "x1".into()]];
    let tables = ale(&subject, &rows, &chosen, 4096);
    for [x, effect, low, high] in curve(&tables[0], "f", "x0").into_iter().filter(|point| point[0].abs() < 2.0) {
        let expected = 0.4 * (x * x - 1.0);
        // The standard errors cover sampling; bins of a hundredth of the rows add at most 0.01.
        assert!((effect - expected).abs() < 2.5 * (high - low) / 2.0 + 0.01, "{x}: {effect} is not {expected}");
    }
    // Together: x0·x1 − ρ·(x0² + x1²)/2, whose mean is zero.
    let (a, b, effect) = (tables[1].numbers("value_a"), tables[1].numbers("value_b"), tables[1].numbers("effect"));
    let near = (0..tables[1].len()).filter(|row| a.value(*row).abs() < 1.5 && b.value(*row).abs() < 1.5);
    for (a, b, effect) in near.map(|row| (a.value(row), b.value(row), effect.value(row))) {
        let expected = a * b - 0.4 * (a * a + b * b);
        assert!((effect - expected).abs() < 0.1, "{a} {b}: {effect} is not {expected}");
    }
}

#[test]
fn features_without_interaction_have_no_effect_together() {
    let rows = rows(FeatureBlock::from_rows(&gaussian(300, 0.5)), Some((0..300).map(|row| 0.5 + f64::from(row % 3)).collect()));
    let subject = of_function(|x| x[0].powi(3) + (3.0 * x[1]).sin(), &rows);
    let table = ale(&subject, &rows, &Settings { pairs: vec![["x1".into(), "x0".into()]], ..settings(12) }, 50).remove(1);
    assert_eq!(table.len(), 13 * 13);
    assert!(table.numbers("effect").values().iter().all(|effect| effect.abs() < 1e-12));
}

/// The literal effect of two numbers together, after ALEPlot's description: second differences, empty bins from the nearest, accumulated,
/// main effects subtracted, centred.
#[expect(clippy::needless_range_loop, reason = "indices are those of the paper")]
fn literal_pair(subject: &Subject, rows: &RowBatch, columns: [usize; 2], bins: usize) -> Vec<Vec<f64>> {
    let (block, n) = (&rows.features, rows.rows());
    let z = columns.map(|column| edges(block.column(column), bins));
    let k = [z[0].len() - 1, z[1].len() - 1];
    let bin = |side: usize, row: usize| {
        let x = block.column(columns[side])[row];
        (!x.is_nan()).then(|| (1..k[side]).find(|b| x <= z[side][*b]).unwrap_or(k[side]))
    };
    let mut weight = vec![vec![0.0; k[1] + 1]; k[0] + 1];
    let mut sum = weight.clone();
    let at = |a: f64, b: f64| moved(subject, block, &[(columns[0], &vec![a; n]), (columns[1], &vec![b; n])]);
    let corners: Vec<Vec<Vec<f64>>> = z[0].iter().map(|a| z[1].iter().map(|b| at(*a, *b)).collect()).collect();
    for row in 0..n {
        let (Some(a), Some(b)) = (bin(0, row), bin(1, row)) else { continue };
        weight[a][b] += rows.weight_of(row);
        let second = corners[a][b][row] - corners[a - 1][b][row] - corners[a][b - 1][row] + corners[a - 1][b - 1][row];
        sum[a][b] += rows.weight_of(row) * second;
    }
    let mut f = vec![vec![0.0; k[1] + 1]; k[0] + 1];
    for a in 1..=k[0] {
        for b in 1..=k[1] {
            let (mut best, mut mean) = (f64::INFINITY, 0.0);
            for i in 1..=k[0] {
                for j in 1..=k[1] {
                    let distance = ((a.abs_diff(i)) as f64 / k[0] as f64).powi(2) + ((b.abs_diff(j)) as f64 / k[1] as f64).powi(2);
                    if weight[i][j] > 0.0 && distance < best {
                        (best, mean) = (distance, sum[i][j] / weight[i][j]);
                    }
                }
            }
            f[a][b] = mean + f[a - 1][b] + f[a][b - 1] - f[a - 1][b - 1];
        }
    }
    let mut main = [vec![0.0; k[0] + 1], vec![0.0; k[1] + 1]];
    for a in 1..=k[0] {
        let total: f64 = weight[a].iter().sum();
        let change: f64 = (1..=k[1]).map(|b| weight[a][b] * (f[a][b - 1] - f[a - 1][b - 1] + f[a][b] - f[a - 1][b]) / 2.0).sum();
        main[0][a] = main[0][a - 1] + if total > 0.0 { change / total } else { 0.0 };
    }
    for b in 1..=k[1] {
        let total: f64 = (1..=k[0]).map(|a| weight[a][b]).sum();
        let change: f64 = (1..=k[0]).map(|a| weight[a][b] * (f[a - 1][b] - f[a - 1][b - 1] + f[a][b] - f[a][b - 1]) / 2.0).sum();
        main[1][b] = main[1][b - 1] + if total > 0.0 { change / total } else { 0.0 };
    }
    let mut centre = (0.0, 0.0);
    let value = |a: usize, b: usize| f[a][b] - main[0][a] - main[1][b];
    for a in 1..=k[0] {
        for b in 1..=k[1] {
            let middle = (value(a, b) + value(a - 1, b) + value(a, b - 1) + value(a - 1, b - 1)) / 4.0;
            centre = (centre.0 + weight[a][b] * middle, centre.1 + weight[a][b]);
        }
    }
    (0..=k[0]).map(|a| (0..=k[1]).map(|b| value(a, b) - centre.0 / centre.1).collect()).collect()
}

#[test]
fn pairs_of_random_forests_are_the_literal_ones() {
    let mut worst: f64 = 0.0;
    for case in 0..40 {
        let mut rng = source(1000 + case);
        let shape = Shape { features: 4, trees: 8, depth: 5, outputs: 1, grow: 0.95, zero_covers: false };
        let mut forest = Forest::clone(&forests::forest(&mut rng, shape));
        forest.link = Link::Logistic;
        let block = forests::rows(&mut rng, &forest, 20 + case as usize);
        let weight = (case % 3 == 0).then(|| (0..block.rows()).map(|_| rng.random_range(0.1..2.0)).collect());
        let rows = rows(block, weight);
        let space = if case % 2 == 0 { Output::Margin } else { Output::Probability };
        let subject = of_forest(&Arc::new(forest), space, &rows);
        let mut slow = subject.clone();
        slow.forest = None;
        let pairs = vec![["x0".into(), "x3".into()], ["x2".into(), "x1".into()]];
        let chosen = Settings { pairs, ..settings(2 + case as usize % 5) };
        let table = ale(&subject, &rows, &chosen, 7).remove(1);
        let expected: Vec<f64> = literal_pair(&subject, &rows, [0, 3], chosen.bins.get()).concat();
        let found = table.numbers("effect").values();
        found.iter().zip(&expected).for_each(|(found, expected)| worst = worst.max((found - expected).abs()));
        let other = ale(&slow, &rows, &chosen, 1000).remove(1);
        assert_eq!(found.len(), other.len());
        found.iter().zip(other.numbers("effect").values()).for_each(|(a, b)| worst = worst.max((a - b).abs()));
    }
    // Sums of up to 49 second differences of about 1.
    assert!(worst < 1e-13, "{worst:e}");
}

#[test]
fn bands_are_those_of_the_bootstrap_over_rows() {
    let mut rng = source(5);
    let values: Vec<Vec<f64>> =
        (0..400).map(|_| vec![rng.random::<f64>(), rng.random_range(-1.0..1.0), f64::from(rng.random_range(0..4_u8))]).collect();
    let function = |x: &[f64]| x[0] * x[0] * (1.0 + x[1]) + x[1] * x[2] * (1.0 + x[0]);
    let weight: Vec<f64> = (0..400).map(|row| 0.5 + f64::from(row % 2)).collect();
    let sample = rows(FeatureBlock::from_rows(&values), Some(weight.clone()));
    let mut subject = of_function(function, &sample);
    subject.features[2].members[0].values = pipeline::subject::Values::Category(Vec::new());
    let chosen = Settings { intervals: Some(0.9), ..settings(5) };
    let own = ale(&subject, &sample, &chosen, 400).remove(0);
    // The points stay those of the sample; the rows are drawn again.
    let mut replicates: Vec<Vec<f64>> = Vec::new();
    for _ in 0..2000 {
        let drawn: Vec<usize> = (0..400).map(|_| rng.next_u32() as usize % 400).collect();
        let block = FeatureBlock::from_rows(&drawn.iter().map(|row| values[*row].clone()).collect::<Vec<_>>());
        let again = rows(block, Some(drawn.iter().map(|row| weight[*row]).collect()));
        replicates.push(ale(&subject, &again, &chosen, 400)[0].numbers("effect").values().to_vec());
    }
    let columns = (own.numbers("effect"), own.numbers("ci_low"), own.numbers("ci_high"));
    for point in 0..own.len() {
        let effects = || replicates.iter().map(|replicate| replicate[point]);
        let mean = effects().sum::<f64>() / 2000.0;
        let deviation = (effects().map(|effect| (effect - mean).powi(2)).sum::<f64>() / 2000.0).sqrt();
        let half = (columns.2.value(point) - columns.1.value(point)) / 2.0;
        assert!((columns.0.value(point) - columns.1.value(point) - half).abs() < 1e-12);
        // 2000 replicates tell a deviation to 1.6 %; terms of higher order are some percent in bins of eighty rows.
        assert!((half / 1.644_853_627 / deviation - 1.0).abs() < 0.08, "point {point}: {half} {deviation}");
    }
}

#[test]
fn constants_missing_columns_and_single_rows_have_curves_without_surprise() {
    let nan = f64::NAN;
    let values = vec![vec![7.0, nan, 1.0, 0.0], vec![7.0, nan, 2.0, 0.0], vec![7.0, nan, nan, 9.0]];
    let sample = rows(FeatureBlock::from_rows(&values), None);
    let mut subject = of_function(|x| x[0] + if x[2].is_nan() { 0.0 } else { x[2] }, &sample);
    subject.features[3].members[0].values = pipeline::subject::Values::Category(vec!["no".into()]);
    let table = ale(&subject, &sample, &settings(4), 2).remove(0);
    let features: Vec<&str> = table.texts("feature").iter().flatten().collect();
    assert_eq!(features, ["x0", "x2", "x2", "x3", "x3"]);
    assert_eq!(table.numbers("effect").values(), &[0.0, -0.5, 0.5, 0.0, 0.0]);
    assert_eq!(table.integers("rows").values(), &[0, 0, 2, 2, 1]);
    assert_eq!(table.texts("label").iter().flatten().collect::<Vec<_>>(), ["7", "1", "2", "no", "9"]);
    // No weight anywhere: nothing to average.
    let unweighted = RowBatch { weight: Some(vec![0.0; 3]), ..sample.clone() };
    assert_eq!(ale(&subject, &unweighted, &settings(4), 2)[0].len(), 1);
}

#[test]
fn categories_are_ordered_by_likeness_or_as_configured() {
    // Categories 0, 2, 1, 3 lie along x0 in this order; x1 says nothing.
    let place = |code: u32| [0.0, 2.0, 1.0, 3.0][code as usize];
    let values: Vec<Vec<f64>> =
        (0..400_u32).map(|row| vec![place(row % 4) + f64::from(row % 7) / 3.5, f64::from(row % 5), f64::from(row % 4)]).collect();
    let sample = rows(FeatureBlock::from_rows(&values), None);
    let mut subject = of_function(|x| x[2] * x[2], &sample);
    let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
    subject.features[2].members[0].values = pipeline::subject::Values::Category(names);
    let labels = |chosen: &Settings| {
        let table = ale(&subject, &sample, chosen, 100).remove(0);
        let of = (0..table.len()).filter(|row| table.texts("feature").value(*row) == "x2");
        of.map(|row| (table.texts("label").value(row).to_owned(), table.numbers("effect").value(row))).collect::<Vec<_>>()
    };
    // Squares of codes 0, 2, 1, 3, less their mean 3.5.
    let similar: Vec<(String, f64)> =
        [("a", -3.5), ("c", 0.5), ("b", -2.5), ("d", 5.5)].map(|(name, effect)| (name.to_owned(), effect)).to_vec();
    assert_eq!(labels(&settings(10)), similar);
    let order = [("x2".to_owned(), ["d", "b"].map(str::to_owned).to_vec())].into();
    let configured = labels(&Settings { order, ..settings(10) });
    assert_eq!(configured.iter().map(|point| point.0.as_str()).collect::<Vec<_>>(), ["d", "b", "a", "c"]);
}
