//! A CatBoost model's contents as typed data, the same for JSON and `.cbm`.

use std::collections::BTreeMap;

/// The whole model.
#[derive(Debug)]
pub(super) struct Document {
    /// Features that are compared with borders, in the order of their indices.
    pub floats: Vec<FloatFeature>,
    /// Features of categories, in the order of their indices.
    pub categoricals: Vec<Place>,
    pub one_hots: Vec<OneHot>,
    pub ctrs: Vec<Ctr>,
    pub tables: BTreeMap<TableKey, Table>,
    /// Texts of categories by hash, where the file has any.
    pub texts: BTreeMap<u32, String>,
    pub trees: Vec<SourceTree>,
    pub scale: f64,
    /// Empty for zero, or one for each output.
    pub bias: Vec<f64>,
    pub info: Info,
}

/// Where a feature stands among all columns, and its name.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub flat: usize,
    pub name: String,
}

/// A feature that is compared with borders.
#[derive(Debug)]
pub(super) struct FloatFeature {
    pub place: Place,
    pub borders: Vec<f32>,
    /// Whether NaN is above all borders; else it is below.
    pub nan_above: bool,
}

/// The categories of a feature that splits test one by one.
#[derive(Debug)]
pub(super) struct OneHot {
    /// Index among the categorical features.
    pub feature: usize,
    /// Hashes of the categories' texts.
    pub hashes: Vec<u32>,
}

/// Statistics of the training target by category, compared with borders.
#[derive(Debug)]
pub(super) struct Ctr {
    pub source: Combination,
    pub kind: CtrKind,
    pub target_border: usize,
    pub prior_numerator: f32,
    pub prior_denominator: f32,
    pub shift: f32,
    pub scale: f32,
    pub borders: Vec<f32>,
}

/// The features whose values together are a CTR's category.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Combination {
    /// Indices among the categorical features.
    pub categoricals: Vec<usize>,
    /// Indices among the float features whose comparisons take part.
    pub floats: Vec<usize>,
    /// Indices among the categorical features of which single categories take part.
    pub one_hots: Vec<usize>,
}

/// What a CTR counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
pub(super) enum CtrKind {
    /// Share of targets above a border.
    Borders,
    /// Share of targets in a bucket.
    Buckets,
    /// Mean of the target's buckets.
    BinarizedTargetMeanValue,
    /// Mean target.
    FloatTargetMeanValue,
    /// Rows of the category against those of the largest.
    Counter,
    /// Rows of the category against all.
    FeatureFreq,
}

/// Categories with statistics that several CTRs may share.
pub(super) type TableKey = (Combination, CtrKind);

/// Statistics of each category.
#[derive(Debug)]
pub(super) struct Table {
    /// Hashes of the categories, of which u64::MAX stands for none, and the row of each.
    pub categories: Vec<(u64, usize)>,
    /// `row · width + k`; where classes of the target are counted, how many are of class k or a later one.
    pub counts: Vec<f64>,
    pub width: usize,
    pub denominator: i32,
}

impl Table {
    /// A table from numbers as files hold them: by class of the target, where classes are counted.
    pub fn new(kind: CtrKind, categories: Vec<(u64, usize)>, mut counts: Vec<f64>, width: usize, denominator: i32) -> Self {
        if matches!(kind, CtrKind::Borders | CtrKind::Buckets) {
            for row in counts.chunks_mut(width.max(1)) {
                (1..row.len()).rev().for_each(|class| row[class - 1] += row[class]);
            }
        }
        Self { categories, counts, width, denominator }
    }
}

/// A tree: its splits, leaf values and leaf weights.
#[derive(Debug)]
pub(super) struct SourceTree {
    pub shape: Shape,
    /// `leaf · outputs + output`.
    pub values: Vec<f64>,
    /// One for each leaf; empty where the file has none.
    pub weights: Vec<f64>,
}

/// Splits by their number in [`super::bins`], bits of a leaf's index, or nodes.
#[derive(Debug)]
pub(super) enum Shape {
    /// One split for each bit of a leaf's index, lowest first.
    Oblivious(Vec<usize>),
    /// The root is node 0.
    Nodes(Vec<SourceNode>),
}

/// A node of a tree that is not oblivious.
#[derive(Debug)]
pub(super) enum SourceNode {
    /// Where the bit of the split is clear and where it is set.
    Split { bin: usize, clear: usize, set: usize },
    /// Number of the leaf.
    Leaf(usize),
}

/// What is known of the training.
#[derive(Debug, Default)]
pub(super) struct Info {
    /// Loss function with its parameters, as CatBoost writes it.
    pub loss: Option<String>,
    /// Names of the classes.
    pub classes: Vec<String>,
    pub version: Option<String>,
}
