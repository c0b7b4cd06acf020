//! The review in whole runs: references without rows, protected columns from another file, probabilities, labels apart.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};

use crate::fairness::floats;
use crate::support::{Audit, contents, pipeline, read, stderr, with_column, write};

const SEXES: &str = "attributes: [{ column: sex, reference: male }]";

fn audit(fairness: &str) -> Audit {
    let audit = Audit::new();
    audit.config(&format!("fairness: {{ favourable: below, {fairness} }}"));
    audit
}

/// A column as texts, empty where there is none.
pub fn texts(rows: &RecordBatch, column: &str) -> Vec<String> {
    let texts = arrow_cast::cast(rows.column_by_name(column).unwrap(), &arrow_schema::DataType::Utf8).unwrap();
    texts.as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_reference_group_without_rows_leaves_the_run_and_its_other_numbers_alone() {
    let audit = audit("attributes: [{ column: sex, reference: mail }, { column: age, bins: [25, 40] }]");
    let folder = audit.publish(&[]);
    let metrics = read(&folder.join("tables/fairness_metrics.parquet"));
    let [attributes, groups, names, statuses] = ["attribute", "group", "metric", "status"].map(|column| texts(&metrics, column));
    let ratios: Vec<usize> = (0..names.len()).filter(|row| names[*row] == "adverse_impact_ratio").collect();
    assert!(ratios.iter().all(|row| (attributes[*row] == "sex") == (statuses[*row] == "insufficient_data")));
    assert_eq!(ratios.iter().filter(|row| attributes[**row] == "sex").count(), 2);
    assert!((0..names.len()).any(|row| groups[row] == "female" && names[row] == "favourable_rate" && statuses[row] == "ok"));
    // Bands come in their own order.
    let mut bands: Vec<&str> = (0..names.len()).filter(|row| attributes[*row] == "age").map(|row| groups[row].as_str()).collect();
    bands.dedup();
    assert_eq!(bands, ["under 25", "25 to under 40", "40 and over"]);
    let words = "the reference group `mail` has no row, so that nothing can be compared with it; the groups with rows are female, male";
    assert!(std::fs::read_to_string(folder.join("index.html")).unwrap().contains(words));
    assert!(std::fs::read_to_string(folder.join("run_results.json")).unwrap().contains(words));
    let gate = "gates=[{metric: fairness.adverse_impact_ratio, where: {attribute: sex}, min: 0.8}]";
    let output = audit.run(&["--set", gate]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("could not be evaluated"), "{}", stderr(&output));
}

/// The data without `sex`, and a file of it by id, in another order.
fn apart(audit: &Audit, keep: usize) {
    let data = read(&audit.path("data.parquet"));
    let keys = with_column(&data, "who", Arc::clone(data.column_by_name("applicant_id").unwrap()));
    let places: Vec<usize> = ["who", "sex"].map(|name| keys.schema().index_of(name).unwrap()).to_vec();
    let keys = keys.project(&places).unwrap();
    let reversed: Vec<RecordBatch> = (0..keep).rev().map(|row| keys.slice(row, 1)).collect();
    write(&audit.path("protected.parquet"), &reversed);
    let rest: Vec<usize> = (0..data.num_columns()).filter(|column| data.schema().field(*column).name() != "sex").collect();
    write(&audit.path("data.parquet"), &[data.project(&rest).unwrap()]);
}

const FILE: [&str; 2] = ["--set", "fairness.protected={path: protected.parquet, id: who}"];

#[test]
fn protected_columns_may_come_from_a_file_of_their_own() {
    let fairness = format!("{SEXES}, strata: [{{ column: age, bins: [30, 50] }}]");
    let whole = audit(&fairness);
    let expected = contents(&whole.publish(&[]));
    let split = audit(&fairness);
    apart(&split, 1000);
    let folder = split.publish(&FILE);
    let tables = |all: &[(String, Vec<u8>)]| all.iter().filter(|(name, _)| name.starts_with("tables/")).cloned().collect::<Vec<_>>();
    assert!(tables(&expected) == tables(&contents(&folder)));
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert!(manifest.contains("protected.parquet") && manifest.contains("\"role\": \"protected\""), "{manifest}");
    // Another file is a change that the comparison tells.
    let keys = read(&split.path("protected.parquet"));
    write(&split.path("protected.parquet"), &[keys.slice(0, 999)]);
    let later = split.publish(&FILE);
    let output = pipeline().arg("compare").arg(&folder).arg(&later).output().unwrap();
    let changes = String::from_utf8(output.stdout).unwrap();
    assert!(changes.contains("data_changed,,,,,,0,") && changes.contains("protected_changed,,,,,,1,"), "{changes}");
}

#[test]
fn rows_that_the_protected_file_does_not_know_are_missing_and_said() {
    let audit = audit(SEXES);
    apart(&audit, 950);
    let folder = audit.publish(&FILE);
    let metrics = read(&folder.join("tables/fairness_metrics.parquet"));
    let missing = texts(&metrics, "group").iter().position(|group| group == "missing").unwrap();
    let rows = metrics.column_by_name("rows").unwrap().as_primitive::<arrow_array::types::Int64Type>().value(missing);
    assert_eq!(rows, 50);
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    assert!(page.contains("50 of 1000 rows have no line in the file"));
}

#[test]
fn protected_files_that_cannot_be_joined_are_refused() {
    let audit = audit(SEXES);
    apart(&audit, 1000);
    audit.refuse(&["--set", "fairness.protected={path: protected.parquet, id: person}"], 3, &["no column `person`"]);
    audit.refuse(
        &["--set", "fairness.protected={path: protected.parquet, id: sex}"],
        2,
        &["fairness.protected.id: holds text, but data.id holds integers"],
    );
    audit.refuse(&["--set", "fairness.protected={path: nowhere.parquet, id: who}"], 2, &["does not exist"]);
    audit.refuse(&[FILE[0], FILE[1], "--set", "data.id=null"], 2, &["name the column of ids as data.id"]);
    let twice = read(&audit.path("protected.parquet"));
    write(&audit.path("protected.parquet"), &[twice.slice(0, 10), twice]);
    audit.refuse(&FILE, 3, &["the id 991 is on more than one row"]);
}

#[test]
fn columns_that_are_not_there_and_probabilities_out_of_range_are_refused() {
    let audit = audit(SEXES);
    audit.refuse(&["--set", "fairness.strata=[{column: income}]"], 3, &["no column `income`"]);
    audit.refuse(&["--set", "fairness.by_label=true"], 2, &["fairness.by_label: needs data.label"]);
    audit.refuse(&["--set", "fairness.strata=[{column: sex, bins: [1]}]"], 2, &["fairness.strata.0.bins: `sex` is not a number"]);
    let data = read(&audit.path("data.parquet"));
    let odd = |row: usize, p: f64| {
        Arc::new(Float64Array::from_iter_values((0..1000).map(|other| if other == row { p } else { 0.5 }))) as ArrayRef
    };
    let likely = ["--set", "fairness.attributes=[{column: race, probabilities: {a: p, b: q}}]"];
    for (p, words) in [(1.5, "column `p`: 1.5 is no probability"), (0.75, "the probabilities of `race` add up to 1.25")] {
        write(&audit.path("data.parquet"), &[with_column(&with_column(&data, "p", odd(7, p)), "q", odd(0, 0.5))]);
        audit.refuse(&likely, 3, &[words, "row 8", "id 8"]);
    }
    audit.refuse(&["--set", "fairness.attributes=[{column: race, probabilities: {a: sex}}]"], 2, &["`sex` is not a number"]);
    audit.refuse(&["--set", "fairness.attributes=[{column: race, reference: c, probabilities: {a: p, b: q}}]"], 2, &["name one of a, b"]);
}

#[test]
fn gaps_of_each_label_add_up_and_all_tables_are_the_same_at_any_number_of_threads() {
    let audit = Audit::of_rows(3);
    let data = read(&audit.path("data.parquet"));
    let likely = Float64Array::from_iter_values((0..data.num_rows()).map(|row| (row % 8) as f64 / 8.0));
    write(&audit.path("data.parquet"), &[with_column(&data, "p", Arc::new(likely))]);
    audit.config(
        "fairness: { favourable: below, by_label: true, strata: [{ column: housing }], intersections: [[sex, kind]], \
         attributes: [{ column: sex, reference: male }, { column: kind, probabilities: { a: p } }] }",
    );
    let run = |threads| audit.publish(&["--threads", threads, "--set", "data.label=bad"]);
    let folder = run("1");
    let expected = contents(&folder);
    let gaps = read(&folder.join("tables/fairness_attributions.parquet"));
    let label = gaps.column_by_name("label").unwrap().as_primitive::<arrow_array::types::Int64Type>().clone();
    let mut sums: std::collections::BTreeMap<(String, String, Option<i64>), (f64, f64)> = Default::default();
    let (attributes, groups, statuses) = (texts(&gaps, "attribute"), texts(&gaps, "group"), texts(&gaps, "status"));
    for row in (0..gaps.num_rows()).filter(|row| statuses[*row] == "ok") {
        let key = (attributes[row].clone(), groups[row].clone(), label.is_valid(row).then(|| label.value(row)));
        sums.entry(key).or_insert((0.0, floats(&gaps, "gap")[row])).0 += floats(&gaps, "difference")[row];
    }
    assert!(sums.len() >= 12 && sums.values().all(|(sum, gap)| (sum - gap).abs() < 1e-12), "{sums:?}");
    // By hand: women with a bad label less men with one.
    let parts = read(&folder.join("attributions/tree_shap/part-00000.parquet"));
    let (sexes, bad) = (texts(&data, "sex"), data.column_by_name("bad").unwrap());
    let bad: Int64Array = arrow_cast::cast(bad, &arrow_schema::DataType::Int64).unwrap().as_primitive().clone();
    let mean = |sex: &str| {
        let members: Vec<f64> = (0..sexes.len())
            .filter(|row| sexes[*row] == sex && bad.value(*row) == 1)
            .map(|row| floats(&parts, "_prediction")[row])
            .collect();
        members.iter().sum::<f64>() / members.len() as f64
    };
    let (_, gap) = sums[&("sex".into(), "female".into(), Some(1))];
    assert!((gap - (mean("female") - mean("male"))).abs() < 1e-12);
    let proxy = read(&folder.join("tables/fairness_proxy.parquet"));
    let auc = texts(&proxy, "metric").iter().position(|metric| metric == "membership_auc").unwrap();
    // What the model makes of marital status gives men away.
    assert!(floats(&proxy, "value")[auc] > 0.9, "{}", floats(&proxy, "value")[auc]);
    assert!(expected == contents(&run("3")));
}

#[test]
fn columns_with_too_many_groups_or_strata_are_stated_and_never_pass_a_gate() {
    let gates = "gates: [{ metric: fairness.adverse_impact_ratio, where: { attribute: sex }, min: 0.5 }]";
    let audit = Audit::new();
    let config = format!(
        "fairness: {{ favourable: below, attributes: [{{ column: sex }}, {{ column: amount }}], intersections: [[sex, amount]], effects: {{}}, \
         strata: [{{ column: amount }}, {{ column: applicant_id }}, {{ column: housing }}] }}\n{gates}\n"
    );
    audit.config(&config);
    let folder = audit.publish(&["--set", "data.label=bad"]);
    let metrics = read(&folder.join("tables/fairness_metrics.parquet"));
    let [attributes, groups, names, statuses] = ["attribute", "group", "metric", "status"].map(|column| texts(&metrics, column));
    for attribute in ["amount", "sex & amount"] {
        let lines: Vec<usize> = (0..names.len()).filter(|row| attributes[*row] == attribute).collect();
        assert!(lines.iter().all(|row| statuses[*row] == "not_evaluated" && groups[*row] == "more than 200 groups"));
        // Every metric that a group of the attribute that is screened has.
        let of_women: Vec<&str> = (0..names.len()).filter(|row| groups[*row] == "female").map(|row| names[row].as_str()).collect();
        assert_eq!(lines.iter().map(|row| names[*row].as_str()).collect::<Vec<_>>(), of_women);
    }
    for table in ["attributions", "importance", "proxy", "calibration", "effects", "conditional"] {
        let lines = read(&folder.join(format!("tables/fairness_{table}.parquet")));
        let (attributes, statuses) = (texts(&lines, "attribute"), texts(&lines, "status"));
        let of = |wanted: &str| {
            (0..attributes.len()).filter(|row| attributes[*row] == wanted).map(|row| statuses[row].clone()).collect::<Vec<_>>()
        };
        assert!(!of("amount").is_empty() && of("amount").iter().all(|status| status == "not_evaluated"), "{table}");
        assert!(of("sex").iter().any(|status| status == "ok"), "{table}");
        if table == "conditional" {
            let strata = texts(&lines, "stratum");
            let right = |row: usize| (statuses[row] == "not_evaluated") == (strata[row] != "housing" || attributes[row] != "sex");
            assert!((0..strata.len()).all(right));
        }
    }
    let page = std::fs::read_to_string(folder.join("index.html")).unwrap();
    assert!(page.contains("`amount` has more than 200 groups and is not screened; give a number bins") && page.contains("not evaluated"));
    // Of ids each is a stratum: in none of them are there two groups.
    for column in ["amount", "applicant_id"] {
        assert!(page.contains(&format!("`{column}` has too many strata to compare groups within")), "{column}");
    }
    for filter in ["", ", where: {attribute: amount}"] {
        let gate = format!("gates=[{{metric: fairness.adverse_impact_ratio, min: 0.1{filter}}}]");
        let output = audit.run(&["--set", &gate]);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains("could not be evaluated"), "{}", stderr(&output));
    }
}

#[test]
fn reasons_are_written_as_the_rows_come_in_groups_of_bounded_size() {
    let audit = Audit::of_rows(36);
    audit.config(
        "fairness: { favourable: below, threshold: 0.02, attributes: [{ column: sex }], reasons: {} }\nbackground: { rows: 100 }\n\
         gates: [{ metric: reasons.rank, min: 1, max: 4 }, { metric: reasons.rank, where: { feature: nothing }, min: 1, severity: warn }]\n",
    );
    let run = |threads: &str| contents(&audit.publish(&["--threads", threads]));
    let (one, three) = (run("1"), run("3"));
    assert!(one == three);
    let path = audit.path("out/latest/tables/reasons.parquet");
    let metadata = parquet::file::metadata::ParquetMetaDataReader::new().parse_and_finish(&std::fs::File::open(&path).unwrap()).unwrap();
    let groups: Vec<i64> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
    assert!(groups.len() > 1 && groups.iter().all(|rows| *rows <= 1 << 17), "{groups:?}");
    // A thousand rows over and over: so are their reasons, in the order of the rows.
    let reasons = read(&path);
    let length = reasons.num_rows() / 36;
    assert!(length > 1000 && reasons.num_rows() == 36 * length, "{}", reasons.num_rows());
    let first = reasons.slice(0, length);
    assert!((1..36).all(|turn| reasons.slice(turn * length, length) == first));
    let ids = first.column(0).as_primitive::<arrow_array::types::Int64Type>().values();
    assert!(ids.is_sorted() && first.column(1).as_primitive::<arrow_array::types::Int64Type>().values()[..4] == [1, 2, 3, 4]);
    // Gates look at all of them; the page counts them.
    let results = std::fs::read_to_string(audit.path("out/latest/run_results.json")).unwrap();
    assert!(results.contains(&format!("\"{} numbers; ", reasons.num_rows())), "{results}");
    assert!(results.contains("no row of table reasons fits"), "{results}");
}
