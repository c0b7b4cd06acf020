//! Laws that hold for every forest: additivity, dummy, symmetry, linearity over trees, and independence of chunks and threads.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use pipeline::dataset::FeatureBlock;
use pipeline::model::builder::RawNode;
use pipeline::model::{Forest, NodeKind, Output, Predictor, Rule};
use pipeline::pattern::{Attributions, Attributor, BackgroundCounter, ForestPredictor};
use proptest::prelude::*;

use crate::forests::{Shape, forest, of_trees, rows, source};

/// A forest too wide for enumeration, with its rows and background.
fn case(seed: u64) -> (Arc<Forest>, FeatureBlock, FeatureBlock) {
    let rng = &mut source(seed);
    let features = 2 + seed as usize % 30;
    let outputs = 1 + seed as usize % 3;
    let shape = Shape {
        features,
        trees: 1 + seed as usize % 8,
        depth: seed as usize % 14,
        outputs,
        grow: 0.8,
        zero_covers: seed.is_multiple_of(2),
    };
    let forest = forest(rng, shape);
    let block = rows(rng, &forest, 1 + seed as usize % 200);
    let background = rows(rng, &forest, 1 + seed as usize % 20);
    (forest, block, background)
}

fn both(forest: &Arc<Forest>, background: &FeatureBlock) -> [Attributor; 2] {
    let mut counter = BackgroundCounter::new(forest.clone()).unwrap();
    counter.count(background, None);
    [Attributor::path_dependent(forest.clone()).unwrap(), counter.finish().unwrap()]
}

/// Rows `range` of a block.
fn part(block: &FeatureBlock, range: std::ops::Range<usize>) -> FeatureBlock {
    let values = (0..block.features()).flat_map(|feature| block.column(feature)[range.clone()].iter().copied()).collect();
    FeatureBlock::new(range.len(), values)
}

fn value(found: &Attributions, features: usize, rows: usize, output: usize, feature: usize, row: usize) -> f64 {
    found.values[(output * features + feature) * rows + row]
}

/// Sum of all leaves' magnitude: what rounding is relative to.
fn magnitude(forest: &Forest) -> f64 {
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    largest(&forest.base) + forest.trees.iter().map(|tree| tree.scale.abs() * largest(&tree.leaf_values)).sum::<f64>()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn base_and_values_add_up_to_the_margin(seed in any::<u64>()) {
        let (forest, block, background) = case(seed);
        let (features, rows) = (forest.features.len(), block.rows());
        for attributor in both(&forest, &background) {
            let found = attributor.attribute(&block);
            for output in 0..forest.outputs.len() {
                for row in 0..rows {
                    let sum: f64 = (0..features).map(|feature| value(&found, features, rows, output, feature, row)).sum();
                    let residual = found.margins[output * rows + row] - attributor.base()[output] - sum;
                    prop_assert!(residual.abs() <= 1e-13 * magnitude(&forest), "row {row}: {residual:e}");
                }
            }
        }
    }

    /// Rows decided by the block are rows walked one by one, to the bit, at any number of rows.
    #[test]
    fn the_predictor_walks_trees_as_they_are(seed in any::<u64>(), rows in 0_usize..300) {
        let (forest, _, block) = case(seed);
        let block = FeatureBlock::new(rows, (0..block.features()).flat_map(|feature| (0..rows).map(move |row| (feature, row)))
            .map(|(feature, row)| block.column(feature)[row % block.rows()]).collect());
        let bits = |values: Vec<f64>| values.into_iter().map(f64::to_bits).collect::<Vec<_>>();
        for (space, expected) in [(Output::Margin, forest.margins(&block)), (Output::Probability, forest.predictions(&block))] {
            let found = ForestPredictor::new(Arc::clone(&forest), space).predict(&block).unwrap();
            prop_assert_eq!(bits(found), bits(expected));
        }
    }

    #[test]
    fn a_feature_that_no_split_tests_gets_nothing(seed in any::<u64>()) {
        let (forest, block, background) = case(seed);
        let splits = forest.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match &node.kind {
            NodeKind::Split(split) => Some(split.feature),
            NodeKind::Leaf(_) => None,
        });
        let used: std::collections::HashSet<usize> = splits.collect();
        for attributor in both(&forest, &background) {
            let found = attributor.attribute(&block);
            for (column, values) in found.values.chunks_exact(block.rows()).enumerate() {
                prop_assert!(used.contains(&(column % forest.features.len())) || values.iter().all(|value| *value == 0.0));
            }
        }
    }

    #[test]
    fn values_of_a_forest_are_the_sums_of_its_trees_values(seed in any::<u64>()) {
        let (forest, block, background) = case(seed);
        let whole = both(&forest, &background).map(|attributor| attributor.attribute(&block).values);
        let mut sums = whole.clone().map(|values| vec![0.0; values.len()]);
        for tree in &forest.trees {
            let alone = Arc::new(Forest { trees: vec![tree.clone()], ..(*forest).clone() });
            for (sums, attributor) in sums.iter_mut().zip(both(&alone, &background)) {
                sums.iter_mut().zip(attributor.attribute(&block).values).for_each(|(sum, value)| *sum += value);
            }
        }
        for (sum, value) in sums.iter().flatten().zip(whole.iter().flatten()) {
            prop_assert!((sum - value).abs() <= 1e-13 * magnitude(&forest), "{sum} against {value}");
        }
    }

    #[test]
    fn renaming_features_moves_their_values(seed in any::<u64>()) {
        let (forest, block, background) = case(seed);
        let features = forest.features.len();
        let mirror = |feature: usize| features - 1 - feature;
        let mut mirrored = (*forest).clone();
        mirrored.features.reverse();
        for node in mirrored.trees.iter_mut().flat_map(|tree| &mut tree.nodes) {
            if let NodeKind::Split(split) = &mut node.kind {
                split.feature = mirror(split.feature);
            }
        }
        let turn = |block: &FeatureBlock| FeatureBlock::new(block.rows(), (0..features).flat_map(|feature| block.column(mirror(feature)).to_vec()).collect());
        let pairs = both(&forest, &background).into_iter().zip(both(&Arc::new(mirrored), &turn(&background)));
        for (attributor, mirrored) in pairs {
            let (found, mirrored) = (attributor.attribute(&block), mirrored.attribute(&turn(&block)));
            for output in 0..forest.outputs.len() {
                for feature in 0..features {
                    for row in 0..block.rows() {
                        let a = value(&found, features, block.rows(), output, feature, row);
                        let b = value(&mirrored, features, block.rows(), output, mirror(feature), row);
                        prop_assert!((a - b).abs() <= 1e-13 * magnitude(&forest), "{a} against {b}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_rows_values_depend_on_neither_its_chunk_nor_the_threads(seed in any::<u64>(), cut in 0.0..1.0_f64, threads in 1_usize..6) {
        let (forest, block, background) = case(seed);
        let cut = (cut * block.rows() as f64) as usize;
        let parts = [part(&block, 0..cut), part(&block, cut..block.rows())];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for attributor in both(&forest, &background) {
            let whole = attributor.attribute(&block);
            prop_assert_eq!(&whole, &pool.install(|| attributor.attribute(&block)));
            let parts = parts.each_ref().map(|part| attributor.attribute(part).values);
            for (column, values) in whole.values.chunks_exact(block.rows()).enumerate() {
                let joined = [(cut, &parts[0]), (block.rows() - cut, &parts[1])].map(|(rows, part)| &part[column * rows..(column + 1) * rows]).concat();
                prop_assert_eq!(values, &joined[..]);
            }
        }
    }

    #[test]
    fn a_background_counted_in_pieces_is_the_background(seed in any::<u64>(), cut in 0.0..1.0_f64) {
        let (forest, block, background) = case(seed);
        let cut = (cut * background.rows() as f64) as usize;
        let mut counter = BackgroundCounter::new(forest.clone()).unwrap();
        counter.count(&part(&background, 0..cut), None);
        counter.count(&part(&background, cut..background.rows()), None);
        let [_, whole] = both(&forest, &background);
        prop_assert_eq!(counter.finish().unwrap().attribute(&block), whole.attribute(&block));
    }
}

/// A task that waits for others of its pool may be given one more that predicts: it must hold no lock then that this one waits for.
#[test]
fn a_predictor_is_ready_for_tasks_that_all_come_at_once() {
    let rng = &mut source(5);
    let forest = forest(rng, Shape { features: 12, trees: 300, depth: 6, outputs: 1, grow: 0.95, zero_covers: false });
    let block = Arc::new(rows(rng, &forest, 2));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(16).build().unwrap();
    for round in 0..50 {
        let predictor = Arc::new(ForestPredictor::new(Arc::clone(&forest), Output::Margin));
        let (sender, receiver) = mpsc::channel();
        for _ in 0..32 {
            let (predictor, block, sender) = (Arc::clone(&predictor), Arc::clone(&block), sender.clone());
            pool.spawn_fifo(move || sender.send(predictor.margins(&block)).unwrap());
            std::thread::sleep(Duration::from_micros(100));
        }
        for _ in 0..32 {
            let margins = receiver.recv_timeout(Duration::from_secs(60));
            assert_eq!(margins.as_ref(), Ok(&forest.margins(&block)), "round {round}");
        }
    }
}

/// A tree as old boosters write for one strong feature: each split cuts off a leaf. A leaf is an interval then, of two bounds however long its path.
#[test]
fn a_chain_of_thousands_of_splits_on_one_feature_is_explained() {
    const SPLITS: usize = 6_000;
    let leaf = |number: usize| RawNode::Leaf { values: vec![(number * 7919 % 1009) as f64 / 1009.0], cover: 1.0 };
    let split = |number: usize| {
        let (rule, cover) = (Rule::Less(number as f64), (SPLITS + 1 - number) as f64);
        RawNode::Split { feature: 0, rule, missing_left: true, left: 2 * number + 1, right: 2 * number + 2, cover }
    };
    let mut nodes: Vec<RawNode> = (0..SPLITS).flat_map(|number| [split(number), leaf(number)]).collect();
    nodes.push(leaf(SPLITS));
    let forest = of_trees(1, vec![nodes]);
    let values = (0..200).map(|row| if row == 7 { f64::NAN } else { f64::from(row) * 31.0 - 50.0 });
    let block = FeatureBlock::new(200, values.collect());
    let margins = forest.margins(&block);
    let mean = margins.iter().sum::<f64>() / 200.0;
    let [by_paths, by_background] = both(&forest, &block).map(|attributor| (attributor.base()[0], attributor.attribute(&block)));
    let covered = (0..=SPLITS).map(|number| (number * 7919 % 1009) as f64 / 1009.0).sum::<f64>() / (SPLITS + 1) as f64;
    for ((base, found), expected) in [(by_paths, covered), (by_background, mean)] {
        assert!((base - expected).abs() <= 1e-12, "{base} {expected}");
        for (value, margin) in found.values.iter().zip(&margins) {
            assert!((value - (margin - expected)).abs() <= 1e-12, "{value} {margin}");
        }
    }
}
