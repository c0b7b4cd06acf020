//! Exact Shapley values of tree ensembles, by the pattern engine.

mod settings;

use std::sync::Arc;

use super::{ExplainError, Explainer};
use crate::attribution::{AttributionBatch, AttributionSchema};
use crate::dataset::RowBatch;
use crate::model::{Cover, Forest};
use crate::pattern::{Attributions, Attributor, BackgroundCounter, Interactions, Options, PatternError};
use crate::subject::{Background, Subject};

pub use settings::{Mode, Settings};

const METHOD: &str = "tree_shap";
const NO_COVERS: &str = "the model file holds no covers, so path_dependent values do not exist; set explain.tree_shap.mode: interventional";

/// Exact TreeSHAP in margin space (Lundberg et al. 2020), path-dependent or interventional.
#[derive(Debug)]
pub struct TreeShap {
    schema: Arc<AttributionSchema>,
    attributor: Attributor,
}

impl TreeShap {
    /// The method in its configured mode.
    ///
    /// # Errors
    /// If the model is not made of trees, and as [`TreeShap::path_dependent`] and [`TreeShap::interventional`].
    pub fn new(settings: &Settings, subject: &Subject) -> Result<Self, ExplainError> {
        let forest = subject.forest.as_ref().ok_or_else(Self::without_trees)?;
        match settings.mode {
            Mode::Interventional => {
                let histograms = subject.background.histograms.as_deref().ok_or_else(|| refuse("the background was not counted"))?;
                Self::interventional(histograms.clone())
            }
            Mode::PathDependent => {
                let forest = Arc::clone(subject.background.covered.as_ref().unwrap_or(forest));
                Self::path_dependent(forest, subject.rows)
            }
        }
    }

    /// What is said of a model that has none.
    pub fn without_trees() -> ExplainError {
        refuse(
            "explains trees, and the model is a function of which nothing else is known; leave it out, and name kernel_shap, permutation or lime",
        )
    }

    /// The interaction values in the configured mode.
    ///
    /// # Errors
    /// As [`TreeShap::new`].
    pub fn interactions(settings: &Settings, forest: &Arc<Forest>, background: &Background) -> Result<Interactions, ExplainError> {
        match (settings.mode, &background.histograms) {
            (Mode::Interventional, Some(histograms)) => histograms.interactions().map_err(refused),
            (Mode::Interventional, None) => Err(refuse("the background was not counted")),
            (Mode::PathDependent, _) => {
                let forest = background.covered.as_ref().unwrap_or(forest);
                if forest.cover == Cover::Absent {
                    return Err(refuse(NO_COVERS));
                }
                Interactions::path_dependent(Arc::clone(forest)).map_err(refused)
            }
        }
    }

    /// Path-dependent values of about `rows` rows: absent features follow the covers of the training rows.
    ///
    /// # Errors
    /// If the model's file holds no covers, or the forest exceeds what patterns can hold.
    pub fn path_dependent(forest: Arc<Forest>, rows: u64) -> Result<Self, ExplainError> {
        if forest.cover == Cover::Absent {
            return Err(refuse(NO_COVERS));
        }
        Attributor::path_dependent_with(forest, Options { rows, ..Options::default() }).map(Self::of).map_err(refused)
    }

    /// Interventional values: absent features take the values of the background rows that `counter` has counted.
    ///
    /// # Errors
    /// If the background is empty or holds no weight.
    pub fn interventional(counter: BackgroundCounter) -> Result<Self, ExplainError> {
        counter.finish().map(Self::of).map_err(refused)
    }

    fn of(attributor: Attributor) -> Self {
        let forest = attributor.forest();
        let features = forest.features.iter().map(|feature| feature.name.clone()).collect();
        let schema = Arc::new(AttributionSchema { method: METHOD, features, outputs: forest.outputs.clone() });
        Self { schema, attributor }
    }
}

fn refuse(message: &str) -> ExplainError {
    ExplainError { method: METHOD, message: message.into() }
}

fn refused(error: PatternError) -> ExplainError {
    ExplainError { method: METHOD, message: error.to_string() }
}

impl Explainer for TreeShap {
    fn schema(&self) -> &Arc<AttributionSchema> {
        &self.schema
    }

    fn explain(&self, rows: &RowBatch) -> Result<AttributionBatch, ExplainError> {
        let block = &rows.features;
        let Attributions { values, margins } = self.attributor.attribute(block);
        Ok(AttributionBatch {
            schema: self.schema.clone(),
            rows: block.rows(),
            base: self.attributor.base().iter().flat_map(|base| std::iter::repeat_n(*base, block.rows())).collect(),
            prediction: margins,
            values,
            standard_errors: None,
            extra: Vec::new(),
        })
    }
}
