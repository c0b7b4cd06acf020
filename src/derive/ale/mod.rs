//! Accumulated local effects (Apley & Zhu 2020): how predictions change along a feature among the rows that have such values.

mod curve;
mod pair;
mod settings;

use std::sync::Arc;

use super::effect::{Axis, CurveSums, Local, Model, RowMajor, members};
use super::{Context, Derivation, DeriveError};
use crate::attribution::Scores;
use crate::dataset::RowBatch;
use crate::pattern::Changes;
use crate::table::Table;
use pair::{Pair, PairSums};

pub use settings::Settings;

/// Effects of each feature, and of pairs, over all rows.
///
/// For a bin k between points z_{k−1} and z_k of feature j: `m_k = Σ w·(f(z_k, x_∖j) − f(z_{k−1}, x_∖j)) / Σ w` over the bin's rows, and the effect at
/// z_k is `g_k = m_1 + … + m_k`, minus its mean over the rows (eq. 15 to 17). Rows without a value are left out.
pub struct Ale {
    settings: Settings,
    context: Arc<Context>,
    local: Local,
    axes: Vec<Axis>,
    /// For the pairs.
    model: Model,
    pairs: Vec<Pair>,
}

/// Sums over some rows, or why there are none.
pub type Partial = Result<Sums, String>;

/// Sums of every axis and pair.
#[derive(Clone, Debug)]
pub struct Sums {
    curves: Vec<CurveSums>,
    pairs: Vec<PairSums>,
}

impl Ale {
    /// Of the features that `settings` may choose, with bins between quantiles of the subject's sample.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        let subject = &context.subject;
        let chosen = members(&subject.features).filter(|member| settings.features.may_hold(&subject.features, member));
        let axes = Axis::all(subject, &chosen.collect::<Vec<_>>(), settings.bins.get(), &settings.order);
        let model = Model::new(subject);
        let pair = |names: &[String; 2]| {
            let named = |name: &String| members(&subject.features).find(|member| member.name == *name);
            let both = [named(&names[0])?, named(&names[1])?];
            let [first, second] = Axis::all(subject, &both, settings.pair_bins.get(), &settings.order).try_into().ok()?;
            Some(Pair::new(&model, first, second))
        };
        let pairs = settings.pairs.iter().filter_map(pair).collect();
        let local = Local::new(subject, &axes);
        Self { settings: settings.clone(), context: Arc::clone(context), local, axes, model, pairs }
    }

    fn outputs(&self) -> usize {
        self.context.subject.outputs.len()
    }

    fn add(&self, sums: &mut Sums, rows: &RowBatch, scores: &Scores) -> Result<(), String> {
        let margins = &scores.margins;
        let cell_of = |axis: &Axis| rows.features.column(axis.member.column).iter().map(|value| axis.cell_of(*value)).collect();
        let cells: Vec<Vec<Option<u32>>> = self.axes.iter().map(cell_of).collect();
        let see = |changes: &Changes<'_>| {
            for (track, (axis, sums)) in self.axes.iter().zip(&mut sums.curves).enumerate() {
                sums.add(axis, track, rows, &cells[track], changes);
            }
        };
        self.local.changes(&self.axes, rows, &cells, margins, see).map_err(|error| error.to_string())?;
        if self.pairs.is_empty() {
            return Ok(());
        }
        let matrix = RowMajor::new(&rows.features);
        for (pair, sums) in self.pairs.iter().zip(&mut sums.pairs) {
            sums.add(&self.model, pair, rows, &matrix, margins).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

impl Derivation for Ale {
    type Partial = Partial;

    fn name(&self) -> &'static str {
        "ale"
    }

    fn start(&self) -> Partial {
        let curves = self.axes.iter().map(|axis| CurveSums::new(axis, self.outputs())).collect();
        let pairs = self.pairs.iter().map(|pair| PairSums::new(pair, self.outputs())).collect();
        Ok(Sums { curves, pairs })
    }

    fn wants_scores(&self) -> bool {
        self.local.wants_margins() || !self.pairs.is_empty() && self.model.wants_margins()
    }

    fn absorb_rows(&self, partial: &mut Partial, rows: &RowBatch, scores: &Scores) {
        if rows.rows() == 0 {
            return;
        }
        let Ok(sums) = partial else { return };
        if let Err(message) = self.add(sums, rows, scores) {
            *partial = Err(message);
        }
    }

    fn merge(&self, earlier: &mut Partial, later: Partial) {
        match (&mut *earlier, later) {
            (Ok(sums), Ok(more)) => {
                sums.curves.iter_mut().zip(more.curves).for_each(|(sums, more)| sums.merge(more));
                sums.pairs.iter_mut().zip(more.pairs).for_each(|(sums, more)| sums.merge(more));
            }
            (Ok(_), Err(message)) => *earlier = Err(message),
            (Err(_), _) => {}
        }
    }

    fn finish(&self, partial: Partial, earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        let sums = partial.map_err(|message| DeriveError { derivation: "ale", message })?;
        let subject = &self.context.subject;
        let chosen = self.settings.features.columns(&subject.features, earlier);
        let place = |column: &usize| self.axes.iter().position(|axis| axis.member.column == *column);
        let curves: Vec<(&Axis, &CurveSums)> = chosen.iter().filter_map(place).map(|at| (&self.axes[at], &sums.curves[at])).collect();
        let mut tables = vec![curve::table(&subject.outputs, &curves, self.settings.intervals)];
        if !self.pairs.is_empty() {
            tables.push(pair::table(&subject.outputs, &self.pairs, &sums.pairs));
        }
        Ok(tables)
    }
}
