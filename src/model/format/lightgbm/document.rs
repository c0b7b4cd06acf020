//! What a LightGBM file says, the same for its text and its JSON dump.

use serde_json::Value;

use crate::model::forest::{LinearLeaf, Rule};

/// The whole file.
#[derive(Debug)]
pub(super) struct Document {
    /// Of the format: `v3`, `v4`.
    pub version: String,
    /// Name and parameters as the file words them; none for an objective of the user's own.
    pub objective: Option<String>,
    /// `gbdt`, `dart`, `rf`, where the file says.
    pub boosting: Option<String>,
    /// Whether predictions are of the mean over boosting rounds.
    pub averaged: bool,
    /// Trees a round, one for each output.
    pub outputs: usize,
    pub features: Vec<FileFeature>,
    /// Categories of the columns that were categorical in pandas, in those columns' order.
    pub pandas_categories: Vec<Vec<String>>,
    pub trees: Vec<FileTree>,
}

/// An input.
#[derive(Debug)]
pub(super) struct FileFeature {
    pub name: String,
    pub declared: Declared,
}

/// What the file says of an input's training values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    Numeric {
        /// One more than the largest, where all may be codes: the least and the largest are whole and not negative.
        codes: Option<usize>,
    },
    Categorical {
        /// One more than the largest code.
        codes: usize,
    },
    /// No split was possible.
    Unused,
}

impl Declared {
    /// Numbers between these.
    pub fn numeric(least: f64, largest: f64) -> Self {
        let are_codes = least >= 0.0 && largest < f64::from(i32::MAX) && least.fract() == 0.0 && largest.fract() == 0.0;
        Self::Numeric { codes: are_codes.then(|| largest as usize + 1) }
    }

    /// These codes; −1 stands for NaN and rare ones.
    pub fn categorical(codes: impl Iterator<Item = i64>) -> Self {
        let codes = codes.filter_map(|code| usize::try_from(code).ok()).map(|code| code.saturating_add(1));
        Self::Categorical { codes: codes.max().unwrap_or(0) }
    }
}

/// A tree; the root is node 0.
#[derive(Debug)]
pub(super) struct FileTree {
    pub nodes: Vec<FileNode>,
    /// Whether counts of training rows are known.
    pub counted: bool,
}

#[derive(Debug)]
pub(super) enum FileNode {
    Split(FileSplit),
    Leaf {
        value: f64,
        count: f64,
        /// What replaces the value where it has one itself (`linear_tree`).
        linear: Option<LinearLeaf>,
    },
}

/// A split; yes goes left.
#[derive(Debug)]
pub(super) struct FileSplit {
    pub feature: usize,
    pub rule: Rule,
    pub missing: MissingType,
    pub default_left: bool,
    pub left: usize,
    pub right: usize,
    pub count: f64,
}

/// Which values take a split's default direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingType {
    /// None; NaN is read as zero.
    None,
    /// Zero, and NaN, which is read as zero.
    Zero,
    /// NaN.
    Nan,
}

impl FileTree {
    /// A tree whose counts are known if `counted`, and if they count anything: a root that splits no rows tells of no counts.
    pub fn new(nodes: Vec<FileNode>, counted: bool) -> Self {
        let empty_root = matches!(nodes.first(), Some(FileNode::Split(split)) if split.count == 0.0);
        Self { nodes, counted: counted && !empty_root }
    }

    /// Whether some leaf's value depends on features: `linear_tree` writes functions of none, too.
    pub fn is_linear(&self) -> bool {
        let has_terms = |leaf: &LinearLeaf| !leaf.terms.is_empty();
        self.nodes.iter().any(|node| matches!(node, FileNode::Leaf { linear: Some(linear), .. } if has_terms(linear)))
    }

    /// The splits with their nodes' numbers.
    pub fn splits(&self) -> impl Iterator<Item = (usize, &FileSplit)> {
        self.nodes.iter().enumerate().filter_map(|(node, kind)| match kind {
            FileNode::Split(split) => Some((node, split)),
            FileNode::Leaf { .. } => None,
        })
    }
}

/// Category names as pandas has them, in text: strings as they are, integers in decimal, floats as Rust writes them, `true` and `false`.
pub(super) fn category_names(lists: Option<Vec<Vec<Value>>>) -> Vec<Vec<String>> {
    let name = |value: Value| match value {
        Value::String(name) => name,
        Value::Number(number) if !number.is_i64() && !number.is_u64() => format!("{:?}", number.as_f64().unwrap_or(f64::NAN)),
        other => other.to_string(),
    };
    lists.unwrap_or_default().into_iter().map(|list| list.into_iter().map(name).collect()).collect()
}
