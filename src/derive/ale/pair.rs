//! Effects of two features together, without the effects of each.

use crate::dataset::RowBatch;
use crate::derive::effect::{Axis, Cell, Model, RowMajor, Shift};
use crate::model::PredictError;
use crate::table::{self, Table};

/// Two features.
pub(super) struct Pair {
    axes: [Axis; 2],
    /// Trees that can change both ways in a pair of bins: `(bin of the first − 1) · bins of the second + bin of the second − 1`.
    movers: Vec<Vec<u32>>,
}

/// Sums over the rows of every output and pair of bins, and of every pair of cells.
#[derive(Clone, Debug)]
pub(super) struct PairSums {
    /// Σ w of each pair of bins, with the number of rows.
    weights: Vec<(f64, u64)>,
    /// Σ w·ΔΔ, `output · bins of both + pair of bins`.
    changes: Vec<f64>,
    /// Σ w of each pair of cells.
    cells: Vec<f64>,
}

impl Pair {
    /// The pair of two axes.
    pub fn new(model: &Model, first: Axis, second: Axis) -> Self {
        let along =
            |axis: &Axis| (1..=axis.bins()).map(|bin| model.movers(axis.member.column, &axis.within(bin))).collect::<Vec<Vec<u32>>>();
        let (along_first, along_second) = (along(&first), along(&second));
        let mut movers = Vec::new();
        for a in &along_first {
            for b in &along_second {
                movers.push(if model.is_additive() {
                    a.iter().copied().filter(|tree| b.binary_search(tree).is_ok()).collect()
                } else {
                    let mut either: Vec<u32> = a.iter().chain(b).copied().collect();
                    either.sort_unstable();
                    either.dedup();
                    either
                });
            }
        }
        Self { axes: [first, second], movers }
    }

    fn bins(&self) -> usize {
        self.axes[0].bins() * self.axes[1].bins()
    }

    /// Where a pair of bins is, each counted from one.
    fn place(&self, a: usize, b: usize) -> usize {
        (a - 1) * self.axes[1].bins() + b - 1
    }

    /// The two cells of a pair of cells.
    fn cells(&self, place: usize) -> [Cell; 2] {
        let second = self.axes[1].cells();
        [self.axes[0].cell(place / second), self.axes[1].cell(place % second)]
    }

    /// All pairs of bins that rows of these cells step through.
    fn steps([a, b]: [Cell; 2]) -> impl Iterator<Item = (usize, usize)> {
        a.bins.into_iter().flatten().flat_map(move |a| b.bins.into_iter().flatten().map(move |b| (a, b)))
    }
}

impl PairSums {
    /// Over no rows.
    pub fn new(pair: &Pair, outputs: usize) -> Self {
        let cells = pair.axes[0].cells() * pair.axes[1].cells();
        Self { weights: vec![(0.0, 0); pair.bins()], changes: vec![0.0; outputs * pair.bins()], cells: vec![0.0; cells] }
    }

    /// Adds rows; `margins` are theirs, where the model wants them.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn add(&mut self, model: &Model, pair: &Pair, rows: &RowBatch, matrix: &RowMajor, margins: &[f64]) -> Result<(), PredictError> {
        let [first, second] = &pair.axes;
        let columns = [first.member.column, second.member.column];
        let (a, b) = (rows.features.column(columns[0]), rows.features.column(columns[1]));
        let (mut steps, mut shifts) = (Vec::new(), Vec::new());
        for row in 0..rows.rows() {
            let (Some(a), Some(b)) = (first.cell_of(a[row]), second.cell_of(b[row])) else { continue };
            let (a, b) = (a as usize, b as usize);
            let cell = a * second.cells() + b;
            self.cells[cell] += rows.weight_of(row);
            for (a, b) in Pair::steps(pair.cells(cell)) {
                let (place, [low_a, high_a], [low_b, high_b]) = (pair.place(a, b), first.ends(a), second.ends(b));
                let values = [[low_a, high_a, low_a, high_a], [low_b, low_b, high_b, high_b]];
                shifts.push(Shift { row, trees: &pair.movers[place], values });
                steps.push((place, rows.weight_of(row)));
            }
        }
        let changes = model.contrasts(matrix, margins, columns, &shifts, [1.0, -1.0, -1.0, 1.0])?;
        for (place, weight) in &steps {
            self.weights[*place].0 += weight;
            self.weights[*place].1 += 1;
        }
        for (sums, changes) in self.changes.chunks_exact_mut(pair.bins().max(1)).zip(changes.chunks_exact(steps.len().max(1))) {
            steps.iter().zip(changes).for_each(|((place, weight), change)| sums[*place] += weight * change);
        }
        Ok(())
    }

    /// Adds the sums over other rows.
    pub fn merge(&mut self, later: Self) {
        self.weights.iter_mut().zip(later.weights).for_each(|(sum, more)| *sum = (sum.0 + more.0, sum.1 + more.1));
        self.changes.iter_mut().zip(later.changes).for_each(|(sum, more)| *sum += more);
        self.cells.iter_mut().zip(later.cells).for_each(|(sum, more)| *sum += more);
    }

    /// One output's effects at all pairs of points, those of the second feature fastest (Apley & Zhu 2020, eq. 18 to 21); `None` without rows.
    fn effects(&self, pair: &Pair, output: usize) -> Option<Vec<Vec<f64>>> {
        let [first, second] = &pair.axes;
        let total: f64 = self.cells.iter().sum();
        if total == 0.0 || pair.bins() == 0 {
            return None;
        }
        let changes = &self.changes[output * pair.bins()..][..pair.bins()];
        let mean = |a, b| match self.nearest(pair, a, b) {
            Some(place) => changes[place] / self.weights[place].0,
            None => 0.0,
        };
        let mut effects = vec![vec![0.0; second.points.len()]; first.points.len()];
        for a in 1..first.points.len() {
            for b in 1..second.points.len() {
                effects[a][b] = effects[a - 1][b] + effects[a][b - 1] - effects[a - 1][b - 1] + mean(a, b);
            }
        }
        let across: Vec<Vec<f64>> = (0..second.points.len()).map(|b| effects.iter().map(|row| row[b]).collect()).collect();
        let main = [self.main(pair, 0, &effects), self.main(pair, 1, &across)];
        for (row, main_a) in effects.iter_mut().zip(&main[0]) {
            row.iter_mut().zip(&main[1]).for_each(|(effect, main_b)| *effect -= main_a + main_b);
        }
        let at = |place: usize| {
            let [a, b] = pair.cells(place).map(|cell| cell.points);
            a.into_iter().flat_map(|a| b.map(|b| effects[a][b])).sum::<f64>() / 4.0
        };
        let centre = self.cells.iter().enumerate().map(|(place, weight)| weight * at(place)).sum::<f64>() / total;
        effects.iter_mut().flatten().for_each(|effect| *effect -= centre);
        Some(effects)
    }

    /// The pair of bins with rows that is nearest to one, by their numbers; that one itself where it has rows.
    fn nearest(&self, pair: &Pair, a: usize, b: usize) -> Option<usize> {
        let columns = pair.axes[1].bins();
        let distance = |place: usize| {
            let share = |d: usize, bins: usize| (d as f64 / bins as f64).powi(2);
            share((place / columns + 1).abs_diff(a), pair.axes[0].bins()) + share((place % columns + 1).abs_diff(b), columns)
        };
        let place = pair.place(a, b);
        if self.weights[place].0 > 0.0 {
            return Some(place);
        }
        let filled = (0..pair.bins()).filter(|place| self.weights[*place].0 > 0.0);
        filled.min_by(|one, other| distance(*one).total_cmp(&distance(*other)))
    }

    /// The main effect of a feature that is in `effects`, whose rows are that feature's points: accumulated means of its steps.
    fn main(&self, pair: &Pair, side: usize, effects: &[Vec<f64>]) -> Vec<f64> {
        let mut sums = vec![[0.0; 2]; effects.len()];
        for (place, weight) in self.cells.iter().enumerate() {
            let cells = pair.cells(place);
            let others = cells[1 - side].points;
            for bin in cells[side].bins.into_iter().flatten() {
                let change = others.map(|other| effects[bin][other] - effects[bin - 1][other]);
                sums[bin] = [sums[bin][0] + weight * (change[0] + change[1]) / 2.0, sums[bin][1] + weight];
            }
        }
        let mean = |[change, weight]: &[f64; 2]| if *weight > 0.0 { change / weight } else { 0.0 };
        sums.iter()
            .scan(0.0, |sum, step| {
                Some({
                    *sum += mean(step);
                    *sum
                })
            })
            .collect()
    }
}

/// The table `ale_2d`: outputs, then pairs, then points of the first and of the second feature.
pub(super) fn table(outputs: &[String], pairs: &[Pair], sums: &[PairSums]) -> Table {
    let mut labels: Vec<(&str, &Pair, [usize; 2])> = Vec::new();
    let (mut effects, mut rows) = (Vec::new(), Vec::new());
    for (number, output) in outputs.iter().enumerate() {
        for (pair, sums) in pairs.iter().zip(sums) {
            for (a, row) in sums.effects(pair, number).unwrap_or_default().into_iter().enumerate() {
                for (b, effect) in row.into_iter().enumerate() {
                    labels.push((output, pair, [a, b]));
                    effects.push(effect);
                    rows.push(if a > 0 && b > 0 { sums.weights[pair.place(a, b)].1 as i64 } else { 0 });
                }
            }
        }
    }
    let name = |side: usize| table::texts(labels.iter().map(move |(_, pair, _)| &pair.axes[side].member.name));
    let number = |side: usize| {
        let of = move |(_, pair, points): &(&str, &Pair, [usize; 2])| {
            Some(pair.axes[side].points[points[side]]).filter(|_| pair.axes[side].is_ordered())
        };
        table::optional_numbers(labels.iter().map(of))
    };
    let text = |side: usize| {
        let of =
            move |(_, pair, points): &(&str, &Pair, [usize; 2])| pair.axes[side].member.values.text(pair.axes[side].points[points[side]]);
        table::optional_texts(labels.iter().map(of))
    };
    Table::new(
        "ale_2d",
        vec![
            ("output", table::texts(labels.iter().map(|label| label.0))),
            ("feature_a", name(0)),
            ("feature_b", name(1)),
            ("value_a", number(0)),
            ("value_b", number(1)),
            ("label_a", text(0)),
            ("label_b", text(1)),
            ("effect", table::numbers(effects)),
            ("rows", table::integers(rows)),
        ],
    )
}
