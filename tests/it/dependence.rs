//! Partial dependence and individual conditional expectations against literal averages over the background, and closed forms.

use std::num::NonZeroUsize;
use std::sync::Arc;

use pipeline::dataset::{FeatureBlock, RowBatch};
use pipeline::derive::{self, Choice, GridChoice, ice, pdp};
use pipeline::model::{Forest, Link, Output};
use pipeline::settings::Step;
use pipeline::subject::{BackgroundPass, Subject};
use pipeline::table::Table;
use rand::RngExt;

use crate::effects::{context, derive as run, of_forest, of_function, rows};
use crate::forests::{self, Shape, source};

/// The subject with the background that its derivations need.
pub fn with_background(subject: Subject, background: &RowBatch) -> Subject {
    with_grid(subject, background, GridChoice::default())
}

/// The same, for points of a certain choice.
fn with_grid(mut subject: Subject, background: &RowBatch, grid: GridChoice) -> Subject {
    let settings = derive::Settings { pdp: Step::On(pdp::Settings { grid, ..pdp::Settings::default() }), ..derive::Settings::default() };
    let needs = derive::needs(&settings, None, subject.forest.as_deref(), subject.space);
    let mut pass = BackgroundPass::new(needs, subject.forest.as_ref(), usize::MAX).unwrap();
    pass.absorb(background).unwrap();
    subject.background = pass.finish().unwrap();
    subject
}

fn pdp(subject: &Subject, settings: &pdp::Settings) -> Vec<Table> {
    let nothing = rows(FeatureBlock::default(), None);
    run(&pdp::Pdp::new(settings, &context(subject.clone())), subject, &nothing, 1)
}

fn ice(subject: &Subject, settings: &ice::Settings) -> Table {
    let nothing = rows(FeatureBlock::default(), None);
    run(&ice::Ice::new(settings, &context(subject.clone())), subject, &nothing, 1).remove(0)
}

/// Predictions of all rows with some columns moved, `output · rows + row`.
fn moved(subject: &Subject, block: &FeatureBlock, moves: &[(usize, f64)]) -> Vec<f64> {
    let column = |feature: usize| match moves.iter().find(|(moved, _)| *moved == feature) {
        Some((_, value)) => vec![*value; block.rows()],
        None => block.column(feature).to_vec(),
    };
    subject.predictor.predict(&FeatureBlock::new(block.rows(), (0..block.features()).flat_map(column).collect())).unwrap()
}

fn mean(predictions: &[f64], rows: &RowBatch, output: usize) -> f64 {
    let total: f64 = (0..rows.rows()).map(|row| rows.weight_of(row)).sum();
    (0..rows.rows()).map(|row| rows.weight_of(row) * predictions[output * rows.rows() + row]).sum::<f64>() / total
}

/// What a table's line says of a feature's value: the number, the category's code as text, or missing.
fn value(table: &Table, number: &str, label: &str, line: usize) -> f64 {
    use arrow_array::Array;
    match (table.numbers(number).is_valid(line), table.texts(label).is_valid(line)) {
        (true, _) => table.numbers(number).value(line),
        (false, true) => table.texts(label).value(line).parse().unwrap(),
        (false, false) => f64::NAN,
    }
}

#[test]
fn random_forests_have_the_literal_means_and_curves() {
    let mut worst: f64 = 0.0;
    for case in 0..30 {
        let mut rng = source(7_000 + case);
        let outputs = if case % 3 == 0 { 3 } else { 1 };
        let shape = Shape { features: 5, trees: 6, depth: 5, outputs, grow: 0.9, zero_covers: false };
        let mut forest = Forest::clone(&forests::forest(&mut rng, shape));
        forest.link = if outputs == 3 { Link::Softmax } else { Link::Logistic };
        let data = rows(forests::rows(&mut rng, &forest, 25), None);
        let block = forests::rows(&mut rng, &forest, 1 + case as usize);
        let weight = (case % 2 == 0).then(|| (0..block.rows()).map(|_| rng.random_range(0.1..2.0)).collect());
        let background = rows(block, weight);
        let space = if case % 4 < 2 { Output::Margin } else { Output::Probability };
        let grid = if case % 5 == 0 { GridChoice::Exact } else { GridChoice::Quantiles(NonZeroUsize::new(6).unwrap()) };
        let subject = with_grid(of_forest(&Arc::new(forest), space, &data), &background, grid);
        let pairs = vec![["x0".to_owned(), "x2".to_owned()]];
        let pair_points = NonZeroUsize::new(4).unwrap();
        let tables = pdp(&subject, &pdp::Settings { features: Choice::All, grid, pairs, pair_points, ..pdp::Settings::default() });
        let name = |table: &Table, column: &str, line| -> usize { table.texts(column).value(line)[1..].parse().unwrap() };
        let output = |table: &Table, line| -> usize { table.texts("output").value(line).parse().unwrap() };
        for line in 0..tables[0].len() {
            let at = (name(&tables[0], "feature", line), value(&tables[0], "value", "label", line));
            let expected = mean(&moved(&subject, &background.features, &[at]), &background, output(&tables[0], line));
            worst = worst.max((tables[0].numbers("mean").value(line) - expected).abs());
        }
        for line in 0..tables[1].len() {
            let a = (name(&tables[1], "feature_a", line), value(&tables[1], "value_a", "label_a", line));
            let b = (name(&tables[1], "feature_b", line), value(&tables[1], "value_b", "label_b", line));
            let expected = mean(&moved(&subject, &background.features, &[a, b]), &background, output(&tables[1], line));
            worst = worst.max((tables[1].numbers("mean").value(line) - expected).abs());
        }
        let table = ice(&subject, &ice::Settings { features: Choice::All, rows: NonZeroUsize::new(7).unwrap(), grid });
        let lines = table.len() / 7;
        assert_eq!(table.len(), 7 * lines);
        for line in 0..table.len() {
            let at = (name(&table, "feature", line), value(&table, "value", "label", line));
            let row = table.integers("row_id").value(line) as usize;
            let expected = moved(&subject, &data.features.slice(row, 1), &[at])[output(&table, line)];
            worst = worst.max((table.numbers("prediction").value(line) - expected).abs());
        }
    }
    assert!(worst < 2e-14, "{worst:e}");
}

#[test]
fn an_exact_grid_draws_the_function_itself() {
    for case in 0..20 {
        let mut rng = source(8_000 + case);
        let shape = Shape { features: 2, trees: 4, depth: 4, outputs: 1, grow: 0.95, zero_covers: false };
        let forest = forests::forest(&mut rng, shape);
        let data = rows(forests::rows(&mut rng, &forest, 40), None);
        let subject = with_background(of_forest(&forest, Output::Margin, &data), &data);
        let settings = pdp::Settings { features: Choice::Named(vec!["x1".into()]), grid: GridChoice::Exact, ..pdp::Settings::default() };
        let table = pdp(&subject, &settings).remove(0);
        let points: Vec<(f64, f64)> = (0..table.len())
            .filter_map(|line| Some((table.numbers("value").iter().nth(line)??, table.numbers("mean").value(line))))
            .collect();
        for _ in 0..200 {
            let x: f64 = rng.random_range(-1.4..1.4);
            let Some(pair) = points.windows(2).find(|pair| pair[0].0 <= x && x <= pair[1].0) else { continue };
            let drawn = pair[0].1 + (pair[1].1 - pair[0].1) * (x - pair[0].0) / (pair[1].0 - pair[0].0);
            let expected = mean(&moved(&subject, &data.features, &[(1, x)]), &data, 0);
            assert!((drawn - expected).abs() < 1e-12, "case {case}, {x}: {drawn} {expected}");
        }
    }
}

#[test]
fn a_product_has_straight_lines_with_the_others_mean_for_slope_and_its_rows_spread() {
    let values = vec![vec![0.0, 1.0], vec![1.0, 2.0], vec![2.0, 6.0], vec![4.0, f64::NAN]];
    let data = rows(FeatureBlock::from_rows(&values), Some(vec![1.0, 1.0, 2.0, 0.0]));
    let function = |x: &[f64]| x[0] * if x[1].is_nan() { 0.0 } else { x[1] };
    let subject = with_background(of_function(function, &data), &data);
    let settings = pdp::Settings { features: Choice::All, intervals: Some(0.95), ..pdp::Settings::default() };
    let table = pdp(&subject, &settings).remove(0);
    // x1 has the weighted mean 15/4; x0 has 5/4. Missing x1 is a point of its own.
    assert_eq!(&table.numbers("mean").values()[..4], &[0.0, 3.75, 7.5, 15.0]);
    assert_eq!(&table.numbers("mean").values()[4..], &[1.25, 2.5, 7.5, 0.0]);
    assert_eq!(table.texts("label").iter().collect::<Vec<_>>()[4..], [Some("1"), Some("2"), Some("6"), None]);
    assert_eq!(table.integers("rows").values(), &[1; 8]);
    // Deviation of x1: √((2.75² + 1.75² + 2·2.25²)/4), over (Σw)²/Σw² = 16/6 rows.
    let deviation = ((2.75_f64.powi(2) + 1.75_f64.powi(2) + 2.0 * 2.25_f64.powi(2)) / 4.0).sqrt();
    let half = table.numbers("ci_high").value(1) - 3.75;
    assert!((half - 1.959_963_984_540_054 * deviation / (16.0_f64 / 6.0).sqrt()).abs() < 1e-9, "{half}");
    let table = ice(&subject, &ice::Settings { features: Choice::Named(vec!["x0".into()]), ..ice::Settings::default() });
    assert_eq!(table.integers("row_id").values()[..4], [0; 4]);
    assert_eq!(table.numbers("prediction").values()[4..8], [0.0, 2.0, 4.0, 8.0]);
    assert_eq!(table.numbers("centered").values()[8..12], [0.0, 6.0, 12.0, 24.0]);
    assert_eq!(table.numbers("derivative").values()[8..12], [6.0; 4]);
}
