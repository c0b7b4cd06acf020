//! A forest as a predictor: rows are quantised once, and every split decides a block of them with one comparison.

use std::sync::{Arc, OnceLock};

use super::block::{BLOCK, STRIDE};
use super::boxes::Boxes;
use super::compile::{Options, Route};
use super::group::group_whole;
use super::program::Program;
use super::shape::Shape;
use super::super_blocks;
use super::walk::{self, Margins, Waiting};
use crate::dataset::FeatureBlock;
use crate::model::{Forest, Output, PredictError, Predictor, apply_link};

/// Margins of a forest, equal to the bit to [`Forest::margins`], or its predictions through the link.
#[derive(Debug)]
pub struct ForestPredictor {
    forest: Arc<Forest>,
    space: Output,
    /// Made when first used; absent where the forest exceeds what patterns can hold: then trees are walked row by row.
    compiled: OnceLock<Option<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    shape: Shape,
    trees: Vec<Margins>,
}

/// Rows that one thread predicts at a time.
const ROWS: usize = 32 * BLOCK;

impl ForestPredictor {
    /// Of a forest, in one space.
    pub fn new(forest: Arc<Forest>, space: Output) -> Self {
        Self { forest, space, compiled: OnceLock::new() }
    }

    /// Margins in f64, `output · rows + row`.
    pub fn margins(&self, block: &FeatureBlock) -> Vec<f64> {
        let Some(compiled) = self.compiled.get_or_init(|| Compiled::new(&self.forest)) else { return self.forest.margins(block) };
        let rows = block.rows();
        let mut margins = vec![0.0; rows * self.forest.outputs.len()];
        let kept = margins.chunks_exact_mut(rows.max(1)).collect();
        super_blocks::compute(rows, ROWS, kept, |first, rows, out| compiled.add_margins(block, first, rows, out));
        margins
    }
}

impl Compiled {
    fn new(forest: &Arc<Forest>) -> Option<Self> {
        let shape = Shape::new(Arc::clone(forest), Options::default().instructions).ok()?;
        let compile = |tree| {
            let boxes = Boxes::new(tree);
            let program = Program::new(&boxes, &shape.cuts, &shape.layout);
            Margins::new(&boxes, program, group_whole(&boxes, Route::Cheapest.limits()).as_ref())
        };
        let trees = forest.trees.iter().map(compile).collect();
        Some(Self { shape, trees })
    }

    /// Adds the margins of some rows to zeros: `(block · outputs + output) · STRIDE + row`.
    fn add_margins(&self, block: &FeatureBlock, first: usize, rows: usize, out: &mut [f64]) {
        let base = &self.shape.forest.base;
        let blocks = self.shape.rank_blocks(block, first, rows);
        out.chunks_exact_mut(STRIDE).zip(base.iter().cycle()).for_each(|(margins, base)| margins.fill(*base));
        let mut waiting = Waiting::default();
        for trees in self.trees.chunks(walk::TOGETHER) {
            for (ranks, out) in blocks.iter().zip(out.chunks_exact_mut(base.len() * STRIDE)) {
                Margins::add_all(trees, &self.shape.kernels, ranks, &mut waiting, out);
            }
        }
    }
}

impl Predictor for ForestPredictor {
    fn outputs(&self) -> &[String] {
        &self.forest.outputs
    }

    fn predict(&self, block: &FeatureBlock) -> Result<Vec<f64>, PredictError> {
        let mut values = self.margins(block);
        if self.space == Output::Probability {
            apply_link(self.forest.link, block.rows(), &mut values);
        }
        Ok(values)
    }
}
