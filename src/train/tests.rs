//! Fitted forests against smartcore's own predictions.

use std::path::Path;

use super::*;
use crate::model::{CategorySet, Forest, NodeKind, Rule};

fn credit(features: Option<&[&str]>) -> Rows {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/credit.parquet");
    let features = features.map(|names| names.iter().map(|name| (*name).to_string()).collect());
    let (id, label) = (Some("applicant_id".into()), Some("bad".into()));
    let data = DataSettings {
        path: path.clone(),
        id,
        label,
        weight: None,
        features,
        filter: None,
        feature_groups: Default::default(),
        categories: Default::default(),
    };
    rows::read(&Dataset::open(&path).unwrap(), &data).unwrap()
}

fn settings(task: Task, depth: Option<u16>) -> TrainSettings {
    let depth = depth.and_then(std::num::NonZeroU16::new);
    TrainSettings { task, depth, trees: std::num::NonZeroU16::new(49).unwrap(), seed: Some(7), ..TrainSettings::default() }
}

fn part(rows: &Rows, labels: &[f64]) -> Part {
    Part { values: rows.values.clone(), labels: labels.to_vec() }
}

/// The forest as a reader of its model file has it.
fn reread(rows: &Rows, part: &Part, classes: &[f64], settings: &TrainSettings) -> Forest {
    let document = Document {
        pipeline_model: pipeline::VERSION,
        library: fit::LIBRARY.into(),
        classes: classes.iter().map(f64::to_string).collect(),
        features: rows.features.clone(),
        training: Training {
            label: "bad".into(),
            ignored_weight: None,
            settings: settings.clone(),
            rows: part.labels.len() as u64,
            held_out: 0,
            unlabelled: 0,
            unknown_labels: 0,
            score: score::undefined(classes),
        },
        trees: fit::forest(part, classes, settings).unwrap(),
    };
    let bytes = pipeline::encode(&document).unwrap();
    assert_eq!(serde_json::from_slice::<Document>(&bytes).unwrap(), document);
    pipeline::read(&bytes, Iterations::All).unwrap().forest
}

/// The rows as they are, with a value on a threshold and a step to either side of it, for 2 000 thresholds; and with odd numbers.
fn probes(rows: &Rows, forest: &Forest) -> FeatureBlock {
    let mut all: Vec<Vec<f64>> = (0..rows.values.rows()).map(|row| rows.values.row(row)).collect();
    let numeric = |feature: &usize| rows.features[*feature].categories.is_none();
    let splits = forest.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match &node.kind {
        NodeKind::Split(split) => Some(split),
        NodeKind::Leaf(_) => None,
    });
    for (at, split) in splits.step_by(forest.nodes() / 4000 + 1).enumerate() {
        if let Rule::LessOrEqual(t) = split.rule {
            for x in [t, t.next_up(), t.next_down()] {
                let mut row = rows.values.row(at % rows.values.rows());
                row[split.feature] = x;
                all.push(row);
            }
        }
    }
    for feature in 0..rows.features.len() {
        // Infinities and −0 are no categories.
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 5e-324];
        for x in odd.into_iter().take(if numeric(&feature) { 5 } else { 1 }) {
            let mut row = rows.values.row(feature);
            row[feature] = x;
            all.push(row);
        }
    }
    FeatureBlock::from_rows(&all)
}

#[test]
fn votes_of_two_classes_are_smartcores() {
    let rows = credit(None);
    for depth in [Some(1), Some(4), None] {
        let (settings, part) = (settings(Task::Classification, depth), part(&rows, &rows.labels));
        let forest = reread(&rows, &part, &[0.0, 1.0], &settings);
        let block = probes(&rows, &forest);
        assert!(block.rows() > 1000 && depth.is_none_or(|depth| forest.depth() == usize::from(depth)), "{}", forest.depth());
        let expected = fit::classifier(&part, &[0.0, 1.0], &settings).unwrap().predict(&fit::matrix(&block).unwrap()).unwrap();
        let votes = forest.margins(&block);
        assert_eq!(votes, forest.native_margins(&block));
        let predicted: Vec<u32> = votes.iter().map(|votes| u32::from(*votes > 49.0 - votes)).collect();
        assert_eq!(predicted, expected);
        assert!(forest.predictions(&block).iter().zip(votes).all(|(share, votes)| *share == votes / 49.0));
    }
}

#[test]
fn votes_of_several_classes_are_smartcores() {
    let rows = credit(None);
    let feature = rows.features.iter().position(|feature| feature.name == "credit_history").unwrap();
    let labels: Vec<f64> = rows.values.column(feature).iter().map(|code| 10.0 * code - 20.0).collect();
    let classes = classes(&labels).unwrap();
    assert_eq!(classes, [-20.0, -10.0, 0.0, 10.0, 20.0]);
    let (settings, part) = (settings(Task::Classification, Some(5)), part(&rows, &labels));
    let forest = reread(&rows, &part, &classes, &settings);
    assert_eq!(forest.outputs, ["-20", "-10", "0", "10", "20"]);
    let block = probes(&rows, &forest);
    let expected = fit::classifier(&part, &classes, &settings).unwrap().predict(&fit::matrix(&block).unwrap()).unwrap();
    let (votes, n) = (forest.margins(&block), block.rows());
    for (row, expected) in expected.iter().enumerate() {
        let of_row: Vec<f64> = (0..5).map(|class| votes[class * n + row]).collect();
        assert_eq!(of_row.iter().sum::<f64>(), 49.0);
        // Of classes with equal votes, the first.
        let most = of_row.iter().copied().fold(0.0, f64::max);
        assert_eq!(of_row.iter().position(|votes| *votes == most), Some(*expected as usize));
    }
}

#[test]
fn estimates_of_a_quantity_are_smartcores_bit_for_bit() {
    let rows = credit(None);
    let feature = rows.features.iter().position(|feature| feature.name == "amount").unwrap();
    let labels: Vec<f64> = rows.values.column(feature).iter().map(|amount| amount.ln() / 3.0).collect();
    for depth in [Some(3), None] {
        let (settings, part) = (settings(Task::Regression, depth), part(&rows, &labels));
        let forest = reread(&rows, &part, &[], &settings);
        let block = probes(&rows, &forest);
        let expected = fit::regressor(&part, &settings).unwrap().predict(&fit::matrix(&block).unwrap()).unwrap();
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&forest.predictions(&block)), bits(&expected));
    }
}

#[test]
fn covers_count_every_fitted_row_once() {
    let rows = credit(Some(&["age", "duration", "housing"]));
    let forest = reread(&rows, &part(&rows, &rows.labels), &[0.0, 1.0], &settings(Task::Classification, Some(3)));
    for tree in &forest.trees {
        assert_eq!(tree.nodes[0].cover, 1000.0);
        for node in &tree.nodes {
            if let NodeKind::Split(split) = &node.kind {
                assert_eq!(node.cover, tree.nodes[split.left].cover + tree.nodes[split.right].cover);
                assert!(!split.missing_left);
            }
        }
    }
    let sets = forest.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match &node.kind {
        NodeKind::Split(split) if split.feature == 2 => Some(split.rule.clone()),
        _ => None,
    });
    // Three kinds of housing are parted after the first or the second.
    let known: [CategorySet; 2] = [[0].into_iter().collect(), [0, 1].into_iter().collect()];
    assert!(sets.into_iter().all(|rule| matches!(rule, Rule::In(set) if known.contains(&set))));
}

#[test]
fn a_split_is_of_the_share_and_its_rows_depend_on_the_seed_alone() {
    let rows = credit(Some(&["amount"]));
    let split = |seed| split(&rows, &TrainSettings { seed: Some(seed), train_share: 0.7, ..TrainSettings::default() }).unwrap();
    let (fitted, held_out) = split(1);
    assert_eq!((fitted.labels.len(), held_out.labels.len()), (700, 300));
    let mut all: Vec<f64> = [fitted.values.values(), held_out.values.values()].concat();
    let mut expected = rows.values.values().to_vec();
    all.sort_by(f64::total_cmp);
    expected.sort_by(f64::total_cmp);
    assert_eq!(all, expected);
    assert_eq!(split(1).0.values, fitted.values);
    assert_ne!(split(2).0.values, fitted.values);
}
