//! What can be chosen about the fairness review: the `fairness` section of the config.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::derive::effect::{Choice, Problem};
use crate::settings::count;
use crate::subject::ExplainedFeature;

/// The fairness review: decisions, scores and attributions of groups, compared with a reference group. Protected columns need not be features.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// On which side of the threshold a decision is favourable; a prediction at the threshold counts as above.
    pub favourable: Side,
    /// Threshold of decisions, on the prediction: the probability in classification.
    #[serde(default = "threshold")]
    pub threshold: f64,
    /// Output that decides; needed where the model has several.
    #[serde(default)]
    pub output: Option<String>,
    /// Columns that divide the rows into groups.
    #[schemars(length(min = 1))]
    pub attributes: Vec<Attribute>,
    /// A file of protected columns, joined to the rows by their ids, where the data do not hold them.
    #[serde(default)]
    pub protected: Option<Protected>,
    /// Columns within whose values groups are compared again, such as what explains a decision: conditional rates, ratios and odds.
    #[serde(default)]
    pub strata: Vec<Stratum>,
    /// Sets of the attributes' columns whose combinations are groups too.
    #[serde(default)]
    pub intersections: Vec<Vec<String>>,
    /// Rows below which a number is not given: of the group, or of that part of it that the number is about.
    #[serde(default = "min_group")]
    #[schemars(range(min = 1))]
    pub min_group: u64,
    /// Principal reasons of every unfavourable decision; none where null.
    #[serde(default)]
    pub reasons: Option<Reasons>,
    /// Effects of features by group: partial dependence and accumulated local effects over each group's rows; none where null.
    #[serde(default)]
    pub effects: Option<Effects>,
    /// Whether attribution gaps are also given apart for rows of label 0 and rows of label 1.
    #[serde(default)]
    pub by_label: bool,
    /// Confidence level of the intervals, between 0 and 1.
    #[serde(default = "intervals")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub intervals: f64,
}

/// Principal reasons of every unfavourable decision, from Shapley values with the background's favourable decisions as the background.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Reasons {
    /// Reasons of a decision at most.
    pub top: NonZeroUsize,
    /// Texts by feature or feature group; `{value}` stands for its value, `{feature}` for its name.
    pub texts: BTreeMap<String, String>,
}

impl Default for Reasons {
    fn default() -> Self {
        Self { top: count(4), texts: BTreeMap::new() }
    }
}

/// Partial dependence and accumulated local effects of a few features over the rows of each group alone, at the same points for all groups.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct Effects {
    /// Features: all, those with the largest attribution gaps of an attribute, or some by name.
    pub features: Choice,
    /// Points of a number: quantiles of all rows, at most.
    pub points: NonZeroUsize,
    /// Rows of a group: all of a smaller group, a seeded sample of a larger one.
    pub rows: NonZeroUsize,
}

impl Default for Effects {
    fn default() -> Self {
        Self { features: Choice::Top(count(4)), points: count(20), rows: count(1000) }
    }
}

/// A file of protected columns: those of the attributes, strata and probabilities that it holds are read from it, all others from the data. It is
/// held in memory, and may take a quarter of `run.memory_limit`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Protected {
    /// Parquet file, directory or glob.
    #[schemars(extend("format" = "data-path"))]
    pub path: PathBuf,
    /// The column that holds the values of `data.id`, each once.
    pub id: String,
}

/// One column within whose values groups are compared.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Stratum {
    /// The column: text, a boolean or an integer; any number with `bins`.
    pub column: String,
    /// Ascending borders between bands of a number; a value on a border belongs to the band above.
    #[serde(default)]
    #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
    pub bins: Option<Vec<f64>>,
}

/// One column that divides the rows into groups.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Attribute {
    /// The column: text, a boolean or an integer; any number with `bins`; with `probabilities` only what the attribute is called.
    pub column: String,
    /// Group that the others are compared with; the largest where null.
    #[serde(default)]
    pub reference: Option<String>,
    /// Ascending borders between bands of a number; a value on a border belongs to the band above.
    #[serde(default)]
    #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
    pub bins: Option<Vec<f64>>,
    /// Where the groups are not known but likely: each group with the column of its probability, as of BISG. A row counts in every group by its share.
    #[serde(default)]
    #[schemars(extend("minProperties" = 1))]
    pub probabilities: Option<BTreeMap<String, String>>,
}

/// On which side of the threshold a decision is favourable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Side {
    /// Predictions below the threshold, as where a default is predicted.
    Below,
    /// Predictions at the threshold and above, as where success is predicted.
    Above,
}

fn threshold() -> f64 {
    0.5
}

fn min_group() -> u64 {
    30
}

fn intervals() -> f64 {
    0.95
}

impl Settings {
    /// Columns that are read beside the model's features.
    pub fn columns(&self) -> Vec<String> {
        let of = |attribute: &Attribute| match &attribute.probabilities {
            Some(columns) => columns.values().cloned().collect(),
            None => vec![attribute.column.clone()],
        };
        let strata = self.strata.iter().map(|stratum| stratum.column.clone());
        let columns: BTreeSet<String> = self.attributes.iter().flat_map(of).chain(strata).collect();
        columns.into_iter().collect()
    }

    /// Whether a prediction means a favourable decision.
    pub fn is_favourable(&self, prediction: f64) -> bool {
        match self.favourable {
            Side::Below => prediction < self.threshold,
            Side::Above => prediction >= self.threshold,
        }
    }

    /// Whether a favourable decision is right about this label.
    pub fn is_favourable_label(&self, label: f64) -> bool {
        match self.favourable {
            Side::Below => label == 0.0,
            Side::Above => label == 1.0,
        }
    }

    /// Checks that every text of a reason is about one of the explained features.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn check_texts(&self, features: &[&str]) -> Result<(), (String, String)> {
        let mut named = self.reasons.iter().flat_map(|reasons| reasons.texts.keys());
        match named.find(|name| !features.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let message = format!("is about no explained feature; they are {}", features.join(", "));
                Err((format!("fairness.reasons.texts.{name}"), message))
            }
        }
    }

    /// Checks that features whose effects are wanted exist.
    pub(in crate::derive) fn check_effects(&self, features: &[ExplainedFeature]) -> Result<(), Problem> {
        self.effects.as_ref().map_or(Ok(()), |effects| effects.features.check(features, true))
    }

    /// Checks that there is a label where one is needed.
    ///
    /// # Errors
    /// The key and what is wrong with it.
    pub fn check_label(&self, labelled: bool) -> Result<(), (String, String)> {
        match self.by_label && !labelled {
            true => Err(("fairness.by_label".into(), "needs data.label; name the column of labels, or leave it out".into())),
            false => Ok(()),
        }
    }

    /// The number of the output that decides, among the model's.
    ///
    /// # Errors
    /// If there are several and none is named, or there is none of that name: the key and what to do.
    pub fn output_index(&self, outputs: &[String]) -> Result<usize, (String, String)> {
        let choice = || format!("name one of {}", outputs.join(", "));
        match &self.output {
            None if outputs.len() == 1 => Ok(0),
            None => Err(("fairness.output".into(), format!("the model has {} outputs; {}", outputs.len(), choice()))),
            Some(name) => outputs
                .iter()
                .position(|output| output == name)
                .ok_or_else(|| ("fairness.output".into(), format!("the model has no output `{name}`; {}", choice()))),
        }
    }
}
