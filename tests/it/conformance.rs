//! Golden models against their libraries' own raw predictions and against attributions that were enumerated in Python, for every format.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::model::{Feature, FeatureKind, Forest, Iterations, Model, load};
use pipeline::pattern::{Attributor, BackgroundCounter};

use crate::golden::{block, columns, named_block, outputs};

/// The first three rounds.
pub const THREE: Iterations = Iterations::First(NonZeroUsize::new(3).unwrap());

/// The forest's rows in the file of a golden's folder: numbers and codes as they are, texts by the hashes that the forest knows.
pub fn rows(folder: &Path, file: &str, forest: &Forest) -> FeatureBlock {
    let by_hash = |feature: &Feature| matches!(feature.kind, FeatureKind::Categorical { hashes: Some(_), .. });
    if forest.features.iter().any(by_hash) {
        return named_block(&folder.join(file), &forest.features);
    }
    block(&folder.join(file), &forest.features.iter().map(|feature| feature.name.clone()).collect::<Vec<_>>())
}

/// A golden's model.
pub fn read(folder: &Path, file: &str, iterations: Iterations) -> Model {
    load(&folder.join(file), "auto", iterations).unwrap()
}

/// Every bit of the values.
pub fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Hands over the forest of every file, its rows, the library's own raw predictions of them, and the place for messages: of all rounds and of three.
pub fn own_margins(folders: &[PathBuf], files: &[&str], check: impl Fn(&Forest, &FeatureBlock, &[f64], &str)) {
    for folder in folders {
        let expected = columns(&folder.join("expected.parquet"));
        for file in files {
            for (prefix, iterations) in [("margin_", Iterations::All), ("margin_first_3_rounds_", THREE)] {
                let expected = outputs(&expected, prefix).concat();
                if !expected.is_empty() {
                    let forest = read(folder, file, iterations).forest;
                    let place = format!("{prefix}* of {}/{file}", folder.display());
                    check(&forest, &rows(folder, "rows.parquet", &forest), &expected, &place);
                }
            }
        }
    }
}

/// Both kinds of Shapley values are within 1e-12 of the enumerated ones, relative to the largest; base values too if `with_base`.
pub fn attributions_are_exact(folder: &Path, forest: &Arc<Forest>, with_base: bool) {
    check(folder, "contrib.parquet", &Attributor::path_dependent(forest.clone()).unwrap(), with_base);
    interventional_values_are_exact(folder, forest, with_base);
}

/// The same of interventional values alone.
pub fn interventional_values_are_exact(folder: &Path, forest: &Arc<Forest>, with_base: bool) {
    let mut counter = BackgroundCounter::new(forest.clone()).unwrap();
    counter.count(&rows(folder, "background.parquet", forest), None);
    check(folder, "interventional.parquet", &counter.finish().unwrap(), with_base);
}

fn check(folder: &Path, file: &str, attributor: &Attributor, with_base: bool) {
    let forest = attributor.forest();
    let rows = rows(folder, "rows.parquet", forest);
    let found = attributor.attribute(&rows);
    let expected = columns(&folder.join(file));
    let exact = |output: usize, name: &str| {
        let name = format!("exact_{output}_{name}");
        &expected.iter().find(|(column, _)| *column == name).unwrap_or_else(|| panic!("no column {name}")).1
    };
    let columns = (0..forest.outputs.len()).flat_map(|output| forest.features.iter().map(move |feature| exact(output, &feature.name)));
    let columns: Vec<&Vec<f64>> = columns.collect();
    let largest = columns.iter().flat_map(|column| column.iter()).fold(1e-30_f64, |largest, value| largest.max(value.abs()));
    for (column, (found, exact)) in found.values.chunks(rows.rows()).zip(columns).enumerate() {
        for (row, (found, exact)) in found.iter().zip(exact).enumerate() {
            let error = (found - exact).abs() / largest;
            assert!(error <= 1e-12, "column {column}, row {row}: {found} against {exact} in {}/{file}", folder.display());
        }
    }
    for (output, base) in attributor.base().iter().enumerate().filter(|_| with_base) {
        let exact = exact(output, "bias")[0];
        assert!((base - exact).abs() <= 1e-12 * exact.abs().max(1.0), "base {base} against {exact} in {}/{file}", folder.display());
    }
}
