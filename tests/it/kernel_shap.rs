//! KernelSHAP against the definition, closed forms and exact TreeSHAP.

use std::sync::Arc;

use pipeline::attribution::AttributionBatch;
use pipeline::dataset::FeatureBlock;
use pipeline::model::Forest;
use pipeline::pattern::BackgroundCounter;
use rand::RngExt;

use crate::forests::{Shape, forest, rows, source};
use crate::oracle::{random_game, worst};
use crate::subjects::{batch, explained, method, of_calls, of_forest, of_function};

fn normal_rows(seed: u64, rows: usize, features: usize) -> FeatureBlock {
    let rng = &mut source(seed);
    FeatureBlock::new(rows, (0..rows * features).map(|_| rng.random_range(-2.0..2.0)).collect())
}

/// Exact interventional values, laid out as a batch's.
fn exact(forest: &Arc<Forest>, background: &FeatureBlock, weights: Option<&[f64]>, block: &FeatureBlock) -> Vec<f64> {
    let mut counter = BackgroundCounter::new(forest.clone()).unwrap();
    counter.count(background, weights);
    counter.finish().unwrap().attribute(block).values
}

fn largest_residual(batch: &AttributionBatch) -> f64 {
    (0..batch.schema.outputs.len()).flat_map(|output| batch.residuals(output)).fold(0.0, |worst: f64, r| worst.max(r.abs()))
}

/// Values of every row, the relative squared error Σ(φ̂ − φ)² / Σφ².
fn error(found: &[f64], expected: &[f64]) -> f64 {
    let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>();
    squares(&mut found.iter().zip(expected).map(|(a, b)| a - b)) / squares(&mut expected.iter().copied())
}

/// A forest of deep interactions in 14 features, with its rows and background.
fn deep_forest() -> (Arc<Forest>, FeatureBlock, FeatureBlock) {
    let rng = &mut source(77);
    let forest = forest(rng, Shape { features: 14, trees: 60, depth: 5, outputs: 1, grow: 0.95, zero_covers: false });
    let (block, background) = (rows(rng, &forest, 4), rows(rng, &forest, 30));
    (forest, block, background)
}

#[test]
fn all_coalitions_of_forests_give_exact_tree_shap() {
    for case in 3_000..3_060 {
        let features = 1 + case as usize % 9;
        let (forest, block, background, weights) = random_game(case, features, 3);
        let expected = exact(&forest, &background, weights.as_deref(), &block);
        for subject in [of_forest(&forest, &background, weights.as_deref()), of_calls(&forest, &background, weights.as_deref())] {
            let found = explained("\"kernel_shap\": {\"samples\": 512}", subject, &block);
            assert!(worst(&found.values, &expected) < 1e-11, "case {case}");
            assert!(found.standard_errors.unwrap().iter().all(|error| *error == 0.0));
        }
    }
}

/// `f = Σ a_j x_j + Σ b_j x_j x_{j+1}` has `φ_j = a_j (x_j − b̄_j) + ½ Σ_k b_jk · mean_b (x_j − b_j)(x_k + b_k)`.
#[test]
fn pairs_are_exact_on_interactions_of_two() {
    let (features, background, block) = (20, normal_rows(1, 7, 20), normal_rows(2, 3, 20));
    let weights: Vec<f64> = (0..7).map(|row| f64::from(row) / 21.0).collect();
    let interaction = |j: usize| (j as f64).cos();
    let function = move |x: &[f64]| (0..features).map(|j| j as f64 * x[j] + interaction(j) * x[j] * x[(j + 1) % features]).sum::<f64>();
    let mean = |of: &dyn Fn(&[f64]) -> f64| (0..7).map(|b| weights[b] * of(&background.row(b))).sum::<f64>();
    for estimator in ["auto", "leverage", "proxy"] {
        let subject = of_function(function, &background, Some(&weights));
        let found = explained(&format!("\"kernel_shap\": {{\"samples\": 200, \"estimator\": \"{estimator}\"}}"), subject, &block);
        for row in 0..3 {
            let x = block.row(row);
            for j in 0..features {
                let (next, last) = ((j + 1) % features, (j + features - 1) % features);
                let pair = |k: usize, b: f64| b / 2.0 * mean(&|other| (x[j] - other[j]) * (x[k] + other[k]));
                let expected = j as f64 * mean(&|other| x[j] - other[j]) + pair(next, interaction(j)) + pair(last, interaction(last));
                assert!((found.column(0, j)[row] - expected).abs() < 1e-10, "{estimator} {j}");
            }
        }
        assert!(found.standard_errors.as_ref().unwrap().iter().all(|error| *error < 1e-9), "{estimator}");
        assert!(largest_residual(&found) < 1e-12 * 400.0);
    }
}

#[test]
fn groups_are_players_whose_values_move_together() {
    let (background, block) = (normal_rows(3, 5, 4), normal_rows(4, 2, 4));
    let function = |x: &[f64]| x[0] * x[1] * x[3] + x[2];
    let mut subject = of_function(function, &background, None);
    let joined = subject.features.remove(3).members;
    subject.features[0].members.extend(joined);
    let found = explained("\"kernel_shap\": {}", subject, &block);
    assert_eq!(found.schema.features, ["x0", "x1", "x2"]);
    for row in 0..2 {
        let x = block.row(row);
        let mean = |of: &dyn Fn(&[f64]) -> f64| (0..5).map(|b| of(&background.row(b))).sum::<f64>() / 5.0;
        let (mine, other) = (|b: &[f64]| x[0] * x[3] - b[0] * b[3], |b: &[f64]| (x[1] + b[1]) / 2.0);
        assert!((found.column(0, 0)[row] - mean(&|b| mine(b) * other(b))).abs() < 1e-12);
        assert!((found.column(0, 2)[row] - mean(&|b| x[2] - b[2])).abs() < 1e-12);
    }
}

/// Coalitions of features are complemented as if each were some player's.
#[test]
fn forests_with_a_feature_that_is_no_players_are_refused() {
    let (forest, _, background) = deep_forest();
    let mut subject = of_forest(&forest, &background, None);
    subject.features.remove(5);
    let error = method("\"kernel_shap\": {\"samples\": 100}", subject).err().unwrap().to_string();
    let name = &forest.features[5].name;
    assert!(error.contains(&format!("the model's feature `{name}` is in none of the explained features")), "{error}");
}

/// Seeds over which errors are looked at.
const SEEDS: u64 = 60;

/// Over many seeds, errors average out, and are as large as their standard errors say.
#[test]
fn estimates_are_unbiased_and_standard_errors_cover() {
    let (forest, block, background) = deep_forest();
    let truth = exact(&forest, &background, None, &block);
    for (estimator, samples) in [("leverage", 60), ("leverage", 400), ("proxy", 120), ("proxy", 300)] {
        let (mut sums, mut within, mut trials) = (vec![0.0; truth.len()], 0, 0);
        let (mut squares, mut told) = (0.0, 0.0);
        for seed in 0..SEEDS {
            let mut subject = of_forest(&forest, &background, None);
            subject.seed = seed;
            let settings = format!("\"kernel_shap\": {{\"samples\": {samples}, \"estimator\": \"{estimator}\"}}");
            let found = explained(&settings, subject, &block);
            assert!(largest_residual(&found) < 1e-10);
            for (((sum, found), truth), error) in sums.iter_mut().zip(&found.values).zip(&truth).zip(found.standard_errors.unwrap()) {
                *sum += found - truth;
                squares += (found - truth).powi(2);
                told += error * error;
                within += usize::from((found - truth).abs() <= 1.96 * error);
                trials += 1;
            }
        }
        let (coverage, ratio) = (within as f64 / f64::from(trials), (told / squares).sqrt());
        let bias = (sums.iter().map(|sum| (sum / SEEDS as f64).powi(2)).sum::<f64>() / (squares / SEEDS as f64)).sqrt();
        assert!((0.92..=0.99).contains(&coverage), "{estimator} {samples}: {coverage}");
        // The jackknife is conservative where pairs are few; the proxy's most of all.
        assert!((0.9..if samples >= 300 { 1.5 } else { 2.5 }).contains(&ratio), "{estimator} {samples}: {ratio}");
        // Chance alone leaves 1/√60 = 0.13. A process with few pairs leans towards no interactions, far less than it errs by chance.
        assert!(bias < if estimator == "proxy" { 0.4 } else { 0.2 }, "{estimator} {samples}: {bias}");
    }
}

#[test]
fn the_proxy_needs_fewer_coalitions() {
    let (forest, block, background) = deep_forest();
    let truth = exact(&forest, &background, None, &block);
    let of = |estimator: &str, samples: usize| {
        let settings = format!("\"kernel_shap\": {{\"samples\": {samples}, \"estimator\": \"{estimator}\"}}");
        error(&explained(&settings, of_forest(&forest, &background, None), &block).values, &truth)
    };
    assert!(of("proxy", 512) < of("leverage", 1024) && of("auto", 512) == of("proxy", 512));
    assert!(of("leverage", 4096) < of("leverage", 256));
    // Eight a feature are enough.
    assert!(of("auto", 112) == of("proxy", 112) && of("auto", 110) == of("leverage", 110));
}

#[test]
fn a_tolerance_stops_early_and_is_kept() {
    let (forest, block, background) = deep_forest();
    let of = |settings: &str| explained(&format!("\"kernel_shap\": {settings}"), of_forest(&forest, &background, None), &block);
    let loose = of("{\"samples\": 8192, \"tolerance\": 0.2}");
    // What was looked at first is what a budget of that size would have been.
    assert_eq!(loose.values, of("{\"samples\": 258}").values);
    let strict = of("{\"samples\": 8192, \"tolerance\": 0.01}");
    assert_ne!(loose.values, strict.values);
    let errors = strict.standard_errors.as_ref().unwrap();
    for row in 0..block.rows() {
        let values: Vec<f64> = (0..14).map(|feature| strict.column(0, feature)[row]).collect();
        let spread = values.iter().fold(f64::MIN, |a, b| a.max(*b)) - values.iter().fold(f64::MAX, |a, b| a.min(*b));
        assert!((0..14).all(|feature| strict.column_of(errors, 0, feature)[row] <= 0.01 * spread));
    }
}

#[test]
fn a_row_does_not_depend_on_its_neighbours() {
    let (forest, block, background) = deep_forest();
    let method = method("\"kernel_shap\": {\"samples\": 300}", of_forest(&forest, &background, None)).unwrap();
    let all = method.explain(&batch(&block, [7, 8, 9, 10])).unwrap();
    let alone = method.explain(&batch(&block.slice(2, 1), [9])).unwrap();
    for feature in 0..14 {
        assert_eq!(all.column(0, feature)[2].to_bits(), alone.column(0, feature)[0].to_bits());
    }
}

#[test]
fn odd_cases_have_plain_answers() {
    // One feature takes the whole difference; one background row; a constant feature takes nothing.
    let one = explained("\"kernel_shap\": {}", of_function(|x| x[0].exp(), &normal_rows(5, 1, 1), None), &FeatureBlock::new(1, vec![0.0]));
    assert!((one.values[0] - (1.0 - normal_rows(5, 1, 1).values()[0].exp())).abs() < 1e-15);
    let flat = explained(
        "\"kernel_shap\": {\"samples\": 64}",
        of_function(|x| x[0] * x[1] * x[2] * x[3], &normal_rows(6, 1, 20), None),
        &normal_rows(7, 1, 20),
    );
    assert!(flat.values[4..].iter().all(|value| value.abs() < 2.0), "{:?}", flat.values);
    let constant =
        explained("\"kernel_shap\": {\"samples\": 64}", of_function(|_| 3.0, &normal_rows(6, 4, 20), None), &normal_rows(7, 2, 20));
    assert!(constant.values.iter().all(|value| *value == 0.0));
    // Too few coalitions, and a model that says nothing.
    let few = method("\"kernel_shap\": {\"samples\": 41}", of_function(|x| x[0], &normal_rows(6, 4, 20), None)).err().unwrap();
    assert_eq!(few.to_string(), "kernel_shap: 41 coalitions are too few for 20 features; set explain.kernel_shap.samples to 42 or more");
    let nan = |x: &[f64]| if x[0] > 0.0 { f64::NAN } else { 1.0 };
    let background = normal_rows(8, 9, 20);
    let silent = method("\"kernel_shap\": {}", of_function(nan, &background, None)).err().unwrap().to_string();
    assert_eq!(silent, "kernel_shap: the model predicts NaN of a background row; Shapley values need finite predictions");
    // Rows of no weight do not count, whatever the model says of them.
    let weights: Vec<f64> = (0..9).map(|row| f64::from(u8::from(background.column(0)[row] <= 0.0))).collect();
    let row = |x: f64| batch(&FeatureBlock::new(1, vec![x; 20]), [0]);
    let method = method("\"kernel_shap\": {\"samples\": 64}", of_function(nan, &background, Some(&weights))).unwrap();
    assert_eq!(method.explain(&row(-1.0)).unwrap().base, [1.0]);
    let error = method.explain(&row(1.0)).unwrap_err().to_string();
    assert!(error.contains("the model predicts NaN where some of a row's values"), "{error}");
}
