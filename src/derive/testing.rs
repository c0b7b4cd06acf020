//! Rows and attributions made up for the derivations' tests.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;

use super::{Context, Derivation, Explained};
use crate::attribution::{AttributionBatch, AttributionSchema, Scores};
use crate::dataset::{FeatureBlock, RowBatch};
use crate::model::{Output, PredictError, Predictor};
use crate::subject::{Background, ExplainedFeature, Member, Subject, Values};
use crate::table::Table;

/// A model whose every prediction is zero.
struct Zero(Vec<String>);

impl Predictor for Zero {
    fn outputs(&self) -> &[String] {
        &self.0
    }

    fn predict(&self, block: &FeatureBlock) -> Result<Vec<f64>, PredictError> {
        Ok(vec![0.0; block.rows() * self.0.len()])
    }
}

/// A made-up run: every row has its values and, for each output and feature, its attributions.
#[derive(Clone)]
pub struct Run {
    /// What derivations are told.
    pub context: Arc<Context>,
    /// One value a feature.
    pub values: Vec<Vec<f64>>,
    /// One attribution an output and feature, the last fastest.
    pub attributions: Vec<Vec<f64>>,
    /// One weight a row, if any.
    pub weights: Option<Vec<f64>>,
}

impl Run {
    /// A run of numeric features, one method and these outputs, without values.
    pub fn new(features: &[&str], outputs: &[&str], attributions: Vec<Vec<f64>>) -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let schema = AttributionSchema { method: "tree_shap", features: owned(features), outputs: owned(outputs) };
        let member = |(column, name): (usize, &&str)| ExplainedFeature {
            name: (*name).to_owned(),
            members: vec![Member { name: (*name).to_owned(), column, values: Values::Number }],
        };
        let features: Vec<ExplainedFeature> = features.iter().enumerate().map(member).collect();
        let values = vec![vec![0.0; features.len()]; attributions.len()];
        let subject = Subject {
            seed: 11,
            rows: 0,
            features,
            outputs: schema.outputs.clone(),
            space: Output::Margin,
            forest: None,
            predictor: Arc::new(Zero(schema.outputs.clone())),
            background: Background::default(),
            interactions: None,
            sample: None,
        };
        let context = Arc::new(Context { methods: vec![Arc::new(schema)], subject: Arc::new(subject) });
        Self { context, values, attributions, weights: None }
    }

    /// What the values of a feature's members stand for, anew.
    pub fn set_members(&mut self, feature: usize, members: Vec<Member>) {
        let mut context = Context::clone(&self.context);
        let mut subject = Subject::clone(&context.subject);
        subject.features[feature].members = members;
        context.subject = Arc::new(subject);
        self.context = Arc::new(context);
    }

    /// The table of a derivation that sees the rows in chunks of this size.
    pub fn derive<D: Derivation>(&self, derivation: &D, chunk: usize) -> Table {
        let mut all = derivation.start();
        for first in (0..self.values.len()).step_by(chunk) {
            let mut part = derivation.start();
            self.absorb(derivation, &mut part, first, (first + chunk).min(self.values.len()));
            derivation.merge(&mut all, part);
        }
        derivation.finish(all, &[]).unwrap().remove(0)
    }

    /// Adds the rows from `first` up to `end`.
    pub fn absorb<D: Derivation>(&self, derivation: &D, partial: &mut D::Partial, first: usize, end: usize) {
        let rows = end - first;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let schema = &self.context.methods[0];
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((first..end).map(|row| 1000 + row as i64)));
        let batch = RowBatch {
            first_row: first as u64,
            ids,
            features: FeatureBlock::from_rows(&self.values[first..end]),
            label: None,
            weight: self.weights.as_ref().map(|weights| weights[first..end].to_vec()),
            extra: RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap(),
        };
        let columns = schema.outputs.len() * schema.features.len();
        let attributions = AttributionBatch {
            schema: Arc::clone(schema),
            rows,
            base: vec![0.0; rows * schema.outputs.len()],
            prediction: vec![0.0; rows * schema.outputs.len()],
            values: (0..columns).flat_map(|column| self.attributions[first..end].iter().map(move |row| row[column])).collect(),
            standard_errors: None,
            extra: vec![],
        };
        derivation.absorb_rows(partial, &batch, &Scores::default());
        derivation.absorb(partial, Explained { method: 0, rows: &batch, attributions: &attributions });
    }
}
