//! Synthetic forests and rows, from a seed.

use pipeline::dataset::FeatureBlock;
use pipeline::model::builder::{ForestBuilder, ForestError, RawNode, RawTree};
use pipeline::model::{Cover, Feature, Forest, Link, Rule, Summation, TreeOutput, Width};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A forest's size.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub trees: usize,
    pub depth: usize,
    pub features: usize,
    /// Values of a leaf.
    pub outputs: usize,
}

/// Distinct thresholds of a feature.
const THRESHOLDS: u32 = 200;
/// About how many leaves a tree has at most: deeper ones are lopsided.
const LEAVES: usize = 256;

/// Sizes for which trees are measured by tables and by sweep.
pub fn sizes() -> impl Iterator<Item = Size> {
    [4, 8, 32, 128]
        .into_iter()
        .flat_map(|features| [1, 2, 3, 4, 5, 6, 7, 8, 10, 14].map(|depth| Size { trees: 100, depth, features, outputs: 1 }))
}

/// The source of everything random.
pub fn source() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

/// Rows of uniform values.
pub fn block(rows: usize, features: usize, random: &mut ChaCha8Rng) -> FeatureBlock {
    FeatureBlock::new(rows, (0..rows * features).map(|_| random.random::<f64>()).collect())
}

/// A forest of random splits and leaves.
///
/// # Errors
/// If the builder refuses a tree, which it does not.
pub fn forest(size: Size, random: &mut ChaCha8Rng) -> Result<Forest, ForestError> {
    let mut builder = ForestBuilder::new(Forest {
        features: (0..size.features).map(|number| Feature::numeric(format!("f{number}"))).collect(),
        outputs: (0..size.outputs).map(|output| output.to_string()).collect(),
        base: vec![0.0; size.outputs],
        trees: Vec::new(),
        link: Link::Identity,
        compare: Width::F64,
        summation: Summation { width: Width::F64, base_first: true },
        cover: Cover::Count,
    })?;
    for _ in 0..size.trees {
        let mut nodes = Vec::new();
        grow(size, LEAVES, size.depth, 100_000.0, random, &mut nodes);
        let output = if size.outputs == 1 { TreeOutput::One(0) } else { TreeOutput::All };
        builder.add(&RawTree { nodes, output, scale: 1.0 })?;
    }
    Ok(builder.finish())
}

/// Grows a subtree of `depth` with at most `leaves` leaves, and says where its root is.
fn grow(size: Size, leaves: usize, depth: usize, cover: f64, random: &mut ChaCha8Rng, nodes: &mut Vec<RawNode>) -> usize {
    let place = nodes.len();
    nodes.push(RawNode::Leaf { values: (0..size.outputs).map(|_| random.random::<f64>() - 0.5).collect(), cover });
    if depth > 0 && leaves > 1 {
        let share = f64::from(random.random_range(1..THRESHOLDS)) / f64::from(THRESHOLDS);
        let feature = random.random_range(0..size.features);
        // Full while leaves suffice; otherwise lopsided, so that one path is as deep as the size asks for.
        let right = if leaves >> depth > 0 { leaves / 2 } else { leaves / 4 };
        let left = grow(size, leaves - right, depth - 1, cover * share, random, nodes);
        let right = grow(size, right, depth - 1, cover * (1.0 - share), random, nodes);
        nodes[place] = RawNode::Split { feature, rule: Rule::Less(share), missing_left: true, left, right, cover };
    }
    place
}
