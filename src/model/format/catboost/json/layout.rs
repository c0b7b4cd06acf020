//! The layout of CatBoost's JSON files. Empty lists may be absent or `null`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use super::super::document::CtrKind;
use super::super::info::ModelInfo;

/// What may be `null` in place of empty.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
pub(super) struct File {
    pub features_info: FeaturesInfo,
    #[serde(default)]
    pub model_info: ModelInfo,
    pub oblivious_trees: Option<Vec<ObliviousTree>>,
    pub trees: Option<Vec<Node>>,
    #[serde(default, deserialize_with = "nullable")]
    pub ctr_data: BTreeMap<String, CtrData>,
    pub scale_and_bias: Option<(f64, Vec<f64>)>,
}

#[derive(Deserialize)]
pub(super) struct FeaturesInfo {
    #[serde(default, deserialize_with = "nullable")]
    pub float_features: Vec<JsonFloat>,
    #[serde(default, deserialize_with = "nullable")]
    pub categorical_features: Vec<JsonCategorical>,
    #[serde(default, deserialize_with = "nullable")]
    pub ctrs: Vec<JsonCtr>,
    #[serde(default, deserialize_with = "nullable")]
    pub cat_features_hash: Vec<HashedText>,
}

#[derive(Deserialize)]
pub(super) struct JsonFloat {
    pub feature_index: usize,
    pub flat_feature_index: usize,
    /// Name in the pool that the model was saved with, if any.
    #[serde(default)]
    pub feature_name: String,
    /// Name in training.
    #[serde(default)]
    pub feature_id: String,
    #[serde(default)]
    pub has_nans: bool,
    #[serde(default)]
    pub nan_value_treatment: NanTreatment,
    #[serde(default, deserialize_with = "nullable")]
    pub borders: Vec<f32>,
}

/// How NaN compares with borders, if there was any in training.
#[derive(Default, Deserialize, PartialEq)]
pub(super) enum NanTreatment {
    #[default]
    #[serde(rename = "AsIs")]
    Unordered,
    #[serde(rename = "AsFalse")]
    Below,
    #[serde(rename = "AsTrue")]
    Above,
}

#[derive(Deserialize)]
pub(super) struct JsonCategorical {
    pub feature_index: usize,
    pub flat_feature_index: usize,
    /// Name in the pool that the model was saved with, if any.
    #[serde(default)]
    pub feature_name: String,
    /// Name in training.
    #[serde(default)]
    pub feature_id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub values: Vec<i32>,
    #[serde(default, deserialize_with = "nullable")]
    pub string_values: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct HashedText {
    pub hash: u32,
    pub value: String,
}

#[derive(Deserialize)]
pub(super) struct JsonCtr {
    pub elements: Vec<Element>,
    pub ctr_type: CtrKind,
    pub target_border_idx: usize,
    pub prior_numerator: f32,
    pub prior_denomerator: f32,
    pub shift: f32,
    pub scale: f32,
    pub borders: Vec<f32>,
}

/// What takes part in a combination.
#[derive(Deserialize)]
#[serde(tag = "combination_element", rename_all = "snake_case")]
pub(super) enum Element {
    CatFeatureValue { cat_feature_index: usize },
    FloatFeature { float_feature_index: usize },
    CatFeatureExactValue { cat_feature_index: usize },
}

/// The key of a table, itself JSON.
#[derive(Deserialize)]
pub(super) struct JsonTableKey {
    pub identifier: Vec<Element>,
    pub r#type: CtrKind,
}

#[derive(Deserialize)]
pub(super) struct CtrData {
    pub hash_map: Vec<Cell>,
    pub hash_stride: usize,
    #[serde(default)]
    pub counter_denominator: i32,
}

/// A hash, written as text, or one of its numbers.
#[derive(Clone, Copy)]
pub(super) enum Cell {
    Hash(u64),
    Count(f64),
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl Visitor<'_> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hash as text, or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        text.parse().map(Cell::Hash).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }

    fn visit_f64<E: Error>(self, count: f64) -> Result<Cell, E> {
        Ok(Cell::Count(count))
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<Cell, E> {
        Ok(Cell::Count(count as f64))
    }

    fn visit_i64<E: Error>(self, count: i64) -> Result<Cell, E> {
        Ok(Cell::Count(count as f64))
    }
}

#[derive(Deserialize)]
pub(super) struct ObliviousTree {
    #[serde(default, deserialize_with = "nullable")]
    pub splits: Vec<JsonSplit>,
    pub leaf_values: Vec<f64>,
    #[serde(default, deserialize_with = "nullable")]
    pub leaf_weights: Vec<f64>,
}

/// A node of a tree that is not oblivious: a split with children, or a leaf.
#[derive(Deserialize)]
pub(super) struct Node {
    pub split: Option<JsonSplit>,
    pub left: Option<Box<Node>>,
    pub right: Option<Box<Node>>,
    pub value: Option<OneOrMany>,
    pub weight: Option<f64>,
}

#[derive(Deserialize)]
pub(super) struct JsonSplit {
    pub split_index: usize,
    pub border: Option<f32>,
    pub float_feature_index: Option<usize>,
    pub cat_feature_index: Option<usize>,
    pub value: Option<i32>,
}

/// A number, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(f64),
    Many(Vec<f64>),
}
