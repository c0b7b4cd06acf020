//! TreeSHAP against the golden folders: exact values that an independent reading of the file found by enumerating coalitions, and the
//! libraries' own contributions where they are right.

use std::path::Path;
use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::explain::tree_shap::TreeShap;
use pipeline::model::{Cover, Forest, Iterations, load};
use pipeline::pattern::{Attributor, BackgroundCounter};

use crate::golden::{block, columns, folder, folders};

/// Columns `<prefix>_<output>_<feature>` of a golden file, `(output · features + feature)`; none where the file has no such columns.
fn expected(columns: &[(String, Vec<f64>)], prefix: &str, forest: &Forest) -> Option<Vec<Vec<f64>>> {
    let column = |name: String| columns.iter().find(|(known, _)| *known == name).map(|(_, values)| values.clone());
    let names = (0..forest.outputs.len())
        .flat_map(|output| forest.features.iter().map(move |feature| format!("{prefix}_{output}_{}", feature.name)));
    names.map(column).collect()
}

/// Largest |difference| relative to the largest expected value.
fn error(expected: &[Vec<f64>], found: &[f64]) -> f64 {
    let rows = expected.first().map_or(0, Vec::len);
    let scale = expected.iter().flatten().fold(0.0_f64, |scale, value| scale.max(value.abs())).max(f64::MIN_POSITIVE);
    let difference =
        |(expected, found): (&Vec<f64>, &[f64])| expected.iter().zip(found).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
    expected.iter().zip(found.chunks_exact(rows.max(1))).map(difference).fold(0.0, f64::max) / scale
}

/// Checks both games on a golden folder; returns how many of them the folder has.
pub fn check(folder: &Path, forest: &Arc<Forest>) -> usize {
    let names: Vec<String> = forest.features.iter().map(|feature| feature.name.clone()).collect();
    let rows = block(&folder.join("rows.parquet"), &names);
    let mut checked = 0;
    let mut compare = |file: &str, attributor: &Attributor, rows: &FeatureBlock| {
        let found = attributor.attribute(rows).values;
        let columns = columns(&folder.join(file));
        let Some(exact) = expected(&columns, "exact", forest) else { return };
        let error = error(&exact, &found);
        assert!(error <= 1e-12, "{} of {}: {error:e}", file, folder.display());
        checked += 1;
    };
    if forest.cover != Cover::Absent {
        compare("contrib.parquet", &Attributor::path_dependent(forest.clone()).unwrap(), &rows);
    }
    if folder.join("interventional.parquet").exists() {
        let mut counter = BackgroundCounter::new(forest.clone()).unwrap();
        counter.count(&block(&folder.join("background.parquet"), &names), None);
        compare("interventional.parquet", &counter.finish().unwrap(), &rows);
    }
    checked
}

#[test]
fn xgboost_models_in_both_games() {
    let models: Vec<_> = folders("xgboost").into_iter().filter(|folder| !folder.ends_with("gblinear")).collect();
    let read = |folder: &Path| Arc::new(load(&folder.join("model.json"), "auto", Iterations::All).unwrap().forest);
    let checked: usize = models.iter().map(|folder| check(folder, &read(folder))).sum();
    assert!(checked >= 2 * models.len() - 4, "only {checked} comparisons on {} models", models.len());
}

/// XGBoost's own f32 contributions, right but for their width: within 4e-6 of the largest.
#[test]
fn xgboosts_own_contributions_agree_within_f32() {
    for folder in folders("xgboost").into_iter().filter(|folder| !folder.ends_with("gblinear")) {
        let forest = Arc::new(load(&folder.join("model.json"), "auto", Iterations::All).unwrap().forest);
        let names: Vec<String> = forest.features.iter().map(|feature| feature.name.clone()).collect();
        let found = Attributor::path_dependent(forest.clone()).unwrap().attribute(&block(&folder.join("rows.parquet"), &names)).values;
        let Some(theirs) = expected(&columns(&folder.join("contrib.parquet")), "xgboost", &forest) else { continue };
        let error = error(&theirs, &found);
        assert!(error <= 4e-6, "{}: {error:e}", folder.display());
    }
}

#[test]
fn path_dependent_values_need_covers() {
    let forest = load(&folder("xgboost").join("stump/model.json"), "auto", Iterations::All).unwrap().forest;
    let refused = TreeShap::path_dependent(Arc::new(Forest { cover: Cover::Absent, ..forest })).err().unwrap();
    assert!(refused.to_string().contains("interventional"), "{refused}");
}
