//! smartcore's random forests, and their trees as a model file has them.

use serde::{Deserialize, Serialize};
use smartcore::ensemble::random_forest_classifier::{RandomForestClassifier, RandomForestClassifierParameters};
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::dataset::FeatureBlock;
use crate::model::TrainSettings;
use crate::model::format::pipeline::DocumentNode;

use super::{Part, TrainError};

/// The library, as model files name it.
pub(super) const LIBRARY: &str = "smartcore 0.7";

type Matrix = DenseMatrix<f64>;
pub(super) type Classifier = RandomForestClassifier<f64, u32, Matrix, Vec<u32>>;
pub(super) type Regressor = RandomForestRegressor<f64, f64, Matrix, Vec<f64>>;

/// A forest fitted to `part`, as trees with the rows that come by each node; `classes` are the labels, ascending, or none of a quantity.
pub(super) fn forest(part: &Part, classes: &[f64], settings: &TrainSettings) -> Result<Vec<Vec<DocumentNode>>, TrainError> {
    let trees = if classes.is_empty() {
        trees::<FittedRegressor>(&regressor(part, settings)?)?.forest_regressor.trees
    } else {
        trees::<FittedForest>(&classifier(part, classes, settings)?)?.trees
    };
    trees.into_iter().map(|tree| counted(tree, &part.values)).collect()
}

/// Votes for the number of a class.
pub(super) fn classifier(part: &Part, classes: &[f64], settings: &TrainSettings) -> Result<Classifier, TrainError> {
    let number = |label: &f64| classes.partition_point(|class| class < label) as u32;
    let labels: Vec<u32> = part.labels.iter().map(number).collect();
    let parameters = RandomForestClassifierParameters {
        max_depth: levels(settings),
        min_samples_leaf: settings.min_leaf.get(),
        n_trees: settings.trees.get(),
        m: features_per_split(settings, part),
        seed: settings.seed.unwrap_or_default(),
        ..RandomForestClassifierParameters::default()
    };
    Classifier::fit(&matrix(&part.values)?, &labels, parameters).map_err(failed)
}

/// Averages the trees' estimates.
pub(super) fn regressor(part: &Part, settings: &TrainSettings) -> Result<Regressor, TrainError> {
    let parameters = RandomForestRegressorParameters {
        max_depth: levels(settings),
        min_samples_leaf: settings.min_leaf.get(),
        n_trees: usize::from(settings.trees.get()),
        m: features_per_split(settings, part),
        seed: settings.seed.unwrap_or_default(),
        ..RandomForestRegressorParameters::default()
    };
    Regressor::fit(&matrix(&part.values)?, &part.labels, parameters).map_err(failed)
}

pub(super) fn matrix(values: &FeatureBlock) -> Result<Matrix, TrainError> {
    Matrix::new(values.rows(), values.features(), values.values().to_vec(), true).map_err(failed)
}

/// smartcore counts the levels of nodes, which are one more than the splits on a path.
fn levels(settings: &TrainSettings) -> Option<u16> {
    settings.depth.map(|depth| depth.get().saturating_add(1))
}

/// smartcore's own default, except that one feature at least is tried.
fn features_per_split(settings: &TrainSettings, part: &Part) -> Option<usize> {
    let root = part.values.features().isqrt().max(1);
    Some(settings.features_per_split.map_or(root, std::num::NonZeroUsize::get))
}

fn failed(error: Failed) -> TrainError {
    TrainError::Failed(error.to_string())
}

/// smartcore keeps its nodes to itself but serializes them.
fn trees<F: for<'de> Deserialize<'de>>(forest: &impl Serialize) -> Result<F, TrainError> {
    let value = serde_json::to_value(forest).and_then(serde_json::from_value);
    value.map_err(|error| TrainError::Failed(format!("{LIBRARY} serializes its forests otherwise than expected: {error}")))
}

#[derive(Deserialize)]
struct FittedRegressor {
    forest_regressor: FittedForest,
}

#[derive(Deserialize)]
struct FittedForest {
    trees: Vec<FittedTree>,
}

#[derive(Deserialize)]
struct FittedTree {
    nodes: Vec<FittedNode>,
}

#[derive(Deserialize)]
struct FittedNode {
    output: f64,
    split_feature: usize,
    split_value: Option<f64>,
    true_child: Option<usize>,
    false_child: Option<usize>,
}

/// The tree with the rows of `values` that come by each node.
fn counted(tree: FittedTree, values: &FeatureBlock) -> Result<Vec<DocumentNode>, TrainError> {
    let node = |node: &FittedNode| match (node.true_child, node.false_child, node.split_value) {
        (Some(left), Some(right), Some(threshold)) => {
            Ok(DocumentNode::Split { feature: node.split_feature, threshold, left, right, rows: 0 })
        }
        (Some(_), _, None) => Err(TrainError::Failed("a threshold is beyond the largest number; scale the column down".into())),
        _ => Ok(DocumentNode::Leaf { value: node.output, rows: 0 }),
    };
    let mut nodes = tree.nodes.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    for row in 0..values.rows() {
        let mut next = Some(0);
        while let Some(node) = next.and_then(|at| nodes.get_mut(at)) {
            next = match node {
                DocumentNode::Split { feature, threshold, left, right, rows } => {
                    *rows += 1;
                    Some(if values.column(*feature)[row] <= *threshold { *left } else { *right })
                }
                DocumentNode::Leaf { rows, .. } => {
                    *rows += 1;
                    None
                }
            };
        }
    }
    Ok(nodes)
}
