//! `--resume`: a run that was killed goes on, and ends in the bytes of one that was not.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Audit, contents, signal, stderr};

const SLOW: &str = "explain: { tree_shap: { mode: interventional }, kernel_shap: { rows: 40, samples: 512 }, permutation: { rows: 300, samples: 4096 } }\n\
                    background: { rows: 200 }\nderive: { importance: {}, summary: {}, clusters: {} }\n";

/// Whether a run's record names a part in this folder of attributions.
fn has(folder: &Path, part: &str) -> bool {
    fs::read_to_string(folder.join(".progress")).is_ok_and(|text| text.contains(&format!("attributions/{part}/")))
}

fn resumed_parts(folder: &Path) -> u64 {
    let results: Value = serde_json::from_slice(&fs::read(folder.join("run_results.json")).unwrap()).unwrap();
    results["resumed_parts"].as_u64().unwrap()
}

/// Kills a run as soon as it has finished the parts in this folder of attributions.
fn kill_after(audit: &Audit, arguments: &[&str], part: &str) {
    let mut run = audit.start_until(arguments, |folder| has(folder, part));
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!((audit.hidden().len(), audit.visible("out/runs").len()), (1, 0));
}

/// The same audit, not interrupted, in another output folder.
fn expected(audit: &Audit) -> Vec<(String, Vec<u8>)> {
    let elsewhere = audit.path("elsewhere");
    let output = audit.run(&["--output", &elsewhere.to_string_lossy()]);
    assert!(output.status.success(), "{}", stderr(&output));
    contents(&elsewhere.join("latest"))
}

#[test]
fn a_killed_run_goes_on_after_its_last_whole_part() {
    let audit = Audit::new();
    audit.config(SLOW);
    kill_after(&audit, &["--run-id", "night"], "kernel_shap_se");
    let output = audit.run(&["--resume", "--threads", "1"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("run night of credit goes on: finished parts 3"), "{}", stderr(&output));
    let folder = audit.path("out/runs/night");
    assert_eq!(resumed_parts(&folder), 3);
    assert!(contents(&folder) == expected(&audit));
    assert!(audit.hidden().is_empty() && audit.path("out/latest").canonicalize().unwrap().ends_with("night"));
}

#[test]
fn parts_of_one_method_are_kept_one_by_one() {
    let audit = Audit::of_rows(300);
    let native = |model: &str| {
        format!(
            "name: rates\ndata: {{ path: data.parquet, label: installment_rate, features: [duration, amount, age] }}\n\
             model: {{ {model} }}\nexplain: {{ tree_shap: {{ mode: path_dependent }} }}\noutput: {{ dir: out }}\n"
        )
    };
    fs::write(audit.path("config.yaml"), native("train: { task: classification, trees: 8, depth: 5 }")).unwrap();
    let fitted = audit.publish(&["--set", "data.filter=age < 25"]).join("model.json");
    fs::copy(fitted, audit.path("model.json")).unwrap();
    fs::remove_dir_all(audit.path("out")).unwrap();
    fs::write(audit.path("config.yaml"), native("path: model.json")).unwrap();
    // Of 1.2 million rows, one for each of four outputs, the first part has a million.
    kill_after(&audit, &[], "tree_shap");
    let output = audit.run(&["--resume"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let folder = audit.path("out/latest");
    assert!(resumed_parts(&folder) >= 1);
    assert!(folder.join("attributions/tree_shap/part-00001.parquet").exists());
    assert!(contents(&folder.canonicalize().unwrap()) == expected(&audit));
}

#[test]
fn what_does_not_fit_is_said_and_a_new_run_starts() {
    let audit = Audit::new();
    audit.config(SLOW);
    let nothing = audit.run(&["--resume", "--set", "explain.permutation=false"]);
    assert!(nothing.status.success() && stderr(&nothing).contains("there is no run to go on with"), "{}", stderr(&nothing));
    fs::remove_dir_all(audit.path("out")).unwrap();
    kill_after(&audit, &["--run-id", "night"], "kernel_shap_se");
    let quick = ["--resume", "--set", "explain.permutation={ rows: 2, samples: 128 }"];
    let output = audit.run(&quick);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot go on with run night: its config is another one"), "{}", stderr(&output));
    assert_eq!(resumed_parts(&audit.path("out/latest")), 0);
    assert!(audit.hidden().is_empty() && !audit.path("out/runs/night").exists());
    fs::remove_dir_all(audit.path("out")).unwrap();
    kill_after(&audit, &["--run-id", "night"], "kernel_shap_se");
    let rows = crate::support::read(&audit.path("data.parquet"));
    crate::support::write(&audit.path("data.parquet"), &[rows.slice(0, 900)]);
    let output = audit.run(&["--resume", "--run-id", "night"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("cannot go on with run night: data, background or model have changed since"), "{}", stderr(&output));
    assert!(contents(&audit.path("out/runs/night")) == expected(&audit));
}

#[test]
fn an_interrupted_run_leaves_what_is_finished_only_where_it_is_to_be_resumed() {
    let audit = Audit::new();
    audit.config(SLOW);
    let run = audit.start_until(&["--resume", "--run-id", "night"], |folder| has(folder, "kernel_shap_se"));
    signal(&run, "TERM");
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
    assert!(stderr(&output).contains("--resume goes on with it"), "{}", stderr(&output));
    assert_eq!(audit.hidden(), [".night.partial"]);
    // A part whose bytes have changed is made again, and with it those after it.
    let part = audit.path("out/runs/.night.partial/attributions/kernel_shap/part-00000.parquet");
    let mut bytes = fs::read(&part).unwrap();
    bytes[1000] ^= 1;
    fs::write(&part, bytes).unwrap();
    // A record that was cut in the middle of a line counts up to there.
    let record = audit.path("out/runs/.night.partial/.progress");
    let lines = fs::read_to_string(&record).unwrap() + "{\"path\": \"attributions/permut";
    fs::write(&record, lines).unwrap();
    let output = audit.run(&["--resume", "--run-id", "night"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let folder = audit.path("out/runs/night");
    assert_eq!(resumed_parts(&folder), 2);
    assert!(contents(&folder) == expected(&audit));
}
