//! What is explained, made up for tests of methods that take any model.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use pipeline::attribution::AttributionBatch;
use pipeline::dataset::{FeatureBlock, RowBatch};
use pipeline::explain::{self, Explainer};
use pipeline::model::{Forest, Output, PredictError, Predictor};
use pipeline::pattern::{BackgroundCounter, ForestPredictor};
use pipeline::subject::{Background, ExplainedFeature, Member, Subject, Values};

/// A function of a row as a model of one output.
pub struct Function<F>(pub F, Vec<String>);

impl<F: Fn(&[f64]) -> f64 + Send + Sync> Predictor for Function<F> {
    fn outputs(&self) -> &[String] {
        &self.1
    }

    fn predict(&self, block: &FeatureBlock) -> Result<Vec<f64>, PredictError> {
        Ok((0..block.rows()).map(|row| self.0(&block.row(row))).collect())
    }
}

/// A function against background rows.
pub fn of_function(
    function: impl Fn(&[f64]) -> f64 + Send + Sync + 'static,
    background: &FeatureBlock,
    weights: Option<&[f64]>,
) -> Subject {
    let outputs = vec!["0".to_owned()];
    Subject {
        seed: 42,
        rows: u64::MAX,
        features: features(background.features()),
        outputs: outputs.clone(),
        space: Output::Margin,
        forest: None,
        predictor: Arc::new(Function(function, outputs)),
        background: Background { rows: Some(Arc::new(background.clone())), weights: weights.map(Arc::from), ..Background::default() },
        sample: None,
        interactions: None,
    }
}

/// A forest against a background that was counted, and is not in memory.
pub fn of_forest(forest: &Arc<Forest>, background: &FeatureBlock, weights: Option<&[f64]>) -> Subject {
    let mut counter = BackgroundCounter::new(Arc::clone(forest)).unwrap();
    counter.count(background, weights);
    Subject {
        seed: 42,
        rows: u64::MAX,
        features: features(forest.features.len()),
        outputs: forest.outputs.clone(),
        space: Output::Margin,
        forest: Some(Arc::clone(forest)),
        predictor: Arc::new(ForestPredictor::new(Arc::clone(forest), Output::Margin)),
        background: Background { histograms: Some(Arc::new(counter)), ..Background::default() },
        sample: None,
        interactions: None,
    }
}

/// A forest as a function that can only be called, against rows.
pub fn of_calls(forest: &Arc<Forest>, background: &FeatureBlock, weights: Option<&[f64]>) -> Subject {
    let background = Background { rows: Some(Arc::new(background.clone())), weights: weights.map(Arc::from), ..Background::default() };
    Subject { forest: None, background, ..of_forest(forest, &FeatureBlock::from_rows(&[vec![0.0; forest.features.len()]]), None) }
}

/// Numeric features `x0`, `x1`, …, each for itself.
pub fn features(count: usize) -> Vec<ExplainedFeature> {
    let member = |column| Member { name: format!("x{column}"), column, values: Values::Number };
    (0..count).map(|column| ExplainedFeature { name: format!("x{column}"), members: vec![member(column)] }).collect()
}

/// Rows with these identifiers.
pub fn batch(features: &FeatureBlock, ids: impl IntoIterator<Item = i64>) -> RowBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    let options = RecordBatchOptions::new().with_row_count(Some(features.rows()));
    let extra = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    RowBatch { first_row: 0, ids, features: features.clone(), label: None, weight: None, extra }
}

/// The one method that these settings switch on beside `tree_shap`, which is off.
pub fn method(settings: &str, subject: Subject) -> Result<Box<dyn Explainer>, explain::ExplainError> {
    let settings: explain::Settings = serde_json::from_str(&format!("{{\"tree_shap\": false, {settings}}}")).unwrap();
    Ok(explain::build(&settings, &Arc::new(subject))?.remove(0))
}

/// Attributions of rows numbered from 0.
pub fn explained(settings: &str, subject: Subject, rows: &FeatureBlock) -> AttributionBatch {
    let count = rows.rows() as i64;
    method(settings, subject).unwrap().explain(&batch(rows, 0..count)).unwrap()
}
