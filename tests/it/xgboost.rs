//! XGBoost models against XGBoost's own predictions, in both encodings.

use std::num::NonZeroUsize;
use std::path::Path;

use pipeline::dataset::FeatureBlock;
use pipeline::model::{Card, Forest, Iterations, Link, Model, apply_link, load};

use crate::golden::{block, columns, folders, named_block, outputs};

fn models() -> Vec<std::path::PathBuf> {
    folders("xgboost").into_iter().filter(|folder| !folder.ends_with("gblinear")).collect()
}

fn read(folder: &Path, file: &str, iterations: Iterations) -> Model {
    load(&folder.join(file), "auto", iterations).unwrap()
}

fn rows(folder: &Path, forest: &Forest) -> FeatureBlock {
    block(&folder.join("rows.parquet"), &forest.features.iter().map(|feature| feature.name.clone()).collect::<Vec<_>>())
}

/// Steps of f32 between two finite numbers.
fn steps(a: f64, b: f64) -> u64 {
    let order = |x: f64| {
        let bits = i64::from((x as f32).to_bits().cast_signed());
        if bits < 0 { i64::from(i32::MIN) - bits } else { bits }
    };
    order(a).abs_diff(order(b))
}

fn bits(values: &[f64]) -> Vec<u32> {
    values.iter().map(|value| (*value as f32).to_bits()).collect()
}

/// How far rounding to f32 at each of T products and T sums can take a margin: 2T roundings of at most 2⁻²⁴ of all terms' magnitude.
fn rounding_bound(forest: &Forest) -> f64 {
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let terms: f64 = forest.trees.iter().map(|tree| tree.scale.abs() * largest(&tree.leaf_values)).sum();
    2.0 * forest.trees.len() as f64 * f64::from(f32::EPSILON / 2.0) * (terms + largest(&forest.base))
}

/// Raw predictions are those of XGBoost bit for bit, of all rounds and of fewer.
#[test]
fn margins_are_xgboosts_own() {
    let three = Iterations::First(NonZeroUsize::new(3).unwrap());
    for folder in models() {
        let expected = columns(&folder.join("expected.parquet"));
        for file in ["model.json", "model.ubj"] {
            for (prefix, iterations) in
                [("margin_", Iterations::All), ("margin_first_3_rounds_", three), ("margin_best_", Iterations::Best)]
            {
                let expected = outputs(&expected, prefix);
                if expected.is_empty() {
                    continue;
                }
                let forest = read(&folder, file, iterations).forest;
                let found = forest.native_margins(&rows(&folder, &forest));
                assert_eq!(bits(&found), bits(&expected.concat()), "{prefix}* of {}/{file}", folder.display());
            }
        }
    }
}

/// Files that older releases wrote, against the predictions of those releases.
#[test]
fn margins_of_older_releases_are_their_own() {
    for folder in ["1.1.1", "1.7.6", "2.1.4"].into_iter().flat_map(|release| folders(&format!("xgboost_older/{release}"))) {
        let expected = outputs(&columns(&folder.join("expected.parquet")), "margin_");
        // 1.1 writes no feature names: columns stand in the model's order.
        let rows: Vec<Vec<f64>> = columns(&folder.join("rows.parquet")).into_iter().map(|(_, values)| values).collect();
        let rows = FeatureBlock::new(rows[0].len(), rows.concat());
        for file in ["model.json", "model.ubj"].into_iter().filter(|file| folder.join(file).exists()) {
            let forest = read(&folder, file, Iterations::All).forest;
            assert_eq!(bits(&forest.native_margins(&rows)), bits(&expected.concat()), "{}/{file}", folder.display());
        }
    }
}

/// Predictions after the link are within 4 steps of f32, and sums in f64 are as close to the raw ones as f32 sums can be.
#[test]
fn predictions_and_f64_margins_are_close() {
    for folder in models() {
        let expected = columns(&folder.join("expected.parquet"));
        let Model { forest, card } = read(&folder, "model.json", Iterations::All);
        let rows = rows(&folder, &forest);
        let native = forest.native_margins(&rows);
        let mut found = native.clone();
        apply_link(forest.link, rows.rows(), &mut found);
        let predictions = outputs(&expected, "prediction_");
        if card.objective == "multi:softmax" {
            for (row, class) in predictions[0].iter().enumerate() {
                let column = |class: usize| found[class * rows.rows() + row];
                let best = (0..forest.outputs.len()).max_by(|a, b| column(*a).total_cmp(&column(*b)));
                assert_eq!(best, Some(*class as usize), "{}", folder.display());
            }
        } else {
            for (cell, (found, expected)) in found.iter().zip(predictions.concat()).enumerate() {
                // Expectiles are sums in f32 that start from the row's first margin.
                let start = if forest.link == Link::Gaps { native[cell % rows.rows()].abs() } else { 0.0 };
                let close = (found - expected).abs() <= 4.0 * f64::from(f32::EPSILON) * start || steps(*found, expected) <= 4;
                assert!(close, "{found} against {expected} in {}", folder.display());
            }
        }
        let bound = rounding_bound(&forest);
        for (exact, native) in forest.margins(&rows).iter().zip(&native) {
            assert!((exact - native).abs() <= bound, "{exact} against {native}, {bound} apart at most, in {}", folder.display());
        }
    }
}

/// Both encodings of a model are one model.
#[test]
fn ubjson_and_json_say_the_same() {
    for folder in models() {
        let (json, ubjson) = (read(&folder, "model.json", Iterations::All), read(&folder, "model.ubj", Iterations::All));
        assert!(json.forest == ubjson.forest, "{}", folder.display());
        // Goldens rewritten as older releases wrote JSON differ in their version alone.
        let card = Card { version: ubjson.card.version.clone(), ..json.card };
        assert_eq!(card, ubjson.card);
    }
}

/// Real models with category names: names and nulls of the data become codes and NaN.
#[test]
fn margins_on_real_data_are_xgboosts_own() {
    for folder in folders("real") {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/credit-model.json");
        let model = Some(folder.join("model.json")).filter(|model| model.exists()).unwrap_or(shipped);
        let forest = load(&model, "xgboost", Iterations::All).unwrap().forest;
        let found = forest.native_margins(&named_block(&folder.join("rows.parquet"), &forest.features));
        let expected = outputs(&columns(&folder.join("expected.parquet")), "margin_");
        assert_eq!(bits(&found), bits(&expected.concat()), "{}", folder.display());
    }
}
