//! Random forests and rows for the laws and the oracle: everything a library may write, in small.

use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::model::builder::{ForestBuilder, RawNode, RawTree};
use pipeline::model::{CategorySet, Cover, Feature, Forest, Link, Missing, Rule, Summation, TreeOutput, Width};
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a random forest looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub features: usize,
    pub trees: usize,
    pub depth: usize,
    pub outputs: usize,
    /// Chance that a node splits further.
    pub grow: f64,
    /// Whether some covers are zero.
    pub zero_covers: bool,
}

/// A random source for one case.
pub fn source(case: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(case)
}

/// A forest of these trees on numeric features `x0`, `x1`, …, with one output.
pub fn of_trees(features: usize, trees: Vec<Vec<RawNode>>) -> Arc<Forest> {
    let frame = forest(&mut source(1), Shape { features, trees: 0, depth: 0, outputs: 1, grow: 0.0, zero_covers: false });
    let features = (0..features).map(|feature| Feature::numeric(format!("x{feature}"))).collect();
    let frame = Forest { features, base: vec![0.0], compare: Width::F64, ..Forest::clone(&frame) };
    let mut builder = ForestBuilder::new(frame).unwrap();
    trees.into_iter().for_each(|nodes| builder.add(&RawTree { nodes, output: TreeOutput::One(0), scale: 1.0 }).unwrap());
    Arc::new(builder.finish())
}

/// A random forest; every third feature is categorical, and missing kinds and both threshold rules occur.
pub fn forest(rng: &mut ChaCha8Rng, shape: Shape) -> Arc<Forest> {
    let features = (0..shape.features).map(|f| {
        let name = format!("x{f}");
        let missing = [Missing::Nan, Missing::Nan, Missing::NanIsZero, Missing::ZeroOrNan][rng.random_range(0..4)];
        let truncated = rng.random_bool(0.5);
        if f % 3 == 2 { Feature { truncated, ..Feature::categorical(name, None) } } else { Feature { missing, ..Feature::numeric(name) } }
    });
    let frame = Forest {
        features: features.collect(),
        outputs: (0..shape.outputs).map(|k| k.to_string()).collect(),
        base: (0..shape.outputs).map(|_| rng.random_range(-1.0..1.0)).collect(),
        trees: Vec::new(),
        link: Link::Identity,
        compare: if rng.random_bool(0.5) { Width::F32 } else { Width::F64 },
        summation: Summation { width: Width::F64, base_first: true },
        cover: Cover::Hessian,
    };
    let features = frame.features.clone();
    let mut builder = ForestBuilder::new(frame).unwrap();
    for tree in 0..shape.trees {
        let vector = shape.outputs > 1 && rng.random_bool(0.3);
        let width = if vector { shape.outputs } else { 1 };
        let mut nodes = Vec::new();
        let cover = rng.random_range(1.0..100.0);
        grow(rng, &features, shape, shape.depth, width, cover, &mut nodes);
        let output = if vector { TreeOutput::All } else { TreeOutput::One(tree % shape.outputs) };
        let scale = if rng.random_bool(0.3) { rng.random_range(0.1..1.5) } else { 1.0 };
        builder.add(&RawTree { nodes, output, scale }).unwrap();
    }
    Arc::new(builder.finish())
}

fn grow(
    rng: &mut ChaCha8Rng,
    features: &[Feature],
    shape: Shape,
    depth: usize,
    width: usize,
    cover: f64,
    nodes: &mut Vec<RawNode>,
) -> usize {
    let at = nodes.len();
    if depth == 0 || !rng.random_bool(shape.grow) {
        nodes.push(RawNode::Leaf { values: (0..width).map(|_| rng.random_range(-1.0..1.0)).collect(), cover });
        return at;
    }
    let feature = rng.random_range(0..features.len());
    let rule = if features[feature].is_categorical() {
        Rule::In((0..rng.random_range(1..4)).map(|_| rng.random_range(0..6_u32)).collect::<CategorySet>())
    } else {
        let threshold = f64::from(rng.random_range(-3..=3_i8)) / 2.0;
        if rng.random_bool(0.5) { Rule::Less(threshold) } else { Rule::LessOrEqual(threshold) }
    };
    let share = if shape.zero_covers && rng.random_bool(0.2) { f64::from(rng.random_range(0..2_u8)) } else { rng.random_range(0.05..0.95) };
    nodes.push(RawNode::Leaf { values: Vec::new(), cover });
    let left = grow(rng, features, shape, depth - 1, width, cover * share, nodes);
    let right = grow(rng, features, shape, depth - 1, width, cover * (1.0 - share), nodes);
    nodes[at] = RawNode::Split { feature, rule, missing_left: rng.random_bool(0.5), left, right, cover };
    at
}

/// Random rows on and around the thresholds, with missing and special values and categories that no split knows.
pub fn rows(rng: &mut ChaCha8Rng, forest: &Forest, rows: usize) -> FeatureBlock {
    let mut value = |categorical: bool| match (rng.random_range(0..20_u8), categorical) {
        (0 | 1, _) => f64::NAN,
        (2, true) => -1.0,
        (3, true) => 99.0,
        (4, true) => -0.5,
        (5, true) => 0.5,
        (_, true) => f64::from(rng.random_range(0..7_u8)),
        (2, false) => f64::INFINITY,
        (3, false) => f64::NEG_INFINITY,
        (4, false) => -0.0,
        (5, false) => 1e-36,
        (6..=12, false) => f64::from(rng.random_range(-3..=3_i8)) / 2.0,
        (_, false) => rng.random_range(-2.0..2.0),
    };
    let values =
        forest.features.iter().flat_map(|feature| (0..rows).map(|_| value(feature.is_categorical())).collect::<Vec<_>>()).collect();
    FeatureBlock::new(rows, values)
}
