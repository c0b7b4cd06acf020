//! Interactions: how much pairs of features owe to each other in the predictions, over all rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Context, Derivation, DeriveError, h_statistic};
use crate::attribution::Scores;
use crate::dataset::RowBatch;
use crate::pattern;
use crate::table::{self, Table};

/// Mean |cell| and mean cell of each output and pair of features, and of main effects; rows count by their weight.
///
/// Cells are [`pattern::Interactions`]': half a pair's interaction, and on the diagonal (`feature_a` = `feature_b`) the main effect, so that
/// the cells of a feature sum to its attribution. Cells within feature groups are summed before their size is taken.
pub struct Interactions {
    values: Arc<pattern::Interactions>,
    context: Arc<Context>,
    /// Pairs of explained features, ascending.
    cells: Vec<(usize, usize)>,
    /// The cell that each of the model's pairs is part of, and how often: twice within a group, once for each side of the diagonal.
    parts: Vec<(usize, f64)>,
}

/// Weighted sums over some rows.
#[derive(Clone, Debug)]
pub struct Partial {
    rows: u64,
    weight: f64,
    /// Σ w·|cell| and Σ w·cell, `output · cells + cell`.
    sums: Vec<(f64, f64)>,
}

/// Rows whose cells are held at a time.
const ROWS: usize = 4096;

impl Interactions {
    /// Of all rows.
    pub fn new(values: &Arc<pattern::Interactions>, context: &Arc<Context>) -> Self {
        let members = context
            .subject
            .features
            .iter()
            .enumerate()
            .flat_map(|(at, feature)| feature.members.iter().map(move |member| (member.column, at)));
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
        Self { values: Arc::clone(values), context: Arc::clone(context), cells, parts }
    }

    fn columns(&self) -> usize {
        self.cells.len() * self.context.subject.outputs.len()
    }
}

impl Derivation for Interactions {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "interactions"
    }

    fn start(&self) -> Partial {
        Partial { rows: 0, weight: 0.0, sums: vec![(0.0, 0.0); self.columns()] }
    }

    fn absorb_rows(&self, partial: &mut Partial, rows: &RowBatch, _: &Scores) {
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

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        earlier.rows += later.rows;
        earlier.weight += later.weight;
        for (earlier, later) in earlier.sums.iter_mut().zip(later.sums) {
            *earlier = (earlier.0 + later.0, earlier.1 + later.1);
        }
    }

    fn finish(&self, partial: Partial, earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        if partial.weight.is_nan() || partial.weight <= 0.0 {
            let message = "there are no rows of positive weight; check data.path, data.filter and data.weight".into();
            return Err(DeriveError { derivation: "interactions", message });
        }
        let subject = &self.context.subject;
        let means = partial.sums.iter().map(|(size, sum)| (size / partial.weight, sum / partial.weight)).collect::<Vec<_>>();
        // (output, cell, rank); pairs first, then main effects, the largest first in either.
        let mut lines: Vec<(usize, usize, i64)> = Vec::new();
        for (output, means) in means.chunks_exact(self.cells.len().max(1)).enumerate() {
            for alone in [false, true] {
                let mut ranked: Vec<usize> =
                    (0..self.cells.len()).filter(|cell| (self.cells[*cell].0 == self.cells[*cell].1) == alone).collect();
                ranked.sort_by(|a, b| means[*b].0.total_cmp(&means[*a].0));
                lines.extend(ranked.into_iter().zip(1..).map(|(cell, rank)| (output, cell, rank)));
            }
        }
        let mean = |line: &(usize, usize, i64)| means[line.0 * self.cells.len() + line.1];
        let name = |feature: usize| subject.features[feature].name.as_str();
        let statistics = h_statistic::by_pair(earlier);
        let measured = |line: &(usize, usize, i64)| {
            let (a, b) = self.cells[line.1];
            let key = |a, b| (subject.outputs[line.0].as_str(), name(a), name(b));
            statistics.get(&key(a, b)).or_else(|| statistics.get(&key(b, a))).copied()
        };
        Ok(vec![Table::new(
            "interactions",
            vec![
                ("output", table::texts(lines.iter().map(|line| &subject.outputs[line.0]))),
                ("feature_a", table::texts(lines.iter().map(|line| name(self.cells[line.1].0)))),
                ("feature_b", table::texts(lines.iter().map(|line| name(self.cells[line.1].1)))),
                ("mean_abs", table::numbers(lines.iter().map(|line| mean(line).0))),
                ("mean", table::numbers(lines.iter().map(|line| mean(line).1))),
                ("rank", table::integers(lines.iter().map(|line| line.2))),
                ("h_statistic", table::optional_numbers(lines.iter().map(measured))),
                ("rows", table::integers(lines.iter().map(|_| partial.rows as i64))),
            ],
        )])
    }
}
