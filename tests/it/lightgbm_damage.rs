//! Damaged and hostile LightGBM files: each fault has a message that tells its place.

use pipeline::model::{Cover, Iterations, load};
use serde_json::{Value, json};

use crate::golden::{Goldens, folder};

const FILES: Goldens = Goldens("lightgbm");

fn text(variant: &str) -> String {
    String::from_utf8(FILES.bytes(&format!("{variant}/model.txt"))).unwrap()
}

/// The message with which a golden's text is refused when a line (the first that begins with `key`) is another.
fn refused_line(variant: &str, key: &str, change: impl Fn(&str) -> String) -> String {
    let text = text(variant);
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    FILES.refusal(&format!("{variant} with another {key}"), text.replacen(line, &change(line), 1).as_bytes())
}

/// The message with which a golden's dump is refused after `damage`.
fn refused_dump(variant: &str, damage: impl FnOnce(&mut Value)) -> String {
    FILES.refusal(variant, &FILES.changed(variant, damage))
}

#[test]
fn faults_of_the_header_are_named_with_their_line() {
    let cases = [
        ("version=", "version=v9", "version v9 of the format is not known"),
        ("num_tree_per_iteration=", "num_tree_per_iteration=3", "8 trees do not make up rounds of 3"),
        ("num_tree_per_iteration=", "num_tree_per_iteration=-1", "line 4: `num_tree_per_iteration` is `-1`"),
        ("num_tree_per_iteration=", "num_tree_per_iteration=4000000000", "8 trees do not make up rounds of 4000000000"),
        ("max_feature_idx=", "max_feature_idx=9", "line 8: 5 feature names, but `max_feature_idx` is 9"),
        ("objective=", "objective=regression_l7", "objective `regression_l7` is not known"),
        ("objective=", "objective=binary sigmoid:-1", "has no `sigmoid:` with a positive number"),
        ("feature_names=", "feature_names=a b c b d", "feature name `b` occurs twice"),
        ("feature_infos=", "feature_infos=none none", "line 9: `feature_infos` tells of 2 features, but 5 have names"),
        ("feature_infos=", "feature_infos=none none none 1:x none", "line 9: `1:x` does not describe feature `count`"),
        ("tree_sizes=", "tree_sizes=1 2 3", "`tree_sizes` tells of 3 trees, but the file holds 8"),
        ("Tree=3", "Tree=4", "tree 3 is expected, not `Tree=4`"),
        ("label_index=", "label_index=0\nversion=v4", "line 6: `version` occurs twice"),
        ("feature_infos=", "nothing=1", "line 1: the paragraph that begins here has no `feature_infos`"),
    ];
    for (key, line, message) in cases {
        let found = refused_line("binary", key, |_| line.into());
        assert!(found.contains(message), "{line}: {found}");
    }
}

#[test]
fn faults_of_a_tree_are_named() {
    let last = |line: &str, value: &str| format!("{} {value}", line.rsplit_once(' ').unwrap().0);
    let cases = [
        ("left_child=", "0", "tree 0, node 5: child 0 is reached twice"),
        ("right_child=", "99", "tree 0, node 5: child 99 does not exist"),
        ("right_child=", "-99", "tree 0, node 5: child 104 does not exist"),
        ("right_child=", "-9223372036854775808", "does not exist"),
        ("split_feature=", "77", "tree 0, node 5: splits on feature 77, but the model has 5"),
        ("split_feature=", "-1", "`split_feature` holds `-1`, which is not a number it can hold"),
        ("threshold=", "nan", "tree 0, node 5: threshold on"),
        ("threshold=", "1 2", "`threshold` holds 7 numbers where 6 are expected"),
        ("decision_type=", "15", "node 5: decision type 15 does not exist"),
        ("decision_type=", "1", "node 5: category set"),
        ("leaf_value=", "inf", "leaf value inf is not finite"),
        ("leaf_value=", "one", "`leaf_value` holds `one`"),
        ("leaf_count=", "-1", "cover -1 is not a finite number ≥ 0"),
    ];
    for (key, value, message) in cases {
        let found = refused_line("binary", key, |line| last(line, value));
        assert!(found.contains(message), "{key} … {value}: {found}");
    }
    let many = refused_line("binary", "num_leaves=", |_| "num_leaves=4000000000".into());
    assert!(many.contains("`leaf_value` holds 7 numbers where 4000000000 are expected"), "{many}");
    let none = refused_line("binary", "num_leaves=", |_| "num_leaves=0".into());
    assert!(none.contains("line 13: the tree that begins here has no leaves"), "{none}");
}

#[test]
fn faults_of_linear_leaves_are_named() {
    let cases = [
        ("leaf_const=", "leaf_const=1 2", "`leaf_const` holds 2 numbers where 7 are expected"),
        ("num_features=", "num_features=1 0 0 0 0 0 0", "`leaf_features` holds 0 numbers where 1 are expected"),
        ("num_features=", "num_features=18446744073709551615 1 0 0 0 0 0", "where 18446744073709551615 are expected"),
        ("num_features=", "nothing=", "has no `num_features`"),
        ("leaf_coeff=", "leaf_coeff=1", "`leaf_coeff` holds 1 numbers where 0 are expected"),
    ];
    for (key, line, message) in cases {
        let found = refused_line("linear_tree", key, |_| line.into());
        assert!(found.contains(message), "{line}: {found}");
    }
    let later = |from: &str, to: &str| {
        let text = text("linear_tree");
        let (first, rest) = text.split_at(text.find("Tree=1").unwrap());
        let line = rest.lines().find(|line| line.starts_with(from)).unwrap();
        let (_, values) = line.split_once(' ').unwrap();
        FILES.refusal(from, (first.to_owned() + &rest.replacen(line, &format!("{from}{to} {values}"), 1)).as_bytes())
    };
    assert!(later("leaf_features=", "77").contains("multiplies feature 77, which is not a number of the model's 5 features"));
    assert!(later("leaf_coeff=", "inf").contains("leaf value, constant or coefficient inf is not finite"));
    let uneven = refused_dump("linear_tree", |model| {
        let mut node = &mut model["tree_info"][1]["tree_structure"];
        while node.get("left_child").is_some() {
            node = &mut node["left_child"];
        }
        node["leaf_coeff"] = json!([]);
    });
    assert!(uneven.contains("`leaf_features` with 0 `leaf_coeff`"), "{uneven}");
}

#[test]
fn faults_of_categories_are_named() {
    let shared = text("categorical_names").replacen("num_cat=", "num_cat=1 ", 1);
    assert!(FILES.refusal("two counts", shared.as_bytes()).contains("`num_cat` is `1 "));
    let cases = [
        ("num_cat=", "num_cat=77", "does not divide the"),
        ("cat_boundaries=", "cat_boundaries=0 9999999999 4", "does not divide the"),
        ("cat_threshold=", "cat_threshold=1", "does not divide the 1 words"),
        ("cat_threshold=", "cat_threshold=4294967296", "`cat_threshold` holds `4294967296`"),
        ("pandas_categorical:", "pandas_categorical:[[", "`pandas_categorical`: EOF"),
    ];
    for (key, line, message) in cases {
        let found = refused_line("categorical_names", key, |_| line.into());
        assert!(found.contains(message), "{line}: {found}");
    }
    // Two splits with one set would let a small file stand for huge sets.
    let text = text("categorical_names");
    let tree = &text[text.find("\nnum_cat=3").unwrap()..];
    let line = tree.lines().find(|line| line.starts_with("threshold=")).unwrap();
    let zeros = format!("threshold={}", vec!["0"; line.split(' ').count()].join(" "));
    let zeros = FILES.refusal("a set that splits share", text.replacen(line, &zeros, 1).as_bytes());
    assert!(zeros.contains("category set 0 does not exist, or another split has it"), "{zeros}");
}

#[test]
fn faults_of_a_dump_are_named() {
    let cases = [
        ("/average_output", json!("no"), "invalid type: string \"no\", expected a boolean"),
        ("/num_tree_per_iteration", json!(0), "8 trees do not make up rounds of 0"),
        ("/tree_info", json!([]), "0 trees do not make up rounds of 1"),
        ("/tree_info/2/tree_structure/left_child", Value::Null, "tree 2, node 0: has neither a `leaf_value` nor both children"),
        ("/tree_info/2/tree_structure/decision_type", json!("is"), "tree 2, node 0: `decision_type` and `threshold` are not"),
        ("/tree_info/2/tree_structure/threshold", json!("1||2"), "tree 2, node 0: `decision_type` and `threshold` are not"),
        ("/tree_info/2/tree_structure/missing_type", json!("Often"), "tree 2, node 0: `missing_type` is not None, Zero or NaN"),
        ("/tree_info/2/tree_structure/split_feature", json!(7), "tree 2, node 0: splits on feature 7, but the model has 5"),
        ("/tree_info/2/tree_structure/split_feature", Value::Null, "tree 2, node 0: has no `split_feature`"),
        ("/tree_info/2/tree_structure/internal_count", json!(-3), "tree 2, node 0: cover -3 is not"),
    ];
    for (place, value, message) in cases {
        let found = refused_dump("binary", |model| *model.pointer_mut(place).unwrap() = value);
        assert!(found.contains(message), "{place}: {found}");
    }
    let codes = refused_dump("categorical_names", |model| {
        let root = &mut model["tree_info"][0]["tree_structure"];
        (root["decision_type"], root["threshold"]) = (json!("=="), json!("1||-2"));
    });
    assert!(codes.contains("tree 0, node 0: `-2` is not a category code"), "{codes}");
}

#[test]
fn trees_too_deep_for_json_are_refused_with_the_way_out() {
    let leaf = r#"{"leaf_value": 1.0, "leaf_count": 1}"#;
    let open =
        r#"{"split_feature": 0, "threshold": 1.0, "decision_type": "<=", "missing_type": "None", "internal_count": 1, "left_child": "#;
    let tree = format!("{}{leaf}{}", open.repeat(100_000), format!(r#", "right_child": {leaf}}}"#).repeat(100_000));
    let dump = format!(
        r#"{{"version": "v4", "num_tree_per_iteration": 1, "average_output": false, "feature_names": ["a"], "tree_info": [{{"tree_structure": {tree}}}]}}"#
    );
    let found = FILES.refusal("a deep tree", dump.as_bytes());
    assert!(found.starts_with("recursion limit exceeded at line 1 column") && found.contains("save_model()"), "{found}");
}

#[test]
fn what_is_not_a_whole_file_is_named_with_its_place() {
    let whole = text("binary");
    let cut = &whole[..whole.find("Tree=5").unwrap()];
    assert_eq!(FILES.refusal("a cut text", cut.as_bytes()), "`tree_sizes` tells of 8 trees, but the file holds 5: it is cut short");
    let cut = &whole[..whole.find("\nleaf_value").unwrap()];
    assert!(FILES.refusal("a text cut in a tree", cut.as_bytes()).starts_with("line 13: the paragraph that begins here has no `"));
    assert_eq!(FILES.refusal("bytes", &[b"tree\nversion=v4\n", &[0xff_u8][..]].concat()), "line 3 is not UTF-8 text");
    assert!(FILES.refusal("nothing", &[]).contains("has no `version`"));
    let dump = FILES.bytes("binary/model.json");
    assert!(FILES.refusal("a cut dump", &dump[..3000]).contains("EOF while parsing"));
}

#[test]
fn what_cannot_be_explained_says_why_and_what_to_do() {
    for file in ["model.txt", "model.json"] {
        let error = load(&folder(&format!("lightgbm/missing_contradicts/{file}")), "auto", Iterations::All).unwrap_err().to_string();
        assert!(error.contains("NaN and 0 go different ways") && error.contains("(lightgbm) is not supported"), "{error}");
    }
    let more = load(&folder("lightgbm/stump/model.txt"), "auto", Iterations::First(99.try_into().unwrap())).unwrap_err().to_string();
    assert!(more.contains("99 boosting rounds are asked for, but the file has 8"), "{more}");
}

/// Files that went through other hands are the same model: other line ends, other key order, no counts.
#[test]
fn harmless_changes_change_nothing_else() {
    let original = FILES.read(&FILES.bytes("binary/model.txt")).unwrap();
    let other_ends = FILES.read(text("binary").replace('\n', "\r\n").as_bytes()).unwrap();
    assert!(other_ends == original);
    let dump: std::collections::BTreeMap<String, Value> = serde_json::from_slice(&FILES.bytes("binary/model.json")).unwrap();
    let sorted = serde_json::to_vec_pretty(&dump).unwrap();
    assert!(FILES.recognises(&sorted) && FILES.read(&sorted).unwrap().forest == original.forest);
    let lines: Vec<String> = text("binary").lines().filter(|line| !line.starts_with("leaf_count=")).map(str::to_owned).collect();
    assert_eq!(FILES.read(lines.join("\n").as_bytes()).unwrap().forest.cover, Cover::Absent);
}
