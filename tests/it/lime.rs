//! LIME against closed forms (Garreau & von Luxburg 2020) and its own guarantees.

use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::numeric::seed::derive;
use pipeline::subject::{Subject, Values};
use rand::RngExt;

use crate::forests::source;
use crate::subjects::{batch, explained, method, of_function};

/// 4 000 rows of uniform features on [−1, 1].
fn data(features: usize) -> FeatureBlock {
    let rng = &mut source(11);
    FeatureBlock::new(4000, (0..4000 * features).map(|_| rng.random_range(-1.0..1.0)).collect())
}

fn of(function: impl Fn(&[f64]) -> f64 + Send + Sync + 'static, sample: &FeatureBlock) -> Subject {
    Subject { sample: Some(Arc::new(batch(sample, 0..sample.rows() as i64))), ..of_function(function, &sample.slice(0, 1), None) }
}

/// For linear models and independent uniform features, the large-sample coefficient of a bit is the slope times the distance of the bin's mean from the
/// mean of the other bins, each as often as it occurs: of [−1, −½] it is −¾ − (−¼ + ¼ + ¾)/3 = −1, of [0, ½] it is ¼ − (−¾ − ¼ + ¾)/3 = ⅓. A feature that is not used gets nothing.
#[test]
fn linear_models_have_their_limits() {
    let sample = data(4);
    let settings = "\"lime\": {\"samples\": 100000, \"features\": 4}";
    let found = explained(settings, of(|x| 3.0 * x[0] - 2.0 * x[1] + 7.0, &sample), &FeatureBlock::from_rows(&[vec![-0.8, 0.3, 0.9, 0.0]]));
    let coefficients: Vec<f64> = (0..4).map(|feature| found.column(0, feature)[0]).collect();
    for (found, expected) in coefficients.iter().zip([-3.0, -2.0 / 3.0, 0.0, 0.0]) {
        assert!((found - expected).abs() < 0.05, "{coefficients:?}");
    }
    let two = explained(
        &settings.replace("4}", "2}"),
        of(|x| 3.0 * x[0] - 2.0 * x[1] + 7.0, &sample),
        &FeatureBlock::from_rows(&[vec![-0.8, 0.3, 0.9, 0.0]]),
    );
    assert!((0..4).all(|feature| (two.column(0, feature)[0] == 0.0) == (feature > 1)), "{:?}", two.values);
}

#[test]
fn proportional_slopes_have_proportional_coefficients() {
    let sample = data(5);
    let row = FeatureBlock::from_rows(&[vec![0.7, -0.7, 0.2, 0.1, -0.3]]);
    let settings = "\"lime\": {\"features\": 5}";
    let model = |scale: f64| of(move |x: &[f64]| scale * (x[0] + 0.5 * x[1] * x[2]) + 1.0, &sample);
    let (once, thrice) = (explained(settings, model(1.0), &row), explained(settings, model(3.0), &row));
    for feature in 0..5 {
        assert!((3.0 * once.column(0, feature)[0] - thrice.column(0, feature)[0]).abs() < 1e-9);
    }
}

/// A model of the bits themselves is explained perfectly, up to the ridge penalty.
#[test]
fn fidelity_is_one_for_models_of_the_bits_and_unused_features_get_zero() {
    let sample = data(6);
    let row = FeatureBlock::from_rows(&[vec![0.8, 0.8, 0.8, 0.8, 0.8, 0.8], vec![-0.8; 6]]);
    let function = |x: &[f64]| 2.0 * f64::from(u8::from(x[1] > 0.5 + 0.05)) - 1.0 * f64::from(u8::from(x[4] > 0.5 + 0.05)) + 0.25;
    let found = explained("\"lime\": {\"features\": 2}", of(function, &sample), &row);
    assert!(found.extra[1].1[0] > 0.9, "{:?}", found.extra);
    for (feature, expected) in [(0, 0.0), (2, 0.0), (3, 0.0), (5, 0.0)] {
        assert_eq!(found.column(0, feature), [expected; 2]);
    }
    assert!(found.column(0, 1)[0] > 1.5 && found.column(0, 4)[0] < -0.7);
    assert_eq!(found.extra[0].0, "_intercept");
    assert_eq!(found.base, found.extra[0].1);
}

#[test]
fn categories_and_missing_values_are_bins_of_their_own() {
    let rng = &mut source(5);
    let column = |rng: &mut rand_chacha::ChaCha8Rng, draw: &dyn Fn(&mut rand_chacha::ChaCha8Rng) -> f64| {
        (0..2000).map(|_| draw(rng)).collect::<Vec<_>>()
    };
    let category = column(rng, &|rng| f64::from(rng.random_range(0..3_u8)));
    let holes = column(rng, &|rng| if rng.random_bool(0.3) { f64::NAN } else { rng.random_range(0.0..1.0) });
    let sample = FeatureBlock::new(2000, [category, holes].concat());
    let mut subject = of(|x| if x[0] == 2.0 { 5.0 } else { 0.0 } + if x[1].is_nan() { 1.0 } else { 0.0 }, &sample);
    subject.features[0].members[0].values = Values::Category(vec!["a".into(), "b".into(), "c".into()]);
    let rows = FeatureBlock::from_rows(&[vec![2.0, f64::NAN], vec![1.0, 0.5], vec![9.0, 0.5]]);
    let found = explained("\"lime\": {\"samples\": 20000}", subject, &rows);
    // In the category: 5 against 0; missing: 1 against 0; the model is additive in the bits of the first row.
    assert!((found.column(0, 0)[0] - 5.0).abs() < 0.02 && (found.column(0, 1)[0] - 1.0).abs() < 0.02);
    assert!(found.extra[1].1[0] > 0.999);
    // Out of the category: 0 against the mean of the others, 5 and 0. A category that was never seen says nothing.
    let out = found.column(0, 0)[1];
    let share = |code: f64| sample.column(0).iter().filter(|other| **other == code).count() as f64;
    let expected = -5.0 * share(2.0) / (share(0.0) + share(2.0));
    assert!((out - expected).abs() < 0.05, "{out} against {expected}");
    assert!(found.column(0, 0)[2].is_finite());
}

#[test]
fn rows_are_alone_and_constants_are_harmless() {
    let mut values = data(3).values().to_vec();
    values[8000..].fill(4.0);
    let sample = FeatureBlock::new(4000, values);
    let subject = of(|x| x[0] * x[1] + x[2], &sample);
    let method = method("\"lime\": {\"samples\": 500, \"features\": 2}", subject).unwrap();
    let (all, alone) =
        (method.explain(&batch(&sample.slice(10, 5), 0..5)).unwrap(), method.explain(&batch(&sample.slice(12, 1), [2])).unwrap());
    for feature in 0..3 {
        assert_eq!(all.column(0, feature)[2].to_bits(), alone.column(0, feature)[0].to_bits());
    }
    assert_eq!(all.column(0, 2), [0.0; 5]);
    let flat = explained("\"lime\": {}", of(|_| 2.0, &sample), &sample.slice(0, 1));
    assert!(flat.values.iter().all(|value| value.abs() < 1e-12) && flat.extra[1].1 == [1.0] && (flat.base[0] - 2.0).abs() < 1e-12);
}

#[test]
fn a_model_without_an_answer_is_an_error() {
    let sample = data(2);
    let error = method("\"lime\": {}", of(|x| if x[0] > 0.9 { f64::NAN } else { x[0] }, &sample)).err().unwrap();
    assert_eq!(error.to_string(), "lime: the model predicts NaN, which no linear model can follow");
}

/// The table's numbers are those of the same rows explained with each of the seeds.
#[test]
fn other_seeds_are_told_from_their_own_explanations() {
    let sample = data(5);
    let function = |x: &[f64]| x[0] + 0.8 * x[1] + 0.79 * x[2] + 0.78 * x[3] * x[4];
    let settings = "\"lime\": {\"samples\": 300, \"features\": 2, \"stability\": {\"rows\": 3, \"seeds\": 4}}";
    let rows = sample.slice(20, 6);
    let table = method(settings, of(function, &sample)).unwrap().review(&batch(&rows, 50..56)).unwrap().remove(0);
    let seeds = std::iter::once(42).chain((0..4).map(|number| derive(42, "lime stability", number)));
    let models: Vec<_> = seeds
        .map(|seed| {
            let mut subject = of(function, &sample);
            subject.seed = seed;
            explained(settings, subject, &rows)
        })
        .collect();
    let mut line = 0;
    for row in [0, 2, 4] {
        let chosen: Vec<Vec<bool>> =
            models.iter().map(|found| (0..5).map(|feature| found.column(0, feature)[row] != 0.0).collect()).collect();
        let index = |a: &[bool], b: &[bool]| {
            let count = |of: fn(bool, bool) -> bool| a.iter().zip(b).filter(|(a, b)| of(**a, **b)).count() as f64;
            count(|a, b| a && b) / count(|a, b| a || b)
        };
        let jaccard: f64 = (0..5).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| index(&chosen[i], &chosen[j])).sum::<f64>() / 10.0;
        for feature in (0..5).filter(|feature| chosen.iter().any(|chosen| chosen[*feature])) {
            let all: Vec<f64> = models.iter().map(|found| found.column(0, feature)[row]).collect();
            let mean = all.iter().sum::<f64>() / 5.0;
            let std = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4.0).sqrt();
            assert_eq!(
                (table.integers("row_id").value(line), table.texts("feature").value(line)),
                (50 + row as i64, &*format!("x{feature}"))
            );
            let share = chosen.iter().filter(|chosen| chosen[feature]).count() as f64 / 5.0;
            let expected = [
                all[0],
                mean,
                std,
                all.iter().copied().fold(f64::MAX, f64::min),
                all.iter().copied().fold(f64::MIN, f64::max),
                share,
                jaccard,
            ];
            for (column, expected) in ["coefficient", "mean", "std", "low", "high", "chosen", "jaccard"].into_iter().zip(expected) {
                assert!((table.numbers(column).value(line) - expected).abs() < 1e-12, "{row} {feature} {column}");
            }
            assert_eq!(table.integers("seeds").value(line), 5);
            line += 1;
        }
    }
    assert_eq!(line, table.len());
}

#[test]
fn one_feature_and_one_row_have_plain_answers() {
    let sample = FeatureBlock::new(1, vec![3.0]);
    let found = explained("\"lime\": {}", of(|x| 2.0 * x[0], &sample), &sample);
    assert_eq!((found.values.as_slice(), found.base.as_slice(), found.extra[1].1.as_slice()), (&[0.0][..], &[6.0][..], &[1.0][..]));
    let off = method("\"lime\": {\"stability\": null}", of(|x| x[0], &sample)).unwrap();
    assert!(off.review(&batch(&sample, [1])).unwrap().is_empty());
}
