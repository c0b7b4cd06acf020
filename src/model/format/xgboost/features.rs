//! Names, kinds and categories of a model's inputs.

use super::document::FeatureCategories;
use super::ensemble::Ensemble;
use crate::model::error::ReadError;
use crate::model::forest::Feature;
use crate::model::format::unnamed;

/// The inputs in the model's order.
///
/// A feature is categorical if it is declared so (`c`, until 1.4 `categorical`) or split by categories. Category names stand in the order
/// of their codes; integer categories are named by their decimal text.
pub(super) fn features(names: &[String], types: &[String], count: usize, ensemble: &Ensemble) -> Result<Vec<Feature>, ReadError> {
    let names = complete_names(names, count)?;
    let mut categorical = declared(types, count)?;
    for arrays in ensemble.trees.iter().map(|tree| &tree.arrays) {
        for (feature, by_category) in arrays.split_indices.iter().zip(&arrays.split_type) {
            if let Some(declared) = usize::try_from(*feature).ok().and_then(|feature| categorical.get_mut(feature)) {
                *declared |= by_category.0;
            }
        }
    }
    let lists = &ensemble.categories;
    if !lists.is_empty() && lists.len() != count {
        return Err(ReadError::Malformed(format!("`cats` has categories of {} features, but the model has {count}", lists.len())));
    }
    let mut lists = lists.iter();
    names
        .into_iter()
        .zip(categorical)
        .map(|(name, categorical)| {
            let list = lists.next();
            if !categorical {
                return Ok(Feature::numeric(name));
            }
            let categories = list
                .map(category_names)
                .transpose()
                .map_err(|message| ReadError::Malformed(format!("categories of feature `{name}`: {message}")))?;
            Ok(Feature::categorical(name, categories.flatten()))
        })
        .collect()
}

fn complete_names(names: &[String], count: usize) -> Result<Vec<String>, ReadError> {
    match names.len() {
        0 => unnamed(count),
        named if named == count => Ok(names.to_vec()),
        named => Err(ReadError::Malformed(format!("`feature_names` has {named} names, but the model has {count} features"))),
    }
}

fn declared(types: &[String], count: usize) -> Result<Vec<bool>, ReadError> {
    match types.len() {
        0 => Ok(vec![false; count]),
        typed if typed == count => Ok(types.iter().map(|kind| kind == "c" || kind == "categorical").collect()),
        typed => Err(ReadError::Malformed(format!("`feature_types` has {typed} types, but the model has {count} features"))),
    }
}

/// Names in code order; `None` where the file has none for this feature.
fn category_names(list: &FeatureCategories) -> Result<Option<Vec<String>>, String> {
    let names: Vec<String> = match &list.offsets {
        Some(offsets) => {
            let text: Result<Vec<u8>, String> = list.values.iter().map(|value| byte(*value)).collect();
            let (text, mut names) = (text?, Vec::with_capacity(offsets.len()));
            for pair in offsets.windows(2) {
                let Some(name) = text.get(pair[0].0..pair[1].0) else {
                    return Err(format!("no text from byte {} to {} of {}", pair[0].0, pair[1].0, text.len()));
                };
                names.push(String::from_utf8(name.to_vec()).map_err(|_| format!("name {} is not UTF-8", names.len()))?);
            }
            names
        }
        None => list.values.iter().map(|value| integer(*value, list.r#type).to_string()).collect(),
    };
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("`{}` occurs twice", pair[0])),
        None => Ok((!names.is_empty()).then_some(names)),
    }
}

/// A byte of text; XGBoost writes them signed.
fn byte(value: i128) -> Result<u8, String> {
    i8::try_from(value).map(i8::cast_unsigned).or_else(|_| u8::try_from(value)).map_err(|_| format!("{value} is not a byte of text"))
}

/// An integer category; UBJSON holds unsigned ones as signed of the same width (kinds 12, 14 and 16: 16, 32 and 64 bits).
fn integer(value: i128, kind: Option<u8>) -> i128 {
    match kind {
        Some(12) => value.rem_euclid(1 << 16),
        Some(14) => value.rem_euclid(1 << 32),
        Some(16) => value.rem_euclid(1 << 64),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::Count;
    use super::*;

    fn names(offsets: Option<&[usize]>, kind: Option<u8>, values: &[i128]) -> Result<Option<Vec<String>>, String> {
        let offsets = offsets.map(|offsets| offsets.iter().copied().map(Count).collect());
        category_names(&FeatureCategories { offsets, r#type: kind, values: values.to_vec() })
    }

    #[test]
    fn text_is_cut_at_offsets_and_its_bytes_may_be_signed() {
        // "a", "", "é", whose second character is the bytes C3 A9, written as −61 and −87.
        let expected = Ok(Some(vec!["a".to_string(), String::new(), "é".to_string()]));
        assert_eq!(names(Some(&[0, 1, 1, 3]), None, &[97, -61, -87]), expected);
        assert_eq!(names(Some(&[0, 1, 1, 3]), None, &[97, 0xC3, 0xA9]), expected);
        assert_eq!(names(Some(&[]), None, &[]), Ok(None));
    }

    #[test]
    fn integers_are_their_decimal_text_and_unsigned_ones_stay_so() {
        // As XGBoost 3.4.1 writes the categories 1 and 40000 of u16 and 3000000000 of u32: JSON as they are, UBJSON signed.
        for (kind, written, text) in [(12, 40_000, "40000"), (12, -25_536, "40000"), (14, -1_294_967_296, "3000000000"), (15, -60, "-60")] {
            assert_eq!(names(None, Some(kind), &[1, written]), Ok(Some(vec!["1".to_string(), text.to_string()])));
        }
    }
}
