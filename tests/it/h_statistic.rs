//! Friedman's H against a literal computation and closed forms.

use std::num::NonZeroUsize;
use std::sync::Arc;

use pipeline::dataset::{FeatureBlock, RowBatch};
use pipeline::derive::Choice;
use pipeline::derive::interactions::{Interactions, Settings};
use pipeline::model::builder::RawNode;
use pipeline::model::{Forest, Output, Rule};
use pipeline::subject::{Background, Subject};
use pipeline::table::Table;
use rand::RngExt;

use crate::dependence::with_background;
use crate::effects::{context, derive, of_forest, rows};
use crate::forests::{self, Shape, of_trees, source};

fn h(subject: &Subject) -> Table {
    strongest(subject, 1000)
}

/// The table of so many pairs.
fn strongest(subject: &Subject, pairs: usize) -> Table {
    let many = |count| NonZeroUsize::new(count).unwrap();
    let settings = Settings { pairs: many(pairs), features: Choice::All, rows: many(1000) };
    let nothing = rows(FeatureBlock::default(), None);
    derive(&Interactions::new(Some(&settings), &context(subject.clone())), subject, &nothing, 1).remove(0)
}

/// H² of features `j`, `k`, or of `j` with all others.
fn of(table: &Table, a: &str, b: Option<&str>) -> (f64, f64) {
    use arrow_array::Array;
    let (first, second) = (table.texts("feature_a"), table.texts("feature_b"));
    let second = |line: usize| second.is_valid(line).then(|| second.value(line));
    let line = (0..table.len()).find(|line| {
        (first.value(*line), second(*line)) == (a, b) || b.is_some() && (Some(first.value(*line)), second(*line)) == (b, Some(a))
    });
    (table.numbers("h_statistic").value(line.unwrap()).powi(2), table.numbers("h_unnormalized").value(line.unwrap()))
}

fn split(feature: usize, left: usize, right: usize) -> RawNode {
    RawNode::Split { feature, rule: Rule::Less(0.0), missing_left: true, left, right, cover: 1.0 }
}

fn leaf(value: f64) -> RawNode {
    RawNode::Leaf { values: vec![value], cover: 1.0 }
}

fn subject(forest: &Arc<Forest>, data: &RowBatch) -> Subject {
    with_background(of_forest(forest, Output::Margin, data), data)
}

#[test]
fn additive_models_have_no_interaction() {
    let mut rng = source(3);
    let forest = of_trees(3, (0..3).map(|feature| vec![split(feature, 1, 2), leaf(-1.5), leaf(0.7 + feature as f64)]).collect());
    let values: Vec<Vec<f64>> = (0..50).map(|_| (0..3).map(|_| rng.random_range(-1.0..1.0)).collect()).collect();
    let table = h(&subject(&forest, &rows(FeatureBlock::from_rows(&values), None)));
    assert_eq!(table.len(), 6);
    assert!(table.numbers("h_statistic").values().iter().all(|h| *h < 1e-14), "{:?}", table.numbers("h_statistic"));
}

#[test]
fn a_product_of_signs_has_its_closed_form() {
    // f = s0·s1 with s = ±1, independent, of means m: F_j = s_j·m_k, so H² = (1 − m0²)(1 − m1²) / (1 − m0²·m1²).
    let product = vec![split(0, 1, 4), split(1, 2, 3), leaf(1.0), leaf(-1.0), split(1, 5, 6), leaf(-1.0), leaf(1.0)];
    let forest = of_trees(3, vec![product]);
    // Five rows of s0, three of them positive: m0 = 1/5; four of s1, three of them positive: m1 = 1/2.
    let sign = |at: usize, positive: usize| if at < positive { 1.0 } else { -1.0 };
    let values: Vec<Vec<f64>> = (0..20).map(|row| vec![sign(row % 5, 3), sign(row / 5, 3), f64::from(row as u8)]).collect();
    let table = h(&subject(&forest, &rows(FeatureBlock::from_rows(&values), None)));
    let expected = (1.0 - 0.04) * (1.0 - 0.25) / (1.0 - 0.01);
    let (squared, strength) = of(&table, "x0", Some("x1"));
    assert!((squared - expected).abs() < 1e-14 && (strength - (0.96_f64 * 0.75).sqrt()).abs() < 1e-14, "{squared} {strength}");
    // With all others it is the same pair, and the third feature does nothing at all.
    assert!((of(&table, "x0", None).0 - expected).abs() < 1e-14);
    assert!(of(&table, "x0", Some("x2")).1 < 1e-15 && of(&table, "x2", None).1 < 1e-15);
    // Asked for one pair, the strongest is kept, with every feature's share.
    let one = strongest(&subject(&forest, &rows(FeatureBlock::from_rows(&values), None)), 1);
    assert_eq!((one.len(), one.texts("feature_a").value(0), one.texts("feature_b").value(0)), (4, "x0", "x1"));
}

#[test]
fn random_forests_have_the_literal_statistics() {
    for case in 0..25 {
        let mut rng = source(9_000 + case);
        let forest = forests::forest(&mut rng, Shape { features: 4, trees: 5, depth: 4, outputs: 1, grow: 0.95, zero_covers: false });
        let block = forests::rows(&mut rng, &forest, 2 + case as usize);
        let weight: Vec<f64> = (0..block.rows()).map(|_| rng.random_range(0.1..2.0)).collect();
        let data = rows(block, Some(weight.clone()));
        let subject = subject(&forest, &data);
        // The same model, of which nothing is known but what it predicts.
        let known = Background {
            rows: Some(Arc::new(data.features.clone())),
            weights: Some(weight.as_slice().into()),
            ..subject.background.clone()
        };
        let called = Subject { forest: None, background: Background { histograms: None, ..known }, ..subject.clone() };
        let (n, block) = (data.rows(), &data.features);
        // F_S at every row: the weighted mean of predictions with the set's features moved there; centred.
        let dependence = |set: &[usize]| -> Vec<f64> {
            let at = |row: usize| {
                let column = |j: usize| if set.contains(&j) { vec![block.column(j)[row]; n] } else { block.column(j).to_vec() };
                let margins = forest.margins(&FeatureBlock::new(n, (0..4).flat_map(column).collect()));
                margins.iter().zip(&weight).map(|(m, w)| m * w).sum::<f64>() / weight.iter().sum::<f64>()
            };
            let values: Vec<f64> = (0..n).map(at).collect();
            let mean = values.iter().zip(&weight).map(|(v, w)| v * w).sum::<f64>() / weight.iter().sum::<f64>();
            values.into_iter().map(|value| value - mean).collect()
        };
        let literal = |joint: &[usize], one: &[usize], other: &[usize]| {
            let (joint, one, other) = (dependence(joint), dependence(one), dependence(other));
            let numerator: f64 = (0..n).map(|row| weight[row] * (joint[row] - one[row] - other[row]).powi(2)).sum();
            let denominator: f64 = (0..n).map(|row| weight[row] * joint[row].powi(2)).sum();
            (if denominator > 1e-18 { numerator / denominator } else { 0.0 }, (numerator / weight.iter().sum::<f64>()).sqrt())
        };
        for table in [h(&subject), h(&called)] {
            for j in 0..4 {
                for k in j + 1..4 {
                    let (expected, found) = (literal(&[j, k], &[j], &[k]), of(&table, &format!("x{j}"), Some(&format!("x{k}"))));
                    assert!(
                        (expected.0 - found.0).abs() < 1e-11 && (expected.1 - found.1).abs() < 1e-12,
                        "{case} {j} {k}: {expected:?} {found:?}"
                    );
                }
                let others: Vec<usize> = (0..4).filter(|other| *other != j).collect();
                let (expected, found) = (literal(&[0, 1, 2, 3], &[j], &others), of(&table, &format!("x{j}"), None));
                assert!((expected.0 - found.0).abs() < 1e-11 && (expected.1 - found.1).abs() < 1e-12, "{case} {j}: {expected:?} {found:?}");
            }
        }
    }
}
