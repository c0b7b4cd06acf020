//! Damaged and hostile XGBoost files: each fault has a message that tells its place.

use pipeline::model::{Iterations, ReadError, load};
use serde_json::{Value, json};

use crate::golden::{Goldens, folder};

const FILES: Goldens = Goldens("xgboost");

/// The message with which a golden model is refused after `damage`.
fn refusal(variant: &str, damage: impl FnOnce(&mut Value)) -> String {
    FILES.refusal(variant, &FILES.changed(variant, damage))
}

fn booster(model: &mut Value) -> &mut Value {
    &mut model["learner"]["gradient_booster"]["model"]
}

#[test]
fn faults_of_a_tree_are_named_with_tree_and_node() {
    let cases: [(&str, &str, Value, &str); 15] = [
        ("left_children", "/1", json!(0), "tree 2, node 1: child 0 is reached twice"),
        ("left_children", "/1", json!(999), "tree 2, node 1: child 999 does not exist"),
        ("left_children", "/1", json!(-7), "tree 2, node 1: child -7 does not exist"),
        ("left_children", "/0", json!(3), "tree 2, node 1: is not reachable from the root"),
        ("split_indices", "/0", json!(77), "tree 2, node 0: splits on feature 77, but the model has 5"),
        ("split_indices", "/0", json!(-1), "tree 2, node 0: feature -1 does not exist"),
        ("split_indices", "/1", json!(i32::MAX), "tree 2, node 0: child 1 was deleted from the tree"),
        ("split_conditions", "/0", Value::Null, "tree 2, node 0: threshold on `length` is NaN"),
        ("sum_hessian", "/0", json!(-1.0), "tree 2, node 0: cover -1 is not a finite number ≥ 0"),
        ("split_type", "/0", json!(1), "tree 0, node 0: splits categorical feature `length` by a threshold"),
        ("split_indices", "", json!([0, 0]), "`split_indices` of 2"),
        ("sum_hessian", "", json!([1.0]), "`sum_hessian` of 1"),
        ("tree_param", "/num_nodes", json!("4"), "`num_nodes` of 4"),
        ("tree_param", "/size_leaf_vector", json!("9"), "tree 2: leaves hold 9 values, but the model has 1 outputs"),
        ("id", "", json!(7), "tree 2 has id 7: trees are missing or out of order"),
    ];
    for (key, place, value, message) in cases {
        let found = refusal("reg_squarederror", |model| *booster(model)["trees"][2][key].pointer_mut(place).unwrap() = value);
        assert!(found.contains(message), "{key}{place}: {found}");
    }
}

#[test]
fn faults_of_categories_are_named() {
    let cases: [(&str, Value, &str); 4] = [
        ("categories_sizes", json!([]), "do not divide `categories`"),
        ("categories_segments", json!(usize::MAX), "splits by categories, but has none"),
        ("categories", json!(1 << 24), "has a category code that is not from 0 to 16777215"),
        ("categories", json!(-1), "has a category code that is not from 0 to 16777215"),
    ];
    for (key, value, message) in cases {
        let found = refusal("categorical_names", |model| {
            let trees = booster(model)["trees"].as_array_mut().unwrap();
            let tree = trees.iter_mut().find(|tree| tree["categories"].as_array().is_some_and(|list| !list.is_empty())).unwrap();
            if value.is_array() { tree[key] = value } else { tree[key][0] = value }
        });
        assert!(found.contains(message), "{key}: {found}");
    }
    let names: [(&str, Value, &str); 4] = [
        ("/1/offsets/3", json!(1_000_000), "categories of feature `colour`: no text from byte 11 to 1000000"),
        ("/1/offsets/3", json!(0), "categories of feature `colour`: no text from byte 11 to 0"),
        ("/1/values/0", json!(-1), "is not UTF-8"),
        ("/1/values/0", json!(300), "categories of feature `colour`: 300 is not a byte of text"),
    ];
    for (place, value, message) in names {
        let found = refusal("categorical_names", |model| *booster(model)["cats"]["enc"].pointer_mut(place).unwrap() = value);
        assert!(found.contains(message), "{place}: {found}");
    }
    let unlisted = refusal("categorical_names", |model| {
        for tree in booster(model)["trees"].as_array_mut().unwrap() {
            for key in ["categories", "categories_nodes", "categories_segments", "categories_sizes"] {
                tree[key] = json!([]);
            }
        }
    });
    assert!(unlisted.ends_with("splits by categories, but `categories_nodes` does not list it"), "{unlisted}");
    let twice = refusal("categorical_integers", |model| booster(model)["cats"]["enc"][3]["values"] = json!([1, 2, 1]));
    assert_eq!(twice, "categories of feature `shape`: `1` occurs twice");
    let short = refusal("categorical_names", |model| booster(model)["cats"]["enc"] = json!([{"offsets": [], "values": []}]));
    assert_eq!(short, "`cats` has categories of 1 features, but the model has 5");
}

#[test]
fn faults_of_the_whole_are_named() {
    let cases: [(&str, Value, &str); 16] = [
        ("/learner_model_param", json!({"num_feature": "5"}), "`learner_model_param.base_score` is missing"),
        ("/learner_model_param/base_score", json!("1.5"), "base_score 1.5 is not one that this objective allows"),
        ("/learner_model_param/base_score", json!("[1E-1,2E-1]"), "1 outputs with 2 base scores"),
        ("/learner_model_param/base_score", json!("high"), "invalid value: string \"high\", expected a number or a list of numbers"),
        ("/learner_model_param/num_class", json!("4000000000"), "4000000000 outputs are declared, but trees have fewer"),
        ("/learner_model_param/num_feature", json!("6"), "`feature_names` has 5 names, but the model has 6 features"),
        ("/feature_types", json!(["float"]), "`feature_types` has 1 types, but the model has 5 features"),
        ("/feature_names", json!(["a", "b", "a", "c", "d"]), "feature name `a` occurs twice"),
        ("/objective/name", json!("reg:unheardof"), "objective `reg:unheardof` is not known"),
        ("/gradient_booster/name", json!("forest"), "booster `forest` is not known"),
        ("/gradient_booster/model", Value::Null, "`model` of the booster is missing"),
        ("/gradient_booster/model/tree_info", json!([0]), "the file holds 12 trees, but `tree_info` tells of 1"),
        ("/gradient_booster/model/gbtree_model_param/num_trees", json!("3"), "the file holds 12 trees, but `num_trees` tells of 3"),
        ("/gradient_booster/model/iteration_indptr/4", json!(40), "boosting rounds do not divide the 12 trees"),
        ("/gradient_booster/model/tree_info/3", json!(5), "tree 3: adds to output 5, which does not exist"),
        ("/attributes", json!({"best_iteration": "last"}), "attribute best_iteration is `last`"),
    ];
    for (place, value, message) in cases {
        let found = refusal("binary_logistic", |model| *model["learner"].pointer_mut(place).unwrap() = value);
        assert!(found.contains(message), "{place}: {found}");
    }
    let unnamed = refusal("unnamed", |model| model["learner"]["learner_model_param"]["num_feature"] = json!("3000000000"));
    assert!(unnamed.contains("3000000000 features without names; at most 100000"), "{unnamed}");
}

#[test]
fn what_is_not_a_model_file_is_named_with_its_place_in_the_file() {
    let (json, ubjson) = (FILES.bytes("binary_logistic/model.json"), FILES.bytes("binary_logistic/model.ubj"));
    let text = |bytes: &[u8]| FILES.read(bytes).err().map(|error| error.to_string()).unwrap_or_default();
    let cut = json.len() / 2;
    assert!(text(&json[..cut]).contains(&format!("at line 1 column {cut}")), "{}", text(&json[..cut]));
    assert_eq!(text(b"{\"learner\": oops}"), "expected value at line 1 column 13");
    assert_eq!(text(b"{}"), "missing field `learner` at line 1 column 2");
    assert!(text(b"not a model").contains("at line 1 column"));
    assert!(text(&[]).contains("at line 1 column 0"));
    let cut = ubjson.len() / 2;
    assert!(text(&ubjson[..cut]).contains("cut short or damaged at byte "), "{}", text(&ubjson[..cut]));
    let wrong = String::from_utf8(json).unwrap().replacen("\"left_children\":[", "\"left_children\":[\"x\",", 1);
    assert!(text(wrong.as_bytes()).starts_with("invalid type: string \"x\", expected i64 at line 1 column"), "{}", text(wrong.as_bytes()));
}

#[test]
fn what_cannot_be_explained_says_why_and_what_to_do() {
    for file in ["gblinear/model.json", "gblinear/model.ubj"] {
        assert!(
            matches!(FILES.read(&FILES.bytes(file)), Err(ReadError::Unsupported(message)) if message.contains("gblinear, which has no trees"))
        );
    }
    // Parameters of 136 bytes, then the names of objective and booster, each after its length.
    let name = |name: &str| [&(name.len() as u64).to_le_bytes(), name.as_bytes()].concat();
    let old = [vec![0; 136], name("reg:squarederror"), name("gbtree"), vec![0; 50]].concat();
    for old in [old.clone(), [b"binf".to_vec(), old].concat()] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), old).unwrap();
        let message = load(file.path(), "auto", Iterations::All).unwrap_err().to_string();
        assert!(message.contains("(xgboost) is not supported: it is in the old binary format"), "{message}");
        assert!(message.contains("booster.save_model(\"model.json\")"), "{message}");
    }
    let more = load(&folder("xgboost/stump/model.json"), "auto", Iterations::First(99.try_into().unwrap())).unwrap_err().to_string();
    assert!(more.contains("99 boosting rounds are asked for, but the file has 12"), "{more}");
}

/// Files of nothing but names, or of trees of one leaf, ask for the most memory a byte.
#[test]
fn memory_stays_within_the_stated_multiple() {
    let mut names: Value = serde_json::from_slice(&FILES.bytes("single_leaf/model.json")).unwrap();
    let mut trees = names.clone();
    let learner = &mut names["learner"];
    learner["feature_names"] = (0..50_000).map(|number| format!("{number:x}")).collect();
    learner["feature_types"] = (0..50_000).map(|_| "q").collect();
    learner["learner_model_param"]["num_feature"] = json!("50000");
    let booster = &mut trees["learner"]["gradient_booster"]["model"];
    let tree = booster["trees"][0].clone();
    let numbered = |id: usize| tree.as_object().unwrap().clone().into_iter().chain([("id".into(), json!(id))]).collect::<Value>();
    booster["trees"] = (0..2_000).map(numbered).collect();
    booster["tree_info"] = (0..2_000).map(|_| 0).collect();
    booster["iteration_indptr"] = (0..=2_000).collect();
    booster["gbtree_model_param"]["num_trees"] = json!("2000");
    for (model, features, least_trees) in [(names, 50_000, 1), (trees, 5, 2_000)] {
        let (bytes, mut found) = (model.to_string(), (0, 0));
        let memory = allocation_counter::measure(|| {
            let forest = FILES.read(bytes.as_bytes()).unwrap().forest;
            found = (forest.features.len(), forest.trees.len());
        });
        assert!(found.0 == features && found.1 >= least_trees, "{found:?}");
        assert!(memory.bytes_max <= 60 * bytes.len() as u64, "{} bytes for a file of {}", memory.bytes_max, bytes.len());
    }
}
