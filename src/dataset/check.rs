//! Whether the columns that a request names are there, and of types that suit it.

use std::collections::BTreeMap;

use arrow_schema::DataType;

use super::error::nearest;
use super::filter::Filter;
use super::source::{Column, plain_type};
use super::{DataError, Dataset, Encoding, FeatureRequest, Request};

/// The columns that a request names, and what for.
pub(super) struct Needed<'a> {
    /// In the dataset's order.
    pub(super) columns: Vec<(&'a Column, Vec<String>)>,
}

impl<'a> Needed<'a> {
    /// Fails with all columns that are absent.
    pub(super) fn of(request: &Request, filter: Option<&Filter>, dataset: &'a Dataset) -> Result<Self, DataError> {
        let mut uses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for feature in &request.features {
            uses.entry(&feature.name).or_default().push("as a feature of the model".into());
        }
        let roles = [(&request.id, "as the id"), (&request.label, "as the label"), (&request.weight, "as the weight")];
        for (column, role) in roles.into_iter().filter_map(|(column, role)| Some((column.as_ref()?, role))) {
            uses.entry(column).or_default().push(role.into());
        }
        for column in &request.extra {
            uses.entry(column).or_default().push("by the config".into());
        }
        for column in filter.iter().flat_map(|filter| filter.columns()) {
            uses.entry(column).or_default().push("by the filter".into());
        }
        let known = &dataset.inner.columns;
        let missing: Vec<String> = uses
            .iter()
            .filter(|(name, _)| known.iter().all(|column| column.name != **name))
            .map(|(name, uses)| format!("column `{name}`, needed {}{}", uses.join(" and "), nearest(name, known.iter().map(|c| &*c.name))))
            .collect();
        if !missing.is_empty() {
            return Err(DataError::MissingColumns { path: dataset.inner.path.clone(), missing });
        }
        Ok(Self { columns: known.iter().filter_map(|column| Some((column, uses.remove(&*column.name)?))).collect() })
    }

    /// Fails with the first column of an unsuitable type.
    pub(super) fn check_types(&self, request: &Request, dataset: &Dataset) -> Result<(), DataError> {
        for (column, uses) in &self.columns {
            let complain = |needed: String| DataError::ColumnType {
                path: dataset.inner.path.clone(),
                column: column.name.clone(),
                found: describe(&column.data_type),
                needed,
            };
            let values = plain_type(&column.data_type);
            let is = |role: &Option<String>| role.as_ref() == Some(&column.name);
            if !is_number(values) && *values != DataType::Utf8 {
                return Err(complain(format!("it is needed {} as a number, boolean, text, date or time; convert it", uses.join(" and "))));
            }
            if is(&request.id) && !(values.is_integer() || values.is_temporal() || *values == DataType::Utf8) {
                return Err(complain("an id is an integer or text; convert it".into()));
            }
            if is(&request.label) && *values == DataType::Utf8 {
                return Err(complain("a label is a number or a boolean; encode it as the model was trained, as 0 and 1".into()));
            }
            if is(&request.weight) && !values.is_numeric() {
                return Err(complain("a weight is a number; convert it".into()));
            }
            for feature in request.features.iter().filter(|feature| feature.name == column.name) {
                check_feature(feature, values).map_err(complain)?;
            }
        }
        Ok(())
    }
}

/// Whether a feature's encoding takes values of this type; if not, what it needs.
fn check_feature(feature: &FeatureRequest, values: &DataType) -> Result<(), String> {
    match &feature.encoding {
        Encoding::Number if *values == DataType::Utf8 => {
            Err("the model takes this feature as a number; write it as numbers, encoded as for the model's training".into())
        }
        Encoding::Hashed { .. } if values.is_floating() || values.is_temporal() => {
            Err("the model knows this feature's categories by their text; write them as text or integers, as for its training".into())
        }
        Encoding::Category { .. } if values.is_temporal() => {
            Err("the model takes this feature as categories; write their names as text or their codes as numbers".into())
        }
        _ => Ok(()),
    }
}

/// Types whose values are numbers, or stand for one.
fn is_number(data_type: &DataType) -> bool {
    let timed = matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    data_type.is_numeric() || data_type.is_null() || *data_type == DataType::Boolean || timed
}

fn describe(data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, values) if *plain_type(values) == DataType::Utf8 => "text (a dictionary)".into(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".into(),
        nested if nested.is_nested() => format!("nested values ({nested})"),
        other => format!("values of type {other}"),
    }
}
