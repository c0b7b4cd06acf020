//! An XGBoost model file's contents as typed data, the same for JSON and UBJSON.
//!
//! Keys that predictions do not depend on are skipped. Optional keys are those that some release since 1.0 does not write.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Unexpected, Visitor};

/// The whole file.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Document {
    pub learner: Learner,
    #[serde(default)]
    pub version: Vec<u64>,
}

/// The model and what is known of its inputs and output.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Learner {
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub feature_names: Vec<String>,
    #[serde(default)]
    pub feature_types: Vec<String>,
    pub gradient_booster: Booster,
    pub learner_model_param: LearnerParameters,
    pub objective: Objective,
}

/// Sizes of the model and its base score.
#[derive(Debug, serde::Deserialize)]
pub(super) struct LearnerParameters {
    pub base_score: Option<Scores>,
    pub num_feature: Count,
    #[serde(default)]
    pub num_class: Count,
    #[serde(default)]
    pub num_target: Count,
}

/// The training objective.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Objective {
    pub name: String,
}

/// A booster of any kind; until 3.3 a DART booster wraps a tree booster.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Booster {
    pub name: String,
    pub model: Option<TreeModel>,
    pub gbtree: Option<Box<Booster>>,
    #[serde(default)]
    pub weight_drop: Vec<Real>,
}

/// The trees, and how they make up boosting rounds.
#[derive(Debug, serde::Deserialize)]
pub(super) struct TreeModel {
    #[serde(default)]
    pub gbtree_model_param: TreeModelParameters,
    pub trees: Option<Vec<TreeArrays>>,
    pub tree_info: Option<Vec<Count>>,
    pub iteration_indptr: Option<Vec<Count>>,
    pub cats: Option<Categories>,
    #[serde(default)]
    pub weight_drop: Vec<Real>,
}

/// Counts of trees.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct TreeModelParameters {
    pub num_trees: Option<Count>,
    pub num_parallel_tree: Option<Count>,
}

/// One tree: arrays with an entry a node.
#[derive(Debug, serde::Deserialize)]
pub(super) struct TreeArrays {
    pub id: Option<Count>,
    pub tree_param: TreeParameters,
    pub left_children: Vec<i64>,
    pub right_children: Vec<i64>,
    pub split_indices: Vec<i64>,
    pub split_conditions: Vec<Real>,
    pub default_left: Vec<Flag>,
    #[serde(default)]
    pub sum_hessian: Vec<Real>,
    #[serde(default)]
    pub base_weights: Vec<Real>,
    #[serde(default)]
    pub leaf_weights: Vec<Real>,
    #[serde(default)]
    pub split_type: Vec<Flag>,
    #[serde(default)]
    pub categories: Vec<i64>,
    #[serde(default)]
    pub categories_nodes: Vec<Count>,
    #[serde(default)]
    pub categories_segments: Vec<Count>,
    #[serde(default)]
    pub categories_sizes: Vec<Count>,
}

/// Sizes of one tree.
#[derive(Debug, serde::Deserialize)]
pub(super) struct TreeParameters {
    pub num_nodes: Option<Count>,
    #[serde(default)]
    pub size_leaf_vector: Count,
}

/// The categories of all features, from 3.1 on.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Categories {
    #[serde(default)]
    pub enc: Vec<FeatureCategories>,
}

/// The categories of one feature: UTF-8 text cut at `offsets`, or integers of the kind `type`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct FeatureCategories {
    pub offsets: Option<Vec<Count>>,
    pub r#type: Option<u8>,
    pub values: Vec<i128>,
}

/// An f32; `null` stands for a value that JSON has no number for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Real(pub f32);

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or(f32::NAN)))
    }
}

/// A count or an index, written as a number or as text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(pub usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number that is not negative")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Count, E> {
        text.parse().map(Count).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Count, E> {
        usize::try_from(number).map(Count).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
        usize::try_from(number).map(Count).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }
}

/// Yes or no, written as a boolean (until 1.5) or as 0 and 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl Visitor<'_> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false, 0 or 1")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Flag, E> {
        Ok(Flag(flag))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Flag, E> {
        if number <= 1 { Ok(Flag(number == 1)) } else { Err(E::invalid_value(Unexpected::Unsigned(number), &self)) }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Flag, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(Unexpected::Signed(number), &self)).and_then(|number| self.visit_u64(number))
    }
}

/// One score, or one for each output: a number, text, or from 3.1 on text in brackets.
#[derive(Clone, Debug)]
pub(super) struct Scores(pub Vec<f32>);

impl<'de> Deserialize<'de> for Scores {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScoresVisitor)
    }
}

struct ScoresVisitor;

impl<'de> Visitor<'de> for ScoresVisitor {
    type Value = Scores;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers in brackets")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scores, E> {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let scores: Result<Vec<f32>, _> = inner.split(',').map(|score| score.trim().parse()).collect();
        scores.map(Scores).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_f64<E: Error>(self, score: f64) -> Result<Scores, E> {
        Ok(Scores(vec![score as f32]))
    }

    fn visit_u64<E: Error>(self, score: u64) -> Result<Scores, E> {
        Ok(Scores(vec![score as f32]))
    }

    fn visit_i64<E: Error>(self, score: i64) -> Result<Scores, E> {
        Ok(Scores(vec![score as f32]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scores, A::Error> {
        let mut scores = Vec::new();
        while let Some(Real(score)) = list.next_element()? {
            scores.push(score);
        }
        Ok(Scores(scores))
    }
}
