//! Covers of models whose files hold none, counted on the background.

use std::sync::Arc;

use super::forest::{Cover, Forest, NodeKind};
use crate::dataset::FeatureBlock;

/// Adds up the weight of the rows that reach each node; a fold over the background, in row order.
#[derive(Clone, Debug)]
pub struct CoverCounter {
    forest: Arc<Forest>,
    /// By tree and node.
    weights: Vec<Vec<f64>>,
    total: f64,
}

impl CoverCounter {
    /// Starts from zero everywhere.
    pub fn new(forest: Arc<Forest>) -> Self {
        let weights = forest.trees.iter().map(|tree| vec![0.0; tree.nodes.len()]).collect();
        Self { forest, weights, total: 0.0 }
    }

    /// The forest whose nodes are counted.
    pub fn forest(&self) -> &Forest {
        &self.forest
    }

    /// The weight of all rows counted.
    pub fn weight(&self) -> f64 {
        self.total
    }

    /// Counts rows, each with its weight or once.
    pub fn count(&mut self, block: &FeatureBlock, weights: Option<&[f64]>) {
        self.total += weights.map_or(block.rows() as f64, |weights| weights.iter().sum());
        for (tree, covers) in self.forest.trees.iter().zip(&mut self.weights) {
            for row in 0..block.rows() {
                let weight = weights.map_or(1.0, |weights| weights[row]);
                let mut node = 0;
                loop {
                    covers[node] += weight;
                    let NodeKind::Split(split) = &tree.nodes[node].kind else { break };
                    node = if self.forest.goes_left(split, block.column(split.feature)[row]) { split.left } else { split.right };
                }
            }
        }
    }

    /// The forest with the weights counted as covers.
    pub fn finish(self) -> Forest {
        let mut forest = Arc::unwrap_or_clone(self.forest);
        forest.cover = Cover::Background;
        for (tree, covers) in forest.trees.iter_mut().zip(self.weights) {
            tree.nodes.iter_mut().zip(covers).for_each(|(node, cover)| node.cover = cover);
        }
        forest
    }
}
