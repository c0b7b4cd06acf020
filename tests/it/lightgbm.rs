//! LightGBM models against LightGBM's own predictions, from its text and its JSON dump.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::model::{Card, Cover, FeatureKind, Iterations, Link, Missing, Model, NodeKind, Output, Rule, Split, apply_link};
use pipeline::pattern::{Attributor, BackgroundCounter, ForestPredictor, PatternError};

use crate::conformance::{THREE, attributions_are_exact, bits, own_margins, read, rows};
use crate::golden::{columns, folder, folders, named_block, outputs};

const FILES: [&str; 2] = ["model.txt", "model.json"];

fn models() -> Vec<PathBuf> {
    folders("lightgbm").into_iter().filter(|folder| !folder.ends_with("missing_contradicts")).collect()
}

fn is_linear(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("linear_"))
}

/// Raw predictions are those of LightGBM bit for bit, of all rounds and of fewer; sums for attributions are the same sums.
#[test]
fn margins_are_lightgbms_own() {
    own_margins(&models(), &FILES, |forest, rows, expected, place| {
        assert_eq!(bits(&forest.native_margins(rows)), bits(expected), "{place}");
        assert_eq!(bits(&forest.margins(rows)), bits(expected), "{place}");
    });
}

/// Files that older releases wrote, against the raw predictions and predictions of those releases.
#[test]
fn margins_and_predictions_of_older_releases_are_their_own() {
    for folder in ["2.2.3", "2.3.1", "3.3.5"].into_iter().flat_map(|release| folders(&format!("lightgbm_older/{release}"))) {
        let expected = columns(&folder.join("expected.parquet"));
        for file in FILES.into_iter().filter(|file| folder.join(file).exists()) {
            let forest = read(&folder, file, Iterations::All).forest;
            let rows = rows(&folder, "rows.parquet", &forest);
            let mut found = forest.native_margins(&rows);
            assert_eq!(bits(&found), bits(&outputs(&expected, "margin_").concat()), "{}/{file}", folder.display());
            apply_link(forest.link, rows.rows(), &mut found);
            for (found, expected) in found.iter().zip(outputs(&expected, "prediction_").concat()) {
                assert!((found - expected).abs() <= 1e-15 * expected.abs(), "{found} against {expected} in {}", folder.display());
            }
        }
    }
}

/// Predictions after the link, from LightGBM's own margins.
#[test]
fn predictions_are_lightgbms_own() {
    for folder in models() {
        let expected = columns(&folder.join("expected.parquet"));
        for (suffix, iterations) in [("", Iterations::All), ("first_3_rounds_", THREE)] {
            let (margins, predictions) =
                (outputs(&expected, &format!("margin_{suffix}")), outputs(&expected, &format!("prediction_{suffix}")));
            let (Some(rows), mut found) = (margins.first().map(Vec::len), margins.concat()) else { continue };
            apply_link(read(&folder, "model.txt", iterations).forest.link, rows, &mut found);
            for (found, expected) in found.iter().zip(predictions.concat()) {
                // Linear leaves make infinities and NaN of infinite values.
                let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
                let close = (found - expected).abs() <= 1e-15 * expected.abs();
                assert!(same || close, "{found} against {expected} in {}", folder.display());
            }
        }
    }
}

/// Text and dump of a model are one model, infinite thresholds included.
#[test]
fn text_and_json_say_the_same() {
    for folder in models() {
        let (text, json) = (read(&folder, "model.txt", Iterations::All), read(&folder, "model.json", Iterations::All));
        assert!(text.forest == json.forest, "{}", folder.display());
        // The dump does not tell the way of boosting.
        let notes = text.card.notes.into_iter().filter(|note| !note.starts_with("trained with boosting")).collect();
        assert_eq!(Card { notes, ..text.card }, json.card);
    }
}

/// Names of the data become codes, in the order of pandas' categories.
#[test]
fn margins_of_named_rows_are_those_of_codes() {
    for variant in ["names", "integers", "flags", "constant", "multiclass", "rf"] {
        let folder = folder(&format!("lightgbm/categorical_{variant}"));
        let forest = read(&folder, "model.txt", Iterations::All).forest;
        let found = forest.native_margins(&named_block(&folder.join("rows_named.parquet"), &forest.features));
        let expected = outputs(&columns(&folder.join("expected.parquet")), "margin_").concat();
        assert_eq!(bits(&found), bits(&expected), "{variant}");
    }
}

#[test]
fn attributions_are_those_of_enumeration() {
    for folder in models().into_iter().filter(|folder| !is_linear(folder)) {
        attributions_are_exact(&folder, &Arc::new(read(&folder, "model.txt", Iterations::All).forest), true);
    }
}

/// Both games refuse linear leaves, from either file, and say what to do; a tree whose leaves are constants is none.
#[test]
fn linear_trees_have_no_attributions() {
    let linear: Vec<PathBuf> = models().into_iter().filter(|folder| is_linear(folder)).collect();
    assert_eq!(linear.len(), 8);
    for (folder, file) in linear.iter().flat_map(|folder| FILES.map(|file| (folder, file))) {
        let Model { forest, card } = read(folder, file, Iterations::All);
        assert!(card.notes.iter().any(|note| note.starts_with("linear trees:")), "{:?}", card.notes);
        let forest = Arc::new(forest);
        let rows = rows(folder, "rows.parquet", &forest);
        let predicted = ForestPredictor::new(forest.clone(), Output::Margin).margins(&rows);
        assert_eq!(bits(&predicted), bits(&outputs(&columns(&folder.join("expected.parquet")), "margin_").concat()));
        let first = forest.trees.iter().position(|tree| !tree.linear.is_empty()).unwrap();
        let (path_dependent, interventional) = (Attributor::path_dependent(forest.clone()).err(), BackgroundCounter::new(forest).err());
        assert_eq!(path_dependent, Some(PatternError::LinearLeaves { tree: first }), "{}", folder.display());
        assert_eq!(interventional, path_dependent);
        assert!(path_dependent.unwrap().to_string().contains("train with linear_tree=false"));
    }
    // LightGBM's first tree holds functions of nothing.
    let first = read(&folder("lightgbm/linear_tree"), "model.txt", Iterations::First(NonZeroUsize::MIN)).forest;
    assert!(first.trees[0].linear.is_empty() && Attributor::path_dependent(Arc::new(first)).is_ok());
}

/// What each file says of its features, as `inspect` shows it.
#[test]
fn features_tell_what_the_file_does() {
    let features = |variant: &str| read(&folder(&format!("lightgbm/{variant}")), "model.txt", Iterations::All).forest.features;
    let missing = |variant: &str| features(variant).into_iter().map(|feature| feature.missing).collect::<Vec<_>>();
    assert_eq!(missing("missing_nan")[..2], [Missing::Nan, Missing::Nan]);
    assert_eq!(missing("missing_none")[0], Missing::NanIsZero);
    assert_eq!(missing("use_missing_false")[..2], [Missing::NanIsZero, Missing::NanIsZero]);
    assert_eq!(missing("zero_as_missing")[0], Missing::ZeroOrNan);
    // Length and width have gaps in the second part of training only: NaN is read as 0 by the splits of the first.
    let changed = read(&folder("lightgbm/missing_changes"), "model.txt", Iterations::First(NonZeroUsize::new(4).unwrap())).forest;
    assert_eq!(changed.features[0].missing, Missing::Nan);
    let first = &changed.trees[0].nodes[0].kind;
    assert!(matches!(first, NodeKind::Split(Split { rule: Rule::LessOrEqual(cut), missing_left, .. }) if *missing_left == (*cut >= 0.0)));
    let names = |variant: &str, feature: usize| match &features(variant)[feature].kind {
        FeatureKind::Categorical { names, .. } => names.clone(),
        FeatureKind::Numeric => panic!("feature {feature} of {variant} is numeric"),
    };
    assert_eq!(names("categorical_flags", 1).unwrap(), ["false", "true"]);
    assert_eq!(names("categorical_flags", 3).unwrap(), ["0.5", "1.0", "1e300"]);
    assert_eq!(names("categorical_flags", 4).unwrap(), ["40", "10", "30", "20", "50"]);
    assert_eq!(names("categorical_names", 3).unwrap(), ["round", "square", "star"]);
    assert_eq!(names("categorical_codes", 3), None);
    assert_eq!(names("categorical_constant", 3).unwrap(), ["blue"]);
    assert_eq!(names("categorical_ordered", 3).unwrap(), ["round", "square", "star"]);
    assert_eq!(features("accented")[0].name, "länge=1");
}

/// What else a validator should know is in the card.
#[test]
fn cards_tell_what_numbers_do_not() {
    let model = |variant: &str| read(&folder(&format!("lightgbm/{variant}")), "model.txt", Iterations::All);
    let has = |variant: &str, note: &str| model(variant).card.notes.iter().any(|found| found.contains(note));
    assert!(has("rf_binary", "predictions are of the mean over rounds"));
    assert!(has("rf_binary", "boosting=rf") && has("dart", "boosting=dart"));
    assert!(has("own_objective", "an objective of the user's own"));
    assert!(has("categorical_mixed_names", "name the categories in data.categories") && !has("categorical_names", "data.categories"));
    let Model { forest, card } = model("rf_binary");
    assert_eq!((card.objective.as_str(), card.version.as_deref(), card.rounds), ("binary sigmoid:0.7", Some("v4"), 5));
    assert_eq!((forest.link, forest.cover), (Link::Scaled(0.7 / 5.0, &Link::Logistic), Cover::Count));
    let block = FeatureBlock::from_rows(&[vec![0.0; 5]]);
    assert_eq!(forest.native_margins(&block).len(), 1);
}
