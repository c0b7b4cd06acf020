//! Where each model feature's values come from, and what its categories are called.

use arrow_schema::DataType;

use super::category::Categories;
use super::dictionary;
use super::error::nearest;
use super::source::{Column, plain_type};
use super::{DataError, Dataset, Encoding, FeatureRequest, Request};

/// The column of a feature.
#[derive(Debug)]
pub(super) struct FeatureColumn {
    /// Position among the columns that are read.
    pub(super) column: usize,
    /// How its values become numbers, with the names that were found.
    pub(super) encoding: Encoding,
    /// Names in code order, where they are known.
    pub(super) categories: Option<Categories>,
    /// Whether the column holds the categories' names, not their codes.
    pub(super) by_name: bool,
}

/// Each feature's column among `read`, and its names: the model's, the config's, or the column's own dictionary.
pub(super) fn feature_columns(request: &Request, dataset: &Dataset, read: &[Column]) -> Result<Vec<FeatureColumn>, DataError> {
    let is_feature = |name: &String| request.features.iter().any(|feature| feature.name == *name);
    if let Some(stray) = request.categories.keys().find(|name| !is_feature(name)) {
        let near = nearest(stray, request.features.iter().map(|feature| &*feature.name));
        let message = format!("data.categories names it, but it is no feature of the model{near}; remove it");
        return Err(DataError::Categories { path: dataset.inner.path.clone(), column: stray.clone(), message });
    }
    let position = |feature: &FeatureRequest| read.iter().position(|column| column.name == feature.name);
    let features = request.features.iter().filter_map(|feature| Some((feature, position(feature)?)));
    features.map(|(feature, column)| feature_column(feature, column, request, dataset)).collect()
}

fn feature_column(feature: &FeatureRequest, column: usize, request: &Request, dataset: &Dataset) -> Result<FeatureColumn, DataError> {
    let failed = |message| DataError::Categories { path: dataset.inner.path.clone(), column: feature.name.clone(), message };
    let configured = known_names(feature, request).map_err(failed)?;
    let declared = dataset.inner.columns.iter().find(|column| column.name == feature.name);
    let Some(declared) = declared.filter(|_| feature.encoding != Encoding::Number) else {
        return Ok(FeatureColumn { column, encoding: Encoding::Number, categories: None, by_name: false });
    };
    if let Encoding::Hashed { names, hashes } = &feature.encoding {
        let texts = dictionary::texts(dataset, declared)?.into_iter().chain(configured.into_iter().flatten().cloned());
        let categories = Categories::hashed(names.clone(), hashes, texts);
        let encoding = Encoding::Hashed { names: categories.names().to_vec(), hashes: categories.hashes(hashes.complete) };
        return Ok(FeatureColumn { column, encoding, categories: Some(categories), by_name: true });
    }
    let holds_names = *plain_type(&declared.data_type) == DataType::Utf8 || matches!(declared.data_type, DataType::Dictionary(..));
    let names = match configured {
        None if holds_names => Some(dictionary::names(dataset, declared)?),
        configured => configured.cloned(),
    };
    let doubled = |name| failed(format!("`{name}` is named twice; every code has a name of its own"));
    let categories = names.map(Categories::new).transpose().map_err(doubled)?;
    let holds_values = categories.as_ref().is_some_and(|categories| categories.are_values_of(&declared.data_type));
    let encoding = Encoding::Category { names: categories.as_ref().map(|categories| categories.names().to_vec()) };
    Ok(FeatureColumn { column, encoding, by_name: holds_names || holds_values, categories })
}

/// The category names that the model or the config gives, which must not contradict each other.
fn known_names<'a>(feature: &'a FeatureRequest, request: &'a Request) -> Result<Option<&'a Vec<String>>, String> {
    let configured = request.categories.get(&feature.name);
    match (&feature.encoding, configured) {
        (Encoding::Number, Some(_)) => Err("the model takes this feature as a number; remove it from data.categories".into()),
        (Encoding::Category { names: Some(names) }, Some(configured)) if names != configured => {
            Err("the model file names them otherwise than data.categories; remove them there".into())
        }
        (Encoding::Category { names: Some(names) }, _) => Ok(Some(names)),
        _ => Ok(configured),
    }
}
