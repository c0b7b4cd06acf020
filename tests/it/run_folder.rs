//! Run folders: whole, reproducible, never overwritten, and nothing of them left when a run does not finish.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::support::{Audit, contents, read, shipped, signal, stderr};

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_shipped_audit_runs_from_its_own_config() {
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let config = shipped("configs/credit.yaml");
        Command::new(env!("CARGO_BIN_EXE_pipeline"))
            .arg("run")
            .arg(config)
            .arg("--output")
            .arg(home.path())
            .args(arguments)
            .output()
            .unwrap()
    };
    let output = run(&["--run-id", "first"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read_link(home.path().join("latest")).unwrap(), Path::new("runs/first"));
    let folder = home.path().join("runs/first");
    for file in ["index.html", "manifest.json", "run_results.json", "events.jsonl", "config.resolved.yaml"] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    for file in ["importance-tree_shap.svg", "beeswarm-tree_shap.svg"] {
        assert!(folder.join("figures").join(file).is_file(), "{file}");
    }
    for file in ["importance.parquet", "summary.parquet"] {
        assert!(folder.join("tables").join(file).is_file(), "{file}");
    }
    assert_eq!(read(&folder.join("attributions/tree_shap/part-00000.parquet")).num_rows(), 1000);
}

#[test]
fn the_manifest_tells_every_file_by_its_digest_and_nothing_of_this_machine() {
    let audit = Audit::new();
    let folder = audit.publish(&["--run-id", "recorded"]);
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    for word in ["recorded", env!("CARGO_MANIFEST_DIR"), &*audit.path("").to_string_lossy()] {
        assert!(!text.contains(word), "{word}");
    }
    let manifest = json(&folder.join("manifest.json"));
    let inputs = manifest["inputs"].as_array().unwrap();
    let named: Vec<_> = inputs.iter().map(|input| input["path"].as_str().unwrap()).collect();
    assert_eq!(named, ["data.parquet", "model.json"]);
    assert_eq!(inputs[0]["rows"], 1000);
    let outputs = manifest["outputs"].as_array().unwrap();
    let mut named: Vec<_> = outputs.iter().map(|output| output["path"].as_str().unwrap().to_string()).collect();
    for (file, home) in inputs.iter().map(|input| (input, audit.path(""))).chain(outputs.iter().map(|output| (output, folder.clone()))) {
        let bytes = fs::read(home.join(file["path"].as_str().unwrap())).unwrap();
        assert_eq!(file["bytes"], bytes.len());
        assert_eq!(file["sha256"], Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    named.push("manifest.json".into());
    named.sort();
    let mut found: Vec<_> = contents(&folder).into_iter().map(|(name, _)| name).collect();
    found.sort();
    assert_eq!(named, found);
    let results = json(&folder.join("run_results.json"));
    assert_eq!(results["run_id"], "recorded");
    assert_eq!(results["exit_code"], 0);
    assert!(results["steps"].as_array().unwrap().iter().any(|step| step["step"] == "explain" && step["rows"] == 1000));
    for line in fs::read_to_string(folder.join("events.jsonl")).unwrap().lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).unwrap()["timestamp"].is_string());
    }
}

#[test]
fn every_byte_is_the_same_on_repeat_and_at_any_number_of_threads() {
    let audit = Audit::of_rows(20);
    audit.config("background: { rows: 500 }\n");
    let expected = contents(&audit.publish(&["--threads", "1"]));
    assert!(expected.len() >= 8, "{}", expected.len());
    for threads in ["1", "2", "5"] {
        let found = contents(&audit.publish(&["--threads", threads, "--run-id", &format!("with-{threads}")]));
        for ((name, expected), (other, found)) in expected.iter().zip(&found) {
            assert_eq!(name, other);
            assert!(expected == found, "{name} differs at {threads} threads");
        }
        assert_eq!(expected.len(), found.len());
    }
    let elsewhere = audit.path("elsewhere");
    assert!(audit.run(&["--output", &elsewhere.to_string_lossy()]).status.success());
    assert!(contents(&elsewhere.join("latest")) == expected, "the output folder's name must not matter");
}

#[test]
fn latest_moves_on_and_only_the_newest_runs_are_kept() {
    let audit = Audit::new();
    audit.config("");
    for id in ["one", "two", "three"] {
        assert!(audit.publish(&["--run-id", id, "--set", "output.keep=2"]).ends_with(id));
    }
    assert_eq!(audit.visible("out/runs"), ["three", "two"]);
    assert_eq!(audit.visible("out"), ["latest", "runs"]);
}

#[test]
fn a_published_run_is_never_overwritten() {
    let audit = Audit::new();
    let before = contents(&audit.publish(&["--run-id", "kept"]));
    let output = audit.run(&["--run-id", "kept"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("never overwritten"), "{}", stderr(&output));
    assert!(contents(&audit.path("out/latest")) == before);
}

#[test]
fn two_runs_into_one_folder_share_it_unless_they_share_an_id() {
    let audit = Audit::of_rows(60);
    let first = audit.start(&["--run-id", "same"]);
    let second = audit.run(&["--run-id", "same"]);
    assert_eq!(second.status.code(), Some(3));
    assert!(stderr(&second).contains("another process is writing this run id"), "{}", stderr(&second));
    let other = audit.run(&["--run-id", "other"]);
    assert!(other.status.success(), "{}", stderr(&other));
    let first = first.wait_with_output().unwrap();
    assert!(first.status.success(), "{}", stderr(&first));
    assert_eq!(audit.visible("out/runs"), ["other", "same"]);
    assert!(audit.hidden().is_empty());
}

#[test]
fn an_interrupted_run_leaves_nothing_and_says_so() {
    let audit = Audit::of_rows(60);
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let run = audit.start(&[]);
        signal(&run, name);
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stderr(&output).contains(&format!("interrupted by SIG{name}")), "{}", stderr(&output));
        assert!(audit.hidden().is_empty() && audit.visible("out/runs").is_empty());
        assert_eq!(audit.visible("out"), ["runs"]);
    }
}

#[test]
fn a_killed_run_leaves_only_a_hidden_folder_that_the_next_run_clears_away() {
    let audit = Audit::of_rows(60);
    let mut run = audit.start(&["--run-id", "killed"]);
    run.kill().unwrap();
    assert_eq!(run.wait().unwrap().signal(), Some(9));
    assert_eq!(audit.hidden(), [".killed.partial"]);
    assert_eq!((audit.visible("out"), audit.visible("out/runs")), (vec!["runs".to_string()], vec![]));
    audit.publish(&["--run-id", "killed"]);
    assert!(audit.hidden().is_empty());
}

#[test]
fn a_full_disk_ends_the_run_and_leaves_nothing() {
    let audit = Audit::new();
    // A limit on file sizes fails writes as a full disk does, and needs no file system of its own.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" run \"$1\"";
    let output = Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_pipeline")]).arg(audit.path("config.yaml")).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("part-00000.parquet"), "{}", stderr(&output));
    assert!(audit.hidden().is_empty() && audit.visible("out/runs").is_empty());
}
