//! Permutation Shapley against closed forms and exact TreeSHAP.

use pipeline::dataset::FeatureBlock;
use pipeline::pattern::BackgroundCounter;
use rand::RngExt;

use crate::forests::{Shape, forest, rows, source};
use crate::subjects::{batch, explained, method, of_forest, of_function};

fn random_rows(seed: u64, rows: usize, features: usize) -> FeatureBlock {
    let rng = &mut source(seed);
    FeatureBlock::new(rows, (0..rows * features).map(|_| rng.random_range(-2.0..2.0)).collect())
}

/// `f = Σ j x_j + x_j x_{j+1}` has `φ_j = j (x_j − b̄_j) + ½ Σ_k mean_b (x_j − b_j)(x_k + b_k)` over both neighbours.
#[test]
fn an_order_and_its_reverse_are_exact_on_interactions_of_two() {
    let (features, background, block) = (20, random_rows(1, 7, 20), random_rows(2, 3, 20));
    let function = move |x: &[f64]| (0..features).map(|j| x[j] * (j as f64 + x[(j + 1) % features])).sum::<f64>();
    // Two pairs of orders are the least.
    let found = explained("\"permutation\": {\"samples\": 78}", of_function(function, &background, None), &block);
    for row in 0..3 {
        let x = block.row(row);
        for j in 0..features {
            let mean = |of: &dyn Fn(&[f64]) -> f64| (0..7).map(|b| of(&background.row(b))).sum::<f64>() / 7.0;
            let pair = |k: usize| mean(&|b| (x[j] - b[j]) * (x[k] + b[k])) / 2.0;
            let expected = j as f64 * mean(&|b| x[j] - b[j]) + pair((j + 1) % features) + pair((j + features - 1) % features);
            assert!((found.column(0, j)[row] - expected).abs() < 1e-11);
        }
    }
    assert!(found.standard_errors.as_ref().unwrap().iter().all(|error| *error < 1e-11));
    assert!(found.residuals(0).iter().all(|residual| residual.abs() < 1e-11));
}

#[test]
fn estimates_are_unbiased_and_standard_errors_cover() {
    let rng = &mut source(78);
    let forest = forest(rng, Shape { features: 12, trees: 40, depth: 5, outputs: 2, grow: 0.95, zero_covers: false });
    let (block, background) = (rows(rng, &forest, 3), rows(rng, &forest, 20));
    let mut counter = BackgroundCounter::new(forest.clone()).unwrap();
    counter.count(&background, None);
    let truth = counter.finish().unwrap().attribute(&block).values;
    let (mut sums, mut squares, mut within, mut trials) = (vec![0.0; truth.len()], 0.0, 0, 0);
    for seed in 0..200 {
        let mut subject = of_forest(&forest, &background, None);
        subject.seed = seed;
        // Ten pairs of orders: Student's t with 9 degrees of freedom.
        let found = explained("\"permutation\": {\"samples\": 222}", subject, &block);
        for (((sum, found), truth), error) in sums.iter_mut().zip(&found.values).zip(&truth).zip(found.standard_errors.unwrap()) {
            *sum += found - truth;
            squares += (found - truth).powi(2);
            // A feature of hardly any interaction has an error of rounding.
            within += usize::from((found - truth).abs() <= 2.262 * error + 1e-13);
            trials += 1;
        }
    }
    let coverage = within as f64 / f64::from(trials);
    let bias = (sums.iter().map(|sum| (sum / 200.0).powi(2)).sum::<f64>() / (squares / 200.0)).sqrt();
    assert!((0.92..=0.98).contains(&coverage), "{coverage}");
    // Chance alone leaves 1/√200 = 0.07.
    assert!(bias < 0.11, "{bias}");
}

#[test]
fn odd_cases_have_plain_answers() {
    let one = explained(
        "\"permutation\": {\"samples\": 2}",
        of_function(|x| 2.0 * x[0], &random_rows(5, 1, 1), None),
        &FeatureBlock::new(1, vec![0.0]),
    );
    assert_eq!(one.values, [-2.0 * random_rows(5, 1, 1).values()[0]]);
    let few = method("\"permutation\": {\"samples\": 77}", of_function(|x| x[0], &random_rows(6, 4, 20), None)).err().unwrap();
    assert_eq!(few.to_string(), "permutation: 77 coalitions are too few for 20 features; set explain.permutation.samples to 78 or more");
    let method = method("\"permutation\": {}", of_function(|x| x[0] * x[1] * x[2] * x[3], &random_rows(7, 5, 6), None)).unwrap();
    let block = random_rows(8, 4, 6);
    let (all, alone) = (method.explain(&batch(&block, 3..7)).unwrap(), method.explain(&batch(&block.slice(1, 1), [4])).unwrap());
    assert!((0..6).all(|feature| all.column(0, feature)[1].to_bits() == alone.column(0, feature)[0].to_bits()));
}
