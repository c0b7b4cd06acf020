//! Margins of a forest: in the source library's own arithmetic, and in f64.

use super::forest::{Forest, Tree, TreeOutput, Width};
use super::link::Link;
use crate::dataset::FeatureBlock;

impl Forest {
    /// Margins in f64: `base_k + Σ scale · leaf_k`, summed in tree order, linear leaves included; laid out `output · rows + row`.
    pub fn margins(&self, block: &FeatureBlock) -> Vec<f64> {
        let mut margins = self.start(block, true);
        self.add_trees(block, &mut margins, |total, leaf, scale| total + leaf * scale);
        margins
    }

    /// Margins bit for bit as the source library computes them, widened to f64; laid out `output · rows + row`.
    pub fn native_margins(&self, block: &FeatureBlock) -> Vec<f64> {
        let mut margins = self.start(block, self.summation.base_first);
        match self.summation.width {
            Width::F64 => self.add_trees(block, &mut margins, |total, leaf, scale| total + leaf * scale),
            Width::F32 => self.add_trees(block, &mut margins, |total, leaf, scale| f64::from(total as f32 + leaf as f32 * scale as f32)),
        }
        if !self.summation.base_first {
            let round = |x| self.summation.width.round(x);
            for (output, column) in margins.chunks_mut(block.rows().max(1)).enumerate() {
                column.iter_mut().for_each(|margin| *margin = round(*margin + round(self.base[output])));
            }
        }
        margins
    }

    /// Predictions in f64, through the link; laid out `output · rows + row`.
    pub fn predictions(&self, block: &FeatureBlock) -> Vec<f64> {
        let mut values = self.margins(block);
        apply_link(self.link, block.rows(), &mut values);
        values
    }

    fn start(&self, block: &FeatureBlock, with_base: bool) -> Vec<f64> {
        self.base.iter().flat_map(|base| std::iter::repeat_n(if with_base { *base } else { 0.0 }, block.rows())).collect()
    }

    fn add_trees(&self, block: &FeatureBlock, margins: &mut [f64], add: impl Fn(f64, f64, f64) -> f64) {
        let rows = block.rows();
        for tree in &self.trees {
            for row in 0..rows {
                let value = |feature: usize| block.column(feature)[row];
                let leaf = self.leaf(tree, value);
                let linear = tree.linear.get(leaf).and_then(|linear| linear.at(value));
                for (output, constant) in leaf_outputs(tree, leaf) {
                    let margin = &mut margins[output * rows + row];
                    *margin = add(*margin, linear.unwrap_or(constant), tree.scale);
                }
            }
        }
    }
}

/// Turns margins laid out `output · rows + row` into predictions, in place.
pub fn apply_link(link: Link, rows: usize, values: &mut [f64]) {
    let outputs = values.len().checked_div(rows).unwrap_or(0);
    let mut row_values = vec![0.0; outputs];
    for row in 0..rows {
        (0..outputs).for_each(|output| row_values[output] = values[output * rows + row]);
        link.apply(&mut row_values);
        (0..outputs).for_each(|output| values[output * rows + row] = row_values[output]);
    }
}

/// (output, unscaled value) pairs of a leaf.
pub fn leaf_outputs(tree: &Tree, leaf: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
    let width = tree.leaf_width();
    let first = match tree.output {
        TreeOutput::One(output) => output,
        TreeOutput::All => 0,
    };
    tree.leaf_values[leaf * width..(leaf + 1) * width].iter().enumerate().map(move |(k, value)| (first + k, *value))
}
