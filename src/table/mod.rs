//! Tables: the long-form results that go to Parquet and that charts draw.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};

/// A named table of typed columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name, snake_case: the Parquet file's stem.
    pub name: &'static str,
    /// The rows.
    pub rows: RecordBatch,
}

impl Table {
    /// A table from named columns of equal length.
    pub fn new(name: &'static str, columns: Vec<(&str, ArrayRef)>) -> Self {
        let fields: Vec<Field> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect());
        Self { name, rows: rows.unwrap_or_else(|error| panic!("columns of table {name}: {error}")) }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.num_rows()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A Float64 column; panics where the table has none of that name (a table's columns are fixed in code).
    pub fn numbers(&self, column: &str) -> &Float64Array {
        self.typed(column)
    }

    /// A cell of a Float64 column, where it is not null.
    pub fn number(&self, column: &str, row: usize) -> Option<f64> {
        let numbers = self.numbers(column);
        numbers.is_valid(row).then(|| numbers.value(row))
    }

    /// An Int64 column.
    pub fn integers(&self, column: &str) -> &Int64Array {
        self.typed(column)
    }

    /// A Utf8 column.
    pub fn texts(&self, column: &str) -> &StringArray {
        self.typed(column)
    }

    fn typed<A: 'static>(&self, column: &str) -> &A {
        let array = self.rows.column_by_name(column).and_then(|array| array.as_any().downcast_ref::<A>());
        array.unwrap_or_else(|| panic!("table {} has no such typed column {column}", self.name))
    }
}

/// A Float64 column; NaN stays NaN.
pub fn numbers(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// A Float64 column with nulls.
pub fn optional_numbers(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

/// An Int64 column.
pub fn integers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

/// An Int64 column with nulls.
pub fn optional_integers(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

/// A Utf8 column.
pub fn texts<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A Utf8 column with nulls.
pub fn optional_texts<S: AsRef<str>>(values: impl IntoIterator<Item = Option<S>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

/// A Boolean column.
pub fn flags(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(values.into_iter().map(Some).collect::<BooleanArray>())
}

/// Text of any cell, for pages and logs: numbers in their shortest round-trip form, nulls empty.
pub fn cell_text(array: &dyn Array, row: usize) -> String {
    if array.is_null(row) {
        return String::new();
    }
    match array.data_type() {
        DataType::Float64 => array.as_any().downcast_ref::<Float64Array>().map(|a| a.value(row).to_string()),
        DataType::Int64 => array.as_any().downcast_ref::<Int64Array>().map(|a| a.value(row).to_string()),
        DataType::Boolean => array.as_any().downcast_ref::<BooleanArray>().map(|a| a.value(row).to_string()),
        _ => array.as_any().downcast_ref::<StringArray>().map(|a| a.value(row).to_string()),
    }
    .unwrap_or_default()
}
