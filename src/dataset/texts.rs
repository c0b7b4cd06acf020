//! The different texts of columns, from the rows themselves.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_schema::DataType;

use super::source::plain_type;
use super::{DataError, Dataset, Encoding, FeatureRequest, Request};

/// Texts of a column at most: a column of more is no set of categories.
const MOST_TEXTS: usize = 100_000;

/// Rows that are looked at together.
const ROWS_PER_BATCH: usize = 8192;

impl Dataset {
    /// Of these columns those that hold text, each with its different texts in ascending order. Reads the columns of all rows.
    ///
    /// # Errors
    /// If they cannot be read, or one has more than 100 000 texts.
    pub fn texts(&self, columns: &[String]) -> Result<BTreeMap<String, BTreeSet<String>>, DataError> {
        let holds_text = |name: &&String| {
            self.inner.columns.iter().any(|column| column.name == **name && *plain_type(&column.data_type) == DataType::Utf8)
        };
        let mut found: BTreeMap<String, BTreeSet<String>> =
            columns.iter().filter(holds_text).map(|name| (name.clone(), BTreeSet::new())).collect();
        if found.is_empty() {
            return Ok(found);
        }
        // As categories texts are read as dictionaries, a batch's different texts once each; no name of theirs is known yet.
        let feature = |name: &String| FeatureRequest { name: name.clone(), encoding: Encoding::Category { names: Some(Vec::new()) } };
        let request = Request { features: found.keys().map(feature).collect(), ..Request::default() };
        for batch in self.select(&request)?.batches(ROWS_PER_BATCH) {
            let batch = batch?;
            for (name, texts) in &mut found {
                let Some(column) = batch.record_batch().column_by_name(name).map(|column| column.as_dictionary::<Int32Type>()) else {
                    continue;
                };
                let values = column.values().as_string::<i32>();
                let keys: BTreeSet<usize> =
                    column.keys().iter().flatten().map(|key| key as usize).filter(|&key| values.is_valid(key)).collect();
                for key in keys {
                    if !texts.contains(values.value(key)) {
                        texts.insert(values.value(key).to_owned());
                    }
                }
                if texts.len() > MOST_TEXTS {
                    let message =
                        format!("the column has more than {MOST_TEXTS} different texts; if it is an identifier, it is no feature");
                    return Err(DataError::Categories { path: self.inner.path.clone(), column: name.clone(), message });
                }
            }
        }
        Ok(found)
    }
}
