//! From columns as read to numbers, ids and labels.

use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, TimeUnit};

use super::category::{UnseenCategories, UnseenColumn};
use super::feature::FeatureColumn;
use super::selection::Plan;
use super::source::{plain_type, unreadable};
use super::{DataError, Encoding, FeatureBlock, RowBatch};

/// Weights of rows that have one: sums of their squares neither vanish nor overflow.
const WEIGHTS: RangeInclusive<f64> = 1e-100..=1e100;

/// Consecutive rows that passed the filter, as read; decoding them is work for any thread.
#[derive(Clone, Debug)]
pub struct RawBatch {
    plan: Arc<Plan>,
    first_row: u64,
    rows: RecordBatch,
}

/// A batch, and what was odd about it.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// The rows.
    pub rows: RowBatch,
    /// Categories that the model does not know; they have the code [`super::UNKNOWN_CATEGORY`].
    pub unseen: UnseenCategories,
    /// Each row's draw in a sample, whose rows have the smallest; empty of other rows.
    pub draws: Vec<u64>,
}

impl RawBatch {
    pub(super) fn new(plan: Arc<Plan>, first_row: u64, rows: RecordBatch) -> Self {
        Self { plan, first_row, rows }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.num_rows()
    }

    /// The rows' columns as read; the last one holds their numbers in the dataset.
    pub(super) fn record_batch(&self) -> &RecordBatch {
        &self.rows
    }

    /// Turns the columns into what the request asked for.
    ///
    /// # Errors
    /// If a value cannot be used: a null id, a weight that is null, negative, vanishing or huge.
    pub fn decode(&self) -> Result<Decoded, DataError> {
        let (features, unseen) = self.features()?;
        let extra = self.plan.extra.iter().map(|&column| self.values(column)).collect::<Result<Vec<_>, _>>()?;
        let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(self.rows()));
        let extra = RecordBatch::try_new_with_options(Arc::clone(&self.plan.extra_schema), extra, &options);
        let rows = RowBatch {
            first_row: self.first_row,
            ids: self.ids()?,
            features,
            label: self.plan.label.map(|column| self.numbers(column)).transpose()?,
            weight: self.weight()?,
            extra: extra.map_err(|error| self.failed(&error))?,
        };
        Ok(Decoded { rows, unseen, draws: Vec::new() })
    }

    fn features(&self) -> Result<(FeatureBlock, UnseenCategories), DataError> {
        let rows = self.rows();
        let mut values = vec![0.0; rows * self.plan.features.len()];
        let mut unseen = UnseenCategories::default();
        for (feature, out) in self.plan.features.iter().zip(values.chunks_exact_mut(rows.max(1))) {
            let mut strangers = UnseenColumn::default();
            self.feature(feature, out, &mut strangers).map_err(|error| self.failed(&error))?;
            if strangers.rows > 0 {
                unseen.columns.insert(self.plan.read[feature.column].name.clone(), strangers);
            }
        }
        Ok((FeatureBlock::new(rows, values), unseen))
    }

    fn feature(&self, feature: &FeatureColumn, out: &mut [f64], unseen: &mut UnseenColumn) -> Result<(), ArrowError> {
        let array = self.rows.column(feature.column);
        let Some(categories) = feature.categories.as_ref().filter(|_| feature.by_name) else {
            numbers_into(array, out)?;
            if let Some(categories) = &feature.categories {
                categories.check_codes(out, unseen);
            }
            return Ok(());
        };
        let texts = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let array = match array.data_type() {
            data_type if *data_type == texts => Arc::clone(array),
            DataType::Boolean if matches!(feature.encoding, Encoding::Hashed { .. }) => {
                as_texts(&arrow_cast::cast(array, &DataType::Int8)?, &texts)?
            }
            number if number.is_numeric() && categories.are_floats() => {
                numbers_into(array, out)?;
                categories.encode_numbers(out, unseen);
                return Ok(());
            }
            _ => as_texts(array, &texts)?,
        };
        let codes = array.as_dictionary::<Int32Type>();
        categories.encode(codes, codes.values().as_string(), out, unseen);
        Ok(())
    }

    fn numbers(&self, column: usize) -> Result<Vec<f64>, DataError> {
        let mut values = vec![0.0; self.rows()];
        numbers_into(self.rows.column(column), &mut values).map_err(|error| self.failed(&error))?;
        Ok(values)
    }

    /// One of the rows alone.
    pub(super) fn single(&self, row: usize) -> Self {
        Self::new(Arc::clone(&self.plan), self.first_row + row as u64, self.rows.slice(row, 1))
    }

    /// The rows' identifiers: Int64 or Utf8, none of them null.
    pub(super) fn ids(&self) -> Result<ArrayRef, DataError> {
        let Some(column) = self.plan.id else { return Ok(Arc::clone(self.row_numbers())) };
        let ids = self.values(column)?;
        match (0..ids.len()).find(|&row| ids.is_null(row)) {
            None => Ok(ids),
            Some(row) => {
                Err(self.value_error(column, row, "the id is null; every row needs one (or leave out data.id to use row numbers)"))
            }
        }
    }

    fn weight(&self) -> Result<Option<Vec<f64>>, DataError> {
        let Some(column) = self.plan.weight else { return Ok(None) };
        let weights = self.numbers(column)?;
        match weights.iter().position(|weight| *weight != 0.0 && !WEIGHTS.contains(weight)) {
            None => Ok(Some(weights)),
            Some(row) if self.rows.column(column).is_null(row) => {
                Err(self.value_error(column, row, "the weight is null; give every row a weight, or filter such rows out"))
            }
            Some(row) => {
                let message =
                    format!("the weight is {:?}; weights are 0, or from {:?} to {:?}", weights[row], WEIGHTS.start(), WEIGHTS.end());
                Err(self.value_error(column, row, &message))
            }
        }
    }

    /// A column as its [`value_type`]; dates and times as RFC 3339 text in UTC.
    fn values(&self, column: usize) -> Result<ArrayRef, DataError> {
        let array = self.rows.column(column);
        let values = plain_values(array).map_err(|error| self.failed(&error))?;
        match (0..values.len()).find(|&row| values.is_null(row) && array.is_valid(row)) {
            None => Ok(values),
            Some(row) => Err(self.value_error(column, row, "the value is out of range (of 64-bit integers, or of years 0 to 9999)")),
        }
    }

    /// The rows' numbers in the dataset, before the filter.
    pub(super) fn row_numbers(&self) -> &ArrayRef {
        self.rows.column(self.plan.read.len())
    }

    fn value_error(&self, column: usize, row: usize, message: &str) -> DataError {
        let number = self.row_numbers().as_primitive::<Int64Type>().value(row) as u64;
        let (path, row) = self.plan.dataset.locate(number);
        DataError::Value { path, column: self.plan.read[column].name.clone(), row, message: message.into() }
    }

    fn failed(&self, error: &ArrowError) -> DataError {
        unreadable(&self.plan.dataset.inner.path, error)
    }
}

/// The values' texts as a dictionary of type `texts`.
fn as_texts(array: &ArrayRef, texts: &DataType) -> Result<ArrayRef, ArrowError> {
    arrow_cast::cast(&arrow_cast::cast(array, &DataType::Utf8)?, texts)
}

/// Writes a column's numbers to `out`, NaN for nulls.
fn numbers_into(array: &ArrayRef, out: &mut [f64]) -> Result<(), ArrowError> {
    match array.data_type() {
        DataType::Float64 => convert::<Float64Type>(array, out, |x| x),
        DataType::Float32 => convert::<Float32Type>(array, out, f64::from),
        DataType::Int32 => convert::<Int32Type>(array, out, f64::from),
        DataType::Int64 => convert::<Int64Type>(array, out, |x| x as f64),
        DataType::Date32 => convert::<Date32Type>(array, out, f64::from),
        DataType::Date64 => convert::<Date64Type>(array, out, |x| x as f64 / 86_400e3),
        DataType::Timestamp(TimeUnit::Second, _) => convert::<TimestampSecondType>(array, out, |x| x as f64),
        DataType::Timestamp(TimeUnit::Millisecond, _) => convert::<TimestampMillisecondType>(array, out, |x| x as f64 / 1e3),
        DataType::Timestamp(TimeUnit::Microsecond, _) => convert::<TimestampMicrosecondType>(array, out, |x| x as f64 / 1e6),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => convert::<TimestampNanosecondType>(array, out, |x| x as f64 / 1e9),
        _ => convert::<Float64Type>(&arrow_cast::cast(array, &DataType::Float64)?, out, |x| x),
    }
    Ok(())
}

fn convert<T: ArrowPrimitiveType>(array: &ArrayRef, out: &mut [f64], number: impl Fn(T::Native) -> f64) {
    let array = array.as_primitive::<T>();
    for (out, &value) in out.iter_mut().zip(array.values()) {
        *out = number(value);
    }
    if let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) {
        for (out, valid) in out.iter_mut().zip(nulls) {
            if !valid {
                *out = f64::NAN;
            }
        }
    }
}

/// A column as its [`value_type`], null where a value does not fit.
fn plain_values(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let to = value_type(array.data_type());
    match array.data_type() {
        DataType::Timestamp(unit, _) => {
            arrow_cast::cast(&arrow_cast::cast(array, &DataType::Timestamp(*unit, Some("+00:00".into())))?, &to)
        }
        DataType::Date64 => arrow_cast::cast(&arrow_cast::cast(array, &DataType::Date32)?, &to),
        _ => arrow_cast::cast(array, &to),
    }
}

/// The type that ids and extra columns are handed on in: Int64, Float64, Boolean or Utf8.
pub(super) fn value_type(data_type: &DataType) -> DataType {
    match plain_type(data_type) {
        integer if integer.is_integer() => DataType::Int64,
        DataType::Boolean => DataType::Boolean,
        number if number.is_numeric() || number.is_null() => DataType::Float64,
        _ => DataType::Utf8,
    }
}
