//! The fairness review: groups, their metrics, and the features that make their scores differ.

mod attributions;
mod conditional;
mod effects;
mod group;
mod groups;
mod intervals;
mod metrics;
mod permutation;
mod reasons;
mod roc;
mod settings;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::DeriveError;
use crate::attribution::Scores;
use crate::dataset::{FeatureBlock, RowBatch};
use crate::table::Table;

use group::Group;

pub use attributions::FairnessAttributions;
pub use conditional::FairnessConditional;
pub use effects::FairnessEffects;
pub use groups::Grouping;
pub use metrics::FairnessMetrics;
pub use reasons::AdverseReasons;
pub use settings::{Attribute, Effects, Protected, Reasons, Settings, Side, Stratum};

/// Groups of one attribute, and strata of one column, at most: more of them are mostly a mistaken column, and are not looked at.
const GROUPS: usize = 200;

/// Status of a number that can be relied on as far as its interval says.
const OK: &str = "ok";

/// Status of a number that is not given, since too few rows are behind it.
const INSUFFICIENT: &str = "insufficient_data";

/// Status of a number that does not exist, such as a ratio to zero.
const UNDEFINED: &str = "undefined";

/// Status of a number that is not given, since its attribute has too many groups or its column too many strata.
pub const NOT_EVALUATED: &str = "not_evaluated";

/// Why a number of a group is not given.
fn lacking(group: &Group) -> &'static str {
    if group.is_crowd() { NOT_EVALUATED } else { INSUFFICIENT }
}

/// A fairness section that fits the data and the model.
#[derive(Clone, Debug)]
pub struct Review {
    settings: Settings,
    grouping: Grouping,
    strata: Grouping,
    /// Number of the output that decides.
    output: usize,
    /// Number of the model's outputs.
    outputs: usize,
}

impl Review {
    /// A section's review of data whose further columns are of these types, and of a model with these outputs.
    ///
    /// # Errors
    /// The config key and what is wrong with it.
    pub fn new(settings: &Settings, columns: &arrow_schema::Schema, outputs: &[String]) -> Result<Arc<Self>, (String, String)> {
        let grouping = Grouping::new(settings, columns)?;
        let strata = Grouping::strata(settings, columns)?;
        let output = settings.output_index(outputs)?;
        Ok(Arc::new(Self { settings: settings.clone(), grouping, strata, output, outputs: outputs.len() }))
    }

    /// Whether groups are compared within strata.
    pub fn has_strata(&self) -> bool {
        !self.settings.strata.is_empty()
    }

    /// The reasons that are asked for.
    pub fn reasons(&self) -> Option<&Reasons> {
        self.settings.reasons.as_ref()
    }

    /// The effects by group that are asked for.
    pub fn effects(&self) -> Option<&Effects> {
        self.settings.effects.as_ref()
    }

    /// The rows with a favourable decision, and their weights.
    pub fn favoured(&self, rows: &RowBatch, scores: &Scores) -> (FeatureBlock, Vec<f64>) {
        let predictions = &scores.predictions[self.output * rows.rows()..][..rows.rows()];
        let favoured: Vec<usize> = (0..rows.rows()).filter(|&row| self.settings.is_favourable(predictions[row])).collect();
        (kept(&rows.features, &favoured), favoured.iter().map(|&row| rows.weight_of(row)).collect())
    }

    /// The group that the others of an attribute are compared with: the configured one, or the one of most weight; of too many groups none.
    fn reference<'a>(&self, attribute: usize, groups: impl DoubleEndedIterator<Item = (&'a Group, f64)>) -> Group {
        let largest = || match largest(groups).cloned() {
            Some(group) if group.is_crowd() => Group::none(),
            group => group.unwrap_or_else(Group::missing),
        };
        self.grouping.reference(attribute).unwrap_or_else(largest)
    }

    /// Names of the attributes with too many groups, as `fairness_metrics` has found them among all rows.
    fn crowded(&self, earlier: &[Table]) -> BTreeSet<String> {
        let metrics = earlier.iter().find(|table| table.name == "fairness_metrics");
        let lines = metrics.iter().flat_map(|table| table.texts("attribute").iter().zip(table.texts("status")));
        lines.filter(|(_, status)| *status == Some(NOT_EVALUATED)).filter_map(|(attribute, _)| attribute).map(str::to_owned).collect()
    }

    /// Groups that some rows are in, of all attributes that do not have too many.
    fn group_count(&self, rows: &RowBatch) -> u64 {
        let labels = self.grouping.labels(rows);
        labels.iter().filter(|labels| !labels.is_crowded()).map(|labels| labels.groups.len() as u64).sum()
    }

    /// Checks what cannot be known before the rows are read.
    ///
    /// # Errors
    /// If a probability of a group is out of range: what is wrong, in which row and column.
    pub fn check(&self, rows: &RowBatch) -> Result<(), DeriveError> {
        self.grouping.check(rows).map_err(|message| DeriveError { derivation: "fairness", message })
    }

    /// A row's label, as [`Self::label`] has it, where it has one.
    fn label_of(&self, rows: &RowBatch, row: usize) -> Option<f64> {
        rows.label.as_ref().map(|labels| labels[row]).filter(|label| !label.is_nan()).map(|label| self.label(label))
    }

    /// A label as the deciding output sees it: itself, or whether it is the number of that output where there are several.
    fn label(&self, label: f64) -> f64 {
        if self.outputs == 1 { label } else { f64::from(u8::from(label == self.output as f64)) }
    }
}

/// Some rows of a block.
fn kept(block: &FeatureBlock, rows: &[usize]) -> FeatureBlock {
    let column = |feature: usize| rows.iter().map(move |&row| block.column(feature)[row]);
    FeatureBlock::new(rows.len(), if rows.is_empty() { Vec::new() } else { (0..block.features()).flat_map(column).collect() })
}

/// The group of most weight, the first of equals; missing values only where there is nothing else.
fn largest<'a>(groups: impl DoubleEndedIterator<Item = (&'a Group, f64)>) -> Option<&'a Group> {
    let rank = |(group, weight): &(&Group, f64)| (!group.is_missing(), *weight);
    let order = |a: (bool, f64), b: (bool, f64)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1));
    groups.rev().max_by(|a, b| order(rank(a), rank(b))).map(|(group, _)| group)
}
