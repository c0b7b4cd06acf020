//! How predictions change as a row moves along two features at once, evaluating no tree that cannot change.

use std::sync::Arc;

use crate::dataset::FeatureBlock;
use crate::model::{Forest, Link, NodeKind, Output, PredictError, Predictor, Tree, leaf_outputs};
use crate::subject::Subject;

/// The model as effects evaluate it.
pub(in crate::derive) enum Model {
    /// Trees, in margin space or through a link.
    Forest(Arc<Forest>, Option<Link>),
    /// Anything else.
    Any(Arc<dyn Predictor>),
}

/// A block of rows that lie in memory row after row, so that walking a tree touches few lines of it.
pub(in crate::derive) struct RowMajor<'a> {
    block: &'a FeatureBlock,
    values: Vec<f64>,
}

/// Moved features.
const D: usize = 2;

/// Variants of a row: the corners of a rectangle.
const N: usize = 4;

/// One row, moved: `values[d][v]` is what variant `v` has for the `d`-th moved feature.
#[derive(Clone, Copy, Debug)]
pub(in crate::derive) struct Shift<'a> {
    /// The row, in its block.
    pub row: usize,
    /// The only trees that can differ between the row and its variants.
    pub trees: &'a [u32],
    /// Values of the moved features.
    pub values: [[f64; N]; D],
}

impl<'a> RowMajor<'a> {
    /// A block, transposed.
    pub fn new(block: &'a FeatureBlock) -> Self {
        let (rows, features) = (block.rows(), block.features());
        let mut values = vec![0.0; rows * features];
        for feature in 0..features {
            values.iter_mut().skip(feature).step_by(features).zip(block.column(feature)).for_each(|(to, from)| *to = *from);
        }
        Self { block, values }
    }

    fn row(&self, row: usize) -> &[f64] {
        let features = self.block.features();
        &self.values[row * features..(row + 1) * features]
    }
}

impl Model {
    /// The subject's model in the space that its predictor predicts in.
    pub fn new(subject: &Subject) -> Self {
        match (&subject.forest, subject.space) {
            (Some(forest), _) if forest.trees.iter().any(|tree| !tree.linear.is_empty()) => Self::Any(Arc::clone(&subject.predictor)),
            (None, _) => Self::Any(Arc::clone(&subject.predictor)),
            (Some(forest), Output::Margin) => Self::Forest(Arc::clone(forest), None),
            (Some(forest), Output::Probability) => {
                let link = Some(forest.link).filter(|link| *link != Link::Identity);
                Self::Forest(Arc::clone(forest), link)
            }
        }
    }

    /// Whether the rows' own margins are needed.
    pub fn wants_margins(&self) -> bool {
        matches!(self, Self::Forest(_, Some(_)))
    }

    /// Whether margins add up tree by tree, so that a tree without one of two features knows no interaction of them.
    pub fn is_additive(&self) -> bool {
        matches!(self, Self::Forest(_, None))
    }

    /// Trees in which some split on `column` tells some of these values apart.
    pub fn movers(&self, column: usize, values: &[f64]) -> Vec<u32> {
        let Self::Forest(forest, _) = self else { return Vec::new() };
        let differs = |tree: &Tree| {
            tree.nodes.iter().any(|node| match &node.kind {
                NodeKind::Split(split) if split.feature == column => {
                    let left = values.iter().filter(|value| forest.goes_left(split, **value)).count();
                    left > 0 && left < values.len()
                }
                _ => false,
            })
        };
        (0_u32..).zip(&forest.trees).filter(|(_, tree)| differs(tree)).map(|(index, _)| index).collect()
    }

    /// `Σ_v signs_v · f(variant v)` of every shift, `output · shifts + shift`; the signs add up to zero.
    ///
    /// `margins` are the rows' own, `output · rows + row`, where they are wanted.
    ///
    /// # Errors
    /// If the model cannot be evaluated.
    pub fn contrasts(
        &self,
        rows: &RowMajor,
        margins: &[f64],
        columns: [usize; D],
        shifts: &[Shift<'_>],
        signs: [f64; N],
    ) -> Result<Vec<f64>, PredictError> {
        match self {
            Self::Forest(forest, None) => Ok(sums(forest, rows, columns, shifts, signs)),
            Self::Forest(forest, Some(link)) => Ok(linked(forest, *link, rows, margins, columns, shifts, signs)),
            Self::Any(predictor) => predicted(&**predictor, rows.block, columns, shifts, signs),
        }
    }
}

/// The leaves that the variants of a row reach in a tree: one walk until they part.
fn leaves(forest: &Forest, tree: &Tree, row: &[f64], columns: [usize; D], values: &[[f64; N]; D]) -> [usize; N] {
    let value = |variant: usize, feature: usize| match columns.iter().position(|column| *column == feature) {
        Some(moved) => values[moved][variant],
        None => row[feature],
    };
    let mut node = 0;
    loop {
        let split = match &tree.nodes[node].kind {
            NodeKind::Leaf(leaf) => return [*leaf; N],
            NodeKind::Split(split) => split,
        };
        let left = forest.goes_left(split, value(0, split.feature));
        let parts = || (1..N).any(|variant| forest.goes_left(split, value(variant, split.feature)) != left);
        if columns.contains(&split.feature) && parts() {
            return std::array::from_fn(|variant| forest.leaf_below(tree, node, |feature| value(variant, feature)));
        }
        node = if left { split.left } else { split.right };
    }
}

/// In margin space: leaves alone, the base and the other trees cancel.
fn sums(forest: &Forest, rows: &RowMajor, columns: [usize; D], shifts: &[Shift<'_>], signs: [f64; N]) -> Vec<f64> {
    let mut contrasts = vec![0.0; forest.outputs.len() * shifts.len()];
    for (at, shift) in shifts.iter().enumerate() {
        let row = rows.row(shift.row);
        for tree in shift.trees.iter().filter_map(|tree| forest.trees.get(*tree as usize)) {
            let leaves = leaves(forest, tree, row, columns, &shift.values);
            if leaves.iter().all(|leaf| *leaf == leaves[0]) {
                continue;
            }
            for (leaf, sign) in leaves.into_iter().zip(signs) {
                leaf_outputs(tree, leaf).for_each(|(output, value)| contrasts[output * shifts.len() + at] += sign * tree.scale * value);
            }
        }
    }
    contrasts
}

/// Through the link: the row's own margins, and how they change.
fn linked(
    forest: &Forest,
    link: Link,
    rows: &RowMajor,
    margins: &[f64],
    columns: [usize; D],
    shifts: &[Shift<'_>],
    signs: [f64; N],
) -> Vec<f64> {
    let (outputs, count) = (forest.outputs.len(), rows.block.rows());
    let mut contrasts = vec![0.0; outputs * shifts.len()];
    let mut variants = vec![[0.0; N]; outputs];
    let mut predictions = vec![0.0; outputs];
    for (at, shift) in shifts.iter().enumerate() {
        let row = rows.row(shift.row);
        variants.iter_mut().enumerate().for_each(|(output, variants)| *variants = [margins[output * count + shift.row]; N]);
        for tree in shift.trees.iter().filter_map(|tree| forest.trees.get(*tree as usize)) {
            let own = forest.leaf(tree, |feature| row[feature]);
            let leaves = leaves(forest, tree, row, columns, &shift.values);
            for (variant, leaf) in leaves.into_iter().enumerate().filter(|(_, leaf)| *leaf != own) {
                leaf_outputs(tree, own).for_each(|(output, value)| variants[output][variant] -= tree.scale * value);
                leaf_outputs(tree, leaf).for_each(|(output, value)| variants[output][variant] += tree.scale * value);
            }
        }
        for (variant, sign) in signs.into_iter().enumerate() {
            predictions.iter_mut().zip(&variants).for_each(|(prediction, variants)| *prediction = variants[variant]);
            link.apply(&mut predictions);
            predictions.iter().enumerate().for_each(|(output, value)| contrasts[output * shifts.len() + at] += sign * value);
        }
    }
    contrasts
}

/// By predicting every variant of every row.
fn predicted(
    predictor: &dyn Predictor,
    block: &FeatureBlock,
    columns: [usize; D],
    shifts: &[Shift<'_>],
    signs: [f64; N],
) -> Result<Vec<f64>, PredictError> {
    let mut contrasts = vec![0.0; predictor.outputs().len() * shifts.len()];
    for (variant, sign) in signs.into_iter().enumerate() {
        let column = |feature: usize| -> Vec<f64> {
            match columns.iter().position(|column| *column == feature) {
                Some(moved) => shifts.iter().map(|shift| shift.values[moved][variant]).collect(),
                None => shifts.iter().map(|shift| block.column(feature)[shift.row]).collect(),
            }
        };
        let moved = FeatureBlock::new(shifts.len(), (0..block.features()).flat_map(column).collect());
        let predictions = predictor.predict(&moved)?;
        contrasts.iter_mut().zip(predictions).for_each(|(contrast, prediction)| *contrast += sign * prediction);
    }
    Ok(contrasts)
}
