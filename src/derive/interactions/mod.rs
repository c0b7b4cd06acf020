//! Interactions: how much pairs of features owe to each other in the predictions, by SHAP interaction values and by Friedman's H.

mod h_statistic;
mod settings;
mod shap;

use std::sync::Arc;

use super::{Context, Derivation, DeriveError};
use crate::attribution::Scores;
use crate::dataset::RowBatch;
use crate::table::{self, Table};
use shap::{Cells, Sums};

pub use settings::Settings;

/// SHAP interaction values over all rows where the subject has them, and H statistics where they are asked for, in one table.
///
/// A line is of a pair; of a main effect, where both features are the same; or of a feature with all others, where there is no second.
pub struct Interactions {
    cells: Option<Cells>,
    settings: Option<Settings>,
    context: Arc<Context>,
}

/// What is known of one or two features.
#[derive(Clone, Debug)]
struct Line<'a> {
    output: usize,
    features: (&'a str, Option<&'a str>),
    /// Mean |cell| and mean cell.
    shap: Option<(f64, f64)>,
    /// H², and the root mean square of its numerator.
    statistic: Option<(f64, f64)>,
}

impl Line<'_> {
    /// Pairs, then main effects, then features with all others.
    fn kind(&self) -> u8 {
        match self.features {
            (a, Some(b)) => u8::from(a == b),
            (_, None) => 2,
        }
    }

    fn is_of(&self, other: &Self) -> bool {
        let (a, b) = other.features;
        self.output == other.output && (self.features == (a, b) || b.is_some_and(|b| self.features == (b, Some(a))))
    }
}

impl Interactions {
    /// Of the subject's SHAP interaction values, if it has any, and of H, if there are settings for it.
    pub fn new(settings: Option<&Settings>, context: &Arc<Context>) -> Self {
        let cells = context.subject.interactions.as_ref().map(|values| Cells::new(values, &context.subject));
        Self { cells, settings: settings.cloned(), context: Arc::clone(context) }
    }

    /// All lines, the strongest of each kind first: by SHAP interaction values where there are, by H otherwise.
    fn lines(&self, sums: &Sums, earlier: &[Table]) -> Result<(Vec<Line<'_>>, usize), String> {
        let mut lines = self.cells.as_ref().map_or_else(|| Ok(Vec::new()), |cells| cells.lines(sums))?;
        let mut rows = 0;
        if let Some(settings) = &self.settings {
            let (statistics, measured) = h_statistic::lines(settings, &self.context.subject, earlier)?;
            for line in statistics {
                match lines.iter_mut().find(|known| known.is_of(&line)) {
                    Some(known) => known.statistic = line.statistic,
                    None => lines.push(line),
                }
            }
            rows = measured;
        }
        let strength = |line: &Line| (line.shap.map_or(-1.0, |shap| shap.0), line.statistic.map_or(-1.0, |statistic| statistic.1));
        lines.sort_by(|a, b| {
            let (one, other) = (strength(a), strength(b));
            (a.output, a.kind()).cmp(&(b.output, b.kind())).then(other.0.total_cmp(&one.0)).then(other.1.total_cmp(&one.1))
        });
        Ok((lines, rows))
    }
}

impl Derivation for Interactions {
    type Partial = Sums;

    fn name(&self) -> &'static str {
        "interactions"
    }

    fn start(&self) -> Sums {
        self.cells.as_ref().map_or_else(Sums::default, Cells::start)
    }

    fn absorb_rows(&self, partial: &mut Sums, rows: &RowBatch, _: &Scores) {
        if let Some(cells) = &self.cells {
            cells.absorb(partial, rows);
        }
    }

    fn merge(&self, earlier: &mut Sums, later: Sums) {
        earlier.merge(later);
    }

    fn finish(&self, partial: Sums, earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let fail = |message| DeriveError { derivation: "interactions", message };
        let (lines, measured) = self.lines(&partial, earlier).map_err(fail)?;
        let outputs = &self.context.subject.outputs;
        let statistic = |of: fn((f64, f64)) -> f64| table::optional_numbers(lines.iter().map(move |line| line.statistic.map(of)));
        let same = |(a, b): (&Line, &Line)| (a.output, a.kind()) == (b.output, b.kind());
        let mut ranks: Vec<i64> = Vec::with_capacity(lines.len());
        for at in 0..lines.len() {
            let before = at.checked_sub(1).filter(|before| same((&lines[*before], &lines[at])));
            ranks.push(before.map_or(1, |before| ranks[before] + 1));
        }
        Ok(vec![Table::new(
            "interactions",
            vec![
                ("output", table::texts(lines.iter().map(|line| &outputs[line.output]))),
                ("feature_a", table::texts(lines.iter().map(|line| line.features.0))),
                ("feature_b", table::optional_texts(lines.iter().map(|line| line.features.1))),
                ("mean_abs", table::optional_numbers(lines.iter().map(|line| line.shap.map(|shap| shap.0)))),
                ("mean", table::optional_numbers(lines.iter().map(|line| line.shap.map(|shap| shap.1)))),
                ("rank", table::integers(ranks)),
                ("h_statistic", statistic(|(squared, _)| squared.sqrt())),
                ("h_unnormalized", statistic(|(_, strength)| strength)),
                ("rows", table::integers(lines.iter().map(|_| partial.rows() as i64))),
                ("h_rows", table::integers(lines.iter().map(|_| measured as i64))),
            ],
        )])
    }
}
