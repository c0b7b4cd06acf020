//! The command line itself: usage, exit codes, completions, streams.

use std::path::Path;
use std::process::{Command, Stdio};

use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, is_empty};
use serde_json::Value;

use crate::golden::folder;

fn pipeline() -> assert_cmd::Command {
    assert_cmd::Command::new(env!("CARGO_BIN_EXE_pipeline"))
}

#[test]
fn wrong_usage_exits_with_2_and_help_with_0() {
    pipeline().assert().code(2).stdout(is_empty()).stderr(contains("Usage: pipeline"));
    pipeline().arg("audit").assert().code(2).stderr(contains("unrecognized subcommand"));
    pipeline().args(["run", "x.yaml", "--threads", "0"]).assert().code(2).stderr(contains("--threads"));
    pipeline().args(["run", "x.yaml", "--log-format", "xml"]).assert().code(2).stderr(contains("text, json"));
    pipeline().args(["run", "x.yaml", "-q", "-v"]).assert().code(2).stderr(contains("cannot be used with"));
    pipeline().arg("--help").assert().success().stdout(contains("Exit codes: 0 passed"));
    pipeline().arg("--version").assert().success().stdout(contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_of_the_common_shells() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef pipeline"), ("fish", "complete -c pipeline")] {
        let assert = pipeline().args(["completions", shell]).assert().success().stderr(is_empty()).stdout(contains(mark));
        let script = String::from_utf8_lossy(&assert.get_output().stdout);
        for word in ["run", "check", "inspect", "schema", "completions", "fail-on-warn"] {
            assert!(script.contains(word), "{shell} does not complete {word}");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_pipeline")).arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stderr, b"");
}

#[test]
fn inspecting_tells_what_the_model_file_holds() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/credit-model.json");
    let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let trees = file["learner"]["gradient_booster"]["model"]["trees"].as_array().unwrap();
    let leaves = trees.iter().flat_map(|tree| tree["left_children"].as_array().unwrap()).filter(|child| **child == -1).count();
    let names = &file["learner"]["feature_names"];
    let output = pipeline().arg("inspect").arg(&path).arg("--json").assert().success().stderr(is_empty()).get_output().clone();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((told["trees"].as_u64(), told["leaves"].as_u64()), (Some(trees.len() as u64), Some(leaves as u64)));
    assert_eq!(told["objective"], file["learner"]["objective"]["name"]);
    assert_eq!(told["features"].as_array().unwrap().iter().map(|feature| feature["name"].clone()).collect::<Value>(), *names);
    let text = pipeline().arg("inspect").arg(&path).assert().success();
    text.stdout(contains("objective     binary:logistic\n").and(contains("features      20 (7 numeric, 13 categorical)\n")));
}

/// What a validator must know of a file, one of each format.
#[test]
fn inspecting_tells_what_a_validator_must_know() {
    let cases: [(&str, &[&str]); 8] = [
        (
            "xgboost/categorical_names/model.ubj",
            &[
                "cover         sum of Hessians\n",
                "(of which alone 0.32",
                "values compared in f32, leaves summed in f32",
                "40 (, jaune clair, dépôt vert,",
                ", colour 9, …)\n",
            ],
        ),
        ("xgboost/multi_target_vector_leaf/model.json", &[" with vector leaves in "]),
        (
            "lightgbm/rf_binary/model.txt",
            &[
                "link          logistic of margin * 0.13999999999999999\n",
                "trained with boosting=rf",
                "tree_shap     interventional, path_dependent\n",
            ],
        ),
        ("lightgbm/missing_nan/model.txt", &[" left, ", "none (NaN is read as 0)\n", "values compared in f64, leaves summed in f64"]),
        (
            "lightgbm/linear_tree/model.json",
            &["5, 4 with linear leaves in 5 rounds", "tree_shap     refused, since leaves hold linear functions"],
        ),
        ("catboost/ctr_beside_onehot/model.cbm", &["CTRs", "cover         training weight\n"]),
        (
            "onnx/isolation_forest/model.onnx",
            &["link          0.5 - 2^(-margin / ", "5 × TreeEnsembleRegressor", "path_dependent with covers counted on the background"],
        ),
        ("pipeline/three_classes.json", &["link          share of 2 votes\n", "outputs       3 (-1, 0.5, 2)\n"]),
    ];
    for (file, words) in cases {
        let output = pipeline().arg("inspect").arg(folder(file)).assert().success().get_output().clone();
        let said = String::from_utf8(output.stdout).unwrap();
        for word in words {
            assert!(said.contains(word), "`{word}` is not in {file}:\n{said}");
        }
    }
}

#[test]
fn models_that_cannot_be_inspected() {
    pipeline().args(["inspect", "nowhere.json"]).assert().code(3).stdout(is_empty()).stderr(contains("cannot read model nowhere.json"));
    pipeline().args(["inspect", file!()]).assert().code(3).stderr(contains("is not a model of a known format"));
    pipeline().args(["inspect", file!(), "--format", "pickle"]).assert().code(2).stderr(contains("possible values: auto"));
}
