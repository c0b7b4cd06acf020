//! The points at which a dependence is evaluated.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::axis::{distinct, edges};
use crate::model::{Missing, Width, ZERO};
use crate::pattern::{Intervals, ValueFunction};
use crate::settings::count;
use crate::subject::{Member, Subject};

/// Where numbers are evaluated: `quantiles(N)`, N quantiles of the data from least to greatest, or `exact`, both sides of every threshold of the
/// model's. Categories and missing values are all points of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum GridChoice {
    /// This many quantiles.
    Quantiles(NonZeroUsize),
    /// Both sides of every threshold.
    Exact,
}

impl Default for GridChoice {
    fn default() -> Self {
        Self::Quantiles(count(50))
    }
}

impl TryFrom<String> for GridChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let count = text.strip_prefix("quantiles(").and_then(|rest| rest.strip_suffix(')')).and_then(|count| count.parse().ok());
        match (text.as_str(), count) {
            ("exact", _) => Ok(Self::Exact),
            (_, Some(count)) => Ok(Self::Quantiles(count)),
            _ => Err(format!("expected `quantiles(50)` or `exact`, found `{text}`")),
        }
    }
}

impl From<GridChoice> for String {
    fn from(choice: GridChoice) -> Self {
        match choice {
            GridChoice::Quantiles(count) => format!("quantiles({count})"),
            GridChoice::Exact => "exact".into(),
        }
    }
}

impl JsonSchema for GridChoice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "GridChoice".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string", "enum": ["exact"] },
            { "type": "string", "pattern": r"^quantiles\([1-9][0-9]{0,5}\)$", "examples": ["quantiles(50)"] },
        ] })
    }
}

/// A feature's points: numbers ascending or category codes, then the missing value where the data have it.
#[derive(Clone, Debug)]
pub(in crate::derive) struct Grid {
    /// The feature.
    pub member: Member,
    /// The points; NaN is missing.
    pub points: Vec<f64>,
    /// Rows of the sample between the point before and each point; of each category; that are missing.
    pub rows: Vec<u64>,
}

impl Grid {
    /// The grid of a feature over the subject's sample.
    pub fn new(choice: GridChoice, subject: &Subject, function: Option<&ValueFunction>, member: &Member) -> Self {
        let sample = subject.sample.as_deref().filter(|sample| sample.rows() > 0);
        let values = sample.map_or(&[][..], |sample| sample.features.column(member.column));
        let mut points = match (choice, member.values.is_ordered()) {
            (_, false) => distinct(values),
            (GridChoice::Quantiles(count), true) => edges(values, count.get().saturating_sub(1).max(1)),
            (GridChoice::Exact, true) => exact(values, function, member.column),
        };
        let mut rows = vec![0; points.len()];
        for value in values {
            let place = points.partition_point(|point| point < value).min(points.len().saturating_sub(1));
            rows.iter_mut().skip(place).take(usize::from(!value.is_nan())).for_each(|rows| *rows += 1);
        }
        let missing = values.iter().filter(|value| value.is_nan()).count() as u64;
        if missing > 0 {
            points.push(f64::NAN);
            rows.push(missing);
        }
        Self { member: member.clone(), points, rows }
    }

    /// A point as a number; `None` of a category and of the missing value.
    pub fn number(&self, point: usize) -> Option<f64> {
        Some(self.points[point]).filter(|value| self.member.values.is_ordered() && !value.is_nan())
    }

    /// A point as text; `None` of the missing value.
    pub fn label(&self, point: usize) -> Option<String> {
        self.member.values.text(self.points[point])
    }
}

/// Least and greatest value, and both sides of every threshold between them: straight lines from point to point are the function itself.
fn exact(values: &[f64], function: Option<&ValueFunction>, column: usize) -> Vec<f64> {
    let all = distinct(values);
    let (Some(least), Some(greatest)) = (all.first().copied(), all.last().copied()) else { return Vec::new() };
    let Some(function) = function else { return all };
    let Intervals::Numeric(starts) = function.intervals(column) else {
        return if least < greatest { vec![least, greatest] } else { vec![least] };
    };
    let before = |start: f64| match function.forest().compare {
        Width::F32 => f64::from((start as f32).next_down()),
        Width::F64 => start.next_down(),
    };
    // Zero may count as missing: then it is a step of its own.
    let zero_is_missing = function.forest().features.get(column).is_some_and(|feature| feature.missing == Missing::ZeroOrNan);
    let around = if zero_is_missing { [-1.0, 1.0].map(|sign| [sign * ZERO, sign * ZERO.next_up()]).concat() } else { Vec::new() };
    let inside = starts.into_iter().filter(|start| least < *start && *start <= greatest);
    let mut points: Vec<f64> =
        std::iter::once(least).chain(inside.flat_map(|start| [before(start), start])).chain(around).chain([greatest]).collect();
    points.sort_by(f64::total_cmp);
    points.retain(|point| least <= *point && *point <= greatest);
    points.dedup();
    points
}
