//! The command line itself: usage, exit codes, completions, streams.

use std::path::Path;
use std::process::{Command, Stdio};

use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, is_empty};
use serde_json::Value;

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

#[test]
fn models_that_cannot_be_inspected() {
    pipeline().args(["inspect", "nowhere.json"]).assert().code(3).stdout(is_empty()).stderr(contains("cannot read model nowhere.json"));
    pipeline().args(["inspect", file!()]).assert().code(3).stderr(contains("is not a model of a known format"));
    pipeline().args(["inspect", file!(), "--format", "pickle"]).assert().code(2).stderr(contains("possible values: auto"));
}
