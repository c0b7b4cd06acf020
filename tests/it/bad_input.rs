//! Inputs that cannot be audited: each is refused before anything is computed, with the place and a way out.

use std::fs;
use std::sync::Arc;

use arrow_array::{Array, StringArray};

use crate::support::{Audit, pipeline, read, stderr, with_column, write};

#[test]
fn a_missing_data_file() {
    let audit = Audit::new();
    fs::remove_file(audit.path("data.parquet")).unwrap();
    audit.refuse(&[], 2, &["config.yaml:2:15", "`data.parquet` does not exist", "relative paths start from the config's folder"]);
    let bare = pipeline().args(["check", "config.yaml"]).current_dir(audit.path("")).output().unwrap();
    let folder = audit.path("").canonicalize().unwrap();
    let said: String = stderr(&bare).split_whitespace().collect();
    assert!(said.contains(&format!("theconfig'sfolder,{}", folder.display())), "{}", stderr(&bare));
}

#[test]
fn a_truncated_parquet_file() {
    let audit = Audit::new();
    let bytes = fs::read(audit.path("data.parquet")).unwrap();
    for length in [0, 3, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(audit.path("data.parquet"), &bytes[..length]).unwrap();
        audit.refuse(&[], 3, &["data.parquet is not a readable Parquet file"]);
    }
}

#[test]
fn a_file_of_another_kind() {
    let audit = Audit::new();
    fs::write(audit.path("data.parquet"), "age,duration\n".repeat(1000)).unwrap();
    audit.refuse(&[], 3, &["data.parquet is not a readable Parquet file"]);
}

#[test]
fn a_damaged_page_in_the_middle_of_a_file() {
    let audit = Audit::new();
    let mut bytes = fs::read(audit.path("data.parquet")).unwrap();
    bytes[4..2000].fill(0xff);
    fs::write(audit.path("data.parquet"), bytes).unwrap();
    audit.refuse(&[], 3, &["data.parquet is not a readable Parquet file"]);
}

#[test]
fn a_footer_on_which_the_parquet_reader_panics() {
    let audit = Audit::new();
    let mut bytes = fs::read(audit.path("data.parquet")).unwrap();
    // A column chunk's length becomes negative.
    bytes[17_798] = 249;
    fs::write(audit.path("data.parquet"), bytes).unwrap();
    audit.refuse(&[], 3, &["data.parquet is not a readable Parquet file: column start and length should not be negative"]);
    let said = stderr(&audit.run(&["--log-format", "json"]));
    assert!(said.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{said}");
}

#[test]
fn parquet_without_a_needed_column() {
    let audit = Audit::new();
    let rows = read(&audit.path("data.parquet"));
    let at = rows.schema().index_of("duration").unwrap();
    let mut less = rows.clone();
    less.remove_column(at);
    write(&audit.path("data.parquet"), &[less]);
    audit.refuse(&[], 3, &["data.parquet", "`duration`"]);
}

#[test]
fn text_where_a_number_belongs() {
    let audit = Audit::new();
    let rows = read(&audit.path("data.parquet"));
    let text = StringArray::from_iter_values((0..rows.num_rows()).map(|row| format!("{row} months")));
    write(&audit.path("data.parquet"), &[with_column(&rows, "duration", Arc::new(text))]);
    audit.refuse(&[], 3, &["data.parquet", "column `duration` holds text"]);
}

#[test]
fn no_rows_at_all_or_after_the_filter() {
    let audit = Audit::new();
    audit.refuse(&["--set", "data.filter=age > 200"], 3, &["no rows", "age > 200"]);
    write(&audit.path("data.parquet"), &[read(&audit.path("data.parquet")).slice(0, 0)]);
    audit.refuse(&[], 3, &["data.parquet has no rows"]);
}

#[test]
fn a_filter_that_is_no_condition_on_this_data() {
    let audit = Audit::new();
    audit.refuse(&["--set", "data.filter=age >"], 2, &["filter `age >`", "write a condition such as age > 40"]);
    audit.refuse(&["--set", "data.filter=age + 1"], 2, &["filter `age + 1`", "not true or false"]);
    audit.refuse(&["--set", "background.filter=housing > 3"], 2, &["filter `housing > 3`"]);
    audit.refuse(&["--set", "data.filter=agee > 40"], 3, &["no column `agee`, needed by the filter (nearest: `age`)"]);
}

#[test]
fn a_missing_model_file() {
    let audit = Audit::new();
    fs::remove_file(audit.path("model.json")).unwrap();
    audit.refuse(&[], 2, &["config.yaml:3:16", "`model.json` does not exist"]);
}

#[test]
fn a_truncated_model_and_one_that_is_no_json() {
    let audit = Audit::new();
    let text = fs::read_to_string(audit.path("model.json")).unwrap();
    fs::write(audit.path("model.json"), &text[..text.len() / 2]).unwrap();
    audit.refuse(&[], 3, &["model.json is not a sound xgboost model"]);
    for nonsense in ["", "not a model", "\u{0}\u{1}\u{2}"] {
        fs::write(audit.path("model.json"), nonsense).unwrap();
        audit.refuse(&[], 3, &["model.json", "is not a model of a known format"]);
    }
}

/// Changes the shipped model's JSON.
fn edit(audit: &Audit, change: impl Fn(&mut serde_json::Value)) {
    let mut model = serde_json::from_slice(&fs::read(audit.path("model.json")).unwrap()).unwrap();
    change(&mut model);
    fs::write(audit.path("model.json"), model.to_string()).unwrap();
}

#[test]
fn a_tree_with_a_cycle_or_a_dangling_child() {
    for (child, words) in [(0, "tree 3, node"), (9999, "tree 3, node")] {
        let audit = Audit::new();
        edit(&audit, |model| model["learner"]["gradient_booster"]["model"]["trees"][3]["left_children"][1] = child.into());
        audit.refuse(&[], 3, &["model.json is not a sound xgboost model", words]);
    }
}

#[test]
fn a_model_without_its_base_score() {
    let audit = Audit::new();
    edit(&audit, |model| drop(model["learner"]["learner_model_param"].as_object_mut().unwrap().remove("base_score")));
    audit.refuse(&[], 3, &["model.json is not a sound xgboost model", "base_score"]);
}

#[test]
fn an_output_that_cannot_be_written() {
    let audit = Audit::new();
    fs::write(audit.path("file"), "").unwrap();
    // Neither a folder below a file nor the kernel's own tree can be written, not even by root.
    for output in [audit.path("file/out"), "/proc/audit".into()] {
        audit.refuse(&["--output", &output.to_string_lossy()], 3, &["cannot write to the output folder", "--output"]);
    }
}

#[test]
fn settings_that_do_not_fit_the_model_or_the_folder() {
    let audit = Audit::new();
    audit.refuse(&["--run-id", "../up"], 2, &["--run-id", "cannot name a folder"]);
    audit.config("");
    audit.refuse(&["--set", "data.feature_groups={g: [no_such]}"], 2, &["data.feature_groups.g", "`no_such` is not a feature"]);
}

#[test]
fn a_category_that_the_model_does_not_know_is_a_warning() {
    let audit = Audit::new();
    let rows = read(&audit.path("data.parquet"));
    let text = StringArray::from_iter_values((0..rows.num_rows()).map(|row| if row < 7 { "moon base" } else { "own" }));
    assert_eq!(text.len(), 1000);
    write(&audit.path("data.parquet"), &[with_column(&rows, "housing", Arc::new(text))]);
    let folder = audit.publish(&[]);
    let results = fs::read_to_string(folder.join("run_results.json")).unwrap();
    let page = fs::read_to_string(folder.join("index.html")).unwrap();
    for text in [results, page] {
        assert!(text.contains("moon base") && text.contains("housing"), "{text}");
    }
}

/// Predictions of linear trees are exact, values of TreeSHAP would not be, whichever game.
#[test]
fn linear_trees() {
    let audit = Audit::new();
    let golden = crate::golden::folder("lightgbm/linear_tree");
    fs::copy(golden.join("model.txt"), audit.path("model.json")).unwrap();
    fs::copy(golden.join("rows.parquet"), audit.path("data.parquet")).unwrap();
    for mode in ["interventional", "path_dependent"] {
        let mode = format!("explain.tree_shap.mode={mode}");
        let words = ["tree 1 has linear leaves", "explain the predictions with kernel_shap or permutation"];
        audit.refuse(&["--set", "data.id=null", "--set", &mode], 3, &words);
    }
    let inspected = pipeline().arg("inspect").arg(audit.path("model.json")).output().unwrap();
    let said = String::from_utf8(inspected.stdout).unwrap();
    assert!(said.contains("5, 4 with linear leaves in 5 rounds") && said.contains("linear trees: a leaf adds a linear function"), "{said}");
}
