//! Files of forests fitted here: written by hand and read as their description says, and damaged at random.

use std::fs;

use pipeline::dataset::{FeatureBlock, UNKNOWN_CATEGORY};
use pipeline::model::format::pipeline::{Document, encode, read};
use pipeline::model::format::{FORMATS, Iterations};
use pipeline::model::{Model, parse};

use crate::support::shipped;

const NAMES: [&str; 3] = ["two_classes", "three_classes", "quantity"];

fn golden(name: &str) -> Vec<u8> {
    fs::read(shipped(&format!("tests/golden/pipeline/{name}.json"))).unwrap()
}

fn model(name: &str) -> Model {
    parse(&golden(name), "model.json".as_ref(), "auto", Iterations::All).unwrap()
}

/// Rows of age and housing: on the threshold, beyond it, of the second category, of no known one, missing.
fn rows() -> FeatureBlock {
    let ages = [30.5, 30.5_f64.next_up(), 40.0, 40.0, f64::NAN];
    let housing = [0.0, 0.0, 1.0, UNKNOWN_CATEGORY, f64::NAN];
    FeatureBlock::new(5, [ages, housing].concat())
}

/// Expected values were worked out by hand from the trees in the files.
#[test]
fn hand_written_files_predict_what_their_trees_say() {
    let two = model("two_classes");
    assert_eq!(two.forest.outputs, ["1"]);
    assert_eq!(two.forest.predictions(&rows()), [0.5, 0.0, 0.5, 0.5, 0.5]);
    let three = model("three_classes");
    assert_eq!(three.forest.outputs, ["-1", "0.5", "2"]);
    let votes = [[1.0, 1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 2.0, 2.0]].concat();
    assert_eq!(three.forest.margins(&rows()), votes);
    let quantity = model("quantity");
    let expected = [(0.1 + 0.2) / 2.0, (-3.5 + 0.2) / 2.0, 1e300 / 2.0, 1e300 / 2.0, 1e300 / 2.0];
    assert_eq!(quantity.forest.predictions(&rows()), expected);
    assert_eq!(quantity.forest.trees[0].nodes.iter().map(|node| node.cover).collect::<Vec<_>>(), [10.0, 4.0, 6.0]);
}

#[test]
fn files_are_recognised_and_written_back_as_they_are() {
    for name in NAMES {
        let bytes = golden(name);
        let recognised: Vec<_> = FORMATS.iter().filter(|format| (format.recognise)(&bytes)).map(|format| format.name).collect();
        assert_eq!(recognised[0], "pipeline");
        let document: Document = serde_json::from_slice(&bytes).unwrap();
        let again = encode(&document).unwrap();
        assert_eq!(serde_json::from_slice::<Document>(&again).unwrap(), document);
        assert_eq!(read(&again, Iterations::All).unwrap(), read(&bytes, Iterations::All).unwrap());
    }
}
