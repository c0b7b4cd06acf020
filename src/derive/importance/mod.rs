//! Importance: how much each feature moves the predictions, over all rows.

mod settings;

use std::sync::Arc;

use super::bootstrap::{BucketSums, Estimate};
use super::{Context, Derivation, DeriveError, Explained};
use crate::attribution::AttributionSchema;
use crate::numeric::moments::Moments;
use crate::table::{self, Table};

pub use settings::Settings;

/// Mean |φ| of each method, output and feature, with its bootstrap interval, and mean and deviation of φ; rows count by their weight.
pub struct Importance {
    level: Option<f64>,
    context: Arc<Context>,
}

/// Sums over some rows, a method each.
pub type Partial = Vec<Sums>;

/// One method's sums over some rows; columns are `output, feature`, the last fastest.
#[derive(Clone, Debug)]
pub struct Sums {
    sizes: BucketSums,
    moments: Vec<Moments>,
}

/// A line of the table, before it is ranked.
struct Line<'a> {
    feature: &'a str,
    size: Estimate,
    moments: Moments,
    level: Option<f64>,
    rows: u64,
}

impl Importance {
    /// Of the attributions that `context` announces.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        Self { level: settings.intervals, context: Arc::clone(context) }
    }

    fn error(message: &str) -> DeriveError {
        DeriveError { derivation: "importance", message: message.into() }
    }
}

impl Derivation for Importance {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "importance"
    }

    fn start(&self) -> Partial {
        let sums = |schema: &Arc<AttributionSchema>| {
            let columns = schema.outputs.len() * schema.features.len();
            Sums { sizes: BucketSums::new(self.context.subject.seed, columns), moments: vec![Moments::default(); columns] }
        };
        self.context.methods.iter().map(sums).collect()
    }

    fn absorb(&self, partial: &mut Partial, chunk: Explained<'_>) {
        let Some(sums) = partial.get_mut(chunk.method) else { return };
        let weights: Vec<f64> = (0..chunk.rows.rows()).map(|row| chunk.rows.weight_of(row)).collect();
        let slots = sums.sizes.add_rows(chunk.rows.first_row, &weights);
        let mut weighted = vec![0.0; weights.len()];
        let columns = chunk.attributions.values.chunks_exact(chunk.attributions.rows.max(1));
        for (index, (column, moments)) in columns.zip(&mut sums.moments).enumerate() {
            weighted.iter_mut().zip(column.iter().zip(&weights)).for_each(|(size, (value, weight))| *size = weight * value.abs());
            sums.sizes.add(&slots, index, &weighted);
            moments.merge(Moments::of(column, &weights));
        }
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        for (earlier, later) in earlier.iter_mut().zip(later) {
            earlier.sizes.merge(later.sizes);
            earlier.moments.iter_mut().zip(later.moments).for_each(|(moments, more)| moments.merge(more));
        }
    }

    fn finish(&self, partial: Partial, _earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let (mut labels, mut lines) = (Vec::new(), Vec::new());
        for (schema, sums) in self.context.methods.iter().zip(partial) {
            let rows = sums.sizes.rows();
            if rows == 0 {
                return Err(Self::error("there are no rows; check data.path and data.filter"));
            }
            // One row says nothing of the spread between rows.
            let level = self.level.filter(|_| rows > 1);
            let sizes = sums.sizes.estimates(level);
            let sizes = sizes.ok_or_else(|| Self::error("all rows have weight zero; check the data.weight column"))?;
            let mut cells = sizes.into_iter().zip(sums.moments);
            for output in &schema.outputs {
                let cells = schema.features.iter().zip(cells.by_ref());
                let mut group: Vec<Line> = cells.map(|(feature, (size, moments))| Line { feature, size, moments, level, rows }).collect();
                group.sort_by(|a, b| b.size.mean.total_cmp(&a.size.mean));
                labels.extend((1..=group.len() as i64).map(|rank| (schema.method, output, rank)));
                lines.extend(group);
            }
        }
        let limit = |limit: fn(&Line) -> f64| table::optional_numbers(lines.iter().map(|line| line.level.map(|_| limit(line))));
        Ok(vec![Table::new(
            "importance",
            vec![
                ("method", table::texts(labels.iter().map(|label| label.0))),
                ("output", table::texts(labels.iter().map(|label| label.1))),
                ("feature", table::texts(lines.iter().map(|line| line.feature))),
                ("rank", table::integers(labels.iter().map(|label| label.2))),
                ("mean_abs", table::numbers(lines.iter().map(|line| line.size.mean))),
                ("mean", table::numbers(lines.iter().map(|line| line.moments.mean))),
                ("std", table::numbers(lines.iter().map(|line| line.moments.deviation()))),
                ("ci_low", limit(|line| line.size.low)),
                ("ci_high", limit(|line| line.size.high)),
                ("level", table::optional_numbers(lines.iter().map(|line| line.level))),
                ("rows", table::integers(lines.iter().map(|line| line.rows as i64))),
            ],
        )])
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;

    use super::*;
    use crate::derive::testing::Run;

    fn importance(run: &Run, intervals: Option<f64>, chunk: usize) -> Table {
        run.derive(&Importance::new(&Settings { intervals }, &run.context), chunk)
    }

    #[test]
    fn weighted_means_and_deviations_of_four_rows() {
        // Weights 1, 2, 0, 1. Feature a: φ = 1, −1, 50, 3 → mean |φ| 6/4, mean 2/4, Σw(φ−½)² = ¼ + 2·2¼ + 6¼ = 11. Feature b: φ = 2 throughout.
        let mut run = Run::new(&["a", "b"], &["p"], vec![vec![1.0, 2.0], vec![-1.0, 2.0], vec![50.0, 2.0], vec![3.0, 2.0]]);
        run.weights = Some(vec![1.0, 2.0, 0.0, 1.0]);
        for chunk in [1, 3, 4] {
            let table = importance(&run, Some(0.9), chunk);
            assert_eq!(table.texts("feature").iter().flatten().collect::<Vec<_>>(), ["b", "a"]);
            assert_eq!(table.integers("rank").values(), &[1, 2]);
            assert_eq!(table.numbers("mean_abs").values(), &[2.0, 1.5]);
            assert_eq!(table.numbers("mean").values(), &[2.0, 0.5]);
            assert_eq!(table.numbers("std").value(0), 0.0);
            assert!((table.numbers("std").value(1) - (11.0_f64 / 4.0).sqrt()).abs() < 1e-15);
            assert_eq!(table.integers("rows").values(), &[4, 4]);
            assert_eq!((table.numbers("ci_low").value(0), table.numbers("ci_high").value(0)), (2.0, 2.0));
            let (low, high) = (table.numbers("ci_low").value(1), table.numbers("ci_high").value(1));
            assert!((1.0..=1.5).contains(&low) && (1.5..=3.0).contains(&high) && low < high, "{low} {high}");
        }
    }

    #[test]
    fn outputs_are_ranked_apart_and_ties_keep_the_features_order() {
        let run = Run::new(&["a", "b"], &["x", "y"], vec![vec![1.0, 5.0, -2.0, 2.0]]);
        let table = importance(&run, Some(0.95), 1);
        assert_eq!(table.texts("output").iter().flatten().collect::<Vec<_>>(), ["x", "x", "y", "y"]);
        assert_eq!(table.texts("feature").iter().flatten().collect::<Vec<_>>(), ["b", "a", "a", "b"]);
    }

    #[test]
    fn there_are_no_intervals_of_one_row_or_without_a_level() {
        for (rows, intervals, missing) in [(1, Some(0.95), 1), (2, None, 1), (2, Some(0.95), 0)] {
            let table = importance(&Run::new(&["a"], &["p"], vec![vec![1.0]; rows]), intervals, 8);
            assert_eq!(["ci_low", "ci_high", "level"].map(|column| table.numbers(column).null_count()), [missing; 3]);
        }
    }

    #[test]
    fn chunks_change_nothing_but_rounding() {
        let noise = |row: u32, column: u32| f64::from((row * 2 + column).wrapping_mul(2_654_435_761)) / f64::from(u32::MAX) - 0.3;
        let run = Run::new(&["a", "b"], &["p"], (0..3000).map(|row| vec![noise(row, 0), 1e-3 * noise(row, 1)]).collect());
        let whole = importance(&run, Some(0.95), 3000);
        for chunk in [64, 1000, 1024, 2999] {
            let table = importance(&run, Some(0.95), chunk);
            assert_eq!(table.texts("feature"), whole.texts("feature"));
            for column in ["mean_abs", "mean", "std", "ci_low", "ci_high"] {
                let pairs = table.numbers(column).values().iter().zip(whole.numbers(column).values());
                // Sums of 3000 terms differ by at most some ten units in the last place when reordered.
                pairs.for_each(|(a, b)| assert!((a / b - 1.0).abs() < 1e-13, "{column} {a} {b}"));
            }
        }
    }

    #[test]
    fn no_rows_and_no_weight_are_errors() {
        let mut run = Run::new(&["a"], &["p"], vec![vec![1.0]]);
        let derivation = Importance::new(&Settings::default(), &run.context);
        assert!(derivation.finish(derivation.start(), &[]).unwrap_err().to_string().contains("no rows"));
        run.weights = Some(vec![0.0]);
        let mut partial = derivation.start();
        run.absorb(&derivation, &mut partial, 0, 1);
        assert!(derivation.finish(partial, &[]).unwrap_err().to_string().contains("weight zero"));
    }
}
