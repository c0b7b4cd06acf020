//! Comparison with a baseline: a run against itself, against other rows, against nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::golden;
use crate::support::{Audit, pipeline, read, stderr};

const SECTIONS: &str = "fairness: { favourable: below, attributes: [{ column: sex, reference: male }] }\ncompare: { baseline: latest }\n";

/// Before, after, change and status.
type Line = (Option<f64>, Option<f64>, Option<f64>, String);

/// Lines by metric and feature.
fn compared(folder: &Path) -> BTreeMap<(String, String), Line> {
    let table = read(&folder.join("tables/compare.parquet"));
    let text = |name: &str, row: usize| table.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
    let number = |name: &str, row: usize| {
        let column = table.column_by_name(name).unwrap().as_primitive::<Float64Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    let line = |row| (number("before", row), number("after", row), number("change", row), text("status", row));
    (0..table.num_rows()).map(|row| ((text("metric", row), text("feature", row)), line(row))).collect()
}

fn predictions(folder: &Path) -> Vec<f64> {
    let rows: RecordBatch = read(&folder.join("attributions/tree_shap/part-00000.parquet"));
    rows.column_by_name("_prediction").unwrap().as_primitive::<Float64Type>().values().to_vec()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

const GATE: &str = "metric: compare.importance_ndcg, min: 0.99";

#[test]
fn before_the_first_run_there_is_no_baseline_and_a_run_against_itself_has_not_changed() {
    let audit = Audit::new();
    audit.config(&format!("{SECTIONS}gates: [{{ {GATE}, first_run: warn }}]\n"));
    let first = audit.run(&["--run-id", "first"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let said = stderr(&first);
    assert!(said.contains("INFO") && said.contains("baseline: there is no earlier run to compare with"), "{said}");
    assert!(said.contains("WARN gate 1 could not be evaluated"), "{said}");
    let folder = audit.path("out/runs/first");
    let lines = compared(&folder);
    assert!(lines.len() == 4 && lines.values().all(|line| line.2.is_none() && line.3 == "no_baseline"));
    for file in ["manifest.json", "run_results.json"] {
        assert_eq!(json(&folder.join(file))["baseline"]["status"], "no_baseline");
    }
    assert!(fs::read_to_string(folder.join("index.html")).unwrap().contains("there is no earlier run to compare with"));
    let second = audit.run(&["--run-id", "second", "--fail-on-warn"]);
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));
    for ((metric, feature), (before, after, change, status)) in compared(&audit.path("out/runs/second")) {
        let expected = if ["importance_rank_correlation", "importance_ndcg"].contains(&metric.as_str()) { 1.0 } else { 0.0 };
        // A constant attribution has no shape to compare; what was not given before is not given now.
        match status.as_str() {
            "ok" => assert!((change.unwrap() - expected).abs() < 1e-12, "{metric} {feature}: {before:?} {after:?} {change:?}"),
            "not_given" => assert!(before.is_none() && after.is_none()),
            other => panic!("{metric} {feature}: {other}"),
        }
    }
    let baseline = &json(&audit.path("out/runs/second/manifest.json"))["baseline"];
    let digest = Sha256::digest(fs::read(folder.join("manifest.json")).unwrap());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!([&baseline["status"], &baseline["run_id"], &baseline["path"]], ["compared", "first", "latest"]);
    assert_eq!(baseline["manifest_sha256"], digest);
}

#[test]
fn a_gate_on_the_comparison_fails_the_first_run_unless_it_says_otherwise() {
    let audit = Audit::new();
    audit.config(&format!("{SECTIONS}gates: [{{ {GATE} }}]\n"));
    let first = audit.run(&[]);
    assert_eq!(first.status.code(), Some(1), "{}", stderr(&first));
    assert!(stderr(&first).contains("gate 1 could not be evaluated"), "{}", stderr(&first));
    // The run is published all the same, so that the next one has a baseline.
    assert_eq!(audit.run(&[]).status.code(), Some(0));
}

#[test]
fn a_baseline_that_cannot_be_used_is_a_warning() {
    for (baseline, words) in
        [("nowhere", "nowhere is not the folder of a run"), ("out", "out is not the folder of a run: it has no folder")]
    {
        let audit = Audit::new();
        audit.config(&format!("compare: {{ baseline: {baseline} }}\ngates: [{{ {GATE}, first_run: warn }}]\n"));
        let output = audit.run(&[]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        let folder = audit.path("out/latest");
        assert!(compared(&folder).values().all(|line| line.3 == "unusable_baseline"));
        assert_eq!(json(&folder.join("manifest.json"))["baseline"]["status"], "unusable_baseline");
    }
}

/// What scipy, scikit-learn and numpy say of XGBoost's own numbers; those are f32, which the tolerances of attributions allow for.
#[test]
fn changes_are_those_of_scipy_and_scikit_learn() {
    let audit = Audit::new();
    audit.config("explain: { tree_shap: { mode: path_dependent } }\ncompare: { baseline: latest }\n");
    audit.publish(&[]);
    let lines = compared(&audit.publish(&["--set", "data.filter=age < 30"]));
    for (metric, of) in json(&golden::folder("compare/expected.json")).as_object().unwrap() {
        for (feature, expected) in of.as_object().unwrap() {
            let (found, expected) = (lines[&(metric.clone(), feature.clone())].2.unwrap(), expected.as_f64().unwrap());
            let tolerance = if metric.starts_with("importance") { 2e-6 } else { 1e-12 };
            assert!((found - expected).abs() < tolerance, "{metric} {feature}: {found} {expected}");
        }
    }
}

#[test]
fn other_rows_are_as_far_apart_as_brute_force_says() {
    let audit = Audit::new();
    audit.config(SECTIONS);
    let all = audit.publish(&["--run-id", "all"]);
    let young = audit.publish(&["--run-id", "young", "--set", "data.filter=age < 30", "--set", "background.path=data.parquet"]);
    let (before, after, lines) = (predictions(&all), predictions(&young), compared(&young));
    let share = |values: &[f64], x: f64| values.iter().filter(|value| **value <= x).count() as f64 / values.len() as f64;
    let distance = before.iter().chain(&after).map(|&x| (share(&before, x) - share(&after, x)).abs()).fold(0.0, f64::max);
    let of = |metric: &str, feature: &str| lines[&(metric.to_owned(), feature.to_owned())].clone();
    assert!((of("prediction_ks", "").2.unwrap() - distance).abs() < 1e-12);
    assert!(of("feature_psi", "age").2.unwrap() > 1.0 && of("feature_psi", "age").2.unwrap() > of("feature_psi", "amount").2.unwrap());
    let (before, after, change, _) = of("importance", "age");
    assert!((after.unwrap() - before.unwrap() - change.unwrap()).abs() < 1e-15 && change.unwrap().abs() > 1e-3);
    assert!(of("fairness.favourable_rate", "sex: female").2.unwrap() < 0.0);
    let limits = read(&young.join("tables/compare.parquet"));
    let [low, high] = ["ci_low", "ci_high"].map(|name| limits.column_by_name(name).unwrap().as_primitive::<Float64Type>().clone());
    let changes = limits.column_by_name("change").unwrap().as_primitive::<Float64Type>();
    let given: Vec<usize> = (0..limits.num_rows()).filter(|row| low.is_valid(*row)).collect();
    assert!(given.len() > 20 && given.iter().all(|&row| low.value(row) <= changes.value(row) && changes.value(row) <= high.value(row)));
    let changed = |what: &str| of(&format!("{what}_changed"), "").2.unwrap();
    assert_eq!(["data", "model", "schema", "pipeline", "config", "background"].map(changed), [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    // The command gives the same lines.
    let output = pipeline().arg("compare").arg(&all).arg(&young).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("metric,method,output,feature,before,after,change,ci_low,ci_high,status\n"));
    assert_eq!(text.lines().count(), lines.len() + 1);
    let line = text.lines().find(|line| line.starts_with("prediction_ks,")).unwrap();
    assert!(line.contains(&of("prediction_ks", "").2.unwrap().to_string()), "{line}");
    let output = pipeline().arg("compare").arg(&all).arg(audit.path("nowhere")).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("is not the folder of a run"), "{}", stderr(&output));
}

#[test]
fn the_command_ends_as_the_gates_of_the_later_run_say() {
    let audit = Audit::new();
    audit.config(&format!(
        "gates:\n  - {{ {GATE} }}\n  - {{ metric: compare.feature_psi, where: {{ feature: age }}, max: 0.2, severity: warn }}\n"
    ));
    let runs = [&["--run-id", "all"][..], &["--run-id", "young", "--set", "data.filter=age < 30"]].map(|arguments| {
        assert_eq!(audit.run(arguments).status.code(), Some(1));
        audit.path(&format!("out/runs/{}", arguments[1]))
    });
    let ends = |before: usize, after: usize, arguments: &[&str]| {
        let output = pipeline().arg("compare").arg(&runs[before]).arg(&runs[after]).args(arguments).output().unwrap();
        (output.status.code().unwrap(), stderr(&output))
    };
    assert_eq!(ends(0, 0, &["--fail-on-warn"]), (0, String::new()));
    let (code, said) = ends(0, 1, &[]);
    assert!(code == 0 && said.starts_with("warning: gate 2 failed: compare.feature_psi where feature=age, wanted ≤ 0.2: "), "{said}");
    assert_eq!(ends(0, 1, &["--fail-on-warn"]).0, 4);
    // A stricter gate, and one that cannot be read.
    let manifest = runs[1].join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("\"min\": 0.99", "\"min\": 1.5", 1)).unwrap();
    assert_eq!(ends(0, 1, &[]).0, 1);
    fs::write(&manifest, text.replacen("\"min\": 0.99", "\"least\": 0.99", 1)).unwrap();
    let (code, said) = ends(0, 1, &[]);
    assert!(code == 3 && said.contains("manifest.json: cannot be read: config.gates: unknown field `least`"), "{said}");
}

#[test]
fn attributions_of_every_feature_are_compared_whatever_its_name() {
    let audit = Audit::new();
    audit.config("explain: { tree_shap: {}, lime: { rows: 5, samples: 200 } }\n");
    let named = ["--set", "data.feature_groups={ _age: [age] }"];
    let runs = ["a", "b"].map(|id| audit.publish(&[&["--run-id", id][..], &named].concat()));
    let output = pipeline().arg("compare").arg(&runs[0]).arg(&runs[1]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let compared = |method: &str| {
        let lines = text.lines().filter(|line| line.starts_with(&format!("attribution_ks,{method},")));
        lines.map(|line| line.split(',').nth(3).unwrap().to_owned()).collect::<Vec<_>>()
    };
    for method in ["tree_shap", "lime"] {
        let features = compared(method);
        assert!(features.len() == 20 && features.iter().any(|feature| feature == "_age"), "{features:?}");
    }
}

#[test]
fn runs_of_nothing_in_common_cannot_be_compared() {
    let audit = Audit::new();
    audit.config("");
    let trees = audit.publish(&["--run-id", "trees"]);
    let other =
        audit.publish(&["--run-id", "other", "--set", "explain.tree_shap=false", "--set", "explain.lime={ rows: 5, samples: 200 }"]);
    let output = pipeline().arg("compare").arg(&trees).arg(&other).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let words = "no feature is common to tree_shap of output";
    assert!(stderr(&output).contains(words) && stderr(&output).contains("and lime of output"), "{}", stderr(&output));
}
