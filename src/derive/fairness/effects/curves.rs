//! The model along a few features, over the rows of one group after another.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use rayon::prelude::*;

use super::{Orders, Part};
use crate::dataset::RowBatch;
use crate::derive::effect::{Axis, CurveSums, Dependence, Effect, Grid, GridChoice, Local, Mean, members};
use crate::pattern::Changes;
use crate::subject::{Member, Subject};

/// The model along the chosen features: the same points for every group.
pub(super) struct Model {
    dependence: Dependence,
    grids: Vec<Grid>,
    local: Local,
    axes: Vec<Axis>,
}

/// Which of the effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dependence,
    Accumulated,
}

/// One effect of one feature; without points where it is not known.
pub(super) struct Curve<'a> {
    pub member: &'a Member,
    pub kind: Kind,
    pub points: Vec<Point>,
}

/// A point of a curve.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// Where it is; `None` of a category and of the missing value.
    pub x: Option<f64>,
    /// What it is called; `None` of the missing value.
    pub label: Option<String>,
    pub value: f64,
    /// The value's standard error.
    pub error: f64,
    /// Sampled rows between the point before and this one; of this category.
    pub rows: f64,
}

impl Model {
    /// Along these columns, at so many quantiles of the subject's sample, and between them.
    pub fn new(subject: &Arc<Subject>, columns: &[usize], points: usize, orders: &Orders) -> Self {
        let chosen: Vec<&Member> =
            columns.iter().filter_map(|column| members(&subject.features).find(|member| member.column == *column)).collect();
        let choice = GridChoice::Quantiles(std::num::NonZeroUsize::MIN.saturating_add(points.saturating_sub(1)));
        let axes = Axis::all(subject, &chosen, points.saturating_sub(1).max(1), orders);
        Self {
            dependence: Dependence::of_rows(subject),
            grids: chosen.par_iter().map(|member| Grid::new(choice, subject, None, member)).collect(),
            local: Local::new(subject, &axes),
            axes,
        }
    }

    /// Curves without points: what is known of a group with too few rows.
    pub fn nothing(&self) -> Vec<Curve<'_>> {
        self.both(|_| Vec::new(), |_| Vec::new())
    }

    /// The curves over each part's rows, of one output.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn curves(&self, subject: &Subject, parts: &[&Part], output: usize) -> Result<Vec<Vec<Curve<'_>>>, String> {
        let rows: Vec<_> = parts.iter().map(|part| (&part.rows, part.weights.as_slice())).collect();
        let means = self.dependence.means_of(&self.grids, &rows)?;
        let effects: Vec<Vec<Vec<Effect>>> =
            parts.par_iter().map(|part| self.accumulated(subject, part, output)).collect::<Result<_, String>>()?;
        let mut all = Vec::with_capacity(parts.len());
        for ((part, means), effects) in parts.iter().zip(&means).zip(&effects) {
            let dependence = |feature: usize| {
                let Grid { member, points: at, .. } = &self.grids[feature];
                let of_output = means[feature].iter().skip(output * at.len());
                points(member, at, part, of_output.map(|mean: &Mean| (mean.mean, mean.error)))
            };
            let accumulated = |feature: usize| {
                let axis = &self.axes[feature];
                points(&axis.member, &axis.points, part, effects[feature].iter().map(|effect| (effect.effect, effect.error)))
            };
            all.push(self.both(dependence, accumulated));
        }
        Ok(all)
    }

    /// Both curves of each feature, from the numbers of features.
    fn both(&self, dependence: impl Fn(usize) -> Vec<Point>, accumulated: impl Fn(usize) -> Vec<Point>) -> Vec<Curve<'_>> {
        let of_feature = |(feature, grid)| {
            let Grid { member, .. }: &Grid = grid;
            [
                Curve { member, kind: Kind::Dependence, points: dependence(feature) },
                Curve { member, kind: Kind::Accumulated, points: accumulated(feature) },
            ]
        };
        self.grids.iter().enumerate().flat_map(of_feature).collect()
    }

    /// Accumulated effects of each feature over a part's rows; none of a feature of which no row has a value.
    fn accumulated(&self, subject: &Subject, part: &Part, output: usize) -> Result<Vec<Vec<Effect>>, String> {
        let rows = batch(part);
        let cell_of = |axis: &Axis| rows.features.column(axis.member.column).iter().map(|value| axis.cell_of(*value)).collect();
        let cells: Vec<Vec<Option<u32>>> = self.axes.iter().map(cell_of).collect();
        let forest = subject.forest.as_ref().filter(|_| self.local.wants_margins());
        let margins = forest.map_or_else(Vec::new, |forest| forest.margins(&rows.features));
        let mut sums: Vec<CurveSums> = self.axes.iter().map(|axis| CurveSums::new(axis, subject.outputs.len())).collect();
        let see = |changes: &Changes<'_>| {
            for (track, (axis, sums)) in self.axes.iter().zip(&mut sums).enumerate() {
                sums.add(axis, track, &rows, &cells[track], changes);
            }
        };
        self.local.changes(&self.axes, &rows, &cells, &margins, see).map_err(|error| error.to_string())?;
        Ok(self.axes.iter().zip(&sums).map(|(axis, sums)| sums.effects(axis, output).unwrap_or_default()).collect())
    }
}

/// A part's rows with their weights.
fn batch(part: &Part) -> RowBatch {
    let count = part.weights.len();
    let empty = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    RowBatch {
        first_row: 0,
        ids: Arc::new(Int64Array::from_iter_values(0..count as i64)),
        features: part.rows.clone(),
        label: None,
        weight: Some(part.weights.clone()),
        extra: RecordBatch::try_new_with_options(empty.schema(), Vec::new(), &options).unwrap_or(empty),
    }
}

/// Values at a member's points, with the part's rows beside each.
fn points(member: &Member, at: &[f64], part: &Part, values: impl Iterator<Item = (f64, f64)>) -> Vec<Point> {
    let mut rows = vec![0.0; at.len()];
    for (value, share) in part.rows.column(member.column).iter().zip(&part.shares) {
        let place = match member.values.is_ordered() && !value.is_nan() {
            true => {
                Some(at.partition_point(|point| point < value).min(at.iter().filter(|point| !point.is_nan()).count().saturating_sub(1)))
            }
            false => at.iter().position(|point| point == value || point.is_nan() && value.is_nan()),
        };
        place.and_then(|place| rows.get_mut(place)).into_iter().for_each(|rows| *rows += share);
    }
    let point = |((x, rows), (value, error)): ((&f64, f64), (f64, f64))| Point {
        x: Some(*x).filter(|x| member.values.is_ordered() && !x.is_nan()),
        label: member.values.text(*x),
        value,
        error,
        rows,
    };
    at.iter().zip(rows).zip(values).map(point).collect()
}
