//! Dependence on features: single rows' curves and their means over the background, in the explained space.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Grid, GridChoice};
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Link, Output};
use crate::numeric::moments::Moments;
use crate::numeric::seed;
use crate::pattern::{Moves, Track, ValueFunction};
use crate::subject::{Needs, Subject};

/// Rows whose curves tell how far those of the background are from their mean, where the mean is known without curves.
const SPREAD_ROWS: usize = 1000;

/// Predictions that are under way at a time.
const UNDER_WAY: usize = 1 << 22;

/// Rows that are predicted at a time, unless one point alone takes more.
const PREDICTED: usize = 1 << 16;

/// Sets that are evaluated at a time: what is kept of each leaf grows with them.
const SETS: usize = 32;

/// Rows whose moments are taken at a time, so that they stay in the cache.
const TOGETHER: usize = 256;

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
    /// The trees, where the model is made of such with constant leaves.
    forest: Option<Arc<Forest>>,
    /// Exact over the whole background, where it was asked for.
    function: Option<ValueFunction>,
    /// From margins to the explained space.
    link: Link,
}

/// What dependences need of the background: patterns of trees for means of margins and for thresholds, otherwise the rows themselves.
pub(in crate::derive) fn needs(trees: bool, space: Output, grid: GridChoice) -> Needs {
    let margins = space == Output::Margin;
    Needs { histograms: trees && (margins || grid == GridChoice::Exact), rows: !trees || !margins, sample: true, ..Needs::default() }
}

impl Dependence {
    /// Of the subject's model; `exactly` where the histograms are wanted whatever the space.
    ///
    /// # Errors
    /// If the background has no weight.
    pub fn new(subject: &Arc<Subject>, exactly: bool) -> Result<Self, String> {
        let of_rows = Self::of_rows(subject);
        let wanted = of_rows.forest.is_some() && (exactly || of_rows.link == Link::Identity);
        let counted = subject.background.histograms.as_ref().filter(|_| wanted);
        let function = counted.map(|counter| counter.value_function()).transpose().map_err(|error| error.to_string())?;
        Ok(Self { function, ..of_rows })
    }

    /// Of the subject's model, for rows that are given: without the background.
    pub fn of_rows(subject: &Arc<Subject>) -> Self {
        let constant = |forest: &Forest| forest.trees.iter().all(|tree| tree.linear.is_empty());
        let forest = subject.forest.clone().filter(|forest| constant(forest));
        let link = match (&subject.forest, subject.space) {
            (Some(forest), Output::Probability) => forest.link,
            _ => Link::Identity,
        };
        Self { subject: Arc::clone(subject), forest, function: None, link }
    }

    /// The exact function of margins, if there is one.
    pub fn function(&self) -> Option<&ValueFunction> {
        self.function.as_ref()
    }

    /// Means of margins, known without any row.
    fn exact(&self) -> Option<&ValueFunction> {
        self.function.as_ref().filter(|_| self.link == Link::Identity)
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

    /// Each row's predictions along all grids: row by row, grid by grid, `output · points + point`.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn curves(&self, rows: &FeatureBlock, grids: &[Grid]) -> Result<Vec<f64>, String> {
        self.curves_of(self.moves(grids).as_ref(), rows, grids)
    }

    /// The trees along these grids, where there are trees and patterns can hold them.
    fn moves(&self, grids: &[Grid]) -> Option<Moves> {
        let track = |grid: &Grid| Track { feature: grid.member.column, points: grid.points.clone() };
        Moves::new(self.forest.as_ref()?, grids.iter().map(track).collect()).ok()
    }

    fn curves_of(&self, moves: Option<&Moves>, rows: &FeatureBlock, grids: &[Grid]) -> Result<Vec<f64>, String> {
        let outputs = self.subject.outputs.len();
        let Some(moves) = moves else {
            let of = |grid: &Grid| {
                self.predicted(rows, &[grid.member.column], &grid.points.iter().map(|point| vec![*point]).collect::<Vec<_>>())
            };
            let each = grids.iter().map(of).collect::<Result<Vec<_>, _>>()?;
            let row = |row: usize| {
                each.iter().zip(grids).flat_map(move |(curves, grid)| {
                    let size = outputs * grid.points.len();
                    curves[row * size..][..size].iter().copied()
                })
            };
            return Ok((0..rows.rows()).flat_map(row).collect());
        };
        let mut curves = moves.curves(rows);
        if self.link != Link::Identity {
            curves.par_chunks_mut(size(grids, outputs).max(1)).for_each(|row| self.link_row(row, grids));
        }
        Ok(curves)
    }

    /// A row's margins along all grids as predictions.
    fn link_row(&self, mut row: &mut [f64], grids: &[Grid]) {
        let mut values = vec![0.0; self.subject.outputs.len()];
        for grid in grids {
            let points = grid.points.len();
            let (curve, rest) = row.split_at_mut(values.len() * points);
            for point in 0..points {
                values.iter_mut().enumerate().for_each(|(output, value)| *value = curve[output * points + point]);
                self.link.apply(&mut values);
                values.iter().enumerate().for_each(|(output, value)| curve[output * points + point] = *value);
            }
            row = rest;
        }
    }

    /// Predictions of each row with some columns moved to each of `points`, laid out as curves; many points at a time.
    fn predicted(&self, rows: &FeatureBlock, columns: &[usize], points: &[Vec<f64>]) -> Result<Vec<f64>, String> {
        let (count, outputs) = (rows.rows(), self.subject.outputs.len());
        let mut curves = vec![0.0; count * outputs * points.len()];
        let step = (PREDICTED / count.max(1)).max(1);
        for (first, points_here) in (0..).step_by(step).zip(points.chunks(step)) {
            let column = |feature: usize| {
                let moved = columns.iter().position(|column| *column == feature);
                points_here
                    .iter()
                    .flat_map(move |point| moved.map_or_else(|| rows.column(feature).to_vec(), |moved| vec![point[moved]; count]))
            };
            let moved = FeatureBlock::new(count * points_here.len(), (0..rows.features()).flat_map(column).collect());
            let predictions = self.subject.predictor.predict(&moved).map_err(|error| error.to_string())?;
            for (at, predictions) in predictions.chunks_exact(count.max(1)).enumerate() {
                let (output, place) = (at / points_here.len(), first + at % points_here.len());
                predictions.iter().enumerate().for_each(|(row, value)| curves[(row * outputs + output) * points.len() + place] = *value);
            }
        }
        Ok(curves)
    }

    /// Partial dependence on each set of features at each of some rows, `(set · outputs + output) · rows + row`: of margins from the histograms where
    /// they are known, else of predictions, by averaging over all rows of the background.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn on_sets(&self, rows: &FeatureBlock, sets: &[Vec<usize>]) -> Result<Vec<f64>, String> {
        if let Some(function) = &self.function {
            let columns = sets.chunks(SETS).flat_map(|sets| function.partial_dependence(rows, sets));
            return Ok(columns.collect());
        }
        let mut all = Vec::new();
        for set in sets {
            let points: Vec<Vec<f64>> = (0..rows.rows()).map(|row| set.iter().map(|column| rows.column(*column)[row]).collect()).collect();
            let means = self.averaged(points.len() * self.subject.outputs.len(), |background| self.predicted(background, set, &points))?;
            all.extend(means.into_iter().map(|mean| mean.mean));
        }
        Ok(all)
    }

    /// The partial dependence along each grid: one list a grid, `output · points + point`.
    ///
    /// Means from the histograms have their errors from the curves of some of the sample's rows.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn means(&self, grids: &[Grid]) -> Result<Vec<Vec<Mean>>, String> {
        let outputs = self.subject.outputs.len();
        let size = size(grids, outputs);
        let moves = self.moves(grids);
        let all: Vec<Mean> = match self.exact() {
            None => self.averaged(size, |rows| self.curves_of(moves.as_ref(), rows, grids))?,
            Some(function) => {
                let rows = self.rows(&self.draw(SPREAD_ROWS, "spread"));
                let spread = moments(&rows, None, size, |rows| self.curves_of(moves.as_ref(), rows, grids))?;
                let features = function.forest().features.len();
                let longest = grids.iter().map(|grid| grid.points.len()).max().unwrap_or(0);
                let padded = |grid: &Grid| grid.points.iter().copied().chain(std::iter::repeat(0.0)).take(longest).collect::<Vec<_>>();
                let padded: Vec<Vec<f64>> = grids.iter().map(padded).collect();
                let moved: Vec<(usize, &[f64])> =
                    grids.iter().zip(&padded).map(|(grid, points)| (grid.member.column, &points[..])).collect();
                let sets: Vec<Vec<usize>> = grids.iter().map(|grid| vec![grid.member.column]).collect();
                let exact = function.partial_dependence(&block(features, longest, &moved), &sets);
                let lists = exact.chunks_exact(longest.max(1)).zip(grids.iter().flat_map(|grid| std::iter::repeat_n(grid, outputs)));
                let means = lists.flat_map(|(list, grid)| &list[..grid.points.len()]);
                let error = |moments| error(moments, self.subject.background.effective_rows);
                means.zip(spread).map(|(mean, moments)| Mean { mean: *mean, error: error(moments) }).collect()
            }
        };
        Ok(by_grid(all, grids, outputs))
    }

    /// As [`Self::means`], but over the rows of each part alone, with their weights: a list of lists a part.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn means_of(&self, grids: &[Grid], parts: &[(&FeatureBlock, &[f64])]) -> Result<Vec<Vec<Vec<Mean>>>, String> {
        let outputs = self.subject.outputs.len();
        let moves = self.moves(grids);
        let of_part = |(rows, weights): &(&FeatureBlock, &[f64])| {
            let curves = |rows: &FeatureBlock| self.curves_of(moves.as_ref(), rows, grids);
            averaged((rows, Some(weights), effective(weights)), size(grids, outputs), curves).map(|means| by_grid(means, grids, outputs))
        };
        parts.iter().map(of_part).collect()
    }

    /// The partial dependence on two features, `output · points + point`, the second feature's points fastest.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn pair(&self, first: &Grid, second: &Grid) -> Result<Vec<f64>, String> {
        let columns = [first.member.column, second.member.column];
        let points: Vec<Vec<f64>> = first.points.iter().flat_map(|a| second.points.iter().map(move |b| vec![*a, *b])).collect();
        if let Some(function) = self.exact() {
            let column = |side: usize| points.iter().map(|point| point[side]).collect::<Vec<_>>();
            let moved = block(function.forest().features.len(), points.len(), &[(columns[0], &column(0)), (columns[1], &column(1))]);
            return Ok(function.partial_dependence(&moved, &[columns.to_vec()]));
        }
        let means = self.averaged(points.len() * self.subject.outputs.len(), |rows| self.predicted(rows, &columns, &points))?;
        Ok(means.into_iter().map(|mean| mean.mean).collect())
    }

    /// Weighted means of curves over the background's rows, of so many values a row.
    fn averaged(&self, size: usize, curves: impl Fn(&FeatureBlock) -> Result<Vec<f64>, String>) -> Result<Vec<Mean>, String> {
        let background = &self.subject.background;
        let rows = background.rows.as_ref().ok_or("the background's rows are not there")?;
        averaged((rows, background.weights.as_deref(), background.effective_rows), size, curves)
    }
}

/// Weighted means of curves over rows, of so many values a row, and their errors as means of so many `effective` rows.
fn averaged(
    (rows, weights, effective): (&FeatureBlock, Option<&[f64]>, f64),
    size: usize,
    curves: impl Fn(&FeatureBlock) -> Result<Vec<f64>, String>,
) -> Result<Vec<Mean>, String> {
    let moments = moments(rows, weights, size, curves)?;
    Ok(moments.into_iter().map(|moments| Mean { mean: moments.mean, error: error(moments, effective) }).collect())
}

/// The standard error of a mean over so many independent rows.
fn error(moments: Moments, effective: f64) -> f64 {
    moments.deviation() / effective.sqrt()
}

/// Kish's effective number of rows.
fn effective(weights: &[f64]) -> f64 {
    let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), weight| (sum + weight, squares + weight * weight));
    sum * sum / squares
}

/// Values along all grids, cut into those of each.
fn by_grid(all: Vec<Mean>, grids: &[Grid], outputs: usize) -> Vec<Vec<Mean>> {
    let mut rest = all.into_iter();
    grids.iter().map(|grid| rest.by_ref().take(outputs * grid.points.len()).collect()).collect()
}

/// Values of a row along all grids.
fn size(grids: &[Grid], outputs: usize) -> usize {
    grids.iter().map(|grid| grid.points.len()).sum::<usize>() * outputs
}

/// Weighted moments of the rows' curves, which are of `size` values each; a part of the rows at a time, so that memory does not grow with them.
fn moments(
    rows: &FeatureBlock,
    weights: Option<&[f64]>,
    size: usize,
    curves: impl Fn(&FeatureBlock) -> Result<Vec<f64>, String>,
) -> Result<Vec<Moments>, String> {
    let mut moments = vec![Moments::default(); size];
    let some = (UNDER_WAY / size.max(1)).clamp(1, 65_536);
    for first in (0..rows.rows()).step_by(some) {
        let part = rows.slice(first, some.min(rows.rows() - first));
        let weights = weights.map_or_else(|| vec![1.0; part.rows()], |weights| weights[first..first + part.rows()].to_vec());
        moments.iter_mut().zip(columns(&curves(&part)?, &weights, size)).for_each(|(sum, more)| sum.merge(more));
    }
    Ok(moments)
}

/// Moments over rows of `size` values each, one for each of these.
fn columns(values: &[f64], weights: &[f64], size: usize) -> Vec<Moments> {
    let blocks = values.par_chunks((TOGETHER * size).max(1)).zip(weights.par_chunks(TOGETHER));
    let blocks: Vec<Vec<Moments>> = blocks.map(|(values, weights)| Moments::of_columns(values, weights, size)).collect();
    let mut all = vec![Moments::default(); size];
    blocks.into_iter().for_each(|block| all.iter_mut().zip(block).for_each(|(all, block)| all.merge(block)));
    all
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
