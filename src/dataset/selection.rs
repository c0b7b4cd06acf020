//! A checked request: which columns are read and how each becomes part of a batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::category::Categories;
use super::dictionary;
use super::error::nearest;
use super::filter::Filter;
use super::source::{Column, plain_type};
use super::{Batches, DataError, Dataset, Encoding, FeatureRequest, Request};

/// Name of the column of row numbers in raw batches, after all others.
const ROW_NUMBER: &str = "";

/// A dataset's rows as a request wants them. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Selection {
    pub(super) plan: Arc<Plan>,
}

/// What a selection reads and makes of it. Columns are positions in `read`.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) dataset: Dataset,
    /// Columns that are read, in the dataset's order, with the type they are read as.
    pub(super) read: Vec<Column>,
    /// Schema of raw batches: the columns of `read`, then the row's number in the dataset.
    pub(super) schema: SchemaRef,
    pub(super) features: Vec<FeatureColumn>,
    pub(super) id: Option<usize>,
    pub(super) label: Option<usize>,
    pub(super) weight: Option<usize>,
    pub(super) extra: Vec<usize>,
    pub(super) extra_schema: SchemaRef,
    pub(super) filter: Option<Filter>,
}

/// Where a feature's values come from.
#[derive(Debug)]
pub(super) struct FeatureColumn {
    pub(super) column: usize,
    /// Names to codes; `None` where values are numbers already.
    pub(super) categories: Option<Categories>,
}

impl Selection {
    pub(super) fn new(dataset: Dataset, request: &Request) -> Result<Self, DataError> {
        if dataset.rows() == 0 {
            return Err(DataError::NoRows { path: dataset.inner.path.clone(), filter: None });
        }
        let filter = request.filter.as_deref().map(Filter::parse).transpose()?;
        let needed = Needed::of(request, filter.as_ref(), &dataset)?;
        needed.check_types(request, &dataset)?;
        if let Some(filter) = &filter {
            filter.check(&dataset.inner.columns)?;
        }
        let categories = feature_categories(request, &dataset)?;
        let read: Vec<Column> = needed.columns.iter().map(|(column, _)| read_as(column, request)).collect();
        let position = |name: &String| read.iter().position(|column| column.name == *name);
        let features = request
            .features
            .iter()
            .zip(categories)
            .filter_map(|(feature, categories)| Some(FeatureColumn { column: position(&feature.name)?, categories }));
        let extra: Vec<usize> = request.extra.iter().filter_map(position).collect();
        let extra_fields = extra.iter().map(|&column| Field::new(&read[column].name, value_type(&read[column].data_type), true));
        let row_number = Field::new(ROW_NUMBER, DataType::Int64, false);
        let fields = read.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true));
        let plan = Plan {
            features: features.collect(),
            id: request.id.as_ref().and_then(position),
            label: request.label.as_ref().and_then(position),
            weight: request.weight.as_ref().and_then(position),
            extra_schema: Arc::new(Schema::new(extra_fields.collect::<Vec<_>>())),
            extra,
            schema: Arc::new(Schema::new(fields.chain([row_number]).collect::<Vec<_>>())),
            read,
            dataset,
            filter,
        };
        Ok(Self { plan: Arc::new(plan) })
    }

    /// The dataset that is read.
    pub fn dataset(&self) -> &Dataset {
        &self.plan.dataset
    }

    /// A feature's category names in code order, where its column holds names.
    pub fn category_names(&self, feature: usize) -> Option<&[String]> {
        self.plan.features.get(feature)?.categories.as_ref().map(Categories::names)
    }

    /// Streams the rows that pass the filter in batches of `rows_per_batch`, the last one smaller.
    ///
    /// What is in a batch depends on the data and `rows_per_batch` alone, not on row groups or files; memory does not grow with the
    /// number of rows. A stream without a single row ends in [`DataError::NoRows`].
    pub fn batches(&self, rows_per_batch: usize) -> Batches {
        Batches::new(self.clone(), rows_per_batch)
    }
}

/// The columns that a request names, and what for.
struct Needed<'a> {
    columns: Vec<(&'a Column, Vec<String>)>,
}

impl<'a> Needed<'a> {
    fn of(request: &Request, filter: Option<&Filter>, dataset: &'a Dataset) -> Result<Self, DataError> {
        let mut uses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for feature in &request.features {
            uses.entry(&feature.name).or_default().push("a feature of the model".into());
        }
        let roles = [(&request.id, "the id"), (&request.label, "the label"), (&request.weight, "the weight")];
        for (column, role) in roles.into_iter().filter_map(|(column, role)| Some((column.as_ref()?, role))) {
            uses.entry(column).or_default().push(role.into());
        }
        for column in &request.extra {
            uses.entry(column).or_default().push("a column that the config names".into());
        }
        for column in filter.iter().flat_map(|filter| filter.columns()) {
            uses.entry(column).or_default().push("the filter".into());
        }
        let known = &dataset.inner.columns;
        let missing: Vec<String> = uses
            .iter()
            .filter(|(name, _)| known.iter().all(|column| column.name != **name))
            .map(|(name, uses)| {
                format!("column `{name}`, needed as {}{}", uses.join(" and "), nearest(name, known.iter().map(|c| &*c.name)))
            })
            .collect();
        if !missing.is_empty() {
            return Err(DataError::MissingColumns { path: dataset.inner.path.clone(), missing });
        }
        Ok(Self { columns: known.iter().filter_map(|column| Some((column, uses.remove(&*column.name)?))).collect() })
    }

    fn check_types(&self, request: &Request, dataset: &Dataset) -> Result<(), DataError> {
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
                return Err(complain(format!("{} needs numbers, booleans, text, dates or times; convert it", uses.join(" and "))));
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
        Encoding::Category { .. } if values.is_temporal() => {
            Err("the model takes this feature as categories; write their names as text or their codes as numbers".into())
        }
        _ => Ok(()),
    }
}

/// Each feature's names to codes: the model's names, the config's, or the column's own dictionary.
fn feature_categories(request: &Request, dataset: &Dataset) -> Result<Vec<Option<Categories>>, DataError> {
    let failed = |column: &str, message: String| DataError::Categories { path: dataset.inner.path.clone(), column: column.into(), message };
    let is_feature = |name: &String| request.features.iter().any(|feature| feature.name == *name);
    if let Some(stray) = request.categories.keys().find(|name| !is_feature(name)) {
        let near = nearest(stray, request.features.iter().map(|feature| &*feature.name));
        return Err(failed(stray, format!("data.categories names it, but it is no feature of the model{near}; remove it")));
    }
    let resolve = |feature: &FeatureRequest| {
        let Some(column) = dataset.inner.columns.iter().find(|column| column.name == feature.name) else { return Ok(None) };
        let names = known_names(feature, request).map_err(|message| failed(&feature.name, message))?;
        let is_names = *plain_type(&column.data_type) == DataType::Utf8 || matches!(column.data_type, DataType::Dictionary(..));
        if feature.encoding == Encoding::Number || !is_names {
            return Ok(None);
        }
        let names = match names {
            Some(names) => names.clone(),
            None => dictionary::names(dataset, column)?,
        };
        let doubled = |name| failed(&feature.name, format!("`{name}` is named twice; every code has a name of its own"));
        Categories::new(names).map(Some).map_err(doubled)
    };
    request.features.iter().map(resolve).collect()
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

/// The type a column is read as: dictionaries only for text that becomes codes.
fn read_as(column: &Column, request: &Request) -> Column {
    let values = plain_type(&column.data_type);
    let is_category = |feature: &FeatureRequest| feature.name == column.name && feature.encoding != Encoding::Number;
    let data_type = if *values == DataType::Utf8 && request.features.iter().any(is_category) {
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
    } else {
        values.clone()
    };
    Column { data_type, ..column.clone() }
}

/// The type that ids and extra columns are handed on in: Int64, Float64, Boolean or Utf8.
fn value_type(data_type: &DataType) -> DataType {
    match plain_type(data_type) {
        integer if integer.is_integer() => DataType::Int64,
        DataType::Boolean => DataType::Boolean,
        number if number.is_numeric() || number.is_null() => DataType::Float64,
        _ => DataType::Utf8,
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
