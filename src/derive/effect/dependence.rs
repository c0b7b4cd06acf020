//! Dependence on features: single rows' curves and their means over the background, in the explained space.

use std::sync::Arc;

use rayon::prelude::*;

use super::Grid;
use crate::dataset::FeatureBlock;
use crate::model::{Link, Output};
use crate::numeric::moments::Moments;
use crate::numeric::seed;
use crate::pattern::ValueFunction;
use crate::subject::{Needs, Subject};

/// Rows whose curves tell how far those of the background are from their mean, where the mean is known without curves.
const SPREAD_ROWS: usize = 1000;

/// Predictions that are under way at a time.
const UNDER_WAY: usize = 1 << 22;

/// A mean over the background.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::derive) struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its standard error, as the mean of so many independent rows.
    pub error: f64,
}

/// The model as a function of few features.
pub(in crate::derive) struct Dependence {
    subject: Arc<Subject>,
    /// Exact over the whole background, where the model is made of trees.
    function: Option<ValueFunction>,
    /// From margins to the explained space.
    link: Link,
}

/// What dependences need of the background: patterns of trees, and the rows themselves where means are not those of margins.
pub(in crate::derive) fn needs(trees: bool, space: Output) -> Needs {
    Needs { histograms: trees, rows: !trees || space == Output::Probability, sample: true, ..Needs::default() }
}

impl Dependence {
    /// Of the subject's model.
    ///
    /// # Errors
    /// If the background has no weight.
    pub fn new(subject: &Arc<Subject>) -> Result<Self, String> {
        let linear = subject.forest.iter().flat_map(|forest| &forest.trees).any(|tree| !tree.linear.is_empty());
        let counted = subject.background.histograms.as_ref().filter(|_| !linear);
        let function = counted.map(|counter| counter.value_function()).transpose().map_err(|error| error.to_string())?;
        let link = match (&subject.forest, subject.space) {
            (Some(forest), Output::Probability) => forest.link,
            _ => Link::Identity,
        };
        Ok(Self { subject: Arc::clone(subject), function, link })
    }

    /// The exact function of margins, if there is one.
    pub fn function(&self) -> Option<&ValueFunction> {
        self.function.as_ref()
    }

    /// Whether means are those of margins, known without any row.
    fn is_exact(&self) -> bool {
        self.function.is_some() && self.link == Link::Identity
    }

    /// Numbers of at most `count` of the sample's rows: those with the smallest draws, in their order.
    pub fn draw(&self, count: usize, purpose: &str) -> Vec<usize> {
        let rows = self.subject.sample.as_ref().map_or(0, |sample| sample.rows());
        let mut drawn: Vec<usize> = (0..rows).collect();
        drawn.sort_by_cached_key(|row| seed::derive(self.subject.seed, purpose, *row as u64));
        drawn.truncate(count);
        drawn.sort_unstable();
        drawn
    }

    /// Some rows of the sample.
    pub fn rows(&self, numbers: &[usize]) -> FeatureBlock {
        self.subject.sample.as_ref().map_or_else(FeatureBlock::default, |sample| pick(&sample.features, numbers))
    }

    /// Each row's predictions along a grid: `(row · outputs + output) · points + point`.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn curves(&self, rows: &FeatureBlock, grid: &Grid) -> Result<Vec<f64>, String> {
        let (column, points, outputs) = (grid.member.column, grid.points.len(), self.subject.outputs.len());
        let mut curves = match &self.function {
            Some(function) => function.ice(rows, &block(rows.features(), points, &[(column, &grid.points)]), &[column]),
            None => return self.predicted(rows, &[column], &grid.points.iter().map(|point| vec![*point]).collect::<Vec<_>>()),
        };
        if self.link != Link::Identity {
            curves.par_chunks_mut((outputs * points).max(1)).for_each(|curve| {
                let mut values = vec![0.0; outputs];
                for point in 0..points {
                    values.iter_mut().enumerate().for_each(|(output, value)| *value = curve[output * points + point]);
                    self.link.apply(&mut values);
                    values.iter().enumerate().for_each(|(output, value)| curve[output * points + point] = *value);
                }
            });
        }
        Ok(curves)
    }

    /// Predictions of each row with some columns moved to each of `points`, laid out as curves.
    fn predicted(&self, rows: &FeatureBlock, columns: &[usize], points: &[Vec<f64>]) -> Result<Vec<f64>, String> {
        let (count, outputs) = (rows.rows(), self.subject.outputs.len());
        let mut curves = vec![0.0; count * outputs * points.len()];
        for (place, point) in points.iter().enumerate() {
            let column = |feature: usize| match columns.iter().position(|column| *column == feature) {
                Some(moved) => vec![point[moved]; count],
                None => rows.column(feature).to_vec(),
            };
            let moved = FeatureBlock::new(count, (0..rows.features()).flat_map(column).collect());
            let predictions = self.subject.predictor.predict(&moved).map_err(|error| error.to_string())?;
            for (output, predictions) in predictions.chunks_exact(count.max(1)).enumerate() {
                predictions.iter().enumerate().for_each(|(row, value)| curves[(row * outputs + output) * points.len() + place] = *value);
            }
        }
        Ok(curves)
    }

    /// The partial dependence along each grid: one list a grid, `output · points + point`.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn means(&self, grids: &[Grid]) -> Result<Vec<Vec<Mean>>, String> {
        match self.function.as_ref().filter(|_| self.is_exact()) {
            Some(function) => self.exact(function, grids),
            None => {
                let over = |grid: &Grid| self.averaged(grid.points.len(), |rows| self.curves(rows, grid));
                grids.iter().map(over).collect()
            }
        }
    }

    /// Means from the histograms; their errors from the curves of some of the sample's rows.
    fn exact(&self, function: &ValueFunction, grids: &[Grid]) -> Result<Vec<Vec<Mean>>, String> {
        let (features, outputs) = (function.forest().features.len(), self.subject.outputs.len());
        let rows = self.rows(&self.draw(SPREAD_ROWS, "spread"));
        let mut means = Vec::with_capacity(grids.len());
        for grid in grids {
            let (column, points) = (grid.member.column, grid.points.len());
            let exact = function.partial_dependence(&block(features, points, &[(column, &grid.points)]), &[vec![column]]);
            let curves = self.curves(&rows, grid)?;
            let error = |place: usize| {
                let values: Vec<f64> = curves.iter().skip(place).step_by((outputs * points).max(1)).copied().collect();
                self.error(Moments::of(&values, &vec![1.0; values.len()]))
            };
            means.push(exact.into_iter().enumerate().map(|(place, mean)| Mean { mean, error: error(place) }).collect());
        }
        Ok(means)
    }

    /// The partial dependence on two features, `output · points + point`, the second feature's points fastest.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn pair(&self, first: &Grid, second: &Grid) -> Result<Vec<f64>, String> {
        let columns = [first.member.column, second.member.column];
        let points: Vec<Vec<f64>> = first.points.iter().flat_map(|a| second.points.iter().map(move |b| vec![*a, *b])).collect();
        if let Some(function) = self.function.as_ref().filter(|_| self.is_exact()) {
            let column = |side: usize| points.iter().map(|point| point[side]).collect::<Vec<_>>();
            let moved = block(function.forest().features.len(), points.len(), &[(columns[0], &column(0)), (columns[1], &column(1))]);
            return Ok(function.partial_dependence(&moved, &[columns.to_vec()]));
        }
        let means = self.averaged(points.len(), |rows| self.predicted(rows, &columns, &points))?;
        Ok(means.into_iter().map(|mean| mean.mean).collect())
    }

    /// Weighted means of curves over the background's rows.
    fn averaged(&self, points: usize, curves: impl Fn(&FeatureBlock) -> Result<Vec<f64>, String>) -> Result<Vec<Mean>, String> {
        let background = &self.subject.background;
        let rows = background.rows.as_ref().ok_or("the background's rows are not there")?;
        let size = (points * self.subject.outputs.len()).max(1);
        let mut moments = vec![Moments::default(); size];
        let some = (UNDER_WAY / size).clamp(1, 65_536);
        for first in (0..rows.rows()).step_by(some) {
            let part = rows.slice(first, some.min(rows.rows() - first));
            let weights =
                background.weights.as_ref().map_or_else(|| vec![1.0; part.rows()], |weights| weights[first..first + part.rows()].to_vec());
            let curves = curves(&part)?;
            moments.par_iter_mut().enumerate().for_each(|(place, moments)| {
                let values: Vec<f64> = curves.iter().skip(place).step_by(size).copied().collect();
                moments.merge(Moments::of(&values, &weights));
            });
        }
        Ok(moments.into_iter().map(|moments| Mean { mean: moments.mean, error: self.error(moments) }).collect())
    }

    fn error(&self, moments: Moments) -> f64 {
        moments.deviation() / self.subject.background.effective_rows.sqrt()
    }
}

/// Points as rows: the moved columns hold them, the others do not matter.
fn block(features: usize, points: usize, moved: &[(usize, &[f64])]) -> FeatureBlock {
    let column = |feature: usize| match moved.iter().find(|(column, _)| *column == feature) {
        Some((_, values)) => values.to_vec(),
        None => vec![0.0; points],
    };
    FeatureBlock::new(points, (0..features).flat_map(column).collect())
}

/// Some rows of a block, in the order of `numbers`.
fn pick(block: &FeatureBlock, numbers: &[usize]) -> FeatureBlock {
    let values = (0..block.features()).flat_map(|feature| numbers.iter().map(move |row| block.column(feature)[*row])).collect();
    FeatureBlock::new(numbers.len(), values)
}
