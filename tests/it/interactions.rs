//! SHAP interaction values against the definition of the Shapley interaction index, every coalition enumerated.
//!
//! `I_jk = Σ_{S ⊆ N∖{j,k}} |S|! (d−|S|−2)! / (d−1)! · (v(S ∪ jk) − v(S ∪ j) − v(S ∪ k) + v(S))`; cells hold ½ I_jk off the diagonal, and rows of
//! cells sum to the Shapley values.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use num_rational::BigRational;
use pipeline::dataset::FeatureBlock;
use pipeline::model::{Forest, Iterations, load};
use pipeline::pattern::{BackgroundCounter, Interactions, Route};

use crate::conformance::rows as golden_rows;
use crate::forests::{Shape, forest, rows, source};
use crate::golden::{columns, folder};
use crate::oracle::{Number, interventional_game, options, pairs, path_dependent_game, shapes, shapley, weighted_background};
use crate::support::{Audit, read};

/// All cells of a game, `j · d + k`, by definition.
fn cells<N: Number>(game: &[N]) -> Vec<f64> {
    let d = game.len().trailing_zeros() as usize;
    let factorial = |n: usize| (1..=n).fold(N::of(1.0), |product, i| product.mul(&N::of(i as f64)));
    let weights: Vec<N> = (0..d.saturating_sub(1)).map(|s| factorial(s).mul(&factorial(d - s - 2)).div(&factorial(d - 1))).collect();
    let mut cells: Vec<N> = vec![N::of(0.0); d * d];
    for (j, phi) in shapley(game).iter().enumerate() {
        let mut rest = phi.clone();
        for k in (0..d).filter(|k| *k != j) {
            let pair = 1 << j | 1 << k;
            let index = (0..game.len()).filter(|s| s & pair == 0).fold(N::of(0.0), |sum, s| {
                let gain = game[s | pair].add(&game[s]).sub(&game[s | 1 << j]).sub(&game[s | 1 << k]);
                sum.add(&weights[s.count_ones() as usize].mul(&gain))
            });
            cells[j * d + k] = index.mul(&N::of(0.5));
            rest = rest.sub(&cells[j * d + k]);
        }
        cells[j * d + j] = rest;
    }
    cells.iter().map(Number::f64).collect()
}

/// Every cell of a row and output, `j · d + k`.
fn found(interactions: &Interactions, values: &[f64], rows: usize, output: usize, row: usize) -> Vec<f64> {
    let (d, pairs) = (interactions.forest().features.len(), interactions.pairs());
    let mut cells = vec![0.0; d * d];
    for (pair, (j, k)) in pairs.iter().enumerate() {
        let value = values[(output * pairs.len() + pair) * rows + row];
        (cells[j * d + k], cells[k * d + j]) = (value, value);
    }
    cells
}

fn compare(name: &str, forest: &Forest, block: &FeatureBlock, interactions: &Interactions, expected: &dyn Fn(&[f64], usize) -> Vec<f64>) {
    let values = interactions.values(block, 0..block.rows());
    for row in 0..block.rows() {
        for output in 0..forest.outputs.len() {
            let expected = expected(&block.row(row), output);
            let scale = expected.iter().fold(1e-3_f64, |scale, value| scale.max(value.abs()));
            for (cell, (found, expected)) in found(interactions, &values, block.rows(), output, row).iter().zip(&expected).enumerate() {
                assert!(
                    (found - expected).abs() <= 1e-12 * scale,
                    "{name}, row {row}, output {output}, cell {cell}: {found} against {expected}"
                );
            }
        }
    }
}

/// Checks both games, in every way of computing, on one random forest; all ways but the route agree to the bit.
fn check<N: Number>(case: u64, features: usize) {
    let rng = &mut source(case);
    let forest = forest(rng, shapes(case, features));
    let block = rows(rng, &forest, 2);
    let (background, weights) = weighted_background(case, rng, &forest);
    let pairs = pairs(&background, weights.as_deref());
    let mut first: Vec<(Route, [Vec<f64>; 2])> = Vec::new();
    for options in options() {
        let mut counter = BackgroundCounter::with(forest.clone(), options).unwrap();
        counter.count(&background, weights.as_deref());
        let interventional = counter.interactions().unwrap();
        let path_dependent = Interactions::path_dependent_with(forest.clone(), options).unwrap();
        let found = [path_dependent.values(&block, 0..2), interventional.values(&block, 0..2)];
        match first.iter().find(|(route, _)| *route == options.route) {
            Some((_, known)) => assert_eq!(*known, found, "{options:?}, case {case}"),
            None => {
                let name = |game: &str| format!("{game}, {options:?}, case {case}");
                compare(&name("path-dependent"), &forest, &block, &path_dependent, &|x, output| {
                    cells(&path_dependent_game::<N>(&forest, x, output))
                });
                compare(&name("interventional"), &forest, &block, &interventional, &|x, output| {
                    cells(&interventional_game::<N>(&forest, x, output, &pairs))
                });
                first.push((options.route, found));
            }
        }
    }
}

#[test]
fn cells_equal_the_definition_in_rationals() {
    (0..24).for_each(|case| check::<BigRational>(case, 1 + case as usize % 4));
}

#[test]
fn cells_equal_the_definition_on_hundreds_of_wider_forests() {
    (7_000..7_150).for_each(|case| check::<f64>(case, 2 + case as usize % 8));
}

/// Beyond enumeration: cells of a feature sum to its attribution, at any depth.
#[test]
fn cells_of_a_feature_sum_to_its_attribution() {
    for case in 0..12 {
        let rng = &mut source(8_000 + case);
        let features = 10 + 7 * case as usize;
        let shape =
            Shape { features, trees: 4, depth: 5 + case as usize, outputs: 1 + case as usize % 3, grow: 0.72, zero_covers: case % 2 == 0 };
        let forest = forest(rng, shape);
        let (block, background) = (rows(rng, &forest, 150), rows(rng, &forest, 60));
        let mut counter = BackgroundCounter::new(forest.clone()).unwrap();
        counter.count(&background, None);
        let interventional = (counter.interactions().unwrap(), counter.clone().finish().unwrap());
        let attributor = pipeline::pattern::Attributor::path_dependent(forest.clone()).unwrap();
        for (interactions, attributor) in [interventional, (Interactions::path_dependent(forest.clone()).unwrap(), attributor)] {
            let (cells, attributions) = (interactions.values(&block, 0..block.rows()), attributor.attribute(&block).values);
            let scale = attributions.iter().fold(1e-3_f64, |scale, value| scale.max(value.abs()));
            let mut sums = vec![0.0; attributions.len()];
            for output in 0..forest.outputs.len() {
                for (pair, (j, k)) in interactions.pairs().iter().enumerate() {
                    let values = &cells[(output * interactions.pairs().len() + pair) * block.rows()..][..block.rows()];
                    let mut add = |feature: usize| {
                        let sums = &mut sums[(output * features + feature) * block.rows()..][..block.rows()];
                        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                    };
                    add(*j);
                    if j != k {
                        add(*k);
                    }
                }
            }
            assert!(sums.iter().zip(&attributions).all(|(sum, value)| (sum - value).abs() <= 1e-12 * scale), "case {case}");
        }
    }
}

/// Cells of the table by (feature_a, feature_b): mean |cell| and mean.
fn table(folder: &Path) -> BTreeMap<(String, String), (f64, f64)> {
    let table = read(&folder.join("tables/interactions.parquet"));
    let texts = |name: &str| -> Vec<String> {
        let column = table.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|text| text.unwrap().to_owned()).collect()
    };
    let numbers = |name: &str| table.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec();
    let values = numbers("mean_abs").into_iter().zip(numbers("mean"));
    texts("feature_a").into_iter().zip(texts("feature_b")).zip(values).collect()
}

/// Mean attribution of each feature, from the part file.
fn mean_attributions(folder: &Path) -> BTreeMap<String, f64> {
    let rows = read(&folder.join("attributions/tree_shap/part-00000.parquet"));
    let schema = rows.schema();
    let names = schema.fields().iter().map(|field| field.name()).filter(|name| !name.starts_with('_'));
    let mean = |name: &String| {
        let values = rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec();
        (name.clone(), values.iter().sum::<f64>() / values.len() as f64)
    };
    names.map(mean).collect()
}

#[test]
fn a_run_tabulates_and_draws_interactions_whose_rows_sum_to_attributions() {
    let audit = Audit::new();
    audit.publish(&[]);
    assert!(!audit.path("out/latest/tables/interactions.parquet").exists());
    for mode in ["interventional", "path_dependent"] {
        let folder = audit.publish(&["--set", &format!("explain.tree_shap={{mode: {mode}, interactions: true}}")]);
        let cells = table(&folder);
        for (feature, expected) in mean_attributions(&folder) {
            let of_feature = cells.iter().filter(|((a, b), _)| *a == feature || *b == feature);
            let sum: f64 = of_feature.map(|(_, (_, mean))| mean).sum();
            assert!((sum - expected).abs() <= 1e-12, "{mode}, {feature}: {sum} against {expected}");
        }
        assert!(cells.values().all(|(size, mean)| *size >= mean.abs() * (1.0 - 1e-12)));
        let figure = std::fs::read_to_string(folder.join("figures/interactions-tree_shap.svg")).unwrap();
        assert!(figure.contains("Feature interactions"));
    }
}

#[test]
fn interactions_of_a_feature_group_are_the_sums_of_its_members() {
    let audit = Audit::new();
    let interactions = ["--set", "explain.tree_shap.interactions=true"];
    let apart = table(&audit.publish(&interactions));
    let group = ["--set", "data.feature_groups={credit: [amount, duration, purpose]}"];
    let folder = audit.publish(&[interactions, group].concat());
    let together = table(&folder);
    let name = |feature: &String| {
        if ["amount", "duration", "purpose"].contains(&feature.as_str()) { "credit".to_owned() } else { feature.clone() }
    };
    let mut expected: BTreeMap<(String, String), f64> = BTreeMap::new();
    for ((a, b), (_, mean)) in &apart {
        let inside = a != b && name(a) == name(b);
        let known = |a: String, b: String| if together.contains_key(&(a.clone(), b.clone())) { (a, b) } else { (b, a) };
        *expected.entry(known(name(a), name(b))).or_default() += if inside { 2.0 * mean } else { *mean };
    }
    assert_eq!(expected.len(), together.len());
    for (pair, mean) in expected {
        assert!((together[&pair].1 - mean).abs() <= 1e-12, "{pair:?}: {} against {mean}", together[&pair].1);
    }
}

/// XGBoost 3.4's interaction values are right but for their width: f32 sums over the trees and differences of them on the diagonal.
#[test]
fn xgboosts_own_interactions_agree_within_f32() {
    for variant in ["binary_logistic", "categorical_partition", "multi_softprob"] {
        let folder = folder("xgboost").join(variant);
        let forest = Arc::new(load(&folder.join("model.json"), "auto", Iterations::All).unwrap().forest);
        let block = golden_rows(&folder, "rows.parquet", &forest);
        let interactions = Interactions::path_dependent(forest.clone()).unwrap();
        let values = interactions.values(&block, 0..block.rows());
        let largest = values.iter().fold(f64::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
        let theirs: BTreeMap<String, Vec<f64>> = columns(&folder.join("interactions.parquet")).into_iter().collect();
        let name = |feature: usize| &forest.features[feature].name;
        for (column, values) in values.chunks_exact(block.rows()).enumerate() {
            let (output, (a, b)) = (column / interactions.pairs().len(), interactions.pairs()[column % interactions.pairs().len()]);
            let theirs = &theirs[&format!("xgboost_{output}_{}_{}", name(a), name(b))];
            let error = values.iter().zip(theirs).fold(0.0_f64, |worst, (x, y)| worst.max((x - y).abs())) / largest;
            assert!(error <= 4e-6, "{variant}, {} and {} to {output}: {error:e}", name(a), name(b));
        }
    }
}
