//! Whole runs of the methods that take any model.

use std::collections::HashMap;
use std::fs;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};

use crate::support::{Audit, contents, read};

const ALL: &str = "explain: { kernel_shap: { rows: 12, samples: 512 }, permutation: { rows: 10, samples: 800 }, lime: { rows: 40, samples: 1000 } }\n\
                   derive: { sp_lime: { picks: 4 } }\n";

fn column(rows: &RecordBatch, name: &str) -> Vec<f64> {
    rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

#[test]
fn every_method_writes_its_parts_tables_and_figures_alike_on_any_number_of_threads() {
    let audit = Audit::new();
    audit.config(ALL);
    let folder = audit.publish(&["--run-id", "two", "--threads", "2"]);
    let attributions = |method: &str| read(&folder.join(format!("attributions/{method}/part-00000.parquet")));
    let truth = attributions("tree_shap");
    let ids = |rows: &RecordBatch| rows.column(0).as_primitive::<Int64Type>().values().to_vec();
    let place: HashMap<i64, usize> = ids(&truth).into_iter().enumerate().map(|(row, id)| (id, row)).collect();
    let features: Vec<String> = truth.schema().fields().iter().skip(5).map(|field| field.name().clone()).collect();
    for (method, rows) in [("kernel_shap", 12), ("permutation", 10)] {
        let (found, errors) = (attributions(method), attributions(&format!("{method}_se")));
        assert_eq!((found.num_rows(), errors.num_rows(), found.schema()), (rows, rows, errors.schema()));
        for name in &features {
            let (values, errors, truth) = (column(&found, name), column(&errors, name), column(&truth, name));
            for ((id, value), error) in ids(&found).iter().zip(values).zip(errors) {
                // Six standard errors: a law for all of a thousand numbers.
                assert!(
                    (value - truth[place[id]]).abs() <= 6.0 * error + 1e-9,
                    "{method} {name} {id}: {value} ± {error} of {}",
                    truth[place[id]]
                );
            }
        }
    }
    let lime = attributions("lime");
    let names: Vec<String> = lime.schema().fields().iter().skip(5).map(|field| field.name().clone()).collect();
    assert_eq!(names[..2], ["_intercept", "_fidelity"]);
    assert_eq!((lime.num_rows(), &names[2..]), (40, &features[..]));
    assert!(column(&lime, "_fidelity").iter().all(|fidelity| (0.0..=1.0).contains(fidelity)));
    assert!((0..40).all(|row| features.iter().filter(|name| column(&lime, name)[row] != 0.0).count() <= 6));
    // Rows are nested samples of each other.
    assert!(ids(&attributions("permutation")).iter().all(|id| ids(&attributions("kernel_shap")).contains(id)));
    assert_eq!(read(&folder.join("tables/sp_lime.parquet")).num_rows(), 4 * features.len());
    assert!(folder.join("figures/sp_lime.svg").is_file() && folder.join("figures/importance-lime.svg").is_file());
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["warnings"], serde_json::json!([]));
    let alone = audit.publish(&["--run-id", "one", "--threads", "1"]);
    assert_eq!(contents(&folder), contents(&alone));
}

#[test]
fn charts_say_the_space_of_each_method() {
    let audit = Audit::new();
    let config =
        fs::read_to_string(audit.path("config.yaml")).unwrap().replace("path: model.json", "path: model.json, output: probability");
    let further = "explain: { kernel_shap: { rows: 3, samples: 64 } }\nbackground: { rows: 20 }\n";
    fs::write(audit.path("config.yaml"), config + further).unwrap();
    let folder = audit.publish(&[]);
    let figure = |method: &str| fs::read_to_string(folder.join(format!("figures/importance-{method}.svg"))).unwrap();
    assert!(figure("tree_shap").contains("(margin: log-odds)") && figure("kernel_shap").contains("(probability)"));
    let rows = read(&folder.join("attributions/kernel_shap/part-00000.parquet"));
    assert!(column(&rows, "_prediction").iter().all(|p| (0.0..=1.0).contains(p)));
}

#[test]
fn weights_that_do_not_add_up_have_no_certificate() {
    let audit = Audit::new();
    audit.config("explain: { tree_shap: false, lime: { rows: 4, samples: 200 } }\n");
    let page = fs::read_to_string(audit.publish(&[]).join("index.html")).unwrap();
    assert!(page.contains("No method of this run explains a prediction as a sum.") && !page.contains("Largest |residual|"));
}

#[test]
fn a_budget_or_a_source_that_cannot_be_is_refused() {
    let audit = Audit::new();
    audit.config("explain: { kernel_shap: { samples: 10 } }\n");
    audit.refuse(&[], 3, &["10 coalitions are too few for", "set explain.kernel_shap.samples to"]);
    audit.config("derive: { sp_lime: {} }\n");
    audit.refuse(&[], 2, &["derive.sp_lime.source: is lime, which is off; switch explain.lime on"]);
}
