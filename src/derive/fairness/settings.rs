//! What can be chosen about the fairness review: the `fairness` section of the config.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
        Self { top: NonZeroUsize::MIN.saturating_add(3), texts: BTreeMap::new() }
    }
}

/// One column that divides the rows into groups.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct Attribute {
    /// The column: text, a boolean or an integer; any number with `bins`.
    pub column: String,
    /// Group that the others are compared with; the largest where null.
    #[serde(default)]
    pub reference: Option<String>,
    /// Ascending borders between bands of a number; a value on a border belongs to the band above.
    #[serde(default)]
    #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
    pub bins: Option<Vec<f64>>,
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
        self.attributes.iter().map(|attribute| attribute.column.clone()).collect()
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
