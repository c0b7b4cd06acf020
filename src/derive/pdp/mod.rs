//! Partial dependence (Friedman 2001): the mean prediction over the whole background as features take each value.

mod settings;

use std::sync::Arc;

use rayon::prelude::*;

use super::effect::{Dependence, Grid, GridChoice, Mean, members};
use super::{Context, Derivation, DeriveError};
use crate::numeric::normal::two_sided;
use crate::subject::Member;
use crate::table::{self, Table};

pub use settings::Settings;

/// `PD_j(v) = Σ_b w_b·f(v, b_∖j) / Σ_b w_b` at each point v of feature j's grid, over the background's rows b; of pairs likewise.
///
/// In margin space trees need no row of the background, only the histograms of their leaves. Bands are the mean's standard error over
/// independent rows.
pub struct Pdp {
    settings: Settings,
    context: Arc<Context>,
}

impl Pdp {
    /// Of the subject's model.
    pub fn new(settings: &Settings, context: &Arc<Context>) -> Self {
        Self { settings: settings.clone(), context: Arc::clone(context) }
    }

    fn tables(&self, earlier: &[Table]) -> Result<Vec<Table>, String> {
        let subject = &self.context.subject;
        let dependence = Dependence::new(subject, self.settings.grid == GridChoice::Exact)?;
        let grid = |choice, member: &Member| Grid::new(choice, subject, dependence.function(), member);
        let chosen = self.settings.features.columns(&subject.features, earlier);
        let member = |column: &usize| members(&subject.features).find(|member| member.column == *column);
        let grids: Vec<Grid> = chosen.par_iter().filter_map(member).map(|member| grid(self.settings.grid, member)).collect();
        let means = dependence.means(&grids)?;
        let mut tables = vec![table(&subject.outputs, &grids, &means, self.settings.intervals)];
        let named = |name: &String| {
            let member = members(&subject.features).find(|member| member.name == *name)?;
            Some(grid(GridChoice::Quantiles(self.settings.pair_points), member))
        };
        let pairs: Vec<[Grid; 2]> = self.settings.pairs.iter().filter_map(|[a, b]| Some([named(a)?, named(b)?])).collect();
        if !pairs.is_empty() {
            let means = pairs.iter().map(|[a, b]| dependence.pair(a, b)).collect::<Result<Vec<_>, _>>()?;
            tables.push(pair_table(&subject.outputs, &pairs, &means));
        }
        Ok(tables)
    }
}

impl Derivation for Pdp {
    type Partial = ();

    fn name(&self) -> &'static str {
        "pdp"
    }

    fn start(&self) {}

    fn merge(&self, _earlier: &mut (), _later: ()) {}

    fn finish(&self, _partial: (), earlier: &[Table]) -> Result<Vec<Table>, DeriveError> {
        self.tables(earlier).map_err(|message| DeriveError { derivation: "pdp", message })
    }
}

/// The table `pdp`: outputs, then features, then points.
fn table(outputs: &[String], grids: &[Grid], means: &[Vec<Mean>], level: Option<f64>) -> Table {
    let mut lines: Vec<(&str, &Grid, usize, Mean)> = Vec::new();
    for (number, output) in outputs.iter().enumerate() {
        for (grid, means) in grids.iter().zip(means) {
            let points = grid.points.len();
            let of_output = means.iter().skip(number * points).take(points);
            lines.extend(of_output.enumerate().map(|(point, mean)| (output.as_str(), grid, point, *mean)));
        }
    }
    let reach = level.map(two_sided);
    let limit =
        |sign: f64| table::optional_numbers(lines.iter().map(move |line| reach.map(|reach| line.3.mean + sign * reach * line.3.error)));
    Table::new(
        "pdp",
        vec![
            ("output", table::texts(lines.iter().map(|line| line.0))),
            ("feature", table::texts(lines.iter().map(|line| &line.1.member.name))),
            ("value", table::optional_numbers(lines.iter().map(|line| line.1.number(line.2)))),
            ("label", table::optional_texts(lines.iter().map(|line| line.1.label(line.2)))),
            ("mean", table::numbers(lines.iter().map(|line| line.3.mean))),
            ("ci_low", limit(-1.0)),
            ("ci_high", limit(1.0)),
            ("level", table::optional_numbers(lines.iter().map(|_| level))),
            ("rows", table::integers(lines.iter().map(|line| line.1.rows[line.2] as i64))),
        ],
    )
}

/// The table `pdp_2d`: outputs, then pairs, then points of the first and of the second feature.
fn pair_table(outputs: &[String], pairs: &[[Grid; 2]], means: &[Vec<f64>]) -> Table {
    let mut lines: Vec<(&str, &[Grid; 2], [usize; 2], f64)> = Vec::new();
    for (number, output) in outputs.iter().enumerate() {
        for (pair, means) in pairs.iter().zip(means) {
            let [first, second] = pair.each_ref().map(|grid| grid.points.len());
            let of_output = means.iter().skip(number * first * second).take(first * second);
            lines.extend(of_output.enumerate().map(|(place, mean)| (output.as_str(), pair, [place / second, place % second], *mean)));
        }
    }
    let name = |side: usize| table::texts(lines.iter().map(move |line| &line.1[side].member.name));
    let number = |side: usize| table::optional_numbers(lines.iter().map(move |line| line.1[side].number(line.2[side])));
    let label = |side: usize| table::optional_texts(lines.iter().map(move |line| line.1[side].label(line.2[side])));
    Table::new(
        "pdp_2d",
        vec![
            ("output", table::texts(lines.iter().map(|line| line.0))),
            ("feature_a", name(0)),
            ("feature_b", name(1)),
            ("value_a", number(0)),
            ("value_b", number(1)),
            ("label_a", label(0)),
            ("label_b", label(1)),
            ("mean", table::numbers(lines.iter().map(|line| line.3))),
        ],
    )
}
