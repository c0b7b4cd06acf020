//! JSON as `save_model(format="json")` writes it.

mod layout;

use super::bins::{Bin, bins};
use super::document::{Combination, Ctr, Document, FloatFeature, OneHot, Place, Shape, SourceNode, SourceTree, Table, TableKey};
use crate::model::error::ReadError;
use crate::model::format::json;
use layout::{
    Cell, CtrData, Element, FeaturesInfo, File, JsonCategorical, JsonCtr, JsonFloat, JsonSplit, JsonTableKey, NanTreatment, Node,
    ObliviousTree, OneOrMany,
};

/// Decodes a whole file.
pub(super) fn decode(bytes: &[u8]) -> Result<Document, ReadError> {
    let file: File = json::decode(bytes).map_err(|error| ReadError::Malformed(error.to_string()))?;
    let FeaturesInfo { float_features, categorical_features, ctrs, cat_features_hash } = file.features_info;
    let one_hots = one_hots(&categorical_features);
    let strings = categorical_features.iter().flat_map(|feature| feature.values.iter().zip(&feature.string_values));
    let texts = strings.map(|(hash, text)| (hash.cast_unsigned(), text.clone()));
    let texts = texts.chain(cat_features_hash.into_iter().map(|entry| (entry.hash, entry.value))).collect();
    let floats = float_features.into_iter().enumerate().map(|(position, feature)| float(feature, position));
    let floats = floats.collect::<Result<Vec<_>, _>>()?;
    let categoricals = categorical_features.into_iter().enumerate().map(|(position, feature)| categorical(feature, position));
    let categoricals = categoricals.collect::<Result<_, _>>()?;
    let ctrs: Vec<Ctr> = ctrs.into_iter().map(ctr).collect();
    let tables = file.ctr_data.into_iter().map(|(key, data)| table(&key, data)).collect::<Result<_, _>>()?;
    let bins = bins(&floats, &one_hots, &ctrs);
    let trees = match (file.oblivious_trees, file.trees) {
        (Some(trees), None) => trees.into_iter().enumerate().map(|(index, tree)| oblivious(tree, &bins).map_err(in_tree(index))).collect(),
        (None, Some(trees)) => trees.into_iter().enumerate().map(|(index, tree)| nodes(tree, &bins).map_err(in_tree(index))).collect(),
        (None, None) => Err(ReadError::Malformed("it holds neither `oblivious_trees` nor `trees`".into())),
        (Some(_), Some(_)) => Err(ReadError::Malformed("it holds both `oblivious_trees` and `trees`".into())),
    }?;
    let (scale, bias) = file.scale_and_bias.unwrap_or((1.0, Vec::new()));
    Ok(Document { floats, categoricals, one_hots, ctrs, tables, texts, trees, scale, bias, info: file.model_info.info() })
}

fn in_tree(index: usize) -> impl FnOnce(String) -> ReadError {
    move |message| ReadError::Malformed(format!("tree {index}: {message}"))
}

fn float(feature: JsonFloat, position: usize) -> Result<FloatFeature, ReadError> {
    in_order("float_features", feature.feature_index, position)?;
    let place = Place { flat: feature.flat_feature_index, name: either(feature.feature_name, feature.feature_id) };
    let nan_above = feature.has_nans && feature.nan_value_treatment == NanTreatment::Above;
    Ok(FloatFeature { place, borders: feature.borders, nan_above })
}

fn categorical(feature: JsonCategorical, position: usize) -> Result<Place, ReadError> {
    in_order("categorical_features", feature.feature_index, position)?;
    Ok(Place { flat: feature.flat_feature_index, name: either(feature.feature_name, feature.feature_id) })
}

/// The first name, or the second where it is empty.
fn either(name: String, other: String) -> String {
    if name.is_empty() { other } else { name }
}

/// Trees refer to features by their positions in the lists, which their indices must be.
fn in_order(list: &str, index: usize, position: usize) -> Result<(), ReadError> {
    if index == position {
        return Ok(());
    }
    Err(ReadError::Malformed(format!("entry {position} of `{list}` has feature_index {index}: features are missing or out of order")))
}

impl OneOrMany {
    fn list(self) -> Vec<f64> {
        match self {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        }
    }
}

fn one_hots(features: &[JsonCategorical]) -> Vec<OneHot> {
    let hashes = |feature: &JsonCategorical| feature.values.iter().map(|hash| hash.cast_unsigned()).collect();
    features.iter().enumerate().map(|(feature, entry)| OneHot { feature, hashes: hashes(entry) }).collect()
}

fn ctr(ctr: JsonCtr) -> Ctr {
    Ctr {
        source: combination(ctr.elements),
        kind: ctr.ctr_type,
        target_border: ctr.target_border_idx,
        prior_numerator: ctr.prior_numerator,
        prior_denominator: ctr.prior_denomerator,
        shift: ctr.shift,
        scale: ctr.scale,
        borders: ctr.borders,
    }
}

fn combination(elements: Vec<Element>) -> Combination {
    let mut combination = Combination::default();
    for element in elements {
        match element {
            Element::CatFeatureValue { cat_feature_index } => combination.categoricals.push(cat_feature_index),
            Element::FloatFeature { float_feature_index } => combination.floats.push(float_feature_index),
            Element::CatFeatureExactValue { cat_feature_index } => combination.one_hots.push(cat_feature_index),
        }
    }
    combination
}

fn table(key: &str, data: CtrData) -> Result<(TableKey, Table), ReadError> {
    let malformed = |message: String| ReadError::Malformed(format!("`ctr_data`, entry {key}: {message}"));
    let identifier: JsonTableKey = serde_json::from_str(key).map_err(|error| malformed(error.to_string()))?;
    if data.hash_stride < 2 || !data.hash_map.len().is_multiple_of(data.hash_stride) {
        return Err(malformed(format!("{} cells do not make up rows of {}", data.hash_map.len(), data.hash_stride)));
    }
    let width = data.hash_stride - 1;
    let (mut categories, mut counts) = (Vec::new(), Vec::with_capacity(data.hash_map.len()));
    for (index, cell) in data.hash_map.iter().enumerate() {
        match (cell, index.is_multiple_of(data.hash_stride)) {
            (Cell::Hash(hash), true) => categories.push((*hash, categories.len())),
            (Cell::Count(count), false) => counts.push(*count),
            _ => return Err(malformed(format!("cell {index} is of the wrong kind: each row is a hash as text, then {width} numbers"))),
        }
    }
    let table = Table::new(identifier.r#type, categories, counts, width, data.counter_denominator);
    Ok(((combination(identifier.identifier), identifier.r#type), table))
}

fn oblivious(tree: ObliviousTree, bins: &[Bin]) -> Result<SourceTree, String> {
    let splits = tree.splits.iter().map(|split| split.bin(bins)).collect::<Result<_, _>>()?;
    Ok(SourceTree { shape: Shape::Oblivious(splits), values: tree.leaf_values, weights: tree.leaf_weights })
}

/// Flattens nested nodes, a parent before its children.
fn nodes(root: Node, bins: &[Bin]) -> Result<SourceTree, String> {
    let (mut nodes, mut values, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    let mut leaves = 0;
    // Nodes to come, with the parent that waits for their numbers and whether its bit is set.
    let mut stack = vec![(root, None)];
    while let Some((node, parent)) = stack.pop() {
        let at = nodes.len();
        if let Some(SourceNode::Split { clear, set, .. }) = parent.and_then(|(parent, _): (usize, bool)| nodes.get_mut(parent)) {
            *(if parent.is_some_and(|(_, set)| set) { set } else { clear }) = at;
        }
        match node {
            Node { split: Some(split), left: Some(left), right: Some(right), .. } => {
                nodes.push(SourceNode::Split { bin: split.bin(bins)?, clear: 0, set: 0 });
                stack.push((*right, Some((at, true))));
                stack.push((*left, Some((at, false))));
            }
            Node { split: None, left: None, right: None, value: Some(value), weight } => {
                nodes.push(SourceNode::Leaf(leaves));
                leaves += 1;
                values.extend(value.list());
                weights.extend(weight);
            }
            _ => return Err(format!("node {at} in depth-first order is neither a split with two children nor a leaf with a value")),
        }
    }
    Ok(SourceTree { shape: Shape::Nodes(nodes), values, weights })
}

impl JsonSplit {
    /// The question's number; what else the file says of it must be the same question.
    fn bin(&self, bins: &[Bin]) -> Result<usize, String> {
        let (index, Some(bin)) = (self.split_index, bins.get(self.split_index)) else {
            return Err(format!(
                "split_index {} does not exist: the features have {} borders and categories",
                self.split_index,
                bins.len()
            ));
        };
        let same = match *bin {
            Bin::Above { float, border } => self.float_feature_index == Some(float) && self.border == Some(border),
            Bin::Equal { categorical, hash } => {
                self.cat_feature_index == Some(categorical) && self.value.map(i32::cast_unsigned) == Some(hash)
            }
            Bin::Ctr { border, .. } => {
                self.float_feature_index.is_none() && self.cat_feature_index.is_none() && self.border == Some(border)
            }
        };
        if same { Ok(index) } else { Err(format!("the split with split_index {index} is not the one of that number in `features_info`")) }
    }
}
