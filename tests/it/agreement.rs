//! How far methods agree, against the attributions that they wrote.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};

use crate::support::{Audit, read};

/// Each row's attributions, or standard errors, by its identifier.
fn parts(folder: &Path, method: &str) -> HashMap<i64, Vec<f64>> {
    let rows = read(&folder.join(format!("attributions/{method}/part-00000.parquet")));
    let schema = rows.schema();
    let columns: Vec<_> = schema.fields().iter().filter(|field| !field.name().starts_with('_')).map(|field| field.name().clone()).collect();
    let value = |column: &String, row: usize| rows.column_by_name(column).unwrap().as_primitive::<Float64Type>().value(row);
    let ids = rows.column(0).as_primitive::<Int64Type>();
    (0..rows.num_rows()).map(|row| (ids.value(row), columns.iter().map(|column| value(column, row)).collect())).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Pearson's correlation of the ranks; a rank is one more than the smaller ones and half of the other equal ones.
fn spearman(a: &[f64], b: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let rank = |x: &f64| {
            let (less, equal) = (values.iter().filter(|y| *y < x).count(), values.iter().filter(|y| *y == x).count());
            less as f64 + (equal as f64 + 1.0) / 2.0
        };
        values.iter().map(rank).collect()
    };
    let (a, b) = (ranks(a), ranks(b));
    let (mean_a, mean_b) = (mean(a.iter().copied()), mean(b.iter().copied()));
    let product = |x: &[f64], m: f64, y: &[f64], n: f64| x.iter().zip(y).map(|(x, y)| (x - m) * (y - n)).sum::<f64>();
    product(&a, mean_a, &b, mean_b) / (product(&a, mean_a, &a, mean_a) * product(&b, mean_b, &b, mean_b)).sqrt()
}

/// τ_b by its definition.
fn kendall(a: &[f64], b: &[f64]) -> f64 {
    let pairs = || (0..a.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    let sign = |x: &[f64], (i, j): (usize, usize)| if x[i] == x[j] { 0.0 } else { (x[i] - x[j]).signum() };
    let untied = |x: &[f64]| pairs().filter(|pair| sign(x, *pair) != 0.0).count() as f64;
    pairs().map(|pair| sign(a, pair) * sign(b, pair)).sum::<f64>() / (untied(a) * untied(b)).sqrt()
}

/// Places of the five largest sizes.
fn top(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].abs().total_cmp(&values[*a].abs()));
    order[..5].to_vec()
}

struct Line<'a>(&'a RecordBatch, usize);

impl Line<'_> {
    fn of<'a>(table: &'a RecordBatch, a: &str, b: &str) -> Line<'a> {
        let text = |column: &str, row: usize| table.column_by_name(column).unwrap().as_string::<i32>().value(row).to_owned();
        Line(table, (0..table.num_rows()).find(|&row| text("method_a", row) == a && text("method_b", row) == b).unwrap())
    }

    fn number(&self, column: &str) -> Option<f64> {
        let numbers = self.0.column_by_name(column).unwrap().as_primitive::<Float64Type>();
        numbers.is_valid(self.1).then(|| numbers.value(self.1))
    }

    fn rows(&self) -> i64 {
        self.0.column_by_name("rows").unwrap().as_primitive::<Int64Type>().value(self.1)
    }
}

#[test]
fn measures_are_those_of_the_attributions_that_were_written() {
    let audit = Audit::new();
    audit.config(
        "explain: { kernel_shap: { rows: 15, samples: 256 }, permutation: { rows: 10, samples: 160 }, lime: { rows: 12, samples: 800 } }\n\
         gates: [{ metric: agreement.normalised_error, where: { method_a: kernel_shap, method_b: tree_shap }, max: 0.01 }]\n",
    );
    let folder = audit.publish(&["--threads", "2"]);
    let table = read(&folder.join("tables/agreement.parquet"));
    assert_eq!(table.num_rows(), 6);
    let close = |found: Option<f64>, expected: f64| {
        assert!((found.unwrap() - expected).abs() < 1e-9 * expected.abs().max(1e-3), "{found:?} {expected}")
    };
    for (a, b, rows) in
        [("kernel_shap", "tree_shap", 15), ("permutation", "kernel_shap", 10), ("permutation", "tree_shap", 10), ("lime", "tree_shap", 12)]
    {
        let (line, first, second) = (Line::of(&table, a, b), parts(&folder, a), parts(&folder, b));
        let pairs: Vec<(&Vec<f64>, &Vec<f64>)> = first.iter().filter_map(|(id, values)| Some((values, second.get(id)?))).collect();
        assert_eq!((line.rows(), pairs.len()), (rows, rows as usize));
        let sizes = |values: &Vec<f64>| values.iter().map(|value| value.abs()).collect::<Vec<_>>();
        close(line.number("spearman"), mean(pairs.iter().map(|(x, y)| spearman(&sizes(x), &sizes(y)))));
        close(line.number("kendall"), mean(pairs.iter().map(|(x, y)| kendall(&sizes(x), &sizes(y)))));
        let shared = |x: &Vec<f64>, y: &Vec<f64>| top(x).into_iter().filter(|place| top(y).contains(place)).collect::<Vec<_>>();
        close(line.number("top_k_overlap"), mean(pairs.iter().map(|(x, y)| shared(x, y).len() as f64 / 5.0)));
        let agreed = |x: &Vec<f64>, y: &Vec<f64>| shared(x, y).into_iter().filter(|&j| x[j].signum() == y[j].signum()).count() as f64 / 5.0;
        close(line.number("sign_agreement"), mean(pairs.iter().map(|(x, y)| agreed(x, y))));
        let squares =
            |of: &dyn Fn(f64, f64) -> f64| pairs.iter().flat_map(|(x, y)| x.iter().zip(*y)).map(|(x, y)| of(*x, *y).powi(2)).sum::<f64>();
        let whole = squares(&|_, y| y);
        if a == "lime" {
            assert_eq!((line.number("normalised_error"), line.number("expected_error")), (None, None));
            continue;
        }
        close(line.number("normalised_error"), squares(&|x, y| x - y) / whole);
        let errors = |method: &str, ids: &HashMap<i64, Vec<f64>>| -> f64 {
            let all = if method == "tree_shap" { return 0.0 } else { parts(&folder, &format!("{method}_se")) };
            all.iter().filter(|(id, _)| ids.contains_key(id)).flat_map(|(_, errors)| errors).map(|error| error * error).sum()
        };
        close(line.number("expected_error"), (errors(a, &second) + errors(b, &first)) / whole);
    }
    let page = fs::read_to_string(folder.join("index.html")).unwrap();
    assert!(page.contains("kernel_shap and tree_shap differ by") && page.contains("lime and tree_shap do not estimate the same numbers"));
    assert!(folder.join("figures/agreement.svg").is_file());
}

#[test]
fn one_method_agrees_with_nobody_and_spaces_are_kept_apart() {
    let alone = Audit::new();
    let folder = alone.publish(&[]);
    assert!(!folder.join("tables/agreement.parquet").exists() && !folder.join("figures/agreement.svg").exists());
    let audit = Audit::new();
    let config =
        fs::read_to_string(audit.path("config.yaml")).unwrap().replace("path: model.json", "path: model.json, output: probability");
    let further = "explain: { kernel_shap: { rows: 4, samples: 64 }, permutation: { rows: 3, samples: 80 } }\nbackground: { rows: 20 }\n";
    fs::write(audit.path("config.yaml"), config + further).unwrap();
    let table = read(&audit.publish(&[]).join("tables/agreement.parquet"));
    assert_eq!(Line::of(&table, "kernel_shap", "tree_shap").number("normalised_error"), None);
    assert!(Line::of(&table, "permutation", "kernel_shap").number("normalised_error").is_some());
}

/// Of 5 000 rows LIME's measures keep 2 000, among which are all of the smaller sample.
#[test]
fn a_smaller_sample_is_compared_whole() {
    let audit = Audit::of_rows(5);
    audit.config("explain: { kernel_shap: { rows: 40, samples: 64 }, lime: { rows: 5000, samples: 40, stability: null } }\n");
    let table = read(&audit.publish(&[]).join("tables/agreement.parquet"));
    let rows = |a: &str, b: &str| Line::of(&table, a, b).rows();
    assert_eq!((rows("kernel_shap", "tree_shap"), rows("lime", "kernel_shap"), rows("lime", "tree_shap")), (40, 40, 2000));
}
