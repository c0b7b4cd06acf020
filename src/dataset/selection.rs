//! A checked request: which columns are read and how each becomes part of a batch.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::category::Categories;
use super::check::Needed;
use super::decode::value_type;
use super::feature::{FeatureColumn, feature_columns};
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
        let read: Vec<Column> = needed.columns.iter().map(|(column, _)| read_as(column, request)).collect();
        let position = |name: &String| read.iter().position(|column| column.name == *name);
        let extra: Vec<usize> = request.extra.iter().filter_map(position).collect();
        let extra_fields = extra.iter().map(|&column| Field::new(&read[column].name, value_type(&read[column].data_type), true));
        let row_number = Field::new(ROW_NUMBER, DataType::Int64, false);
        let fields = read.iter().map(|column| Field::new(&column.name, column.data_type.clone(), true));
        let plan = Plan {
            features: feature_columns(request, &dataset, &read)?,
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

    /// A feature's category names in code order, where they are known.
    pub fn category_names(&self, feature: usize) -> Option<&[String]> {
        self.plan.features.get(feature)?.categories.as_ref().map(Categories::names)
    }

    /// The features as requested, with the category names that were found: what to ask of another dataset, so that codes agree.
    pub fn features(&self) -> Vec<FeatureRequest> {
        let of = |feature: &FeatureColumn| FeatureRequest {
            name: self.plan.read[feature.column].name.clone(),
            encoding: feature.encoding.clone(),
        };
        self.plan.features.iter().map(of).collect()
    }

    /// The type that a feature's column is read as; `None` beyond the last feature.
    pub fn feature_type(&self, feature: usize) -> Option<&DataType> {
        self.plan.features.get(feature).map(|feature| &self.plan.read[feature.column].data_type)
    }

    /// The further columns that were asked for, with the types they are handed on in.
    pub fn extra_schema(&self) -> &Schema {
        &self.plan.extra_schema
    }

    /// The type of the rows' identifiers: Int64 or Utf8.
    pub fn id_type(&self) -> DataType {
        self.plan.id.map_or(DataType::Int64, |column| value_type(&self.plan.read[column].data_type))
    }

    /// Streams the rows that pass the filter in batches of `rows_per_batch`, the last one smaller.
    ///
    /// What is in a batch depends on the data and `rows_per_batch` alone, not on row groups or files; memory does not grow with the
    /// number of rows. A stream without a single row ends in [`DataError::NoRows`].
    pub fn batches(&self, rows_per_batch: usize) -> Batches {
        Batches::new(self.clone(), rows_per_batch)
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
