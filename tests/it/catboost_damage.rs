//! Damaged and hostile CatBoost files: each fault has a message that tells its place.

use pipeline::model::{Cover, Iterations, Link, Model, load};
use serde_json::{Value, json};

use crate::golden::{Goldens, folder};

const FILES: Goldens = Goldens("catboost");

/// The messages with which a golden's JSON is refused when one value after another is replaced.
fn faults(variant: &str, cases: &[(&str, Value, &str)]) {
    for (place, value, message) in cases {
        let bytes = FILES.changed(variant, |model| *model.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value.clone());
        let found = FILES.refusal(place, &bytes);
        assert!(found.contains(message), "{place}: {found}");
    }
}

#[test]
fn faults_of_the_whole_are_named() {
    faults(
        "binary_logloss",
        &[
            ("/features_info", json!(3), "invalid type: integer `3`, expected struct FeaturesInfo at line 1"),
            ("/oblivious_trees", Value::Null, "neither `oblivious_trees` nor `trees`"),
            ("/scale_and_bias", json!([1, [0.5, 0.5]]), "1 outputs with 2 biases"),
            ("/scale_and_bias", json!([1, 0.5]), "invalid type: floating point `0.5`, expected a sequence"),
            ("/scale_and_bias/1/0", json!("x"), "invalid type: string \"x\", expected f64"),
            ("/model_info/params/loss_function/type", json!("Unheard"), "loss function `Unheard` is not known"),
            ("/features_info/float_features/1/feature_index", json!(3), "entry 1 of `float_features` has feature_index 3"),
            ("/features_info/float_features/1/flat_feature_index", json!(0), "two features have flat_feature_index 0"),
            ("/features_info/float_features/1/flat_feature_index", json!(-1), "invalid value: integer `-1`"),
            ("/features_info/float_features/1/feature_name", json!("length"), "feature name `length` occurs twice"),
            ("/features_info/float_features/0/nan_value_treatment", json!("AsMaybe"), "unknown variant `AsMaybe`"),
        ],
    );
    let both = FILES.changed("binary_logloss", |model| model["trees"] = json!([]));
    assert!(FILES.refusal("both kinds of trees", &both).contains("both `oblivious_trees` and `trees`"));
    let whole = FILES.bytes("binary_logloss/model.json");
    assert!(FILES.refusal("a cut file", &whole[..whole.len() / 2]).contains("EOF while parsing"));
}

#[test]
fn faults_of_trees_are_named() {
    faults(
        "binary_logloss",
        &[
            ("/oblivious_trees/2/splits/0/split_index", json!(9999), "tree 2: split_index 9999 does not exist"),
            ("/oblivious_trees/2/splits/0/border", json!(0.123), "tree 2: the split with split_index"),
            ("/oblivious_trees/2/splits/0/float_feature_index", json!(4), "is not the one of that number in `features_info`"),
            ("/oblivious_trees/2/leaf_values", json!([1, 2, 3]), "tree 2: 8 leaves of 1 values have 3 values"),
            ("/oblivious_trees/2/leaf_weights", json!([1, 2, 3]), "tree 2: 8 leaves have 3 weights"),
            ("/oblivious_trees/2/leaf_weights/0", json!(-1), "tree 2, node 7: cover -1 is not a finite number"),
            ("/oblivious_trees/2/splits", json!([]), "tree 2: 1 leaves of 1 values have 8 values"),
            ("/oblivious_trees/0/leaf_values", json!([]), "tree 0: 8 leaves have 0 values"),
        ],
    );
    let deep = FILES.changed("stump", |model| {
        let tree = &mut model["oblivious_trees"][1];
        let splits = vec![tree["splits"][0].clone(); 60];
        tree["splits"] = Value::Array(splits);
    });
    assert!(FILES.refusal("sixty levels", &deep).contains("tree 1: 60 splits, but CatBoost's trees have 16 at most"));
    faults(
        "lossguide",
        &[
            ("/trees/1/left", Value::Null, "tree 1: node 0 in depth-first order is neither a split with two children nor a leaf"),
            ("/trees/1/split", Value::Null, "tree 1: node 0 in depth-first order is neither"),
            ("/trees/1/split/split_index", json!(77777), "tree 1: split_index 77777 does not exist"),
            ("/trees/1/right", json!({"value": [1, 2], "weight": 1}), "tree 1: "),
            ("/trees/1/right", json!({"value": "x", "weight": 1}), "did not match any variant"),
        ],
    );
    let nested = format!("{}1{}", r#"{"split": {"split_index": 0}, "right": {"value": 1}, "left": "#.repeat(100_000), "}".repeat(100_000));
    let file = format!(r#"{{"features_info": {{}}, "trees": [{nested}]}}"#);
    assert!(FILES.refusal("a deep tree", file.as_bytes()).contains("recursion limit exceeded"));
}

#[test]
fn faults_of_categories_are_named() {
    let table = |model: &Value| model["ctr_data"].as_object().unwrap().keys().next().unwrap().replace('~', "~0").replace('/', "~1");
    let key = table(&serde_json::from_slice(&FILES.bytes("ctr_binary/model.json")).unwrap());
    let place = |rest: &str| format!("/ctr_data/{key}/{rest}");
    faults(
        "ctr_binary",
        &[
            (&place("hash_stride"), json!(5), "cells do not make up rows of 5"),
            (&place("hash_stride"), json!(0), "cells do not make up rows of 0"),
            (&place("hash_map/0"), json!(5), "cell 0 is of the wrong kind"),
            (&place("hash_map/0"), json!("hash"), "invalid value: string \"hash\", expected a hash as text, or a number"),
            (&place("hash_map/0"), json!("1"), "the table's categories are not those of one feature"),
            ("/ctr_data", json!({}), "CTR of feature `colour`: the file does not hold its table"),
            ("/ctr_data", json!({"{": {"hash_map": [], "hash_stride": 2}}), "`ctr_data`, entry {: EOF"),
            ("/features_info/ctrs/0/target_border_idx", json!(5), "is not one of its kind"),
            ("/features_info/ctrs/0/target_border_idx", json!(u64::MAX), "is not one of its kind"),
            ("/features_info/ctrs/0/ctr_type", json!("Counter"), "the file does not hold its table"),
            ("/features_info/ctrs/0/elements/0/cat_feature_index", json!(9), "a CTR is of categorical feature 9, which does not exist"),
        ],
    );
}

#[test]
fn faults_of_the_binary_format_are_named() {
    let whole = FILES.bytes("depthwise/model.cbm");
    assert!(FILES.refusal("four bytes", b"CBM1").contains("the file ends where a length should stand"));
    assert!(FILES.refusal("a cut file", &whole[..whole.len() - 100]).contains("it is cut short or damaged"));
    let put = |at: usize, bytes: &[u8]| {
        let mut file = whole.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        FILES.refusal(&format!("byte {at}"), &file)
    };
    // The offset of the root table, then the version's text.
    assert!(put(8, &[0xff; 4]).contains("bytes are needed beyond the end"), "{}", put(8, &[0xff; 4]));
    let version = whole.windows(8).position(|bytes| bytes == b"Flabuffe").unwrap();
    assert!(put(version, b"FLABUFFE").contains("version `FLABUFFErsModel_v1` of the format is not known"));
    assert!(put(version, &[0xff]).contains("text is not UTF-8"));
}

/// Places and counts that lead to the same bytes again and again do not ask for more memory than the file's size allows.
#[test]
fn a_small_file_cannot_stand_for_a_large_model() {
    let one = FILES.changed("ctr_binary", |model| {
        // As many borders as fit, each of which parts the same categories.
        let borders: Vec<f64> = (0..5_000).map(|border| f64::from(border) / 1e4).collect();
        let splits: Vec<Value> =
            (0..5_000).map(|index| json!({"split_index": index, "border": borders[index], "split_type": "OnlineCtr"})).collect();
        let floats = model["features_info"]["float_features"].as_array_mut().unwrap();
        floats.iter_mut().for_each(|feature| feature["borders"] = json!([]));
        model["features_info"]["ctrs"][0]["borders"] = json!(borders.iter().map(|border| *border as f32).collect::<Vec<_>>());
        model["features_info"]["ctrs"].as_array_mut().unwrap().truncate(1);
        let rows: Vec<Value> = (0..20_000_u64)
            .flat_map(|hash| {
                let key = 0x4906_ba49_4954_cb65_u64;
                [json!(key.wrapping_mul(key).wrapping_mul(hash).to_string()), json!(1), json!(1)]
            })
            .collect();
        for (_, table) in model["ctr_data"].as_object_mut().unwrap() {
            (table["hash_map"], table["hash_stride"]) = (json!(rows), json!(3));
        }
        model["oblivious_trees"] = splits
            .into_iter()
            .map(|mut split| {
                split["border"] = json!(split["border"].as_f64().unwrap() as f32);
                json!({"splits": [split], "leaf_values": [0, 1], "leaf_weights": [1, 1]})
            })
            .collect();
    });
    assert!(FILES.refusal("many borders", &one).contains("too many categories and borders for the size of the file"));
}

#[test]
fn what_cannot_be_explained_says_why_and_what_to_do() {
    let cases = [
        ("ctr_combination/model.json", "the combination of `shape`, `length`"),
        ("ctr_combination/model.cbm", "max_ctr_complexity=1"),
        ("text/model.cbm", "text feature `remark`"),
    ];
    for (path, message) in cases {
        let error = load(&folder("catboost").join(path), "auto", Iterations::All).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("(catboost) is not supported"), "{error}");
    }
    let more = load(&folder("catboost/stump/model.cbm"), "auto", Iterations::First(99.try_into().unwrap())).unwrap_err().to_string();
    assert!(more.contains("99 boosting rounds are asked for, but the file has 10"), "{more}");
}

/// Files that went through other hands are the same model: other key order, no facts, no weights.
#[test]
fn harmless_changes_change_nothing_else() {
    let original = FILES.read(&FILES.bytes("ctr_binary/model.json")).unwrap();
    let sorted: std::collections::BTreeMap<String, Value> = serde_json::from_slice(&FILES.bytes("ctr_binary/model.json")).unwrap();
    let sorted = serde_json::to_vec_pretty(&sorted).unwrap();
    assert!(FILES.recognises(&sorted) && FILES.read(&sorted).unwrap() == original);
    let bare = FILES.changed("binary_logloss", |model| {
        model.as_object_mut().unwrap().remove("model_info");
        model.as_object_mut().unwrap().remove("scale_and_bias");
        model["oblivious_trees"][0]["leaf_weights"] = Value::Null;
    });
    let Model { forest, card } = FILES.read(&bare).unwrap();
    assert_eq!((forest.link, forest.cover, forest.base), (Link::Identity, Cover::Absent, vec![0.0]));
    assert!(card.objective == "unknown" && card.notes.iter().any(|note| note.contains("names no loss function")));
}
