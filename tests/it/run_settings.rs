//! Settings that change what a run does, checked on its files.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Float64Array, RecordBatch};

use crate::support::{Audit, pipeline, read, stderr, with_column, write};

fn attributions(folder: &Path) -> RecordBatch {
    read(&folder.join("attributions/tree_shap/part-00000.parquet"))
}

fn numbers(rows: &RecordBatch, column: &str) -> Vec<f64> {
    rows.column_by_name(column).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

/// Rows of the importance table as (feature, mean_abs, mean).
fn importance(folder: &Path) -> Vec<(String, f64, f64)> {
    let table = read(&folder.join("tables/importance.parquet"));
    let names = table.column_by_name("feature").unwrap().as_string::<i32>().iter().map(|name| name.unwrap().to_string());
    let means = numbers(&table, "mean_abs").into_iter().zip(numbers(&table, "mean"));
    names.zip(means).map(|(name, (mean_abs, mean))| (name, mean_abs, mean)).collect()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs()).max(1.0)
}

#[test]
fn attributions_add_up_and_come_in_the_order_of_the_rows() {
    let audit = Audit::new();
    for mode in ["interventional", "path_dependent"] {
        let rows = attributions(&audit.publish(&["--set", &format!("explain.tree_shap.mode={mode}")]));
        let ids = rows.column_by_name("_row_id").unwrap().as_primitive::<arrow_array::types::Int64Type>().values().to_vec();
        assert_eq!(ids, (1..=1000).collect::<Vec<i64>>());
        let mut sums = numbers(&rows, "_base_value");
        for field in rows.schema().fields().iter().filter(|field| !field.name().starts_with('_')) {
            sums.iter_mut().zip(numbers(&rows, field.name())).for_each(|(sum, value)| *sum += value);
        }
        assert!(sums.iter().zip(numbers(&rows, "_prediction")).all(|(sum, prediction)| close(*sum, prediction)));
    }
}

#[test]
fn a_feature_group_is_the_signed_sum_of_its_members_everywhere() {
    let audit = Audit::new();
    let apart = attributions(&audit.publish(&[]));
    audit.config("");
    let folder = audit.publish(&["--set", "data.feature_groups={credit: [amount, duration, purpose]}"]);
    let together = attributions(&folder);
    assert!(["amount", "duration", "purpose"].iter().all(|member| together.column_by_name(member).is_none()));
    let members = ["amount", "duration", "purpose"].map(|member| numbers(&apart, member));
    let sums: Vec<f64> = (0..1000).map(|row| members.iter().map(|member| member[row]).sum()).collect();
    assert!(sums.iter().zip(numbers(&together, "credit")).all(|(sum, group)| close(*sum, group)));
    let expected = sums.iter().map(|sum| sum.abs()).sum::<f64>() / 1000.0;
    let found = importance(&folder).into_iter().find(|(name, ..)| name == "credit").unwrap().1;
    assert!(close(expected, found), "{expected} {found}");
}

#[test]
fn weights_count_in_the_background_and_in_importance() {
    let audit = Audit::new();
    let rows = read(&audit.path("data.parquet"));
    // Rows of weight 0 are as good as absent, those of weight 2 as good as there twice.
    let weight = Float64Array::from_iter_values((0..1000).map(|row| f64::from(row % 3)));
    write(&audit.path("data.parquet"), &[with_column(&rows, "importance_weight", Arc::new(weight))]);
    let weighted = audit.publish(&["--set", "data.weight=importance_weight", "--set", "derive.importance.intervals=null"]);
    let repeated: Vec<RecordBatch> = (0..1000).flat_map(|row| vec![rows.slice(row, 1); row % 3]).collect();
    write(&audit.path("data.parquet"), &repeated);
    let repeated = audit.publish(&["--set", "derive.importance.intervals=null"]);
    let base = |folder: &Path| numbers(&attributions(folder), "_base_value")[0];
    assert!(close(base(&weighted), base(&repeated)));
    for ((name, mean_abs, mean), (other, expected_abs, expected)) in importance(&weighted).into_iter().zip(importance(&repeated)) {
        assert_eq!(name, other);
        assert!(close(mean_abs, expected_abs) && close(mean, expected), "{name}");
    }
}

#[test]
fn filters_choose_the_rows_and_the_background_apart() {
    let audit = Audit::new();
    let all = attributions(&audit.publish(&[]));
    let young = attributions(&audit.publish(&["--set", "data.filter=age < 30"]));
    assert!(young.num_rows() > 100 && young.num_rows() < 900);
    let base = |rows: &RecordBatch| numbers(rows, "_base_value")[0];
    // The data itself is the background, so the filter moves the base value; another file as the background does not.
    assert!(!close(base(&all), base(&young)));
    let against_all = attributions(&audit.publish(&["--set", "data.filter=age < 30", "--set", "background.path=data.parquet"]));
    assert_eq!(against_all.num_rows(), young.num_rows());
    assert!(close(base(&all), base(&against_all)));
    let narrowed = attributions(&audit.publish(&["--set", "background.filter=age < 30"]));
    assert!(narrowed.num_rows() == 1000 && close(base(&narrowed), base(&young)));
}

#[test]
fn check_prints_the_plan_and_computes_nothing() {
    let audit = Audit::new();
    let output = pipeline().arg("check").arg(audit.path("config.yaml")).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let plan = String::from_utf8(output.stdout).unwrap();
    for words in ["rows 1000", "xgboost 3.4.1, binary:logistic", "trees 150", "features 20", "tree_shap, importance, summary", "memory"] {
        assert!(plan.contains(words), "{words}: {plan}");
    }
    assert!(plan.ends_with("output      out\n"), "{plan}");
    assert!(!audit.path("out").exists());
    let elsewhere = pipeline().args(["check", "--output", "elsewhere"]).arg(audit.path("config.yaml")).output().unwrap();
    assert!(elsewhere.stdout.ends_with(b"output      elsewhere\n"));
}

#[test]
fn the_manifest_and_the_page_count_the_rows_of_the_background() {
    let audit = Audit::new();
    for (settings, in_manifest, on_page) in [
        (vec![], "\"background_rows\": 1000,", Some("1,000")),
        (vec!["--set", "background.rows=100"], "\"background_rows\": 100,", Some("100")),
        (vec!["--set", "background.rows=5000"], "\"background_rows\": 1000,", Some("1,000")),
        (vec!["--set", "explain.tree_shap.mode=path_dependent"], "\"background_rows\": null,", None),
    ] {
        let folder = audit.publish(&settings);
        assert!(fs::read_to_string(folder.join("manifest.json")).unwrap().contains(in_manifest), "{in_manifest}");
        let page = fs::read_to_string(folder.join("index.html")).unwrap();
        let shown = page.split_once("<dt>Background rows</dt><dd>").map(|(_, rest)| rest.split_once('<').unwrap().0);
        assert_eq!(shown, on_page);
    }
}

#[test]
fn the_best_of_a_file_that_names_none_is_said_to_be_all() {
    let audit = Audit::new();
    let words = "All 150 rounds are used: model.iterations is best, but the file names no best round.";
    assert!(!stderr(&audit.run(&[])).contains(words));
    assert!(stderr(&audit.run(&["--set", "model.iterations=best"])).contains(words));
}

#[test]
fn a_warning_names_ten_unknown_categories_at_most() {
    let audit = Audit::new();
    let rows = read(&audit.path("data.parquet"));
    let housing = |place: &dyn Fn(usize) -> String| -> String {
        let text = arrow_array::StringArray::from_iter_values((0..1000).map(place));
        write(&audit.path("data.parquet"), &[with_column(&rows, "housing", Arc::new(text))]);
        stderr(&audit.run(&[]))
    };
    let said = housing(&|row| format!("crater {row:04}"));
    let named: Vec<String> = (0..10).map(|row| format!("crater {row:04} (1)")).collect();
    let words = format!("housing: categories that the model does not know, in 1000 rows: {}, …\n", named.join(", "));
    assert!(said.contains(&words), "{said}");
    let said = housing(&|row| if row == 7 { "moon base".into() } else { "own".into() });
    assert!(said.contains("housing: categories that the model does not know, in 1 row: moon base (1)\n"), "{said}");
    assert!(said.contains("in 1 background row: moon base (1)\n"), "{said}");
    let codes = (0..1000).map(|row| [0.0, 1e300, 7.0, 5e-324][if row < 4 { row } else { 0 }]).collect::<Float64Array>();
    write(&audit.path("data.parquet"), &[with_column(&rows, "housing", Arc::new(codes))]);
    let said = stderr(&audit.run(&[]));
    assert!(said.contains("housing: categories that the model does not know, in 2 rows: 1e300 (1), 7 (1)\n"), "{said}");
}

/// What a check says a run will take, with some settings: its `memory` in MiB, or its `cost` in seconds of two threads.
fn checked(audit: &Audit, what: &str, settings: &[&str]) -> f64 {
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let output = pipeline().arg("check").arg(audit.path("config.yaml")).args(["--threads", "2"]).args(settings).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_else(|| panic!("{text}"));
    said.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
}

/// MiB that a check predicts.
fn predicted(audit: &Audit, settings: &[&str]) -> f64 {
    checked(audit, "memory", settings)
}

#[test]
fn predicted_time_of_kernel_shap_counts_the_proxy_where_there_is_one() {
    let audit = Audit::new();
    let names = serde_json::from_slice::<serde_json::Value>(&fs::read(audit.path("model.json")).unwrap()).unwrap();
    let names: Vec<String> = serde_json::from_value(names["learner"]["feature_names"].clone()).unwrap();
    let seconds = |method: &str, settings: &str, players: usize| {
        let groups = format!("data.feature_groups={{all: [{}]}}", names[..21 - players].join(", "));
        let settings = format!("explain.{method}={{rows: 1000, {settings}}}");
        checked(&audit, "cost", &[&settings, if players < 20 { &groups } else { "name=credit" }])
    };
    let looked_up = |samples: usize| seconds("permutation", &format!("samples: {samples}"), 20);
    let close = |a: f64, b: f64| assert!((a - b).abs() <= 0.11, "{a} {b}");
    // All coalitions of 11 players: 2048 are looked up, however many might be, and nothing is estimated.
    [2048, 200_000].iter().for_each(|samples| close(seconds("kernel_shap", &format!("samples: {samples}"), 11), looked_up(2048)));
    // Half as many pairs as coalitions, and a small system.
    let estimated = |estimator: &str, samples: usize| seconds("kernel_shap", &format!("samples: {samples}, estimator: {estimator}"), 20);
    close(estimated("leverage", 2048), looked_up(1023));
    // Beside, an element of 2048 seen pairs and the others takes two products of 20 players before it is formed, and another after.
    let products = |samples: usize| 6.0 * 20.0 * 2048.0 * (samples as f64 / 2.0 - 2049.0) / 89e9;
    for samples in [20_000, 100_000] {
        let (proxy, least) = (estimated("auto", samples) - estimated("leverage", samples), 1000.0 * products(samples) / 2.0);
        assert!(proxy > least && proxy < 5.0 * least + 20.0, "{samples}: {proxy} {least}");
    }
    // No more rows are explained than there are.
    close(seconds("kernel_shap", "samples: 2048", 20), checked(&audit, "cost", &["explain.kernel_shap={rows: 1000000}"]));
}

/// Each perturbed row's bits are multiplied with one another: what is not linear in the features is `2 · features²` operations.
#[test]
fn predicted_time_of_lime_counts_products_of_bits() {
    let audit = Audit::new();
    let credit = read(&audit.path("data.parquet"));
    let numbers = |feature: usize| (0..1000).map(|row| ((row * (feature + 3)) % 97) as f64).collect::<Float64Array>();
    let cost = |more: usize| {
        let rows =
            (0..more).fold(credit.clone(), |rows, feature| with_column(&rows, &format!("more{feature}"), Arc::new(numbers(feature))));
        // All columns but the id and the label.
        let features = (rows.num_columns() - 2) as f64;
        write(&audit.path("data.parquet"), &[rows]);
        let settings = ["data.label=bad", "model={train: {trees: 2}}"];
        let lime = "explain.lime={rows: 1000, samples: 100000, stability: null}";
        (features, checked(&audit, "cost", &[&settings[..], &[lime]].concat()) - checked(&audit, "cost", &settings))
    };
    let ((few, narrow), (many, wide)) = (cost(0), cost(280));
    let found = wide - many / few * narrow;
    let products = 1000.0 * 1e5 * 2.0 * (many * many - many * few) / 89e9 / 2.0;
    assert!((found - products).abs() < 0.05 * products, "{found} {products}");
}

#[test]
fn predicted_memory_grows_with_the_groups_of_a_review() {
    let audit = Audit::new();
    let predicted = |column: &str| predicted(&audit, &[&format!("fairness={{favourable: below, attributes: [{{column: {column}}}]}}")]);
    let rows = read(&audit.path("data.parquet"));
    let texts = |column: &str| arrow_cast::cast(rows.column_by_name(column).unwrap(), &arrow_schema::DataType::Utf8).unwrap();
    let groups = |column: &str| texts(column).as_string::<i32>().iter().collect::<std::collections::BTreeSet<_>>().len() as f64;
    // 1024 sums of 20 attributions, their sizes, the prediction and the weight, in four chunks under way and twice in what is merged.
    let expected = (groups("age") - groups("sex")) * 6.0 * (1024 * 42 * 8) as f64 / f64::from(1 << 20);
    let found = predicted("age") - predicted("sex");
    assert!(groups("age") > 50.0 && (found - expected).abs() <= 1.0, "{found} {expected}");
}

#[test]
fn predicted_memory_counts_the_tables_of_reasons_and_the_lines_of_curves() {
    let audit = Audit::new();
    let review = |more: &str| format!("fairness={{favourable: below, attributes: [{{column: sex}}]{more}}}");
    let fitted = ["data.label=bad", "model={train: {trees: 10}}"];
    let with =
        |tree_shap: &str, more: &[&str]| predicted(&audit, &[&fitted[..], &[&*format!("explain.tree_shap={tree_shap}")], more].concat());
    let interventional = "{mode: interventional}";
    // Values against favourable decisions have tables as large as values against all rows.
    let tables = with(interventional, &[]) - with("false", &[]);
    let found = with(interventional, &[&review(", reasons: {top: 1}")]) - with(interventional, &[&review("")]);
    assert!(tables >= 4.0 && found >= tables - 1.0, "{found} {tables}");
    // 20 features of at most a thousand points, for a thousand rows, in columns of eight bytes and more.
    let curves = predicted(&audit, &["derive.ice={features: all, rows: 1000, grid: quantiles(1000)}"]) - predicted(&audit, &[]);
    assert!(curves >= (20 * 1000 * 1000 * 8 * 5) as f64 / f64::from(1 << 20), "{curves}");
}

#[test]
fn every_column_of_every_file_has_statistics() {
    let audit = Audit::new();
    let folder = audit.publish(&[]);
    for file in ["attributions/tree_shap/part-00000.parquet", "tables/importance.parquet", "tables/summary.parquet"] {
        let file = fs::File::open(folder.join(file)).unwrap();
        let metadata = parquet::file::metadata::ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
        for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
            let statistics = column.statistics().unwrap();
            assert!(statistics.null_count_opt().is_some(), "{}", column.column_path());
            assert!(statistics.min_bytes_opt().is_some() && statistics.max_bytes_opt().is_some(), "{}", column.column_path());
        }
    }
}

#[test]
fn the_log_is_text_or_json_without_colour_and_results_are_not_on_stderr() {
    let audit = Audit::new();
    let text = audit.run(&[]);
    let folder = String::from_utf8(text.stdout.clone()).unwrap();
    assert!(Path::new(folder.trim_end()).join("index.html").is_file(), "{folder}");
    assert!(!stderr(&text).contains('\u{1b}') && stderr(&text).contains("explain: 1000 rows in"), "{}", stderr(&text));
    let json = audit.run(&["--log-format", "json"]);
    for line in stderr(&json).lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
    }
    assert!(audit.run(&["-q"]).stderr.is_empty());
}

#[test]
fn warnings_fail_a_run_only_where_they_are_to() {
    let audit = Audit::new();
    let rows = read(&audit.path("data.parquet"));
    let text = arrow_array::StringArray::from_iter_values((0..1000).map(|_| "moon base"));
    write(&audit.path("data.parquet"), &[with_column(&rows, "housing", Arc::new(text))]);
    assert_eq!(audit.run(&[]).status.code(), Some(0));
    assert_eq!(audit.run(&["--fail-on-warn"]).status.code(), Some(4));
    let results = fs::read_to_string(audit.path("out/latest/run_results.json")).unwrap();
    assert!(results.contains("\"exit_code\": 4"), "{results}");
}
