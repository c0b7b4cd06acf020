//! What the command answers: a record batch of predictions, checked.

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

use super::CommandError;
use super::request::Requests;
use crate::dataset::FeatureBlock;

/// Which columns of the answers are predictions.
#[derive(Debug)]
pub(super) struct Answers {
    outputs: Vec<String>,
    columns: Vec<usize>,
}

/// What is wrong with an answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its shape.
    Shape(String),
    /// One prediction.
    Value { output: String, value: String, row: usize },
}

impl Fault {
    /// The fault of an answer to rows of a block from `first` on.
    pub fn at(self, requests: &Requests, block: &FeatureBlock, first: usize) -> CommandError {
        CommandError::Answer(match self {
            Fault::Shape(message) => message,
            Fault::Value { output, value, row } => format!(
                "holds {value} in column `{output}`, row {row} of the batch ({}); predictions are finite numbers",
                requests.describe(block, first + row)
            ),
        })
    }
}

impl Answers {
    /// From the first answer, and the outputs that the config names.
    pub fn new(answer: &RecordBatch, wanted: Option<&[String]>) -> Result<Self, CommandError> {
        let schema = answer.schema();
        let all: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let refuse = |message: String| Err(CommandError::Answer(message));
        if all.is_empty() {
            return refuse("has no columns; answer a numeric column for each output".into());
        }
        if let Some(twice) = all.iter().enumerate().find_map(|(place, name)| all[..place].contains(name).then_some(name)) {
            return refuse(format!("has two columns `{twice}`; give each output a name of its own"));
        }
        let outputs = wanted.map_or_else(|| all.clone(), <[String]>::to_vec);
        let columns: Vec<_> = outputs.iter().filter_map(|output| all.iter().position(|name| name == output)).collect();
        match outputs.iter().find(|output| !all.contains(output)) {
            None => Ok(Self { columns, outputs }),
            Some(absent) => refuse(format!("has no column `{absent}`, which model.outputs names; its columns are {}", all.join(", "))),
        }
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Predictions of as many rows as were asked about, `output · rows + row`.
    pub fn read(&self, answer: &RecordBatch, rows: usize) -> Result<Vec<f64>, Fault> {
        if answer.num_rows() != rows {
            return Err(Fault::Shape(format!(
                "has {} rows for a batch of {rows}; answer one row for each, in their order",
                answer.num_rows()
            )));
        }
        let mut predictions = Vec::with_capacity(rows * self.outputs.len());
        for (output, &column) in self.outputs.iter().zip(&self.columns) {
            let column = answer.column(column);
            let numeric = column.data_type().is_numeric() || *column.data_type() == DataType::Boolean;
            let numbers = if numeric { arrow_cast::cast(column, &DataType::Float64).ok() } else { None };
            let Some(numbers) = numbers else {
                return Err(Fault::Shape(format!(
                    "holds values of type {} in column `{output}`; predictions are numbers",
                    column.data_type()
                )));
            };
            let numbers = numbers.as_primitive::<Float64Type>();
            let fault = |row: usize, value: String| Fault::Value { output: output.clone(), value, row };
            for (row, value) in numbers.iter().enumerate() {
                match value {
                    Some(value) if value.is_finite() => predictions.push(value),
                    Some(value) => return Err(fault(row, value.to_string())),
                    None => return Err(fault(row, "null".into())),
                }
            }
        }
        Ok(predictions)
    }
}
