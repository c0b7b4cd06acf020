//! The row filter: a polars SQL expression, evaluated a batch at a time.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float32Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, new_empty_array};
use arrow_schema::{DataType, TimeUnit};
use polars::prelude::{
    BooleanChunked, DataFrame, Expr, Float32Chunked, Float64Chunked, Int32Chunked, Int64Chunked, IntoColumn, IntoLazy, IntoSeries,
    NewChunkedArray, PolarsResult, StringChunked, UInt64Chunked,
};
use polars_plan::prelude::{AExpr, AggExpr, Arena, ExprToIRContext, is_elementwise_rec, to_expr_ir};

use super::DataError;
use super::source::{Column, plain_type};

/// A condition on single rows.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    text: String,
    condition: Expr,
    columns: Vec<String>,
}

impl Filter {
    /// Parses the SQL; [`Filter::check`] must follow.
    ///
    /// # Errors
    /// If it is not one SQL expression over columns.
    pub(super) fn parse(text: &str) -> Result<Self, DataError> {
        let complain = |message: String| DataError::Filter { filter: text.into(), message };
        // Polars would print a deprecation for every DATE literal and batch.
        polars::error::set_warning_function(|message, _| tracing::debug!("polars: {message}"));
        let condition = polars::sql::sql_expr(text)
            .map_err(|error| complain(format!("{}; write a condition such as age > 40 AND housing = 'own'", brief(&error))))?;
        if condition.into_iter().any(|part| matches!(part, Expr::SubPlan(..) | Expr::Selector(_))) {
            return Err(complain("sub-queries and * are not conditions on single rows; name columns".into()));
        }
        let mut columns: Vec<String> = condition.clone().meta().root_names().iter().map(ToString::to_string).collect();
        columns.sort();
        columns.dedup();
        if columns.is_empty() {
            return Err(complain("it names no column of the data".into()));
        }
        Ok(Self { text: text.into(), condition, columns })
    }

    /// The SQL.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The columns it reads.
    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Checks the condition against the columns' types.
    ///
    /// # Errors
    /// If it compares what cannot be compared, is not true or false, or looks beyond its row.
    pub(super) fn check(&self, columns: &[Column]) -> Result<(), DataError> {
        let used: Vec<&Column> = columns.iter().filter(|column| self.columns.contains(&column.name)).collect();
        self.check_on(&used).map_err(|error| match error {
            DataError::Filter { filter, message } if used.iter().any(|column| column.data_type.is_temporal()) => {
                let advice = "dates are written DATE '2024-01-31', times TIMESTAMP '2024-01-31 12:00:00'";
                DataError::Filter { filter, message: format!("{message}; {advice}") }
            }
            other => other,
        })
    }

    fn check_on(&self, used: &[&Column]) -> Result<(), DataError> {
        let empty: Vec<(&str, ArrayRef)> = used.iter().map(|c| (&*c.name, new_empty_array(plain_type(&c.data_type)))).collect();
        let frame = frame(0, &empty).map_err(|error| self.failed(&error))?;
        let mut arena: Arena<AExpr> = Arena::new();
        let condition = to_expr_ir(bare_lists(self.condition.clone()), &mut ExprToIRContext::new(&mut arena, frame.schema()));
        let condition = condition.map_err(|error| self.failed(&error))?;
        if !is_elementwise_rec(condition.node(), &arena) {
            let message = "it looks beyond its row (an aggregate, window or ordering); a filter is a condition on single rows";
            return Err(self.complain(message.into()));
        }
        let result = frame.lazy().select([self.condition.clone()]).collect().map_err(|error| self.failed(&error))?;
        match result.columns().first().map(|column| column.dtype()) {
            Some(polars::prelude::DataType::Boolean) => Ok(()),
            other => Err(self.complain(format!("it yields {}, not true or false", other.map(ToString::to_string).unwrap_or_default()))),
        }
    }

    /// Which rows pass; as in SQL, those for which the condition is null do not.
    ///
    /// # Errors
    /// If the condition cannot be evaluated.
    pub(super) fn mask(&self, batch: &RecordBatch) -> Result<BooleanArray, DataError> {
        let used = self.columns.iter().filter_map(|name| Some((&**name, batch.column_by_name(name)?.clone())));
        let evaluate = |columns: Vec<(&str, ArrayRef)>| -> PolarsResult<BooleanArray> {
            let result = frame(batch.num_rows(), &columns)?.lazy().select([self.condition.clone()]).collect()?;
            let Some(passes) = result.columns().first() else { return Ok(BooleanArray::new_null(batch.num_rows())) };
            Ok(passes.bool()?.iter().map(|pass| Some(pass == Some(true))).collect())
        };
        evaluate(used.collect()).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> DataError {
        self.complain(brief(error))
    }

    fn complain(&self, message: String) -> DataError {
        DataError::Filter { filter: self.text.clone(), message }
    }
}

/// The condition with the literal lists of `IN` as such: SQL wraps them in an aggregate, which they are not.
fn bare_lists(condition: Expr) -> Expr {
    condition.map_expr(|part| match part {
        Expr::Agg(AggExpr::Implode { input, .. }) if matches!(*input, Expr::Literal(_)) => Expr::clone(&input),
        other => other,
    })
}

/// The first line of polars' message, below which it prints its query plan, without long dumps of the syntax tree.
fn brief(error: &dyn std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().chars().take(200).collect()
}

/// The columns as polars sees them: integers of 64 bits, floats, booleans, text, dates, and times in UTC.
fn frame(height: usize, columns: &[(&str, ArrayRef)]) -> PolarsResult<DataFrame> {
    let columns = columns.iter().map(|(name, array)| series(name, array));
    DataFrame::new(height, columns.collect::<PolarsResult<_>>()?)
}

fn series(name: &str, array: &ArrayRef) -> PolarsResult<polars::prelude::Column> {
    let cast = |to: &DataType| arrow_cast::cast(array, to).map_err(|error| polars::prelude::polars_err!(ComputeError: "{error}"));
    let plain = name.into();
    let series = match array.data_type() {
        DataType::Boolean => BooleanChunked::from_iter_options(plain, array.as_boolean().iter()).into_series(),
        DataType::UInt64 => UInt64Chunked::from_iter_options(plain, array.as_primitive::<UInt64Type>().iter()).into_series(),
        DataType::Float32 => Float32Chunked::from_iter_options(plain, array.as_primitive::<Float32Type>().iter()).into_series(),
        DataType::Date32 | DataType::Date64 => {
            Int32Chunked::from_iter_options(plain, cast(&DataType::Date32)?.as_primitive::<Date32Type>().iter()).into_date().into_series()
        }
        DataType::Timestamp(..) => {
            let times = cast(&DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let times = Int64Chunked::from_iter_options(plain, times.as_primitive::<TimestampMicrosecondType>().iter());
            times.into_datetime(polars::prelude::TimeUnit::Microseconds, None).into_series()
        }
        integer if integer.is_integer() => {
            Int64Chunked::from_iter_options(plain, cast(&DataType::Int64)?.as_primitive::<Int64Type>().iter()).into_series()
        }
        number if number.is_numeric() || number.is_null() => {
            Float64Chunked::from_iter_options(plain, cast(&DataType::Float64)?.as_primitive::<Float64Type>().iter()).into_series()
        }
        _ => StringChunked::from_iter_options(plain, cast(&DataType::Utf8)?.as_string::<i32>().iter()).into_series(),
    };
    Ok(series.into_column())
}
