//! Gates end to end: exit codes, the table, `run_results.json` and the page's first screen.

use std::fs;
use std::process::Output;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use serde_json::Value;

use crate::support::{Audit, read, stderr};

/// The credit audit with a fairness section and these gates.
fn audit(gates: &[&str]) -> Audit {
    let audit = Audit::new();
    let fairness = "fairness: { favourable: below, attributes: [{ column: sex, reference: male }, { column: age, bins: [25, 40, 60] }], \
                    intersections: [[sex, age]] }";
    let gates: String = gates.iter().map(|gate| format!("  - {{ {gate} }}\n")).collect();
    audit.config(&format!("{fairness}\ngates:\n{gates}"));
    audit
}

/// Runs to a published run with this exit code.
fn ends(audit: &Audit, arguments: &[&str], code: i32) -> Output {
    let output = audit.run(&[&["--set", "data.label=bad"], arguments].concat());
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    let results: Value = serde_json::from_slice(&fs::read(audit.path("out/latest/run_results.json")).unwrap()).unwrap();
    assert_eq!(results["exit_code"], code);
    output
}

fn page(audit: &Audit) -> String {
    fs::read_to_string(audit.path("out/latest/index.html")).unwrap()
}

#[test]
fn a_gate_that_passes_leaves_the_run_passed() {
    let audit = audit(&["metric: fairness.adverse_impact_ratio, where: { attribute: sex }, min: 0.5", "metric: importance.rank, min: 1"]);
    ends(&audit, &["--fail-on-warn"], 0);
    assert!(page(&audit).contains("and all 2 gates passed"));
    let gates = read(&audit.path("out/latest/tables/gates.parquet"));
    assert_eq!(gates.num_rows(), 2);
    let statuses: Vec<_> = gates.column_by_name("status").unwrap().as_string::<i32>().iter().flatten().map(String::from).collect();
    assert_eq!(statuses, ["passed", "passed"]);
}

#[test]
fn a_gate_that_fails_publishes_the_run_and_exits_with_1() {
    let audit = audit(&["metric: fairness.adverse_impact_ratio, where: { attribute: sex }, min: 2"]);
    let output = ends(&audit, &[], 1);
    assert!(stderr(&output).contains("gate 1 failed: fairness.adverse_impact_ratio where attribute=sex, wanted ≥ 2: female:"));
    assert!(page(&audit).contains("the gate did not pass") && page(&audit).contains("<strong class=\"failed\">failed</strong>"));
    let results: Value = serde_json::from_slice(&fs::read(audit.path("out/latest/run_results.json")).unwrap()).unwrap();
    assert_eq!((results["gates"][0]["status"].as_str(), results["gates"][0]["min"].as_f64()), (Some("failed"), Some(2.0)));
    // The number is the table's.
    let metrics = read(&audit.path("out/latest/tables/fairness_metrics.parquet"));
    let text = |name: &str, row: usize| metrics.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
    let row =
        (0..metrics.num_rows()).find(|row| text("metric", *row) == "adverse_impact_ratio" && text("attribute", *row) == "sex").unwrap();
    let ratio = metrics.column_by_name("value").unwrap().as_primitive::<Float64Type>().value(row);
    assert_eq!(results["gates"][0]["value"].as_f64(), Some(ratio));
}

#[test]
fn a_gate_that_only_warns_fails_only_where_warnings_do() {
    let audit = audit(&["metric: fairness.adverse_impact_ratio, where: { attribute: sex }, min: 2, severity: warn"]);
    let output = ends(&audit, &[], 0);
    assert!(stderr(&output).contains("WARN") && page(&audit).contains("warned"), "{}", stderr(&output));
    ends(&audit, &["--fail-on-warn"], 4);
}

#[test]
fn a_gate_that_cannot_be_evaluated_never_passes() {
    // Nobody has that name; groups of 60 and over are too few; there is no such table.
    for gate in [
        "metric: fairness.adverse_impact_ratio, where: { group: nobody }, min: 0.1",
        "metric: fairness.adverse_impact_ratio, where: { group: female & 60 and over }, min: 0.1",
        "metric: compare.importance_ndcg, min: 0.1",
    ] {
        let audit = audit(&[gate]);
        let output = ends(&audit, &[], 1);
        assert!(stderr(&output).contains("could not be evaluated"), "{}", stderr(&output));
        assert!(page(&audit).contains("not evaluable"));
    }
    let warning = audit(&["metric: compare.importance_ndcg, min: 0.1, severity: warn"]);
    ends(&warning, &[], 0);
    ends(&warning, &["--fail-on-warn"], 4);
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    audit(&["metric: fairness.auc"]).refuse(&[], 2, &["gates.0: has no limit; give min, max or both"]);
    let sections = [
        ("{ favourable: below, attributes: [{ column: age }] }", ""),
        ("{ favourable: below, attributes: [{ column: sex, bins: [1, 2] }] }", "fairness.attributes.0.bins: `sex` is not a number"),
        ("{ favourable: below, attributes: [{ column: age, bins: [40, 25] }] }", "borders must ascend"),
        ("{ favourable: below, attributes: [{ column: sex }], intersections: [[sex, age]] }", "`age` is none of fairness.attributes"),
        ("{ favourable: below, output: good, attributes: [{ column: sex }] }", "the model has no output `good`"),
    ];
    for (section, words) in sections {
        let audit = Audit::new();
        audit.config(&format!("fairness: {section}\n"));
        if words.is_empty() {
            // Whole numbers are groups without bins.
            audit.publish(&[]);
        } else {
            audit.refuse(&[], 2, &[words]);
        }
    }
    let audit = Audit::new();
    audit.config("fairness: { favourable: below, attributes: [{ column: gender }] }\n");
    audit.refuse(&[], 3, &["column `gender`, needed by the config"]);
}
