//! Individual conditional expectations (Goldstein et al. 2015): how single rows' predictions change along a feature.

mod settings;

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt64Array};
use arrow_select::take::take;
use rayon::prelude::*;

use super::effect::{Dependence, Grid, GridChoice, members};
use super::{Context, Derivation, DeriveError};
use crate::subject::Member;
use crate::table::{self, Table};

pub use settings::Settings;

/// Predictions `f(v, x_∖j)` of some rows x at each point v of feature j's grid; minus that at the first point; and their slope, by differences
/// between the points on both sides (on one side at the ends).
pub struct Ice {
    settings: Settings,
    context: Arc<Context>,
}

/// The table's columns as they grow.
#[derive(Default)]
struct Lines<'a> {
    labels: Vec<(&'a str, &'a Grid, usize)>,
    rows: Vec<u64>,
    predictions: Vec<f64>,
    centered: Vec<f64>,
    derivatives: Vec<Option<f64>>,
}

impl Ice {
    /// Of the subject's model.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        Self { settings: settings.clone(), context: Arc::clone(context) }
    }

    fn table(&self, earlier: &[Table]) -> Result<Table, String> {
        let subject = &self.context.subject;
        let dependence = Dependence::new(subject, self.settings.grid == GridChoice::Exact)?;
        let numbers = dependence.draw(self.settings.rows.get(), "ice");
        let rows = dependence.rows(&numbers);
        let chosen = self.settings.features.columns(&subject.features, earlier);
        let member = |column: &usize| members(&subject.features).find(|member| member.column == *column);
        let grid = |member: &Member| Grid::new(self.settings.grid, subject, dependence.function(), member);
        let grids: Vec<Grid> = chosen.par_iter().filter_map(member).map(grid).collect();
        let curves = dependence.curves(&rows, &grids)?;
        let (mut lines, outputs) = (Lines::default(), subject.outputs.len());
        let size: usize = grids.iter().map(|grid| outputs * grid.points.len()).sum();
        for (number, output) in subject.outputs.iter().enumerate() {
            let mut start = 0;
            for grid in &grids {
                let points = grid.points.len();
                for (curves, row) in curves.chunks_exact(size.max(1)).zip(&numbers) {
                    lines.add(output, grid, *row as u64, &curves[start + number * points..][..points]);
                }
                start += outputs * points;
            }
        }
        let none: ArrayRef = Arc::new(UInt64Array::from(Vec::<u64>::new()));
        let ids = subject.sample.as_ref().map_or(none, |sample| Arc::clone(&sample.ids));
        let ids = take(&ids, &UInt64Array::from(std::mem::take(&mut lines.rows)), None).map_err(|error| error.to_string())?;
        Ok(lines.table(ids))
    }
}

impl Derivation for Ice {
    type Partial = ();

    fn name(&self) -> &'static str {
        "ice"
    }

    fn start(&self) {}

    fn merge(&self, _earlier: &mut (), _later: ()) {}

    fn finish(&self, _partial: (), earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let table = self.table(earlier).map_err(|message| DeriveError { derivation: "ice", message })?;
        Ok(vec![table])
    }
}

impl<'a> Lines<'a> {
    fn add(&mut self, output: &'a str, grid: &'a Grid, row: u64, curve: &[f64]) {
        let first = curve.first().copied().unwrap_or_default();
        self.labels.extend((0..curve.len()).map(|point| (output, grid, point)));
        self.rows.extend(std::iter::repeat_n(row, curve.len()));
        self.predictions.extend(curve);
        self.centered.extend(curve.iter().map(|value| value - first));
        self.derivatives.extend((0..curve.len()).map(|point| slope(grid, curve, point)));
    }

    /// The table `ice`: outputs, then features, then rows, then points.
    fn table(self, ids: ArrayRef) -> Table {
        Table::new(
            "ice",
            vec![
                ("output", table::texts(self.labels.iter().map(|label| label.0))),
                ("feature", table::texts(self.labels.iter().map(|label| &label.1.member.name))),
                ("row_id", ids),
                ("value", table::optional_numbers(self.labels.iter().map(|label| label.1.number(label.2)))),
                ("label", table::optional_texts(self.labels.iter().map(|label| label.1.label(label.2)))),
                ("prediction", table::numbers(self.predictions)),
                ("centered", table::numbers(self.centered)),
                ("derivative", table::optional_numbers(self.derivatives)),
            ],
        )
    }
}

/// The slope between the numbers next to a point; `None` of a category, of the missing value and of a single number.
fn slope(grid: &Grid, curve: &[f64], point: usize) -> Option<f64> {
    grid.number(point)?;
    let known = |place: &usize| *place < curve.len() && grid.number(*place).is_some();
    let before = point.checked_sub(1).filter(known).unwrap_or(point);
    let after = Some(point + 1).filter(known).unwrap_or(point);
    (before < after).then(|| (curve[after] - curve[before]) / (grid.points[after] - grid.points[before]))
}
