//! How cost grows: synthetic forests that differ from one another in one dimension at a time.

use std::error::Error;
use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::model::builder::{ForestBuilder, RawNode, RawTree};
use pipeline::model::{Cover, Feature, Forest, Link, Rule, Summation, TreeOutput, Width};
use pipeline::pattern::Options;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::measure::{Game, Measurement, measure};

/// A forest's size, and the rows to explain.
#[derive(Clone, Copy)]
struct Case {
    trees: usize,
    depth: usize,
    features: usize,
    rows: usize,
    /// Background rows; 0 is the path-dependent game.
    background: usize,
}

const START: Case = Case { trees: 100, depth: 6, features: 32, rows: 20_000, background: 0 };
/// Distinct thresholds of a feature.
const THRESHOLDS: u32 = 200;
/// About how many leaves a tree has at most: deeper ones are lopsided.
const LEAVES: usize = 256;

/// Measures every case and hands it to `show`.
pub fn run(repeats: usize, mut show: impl FnMut(&Measurement) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    for case in cases() {
        let random = &mut ChaCha8Rng::seed_from_u64(7);
        let forest = Arc::new(forest(case, random)?);
        let rows = block(case.rows, case.features, random);
        let game = match case.background {
            0 => Game::PathDependent,
            count => Game::Interventional(block(count, case.features, random)),
        };
        show(&measure(&forest, &game, &rows, Options::default(), repeats)?.0)?;
    }
    Ok(())
}

fn cases() -> Vec<Case> {
    let mut cases = vec![START];
    cases.extend([10, 1_000].map(|trees| Case { trees, ..START }));
    cases.extend([2, 4, 8, 10, 12, 16, 24].map(|depth| Case { depth, ..START }));
    cases.extend([8, 128, 512].map(|features| Case { features, ..START }));
    cases.extend([100, 1_000, 100_000].map(|rows| Case { rows, ..START }));
    cases.extend([100, 1_000, 10_000, 100_000].map(|background| Case { background, ..START }));
    cases
}

/// Rows of uniform values.
fn block(rows: usize, features: usize, random: &mut ChaCha8Rng) -> FeatureBlock {
    FeatureBlock::new(rows, (0..rows * features).map(|_| random.random::<f64>()).collect())
}

fn forest(case: Case, random: &mut ChaCha8Rng) -> Result<Forest, Box<dyn Error>> {
    let mut builder = ForestBuilder::new(Forest {
        features: (0..case.features).map(|number| Feature::numeric(format!("f{number}"))).collect(),
        outputs: vec!["0".to_string()],
        base: vec![0.0],
        trees: Vec::new(),
        link: Link::Identity,
        compare: Width::F64,
        summation: Summation { width: Width::F64, base_first: true },
        cover: Cover::Count,
    })?;
    for _ in 0..case.trees {
        let mut nodes = Vec::new();
        grow(case, LEAVES, case.depth, 100_000.0, random, &mut nodes);
        builder.add(&RawTree { nodes, output: TreeOutput::One(0), scale: 1.0 })?;
    }
    Ok(builder.finish())
}

/// Grows a subtree of `depth` with at most `leaves` leaves, and says where its root is.
fn grow(case: Case, leaves: usize, depth: usize, cover: f64, random: &mut ChaCha8Rng, nodes: &mut Vec<RawNode>) -> usize {
    let place = nodes.len();
    nodes.push(RawNode::Leaf { values: vec![random.random::<f64>() - 0.5], cover });
    if depth > 0 && leaves > 1 {
        let share = f64::from(random.random_range(1..THRESHOLDS)) / f64::from(THRESHOLDS);
        let feature = random.random_range(0..case.features);
        // Full while leaves suffice; otherwise lopsided, so that one path is as deep as the case asks for.
        let right = if leaves >> depth > 0 { leaves / 2 } else { leaves / 4 };
        let left = grow(case, leaves - right, depth - 1, cover * share, random, nodes);
        let right = grow(case, right, depth - 1, cover * (1.0 - share), random, nodes);
        nodes[place] = RawNode::Split { feature, rule: Rule::Less(share), missing_left: true, left, right, cover };
    }
    place
}
