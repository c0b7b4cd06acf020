//! TreeSHAP against the definition: every coalition enumerated, in exact rationals, without any of the engine's ideas.
//!
//! `φ_j = Σ_{S ⊆ N∖j} |S|! (d−|S|−1)! / d! · (v(S ∪ j) − v(S))`.

use std::sync::Arc;

use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};
use pipeline::dataset::FeatureBlock;
use pipeline::model::builder::RawNode;
use pipeline::model::{Forest, NodeKind, Rule, Tree, TreeOutput};
use pipeline::pattern::{Attributions, Attributor, BackgroundCounter, InstructionSet, Options, Route};
use rand::RngExt;

use crate::forests::{Shape, forest, of_trees, rows, source};

/// A number that the oracle can count in: exact rationals, or f64 where rationals would take minutes.
pub trait Number: Clone {
    fn of(x: f64) -> Self;
    fn add(&self, other: &Self) -> Self;
    fn sub(&self, other: &Self) -> Self;
    fn mul(&self, other: &Self) -> Self;
    fn div(&self, other: &Self) -> Self;
    fn f64(&self) -> f64;
}

impl Number for BigRational {
    fn of(x: f64) -> Self {
        BigRational::from_float(x).unwrap()
    }
    fn add(&self, other: &Self) -> Self {
        self + other
    }
    fn sub(&self, other: &Self) -> Self {
        self - other
    }
    fn mul(&self, other: &Self) -> Self {
        self * other
    }
    fn div(&self, other: &Self) -> Self {
        self / other
    }
    fn f64(&self) -> f64 {
        self.to_f64().unwrap()
    }
}

impl Number for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn add(&self, other: &Self) -> Self {
        self + other
    }
    fn sub(&self, other: &Self) -> Self {
        self - other
    }
    fn mul(&self, other: &Self) -> Self {
        self * other
    }
    fn div(&self, other: &Self) -> Self {
        self / other
    }
    fn f64(&self) -> f64 {
        *self
    }
}

/// Does the row go left? Written out again, apart from the library's own reading of rules.
fn left(forest: &Forest, node: &pipeline::model::Split, x: f64) -> bool {
    use pipeline::model::{Missing, Width};
    let feature = &forest.features[node.feature];
    let x = if feature.truncated && x.abs() < 1.0 { 0.0 } else { x };
    let x = match feature.missing {
        Missing::Nan if x.is_nan() => return node.missing_left,
        Missing::ZeroOrNan if x.is_nan() || x.abs() <= 1e-35 => return node.missing_left,
        Missing::NanIsZero if x.is_nan() => 0.0,
        _ => x,
    };
    let x = if forest.compare == Width::F32 { f64::from(x as f32) } else { x };
    match &node.rule {
        Rule::Less(t) => x < *t,
        Rule::LessOrEqual(t) => x <= *t,
        Rule::In(set) => x >= 0.0 && set.codes().any(|code| f64::from(code) == x.trunc()),
    }
}

/// Value of one tree for one output when the features of `coalition` are known and the others are averaged by cover.
fn by_cover<N: Number>(forest: &Forest, tree: &Tree, node: usize, x: &[f64], coalition: u32, output: usize) -> N {
    match &tree.nodes[node].kind {
        NodeKind::Leaf(leaf) => leaf_value(tree, *leaf, output),
        NodeKind::Split(split) => {
            let go = |child| by_cover::<N>(forest, tree, child, x, coalition, output);
            if coalition >> split.feature & 1 == 1 {
                return go(if left(forest, split, x[split.feature]) { split.left } else { split.right });
            }
            let cover = tree.nodes[node].cover;
            let share = |child: usize| if cover > 0.0 { N::of(tree.nodes[child].cover).div(&N::of(cover)) } else { N::of(0.5) };
            share(split.left).mul(&go(split.left)).add(&share(split.right).mul(&go(split.right)))
        }
    }
}

fn leaf_value<N: Number>(tree: &Tree, leaf: usize, output: usize) -> N {
    let value = match tree.output {
        TreeOutput::One(k) if k == output => tree.leaf_values[leaf],
        TreeOutput::One(_) => return N::of(0.0),
        TreeOutput::All => tree.leaf_values[leaf * tree.leaf_width() + output],
    };
    N::of(value).mul(&N::of(tree.scale))
}

fn whole<N: Number>(forest: &Forest, x: &[f64], output: usize) -> N {
    let known = (1_u32 << forest.features.len()) - 1;
    forest.trees.iter().fold(N::of(forest.base[output]), |sum, tree| sum.add(&by_cover::<N>(forest, tree, 0, x, known, output)))
}

/// `v` of every coalition, by its bit set.
pub fn path_dependent_game<N: Number>(forest: &Forest, x: &[f64], output: usize) -> Vec<N> {
    let value = |coalition| {
        forest.trees.iter().fold(N::of(forest.base[output]), |sum, tree| sum.add(&by_cover::<N>(forest, tree, 0, x, coalition, output)))
    };
    (0..1_u32 << forest.features.len()).map(value).collect()
}

pub fn interventional_game<N: Number>(forest: &Forest, x: &[f64], output: usize, background: &[(Vec<f64>, f64)]) -> Vec<N> {
    let total = background.iter().fold(N::of(0.0), |sum, (_, weight)| sum.add(&N::of(*weight)));
    let value = |coalition: u32| {
        let sum = background.iter().fold(N::of(0.0), |sum, (b, weight)| {
            let mixed: Vec<f64> = (0..x.len()).map(|j| if coalition >> j & 1 == 1 { x[j] } else { b[j] }).collect();
            sum.add(&N::of(*weight).mul(&whole(forest, &mixed, output)))
        });
        sum.div(&total)
    };
    (0..1_u32 << x.len()).map(value).collect()
}

/// The Shapley values of a game, by definition.
pub fn shapley<N: Number>(game: &[N]) -> Vec<N> {
    let d = game.len().trailing_zeros() as usize;
    let factorial = |n: usize| (1..=n).fold(N::of(1.0), |product, i| product.mul(&N::of(i as f64)));
    let weights: Vec<N> = (0..d).map(|s| factorial(s).mul(&factorial(d - s - 1)).div(&factorial(d))).collect();
    let value = |j: usize| {
        (0..game.len()).filter(|s| s >> j & 1 == 0).fold(N::of(0.0), |sum, s| {
            let gain = game[s | 1 << j].sub(&game[s]);
            sum.add(&weights[s.count_ones() as usize].mul(&gain))
        })
    };
    (0..d).map(value).collect()
}

/// The Banzhaf values of a game, by definition: `β_j = 2^{1−d} Σ_{S ⊆ N∖j} (v(S ∪ j) − v(S))`.
fn banzhaf(game: &[f64]) -> Vec<f64> {
    let d = game.len().trailing_zeros() as usize;
    let gains = |j: usize| (0..game.len()).filter(move |s| s >> j & 1 == 0).map(move |s| game[s | 1 << j] - game[s]);
    (0..d).map(|j| gains(j).sum::<f64>() / (game.len() / 2) as f64).collect()
}

/// What the definition says of one row and output.
struct Expected {
    base: f64,
    values: Vec<f64>,
}

impl Expected {
    fn of<N: Number>(game: &[N]) -> Self {
        Self { base: game[0].f64(), values: shapley(game).iter().map(Number::f64).collect() }
    }
}

/// Largest |difference| relative to the row's largest |φ| (at least 1e-3), over all rows and outputs (`expected[row][output]`); base values too.
fn compare(expected: &[Vec<Expected>], found: &[f64], base: &[f64]) -> f64 {
    let rows = expected.len();
    let mut worst: f64 = 0.0;
    for (row, outputs) in expected.iter().enumerate() {
        for (output, expected) in outputs.iter().enumerate() {
            let features = expected.values.len();
            let scale = expected.values.iter().fold(1e-3_f64, |scale, phi| scale.max(phi.abs()));
            worst = worst.max((base[output] - expected.base).abs() / expected.base.abs().max(1e-3));
            for (j, value) in expected.values.iter().enumerate() {
                let found = found[(output * features + j) * rows + row];
                assert!(found.is_finite(), "row {row}, output {output}, feature {j}: {found}");
                worst = worst.max((found - value).abs() / scale);
            }
        }
    }
    worst
}

pub fn shapes(case: u64, features: usize) -> Shape {
    let depth = [0, 1, 2, 3, 4, 6, 9][case as usize % 7];
    let outputs = if case.is_multiple_of(5) { 3 } else { 1 };
    let grow = if case.is_multiple_of(2) { 0.95 } else { 0.75 };
    Shape { features, trees: 1 + case as usize % 4, depth, outputs, grow, zero_covers: case.is_multiple_of(3) }
}

pub fn weighted_background(case: u64, rng: &mut rand_chacha::ChaCha8Rng, forest: &Forest) -> (FeatureBlock, Option<Vec<f64>>) {
    let block = rows(rng, forest, 1 + case as usize % 7);
    let weights = case.is_multiple_of(2).then(|| (0..block.rows()).map(|_| rng.random_range(0.1..3.0)).collect());
    (block, weights)
}

/// A random game: a forest, so many rows, a background and its weights.
pub fn random_game(case: u64, features: usize, count: usize) -> (Arc<Forest>, FeatureBlock, FeatureBlock, Option<Vec<f64>>) {
    let rng = &mut source(case);
    let forest = forest(rng, shapes(case, features));
    let block = rows(rng, &forest, count);
    let (background, weights) = weighted_background(case, rng, &forest);
    (forest, block, background, weights)
}

/// Largest difference, relative to the largest expected magnitude (at least 1e-3).
pub fn worst(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1e-3_f64, |scale, value| scale.max(value.abs()));
    found.iter().zip(expected).fold(0.0, |worst: f64, (a, b)| if a.is_finite() { worst.max((a - b).abs() / scale) } else { f64::INFINITY })
}

fn interventional(forest: &Arc<Forest>, background: &FeatureBlock, weights: Option<&[f64]>, options: Options) -> Attributor {
    let mut counter = BackgroundCounter::with(forest.clone(), options).unwrap();
    counter.count(background, weights);
    counter.finish().unwrap()
}

pub fn pairs(background: &FeatureBlock, weights: Option<&[f64]>) -> Vec<(Vec<f64>, f64)> {
    (0..background.rows()).map(|row| (background.row(row), weights.map_or(1.0, |weights| weights[row]))).collect()
}

/// Every way of computing, on every set of instructions that this machine has.
pub fn options() -> Vec<Options> {
    let both = |instructions| [Route::Cheapest, Route::Walk].map(|route| Options { route, instructions, ..Options::default() });
    InstructionSet::available().into_iter().flat_map(both).collect()
}

/// Checks both games, in every way of computing, on one random forest.
fn check<N: Number>(case: u64, features: usize, tolerance: f64) {
    let rng = &mut source(case);
    let forest = forest(rng, shapes(case, features));
    let block = rows(rng, &forest, 2);
    let (background, weights) = weighted_background(case, rng, &forest);
    check_forest::<N>(&forest, &block, (&background, weights.as_deref()), tolerance, case);
}

/// Checks both games in every way of computing; all ways but the route agree to the bit.
fn check_forest<N: Number>(
    forest: &Arc<Forest>,
    block: &FeatureBlock,
    (background, weights): (&FeatureBlock, Option<&[f64]>),
    tolerance: f64,
    case: u64,
) {
    let expect = |game: &dyn Fn(&[f64], usize) -> Vec<N>| -> Vec<Vec<Expected>> {
        (0..block.rows())
            .map(|row| (0..forest.outputs.len()).map(|output| Expected::of(&game(&block.row(row), output))).collect())
            .collect()
    };
    let pairs = pairs(background, weights);
    let by_paths = expect(&|x, output| path_dependent_game(forest, x, output));
    let by_background = expect(&|x, output| interventional_game(forest, x, output, &pairs));
    let mut first: Vec<(Route, [Attributions; 2])> = Vec::new();
    for options in options() {
        let path_dependent = Attributor::path_dependent_with(forest.clone(), options).unwrap();
        let interventional = interventional(forest, background, weights, options);
        let found = [path_dependent.attribute(block), interventional.attribute(block)];
        for ((expected, attributor), found) in [(&by_paths, &path_dependent), (&by_background, &interventional)].into_iter().zip(&found) {
            assert_eq!(found.margins, forest.margins(block), "margins, {options:?}, case {case}");
            let worst = compare(expected, &found.values, attributor.base());
            assert!(worst <= tolerance, "{options:?}, case {case}: {worst:e}");
        }
        match first.iter().find(|(route, _)| *route == options.route) {
            Some((_, known)) => assert_eq!(*known, found, "{options:?}, case {case}"),
            None => first.push((options.route, found)),
        }
    }
}

#[test]
fn both_games_equal_the_definition_in_rationals() {
    (0..40).for_each(|case| check::<BigRational>(case, 1 + case as usize % 5, 1e-12));
}

/// The definition in f64 loses about 2^d additions' rounding, far below the bound.
#[test]
fn both_games_equal_the_definition_on_hundreds_of_wider_forests() {
    (1_000..1_300).for_each(|case| check::<f64>(case, 3 + case as usize % 8, 1e-12));
}

/// Appends a tree of this depth on three features, with thresholds at two-hundredths; gives its place.
fn fine_tree(rng: &mut rand_chacha::ChaCha8Rng, depth: usize, cover: f64, nodes: &mut Vec<RawNode>) -> usize {
    let at = nodes.len();
    nodes.push(RawNode::Leaf { values: vec![rng.random_range(-1.0..1.0)], cover });
    if depth > 0 {
        let (feature, threshold, share) = (rng.random_range(0..3), two_hundredths(rng), rng.random_range(0.1..0.9));
        let left = fine_tree(rng, depth - 1, cover * share, nodes);
        let right = fine_tree(rng, depth - 1, cover * (1.0 - share), nodes);
        let rule = if rng.random_bool(0.5) { Rule::Less(threshold) } else { Rule::LessOrEqual(threshold) };
        nodes[at] = RawNode::Split { feature, rule, missing_left: rng.random_bool(0.5), left, right, cover };
    }
    at
}

fn two_hundredths(rng: &mut rand_chacha::ChaCha8Rng) -> f64 {
    f64::from(rng.random_range(-400..=400_i16)) / 200.0
}

/// More thresholds on a feature than a byte tells apart, in trees that test it again and again.
#[test]
fn both_games_equal_the_definition_with_hundreds_of_thresholds_a_feature() {
    for case in 20_000..20_004 {
        let rng = &mut source(case);
        let mut tree = |depth: usize| {
            let mut nodes = Vec::new();
            fine_tree(rng, depth, 100.0, &mut nodes);
            nodes
        };
        let forest = of_trees(3, (0..240).map(|number| tree(2 + number % 4)).collect());
        let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0];
        let mut rows = |count: usize| {
            let mut value = || if rng.random_bool(0.1) { special[rng.random_range(0..4)] } else { two_hundredths(rng) };
            FeatureBlock::new(count, (0..3 * count).map(|_| value()).collect())
        };
        let (block, background) = (rows(300), rows(20));
        check_forest::<f64>(&forest, &block, (&background, None), 1e-12, case);
    }
}

#[test]
fn banzhaf_values_of_both_games_equal_the_definition() {
    for case in 9_000..9_080 {
        let (forest, block, background, weights) = random_game(case, 2 + case as usize % 8, 2);
        let pairs = pairs(&background, weights.as_deref());
        let expect = |game: &dyn Fn(&[f64], usize) -> Vec<f64>| -> Vec<Vec<Expected>> {
            let of = |row, output| {
                let game = game(&block.row(row), output);
                Expected { base: game[0], values: banzhaf(&game) }
            };
            (0..block.rows()).map(|row| (0..forest.outputs.len()).map(|output| of(row, output)).collect()).collect()
        };
        let by_paths = expect(&|x, output| path_dependent_game(&forest, x, output));
        let by_background = expect(&|x, output| interventional_game(&forest, x, output, &pairs));
        for route in [Route::Cheapest, Route::Walk] {
            let options = Options { route, ..Options::default() };
            let mut counter = BackgroundCounter::with(forest.clone(), options).unwrap();
            counter.count(&background, weights.as_deref());
            let interventional = counter.finish_banzhaf().unwrap();
            let path_dependent = Attributor::path_dependent_banzhaf(forest.clone(), options).unwrap();
            for (expected, attributor) in [(&by_paths, path_dependent), (&by_background, interventional)] {
                let worst = compare(expected, &attributor.attribute(&block).values, attributor.base());
                assert!(worst <= 1e-12, "{route:?}, case {case}: {worst:e}");
            }
        }
    }
}

/// The oracle itself, on the game of Shapley's glove market: players 0 and 1 hold left gloves, player 2 a right one.
#[test]
fn the_oracle_divides_the_glove_market() {
    let game: Vec<BigRational> =
        (0..8_u32).map(|s| if s & 4 != 0 && s & 3 != 0 { BigRational::one() } else { BigRational::zero() }).collect();
    let values: Vec<f64> = shapley(&game).iter().map(Number::f64).collect();
    assert_eq!(values, [1.0 / 6.0, 1.0 / 6.0, 4.0 / 6.0]);
}

/// The definition is checked on few rows, for it is slow; here many go through together, with one to eight nodes of quadrature.
#[test]
fn a_row_has_the_same_values_to_the_bit_among_others_and_on_every_set_of_instructions() {
    for case in 2_000..2_060 {
        let (forest, block, ..) = random_game(case, 2 + case as usize % 15, 200);
        let (features, rows) = (forest.features.len() * forest.outputs.len(), block.rows());
        let mut first: Vec<(Route, Attributions)> = Vec::new();
        for options in options() {
            let attributor = Attributor::path_dependent_with(forest.clone(), options).unwrap();
            let found = attributor.attribute(&block);
            for row in (0..rows).step_by(13) {
                let alone = attributor.attribute(&block.slice(row, 1)).values;
                let among: Vec<f64> = (0..features).map(|feature| found.values[feature * rows + row]).collect();
                assert_eq!(alone, among, "{options:?}, case {case}, row {row}");
            }
            match first.iter().find(|(route, _)| *route == options.route) {
                Some((_, known)) => assert_eq!(*known, found, "{options:?}, case {case}"),
                None => first.push((options.route, found)),
            }
        }
    }
}
