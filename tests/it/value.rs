//! The value function, partial dependence and ICE against literal averages over the background.

use std::sync::Arc;

use pipeline::dataset::FeatureBlock;
use pipeline::model::{Forest, NodeKind, Rule, Split, Width};
use pipeline::pattern::{BackgroundCounter, Coalitions, Intervals, Moves, Options, Route, Track, ValueFunction};
use rand::RngExt;

use crate::forests::{Shape, forest, rows, source};
use crate::oracle::{interventional_game, options, pairs, random_game, shapes, worst};

const TOLERANCE: f64 = 1e-12;

fn counted(forest: &Arc<Forest>, background: &FeatureBlock, weights: Option<&[f64]>, options: Options) -> ValueFunction {
    let mut counter = BackgroundCounter::with(forest.clone(), options).unwrap();
    counter.count(background, weights);
    counter.value_function().unwrap()
}

/// Coalitions given as bit sets.
fn coalitions(features: usize, sets: &[u32]) -> Coalitions {
    let mut coalitions = Coalitions::new(features, sets.len());
    for (number, set) in sets.iter().enumerate() {
        (0..features).filter(|feature| set >> feature & 1 == 1).for_each(|feature| coalitions.insert(number, feature));
    }
    coalitions
}

/// Margins with the features of `set` moved to those of a point, averaged over weighted rows: `output`.
fn averaged(forest: &Forest, background: &[(Vec<f64>, f64)], point: &[f64], set: &[usize]) -> Vec<f64> {
    let mixed: Vec<Vec<f64>> =
        background.iter().map(|(b, _)| (0..b.len()).map(|j| if set.contains(&j) { point[j] } else { b[j] }).collect()).collect();
    let margins = forest.margins(&FeatureBlock::from_rows(&mixed));
    let total: f64 = background.iter().map(|(_, weight)| weight).sum();
    margins
        .chunks_exact(background.len())
        .map(|margins| margins.iter().zip(background).map(|(m, (_, w))| m * w).sum::<f64>() / total)
        .collect()
}

#[test]
fn every_coalition_of_hundreds_of_forests_equals_the_definition() {
    for case in 2_000..2_200 {
        let features = 1 + case as usize % 9;
        let (forest, block, background, weights) = random_game(case, features, 3);
        let pairs = pairs(&background, weights.as_deref());
        // Every coalition, in no order, some twice.
        let sets: Vec<u32> = (0..(1_u32 << features) + 77).map(|set| set.wrapping_mul(2_654_435_761) % (1 << features)).collect();
        let asked = coalitions(features, &sets);
        let mut first: Vec<(Route, Vec<f64>)> = Vec::new();
        for options in options() {
            let function = counted(&forest, &background, weights.as_deref(), options);
            let mut found = vec![f64::NAN; sets.len() * forest.outputs.len()];
            function.values(&block, 1, &asked, &mut found);
            let mut expected = Vec::new();
            for output in 0..forest.outputs.len() {
                let game = interventional_game::<f64>(&forest, &block.row(1), output, &pairs);
                expected.extend(sets.iter().map(|set| game[*set as usize]));
                assert!((function.base()[output] - game[0]).abs() <= TOLERANCE * game[0].abs().max(1e-3));
            }
            let off = worst(&found, &expected);
            assert!(off <= TOLERANCE, "{options:?}, case {case}: {off:e}");
            // Less the complements.
            let last = (1 << features) - 1;
            let mut odd = vec![f64::NAN; found.len()];
            function.differences(&block, 1, &asked, &mut odd);
            for (output, odd) in odd.chunks_exact(sets.len()).enumerate() {
                let game = interventional_game::<f64>(&forest, &block.row(1), output, &pairs);
                let size = game.iter().fold(1e-3, |size: f64, value| size.max(value.abs()));
                let close = |(odd, set): (&f64, &u32)| (odd - game[*set as usize] + game[last - *set as usize]).abs() <= TOLERANCE * size;
                assert!(odd.iter().zip(&sets).all(close), "{options:?}, case {case}");
            }
            match first.iter().find(|(route, _)| *route == options.route) {
                Some((_, known)) => assert_eq!(*known, found, "{options:?}, case {case}"),
                None => first.push((options.route, found)),
            }
        }
    }
}

/// Paths of more than eight features beside shorter ones, more features than bits in a word, more background patterns than coalitions.
#[test]
fn coalitions_of_wide_deep_forests_equal_literal_averages() {
    for case in 0..12 {
        let rng = &mut source(3_000 + case);
        let features = 12 + 11 * case as usize;
        let shape = Shape { features, trees: 2, depth: 11 + case as usize, outputs: 1 + case as usize % 2, grow: 0.7, zero_covers: false };
        let forest = forest(rng, shape);
        let (block, background) = (rows(rng, &forest, 2), rows(rng, &forest, 300));
        let function = counted(&forest, &background, None, Options::default());
        let pairs = pairs(&background, None);
        let sets: Vec<Vec<usize>> =
            (0..150_u32).map(|set| (0..features).filter(|_| rng.random_bool(f64::from(set) / 149.0)).collect()).collect();
        let mut asked = Coalitions::new(features, sets.len());
        sets.iter().enumerate().for_each(|(number, set)| set.iter().for_each(|feature| asked.insert(number, *feature)));
        let mut found = vec![f64::NAN; sets.len() * forest.outputs.len()];
        function.values(&block, 0, &asked, &mut found);
        let by_set: Vec<Vec<f64>> = sets.iter().map(|set| averaged(&forest, &pairs, &block.row(0), set)).collect();
        let expected: Vec<f64> = (0..forest.outputs.len()).flat_map(|output| by_set.iter().map(move |values| values[output])).collect();
        let off = worst(&found, &expected);
        assert!(off <= TOLERANCE, "case {case}: {off:e}");
        let mut others = Coalitions::new(features, sets.len());
        for (number, set) in sets.iter().enumerate() {
            (0..features).filter(|feature| !set.contains(feature)).for_each(|feature| others.insert(number, feature));
        }
        let (mut odd, mut complements) = (found.clone(), found.clone());
        function.differences(&block, 0, &asked, &mut odd);
        function.values(&block, 0, &others, &mut complements);
        let size = expected.iter().fold(1e-3, |size: f64, value| size.max(value.abs()));
        let close = |((odd, value), other): ((&f64, &f64), &f64)| (odd - (value - other)).abs() <= TOLERANCE * size;
        assert!(odd.iter().zip(&expected).zip(&complements).all(close), "case {case}");
    }
}

#[test]
fn partial_dependence_of_any_order_is_the_literal_average() {
    for case in 4_000..4_060 {
        let features = 2 + case as usize % 12;
        let (forest, points, background, weights) = random_game(case, features, 1 + case as usize * 7 % 200);
        let pairs = pairs(&background, weights.as_deref());
        let mut sets: Vec<Vec<usize>> = (0..features).map(|feature| vec![feature]).collect();
        sets.extend([vec![0, 1], vec![1, features - 1], Vec::new(), (0..features).collect()]);
        let expected: Vec<f64> = sets
            .iter()
            .flat_map(|set| {
                let at: Vec<Vec<f64>> = (0..points.rows()).map(|point| averaged(&forest, &pairs, &points.row(point), set)).collect();
                (0..forest.outputs.len()).flat_map(|output| at.iter().map(|values| values[output]).collect::<Vec<_>>()).collect::<Vec<_>>()
            })
            .collect();
        for options in options() {
            let found = counted(&forest, &background, weights.as_deref(), options).partial_dependence(&points, &sets);
            let worst = worst(&found, &expected);
            assert!(worst <= TOLERANCE, "{options:?}, case {case}: {worst:e}");
        }
    }
}

#[test]
fn curves_are_the_margins_of_changed_rows() {
    for case in 5_000..5_060 {
        let rng = &mut source(case);
        let features = 1 + case as usize % 12;
        let forest = forest(rng, shapes(case, features));
        // Tracks of unlike length, with missing values and categories; more rows than a block.
        let (block, points) = (rows(rng, &forest, 1 + case as usize * 11 % 300), rows(rng, &forest, 1 + case as usize * 3 % 140));
        let track = |feature: usize| Track { feature, points: points.column(feature)[feature % points.rows()..].to_vec() };
        let tracks: Vec<Track> = (0..features).rev().step_by(1 + case as usize % 2).map(track).collect();
        let moves = Moves::new(&forest, tracks.clone()).unwrap();
        let found = moves.curves(&block);
        assert_eq!(found.len(), block.rows() * moves.curve_size());
        let mut expected = Vec::new();
        for row in 0..block.rows() {
            for track in &tracks {
                let changed = track.points.iter().map(|point| {
                    let mut changed = block.row(row);
                    changed[track.feature] = *point;
                    changed
                });
                expected.extend(forest.margins(&FeatureBlock::from_rows(&changed.collect::<Vec<_>>())));
            }
        }
        let worst = worst(&found, &expected);
        assert!(worst <= TOLERANCE, "case {case}: {worst:e}");
    }
}

/// The splits on a feature change their minds where an interval starts, and within an interval none does.
#[test]
fn intervals_are_where_splits_decide() {
    for case in 6_000..6_040 {
        let rng = &mut source(case);
        let forest = forest(rng, shapes(case, 4));
        let function = counted(&forest, &rows(rng, &forest, 1), None, Options::default());
        let nodes = forest.trees.iter().flat_map(|tree| &tree.nodes);
        let splits: Vec<&Split> =
            nodes.filter_map(|node| if let NodeKind::Split(split) = &node.kind { Some(split) } else { None }).collect();
        let decide = |feature: usize, x: f64| -> Vec<bool> {
            let yes = |rule: &Rule| match rule {
                Rule::Less(t) => x < *t,
                Rule::LessOrEqual(t) => x <= *t,
                Rule::In(_) => false,
            };
            splits.iter().filter(|split| split.feature == feature).map(|split| yes(&split.rule)).collect()
        };
        let before = |x: f64| if forest.compare == Width::F32 { f64::from((x as f32).next_down()) } else { x.next_down() };
        for feature in 0..4 {
            match function.intervals(feature) {
                Intervals::Constant => assert!(splits.iter().all(|split| split.feature != feature)),
                Intervals::Categorical(codes) => assert!(codes.is_sorted() && !codes.is_empty()),
                Intervals::Numeric(starts) => {
                    assert!(starts.iter().all(|start| decide(feature, *start) != decide(feature, before(*start))), "case {case}");
                    assert!(starts.windows(2).all(|pair| decide(feature, pair[0]) == decide(feature, before(pair[1]))), "case {case}");
                }
            }
        }
    }
}

#[test]
fn a_background_without_weight_has_no_value_function() {
    let rng = &mut source(1);
    let forest = forest(rng, shapes(3, 3));
    let counter = BackgroundCounter::new(forest.clone()).unwrap();
    assert!(counter.value_function().is_err());
}
