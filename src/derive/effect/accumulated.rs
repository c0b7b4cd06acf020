//! Accumulated effects of one feature: sums over rows, accumulated and centred, with their standard errors.

use super::Axis;
use crate::dataset::RowBatch;
use crate::pattern::Changes;

/// Sums over the rows of every output and cell.
#[derive(Clone, Debug)]
pub(in crate::derive) struct CurveSums {
    /// `output · cells + cell`.
    cells: Vec<CellSums>,
}

/// Sums over the rows of a cell; δ is the change along each of the cell's two bins, zero where there is no such bin.
#[derive(Clone, Copy, Debug, Default)]
struct CellSums {
    rows: u64,
    /// Σ w and Σ w².
    weight: [f64; 2],
    /// Σ w·δ.
    change: [f64; 2],
    /// Σ w²·δ.
    squared_weight: [f64; 2],
    /// Σ w²·δδᵀ: the two squares, then the product.
    products: [f64; 3],
}

/// A point of the finished curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::derive) struct Effect {
    /// The effect.
    pub effect: f64,
    /// Its standard error.
    pub error: f64,
    /// Rows of the bin that ends here, or at this category.
    pub rows: u64,
}

impl CurveSums {
    /// Over no rows.
    pub fn new(axis: &Axis, outputs: usize) -> Self {
        Self { cells: vec![CellSums::default(); outputs * axis.cells()] }
    }

    /// Adds rows in their `cells`, from how their predictions change on the axis' track.
    pub fn add(&mut self, axis: &Axis, track: usize, rows: &RowBatch, cells: &[Option<u32>], changes: &Changes<'_>) {
        for (output, sums) in self.cells.chunks_exact_mut(axis.cells().max(1)).enumerate() {
            let [first, second] = [0, 1].map(|target| changes.column(track, target, output));
            for (row, (first, second)) in first.iter().zip(second).enumerate() {
                let Some(cell) = cells[changes.first + row] else { continue };
                sums[cell as usize].add(rows.weight_of(changes.first + row), axis.along_bins([*first, *second]));
            }
        }
    }

    /// Adds the sums over other rows.
    pub fn merge(&mut self, later: Self) {
        self.cells.iter_mut().zip(later.cells).for_each(|(cell, more)| cell.merge(&more));
    }

    /// One output's curve, a value for each of the axis' points; `None` if no row of positive weight has a value.
    pub fn effects(&self, axis: &Axis, output: usize) -> Option<Vec<Effect>> {
        let cells = &self.cells[output * axis.cells()..][..axis.cells()];
        let points = axis.points.len();
        let (mut weights, mut steps) = (vec![0.0; points], vec![[0.0; 2]; points]);
        for (cell, sums) in cells.iter().enumerate() {
            axis.cell(cell).points.into_iter().for_each(|point| weights[point] += sums.weight[0] / 2.0);
            for (bin, change) in axis.cell(cell).bins.into_iter().zip(sums.change) {
                bin.into_iter().for_each(|bin| steps[bin] = [steps[bin][0] + change, steps[bin][1] + sums.weight[0]]);
            }
        }
        let total: f64 = weights.iter().sum();
        if axis.bins() == 0 {
            // A constant has no effect.
            return Some(vec![Effect { effect: 0.0, error: 0.0, rows: cells.first().map_or(0, |cell| cell.rows) }; points]);
        }
        if total == 0.0 {
            return None;
        }
        let means: Vec<f64> = steps.iter().map(|[change, weight]| if *weight > 0.0 { change / weight } else { 0.0 }).collect();
        let raw: Vec<f64> = means
            .iter()
            .scan(0.0, |sum, mean| {
                Some({
                    *sum += mean;
                    *sum
                })
            })
            .collect();
        let centre = raw.iter().zip(&weights).map(|(effect, weight)| effect * weight).sum::<f64>() / total;
        let influence = Influence { axis, cells, means: &means, raw: &raw, steps: &steps, weights: &weights, centre, total };
        let rows = |point: usize| match axis.is_ordered() {
            true => point.checked_sub(1).map_or(0, |cell| cells[cell].rows),
            false => cells[point].rows,
        };
        let effect = |point: usize| Effect { effect: raw[point] - centre, error: influence.error(point), rows: rows(point) };
        Some((0..points).map(effect).collect())
    }
}

/// What the standard error of a point is made of.
struct Influence<'a> {
    axis: &'a Axis,
    cells: &'a [CellSums],
    means: &'a [f64],
    raw: &'a [f64],
    steps: &'a [[f64; 2]],
    weights: &'a [f64],
    centre: f64,
    total: f64,
}

impl Influence<'_> {
    /// The standard error of the effect at point p: the bootstrap's over rows, but for terms of higher order and without its noise, as
    /// the root of the summed squares of the rows' influences (Jaeckel 1972; Efron 1982, chapter 6).
    ///
    /// With S_l the share of the rows at points from l on, a row of weight w has the influence
    /// `w·(Σ_l ([l ≤ p] − S_l)·(δ_l − m_l)/W_l − (g − c)/W)`, over its bins l, where g is the mean of the curve at its points.
    fn error(&self, point: usize) -> f64 {
        let shares: Vec<f64> = self
            .weights
            .iter()
            .rev()
            .scan(0.0, |sum, weight| {
                Some({
                    *sum += weight;
                    *sum / self.total
                })
            })
            .collect();
        let slope = |bin: usize| {
            let weight = self.steps[bin][1];
            let step = if bin <= point { 1.0 } else { 0.0 };
            if weight > 0.0 { (step - shares[shares.len() - 1 - bin]) / weight } else { 0.0 }
        };
        let variance = |(cell, sums): (usize, &CellSums)| {
            let cell = self.axis.cell(cell);
            let slopes = cell.bins.map(|bin| bin.map_or(0.0, slope));
            let means = cell.bins.map(|bin| bin.map_or(0.0, |bin| self.means[bin]));
            let level = (self.raw[cell.points[0]] + self.raw[cell.points[1]]) / 2.0;
            let fixed = -slopes[0] * means[0] - slopes[1] * means[1] - (level - self.centre) / self.total;
            sums.squared(fixed, slopes)
        };
        self.cells.iter().enumerate().map(variance).sum::<f64>().max(0.0).sqrt()
    }
}

impl CellSums {
    fn add(&mut self, weight: f64, delta: [f64; 2]) {
        let square = weight * weight;
        self.merge(&Self {
            rows: 1,
            weight: [weight, square],
            change: delta.map(|delta| weight * delta),
            squared_weight: delta.map(|delta| square * delta),
            products: [delta[0] * delta[0], delta[1] * delta[1], delta[0] * delta[1]].map(|product| square * product),
        });
    }

    fn merge(&mut self, more: &Self) {
        self.rows += more.rows;
        for at in 0..2 {
            self.weight[at] += more.weight[at];
            self.change[at] += more.change[at];
            self.squared_weight[at] += more.squared_weight[at];
        }
        self.products.iter_mut().zip(more.products).for_each(|(sum, product)| *sum += product);
    }

    /// Σ w²·(fixed + slopes·δ)².
    fn squared(&self, fixed: f64, [a, b]: [f64; 2]) -> f64 {
        let [aa, bb, ab] = self.products;
        let mixed = a * self.squared_weight[0] + b * self.squared_weight[1];
        fixed * fixed * self.weight[1] + 2.0 * fixed * mixed + a * a * aa + b * b * bb + 2.0 * a * b * ab
    }
}
