//! Named categories, however a file stores them, reach the model as the codes that its library gave them.

use pipeline::dataset::{Dataset, Decoded, Request};
use pipeline::model::{self, Feature, Forest, Iterations};

use crate::golden;

fn request(forest: &Forest) -> Request {
    Request { features: forest.features.iter().map(Feature::request).collect(), ..Request::default() }
}

fn decode(path: &std::path::Path, forest: &Forest) -> Decoded {
    let selection = Dataset::open(path).and_then(|dataset| dataset.select(&request(forest))).unwrap();
    let mut batches: Vec<_> = selection.batches(100_000).map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches.remove(0).decode().unwrap()
}

#[test]
fn names_and_codes_give_the_same_margins() {
    let mut compared = 0;
    for folder in golden::folders("xgboost").iter().filter(|folder| folder.join("rows_named.parquet").exists()) {
        let forest = model::load(&folder.join("model.json"), "auto", Iterations::All).unwrap().forest;
        let (codes, names) = (decode(&folder.join("rows.parquet"), &forest), decode(&folder.join("rows_named.parquet"), &forest));
        assert!(!names.unseen.is_empty(), "{}: the rows hold unknown names", folder.display());
        let bits = |decoded: &Decoded| forest.native_margins(&decoded.rows.features).into_iter().map(f64::to_bits).collect::<Vec<_>>();
        assert_eq!(bits(&codes), bits(&names), "{}", folder.display());
        compared += 1;
    }
    assert!(compared >= 4);
}
