//! Which groups a row belongs to: by a column's value, a band of it, columns of probabilities, or a combination of these.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, Schema};

use super::GROUPS;
use super::group::{AND, Group, MISSING, Part};
use super::settings::{Attribute, Settings, Stratum};
use crate::dataset::RowBatch;

/// How far a row's probabilities may exceed one for rounding.
const ROUNDING: f64 = 1e-6;

/// All attributes and their combinations.
#[derive(Clone, Debug)]
pub struct Grouping {
    divisions: Vec<Division>,
    /// Members of each combination, as places among `divisions`.
    combinations: Vec<Vec<usize>>,
}

/// One attribute: how its column, or columns, divide the rows.
#[derive(Clone, Debug)]
struct Division {
    name: String,
    kind: Kind,
    /// The configured reference group.
    reference: Option<Part>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Each value is a group.
    Values,
    /// Bands between ascending borders, one more than these.
    Bands(Vec<f64>, Vec<Part>),
    /// Groups with the columns of their probabilities.
    Shares(Vec<(Part, String)>),
}

/// The groups of a chunk's rows under one attribute or combination.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labels {
    /// The groups, in order of appearance.
    pub groups: Vec<Group>,
    /// Rows with a group's number and the share of the row that is in it, row by row; each row has at least one.
    entries: Vec<(usize, usize, f64)>,
}

/// The config key below `fairness` and what is wrong with it.
type Problem = (String, String);

impl Grouping {
    /// The groups of a `fairness` section, for columns of these types.
    ///
    /// # Errors
    /// The config key and what is wrong with it: a column of a type that has no groups, bands of something else than numbers, borders that do
    /// not ascend, a reference that is none of the groups, a combination of fewer than two attributes or of something else.
    pub fn new(settings: &Settings, columns: &Schema) -> Result<Self, Problem> {
        let mut grouping = Self { divisions: divisions("attributes", &settings.attributes, columns)?, combinations: Vec::new() };
        for (number, columns) in settings.intersections.iter().enumerate() {
            let members = grouping.members(columns).map_err(|message| (format!("fairness.intersections.{number}"), message))?;
            grouping.combinations.push(members);
        }
        Ok(grouping)
    }

    /// The strata of a `fairness` section.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn strata(settings: &Settings, columns: &Schema) -> Result<Self, Problem> {
        let attribute = |stratum: &Stratum| Attribute {
            column: stratum.column.clone(),
            bins: stratum.bins.clone(),
            reference: None,
            probabilities: None,
        };
        let strata: Vec<Attribute> = settings.strata.iter().map(attribute).collect();
        Ok(Self { divisions: divisions("strata", &strata, columns)?, combinations: Vec::new() })
    }

    fn members(&self, columns: &[String]) -> Result<Vec<usize>, String> {
        let mut members = Vec::new();
        for column in columns {
            match self.divisions.iter().position(|division| division.name == *column) {
                Some(member) if !members.contains(&member) => members.push(member),
                Some(_) => return Err(format!("`{column}` is in it twice")),
                None => return Err(format!("`{column}` is none of fairness.attributes; add it there")),
            }
        }
        let shares = members.iter().filter(|&&member| matches!(self.divisions[member].kind, Kind::Shares(_))).count();
        match (members.len(), shares) {
            (0 | 1, _) => Err("needs at least two columns".into()),
            (_, 0 | 1) => Ok(members),
            _ => Err("has several attributes of probabilities, whose joint probability is not known; leave all but one out".into()),
        }
    }

    /// Names of the attributes, then of the combinations.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |member: &usize| self.divisions[*member].name.as_str();
        let combined = self.combinations.iter().map(|members| members.iter().map(name).collect::<Vec<_>>().join(AND));
        self.divisions.iter().map(|division| division.name.clone()).chain(combined).collect()
    }

    /// The configured reference group of an attribute; of a combination, where all of its attributes have one.
    pub(super) fn reference(&self, attribute: usize) -> Option<Group> {
        let part = |member: usize| Some(Group(vec![self.divisions.get(member)?.reference.clone()?]));
        match attribute.checked_sub(self.divisions.len()) {
            None => part(attribute),
            Some(combination) => {
                let mut parts = self.combinations.get(combination)?.iter().map(|&member| part(member));
                let first = parts.next()??;
                parts.try_fold(first, |group, part| Some(group.and(&part?)))
            }
        }
    }

    /// Checks what cannot be known before the rows are read.
    ///
    /// # Errors
    /// If a probability, or the sum of a row's, is out of range: what is wrong, in which row and column.
    pub(super) fn check(&self, rows: &RowBatch) -> Result<(), String> {
        self.divisions.iter().try_for_each(|division| division.check(rows))
    }

    /// The groups of a chunk's rows, in the order of [`Grouping::names`].
    pub(super) fn labels(&self, rows: &RowBatch) -> Vec<Labels> {
        let mut all: Vec<Labels> = self.divisions.iter().map(|division| division.labels(rows)).collect();
        let combined: Vec<Labels> = self.combinations.iter().filter_map(|members| combine(members, &all)).collect();
        all.extend(combined);
        all
    }
}

fn divisions(key: &str, attributes: &[Attribute], columns: &Schema) -> Result<Vec<Division>, Problem> {
    let mut divisions: Vec<Division> = Vec::new();
    for (place, attribute) in attributes.iter().enumerate() {
        let problem = |(what, message): (&str, String)| (format!("fairness.{key}.{place}.{what}"), message);
        if divisions.iter().any(|other| other.name == attribute.column) {
            return Err(problem(("column", format!("`{}` is listed twice; name each column once", attribute.column))));
        }
        divisions.push(Division::new(attribute, columns).map_err(problem)?);
    }
    Ok(divisions)
}

impl Division {
    fn new(attribute: &Attribute, columns: &Schema) -> Result<Self, (&'static str, String)> {
        let name = attribute.column.as_str();
        let data_type = columns.field_with_name(name).map(|field| field.data_type().clone());
        let is_number = matches!(data_type, Ok(DataType::Int64 | DataType::Float64));
        let kind = match (&attribute.bins, &attribute.probabilities) {
            (Some(_), Some(_)) => return Err(("probabilities", "leave either bins or probabilities out".into())),
            (Some(_), _) if !is_number => return Err(("bins", format!("`{name}` is not a number; leave bins out"))),
            (Some(bins), _) if !bins.is_sorted_by(|a, b| a < b) => return Err(("bins", "borders must ascend; sort them".into())),
            (Some(bins), _) => Kind::Bands(bins.clone(), Part::bands(bins)),
            (None, Some(shares)) => {
                let of_number = |column: &&String| matches!(columns.field_with_name(column), Ok(field) if field.data_type().is_numeric());
                match shares.values().find(|column| !of_number(column)) {
                    Some(column) => return Err(("probabilities", format!("`{column}` is not a number; name columns of probabilities"))),
                    None => Kind::Shares(shares.iter().map(|(group, column)| (Part::Text(group.clone()), column.clone())).collect()),
                }
            }
            (None, None) if matches!(data_type, Ok(DataType::Float64)) => {
                return Err(("column", format!("`{name}` is a number; give the borders of its bands as bins")));
            }
            (None, None) => Kind::Values,
        };
        let reference = attribute.reference.as_deref().map(|text| kind.part(text, data_type.as_ref().ok())).transpose();
        Ok(Self { name: name.into(), reference: reference.map_err(|message| ("reference", message))?, kind })
    }

    fn labels(&self, rows: &RowBatch) -> Labels {
        match &self.kind {
            Kind::Shares(groups) => shares(groups, rows),
            kind => values(kind, rows.extra.column_by_name(&self.name), rows.rows()),
        }
    }

    fn check(&self, rows: &RowBatch) -> Result<(), String> {
        let Kind::Shares(groups) = &self.kind else { return Ok(()) };
        let columns: Vec<Vec<f64>> = groups.iter().map(|(_, column)| numbers(rows, column)).collect();
        let place = |row: usize| {
            let id = crate::table::cell_text(rows.ids.as_ref(), row);
            format!("row {} of the selected data (id {id})", rows.first_row + row as u64 + 1)
        };
        for row in 0..rows.rows() {
            let wrong = |(column, (_, name)): (&Vec<f64>, &(Part, String))| {
                let value = column[row];
                (!value.is_nan() && !(0.0..=1.0).contains(&value))
                    .then(|| format!("{}, column `{name}`: {value} is no probability; values must be between 0 and 1", place(row)))
            };
            if let Some(message) = columns.iter().zip(groups).find_map(wrong) {
                return Err(message);
            }
            let sum: f64 = columns.iter().map(|column| column[row]).sum();
            if sum > 1.0 + ROUNDING {
                return Err(format!("{}: the probabilities of `{}` add up to {sum}, more than 1", place(row), self.name));
            }
        }
        Ok(())
    }
}

impl Kind {
    /// The group that a config names.
    fn part(&self, text: &str, data_type: Option<&DataType>) -> Result<Part, String> {
        let listed = |parts: &mut dyn Iterator<Item = &Part>| {
            let parts: Vec<&Part> = parts.collect();
            let names = || parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let found = parts.iter().find(|part| part.to_string() == text).map(|part| (*part).clone());
            found.ok_or_else(|| format!("`{text}` is none of the groups; name one of {}", names()))
        };
        let whole = || text.parse().map(Part::Number).map_err(|_| format!("`{text}` is none of the groups, which are whole numbers"));
        match self {
            _ if text == MISSING => Ok(Part::Missing),
            Kind::Bands(_, bands) => listed(&mut bands.iter()),
            Kind::Shares(groups) => listed(&mut groups.iter().map(|(part, _)| part)),
            Kind::Values if data_type == Some(&DataType::Int64) => whole(),
            Kind::Values => Ok(Part::Text(text.into())),
        }
    }
}

impl Labels {
    /// Whether there are more groups than are looked at.
    pub fn is_crowded(&self) -> bool {
        self.groups.len() > GROUPS
    }

    /// The rows of each group with their shares, in the order of the groups.
    pub fn members(&self) -> Vec<Vec<(usize, f64)>> {
        let mut members = vec![Vec::new(); self.groups.len()];
        self.entries.iter().for_each(|(row, group, share)| members[*group].push((*row, *share)));
        members
    }

    /// The one group of each row, of columns that divide rows.
    pub fn single(&self) -> Vec<Group> {
        self.entries.iter().map(|entry| self.groups[entry.1].clone()).collect()
    }

    /// The groups of each row with its shares in them.
    pub fn of_rows(&self) -> impl Iterator<Item = Vec<(Group, f64)>> {
        let one = |entry: &(usize, usize, f64)| (self.groups[entry.1].clone(), entry.2);
        self.entries.chunk_by(|a, b| a.0 == b.0).map(move |entries| entries.iter().map(one).collect())
    }

    /// Both at once: a group for each pair that occurs.
    fn and(&self, other: &Self) -> Self {
        let (mut groups, mut entries) = (Places::default(), Vec::with_capacity(self.entries.len()));
        let mut pairs: HashMap<(usize, usize), usize> = HashMap::new();
        let rows = self.entries.chunk_by(|a, b| a.0 == b.0).zip(other.entries.chunk_by(|a, b| a.0 == b.0));
        for (left, right) in rows {
            for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (a, b))) {
                let place = pairs.entry((a.1, b.1)).or_insert_with(|| groups.place(self.groups[a.1].and(&other.groups[b.1])));
                entries.push((a.0, *place, a.2 * b.2));
            }
        }
        Self { groups: groups.groups, entries }
    }
}

/// Groups by number, in order of appearance.
#[derive(Default)]
struct Places {
    groups: Vec<Group>,
    known: HashMap<Group, usize>,
}

impl Places {
    fn place(&mut self, group: Group) -> usize {
        let (next, groups) = (self.groups.len(), &mut self.groups);
        *self.known.entry(group).or_insert_with_key(|group| {
            groups.push(group.clone());
            next
        })
    }
}

fn combine(members: &[usize], all: &[Labels]) -> Option<Labels> {
    let mut labels = members.iter().filter_map(|&member| all.get(member));
    let first = labels.next()?.clone();
    Some(labels.fold(first, |combined, labels| combined.and(labels)))
}

/// Groups by the values of a column, each row in one.
fn values(kind: &Kind, column: Option<&ArrayRef>, rows: usize) -> Labels {
    let mut places = Places::default();
    let mut entry = |row: usize| {
        let part = column.map_or(Part::Missing, |column| part(kind, column, row));
        (row, places.place(Group(vec![part])), 1.0)
    };
    let entries = (0..rows).map(&mut entry).collect();
    Labels { groups: places.groups, entries }
}

fn part(kind: &Kind, column: &ArrayRef, row: usize) -> Part {
    if column.is_null(row) {
        return Part::Missing;
    }
    let band = |x: f64| match kind {
        Kind::Bands(borders, bands) if !x.is_nan() => bands.get(borders.partition_point(|border| *border <= x)).cloned(),
        _ => None,
    };
    match (column.data_type(), kind) {
        (DataType::Int64, Kind::Values) => Part::Number(column.as_primitive::<Int64Type>().value(row)),
        (DataType::Int64, _) => band(column.as_primitive::<Int64Type>().value(row) as f64).unwrap_or(Part::Missing),
        (DataType::Float64, _) => band(column.as_primitive::<Float64Type>().value(row)).unwrap_or(Part::Missing),
        (DataType::Boolean, _) => Part::Text(column.as_boolean().value(row).to_string()),
        _ => match column.as_string_opt::<i32>().map(|texts| texts.value(row)) {
            None | Some(MISSING) => Part::Missing,
            Some(text) => Part::Text(text.into()),
        },
    }
}

/// Groups by probabilities, of which what is left over, or all where one is missing, is missing.
fn shares(groups: &[(Part, String)], rows: &RowBatch) -> Labels {
    let columns: Vec<Vec<f64>> = groups.iter().map(|(_, column)| numbers(rows, column)).collect();
    let mut entries = Vec::new();
    for row in 0..rows.rows() {
        let sum: f64 = columns.iter().map(|column| column[row]).sum();
        if sum.is_nan() {
            entries.push((row, groups.len(), 1.0));
            continue;
        }
        let known = columns.iter().enumerate().map(|(group, column)| (row, group, column[row]));
        let left = if sum < 1.0 - ROUNDING { 1.0 - sum } else { 0.0 };
        entries.extend(known.chain([(row, groups.len(), left)]).filter(|entry| entry.2 > 0.0));
    }
    let named = groups.iter().map(|(part, _)| Group(vec![part.clone()])).chain([Group::missing()]).collect();
    Labels { groups: named, entries }
}

/// A column's numbers; NaN where there is none.
fn numbers(rows: &RowBatch, column: &str) -> Vec<f64> {
    let number = |column: &ArrayRef, row: usize| match column.data_type() {
        _ if column.is_null(row) => f64::NAN,
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row) as f64,
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row),
        _ => f64::NAN,
    };
    match rows.extra.column_by_name(column) {
        Some(column) => (0..rows.rows()).map(|row| number(column, row)).collect(),
        None => vec![f64::NAN; rows.rows()],
    }
}
