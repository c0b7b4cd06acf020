//! ONNX models against onnxruntime's own scores, and their attributions against enumeration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::model::{Cover, CoverCounter, Forest, Iterations, Link, Model, Width, apply_link, load};

use crate::conformance::{attributions_are_exact, interventional_values_are_exact, rows};
use crate::golden::{columns, folder, folders, outputs};

/// Models that are refused.
const REFUSED: [&str; 2] = ["ada_boost", "bagging"];
/// Models whose trees are cut at equal values: their paths are not the file's.
const CUT: [&str; 3] = ["lightgbm_categorical", "modes_equal", "version_5_member"];

fn models() -> Vec<PathBuf> {
    folders("onnx").into_iter().filter(|folder| REFUSED.iter().all(|refused| !folder.ends_with(refused))).collect()
}

fn read(folder: &Path) -> Model {
    load(&folder.join("model.onnx"), "auto", Iterations::All).unwrap()
}

fn expected(folder: &Path, prefix: &str) -> Vec<f64> {
    outputs(&columns(&folder.join("expected.parquet")), prefix).concat()
}

fn bits(values: &[f64]) -> Vec<u32> {
    values.iter().map(|value| (*value as f32).to_bits()).collect()
}

/// How far rounding to f32 at each of T sums and a division can take a margin.
fn rounding_bound(forest: &Forest) -> f64 {
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let terms: f64 = forest.trees.iter().map(|tree| tree.scale.abs() * largest(&tree.leaf_values)).sum();
    (forest.trees.len() + 2) as f64 * f64::from(f32::EPSILON / 2.0) * (terms + largest(&forest.base))
}

/// Scores are those of onnxruntime bit for bit; it rounds them to f32 in the end even where it computes in f64. Those of isolation forests
/// are path lengths of one row at a time: of several, onnxruntime's logarithms differ in their last bits.
#[test]
fn margins_are_onnxruntimes_own() {
    for folder in models().iter().filter(|folder| !folder.ends_with("average")) {
        let forest = read(folder).forest;
        let found = forest.native_margins(&rows(folder, "rows.parquet", &forest));
        // A factor behind the exponential is a part of the base here.
        if !folder.ends_with("xgboost_poisson") {
            assert_eq!(bits(&found), bits(&expected(folder, "margin_")), "{}", folder.display());
        }
    }
}

/// Sums in f64, the mean over trees among them, are as close to onnxruntime's as f32 allows, and so are predictions.
#[test]
fn predictions_and_f64_margins_are_close() {
    for folder in models() {
        let forest = read(&folder).forest;
        let rows = rows(&folder, "rows.parquet", &forest);
        let margins = forest.margins(&rows);
        if !folder.ends_with("xgboost_poisson") {
            for (found, expected) in margins.iter().zip(expected(&folder, "margin_")) {
                assert!((found - expected).abs() <= rounding_bound(&forest), "{found} against {expected} in {}", folder.display());
            }
        }
        let mut found = margins;
        apply_link(forest.link, rows.rows(), &mut found);
        let expected = expected(&folder, "prediction_");
        assert_eq!(found.len(), expected.len(), "{}", folder.display());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} against {expected} in {}", folder.display());
        }
    }
}

/// The forest with covers counted on the golden's background.
fn covered(folder: &Path) -> Arc<Forest> {
    let mut counter = CoverCounter::new(Arc::new(read(folder).forest));
    counter.count(&rows(folder, "background.parquet", counter.forest()), None);
    Arc::new(counter.finish())
}

#[test]
fn attributions_are_those_of_enumeration() {
    for folder in models() {
        let with_base = !folder.ends_with("xgboost_poisson");
        let forest = covered(&folder);
        assert_eq!(forest.cover, Cover::Background);
        if CUT.iter().any(|cut| folder.ends_with(cut)) {
            interventional_values_are_exact(&folder, &forest, with_base);
        } else {
            attributions_are_exact(&folder, &forest, with_base);
        }
    }
}

/// What scikit-learn, XGBoost and LightGBM themselves predict on rows that they take is within f32 of the conversion, where it is faithful.
#[test]
fn outputs_and_links_are_the_operators() {
    let model = |variant: &str| read(&folder(&format!("onnx/{variant}")));
    let outputs = |variant: &str| model(variant).forest.outputs;
    assert_eq!(outputs("random_forest_targets"), ["0", "1", "2"]);
    assert_eq!(outputs("random_forest_binary"), ["1"]);
    assert_eq!(outputs("decision_tree_words"), ["yes"]);
    assert_eq!(outputs("gradient_boosting_multiclass"), ["0", "1", "2"]);
    let link = |variant: &str| model(variant).forest.link;
    assert_eq!(link("random_forest_binary"), Link::Identity);
    assert_eq!(link("xgboost_binary"), Link::Logistic);
    assert_eq!(link("xgboost_multiclass"), Link::Softmax);
    assert_eq!(link("lightgbm_poisson"), Link::Exp);
    assert_eq!(link("lightgbm_rf"), Link::Scaled(0.01, &Link::Identity), "onnxmltools divides by 100, whatever the number of rounds");
    let names = |variant: &str| model(variant).forest.features.into_iter().map(|feature| feature.name).collect::<Vec<_>>();
    assert_eq!(names("pipeline_names"), ["length", "width", "height", "count", "weight"]);
    assert_eq!(names("pipeline"), ["f0", "f1", "f2", "f3", "f4"]);
    assert_eq!(outputs("isolation_forest"), ["0"]);
    // scikit-learn's offset is −0.5 unless it follows from a share of contamination; trees of 32 random rows are 6.6 deep on average.
    let Link::Isolation { length, offset } = link("isolation_forest") else { panic!("{:?}", link("isolation_forest")) };
    assert!((length - 5.0 * (2.0 * (31.0_f64.ln() + 0.577_215_664_901_532_9) - 2.0 * 31.0 / 32.0)).abs() <= 1e-6 * length);
    assert_eq!(offset, 0.5);
    let card = model("isolation_forest").card;
    assert_eq!((card.objective.as_str(), card.rounds), ("5 × TreeEnsembleRegressor", 5));
    assert!(card.notes.iter().any(|note| note.starts_with("an isolation forest")));
    assert_eq!((model("double").forest.compare, model("double").forest.summation.width), (Width::F64, Width::F64));
    let card = model("random_forest").card;
    assert_eq!((card.objective.as_str(), card.rounds), ("TreeEnsembleRegressor", 6));
    assert!(card.version.unwrap().starts_with("skl2onnx"));
}

/// Weights count, and a background without a row at a node is no fault.
#[test]
fn covers_are_sums_of_background_weights() {
    let forest = Arc::new(read(&folder("onnx/modes")).forest);
    let mut counter = CoverCounter::new(Arc::clone(&forest));
    // Length decides at the first tree's root, and 0.25 is not above its threshold.
    counter.count(&FeatureBlock::from_rows(&[vec![0.25, 9.0, -9.0, 0.0, 0.0], vec![f64::NAN, 9.0, -9.0, 0.0, 0.0]]), Some(&[3.0, 0.5]));
    let tree = &counter.finish().trees[0];
    assert_eq!((tree.nodes[0].cover, tree.nodes[1].cover, tree.nodes[2].cover), (3.5, 3.0, 0.5));
}
