//! A model's inputs in the order of its columns, and the codes of their categories.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Document, Place};
use crate::dataset::CategoryHashes;
use crate::model::error::ReadError;
use crate::model::forest::Feature;

/// The inputs, and where CatBoost's own indices lead.
#[derive(Debug)]
pub(super) struct Inputs {
    pub features: Vec<Feature>,
    /// Input of each float feature.
    pub floats: Vec<usize>,
    /// Input of each categorical feature.
    pub categoricals: Vec<usize>,
    /// Codes of each categorical feature's categories by the hashes of their texts.
    pub codes: Vec<BTreeMap<u32, u32>>,
}

/// Categories of a feature beyond this number could not be told apart in f32.
const CATEGORY_LIMIT: usize = 1 << 24;

impl Inputs {
    /// Orders the features; `hashes` holds the categories that splits of each categorical feature know, which of the features in
    /// `complete` are all that were in training.
    pub fn new(document: &Document, hashes: &[BTreeSet<u32>], complete: &BTreeSet<usize>) -> Result<Self, ReadError> {
        let floats = document.floats.iter().map(|feature| &feature.place);
        let places: Vec<&Place> = floats.chain(&document.categoricals).collect();
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(|feature| places[*feature].flat);
        if let Some(pair) = order.windows(2).find(|pair| places[pair[0]].flat == places[pair[1]].flat) {
            return Err(ReadError::Malformed(format!("two features have flat_feature_index {}", places[pair[0]].flat)));
        }
        let mut position = vec![0; places.len()];
        order.iter().enumerate().for_each(|(new, old)| position[*old] = new);
        let (floats, categoricals) = position.split_at(document.floats.len());
        let categories: Vec<Vec<(u32, String)>> = hashes.iter().map(|hashes| named(hashes, &document.texts)).collect();
        let feature = |old: &usize| {
            let name = name(places[*old]);
            match old.checked_sub(floats.len()).and_then(|categorical| categories.get(categorical)) {
                None => Feature::numeric(name),
                Some(known) => {
                    let (by_code, names) = known.iter().cloned().unzip();
                    let complete = complete.contains(&(old - floats.len()));
                    Feature::hashed(name, names, CategoryHashes { by_code, complete })
                }
            }
        };
        let features: Vec<Feature> = order.iter().map(feature).collect();
        if let Some(crowded) = categories.iter().position(|known| known.len() > CATEGORY_LIMIT) {
            let name = name(&document.categoricals[crowded]);
            return Err(ReadError::Unsupported(format!("feature `{name}` has more than {CATEGORY_LIMIT} categories")));
        }
        let code = |(code, (hash, _)): (usize, &(u32, String))| (*hash, code as u32);
        let codes = categories.iter().map(|known| known.iter().enumerate().map(code).collect()).collect();
        Ok(Self { features, floats: floats.to_vec(), categoricals: categoricals.to_vec(), codes })
    }
}

/// A feature's name; CatBoost names those without one by the number of their column.
pub(super) fn name(place: &Place) -> String {
    if place.name.is_empty() { place.flat.to_string() } else { place.name.clone() }
}

/// Categories in code order: integers by value, then texts, then those whose text the file does not hold, which are named by their hash.
fn named(hashes: &BTreeSet<u32>, texts: &BTreeMap<u32, String>) -> Vec<(u32, String)> {
    let rank = |hash: &u32| match texts.get(hash) {
        Some(text) => match text.parse::<i64>() {
            Ok(integer) => (0, integer, text.as_str()),
            Err(_) => (1, 0, text.as_str()),
        },
        None => (2, i64::from(*hash), ""),
    };
    let mut known: Vec<u32> = hashes.iter().copied().collect();
    known.sort_by_key(rank);
    known.into_iter().map(|hash| (hash, texts.get(&hash).cloned().unwrap_or_else(|| format!("hash {hash}")))).collect()
}
