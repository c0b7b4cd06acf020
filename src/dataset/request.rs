//! What a run asks of the dataset.

use std::collections::BTreeMap;

use super::DataSettings;

/// The columns and rows that are needed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// Model features, in the model's order, matched by name.
    pub features: Vec<FeatureRequest>,
    /// Column that identifies a row: integers or text; the row's number in the source where `None`.
    ///
    /// Ids are taken as they come: that they are unique is not checked, since memory would grow with the rows.
    pub id: Option<String>,
    /// Label column: a number or a boolean.
    pub label: Option<String>,
    /// Weight column: 0, or numbers from 1e-100 to 1e100.
    pub weight: Option<String>,
    /// Further columns that components asked for.
    pub extra: Vec<String>,
    /// SQL condition on single rows, in polars' dialect: NaN is larger than every number, and a row for which it is null is left out.
    pub filter: Option<String>,
    /// Category names in code order by column, for features whose model names none.
    pub categories: BTreeMap<String, Vec<String>>,
}

impl Request {
    /// The request of a `data` section for these model features and further columns.
    pub fn new(settings: &DataSettings, features: Vec<FeatureRequest>, extra: Vec<String>) -> Self {
        Self {
            features,
            id: settings.id.clone(),
            label: settings.label.clone(),
            weight: settings.weight.clone(),
            extra,
            filter: settings.filter.clone(),
            categories: settings.categories.clone(),
        }
    }
}

/// One model feature.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureRequest {
    /// Column name.
    pub name: String,
    /// How its values become numbers.
    pub encoding: Encoding,
}

/// How a column's values become a feature's numbers. Null and NaN are NaN in either.
#[derive(Clone, Debug, PartialEq)]
pub enum Encoding {
    /// Numbers as they are (integers beyond 2⁵³ and decimals to the nearest f64), booleans as 0 and 1, dates as days and
    /// times as seconds since 1970-01-01 UTC.
    Number,
    /// Category codes. Text, and values of a dictionary, are found among the names; so are integers where all names are integers,
    /// booleans where all are `true` or `false`, and numbers where all are floats (`0.5`, `10.0`). Other numbers are codes already.
    Category {
        /// Category names in code order, if the model knows them.
        names: Option<Vec<String>>,
    },
    /// Category codes by the hash of a category's text: of text itself, of an integer's decimal digits, of booleans' `0` and `1`.
    Hashed {
        /// Category names in code order, for reports.
        names: Vec<String>,
        /// The hashes.
        hashes: CategoryHashes,
    },
}

/// The hashes by which a library knows a feature's categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryHashes {
    /// CityHash64 of each category's text, its lower half, in code order.
    pub by_code: Vec<u32>,
    /// Whether these are all categories of the training, so that any other is one that the model has not seen.
    pub complete: bool,
}
