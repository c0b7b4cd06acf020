//! Effects over the rows of single groups, by the real command, against scikit-learn and the definition (tests/golden/fairness/effects.py).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, Float64Array, RecordBatch};
use serde_json::Value;

use crate::support::{Audit, contents, read, with_column, write};

/// xgboost sums 150 leaves of up to 0.3 in f32.
const TOLERANCE: f64 = 1e-5;

/// The values of each curve by its attribute, group, feature and kind: place, or name of a category, and height.
type Curves = BTreeMap<[String; 4], Vec<(Option<f64>, Option<String>, f64)>>;

fn text(batch: &RecordBatch, column: &str, row: usize) -> String {
    batch.column_by_name(column).unwrap().as_string::<i32>().value(row).to_owned()
}

fn number(batch: &RecordBatch, column: &str, row: usize) -> Option<f64> {
    let column = batch.column_by_name(column).unwrap().as_primitive::<Float64Type>();
    column.is_valid(row).then(|| column.value(row))
}

fn integer(batch: &RecordBatch, column: &str, row: usize) -> Option<i64> {
    let column = batch.column_by_name(column).unwrap().as_primitive::<Int64Type>();
    column.is_valid(row).then(|| column.value(row))
}

fn keys(batch: &RecordBatch, row: usize) -> [String; 4] {
    ["attribute", "group", "feature", "kind"].map(|column| text(batch, column, row))
}

fn curves(batch: &RecordBatch) -> Curves {
    let mut curves = Curves::new();
    for row in (0..batch.num_rows()).filter(|row| text(batch, "status", *row) == "ok") {
        let label = batch.column_by_name("label").unwrap().as_string::<i32>();
        let label = label.is_valid(row).then(|| label.value(row).to_owned());
        curves.entry(keys(batch, row)).or_default().push((number(batch, "x", row), label, number(batch, "value", row).unwrap()));
    }
    curves
}

/// The credit data with a probability of a group.
fn audit(fairness: &str) -> Audit {
    let audit = Audit::new();
    let data = read(&audit.path("data.parquet"));
    let likely = Float64Array::from_iter_values((0..data.num_rows()).map(|row| (row % 8) as f64 / 8.0));
    write(&audit.path("data.parquet"), &[with_column(&data, "p", Arc::new(likely))]);
    audit.config(&format!("fairness: {{ favourable: below, {fairness} }}"));
    audit
}

const ATTRIBUTES: &str =
    "attributes: [{ column: sex }, { column: age, bins: [25] }, { column: kind, probabilities: { a: p } }], intersections: [[sex, age]]";

#[test]
fn effects_of_groups_are_those_of_other_libraries_on_their_rows_alone() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fairness/effects.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    let audit = audit(&format!("{ATTRIBUTES}, effects: {{ features: [duration, amount, purpose] }}"));
    let run = audit.publish(&[]);
    let table = read(&run.join("tables/fairness_effects.parquet"));
    let curves = curves(&table);
    let list = |json: &Value| json.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect::<Vec<_>>();
    let mut compared = 0;
    for (attribute, groups) in golden.as_object().unwrap() {
        for (group, features) in groups.as_object().unwrap() {
            let row = (0..table.num_rows()).find(|row| keys(&table, *row)[..2] == [attribute.clone(), group.clone()]).unwrap();
            assert_eq!(integer(&table, "group_rows", row), Some(features["rows"].as_f64().unwrap().round() as i64));
            for feature in ["duration", "amount", "purpose"] {
                let expected = &features[feature];
                for kind in ["pdp", "ale"].into_iter().filter(|kind| expected[*kind].is_array()) {
                    let curve = &curves[&[attribute.clone(), group.clone(), feature.to_owned(), kind.to_owned()]];
                    let points = expected["points"].as_array().unwrap();
                    assert_eq!(curve.len(), points.len(), "{feature}");
                    for (point, height) in points.iter().zip(list(&expected[kind])) {
                        let found = match point.as_str() {
                            Some(name) => curve.iter().find(|point| point.0.is_none() && point.1.as_deref() == Some(name)),
                            None => curve.iter().find(|found| found.0 == point.as_f64()),
                        };
                        let found = found.unwrap_or_else(|| panic!("{feature} has no point {point}")).2;
                        assert!((found - height).abs() < TOLERANCE, "{attribute} {group} {feature} {kind} {point}: {found} {height}");
                        compared += 1;
                    }
                }
            }
        }
    }
    assert!(compared > 450, "{compared}");
}

#[test]
fn features_of_the_largest_gaps_are_chosen_and_groups_of_few_rows_have_no_curve() {
    let audit = audit(&format!("{ATTRIBUTES}, effects: {{ features: top(2), points: 5, rows: 60 }}, min_group: 70"));
    let run = audit.publish(&["--threads", "1"]);
    let table = read(&run.join("tables/fairness_effects.parquet"));
    let gaps = read(&run.join("tables/fairness_attributions.parquet"));
    for attribute in ["sex", "age", "kind", "sex & age"] {
        let mut largest: BTreeMap<String, f64> = BTreeMap::new();
        for row in (0..gaps.num_rows()).filter(|row| text(&gaps, "attribute", *row) == attribute) {
            let size = largest.entry(text(&gaps, "feature", row)).or_default();
            *size = size.max(number(&gaps, "difference", row).unwrap_or(0.0).abs());
        }
        let mut ranked: Vec<(f64, String)> = largest.into_iter().map(|(feature, size)| (size, feature)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut drawn: Vec<String> = (0..table.num_rows())
            .filter(|row| text(&table, "attribute", *row) == attribute)
            .map(|row| text(&table, "feature", row))
            .collect();
        drawn.sort();
        drawn.dedup();
        let mut expected: Vec<String> = ranked.into_iter().take(2).map(|(_, feature)| feature).collect();
        expected.sort();
        assert_eq!(drawn, expected, "{attribute}");
    }
    let few: Vec<usize> = (0..table.num_rows()).filter(|row| text(&table, "status", *row) == "insufficient_data").collect();
    // 65 men are under 25: a line for each of two features and two kinds.
    assert_eq!(few.len(), 4);
    for row in few {
        assert_eq!((text(&table, "group", row), integer(&table, "group_rows", row)), ("male & under 25".into(), Some(65)));
        assert_eq!((integer(&table, "point", row), number(&table, "value", row), number(&table, "ci_low", row)), (None, None, None));
    }
    // Sixty rows of every other group, and the same ones at any number of threads.
    let mut rows: BTreeMap<[String; 4], i64> = BTreeMap::new();
    for row in (0..table.num_rows()).filter(|row| text(&table, "status", *row) == "ok") {
        *rows.entry(keys(&table, row)).or_default() += integer(&table, "rows", row).unwrap();
    }
    assert!(rows.iter().filter(|(key, _)| key[0] != "kind").all(|(_, rows)| *rows == 60), "{rows:?}");
    assert!(contents(&run) == contents(&audit.publish(&["--threads", "3"])));
    let figure = std::fs::read_to_string(run.join("figures/fairness_effects-0.svg")).unwrap();
    assert!(figure.contains("female (310 rows)") && figure.contains("male (690 rows)"));
}

#[test]
fn effects_of_features_that_do_not_exist_are_refused() {
    let audit = audit(&format!("{ATTRIBUTES}, effects: {{ features: [lifespan] }}"));
    audit.refuse(&[], 2, &["fairness.effects.features", "`lifespan` is no feature of the model"]);
}
