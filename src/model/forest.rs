//! The one tree form: every format is built into it, every explainer reads it.

use std::sync::Arc;

use super::link::Link;
use crate::dataset::{CategoryHashes, Encoding, FeatureRequest};

/// Floating-point width in which a library compares or sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl Width {
    /// `x` as this width stores it.
    pub fn round(self, x: f64) -> f64 {
        match self {
            Width::F32 => f64::from(x as f32),
            Width::F64 => x,
        }
    }
}

/// How the source library adds leaves up, so that its raw predictions can be reproduced bit for bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summation {
    /// Width of the running sum.
    pub width: Width,
    /// Whether the sum starts from the base margin (true) or the base is added to the finished sum (false).
    pub base_first: bool,
}

/// Which values of a feature count as missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// NaN is missing and takes a split's missing direction.
    Nan,
    /// NaN is read as zero; nothing is missing.
    NanIsZero,
    /// NaN and |x| ≤ [`ZERO`] are missing (LightGBM's `zero_as_missing`).
    ZeroOrNan,
}

/// The largest magnitude that LightGBM takes for zero: 1e−35 rounded to f32.
pub const ZERO: f64 = 1e-35_f32 as f64;

/// What kind of values a feature takes.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureKind {
    /// Compared with thresholds.
    Numeric,
    /// Codes 0, 1, …; names in code order where the model file knows them.
    Categorical {
        /// Category names in code order, if known.
        names: Option<Vec<String>>,
        /// Hashes of the categories' texts, if the library knows categories by them (CatBoost).
        hashes: Option<CategoryHashes>,
    },
}

/// One input of the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// Name, as in the dataset.
    pub name: String,
    /// Numeric or categorical.
    pub kind: FeatureKind,
    /// Which values are missing.
    pub missing: Missing,
    /// Whether splits see a value's integer part alone, so that −0.5 is category 0 (LightGBM).
    pub truncated: bool,
}

impl Feature {
    /// A numeric feature whose NaN is missing.
    pub fn numeric(name: impl Into<String>) -> Self {
        Self { name: name.into(), kind: FeatureKind::Numeric, missing: Missing::Nan, truncated: false }
    }

    /// Whether features have only their numbers for names, such as `f0`, `Column_0` or `0`.
    pub fn are_numbered(features: &[Self]) -> bool {
        let number = |feature: &Self| feature.name.trim_start_matches(|mark: char| !mark.is_ascii_digit()).parse().ok();
        features.iter().enumerate().all(|(index, feature)| number(feature) == Some(index))
    }

    /// A categorical feature whose NaN is missing.
    pub fn categorical(name: impl Into<String>, names: Option<Vec<String>>) -> Self {
        Self { name: name.into(), kind: FeatureKind::Categorical { names, hashes: None }, missing: Missing::Nan, truncated: false }
    }

    /// A categorical feature whose categories are known by the hashes of their texts; NaN is missing.
    pub fn hashed(name: impl Into<String>, names: Vec<String>, hashes: CategoryHashes) -> Self {
        let kind = FeatureKind::Categorical { names: Some(names), hashes: Some(hashes) };
        Self { name: name.into(), kind, missing: Missing::Nan, truncated: false }
    }

    /// What the dataset is asked for.
    pub fn request(&self) -> FeatureRequest {
        let encoding = match &self.kind {
            FeatureKind::Numeric => Encoding::Number,
            FeatureKind::Categorical { names, hashes: None } => Encoding::Category { names: names.clone() },
            FeatureKind::Categorical { names, hashes: Some(hashes) } => {
                Encoding::Hashed { names: names.clone().unwrap_or_default(), hashes: hashes.clone() }
            }
        };
        FeatureRequest { name: self.name.clone(), encoding }
    }

    /// Whether the feature is categorical.
    pub fn is_categorical(&self) -> bool {
        matches!(self.kind, FeatureKind::Categorical { .. })
    }

    /// The value that splits see, or `None` where it is missing.
    pub fn read(&self, x: f64) -> Option<f64> {
        let x = if self.truncated { x.trunc() } else { x };
        match self.missing {
            Missing::Nan => (!x.is_nan()).then_some(x),
            Missing::NanIsZero => Some(if x.is_nan() { 0.0 } else { x }),
            Missing::ZeroOrNan => (!x.is_nan() && x.abs() > ZERO).then_some(x),
        }
    }
}

/// The category code that a value stands for: its integer part, or `None` where it is negative, NaN or beyond `u32`.
pub fn category_code(x: f64) -> Option<u32> {
    (0.0..4_294_967_296.0).contains(&x).then_some(x as u32)
}

/// A set of category codes; clones share their memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CategorySet {
    codes: Arc<[u32]>,
}

impl CategorySet {
    /// Whether the code of `x` is in the set; what has no code is not (see [`category_code`]).
    pub fn contains(&self, x: f64) -> bool {
        category_code(x).is_some_and(|code| self.codes.binary_search(&code).is_ok())
    }

    /// The codes, ascending.
    pub fn codes(&self) -> impl Iterator<Item = u32> + '_ {
        self.codes.iter().copied()
    }
}

impl FromIterator<u32> for CategorySet {
    fn from_iter<I: IntoIterator<Item = u32>>(codes: I) -> Self {
        let mut codes: Vec<u32> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        Self { codes: codes.into() }
    }
}

/// The question a split asks; yes goes left.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// x < threshold, in the forest's comparison width.
    Less(f64),
    /// x ≤ threshold, in the forest's comparison width.
    LessOrEqual(f64),
    /// The category's code is in the set.
    In(CategorySet),
}

/// A split: a rule on one feature, and where missing values go.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Index into [`Forest::features`].
    pub feature: usize,
    /// The question; yes goes left.
    pub rule: Rule,
    /// Whether missing values go left.
    pub missing_left: bool,
    /// Left child, an index into [`Tree::nodes`] greater than the parent's.
    pub left: usize,
    /// Right child, an index into [`Tree::nodes`] greater than the parent's.
    pub right: usize,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// An inner node.
    Split(Split),
    /// A leaf, numbered from 0 within its tree.
    Leaf(usize),
}

/// One node of a tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Training weight that reached the node (see [`Cover`]); 0 where the forest has none.
    pub cover: f64,
    /// Split or leaf.
    pub kind: NodeKind,
}

/// Which outputs a tree's leaves add to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeOutput {
    /// One value a leaf, for this output.
    One(usize),
    /// A vector leaf: one value for every output.
    All,
}

/// A leaf's linear function of the features themselves (LightGBM's `linear_tree`): `constant + Σ coefficient · x`.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearLeaf {
    /// Its value where all of its features are 0.
    pub constant: f64,
    /// Features, as indices into [`Forest::features`], and their coefficients, in the order of summation.
    pub terms: Vec<(usize, f64)>,
}

impl LinearLeaf {
    /// The value at a row, summed in order; `None` where one of its features is NaN. What LightGBM takes for zero is zero (see [`ZERO`]).
    pub fn at(&self, value: impl Fn(usize) -> f64) -> Option<f64> {
        self.terms.iter().try_fold(self.constant, |total, (feature, coefficient)| {
            let x = value(*feature);
            let x = if x.abs() <= ZERO { 0.0 } else { x };
            (!x.is_nan()).then_some(total + coefficient * x)
        })
    }
}

/// A tree in preorder: the root is node 0 and children come after their parent.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// Nodes, in preorder.
    pub nodes: Vec<Node>,
    /// Leaf values, unscaled: `leaf · width + k`, where `width` is 1 or the number of outputs.
    pub leaf_values: Vec<f64>,
    /// Linear functions that replace the values of leaves wherever they have a value themselves: one a leaf, or none in all.
    pub linear: Vec<LinearLeaf>,
    /// Outputs that the leaves add to.
    pub output: TreeOutput,
    /// Factor on every leaf value (DART's tree weights; 1 elsewhere).
    pub scale: f64,
}

impl Tree {
    /// Number of leaves.
    pub fn leaves(&self) -> usize {
        self.nodes.len() / 2 + 1
    }

    /// Values a leaf holds.
    pub fn leaf_width(&self) -> usize {
        self.leaf_values.len() / self.leaves()
    }

    /// Edges on the longest path.
    pub fn depth(&self) -> usize {
        let mut depths = vec![0; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            if let NodeKind::Split(split) = &node.kind {
                depths[split.left] = depths[index] + 1;
                depths[split.right] = depths[index] + 1;
            }
        }
        depths.into_iter().max().unwrap_or(0)
    }
}

/// What a node's cover counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cover {
    /// Sum of the loss's second derivatives (XGBoost).
    Hessian,
    /// Number of training rows (LightGBM).
    Count,
    /// Sum of training weights (CatBoost).
    Weight,
    /// Recomputed on the background, since the file has none.
    Background,
    /// None known: path-dependent explanations are impossible.
    Absent,
}

/// A checked tree ensemble: `margin_k(x) = base_k + Σ_trees scale · leaf_k(x)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Forest {
    /// Inputs, in the model's order.
    pub features: Vec<Feature>,
    /// Output names: class names or 0-based indices.
    pub outputs: Vec<String>,
    /// Base margin of each output.
    pub base: Vec<f64>,
    /// Trees, in the library's order.
    pub trees: Vec<Tree>,
    /// From margins to predictions.
    pub link: Link,
    /// Width in which inputs are compared with thresholds.
    pub compare: Width,
    /// How the library sums.
    pub summation: Summation,
    /// What covers count.
    pub cover: Cover,
}

impl Forest {
    /// Whether a row's value `x` goes left at `split`.
    pub fn goes_left(&self, split: &Split, x: f64) -> bool {
        let Some(x) = self.features[split.feature].read(x) else { return split.missing_left };
        match &split.rule {
            Rule::Less(threshold) => self.compare.round(x) < *threshold,
            Rule::LessOrEqual(threshold) => self.compare.round(x) <= *threshold,
            Rule::In(set) => set.contains(self.compare.round(x)),
        }
    }

    /// The leaf of `tree` that a row reaches; `value(feature)` gives the row's values.
    pub fn leaf(&self, tree: &Tree, value: impl Fn(usize) -> f64) -> usize {
        self.leaf_below(tree, 0, value)
    }

    /// The leaf that a row which has come to `node` reaches.
    pub fn leaf_below(&self, tree: &Tree, mut node: usize, value: impl Fn(usize) -> f64) -> usize {
        loop {
            match &tree.nodes[node].kind {
                NodeKind::Leaf(leaf) => return *leaf,
                NodeKind::Split(split) => node = if self.goes_left(split, value(split.feature)) { split.left } else { split.right },
            }
        }
    }

    /// Nodes over all trees.
    pub fn nodes(&self) -> usize {
        self.trees.iter().map(|tree| tree.nodes.len()).sum()
    }

    /// Leaves over all trees.
    pub fn leaves(&self) -> usize {
        self.trees.iter().map(Tree::leaves).sum()
    }

    /// Edges on the longest path of any tree.
    pub fn depth(&self) -> usize {
        self.trees.iter().map(Tree::depth).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_code_is_the_integer_part_of_what_is_not_negative() {
        let codes = [(0.0, Some(0)), (-0.0, Some(0)), (2.7, Some(2)), (-0.5, None), (-1.0, None), (f64::NAN, None), (f64::INFINITY, None)];
        for (x, code) in codes {
            assert_eq!(category_code(x), code, "{x}");
        }
        assert_eq!(category_code(4_294_967_295.5), Some(u32::MAX));
        assert_eq!(category_code(4_294_967_296.0), None);
    }

    #[test]
    fn a_set_holds_its_codes_once_in_order_however_far_apart() {
        let set: CategorySet = [7, 0, u32::MAX, 7].into_iter().collect();
        assert_eq!(set.codes().collect::<Vec<_>>(), [0, 7, u32::MAX]);
        assert!(set.contains(7.9) && set.contains(-0.0));
        assert!(!set.contains(8.0) && !set.contains(-0.5) && !set.contains(f64::NAN));
        assert!(!CategorySet::default().contains(0.0));
    }
}
