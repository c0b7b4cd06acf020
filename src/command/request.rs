//! Rows as the command is sent them: numbers as doubles, categories by name, null where a value is missing.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::CommandError;
use crate::dataset::FeatureBlock;
use crate::model::{Feature, FeatureKind};

/// The features' columns.
#[derive(Debug)]
pub(super) struct Requests {
    schema: SchemaRef,
    /// Category names in code order, of features that have such; one array for all batches, so that names are sent once.
    names: Vec<Option<Arc<StringArray>>>,
}

impl Requests {
    pub fn new(features: &[Feature]) -> Self {
        let names = features.iter().map(|feature| match &feature.kind {
            FeatureKind::Categorical { names: Some(names), .. } => Some(Arc::new(StringArray::from_iter_values(names))),
            _ => None,
        });
        let names: Vec<_> = names.collect();
        let fields = features.iter().zip(&names).map(|(feature, names)| {
            let dictionary = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Field::new(&feature.name, if names.is_some() { dictionary() } else { DataType::Float64 }, true)
        });
        Self { schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())), names }
    }

    /// Some rows of a block.
    ///
    /// # Errors
    /// If a category has no name.
    pub fn batch(&self, block: &FeatureBlock, first: usize, rows: usize) -> Result<RecordBatch, CommandError> {
        let column = |(feature, names): (usize, &Option<Arc<StringArray>>)| -> Result<ArrayRef, CommandError> {
            let values = block.column(feature)[first..first + rows].iter().copied();
            let known = |value: f64| (!value.is_nan()).then_some(value);
            let Some(names) = names else { return Ok(Arc::new(Float64Array::from_iter(values.map(known)))) };
            let code = |value: f64| match known(value) {
                None => Ok(None),
                Some(code) if (0.0..names.len() as f64).contains(&code) => Ok(Some(code as i32)),
                Some(code) => Err(CommandError::Category { feature: self.schema.field(feature).name().clone(), code: code.to_string() }),
            };
            let codes = values.map(code).collect::<Result<Int32Array, _>>()?;
            // Codes are within the names, so that nothing can fail.
            let array = DictionaryArray::<Int32Type>::try_new(codes, Arc::clone(names) as ArrayRef);
            array.map(|array| Arc::new(array) as ArrayRef).map_err(|error| CommandError::Answer(error.to_string()))
        };
        let columns = self.names.iter().enumerate().map(column).collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| CommandError::Answer(error.to_string()))
    }

    /// A row in words, for messages: the first few of its values.
    pub fn describe(&self, block: &FeatureBlock, row: usize) -> String {
        const TOLD: usize = 6;
        let value = |(feature, names): (usize, &Option<Arc<StringArray>>)| {
            let value = block.column(feature)[row];
            let name = names.as_ref().filter(|names| (0.0..names.len() as f64).contains(&value)).map(|names| names.value(value as usize));
            let text = name.map_or_else(|| if value.is_nan() { "missing".into() } else { value.to_string() }, str::to_owned);
            format!("{} {text}", self.schema.field(feature).name())
        };
        let more = if self.names.len() > TOLD { ", …" } else { "" };
        self.names.iter().enumerate().take(TOLD).map(value).collect::<Vec<_>>().join(", ") + more
    }
}
