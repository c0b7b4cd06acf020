//! Forests that were fitted here: our own JSON, described in `docs/formats.md`.
//!
//! A split asks `x ≤ threshold` in f64; whatever does not answer yes, NaN included, goes right. A categorical feature's threshold is on its
//! codes, and is read as the set of codes up to it.

use serde::{Deserialize, Serialize};

use crate::model::builder::{ForestBuilder, RawNode, RawTree};
use crate::model::error::ReadError;
use crate::model::forest::{CategorySet, Cover, Feature, Forest, Rule, Summation, TreeOutput, Width};
use crate::model::{Card, Link, Model, Task, TrainSettings};

use super::{Format, Iterations, json};

/// The registry's entry.
pub(super) const FORMAT: Format = Format { name: "pipeline", about: "forests that `model.train` fitted", recognise, read };

/// Version of the format.
pub const VERSION: u32 = 1;

/// Classes that a label may have; leaves hold a number for each.
pub const MOST_CLASSES: usize = 100;

/// Categories that a feature may have; splits hold sets of them.
pub const MOST_CATEGORIES: usize = 1000;

/// How much of a file's beginning names its format.
const HEAD: usize = 64;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Version of the format; the first key of the file.
    pub pipeline_model: u32,
    /// Library that fitted the trees, and its version.
    pub library: String,
    /// Labels in ascending order, one a class; none for a quantity.
    pub classes: Vec<String>,
    /// Inputs, in the order of their numbers in splits.
    pub features: Vec<DocumentFeature>,
    /// How the forest was fitted.
    pub training: Training,
    /// Trees as lists of nodes; the root is node 0.
    pub trees: Vec<Vec<DocumentNode>>,
}

/// An input.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentFeature {
    /// Name of its column.
    pub name: String,
    /// Names in code order, of a categorical feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum DocumentNode {
    /// Asks whether `x ≤ threshold`.
    Split {
        /// Number of the feature.
        feature: usize,
        /// Threshold in f64.
        threshold: f64,
        /// Node for yes.
        left: usize,
        /// Node for no, and for missing values.
        right: usize,
        /// Fitted rows that come by, each counted once.
        rows: u64,
    },
    /// Ends a path.
    Leaf {
        /// Number of the class that the tree votes for, or its estimate of the quantity.
        value: f64,
        /// Fitted rows that end here, each counted once.
        rows: u64,
    },
}

/// How a forest was fitted.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Column of the label.
    pub label: String,
    /// Column of weights, which were used neither in fitting nor in scoring.
    pub ignored_weight: Option<String>,
    /// Settings, the seed filled in.
    pub settings: TrainSettings,
    /// Rows that were fitted.
    pub rows: u64,
    /// Rows that were held out.
    pub held_out: u64,
    /// Rows without a label, which were left out.
    pub unlabelled: u64,
    /// Held-out rows whose label no fitted row has.
    pub unknown_labels: u64,
    /// Score on the held-out rows.
    pub score: Score,
}

/// A score on held-out rows.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// `auc`, `accuracy` or `r2`.
    pub metric: String,
    /// Its value; none where it is not defined on these rows.
    pub value: Option<f64>,
}

/// The document as a file's bytes: a line for each tree, so that versions can be compared.
///
/// # Errors
/// None, unless serialization fails.
pub fn encode(document: &Document) -> serde_json::Result<Vec<u8>> {
    let head = serde_json::to_string_pretty(&Document { trees: Vec::new(), ..document.clone() })?;
    let trees = document.trees.iter().map(serde_json::to_string).collect::<serde_json::Result<Vec<_>>>()?;
    let head = head.strip_suffix("[]\n}").unwrap_or(&head);
    Ok(format!("{head}[\n    {}\n  ]\n}}\n", trees.join(",\n    ")).into_bytes())
}

/// The model that a document's bytes describe.
///
/// # Errors
/// If they break the format's rules, or more trees are asked for than there are.
pub fn read(bytes: &[u8], iterations: Iterations) -> Result<Model, ReadError> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| ReadError::Malformed(error.to_string()))?;
    if document.pipeline_model != VERSION {
        let message =
            format!("version {} of the format is not known, {VERSION} is; use the program that wrote it", document.pipeline_model);
        return Err(ReadError::Unsupported(message));
    }
    let rounds = document.trees.len();
    let rounds_used = iterations.rounds(rounds, None)?;
    let votes = Votes::of(&document)?;
    let trees = u32::try_from(rounds_used).ok().filter(|trees| *trees > 0);
    let trees = trees.ok_or_else(|| ReadError::Malformed(format!("has {rounds_used} trees")))?;
    let mut builder = ForestBuilder::new(Forest {
        features: document.features.iter().map(feature).collect::<Result<_, _>>()?,
        outputs: votes.outputs(&document.classes),
        base: vec![0.0; votes.outputs(&document.classes).len()],
        trees: Vec::new(),
        link: if votes == Votes::None { Link::Mean(trees) } else { Link::VoteShare(trees) },
        compare: Width::F64,
        summation: Summation { width: Width::F64, base_first: true },
        cover: Cover::Count,
    })?;
    for (index, nodes) in document.trees.iter().take(rounds_used).enumerate() {
        let fail = |node: usize, message: String| ReadError::Malformed(format!("tree {index}, node {node}: {message}"));
        let raw = |(node, kind)| raw_node(kind, votes, &document.features).map_err(|message| fail(node, message));
        let output = if matches!(votes, Votes::Each(_)) { TreeOutput::All } else { TreeOutput::One(0) };
        builder.add(&RawTree { nodes: nodes.iter().enumerate().map(raw).collect::<Result<_, _>>()?, output, scale: 1.0 })?;
    }
    Ok(Model { forest: builder.finish(), card: card(&document, rounds, rounds_used) })
}

fn recognise(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    json::recognise(bytes) && head.windows(16).any(|found| found == b"\"pipeline_model\"")
}

/// What leaves vote for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Votes {
    /// Nothing: they hold a quantity.
    None,
    /// The second of two classes, in one output.
    Second,
    /// One of several classes, in an output for each.
    Each(usize),
}

impl Votes {
    fn of(document: &Document) -> Result<Self, ReadError> {
        match (document.training.settings.task, document.classes.len()) {
            (Task::Regression, 0) => Ok(Votes::None),
            (Task::Classification, 2) => Ok(Votes::Second),
            (Task::Classification, classes @ 3..=MOST_CLASSES) => Ok(Votes::Each(classes)),
            (task, classes) => Err(ReadError::Malformed(format!(
                "{classes} classes do not fit {}: it takes {}",
                task.name(),
                if task == Task::Regression { "none".into() } else { format!("2 to {MOST_CLASSES}") }
            ))),
        }
    }

    fn outputs(self, classes: &[String]) -> Vec<String> {
        match self {
            Votes::None => vec!["0".into()],
            Votes::Second => classes.iter().skip(1).cloned().collect(),
            Votes::Each(_) => classes.to_vec(),
        }
    }

    /// A leaf's values for the outputs.
    fn values(self, value: f64) -> Result<Vec<f64>, String> {
        let classes = match self {
            Votes::None => return Ok(vec![value]),
            Votes::Second => 2,
            Votes::Each(classes) => classes,
        };
        let ballots: Vec<f64> = (0..classes).map(|class| f64::from(u8::from(class as f64 == value))).collect();
        match ballots.iter().sum::<f64>() {
            1.0 => Ok(if self == Votes::Second { ballots[1..].to_vec() } else { ballots }),
            _ => Err(format!("value {value} is not the number of one of {classes} classes")),
        }
    }
}

fn feature(feature: &DocumentFeature) -> Result<Feature, ReadError> {
    match &feature.categories {
        None => Ok(Feature::numeric(&feature.name)),
        Some(names) if names.len() <= MOST_CATEGORIES => Ok(Feature::categorical(&feature.name, Some(names.clone()))),
        Some(names) => {
            let message = format!("feature `{}` has {} categories, more than {MOST_CATEGORIES}", feature.name, names.len());
            Err(ReadError::Malformed(message))
        }
    }
}

fn raw_node(node: &DocumentNode, votes: Votes, features: &[DocumentFeature]) -> Result<RawNode, String> {
    Ok(match *node {
        DocumentNode::Split { feature, threshold, left, right, rows } => {
            let rule = match features.get(feature).and_then(|feature| feature.categories.as_ref()) {
                Some(names) => Rule::In(codes_up_to(threshold, names.len())?),
                // The builder refuses a feature that does not exist.
                None => Rule::LessOrEqual(threshold),
            };
            RawNode::Split { feature, rule, missing_left: false, left, right, cover: rows as f64 }
        }
        DocumentNode::Leaf { value, rows } => RawNode::Leaf { values: votes.values(value)?, cover: rows as f64 },
    })
}

/// The codes of `categories` that are up to a threshold.
fn codes_up_to(threshold: f64, categories: usize) -> Result<CategorySet, String> {
    if !(0.0..categories as f64).contains(&threshold) {
        return Err(format!("threshold {threshold} parts none of {categories} categories"));
    }
    Ok((0..=threshold as u32).collect())
}

fn card(document: &Document, rounds: usize, rounds_used: usize) -> Card {
    let Training { label, ignored_weight, settings, rows, held_out, unlabelled, unknown_labels, score } = &document.training;
    let value = score.value.map_or("not defined".into(), |value| format!("{value:.4}"));
    let seed = settings.seed.map_or(String::new(), |seed| format!(", seed {seed}"));
    let mut notes = vec![
        format!("fitted to `{label}` on {rows} rows{seed}; {} on {held_out} rows held out: {value}", score.metric),
        match settings.task {
            Task::Classification => "margins and attributions count the trees' votes; predictions are shares of votes".into(),
            Task::Regression => "margins and attributions are of the sum over trees; predictions are its mean".into(),
        },
        "covers count the fitted rows, each once, whatever was drawn for a tree; missing values go right".into(),
    ];
    if *unlabelled > 0 {
        notes.push(format!("{unlabelled} rows without a label were neither fitted nor scored"));
    }
    if let Some(weight) = ignored_weight {
        notes.push(format!("the weights in `{weight}` were used neither in fitting nor in scoring"));
    }
    if *unknown_labels > 0 {
        notes.push(format!("{unknown_labels} rows held out have a label that no fitted row has; no prediction of them can be right"));
    }
    if document.features.iter().any(|feature| feature.categories.is_some()) {
        notes.push("categories were split by the order of their codes; unknown ones go right".into());
    }
    Card {
        format: FORMAT.name.into(),
        version: Some(document.pipeline_model.to_string()),
        objective: format!("random forest {} by {}", settings.task.name(), document.library),
        best_iteration: None,
        rounds,
        rounds_used,
        notes,
    }
}
