//! CatBoost models against CatBoost's own predictions, from JSON and `.cbm`.

use std::path::PathBuf;
use std::sync::Arc;

use pipeline::dataset::{FeatureBlock, UNKNOWN_CATEGORY};
use pipeline::model::{Cover, Feature, FeatureKind, Iterations, apply_link};
use pipeline::pattern::Attributor;

use crate::conformance::{attributions_are_exact, bits, own_margins, read, rows};
use crate::golden::{columns, folder, folders, outputs};

const FILES: [&str; 2] = ["model.json", "model.cbm"];
const REFUSED: [&str; 2] = ["ctr_combination", "text"];

fn models() -> Vec<PathBuf> {
    folders("catboost").into_iter().filter(|folder| REFUSED.iter().all(|refused| !folder.ends_with(refused))).collect()
}

/// Raw predictions are those of CatBoost bit for bit, of all rounds and of fewer.
#[test]
fn margins_are_catboosts_own() {
    own_margins(&models(), &FILES, |forest, rows, expected, place| {
        let found = forest.native_margins(rows);
        if forest.trees[0].scale == 1.0 {
            assert_eq!(bits(&found), bits(expected), "{place}");
        }
        // With a scale of the user's, CatBoost multiplies the sum, not the terms.
        let close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= 1e-15 * expected.abs());
        assert!(close, "{place}");
    });
}

/// Predictions after the link, from CatBoost's own margins.
#[test]
fn predictions_are_catboosts_own() {
    for folder in models() {
        let expected = columns(&folder.join("expected.parquet"));
        let (margins, predictions) = (outputs(&expected, "margin_"), outputs(&expected, "prediction_"));
        let mut found = margins.concat();
        apply_link(read(&folder, "model.json", Iterations::All).forest.link, margins[0].len(), &mut found);
        for (found, expected) in found.iter().zip(predictions.concat()) {
            assert!((found - expected).abs() <= 1e-15 * expected.abs(), "{found} against {expected} in {}", folder.display());
        }
    }
}

#[test]
fn attributions_are_those_of_enumeration() {
    for folder in models() {
        attributions_are_exact(&folder, &Arc::new(read(&folder, "model.json", Iterations::All).forest), true);
    }
}

/// Where CatBoost's own values are right, they are these: on oblivious trees.
#[test]
fn catboosts_own_contributions_agree_on_oblivious_trees() {
    for folder in models() {
        let own = columns(&folder.join("contrib.parquet"));
        let forest = Arc::new(read(&folder, "model.json", Iterations::All).forest);
        let rows = rows(&folder, "rows.parquet", &forest);
        let found = Attributor::path_dependent(forest.clone()).unwrap().attribute(&rows).values;
        let largest = found.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let wrong = ["depthwise", "lossguide"].iter().any(|policy| folder.file_name().unwrap().to_str().unwrap().starts_with(policy));
        let mut worst = 0.0_f64;
        for (column, found) in found.chunks_exact(rows.rows()).enumerate() {
            let (output, feature) = (column / forest.features.len(), &forest.features[column % forest.features.len()].name);
            let Some((_, own)) = own.iter().find(|(name, _)| *name == format!("catboost_{output}_{feature}")) else { continue };
            worst = found.iter().zip(own).fold(worst, |worst, (a, b)| worst.max((a - b).abs() / largest));
        }
        assert!(if wrong { worst > 1e-2 } else { worst <= 1e-12 }, "{worst:e} in {}", folder.display());
    }
}

/// Both forms of a model are one model; texts of categories are in JSON alone, and order their codes.
#[test]
fn json_and_cbm_say_the_same() {
    for folder in models() {
        let (json, cbm) = (read(&folder, "model.json", Iterations::All), read(&folder, "model.cbm", Iterations::All));
        assert_eq!(json.card, cbm.card);
        let texts = |feature: &Feature| match &feature.kind {
            FeatureKind::Categorical { names: Some(names), .. } => names.iter().any(|name| !name.starts_with("hash ")),
            _ => false,
        };
        assert!(json.forest == cbm.forest || json.forest.features.iter().any(texts), "{}", folder.display());
    }
}

/// What a file says of its features and outputs, as `inspect` shows it.
#[test]
fn features_and_outputs_are_named() {
    let forest = |variant: &str| read(&folder("catboost").join(variant), "model.json", Iterations::All).forest;
    let names = |variant: &str, feature: usize| match &forest(variant).features[feature].kind {
        FeatureKind::Categorical { names, .. } => names.clone().unwrap(),
        FeatureKind::Numeric => panic!("feature {feature} of {variant} is numeric"),
    };
    assert_eq!(names("ctr_binary", 3), ["missing", "round", "square", "star"]);
    assert_eq!(names("ctr_regression", 4), ["-999", "10", "20", "30", "40", "50"]);
    assert!(names("ctr_no_texts", 3).iter().all(|name| name.starts_with("hash ")));
    assert_eq!(forest("unnamed").features.iter().map(|feature| feature.name.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "3", "4"]);
    assert_eq!(forest("multiclass_named").outputs, ["high", "low", "middle"]);
    assert_eq!(forest("multilabel").outputs, ["0", "1", "2"]);
    assert_eq!(forest("binary_labels").outputs, ["0"]);
    assert_eq!(forest("weights").cover, Cover::Weight);
}

/// What else a validator should know is in the card.
#[test]
fn cards_tell_what_numbers_do_not() {
    let card = |variant: &str| read(&folder("catboost").join(variant), "model.cbm", Iterations::All).card;
    let has = |variant: &str, note: &str| card(variant).notes.iter().any(|found| found.contains(note));
    assert!(has("stump", "trees are oblivious") && has("lossguide", "not oblivious"));
    assert!(has("ctr_beside_onehot", "categories of `colour` are split by statistics"));
    assert!(has("scaled", "scaled by 0.3"));
    let card = card("reg_tweedie");
    assert_eq!((card.objective.as_str(), card.version.as_deref(), card.rounds), ("Tweedie:variance_power=1.3", Some("1.2.10"), 10));
}

/// A category that no split knows and a missing one are the same to a model.
#[test]
fn missing_categories_count_as_unknown() {
    for variant in ["onehot_texts", "ctr_binary", "lossguide_ctr"] {
        let forest = read(&folder("catboost").join(variant), "model.json", Iterations::All).forest;
        let row = |category: f64| forest.features.iter().map(|feature| if feature.is_categorical() { category } else { 0.0 }).collect();
        let margins = forest.margins(&FeatureBlock::from_rows(&[row(f64::NAN), row(UNKNOWN_CATEGORY)]));
        assert_eq!(margins[0].to_bits(), margins[1].to_bits(), "{variant}");
    }
}
