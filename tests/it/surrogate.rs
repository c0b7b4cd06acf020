//! The surrogate against functions that are trees, and its first split against all that are possible.

use std::num::NonZeroUsize;

use arrow_array::Array;
use pipeline::dataset::{FeatureBlock, RowBatch};
use pipeline::derive::surrogate::{Settings, Surrogate};
use pipeline::subject::{Subject, Values};
use pipeline::table::Table;
use rand::RngExt;

use crate::effects::{context, derive, of_function, rows};
use crate::forests::source;

fn surrogate(subject: &Subject, depth: usize) -> Table {
    let settings = Settings { depth: NonZeroUsize::new(depth).unwrap(), min_share: 0.01 };
    derive(&Surrogate::new(&settings, &context(subject.clone())), subject, &rows(FeatureBlock::default(), None), 1).remove(0)
}

fn data(rng: &mut rand_chacha::ChaCha8Rng, n: usize) -> RowBatch {
    let row = |rng: &mut rand_chacha::ChaCha8Rng| {
        let x = if rng.random_bool(0.1) { f64::NAN } else { rng.random_range(-1.0..1.0) };
        vec![x, f64::from(rng.random_range(0..4_u8)), rng.random_range(0.0..10.0)]
    };
    let values: Vec<Vec<f64>> = (0..n).map(|_| row(rng)).collect();
    let weight = (0..n).map(|_| rng.random_range(0.5..2.0)).collect();
    rows(FeatureBlock::from_rows(&values), Some(weight))
}

#[test]
fn a_function_that_is_a_tree_is_found_whole() {
    let data = data(&mut source(1), 2000);
    let function = |x: &[f64]| match (x[1] == 1.0 || x[1] == 3.0, x[0] <= 0.25 || x[0].is_nan()) {
        (true, true) => 10.0,
        (true, false) => 12.0,
        (false, _) => -5.0,
    };
    let mut subject = of_function(function, &data);
    subject.features[1].members[0].values = Values::Category(["red", "green", "blue", "black"].map(str::to_owned).to_vec());
    let table = surrogate(&subject, 3);
    let conditions: Vec<Option<&str>> = table.texts("condition").iter().collect();
    assert_eq!(conditions[..2], [None, Some("x1 is red, blue")]);
    assert_eq!(conditions[2], Some("x1 is green, black"));
    assert!(conditions[3].unwrap().starts_with("x0 ≤ 0.2") && conditions[3].unwrap().ends_with(" or missing"), "{conditions:?}");
    assert!(conditions[4].unwrap().starts_with("x0 > 0.2"), "{conditions:?}");
    assert_eq!(table.len(), 5);
    assert!(table.texts("rule").value(4).starts_with("x1 is green, black and x0 > 0.2"));
    let predictions = table.numbers("prediction").values();
    assert!((predictions[1] + 5.0).abs() < 1e-12 && (predictions[3] - 10.0).abs() < 1e-12 && (predictions[4] - 12.0).abs() < 1e-12);
    // Held-out rows near the threshold may fall on its other side.
    assert!(table.numbers("fidelity").value(0) > 0.999);
    assert_eq!(table.integers("parent").iter().collect::<Vec<_>>(), [None, Some(0), Some(0), Some(2), Some(2)]);
    let counted = table.integers("rows").values();
    assert!(counted[0] == counted[1] + counted[2] && counted[2] == counted[3] + counted[4] && counted[0] < 1600);
}

#[test]
fn a_constant_is_one_node_of_unknown_fidelity() {
    let data = data(&mut source(2), 300);
    let table = surrogate(&of_function(|_| 0.7, &data), 3);
    assert_eq!(table.len(), 1);
    assert!(table.numbers("fidelity").is_null(0));
}

#[test]
fn splits_are_the_best_there_are() {
    for case in 0..20 {
        let mut rng = source(100 + case);
        let data = data(&mut rng, 60);
        let (a, b) = (rng.random_range(-1.0..1.0), rng.random_range(-0.3..0.3));
        let function = move |x: &[f64]| a * if x[0].is_nan() { 0.9 } else { x[0] * x[0] } + b * x[2] + 0.1 * (3.0 * x[1]).sin();
        let mut subject = of_function(function, &data);
        subject.features[1].members[0].values = Values::Category(Vec::new());
        let table = surrogate(&subject, 1);
        // The two leaves' squared errors over the rows seen, against every threshold, subset and side of missing values.
        let held = |row: usize| pipeline::numeric::seed::derive(subject.seed, "surrogate", row as u64).is_multiple_of(4);
        let seen: Vec<usize> = (0..60).filter(|row| !held(*row)).collect();
        let value = |row: usize, feature: usize| data.features.column(feature)[row];
        let error = |left: &dyn Fn(usize) -> bool| -> Option<f64> {
            let sides: Vec<Vec<usize>> = [true, false].map(|side| seen.iter().copied().filter(|row| left(*row) == side).collect()).to_vec();
            let squares = |rows: &Vec<usize>| {
                let f = |row: usize| function(&data.features.row(row));
                let weight: f64 = rows.iter().map(|row| data.weight_of(*row)).sum();
                let mean = rows.iter().map(|row| data.weight_of(*row) * f(*row)).sum::<f64>() / weight;
                rows.iter().map(|row| data.weight_of(*row) * (f(*row) - mean).powi(2)).sum::<f64>()
            };
            sides.iter().all(|side| !side.is_empty()).then(|| sides.iter().map(squares).sum())
        };
        let mut least = f64::INFINITY;
        for feature in [0, 2] {
            for at in &seen {
                let limit = value(*at, feature);
                for missing in [true, false] {
                    let left = |row: usize| if value(row, feature).is_nan() { missing } else { value(row, feature) <= limit };
                    least = error(&left).filter(|_| !limit.is_nan()).map_or(least, |error| least.min(error));
                }
            }
        }
        for subset in 1..15_u32 {
            least = error(&|row| subset >> value(row, 1) as u32 & 1 == 1).map_or(least, |error| least.min(error));
        }
        let found = found_error(&table, &data, &seen, &function);
        assert!((found - least).abs() < 1e-9 * (1.0 + least), "case {case}: {found} is not {least}: {:?}", table.texts("condition"));
    }
}

/// The squared errors of the table's own split, by its condition's words.
fn found_error(table: &Table, data: &RowBatch, seen: &[usize], function: &dyn Fn(&[f64]) -> f64) -> f64 {
    let condition = table.texts("condition").value(1);
    let missing = condition.ends_with(" or missing");
    let words: Vec<&str> = condition.trim_end_matches(" or missing").splitn(3, ' ').collect();
    let feature: usize = words[0][1..].parse().unwrap();
    let holds = |x: f64| match words[1] {
        _ if x.is_nan() => missing,
        "≤" => x <= words[2].parse().unwrap(),
        _ => words[2].split(", ").any(|code| code.parse::<f64>().unwrap() == x),
    };
    let error = |row: &usize| {
        let prediction = table.numbers("prediction").value(if holds(data.features.column(feature)[*row]) { 1 } else { 2 });
        data.weight_of(*row) * (function(&data.features.row(*row)) - prediction).powi(2)
    };
    seen.iter().map(error).sum()
}
