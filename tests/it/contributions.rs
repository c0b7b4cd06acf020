//! TreeSHAP on XGBoost's golden models: against enumerated values, and against XGBoost's own contributions within their width.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipeline::explain::tree_shap::TreeShap;
use pipeline::model::{Cover, Forest, Iterations, load};
use pipeline::pattern::Attributor;

use crate::conformance::{attributions_are_exact, rows};
use crate::golden::{columns, folder, folders};

fn models() -> Vec<PathBuf> {
    folders("xgboost").into_iter().filter(|folder| !folder.ends_with("gblinear")).collect()
}

fn read(folder: &Path) -> Arc<Forest> {
    Arc::new(load(&folder.join("model.json"), "auto", Iterations::All).unwrap().forest)
}

/// The goldens' base values hold the f64 link of base_score, the forest XGBoost's own in f32: only the values are compared.
#[test]
fn both_games_on_every_model_equal_enumeration() {
    models().iter().for_each(|folder| attributions_are_exact(folder, &read(folder), false));
}

/// XGBoost 3.4's contributions are right but for their width: f32 sums over the trees stay within 4e-6 of the largest.
#[test]
fn xgboosts_own_contributions_agree_within_f32() {
    for folder in models() {
        let forest = read(&folder);
        let block = rows(&folder, "rows.parquet", &forest);
        let found = Attributor::path_dependent(forest.clone()).unwrap().attribute(&block).values;
        let largest = found.iter().fold(f64::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
        let theirs = columns(&folder.join("contrib.parquet"));
        for (column, found) in found.chunks_exact(block.rows()).enumerate() {
            let (output, feature) = (column / forest.features.len(), &forest.features[column % forest.features.len()].name);
            let Some((_, theirs)) = theirs.iter().find(|(name, _)| *name == format!("xgboost_{output}_{feature}")) else { continue };
            let error = found.iter().zip(theirs).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs())) / largest;
            assert!(error <= 4e-6, "{}, {feature} to {output}: {error:e}", folder.display());
        }
    }
}

#[test]
fn path_dependent_values_need_covers() {
    let forest = (*read(&folder("xgboost").join("stump"))).clone();
    let refused = TreeShap::path_dependent(Arc::new(Forest { cover: Cover::Absent, ..forest }), u64::MAX).err().unwrap();
    assert!(refused.to_string().contains("interventional"), "{refused}");
}
