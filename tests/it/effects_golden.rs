//! The real command's effects of the credit model against those of scikit-learn and PyALE (tests/golden/effects/make.py).

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use serde_json::Value;

use crate::support::{Audit, read};

/// xgboost sums 150 leaves of up to 0.3 in f32.
const TOLERANCE: f64 = 1e-5;

fn numbers(batch: &RecordBatch, column: &str) -> Vec<Option<f64>> {
    batch.column_by_name(column).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    batch.column_by_name(column).unwrap().as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn list(json: &Value) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

/// The height of an exact curve, whose points are on both sides of every step, at a number or a category.
fn at(points: &[(Option<f64>, Option<String>, f64)], value: &Value) -> f64 {
    if let Some(name) = value.as_str() {
        return points.iter().find(|point| point.1.as_deref() == Some(name)).unwrap().2;
    }
    let x = value.as_f64().unwrap();
    let above = points.iter().position(|point| point.0.unwrap() >= x).unwrap();
    if points[above].0.unwrap() > x {
        assert!((points[above - 1].2 - points[above].2).abs() < 1e-12, "the curve is flat between steps");
    }
    points[above].2
}

fn curve(batch: &RecordBatch, height: &str, wanted: impl Fn(usize) -> bool) -> Vec<(Option<f64>, Option<String>, f64)> {
    let (values, labels, heights) = (numbers(batch, "value"), texts(batch, "label"), numbers(batch, height));
    (0..batch.num_rows()).filter(|row| wanted(*row)).map(|row| (values[row], labels[row].clone(), heights[row].unwrap())).collect()
}

#[test]
fn effects_of_the_credit_model_are_those_of_other_libraries() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/effects/credit.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let audit = Audit::new();
    let features = "features: [duration, amount, purpose]";
    audit.config(&format!(
        "derive: {{ pdp: {{ {features}, grid: exact }}, ice: {{ {features}, grid: exact, rows: 1000 }}, ale: {{ features: [duration, amount], bins: 20 }} }}\n"
    ));
    let run = audit.publish(&[]);
    let [pdp, ice, ale] = ["pdp", "ice", "ale"].map(|table| read(&run.join(format!("tables/{table}.parquet"))));
    for (feature, expected) in golden["partial_dependence"].as_object().unwrap() {
        let of = texts(&pdp, "feature");
        let points = curve(&pdp, "mean", |row| of[row].as_ref() == Some(feature));
        for (value, mean) in expected["values"].as_array().unwrap().iter().zip(list(&expected["means"])) {
            assert!((at(&points, value) - mean).abs() < TOLERANCE, "{feature} {value}: {} {mean}", at(&points, value));
        }
        let of = texts(&ice, "feature");
        let ids: Vec<i64> = ice.column_by_name("row_id").unwrap().as_primitive::<Int64Type>().iter().flatten().collect();
        let individual = &golden["individual"][feature];
        for (id, heights) in individual["rows"].as_array().unwrap().iter().zip(individual["curves"].as_array().unwrap()) {
            let points = curve(&ice, "prediction", |row| of[row].as_ref() == Some(feature) && ids[row] == id.as_i64().unwrap());
            for (value, height) in expected["values"].as_array().unwrap().iter().zip(list(heights)) {
                assert!((at(&points, value) - height).abs() < TOLERANCE, "{feature} {value}, row {id}");
            }
        }
    }
    for (feature, expected) in golden["ale"].as_object().unwrap() {
        let of = texts(&ale, "feature");
        let rows: Vec<usize> = (0..ale.num_rows()).filter(|row| of[*row].as_ref() == Some(feature)).collect();
        let (edges, effects) = (numbers(&ale, "right"), numbers(&ale, "effect"));
        assert_eq!(rows.iter().map(|row| edges[*row].unwrap()).collect::<Vec<_>>(), list(&expected["edges"]));
        for (row, effect) in rows.into_iter().zip(list(&expected["effects"])) {
            assert!((effects[row].unwrap() - effect).abs() < TOLERANCE, "{feature} {:?}: {:?} {effect}", edges[row], effects[row]);
        }
    }
    assert!(ale.column_by_name("label").unwrap().null_count() == 0);
}
