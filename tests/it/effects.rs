//! Subjects for the tests of effects: a model, rows to see, and a derivation run over them in chunks.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;
use pipeline::attribution::Scores;
use pipeline::dataset::{FeatureBlock, RowBatch};
use pipeline::derive::{Context, Derivation};
use pipeline::model::{Forest, Output, PredictError, Predictor};
use pipeline::pattern::ForestPredictor;
use pipeline::subject::{Background, ExplainedFeature, Member, Subject, Values};
use pipeline::table::Table;

/// A function of a row as a model of one output.
pub struct Function<F>(pub F, pub Vec<String>);

impl<F: Fn(&[f64]) -> f64 + Send + Sync> Predictor for Function<F> {
    fn outputs(&self) -> &[String] {
        &self.1
    }

    fn predict(&self, block: &FeatureBlock) -> Result<Vec<f64>, PredictError> {
        Ok((0..block.rows()).map(|row| (self.0)(&block.row(row))).collect())
    }
}

/// The subject of a function of `features` numbers `x0`, `x1`, ….
pub fn of_function(function: impl Fn(&[f64]) -> f64 + Send + Sync + 'static, rows: &RowBatch) -> Subject {
    let outputs = vec!["f".to_owned()];
    let features = (0..rows.features.features()).map(|column| feature(&format!("x{column}"), column, false));
    subject(features.collect(), Arc::new(Function(function, outputs)), None, Output::Margin, rows)
}

/// The subject of a forest.
pub fn of_forest(forest: &Arc<Forest>, space: Output, rows: &RowBatch) -> Subject {
    let features = forest.features.iter().enumerate().map(|(column, known)| feature(&known.name, column, known.is_categorical()));
    let predictor = Arc::new(ForestPredictor::new(Arc::clone(forest), space));
    subject(features.collect(), predictor, Some(Arc::clone(forest)), space, rows)
}

fn feature(name: &str, column: usize, categorical: bool) -> ExplainedFeature {
    let values = if categorical { Values::Category(Vec::new()) } else { Values::Number };
    ExplainedFeature { name: name.into(), members: vec![Member { name: name.into(), column, values }] }
}

fn subject(
    features: Vec<ExplainedFeature>,
    predictor: Arc<dyn Predictor>,
    forest: Option<Arc<Forest>>,
    space: Output,
    rows: &RowBatch,
) -> Subject {
    let outputs = predictor.outputs().to_vec();
    let sample = Some(Arc::new(rows.clone()));
    Subject {
        seed: 11,
        rows: u64::MAX,
        features,
        outputs,
        space,
        forest,
        predictor,
        background: Background::default(),
        interactions: None,
        sample,
    }
}

/// Rows with weights, if any.
pub fn rows(features: FeatureBlock, weight: Option<Vec<f64>>) -> RowBatch {
    let rows = features.rows();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows as i64));
    let extra = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
    RowBatch { first_row: 0, ids, features, label: None, weight, extra }
}

/// The context of a subject that no method explains.
pub fn context(subject: Subject) -> Arc<Context> {
    Arc::new(Context { methods: Vec::new(), subject: Arc::new(subject) })
}

/// The tables of a derivation that sees the rows in chunks of this size.
pub fn derive<D: Derivation>(derivation: &D, subject: &Subject, rows: &RowBatch, chunk: usize) -> Vec<Table> {
    let mut all = derivation.start();
    for first in (0..rows.rows()).step_by(chunk) {
        let slice = rows.slice(first, chunk.min(rows.rows() - first));
        let margins = subject.forest.as_ref().filter(|_| derivation.wants_scores()).map(|forest| forest.margins(&slice.features));
        let scores = Scores { margins: margins.unwrap_or_default(), predictions: Vec::new() };
        let mut part = derivation.start();
        derivation.absorb_rows(&mut part, &slice, &scores);
        derivation.merge(&mut all, part);
    }
    derivation.finish(all, &[]).unwrap()
}
