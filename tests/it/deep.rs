//! Trees a hundred levels deep, against the definition leaf by leaf.
//!
//! A leaf is reached where all its conditions hold; with the features outside a coalition averaged by cover, its game is a product, `v Π_{i ∈ S} z_i
//! Π_{i ∉ S} r_i` with `z_i` whether the row fulfils feature i's conditions and `r_i` the product of their cover ratios. The sums of its
//! products by coalition size are the coefficients of `Π (r_i + z_i y)`: positive numbers only, so nothing cancels.

use pipeline::dataset::FeatureBlock;
use pipeline::model::builder::RawNode;
use pipeline::model::{Forest, NodeKind, Rule, Tree};
use pipeline::pattern::Attributor;
use rand::RngExt;

use crate::forests::{of_trees, source};
use crate::oracle::{options, worst};

const FEATURES: usize = 100;
const ROWS: usize = 200;

/// Splits one below the other, on `features` in turn; each cuts off a leaf, left or right. Below so many splits no training row came.
fn chain(rng: &mut rand_chacha::ChaCha8Rng, features: &[usize], unreached: usize) -> Vec<RawNode> {
    let (mut nodes, mut cover) = (Vec::new(), 1e6);
    for (level, &feature) in features.iter().enumerate() {
        let (leaf, next) = (nodes.len() + 1, nodes.len() + 2);
        let share = if level % 9 == 4 { 1.0 } else { rng.random_range(0.6..1.0) };
        let below = if level >= unreached { 0.0 } else { cover * share };
        let (left, right) = if rng.random_bool(0.5) { (leaf, next) } else { (next, leaf) };
        let rule = if rng.random_bool(0.5) { Rule::Less(threshold(rng)) } else { Rule::LessOrEqual(threshold(rng)) };
        nodes.push(RawNode::Split { feature, rule, missing_left: rng.random_bool(0.5), left, right, cover });
        nodes.push(RawNode::Leaf { values: vec![rng.random_range(-1.0..1.0)], cover: cover - below });
        cover = below;
    }
    nodes.push(RawNode::Leaf { values: vec![1.0], cover });
    nodes
}

fn threshold(rng: &mut rand_chacha::ChaCha8Rng) -> f64 {
    f64::from(rng.random_range(-2..=2_i8)) / 2.0
}

/// A row that goes down the first chain for long: at every split it takes the side that goes on, but for one feature in so many.
fn row(rng: &mut rand_chacha::ChaCha8Rng, forest: &Forest, astray: f64) -> Vec<f64> {
    let mut row: Vec<f64> = (0..FEATURES).map(|_| if rng.random_bool(0.1) { f64::NAN } else { threshold(rng) }).collect();
    for node in &forest.trees[0].nodes {
        let NodeKind::Split(split) = &node.kind else { continue };
        let on = matches!(forest.trees[0].nodes[split.left].kind, NodeKind::Split(_));
        if !rng.random_bool(astray) {
            row[split.feature] = if on { -5.0 } else { 5.0 };
        }
    }
    row
}

/// Adds every leaf's base value and Shapley values below a node, given its conditions: each feature's ratio and whether the row fulfils them.
fn add(tree: &Tree, node: usize, x: &[f64], conditions: &mut Vec<(usize, f64, bool)>, base: &mut f64, phi: &mut [f64]) {
    let split = match &tree.nodes[node].kind {
        NodeKind::Leaf(leaf) => return add_leaf(tree.leaf_values[*leaf], conditions, base, phi),
        NodeKind::Split(split) => split,
    };
    let value = x[split.feature];
    let left = match split.rule {
        _ if value.is_nan() => split.missing_left,
        Rule::Less(threshold) => value < threshold,
        Rule::LessOrEqual(threshold) => value <= threshold,
        Rule::In(_) => unreachable!("no feature is categorical"),
    };
    let cover = tree.nodes[node].cover;
    for (child, holds) in [(split.left, left), (split.right, !left)] {
        let ratio = if cover > 0.0 { tree.nodes[child].cover / cover } else { 0.5 };
        let before = conditions.clone();
        match conditions.iter_mut().find(|(feature, ..)| *feature == split.feature) {
            Some((_, ratios, all)) => (*ratios, *all) = (*ratios * ratio, *all && holds),
            None => conditions.push((split.feature, ratio, holds)),
        }
        add(tree, child, x, conditions, base, phi);
        *conditions = before;
    }
}

fn add_leaf(value: f64, conditions: &[(usize, f64, bool)], base: &mut f64, phi: &mut [f64]) {
    *base += value * conditions.iter().map(|(_, ratio, _)| ratio).product::<f64>();
    let count = conditions.len();
    for (j, (feature, ratio, holds)) in conditions.iter().enumerate() {
        let mut sums = vec![1.0];
        for (_, ratio, holds) in conditions.iter().enumerate().filter(|(i, _)| *i != j).map(|(_, condition)| condition) {
            let z = f64::from(u8::from(*holds));
            sums.push(0.0);
            for size in (0..sums.len()).rev() {
                sums[size] = sums[size] * ratio + if size > 0 { sums[size - 1] * z } else { 0.0 };
            }
        }
        // k! (D − 1 − k)! / D! = 1 / (D · C(D − 1, k)).
        let mut choices = 1.0;
        let mut mean = 0.0;
        for (size, sum) in sums.iter().enumerate() {
            mean += sum / choices;
            choices *= (count - 1 - size) as f64 / (size + 1) as f64;
        }
        phi[*feature] += value * (f64::from(u8::from(*holds)) - ratio) * mean / count as f64;
    }
}

#[test]
fn trees_of_a_hundred_levels_equal_the_definition() {
    for case in 0..3 {
        let rng = &mut source(30_000 + case);
        let each: Vec<usize> = (0..FEATURES).collect();
        let turned: Vec<usize> = each.iter().map(|feature| feature * 37 % FEATURES).collect();
        let again: Vec<usize> = each.iter().map(|feature| feature % 40).collect();
        let forest = of_trees(
            FEATURES,
            vec![chain(rng, &each, FEATURES), chain(rng, &turned, 90), chain(rng, &again, FEATURES), chain(rng, &each[..70], 60)],
        );
        let rows: Vec<Vec<f64>> = (0..ROWS).map(|number| row(rng, &forest, [0.0, 0.01, 0.1][number % 3])).collect();
        let block = FeatureBlock::new(ROWS, (0..FEATURES).flat_map(|feature| rows.iter().map(move |row| row[feature])).collect());
        // In every word of a block, and at its ends.
        let looked_at = [0, 1, 2, 63, 64, 100, 129, 130, 191, 192, 199];
        let expected: Vec<(f64, Vec<f64>)> = looked_at
            .iter()
            .map(|number| {
                let (mut base, mut phi) = (0.0, vec![0.0; FEATURES]);
                forest.trees.iter().for_each(|tree| add(tree, 0, &rows[*number], &mut Vec::new(), &mut base, &mut phi));
                (base, phi)
            })
            .collect();
        for options in options() {
            let attributor = Attributor::path_dependent_with(forest.clone(), options).unwrap();
            let found = attributor.attribute(&block);
            assert_eq!(found.margins, forest.margins(&block), "margins, {options:?}, case {case}");
            for (number, (base, phi)) in looked_at.iter().zip(&expected) {
                let found: Vec<f64> = (0..FEATURES).map(|feature| found.values[feature * ROWS + number]).collect();
                assert!((attributor.base()[0] - base).abs() <= 1e-12 * base.abs().max(1e-3), "base, {options:?}, case {case}");
                let worst = worst(&found, phi);
                assert!(worst <= 1e-12, "{options:?}, case {case}, row {number}: {worst:e}");
            }
        }
    }
}
