//! Which group a row belongs to: by a column's value, a band of it, or a combination of columns.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Schema};

use super::settings::{Attribute, Settings};
use crate::dataset::RowBatch;

/// The group of rows whose value is null.
pub(super) const MISSING: &str = "missing";

/// What stands between the parts of a combination's name, of its attribute and of its groups.
const AND: &str = " & ";

/// All attributes and their combinations.
#[derive(Clone, Debug)]
pub struct Grouping {
    attributes: Vec<Attribute>,
    /// Members of each combination, as places among `attributes`.
    combinations: Vec<Vec<usize>>,
}

/// The groups of a chunk's rows under one attribute or combination.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labels {
    /// The groups' names, in order of appearance.
    pub names: Vec<String>,
    /// Each row's place among them.
    pub of_row: Vec<usize>,
}

impl Grouping {
    /// The groups of a `fairness` section, for columns of these types.
    ///
    /// # Errors
    /// The config key and what is wrong with it: a column of a type that has no groups, bands of something else than numbers, borders that do
    /// not ascend, a combination of fewer than two attributes or of something else.
    pub fn new(settings: &Settings, columns: &Schema) -> Result<Self, (String, String)> {
        for (place, attribute) in settings.attributes.iter().enumerate() {
            let refuse = |key: &str, message: &str| Err((format!("fairness.attributes.{place}.{key}"), message.to_owned()));
            if settings.attributes.iter().take(place).any(|other| other.column == attribute.column) {
                return refuse("column", &format!("`{}` is listed twice; name each column once", attribute.column));
            }
            let data_type = columns.field_with_name(&attribute.column).map(|field| field.data_type().clone());
            let is_number = matches!(data_type, Ok(DataType::Int64 | DataType::Float64));
            match &attribute.bins {
                Some(_) if !is_number => return refuse("bins", &format!("`{}` is not a number; leave bins out", attribute.column)),
                Some(bins) if !bins.is_sorted_by(|a, b| a < b) => return refuse("bins", "borders must ascend; sort them"),
                None if matches!(data_type, Ok(DataType::Float64)) => {
                    return refuse("column", &format!("`{}` is a number; give the borders of its bands as bins", attribute.column));
                }
                _ => {}
            }
        }
        let place = |column: &String| settings.attributes.iter().position(|attribute| attribute.column == *column);
        let mut combinations = Vec::new();
        for (number, columns) in settings.intersections.iter().enumerate() {
            let refuse = |message: String| Err((format!("fairness.intersections.{number}"), message));
            let mut members = Vec::new();
            for column in columns {
                match place(column) {
                    Some(member) if !members.contains(&member) => members.push(member),
                    Some(_) => return refuse(format!("`{column}` is in it twice")),
                    None => return refuse(format!("`{column}` is none of fairness.attributes; add it there")),
                }
            }
            if members.len() < 2 {
                return refuse("needs at least two columns".into());
            }
            combinations.push(members);
        }
        Ok(Self { attributes: settings.attributes.clone(), combinations })
    }

    /// Names of the attributes, then of the combinations.
    pub(super) fn names(&self) -> Vec<String> {
        let column = |member: &usize| self.attributes[*member].column.as_str();
        let combined = self.combinations.iter().map(|members| members.iter().map(column).collect::<Vec<_>>().join(AND));
        self.attributes.iter().map(|attribute| attribute.column.clone()).chain(combined).collect()
    }

    /// The configured reference group of an attribute; of a combination, where all of its attributes have one.
    pub(super) fn reference(&self, attribute: usize) -> Option<String> {
        match self.attributes.get(attribute) {
            Some(attribute) => attribute.reference.clone(),
            None => {
                let members = self.combinations.get(attribute - self.attributes.len())?;
                let references: Option<Vec<String>> = members.iter().map(|&member| self.attributes[member].reference.clone()).collect();
                Some(references?.join(AND))
            }
        }
    }

    /// The groups of a chunk's rows, in the order of [`Grouping::names`].
    pub(super) fn labels(&self, rows: &RowBatch) -> Vec<Labels> {
        let mut all: Vec<Labels> = self.attributes.iter().map(|attribute| labels(attribute, rows)).collect();
        let combined: Vec<Labels> = self.combinations.iter().map(|members| combine(members, &all)).collect();
        all.extend(combined);
        all
    }
}

impl Labels {
    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let (mut names, mut places): (Vec<String>, HashMap<&str, usize>) = Default::default();
        let mut place = |text: &'a str| {
            *places.entry(text).or_insert_with(|| {
                names.push(text.to_owned());
                names.len() - 1
            })
        };
        let of_row = texts.map(&mut place).collect();
        Self { names, of_row }
    }

    /// Each row's weight, zero outside of a group.
    pub fn weights_of(&self, group: usize, weights: &[f64]) -> Vec<f64> {
        self.of_row.iter().zip(weights).map(|(of_row, weight)| if *of_row == group { *weight } else { 0.0 }).collect()
    }
}

fn labels(attribute: &Attribute, rows: &RowBatch) -> Labels {
    let column = rows.extra.column_by_name(&attribute.column);
    let texts: Vec<String> = match column {
        None => vec![MISSING.to_owned(); rows.rows()],
        Some(column) => (0..rows.rows()).map(|row| text(attribute, column, row)).collect(),
    };
    Labels::of(texts.iter().map(String::as_str))
}

fn text(attribute: &Attribute, column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return MISSING.to_owned();
    }
    let number = || match column.data_type() {
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row) as f64,
        _ => column.as_primitive::<Float64Type>().value(row),
    };
    match (column.data_type(), &attribute.bins) {
        (DataType::Int64 | DataType::Float64, Some(bins)) => band(bins, number()),
        (DataType::Int64, None) => column.as_primitive::<Int64Type>().value(row).to_string(),
        (DataType::Float64, None) => number().to_string(),
        (DataType::Boolean, _) => column.as_boolean().value(row).to_string(),
        _ => column.as_string_opt::<i32>().map_or(MISSING, |texts| texts.value(row)).to_owned(),
    }
}

/// The name of the band that a number is in: `under 25`, `25 to under 40`, `60 and over`.
fn band(bins: &[f64], x: f64) -> String {
    if x.is_nan() {
        return MISSING.to_owned();
    }
    let above = bins.partition_point(|border| *border <= x);
    match (above.checked_sub(1).and_then(|below| bins.get(below)), bins.get(above)) {
        (None, Some(high)) => format!("under {high}"),
        (Some(low), Some(high)) => format!("{low} to under {high}"),
        (Some(low), None) => format!("{low} and over"),
        (None, None) => MISSING.to_owned(),
    }
}

fn combine(members: &[usize], all: &[Labels]) -> Labels {
    let rows = members.first().map_or(0, |&member| all[member].of_row.len());
    let part = |member: usize, row: usize| all[member].names[all[member].of_row[row]].as_str();
    let name = |row: usize| members.iter().map(|&member| part(member, row)).collect::<Vec<_>>();
    // A combination with a missing part is missing.
    let texts: Vec<String> =
        (0..rows).map(name).map(|parts| if parts.contains(&MISSING) { MISSING.to_owned() } else { parts.join(AND) }).collect();
    Labels::of(texts.iter().map(String::as_str))
}
