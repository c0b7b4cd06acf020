//! Group metrics against fairlearn, scikit-learn, statsmodels and scipy (`tests/golden/fairness/make.py`), and what is not given.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use pipeline::attribution::Scores;
use pipeline::dataset::{FeatureBlock, RowBatch};
use pipeline::derive::Derivation;
use pipeline::derive::fairness::{FairnessMetrics, Review, Settings};
use pipeline::table::Table;
use serde_json::{Value, json};

use crate::support::{Audit, contents, read, shipped, with_column};

const COLUMNS: [&str; 5] = ["value", "ci_low", "ci_high", "difference", "ratio"];

/// Rows as a run hands them on, from columns `score`, `label`, `weight` and further ones.
pub fn batch(rows: &RecordBatch, weighted: bool, first: usize, count: usize) -> (RowBatch, Scores) {
    let rows = rows.slice(first, count);
    let numbers = |name: &str| {
        let column = arrow_cast::cast(rows.column_by_name(name).unwrap(), &arrow_schema::DataType::Float64).unwrap();
        column.as_primitive::<Float64Type>().values().to_vec()
    };
    let batch = RowBatch {
        first_row: first as u64,
        ids: Arc::new(Int64Array::from_iter_values(first as i64..(first + count) as i64)),
        features: FeatureBlock::default(),
        label: rows.column_by_name("label").map(|_| numbers("label")),
        weight: weighted.then(|| numbers("weight")),
        extra: rows.clone(),
    };
    (batch, Scores { margins: numbers("score"), predictions: numbers("score") })
}

pub fn metrics(rows: &RecordBatch, settings: &Value, weighted: bool, chunk: usize) -> Table {
    derive(&FairnessMetrics::new(&review(rows, settings)), rows, weighted, chunk).remove(0)
}

pub fn review(rows: &RecordBatch, settings: &Value) -> Arc<Review> {
    let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
    Review::new(&settings, &rows.schema(), &["p".to_owned()]).unwrap()
}

/// A derivation's tables, rows coming in chunks.
pub fn derive<D: Derivation>(derivation: &D, rows: &RecordBatch, weighted: bool, chunk: usize) -> Vec<Table> {
    let mut all = derivation.start();
    for first in (0..rows.num_rows()).step_by(chunk) {
        let (batch, scores) = batch(rows, weighted, first, chunk.min(rows.num_rows() - first));
        let mut part = derivation.start();
        derivation.absorb_rows(&mut part, &batch, &scores);
        derivation.merge(&mut all, part);
    }
    derivation.finish(all, &[]).unwrap()
}

/// A line's place by attribute, group and metric.
pub fn lines(table: &Table) -> BTreeMap<(String, String, String), usize> {
    let text = |column: &str, row: usize| table.texts(column).value(row).to_owned();
    (0..table.len()).map(|row| ((text("attribute", row), text("group", row), text("metric", row)), row)).collect()
}

pub fn number(table: &Table, column: &str, row: usize) -> Option<f64> {
    let numbers = table.numbers(column);
    numbers.is_valid(row).then(|| numbers.value(row))
}

/// Compares every expected number with the table's; returns how many were compared.
fn compare(table: &Table, expected: &Value) -> usize {
    let (lines, mut compared) = (lines(table), 0);
    for (attribute, groups) in expected.as_object().unwrap() {
        for (group, metrics) in groups.as_object().unwrap() {
            for (metric, numbers) in metrics.as_object().unwrap() {
                let row = lines[&(attribute.clone(), group.clone(), metric.clone())];
                if table.texts("status").value(row) == "insufficient_data" {
                    assert!(number(table, "value", row).is_none());
                    continue;
                }
                for (column, expected) in numbers.as_object().unwrap() {
                    let (found, expected) = (number(table, column, row).unwrap_or(f64::NAN), expected.as_f64().unwrap());
                    // p-values come from tails of the normal distribution, which statrs gives to some 1e-11.
                    let tolerance = if column == "p_value" { 1e-9 } else { 1e-11 };
                    let close = (found - expected).abs() <= tolerance * expected.abs().max(1e-3);
                    // Differences with the reference are not given where the reference's rows are too few.
                    assert!(close, "{attribute}, {group}, {metric}, {column}: {found} instead of {expected}");
                    compared += 1;
                }
            }
        }
    }
    compared
}

/// The golden rows, text as the dataset hands it on.
pub fn rows() -> RecordBatch {
    let rows = read(&shipped("tests/golden/fairness/rows.parquet"));
    let sex = arrow_cast::cast(rows.column_by_name("sex").unwrap(), &arrow_schema::DataType::Utf8).unwrap();
    with_column(&rows, "sex", sex)
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(shipped("tests/golden/fairness/expected.json")).unwrap()).unwrap()
}

fn section(favourable: &str) -> Value {
    json!({
        "favourable": favourable,
        "attributes": [{ "column": "sex" }, { "column": "age", "bins": [25.0, 40.0, 60.0] }],
        "intersections": [["sex", "age"]],
    })
}

#[test]
fn group_metrics_are_those_of_fairlearn_sklearn_and_statsmodels() {
    let (rows, expected) = (rows(), expected());
    for side in ["below", "above"] {
        for chunk in [900, 128, 7] {
            let compared = compare(&metrics(&rows, &section(side), false, chunk), &expected[side]);
            assert!(compared > 300, "{compared}");
        }
    }
    let table = metrics(&rows, &json!({ "favourable": "above", "attributes": [{ "column": "sex" }] }), true, 100);
    assert_eq!(compare(&table, &expected["weighted"]), 18);
}

#[test]
fn small_groups_are_given_no_number() {
    let table = metrics(&rows(), &section("above"), false, 900);
    let lines = lines(&table);
    let missing = lines[&("sex".into(), "missing".into(), "adverse_impact_ratio".into())];
    assert_eq!((table.texts("status").value(missing), table.integers("rows").value(missing)), ("insufficient_data", 9));
    for (row, status) in table.texts("status").iter().enumerate() {
        let any = COLUMNS.iter().any(|column| number(&table, column, row).is_some());
        assert_eq!(any, status == Some("ok"), "line {row}: {status:?}");
        assert!(status != Some("ok") || table.integers("rows").value(row) >= 30);
    }
    // A reference that is too small leaves nothing to compare with.
    let mut small = section("above");
    small["attributes"][0]["reference"] = "missing".into();
    let table = metrics(&rows(), &small, false, 900);
    let of_sex = (0..table.len()).filter(|row| table.texts("attribute").value(*row) == "sex");
    let ratios: Vec<usize> = of_sex.filter(|row| table.texts("metric").value(*row) == "adverse_impact_ratio").collect();
    assert_eq!(ratios.len(), 2);
    assert!(ratios.iter().all(|row| table.texts("status").value(*row) == "insufficient_data"));
}

#[test]
fn groups_without_a_single_favourable_decision_have_honest_ratios() {
    // 40 rows of `a` are all refused, 40 of `b` all accepted: a ratio of 0 one way, none the other way.
    let group = StringArray::from_iter_values((0..80).map(|row| if row < 40 { "a" } else { "b" }));
    let score = arrow_array::Float64Array::from_iter_values((0..80).map(|row| if row < 40 { 0.9 } else { 0.1 }));
    let rows = RecordBatch::try_from_iter([("group", Arc::new(group) as ArrayRef), ("score", Arc::new(score))]).unwrap();
    let ratio = |reference: &str| {
        let settings = json!({ "favourable": "below", "attributes": [{ "column": "group", "reference": reference }] });
        let table = metrics(&rows, &settings, false, 80);
        let row = (0..table.len()).find(|row| table.texts("metric").value(*row) == "adverse_impact_ratio").unwrap();
        (number(&table, "value", row), number(&table, "ci_high", row), table.texts("status").value(row).to_owned())
    };
    let (value, high, status) = ratio("b");
    assert_eq!((value, status.as_str()), (Some(0.0), "ok"));
    // Half a case added: (0.5/40.5)/(40.5/40.5)·exp(1.96·√(1/0.5 − 1/40.5)) = 0.1945….
    let expected = 0.5 / 40.5 * (1.959_963_984_540_054 * (1.0 / 0.5 - 1.0 / 40.5_f64).sqrt()).exp();
    assert!((high.unwrap() - expected).abs() < 1e-12);
    assert_eq!(ratio("a"), (None, None, "undefined".to_owned()));
}

#[test]
fn booleans_and_integers_are_groups_and_labels_need_not_be_there() {
    let flags = BooleanArray::from_iter((0..100).map(|row| (row % 10 != 0).then_some(row % 2 == 0)));
    let codes = Int64Array::from_iter_values((0..100).map(|row| row % 2));
    let score = arrow_array::Float64Array::from_iter_values((0..100).map(|row| f64::from(row) / 100.0));
    let columns: [(&str, ArrayRef); 3] = [("flag", Arc::new(flags)), ("code", Arc::new(codes)), ("score", Arc::new(score))];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let table = metrics(&rows, &json!({ "favourable": "above", "attributes": [{ "column": "flag" }, { "column": "code" }] }), false, 64);
    let groups: std::collections::BTreeSet<_> =
        (0..table.len()).map(|row| (table.texts("attribute").value(row), table.texts("group").value(row))).collect();
    let expected = [("code", "0"), ("code", "1"), ("flag", "false"), ("flag", "missing"), ("flag", "true")];
    assert_eq!(groups.into_iter().collect::<Vec<_>>(), expected);
    assert!(table.texts("metric").iter().flatten().all(|metric| !metric.contains("positive") && metric != "auc"));
}

/// The credit audit by sex, bands of age and both.
fn credit() -> Audit {
    let audit = Audit::new();
    audit.config(
        "fairness: { favourable: below, attributes: [{ column: sex, reference: male }, { column: age, bins: [25, 40, 60] }], \
         intersections: [[sex, age]] }",
    );
    audit
}

/// The golden rows' ages.
pub fn ages(rows: &RecordBatch) -> Vec<f64> {
    let ages = arrow_cast::cast(rows.column_by_name("age").unwrap(), &arrow_schema::DataType::Float64).unwrap();
    ages.as_primitive::<Float64Type>().values().to_vec()
}

pub fn floats(rows: &RecordBatch, column: &str) -> Vec<f64> {
    rows.column_by_name(column).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

#[test]
fn attribution_gaps_are_differences_of_group_means_and_add_up() {
    let audit = credit();
    let folder = audit.publish(&[]);
    let (table, parts) =
        (read(&folder.join("tables/fairness_attributions.parquet")), read(&folder.join("attributions/tree_shap/part-00000.parquet")));
    let data = read(&audit.path("data.parquet"));
    let sex = arrow_cast::cast(data.column_by_name("sex").unwrap(), &arrow_schema::DataType::Utf8).unwrap();
    let sex: Vec<&str> = sex.as_string::<i32>().iter().flatten().collect();
    let mean = |column: &[f64], group: &str| {
        let members: Vec<f64> = column.iter().zip(&sex).filter(|(_, sex)| **sex == group).map(|(value, _)| *value).collect();
        members.iter().sum::<f64>() / members.len() as f64
    };
    let gap = |column: &str| mean(&floats(&parts, column), "female") - mean(&floats(&parts, column), "male");
    let text = |column: &str, row: usize| table.column_by_name(column).unwrap().as_string::<i32>().value(row).to_owned();
    let [differences, lows, highs, gaps, residuals, p_values, q_values] =
        ["difference", "ci_low", "ci_high", "gap", "residual", "p_value", "q_value"].map(|column| floats(&table, column));
    let of_sex: Vec<usize> = (0..table.num_rows()).filter(|row| text("attribute", *row) == "sex").collect();
    assert_eq!(of_sex.len(), 20);
    for &row in &of_sex {
        assert!((differences[row] - gap(&text("feature", row))).abs() < 1e-12);
        assert!(lows[row] <= differences[row] && differences[row] <= highs[row]);
        assert!((0.001..=1.0).contains(&p_values[row]) && p_values[row] <= q_values[row]);
    }
    // What tells men from women is what the model may see of it; sex itself is no feature.
    let family = of_sex.iter().find(|row| text("feature", **row) == "personal_status_sex").unwrap();
    assert!(q_values[*family] < 0.05 && differences[*family] > 0.0);
    assert!((gaps[of_sex[0]] - gap("_prediction")).abs() < 1e-12);
    let known = (0..table.num_rows()).filter(|row| text("status", *row) == "ok");
    let mut groups: BTreeMap<(String, String), (f64, f64)> = BTreeMap::new();
    for row in known {
        assert!(residuals[row].abs() < 1e-12, "{}", residuals[row]);
        let sum = groups.entry((text("attribute", row), text("group", row))).or_insert((0.0, gaps[row]));
        sum.0 += differences[row];
    }
    assert!(groups.len() >= 6 && groups.values().all(|(sum, gap)| (sum - gap).abs() < 1e-12), "{groups:?}");
}

#[test]
fn the_review_is_the_same_bytes_at_any_number_of_threads() {
    let audit = Audit::of_rows(3);
    audit.config(
        "fairness: { favourable: below, attributes: [{ column: sex }, { column: age, bins: [25, 40, 60] }], intersections: [[sex, age]] }",
    );
    let labelled = |threads| contents(&audit.publish(&["--threads", threads, "--set", "data.label=bad", "--set", "data.weight=duration"]));
    let expected = labelled("1");
    assert!(expected == labelled("3"));
    let page =
        expected.iter().find(|(name, _)| name == "index.html").map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).unwrap();
    assert!(page.contains("Fairness screen") && !page.to_lowercase().contains("compliant"));
}

#[test]
fn reasons_are_the_largest_values_against_favourable_decisions() {
    let audit = credit();
    let reasons = [
        "--set",
        "fairness.reasons={top: 3, texts: {duration: 'The loan runs for {value} months'}}",
        "--set",
        "data.feature_groups={loan: [amount, purpose]}",
    ];
    let folder = audit.publish(&reasons);
    let (table, parts) = (read(&folder.join("tables/reasons.parquet")), read(&folder.join("attributions/tree_shap/part-00000.parquet")));
    // The same values by another way: a run whose background is a file of the favourable decisions.
    let predictions = floats(&parts, "_prediction");
    let favourable: Vec<RecordBatch> = {
        let data = read(&audit.path("data.parquet"));
        (0..1000).filter(|row| predictions[*row] < 0.0).map(|row| data.slice(row, 1)).collect()
    };
    crate::support::write(&audit.path("favourable.parquet"), &favourable);
    let against = audit.publish(&[&reasons[..], &["--set", "background.path=favourable.parquet"]].concat());
    let against = read(&against.join("attributions/tree_shap/part-00000.parquet"));
    let schema = against.schema();
    let features: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).filter(|name| !name.starts_with('_')).collect();
    let mut expected = Vec::new();
    for row in (0..1000).filter(|row| predictions[*row] >= 0.0) {
        let mut values: Vec<(f64, &str)> = features.iter().map(|feature| (floats(&against, feature)[row], *feature)).collect();
        values.sort_by(|a, b| b.0.total_cmp(&a.0));
        let adverse = values.into_iter().filter(|(value, _)| *value > 0.0).take(3).enumerate();
        expected.extend(adverse.map(|(rank, (value, feature))| (row as i64 + 1, rank as i64 + 1, feature, value)));
    }
    assert!(expected.len() > 600 && expected.len() == table.num_rows(), "{} {}", expected.len(), table.num_rows());
    let text = |column: &str, row: usize| table.column_by_name(column).unwrap().as_string::<i32>().value(row).to_owned();
    let integers = |column: &str| table.column_by_name(column).unwrap().as_primitive::<arrow_array::types::Int64Type>().values().to_vec();
    let (ids, ranks, values) = (integers("row_id"), integers("rank"), floats(&table, "attribution"));
    for (row, (id, rank, feature, value)) in expected.into_iter().enumerate() {
        assert_eq!((ids[row], ranks[row], text("feature", row).as_str()), (id, rank, feature));
        assert!((values[row] - value).abs() < 1e-12);
        let said = match feature {
            "duration" => format!("The loan runs for {} months", text("value", row)),
            _ => format!("{feature}: {}", text("value", row)),
        };
        assert_eq!(text("text", row), said);
    }
    let audit = credit();
    audit.refuse(&["--set", "fairness.reasons.texts={income: no}"], 2, &["fairness.reasons.texts.income: is about no explained feature"]);
    audit.refuse(
        &["--set", "fairness.reasons={}", "--set", "fairness.threshold=-1"],
        2,
        &["no row of the background has a favourable decision"],
    );
}
