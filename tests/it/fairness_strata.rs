//! Groups within strata, groups known by probabilities, and calibration, against statsmodels, fairlearn and scikit-learn (`tests/golden/fairness/further.py`).

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
use pipeline::derive::fairness::{FairnessConditional, FairnessMetrics};
use pipeline::table::Table;
use serde_json::{Value, json};

use crate::fairness::{derive, floats, lines, number, review, rows};
use crate::support::{shipped, with_column};

fn further() -> Value {
    serde_json::from_slice(&std::fs::read(shipped("tests/golden/fairness/further.json")).unwrap()).unwrap()
}

fn is_close(found: Option<f64>, expected: &Value, tolerance: f64) {
    let (found, expected) = (found.unwrap_or(f64::NAN), expected.as_f64().unwrap());
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1e-3), "{found} instead of {expected}");
}

fn conditional(rows: &RecordBatch, settings: &Value, chunk: usize) -> Table {
    derive(&FairnessConditional::new(&review(rows, settings)), rows, false, chunk).remove(0)
}

fn section() -> Value {
    json!({
        "favourable": "above",
        "attributes": [{ "column": "sex", "reference": "male" }],
        "strata": [{ "column": "age", "bins": [30.0, 50.0] }],
    })
}

#[test]
fn metrics_within_strata_are_those_of_statsmodels_and_the_papers() {
    let (rows, expected) = (rows(), further());
    for chunk in [900, 64] {
        let table = conditional(&rows, &section(), chunk);
        let mut compared = 0;
        for row in (0..table.len()).filter(|row| table.texts("group").value(*row) == "female") {
            for (column, expected) in expected["conditional"][table.texts("metric").value(row)].as_object().unwrap() {
                // p-values come from tails of the normal distribution, which statrs gives to some 1e-11.
                is_close(number(&table, column, row), expected, if column == "p_value" { 1e-9 } else { 1e-11 });
                compared += 1;
            }
            assert_eq!((table.integers("strata").value(row), table.texts("status").value(row)), (3, "ok"));
        }
        assert_eq!(compared, 13);
    }
}

#[test]
fn a_disparity_that_strata_explain_is_none_within_them() {
    // In each school the groups are admitted alike, but women apply to the one that admits few (Bickel, Hammel & O'Connell 1975).
    let women = |row: usize| if row < 600 { !row.is_multiple_of(4) } else { row.is_multiple_of(4) };
    let admitted = |row: usize| (row / 4).is_multiple_of(if row < 600 { 5 } else { 2 });
    let text = |values: Vec<&str>| Arc::new(arrow_array::StringArray::from(values)) as ArrayRef;
    let columns = [
        ("sex", text((0..1200).map(|row| if women(row) { "female" } else { "male" }).collect())),
        ("school", text((0..1200).map(|row| if row < 600 { "hard" } else { "easy" }).collect())),
        ("score", Arc::new(Float64Array::from_iter_values((0..1200).map(|row| f64::from(u8::from(admitted(row)))))) as ArrayRef),
    ];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let settings =
        json!({ "favourable": "above", "attributes": [{ "column": "sex", "reference": "male" }], "strata": [{ "column": "school" }] });
    let table = conditional(&rows, &settings, 1200);
    let value = |metric: &str| {
        let is_meant = |row: &usize| (table.texts("group").value(*row), table.texts("metric").value(*row)) == ("female", metric);
        number(&table, "value", (0..table.len()).find(is_meant).unwrap()).unwrap()
    };
    assert!((value("mantel_haenszel_odds_ratio") - 1.0).abs() < 1e-12 && (value("mantel_haenszel_rate_ratio") - 1.0).abs() < 1e-12);
    assert!(value("mantel_haenszel_rate_difference").abs() < 1e-12 && value("conditional_demographic_disparity").abs() < 1e-12);
    // Without strata the ratio is far below 0.8.
    let plain = derive(&FairnessMetrics::new(&review(&rows, &settings)), &rows, false, 1200).remove(0);
    let ratio = number(&plain, "value", lines(&plain)[&("sex".into(), "female".into(), "adverse_impact_ratio".into())]).unwrap();
    assert!(ratio < 0.7, "{ratio}");
}

#[test]
fn likely_groups_count_by_their_probabilities() {
    let (rows, expected) = (rows(), further());
    let likely = floats(&rows, "weight").iter().zip(crate::fairness::ages(&rows)).map(|(w, age)| w / 4.0 + age / 200.0).collect::<Vec<_>>();
    let rest = Float64Array::from_iter_values(likely.iter().map(|p| 1.0 - p));
    let rows = with_column(&with_column(&rows, "p_a", Arc::new(Float64Array::from(likely))), "p_b", Arc::new(rest));
    let settings = json!({
        "favourable": "above",
        "attributes": [{ "column": "kind", "probabilities": { "a": "p_a", "b": "p_b" }, "reference": "a" }],
    });
    for chunk in [900, 50] {
        let table = derive(&FairnessMetrics::new(&review(&rows, &settings)), &rows, false, chunk).remove(0);
        let lines = lines(&table);
        for (group, metrics) in expected["shares"].as_object().unwrap() {
            for (metric, numbers) in metrics.as_object().unwrap().iter().filter(|(metric, _)| *metric != "rows") {
                let row = lines[&("kind".into(), group.clone(), metric.clone())];
                numbers.as_object().unwrap().iter().for_each(|(column, expected)| is_close(number(&table, column, row), expected, 1e-11));
            }
            let row = lines[&("kind".into(), group.clone(), "favourable_rate".into())];
            assert_eq!(table.integers("rows").value(row), metrics["rows"].as_f64().unwrap().round() as i64);
        }
    }
}

#[test]
fn calibration_by_band_is_that_of_scikit_learn() {
    let rows = rows();
    let inside =
        BooleanArray::from_iter(floats(&rows, "score").iter().map(|score| Some((score * 10.0 - (score * 10.0).round()).abs() > 1e-6)));
    let rows = arrow_select::filter::filter_record_batch(&rows, &inside).unwrap();
    let table = derive(&FairnessMetrics::new(&review(&rows, &section())), &rows, false, 100).remove(1);
    let women = (0..table.len()).filter(|row| table.texts("group").value(*row) == "female");
    let known: Vec<usize> = women.filter(|row| table.texts("status").value(*row) == "ok").collect();
    let expected = further()["calibration"].as_array().unwrap().clone();
    assert_eq!(known.len(), expected.len());
    for (row, expected) in known.into_iter().zip(&expected) {
        assert_eq!(Some(table.integers("bin").value(row) as f64), expected["bin"].as_f64());
        for column in ["mean_prediction", "mean_label", "ci_low", "ci_high"] {
            is_close(number(&table, column, row), &expected[column], 1e-11);
        }
    }
}
