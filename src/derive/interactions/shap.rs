//! SHAP interaction values: their means over all rows, by pairs of explained features.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Line;
use crate::dataset::RowBatch;
use crate::pattern;
use crate::subject::Subject;

/// Mean |cell| and mean cell of each output and pair of features, and of main effects; rows count by their weight.
///
/// Cells are [`pattern::Interactions`]': half a pair's interaction, and on the diagonal (both features the same) the main effect, so that
/// the cells of a feature sum to its attribution. Cells within feature groups are summed before their size is taken.
pub(super) struct Cells {
    values: Arc<pattern::Interactions>,
    outputs: usize,
    /// Names of the explained features.
    names: Vec<String>,
    /// Pairs of explained features, ascending.
    cells: Vec<(usize, usize)>,
    /// The cell that each of the model's pairs is part of, and how often: twice within a group, once for each side of the diagonal.
    parts: Vec<(usize, f64)>,
}

/// Weighted sums over some rows.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    rows: u64,
    weight: f64,
    /// Σ w·|cell| and Σ w·cell, `output · cells + cell`.
    sums: Vec<(f64, f64)>,
}

/// Rows whose cells are held at a time.
const ROWS: usize = 4096;

impl Cells {
    /// Of all rows.
    pub fn new(values: &Arc<pattern::Interactions>, subject: &Subject) -> Self {
        let members =
            subject.features.iter().enumerate().flat_map(|(at, feature)| feature.members.iter().map(move |member| (member.column, at)));
        let place: BTreeMap<usize, usize> = members.collect();
        let of = |feature: &usize| place.get(feature).copied().unwrap_or(*feature);
        let explained = |(a, b): &(usize, usize)| (of(a).min(of(b)), of(a).max(of(b)));
        let mut cells: Vec<(usize, usize)> = values.pairs().iter().map(explained).collect();
        cells.sort_unstable();
        cells.dedup();
        let part = |pair: &(usize, usize)| {
            let cell = explained(pair);
            (cells.partition_point(|known| *known < cell), if cell.0 == cell.1 && pair.0 != pair.1 { 2.0 } else { 1.0 })
        };
        let parts = values.pairs().iter().map(part).collect();
        let names = subject.features.iter().map(|feature| feature.name.clone()).collect();
        Self { values: Arc::clone(values), outputs: subject.outputs.len(), names, cells, parts }
    }

    fn columns(&self) -> usize {
        self.cells.len() * self.outputs
    }

    /// Over no rows.
    pub fn start(&self) -> Sums {
        Sums { sums: vec![(0.0, 0.0); self.columns()], ..Sums::default() }
    }

    /// Adds rows.
    pub fn absorb(&self, partial: &mut Sums, rows: &RowBatch) {
        let weights: Vec<f64> = (0..rows.rows()).map(|row| rows.weight_of(row)).collect();
        for (number, weights) in weights.chunks(ROWS).enumerate() {
            let (first, count) = (number * ROWS, weights.len());
            let values = self.values.values(&rows.features, first..first + count);
            let mut cells = vec![0.0; self.columns() * count];
            for (column, values) in values.chunks_exact(count).enumerate() {
                let (output, (cell, times)) = (column / self.parts.len(), self.parts[column % self.parts.len()]);
                let cells = &mut cells[(output * self.cells.len() + cell) * count..][..count];
                cells.iter_mut().zip(values).for_each(|(cell, value)| *cell += times * value);
            }
            for (sums, cells) in partial.sums.iter_mut().zip(cells.chunks_exact(count)) {
                let terms = || cells.iter().zip(weights);
                sums.0 += terms().map(|(cell, weight)| weight * cell.abs()).sum::<f64>();
                sums.1 += terms().map(|(cell, weight)| weight * cell).sum::<f64>();
            }
        }
        partial.rows += rows.rows() as u64;
        partial.weight += weights.iter().sum::<f64>();
    }

    /// A line for each output and pair.
    ///
    /// # Errors
    /// Without rows of positive weight.
    pub fn lines(&self, sums: &Sums) -> Result<Vec<Line<'_>>, String> {
        if sums.weight.is_nan() || sums.weight <= 0.0 {
            return Err("there are no rows of positive weight; check data.path, data.filter and data.weight".into());
        }
        let line = |(column, (size, sum)): (usize, &(f64, f64))| {
            let (a, b) = self.cells[column % self.cells.len()];
            Line {
                output: column / self.cells.len(),
                features: (&self.names[a], Some(&self.names[b])),
                shap: Some((size / sums.weight, sum / sums.weight)),
                statistic: None,
            }
        };
        Ok(sums.sums.iter().enumerate().map(line).collect())
    }
}

impl Sums {
    /// Rows seen.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds the sums over other rows.
    pub fn merge(&mut self, later: Self) {
        self.rows += later.rows;
        self.weight += later.weight;
        for (earlier, later) in self.sums.iter_mut().zip(later.sums) {
            *earlier = (earlier.0 + later.0, earlier.1 + later.1);
        }
    }
}
