//! The trees of a booster of any kind, with the output, weight and boosting round of each.

use crate::model::error::ReadError;
use crate::model::format::Iterations;

use super::document::{Booster, Count, FeatureCategories, Real, TreeArrays, TreeModel};

/// A tree and its place in the sum.
#[derive(Debug)]
pub(super) struct WeightedTree {
    pub arrays: TreeArrays,
    /// Output that its leaves add to; vector leaves add to all.
    pub output: usize,
    /// DART's weight; 1 elsewhere.
    pub weight: f32,
}

/// All trees of a model.
#[derive(Debug)]
pub(super) struct Ensemble {
    pub trees: Vec<WeightedTree>,
    /// Trees before each round, and in the end all of them.
    starts: Vec<usize>,
    /// Categories by feature; empty until 3.0.
    pub categories: Vec<FeatureCategories>,
}

impl Ensemble {
    /// Takes a booster apart: `gbtree`, `dart`, or the older `dart` that wraps a `gbtree`.
    pub fn of(booster: Booster) -> Result<Self, ReadError> {
        let (model, outer_weights) = match (booster.name.as_str(), booster.gbtree) {
            ("gblinear", _) => {
                return Err(ReadError::Unsupported(
                    "its booster is gblinear, which has no trees: its predictions are already a sum of one term for each feature; \
                     explain a model with booster gbtree or dart"
                        .into(),
                ));
            }
            ("gbtree", _) => (booster.model, Vec::new()),
            ("dart", None) => (booster.model, booster.weight_drop),
            ("dart", Some(inner)) => (inner.model, booster.weight_drop),
            (other, _) => return Err(ReadError::Unsupported(format!("booster `{other}` is not known; gbtree and dart are"))),
        };
        let model = model.ok_or_else(|| missing("model"))?;
        Self::of_model(model, outer_weights)
    }

    fn of_model(model: TreeModel, outer_weights: Vec<Real>) -> Result<Self, ReadError> {
        let TreeModel { gbtree_model_param: counts, trees, tree_info, iteration_indptr, cats, weight_drop } = model;
        let (trees, outputs) = (trees.ok_or_else(|| missing("trees"))?, tree_info.ok_or_else(|| missing("tree_info"))?);
        let mut weights = if outer_weights.is_empty() { weight_drop } else { outer_weights };
        if weights.is_empty() {
            weights = vec![Real(1.0); trees.len()];
        }
        let lengths = [
            ("num_trees", counts.num_trees.map_or(trees.len(), |count| count.0)),
            ("tree_info", outputs.len()),
            ("weight_drop", weights.len()),
        ];
        if let Some((key, length)) = lengths.into_iter().find(|(_, length)| *length != trees.len()) {
            return Err(ReadError::Malformed(format!("the file holds {} trees, but `{key}` tells of {length}", trees.len())));
        }
        if let Some((index, id)) =
            trees.iter().enumerate().filter_map(|(index, tree)| Some((index, tree.id?.0))).find(|(index, id)| index != id)
        {
            return Err(ReadError::Malformed(format!("tree {index} has id {id}: trees are missing or out of order")));
        }
        let parallel = counts.num_parallel_tree.map_or(1, |count| count.0);
        let starts = match iteration_indptr {
            Some(starts) if !starts.is_empty() => starts.iter().map(|start| start.0).collect(),
            _ => equal_rounds(trees.len(), &outputs, parallel),
        };
        if starts.first() != Some(&0) || starts.last() != Some(&trees.len()) || !starts.is_sorted() {
            return Err(ReadError::Malformed(format!("boosting rounds do not divide the {} trees", trees.len())));
        }
        let weighted =
            |((arrays, output), weight): ((TreeArrays, Count), Real)| WeightedTree { arrays, output: output.0, weight: weight.0 };
        let trees = trees.into_iter().zip(outputs).zip(weights).map(weighted).collect();
        Ok(Self { trees, starts, categories: cats.map_or_else(Vec::new, |cats| cats.enc) })
    }

    /// Boosting rounds in the file.
    pub fn rounds(&self) -> usize {
        self.starts.len() - 1
    }

    /// Boosting rounds that `iterations` asks for, and the trees in them.
    pub fn used(&self, iterations: Iterations, best: Option<usize>) -> Result<(usize, &[WeightedTree]), ReadError> {
        let rounds = iterations.rounds(self.rounds(), best)?;
        Ok((rounds, &self.trees[..self.starts[rounds]]))
    }
}

/// Trees before each round where the file does not say (until 1.7): all rounds have `parallel` trees for each output.
fn equal_rounds(trees: usize, outputs: &[Count], parallel: usize) -> Vec<usize> {
    let groups = outputs.iter().map(|output| output.0).max().unwrap_or(0).saturating_add(1);
    let round = groups.saturating_mul(parallel.max(1));
    (0..=trees).step_by(round).collect()
}

fn missing(key: &str) -> ReadError {
    ReadError::Malformed(format!("`{key}` of the booster is missing"))
}
