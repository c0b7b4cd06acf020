//! Charts: pure functions from tables to SVG text.

mod agreement;
mod ale;
mod axis;
mod beeswarm;
mod calibration;
mod canvas;
mod chosen;
mod cluster_means;
mod clusters;
mod contour;
mod decision;
mod dependence;
mod disagreement;
mod effects;
mod force;
mod frame;
mod gap;
mod group_effects;
mod group_importance;
mod importance;
mod interactions;
mod legend;
mod lime_stability;
mod output;
mod palette;
mod panels;
mod plane;
mod proxy;
mod ranking;
mod scatter;
mod sp_lime;
mod surrogate;
mod text;

use serde::Serialize;

use super::ReportError;
use crate::table::Table;

/// What a figure says that its tables do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most features that a figure shows.
    pub top_features: usize,
    /// The space of attributions and its unit, for axes: `margin: log-odds`, …
    pub space: String,
    /// The space that effects are in: the same, or `probability`, …
    pub effect_space: String,
}

impl Options {
    /// The space that a method's attributions are in: TreeSHAP's, or that of all which only call the model.
    fn space_of(&self, method: &str) -> &str {
        if method == "tree_shap" { &self.space } else { &self.effect_space }
    }
}

/// A drawn chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// File stem: `figures/<stem>.svg`.
    pub stem: String,
    /// Heading.
    pub title: String,
    /// What the picture shows, in words, for readers who cannot see it.
    pub alt: String,
    /// The picture: a whole SVG document without an XML declaration.
    pub svg: String,
}

/// A kind of chart.
#[derive(Debug)]
pub struct Chart {
    /// Name, as in figure stems.
    pub name: &'static str,
    /// The tables it is drawn from.
    pub tables: &'static [&'static str],
    /// A table that it takes too where it is there.
    pub more: Option<&'static str>,
    /// Draws the figures of these tables, which come in the order of `tables`, the further one last.
    pub draw: fn(&[&Table], &Options) -> Result<Vec<Figure>, ReportError>,
}

/// Every chart, in the page's order.
pub static CHARTS: &[Chart] = &[
    Chart { name: "importance", tables: &["importance"], more: None, draw: importance::draw },
    Chart { name: "beeswarm", tables: &["importance", "summary"], more: None, draw: beeswarm::draw },
    Chart { name: "scatter", tables: &["importance", "summary"], more: None, draw: scatter::draw },
    Chart { name: "interactions", tables: &["interactions"], more: None, draw: interactions::draw },
    Chart { name: "decision", tables: &["importance", "summary"], more: Some("sp_lime"), draw: decision::draw },
    Chart { name: "force", tables: &["importance", "summary"], more: Some("sp_lime"), draw: force::draw },
    Chart { name: "clusters", tables: &["clusters", "cluster_means", "summary"], more: None, draw: clusters::draw },
    Chart { name: "cluster_means", tables: &["cluster_means"], more: None, draw: cluster_means::draw },
    Chart { name: "pdp", tables: &["pdp"], more: None, draw: dependence::draw },
    Chart { name: "ice", tables: &["pdp", "ice"], more: None, draw: dependence::draw_rows },
    Chart { name: "pdp-2d", tables: &["pdp_2d", "summary"], more: None, draw: plane::draw_dependence },
    Chart { name: "ale", tables: &["ale"], more: None, draw: ale::draw },
    Chart { name: "disagreement", tables: &["pdp", "ale", "summary"], more: None, draw: disagreement::draw },
    Chart { name: "ale-2d", tables: &["ale_2d", "summary"], more: None, draw: plane::draw_effect },
    Chart { name: "surrogate", tables: &["surrogate"], more: None, draw: surrogate::draw },
    Chart { name: "fairness", tables: &["fairness_attributions"], more: None, draw: gap::draw },
    Chart { name: "fairness_importance", tables: &["fairness_importance"], more: None, draw: group_importance::draw },
    Chart { name: "fairness_effects", tables: &["fairness_effects"], more: None, draw: group_effects::draw },
    Chart { name: "fairness_calibration", tables: &["fairness_calibration"], more: None, draw: calibration::draw },
    Chart { name: "fairness_proxy", tables: &["fairness_proxy"], more: None, draw: proxy::draw },
    Chart { name: "sp_lime", tables: &["sp_lime"], more: None, draw: sp_lime::draw },
    Chart { name: "lime_stability", tables: &["lime_stability"], more: None, draw: lime_stability::draw },
    Chart { name: "agreement", tables: &["agreement"], more: None, draw: agreement::draw },
];

/// Draws every chart whose tables are all there.
///
/// # Errors
/// If a chart cannot be drawn.
pub fn draw(tables: &[Table], options: &Options) -> Result<Vec<Figure>, ReportError> {
    let named = |name: &&str| tables.iter().find(|table| table.name == *name);
    let found = |chart: &Chart| {
        let tables = chart.tables.iter().map(named).collect::<Option<Vec<_>>>()?;
        Some(tables.into_iter().chain(chart.more.iter().find_map(named)).collect::<Vec<_>>())
    };
    let ready = CHARTS.iter().filter_map(|chart| Some((chart, found(chart)?)));
    let figures: Result<Vec<_>, _> = ready.map(|(chart, tables)| (chart.draw)(&tables, options)).collect();
    Ok(figures?.into_iter().flatten().collect())
}

fn chart_error<E: std::fmt::Display>(chart: &'static str) -> impl FnOnce(E) -> ReportError {
    move |error| ReportError::Chart { chart, message: error.to_string() }
}
