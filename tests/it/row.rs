//! One row in the terminal and as JSON: the numbers that a run has for it.

use std::fs;
use std::sync::Arc;

use arrow_array::StringArray;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use serde_json::Value;

use crate::support::{Audit, pipeline, read, stderr, with_column, write};

const REASONS: &str = "fairness: { favourable: below, attributes: [{ column: sex }], reasons: { top: 3, texts: { duration: \"runs for {value} months\" } } }\n";

/// What `pipeline explain` prints, and its exit code and stderr.
fn explain(audit: &Audit, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = pipeline().arg("explain").arg(audit.path("config.yaml")).args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
}

fn json(audit: &Audit, arguments: &[&str]) -> Value {
    let (code, text, said) = explain(audit, &[arguments, &["--format", "json"]].concat());
    assert_eq!((code, said.as_str()), (Some(0), ""));
    serde_json::from_str(&text).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn every_number_is_the_runs_own() {
    let audit = Audit::new();
    // Groups, a filter and a sampling method on the way.
    audit.config(&format!(
        "explain: {{ tree_shap: {{ mode: interventional }}, kernel_shap: {{ rows: 30, samples: 256 }} }}\nbackground: {{ rows: 100 }}\n{REASONS}"
    ));
    let sets = ["--set", "data.filter=age > 25", "--set", "data.feature_groups={ home: [housing, property] }"];
    let folder = audit.publish(&sets);
    let reasons = read(&folder.join("tables/reasons.parquet"));
    for method in ["tree_shap", "kernel_shap"] {
        let rows = read(&folder.join(format!("attributions/{method}/part-00000.parquet")));
        let column = |name: &str| rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().clone();
        let ids = rows.column_by_name("_row_id").unwrap().as_primitive::<Int64Type>();
        for row in [0, 7, 29] {
            let id = ids.value(row);
            let found = json(&audit, &[&["--id", &id.to_string(), "--method", method][..], &sets].concat());
            assert_eq!(
                (&found["row_id"], &found["id_column"], &found["method"]),
                (&id.to_string().into(), &"applicant_id".into(), &method.into())
            );
            let output = &found["outputs"][0];
            for (key, name) in [("base_value", "_base_value"), ("prediction", "_prediction")] {
                assert_eq!(number(&output[key]).to_bits(), column(name).value(row).to_bits(), "{key} of {id}");
            }
            let attributions = output["attributions"].as_array().unwrap();
            assert_eq!(attributions.len(), 19);
            for part in attributions {
                let expected = column(part["feature"].as_str().unwrap()).value(row);
                assert_eq!(number(&part["attribution"]).to_bits(), expected.to_bits(), "{} of {id}", part["feature"]);
            }
            assert!(attributions.is_sorted_by(|a, b| number(&a["attribution"]).abs() >= number(&b["attribution"]).abs()));
            let margin = if method == "tree_shap" {
                number(&output["prediction"])
            } else {
                number(&output["response"]).ln() - (-number(&output["response"])).ln_1p()
            };
            assert!((1.0 / (1.0 + (-margin).exp()) - number(&output["response"])).abs() < 1e-12);
            let of_row: Vec<usize> =
                (0..reasons.num_rows()).filter(|&line| reasons.column(0).as_primitive::<Int64Type>().value(line) == id).collect();
            let told = found["decision"]["reasons"].as_array().unwrap();
            assert_eq!((found["decision"]["favourable"].as_bool(), told.len()), (Some(of_row.is_empty()), of_row.len()));
            for (&line, reason) in of_row.iter().zip(told) {
                let text = |name: &str| reasons.column_by_name(name).unwrap().as_string::<i32>().value(line);
                let attribution = reasons.column_by_name("attribution").unwrap().as_primitive::<Float64Type>().value(line);
                assert_eq!((reason["feature"].as_str(), reason["text"].as_str()), (Some(text("feature")), Some(text("text"))));
                assert_eq!(number(&reason["attribution"]).to_bits(), attribution.to_bits());
            }
        }
    }
}

#[test]
fn a_row_is_drawn_for_the_terminal() {
    let audit = Audit::new();
    audit.config(REASONS);
    let refused = |id: &&i64| json(&audit, &["--id", &id.to_string()])["decision"]["favourable"] == false;
    let id = [1_i64, 2, 3, 4, 5, 6, 7, 8, 9, 10].iter().find(refused).unwrap().to_string();
    let (code, text, said) = explain(&audit, &["--id", &id, "--top", "4"]);
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(text.starts_with(&format!("credit: applicant_id {id}, by tree_shap\n")), "{text}");
    let number = |line: &str| line.split_whitespace().next().unwrap().replace('−', "-").parse::<f64>().unwrap();
    let lines: Vec<f64> = text.lines().skip(2).take(7).map(number).collect();
    // Base value, four features and the rest add up to the prediction, but for the digits that are not shown.
    assert!((lines[..6].iter().sum::<f64>() - lines[6]).abs() < 6e-4, "{text}");
    for words in
        ["base value (margin: log-odds)", "16 other features", "prediction: the model says 0.", "The decision is unfavourable.\n1. "]
    {
        assert!(text.contains(words), "`{words}` is not in {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colour where it is no terminal");
}

#[test]
fn rows_without_identifiers_have_numbers_and_outputs_have_names() {
    let audit = Audit::new();
    let config = "name: rates\ndata: { path: data.parquet, label: installment_rate, features: [duration, amount, age] }\n\
                  model: { train: { task: classification, trees: 5, depth: 3 } }\noutput: { dir: out }\n";
    fs::write(audit.path("config.yaml"), config).unwrap();
    let found = json(&audit, &["--id", "999"]);
    assert_eq!((&found["id_column"], found["outputs"].as_array().unwrap().len()), (&Value::Null, 4));
    let one = json(&audit, &["--id", "999", "--output-name", "3"]);
    assert_eq!((one["outputs"].as_array().unwrap().len(), &one["outputs"][0]), (1, &found["outputs"][2]));
    let (_, text, _) = explain(&audit, &["--id", "0"]);
    assert!(text.starts_with("rates: row 0, by tree_shap\n\noutput 1\n") && text.contains("\noutput 4\n"), "{text}");
    for (arguments, code, words) in [
        (&["--id", "1000"][..], 3, "no row has row number `1000`; row numbers begin with 0"),
        (&["--id", "0", "--output-name", "5"], 2, "--output-name: `5` is no output of the model: 1, 2, 3, 4"),
        (&["--id", "0", "--method", "lime"], 2, "--method: `lime` is no attribution method that the config switches on: tree_shap"),
        (&["--id", "0", "--set", "explain.tree_shap=false"], 2, "explain: no method is on that a row could be explained by; switch one on"),
    ] {
        let (found, text, said) = explain(&audit, arguments);
        assert_eq!((found, text.as_str()), (Some(code), ""), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_category_that_the_model_does_not_know_is_said() {
    let audit = Audit::new();
    let rows = read(&audit.path("data.parquet"));
    let strange = StringArray::from(vec!["unheard of"; rows.num_rows()]);
    write(&audit.path("data.parquet"), &[with_column(&rows, "status", Arc::new(strange))]);
    let (code, text, _) = explain(&audit, &["--id", "1"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("warning: status: categories that the model does not know, in 1 row: unheard of (1)"), "{text}");
}

#[test]
fn a_row_that_is_not_there_is_an_error() {
    let audit = Audit::new();
    for id in ["100000", "abc", "-1"] {
        let (code, text, said) = explain(&audit, &["--id", id, "--set", "data.filter=age > 20"]);
        assert_eq!((code, text.as_str()), (Some(3), ""));
        assert!(said.contains(&format!("data.parquet: no row has `applicant_id` `{id}` among those where age > 20; check")), "{said}");
    }
}
