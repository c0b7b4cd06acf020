//! Comparison with a baseline: a run against itself, against other rows, against nothing.

use std::collections::BTreeMap;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};

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

#[test]
fn a_missing_baseline_is_said_and_a_run_against_itself_has_not_changed() {
    let audit = Audit::new();
    audit.config(&format!("{SECTIONS}gates: [{{ metric: compare.importance_ndcg, min: 0.99, severity: warn }}]\n"));
    let first = audit.run(&["--run-id", "first"]);
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    assert!(stderr(&first).contains("there is no baseline to compare with: latest is not the folder of a run"), "{}", stderr(&first));
    assert!(stderr(&first).contains("gate 1 could not be evaluated"), "{}", stderr(&first));
    let lines = compared(&audit.path("out/runs/first"));
    assert!(lines.len() == 4 && lines.values().all(|line| line.2.is_none() && line.3 == "no_baseline"));
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
    assert_eq!((of("data_changed", "").2, of("model_changed", "").2), (Some(0.0), Some(0.0)));
    // The command gives the same lines.
    let output = pipeline().arg("compare").arg(&all).arg(&young).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("metric,method,output,feature,before,after,change,status\n"));
    assert_eq!(text.lines().count(), lines.len() + 1);
    let line = text.lines().find(|line| line.starts_with("prediction_ks,")).unwrap();
    assert!(line.contains(&of("prediction_ks", "").2.unwrap().to_string()), "{line}");
    let output = pipeline().arg("compare").arg(&all).arg(audit.path("nowhere")).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("is not the folder of a run"), "{}", stderr(&output));
}
