//! A model in numbers and names, for `inspect` and for records of runs.

use serde::Serialize;

use super::card::Card;
use super::forest::{Cover, Feature, FeatureKind, Missing, NodeKind, TreeOutput, Width};
use super::{Forest, Model};

/// What a model is: the file's facts and the forest's shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The file's facts.
    #[serde(flatten)]
    pub card: Card,
    /// Link from margins to predictions.
    pub link: String,
    /// Output names.
    pub outputs: Vec<String>,
    /// Base margin of each output.
    pub base_margins: Vec<f64>,
    /// Predictions of the base margins alone.
    pub base_predictions: Vec<f64>,
    /// Trees used.
    pub trees: usize,
    /// Trees whose leaves hold a value for every output.
    pub vector_leaf_trees: usize,
    /// Trees whose leaves hold linear functions.
    pub linear_leaf_trees: usize,
    /// Leaves over all trees.
    pub leaves: usize,
    /// Edges on the longest path of any tree.
    pub max_depth: usize,
    /// Mean over trees of their depths; 0 without trees.
    pub mean_depth: f64,
    /// What covers count.
    pub cover: &'static str,
    /// Width in which values are compared with thresholds: `f32` or `f64`.
    pub compared_in: &'static str,
    /// Width in which the library sums leaves: `f32` or `f64`.
    pub summed_in: &'static str,
    /// Inputs, in the model's order.
    pub features: Vec<FeatureSummary>,
}

/// What an input of a model is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FeatureSummary {
    /// Name.
    pub name: String,
    /// `numeric` or `categorical`.
    pub kind: &'static str,
    /// Category names in code order, where the file knows them.
    pub categories: Option<Vec<String>>,
    /// Values that count as missing.
    pub missing: &'static str,
    /// Splits on it over all trees.
    pub splits: usize,
    /// Those that send missing values left, where some values are missing.
    pub missing_left: Option<usize>,
}

impl Summary {
    /// Sums up a model.
    pub fn of(model: &Model) -> Self {
        let Model { forest, card } = model;
        let depths: usize = forest.trees.iter().map(|tree| tree.depth()).sum();
        let splits = splits(forest);
        let mut base_predictions = forest.base.clone();
        forest.link.apply(&mut base_predictions);
        Self {
            card: card.clone(),
            link: forest.link.to_string(),
            outputs: forest.outputs.clone(),
            base_margins: forest.base.clone(),
            base_predictions,
            trees: forest.trees.len(),
            vector_leaf_trees: forest.trees.iter().filter(|tree| tree.output == TreeOutput::All).count(),
            linear_leaf_trees: forest.trees.iter().filter(|tree| !tree.linear.is_empty()).count(),
            leaves: forest.leaves(),
            max_depth: forest.depth(),
            mean_depth: if forest.trees.is_empty() { 0.0 } else { depths as f64 / forest.trees.len() as f64 },
            cover: forest.cover.name(),
            compared_in: forest.compare.name(),
            summed_in: forest.summation.width.name(),
            features: forest.features.iter().zip(splits).map(|(feature, splits)| FeatureSummary::of(feature, splits)).collect(),
        }
    }
}

impl FeatureSummary {
    /// An input of a model of which no splits are known.
    pub fn unsplit(feature: &Feature) -> Self {
        Self::of(feature, (0, 0))
    }

    fn of(feature: &Feature, (splits, missing_left): (usize, usize)) -> Self {
        let (kind, categories) = match &feature.kind {
            FeatureKind::Numeric => ("numeric", None),
            FeatureKind::Categorical { names, .. } => ("categorical", names.clone()),
        };
        let missing_left = (splits > 0 && feature.missing != Missing::NanIsZero).then_some(missing_left);
        Self { name: feature.name.clone(), kind, categories, missing: feature.missing.name(), splits, missing_left }
    }
}

/// Splits on each feature, and how many of them send missing values left.
fn splits(forest: &Forest) -> Vec<(usize, usize)> {
    let mut counts = vec![(0, 0); forest.features.len()];
    for node in forest.trees.iter().flat_map(|tree| &tree.nodes) {
        if let NodeKind::Split(split) = &node.kind {
            let (splits, left) = &mut counts[split.feature];
            *splits += 1;
            *left += usize::from(split.missing_left);
        }
    }
    counts
}

impl Cover {
    /// What is counted, in words.
    pub fn name(self) -> &'static str {
        match self {
            Cover::Hessian => "sum of Hessians",
            Cover::Count => "training rows",
            Cover::Weight => "training weight",
            Cover::Background => "background weight",
            Cover::Absent => "absent",
        }
    }
}

impl Width {
    /// In Rust's words.
    pub fn name(self) -> &'static str {
        match self {
            Width::F32 => "f32",
            Width::F64 => "f64",
        }
    }
}

impl Missing {
    /// Which values are missing, in words.
    pub fn name(self) -> &'static str {
        match self {
            Missing::Nan => "NaN",
            Missing::NanIsZero => "none (NaN is read as 0)",
            Missing::ZeroOrNan => "NaN and 0",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Link, Node, Rule, Split, Summation, Tree};

    #[test]
    fn counts_what_the_trees_hold() {
        let split = NodeKind::Split(Split { feature: 1, rule: Rule::Less(0.5), missing_left: true, left: 1, right: 2 });
        let nodes = [split, NodeKind::Leaf(0), NodeKind::Leaf(1)].map(|kind| Node { cover: 1.0, kind }).to_vec();
        let stump = Tree { nodes, leaf_values: vec![-1.0, 1.0], linear: Vec::new(), output: TreeOutput::One(0), scale: 1.0 };
        let single = Tree { nodes: vec![Node { cover: 1.0, kind: NodeKind::Leaf(0) }], leaf_values: vec![0.5], ..stump.clone() };
        let forest = Forest {
            features: vec![Feature::categorical("colour", Some(vec!["red".into(), "blue".into()])), Feature::numeric("size")],
            outputs: vec!["0".into()],
            base: vec![0.25],
            trees: vec![stump, single],
            link: Link::Logistic,
            compare: Width::F32,
            summation: Summation { width: Width::F32, base_first: true },
            cover: Cover::Hessian,
        };
        let summary = Summary::of(&Model { forest, card: Card::default() });
        assert_eq!((summary.trees, summary.leaves, summary.max_depth, summary.mean_depth), (2, 3, 1, 0.5));
        let features: Vec<_> = summary.features.iter().map(|f| (f.name.as_str(), f.kind, f.splits, f.missing_left)).collect();
        assert_eq!(features, [("colour", "categorical", 0, None), ("size", "numeric", 1, Some(1))]);
        assert!((summary.base_predictions[0] - 1.0 / (1.0 + (-0.25_f64).exp())).abs() < 1e-15);
    }
}
