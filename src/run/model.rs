//! The model of a run: a function of rows and, where it is made of trees, the trees.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use super::RunError;
use crate::attribution::Scores;
use crate::config::Config;
use crate::dataset::FeatureBlock;
use crate::model::{self, Cover, Feature, Forest, Iterations, Link, Output, PredictError, Predictor, Summary};
use crate::pattern::ForestPredictor;
use crate::train;

/// Name of the model file in the run folder, of a model that was fitted here.
pub(super) const FITTED_MODEL: &str = "model.json";

/// What is explained.
pub(super) struct RunModel {
    /// Inputs, in the model's order.
    pub features: Vec<Feature>,
    /// Output names.
    pub outputs: Vec<String>,
    /// The model in the space that `model.output` names.
    pub predictor: Arc<dyn Predictor>,
    /// What it is made of, where that is known.
    pub trees: Option<Trees>,
    space: Output,
}

/// A model that is made of trees.
pub(super) struct Trees {
    pub forest: Arc<Forest>,
    pub summary: Summary,
    /// The model file, of a model that was fitted here.
    pub fitted: Option<Vec<u8>>,
    predictor: Arc<ForestPredictor>,
    iterations: Iterations,
}

impl RunModel {
    /// Reads or fits the model, and names its features as the config does.
    ///
    /// # Errors
    /// If there is no model to be had, or its features are not those of the config.
    pub fn open(config: &Config) -> Result<Self, RunError> {
        let (settings, space) = (&config.model, config.model.output);
        let (mut model, fitted) = match (&settings.path, &settings.train) {
            (Some(path), _) => (model::load(path, &settings.format, settings.iterations)?, None),
            (None, Some(training)) => {
                let bytes = train::train(training, &config.data, config.run.seed)?;
                (model::parse(&bytes, Path::new(FITTED_MODEL), "pipeline", settings.iterations)?, Some(bytes))
            }
            (None, None) => return Err(RunError::Setting { key: "model".into(), message: "name a path, or train".into() }),
        };
        if let Some(columns) = &config.data.features {
            name_features(&mut model.forest.features, columns)?;
        }
        let mut summary = Summary::of(&model);
        if config.explain.tree_shap.settings().is_some_and(|settings| settings.counts_covers(&model.forest)) {
            summary.cover = Cover::Background.name();
        }
        let forest = Arc::new(model.forest);
        let predictor = Arc::new(ForestPredictor::new(Arc::clone(&forest), space));
        Ok(Self {
            features: forest.features.clone(),
            outputs: forest.outputs.clone(),
            predictor: Arc::clone(&predictor) as Arc<dyn Predictor>,
            trees: Some(Trees { forest, summary, fitted, predictor, iterations: settings.iterations }),
            space,
        })
    }

    /// The trees themselves.
    pub fn forest(&self) -> Option<&Arc<Forest>> {
        self.trees.as_ref().map(|trees| &trees.forest)
    }

    /// What the model says of rows.
    ///
    /// # Errors
    /// If it fails on these rows.
    pub fn scores(&self, rows: &FeatureBlock) -> Result<Scores, PredictError> {
        let Some(trees) = &self.trees else {
            let predictions = self.predictor.predict(rows)?;
            return Ok(Scores { margins: predictions.clone(), predictions });
        };
        let mut predictions = trees.predictor.margins(rows);
        let margins = predictions.clone();
        model::apply_link(trees.forest.link, rows.rows(), &mut predictions);
        Ok(Scores { margins, predictions })
    }

    /// The space that TreeSHAP explains, and its unit.
    pub fn margin_space(&self) -> &'static str {
        match self.trees.as_ref().map_or(Link::Identity, |trees| trees.forest.link) {
            Link::Identity => "prediction",
            Link::Logistic => "margin: log-odds",
            Link::Softmax => "margin: log-odds up to a constant",
            Link::Exp => "margin: log of the prediction",
            Link::SignedSquare => "margin: signed root of the prediction",
            Link::Isolation { .. } => "sum of the trees' path lengths",
            Link::Mean(_) => "sum of the trees' predictions",
            Link::VoteShare(_) => "votes of the trees",
            Link::Step | Link::Ascending | Link::Gaps | Link::MeanVariance | Link::Softplus | Link::Scaled(..) => "margin",
        }
    }

    /// The space that effects and model-agnostic methods are in, and its unit.
    pub fn effect_space(&self) -> &'static str {
        match (self.space, self.trees.as_ref().map(|trees| trees.forest.link)) {
            (Output::Probability, None | Some(Link::Logistic | Link::Softmax)) => "probability",
            (Output::Probability, _) => "prediction",
            (Output::Margin, _) => self.margin_space(),
        }
    }

    /// What else matters about the model: its file's notes, rounds beyond the best, and a best that is not there.
    pub fn notes(&self) -> Vec<String> {
        let Some(Trees { summary, iterations, .. }) = &self.trees else { return Vec::new() };
        let card = &summary.card;
        let beyond = card.best_iteration.filter(|best| *iterations == Iterations::All && card.rounds_used > best + 1);
        let note = |best: usize| {
            let rounds = card.rounds_used;
            format!(
                "All {rounds} rounds are used, though the file names {} as the best; model.iterations: best would stop there.",
                best + 1
            )
        };
        let nameless = (*iterations == Iterations::Best && card.best_iteration.is_none())
            .then(|| format!("All {} rounds are used: model.iterations is best, but the file names no best round.", card.rounds_used));
        card.notes.iter().cloned().chain(beyond.map(note)).chain(nameless).collect()
    }
}

/// Checks `data.features` against the model's features, or names those of a model that has only numbers for names.
fn name_features(features: &mut [Feature], columns: &[String]) -> Result<(), RunError> {
    let refuse = |message: String| Err(RunError::Setting { key: "data.features".into(), message });
    let named: HashSet<&String> = columns.iter().collect();
    let missing = features.iter().find(|feature| !named.contains(&feature.name));
    let numbered = Feature::are_numbered(features);
    match missing {
        None if columns.len() == features.len() => Ok(()),
        None => {
            let known: HashSet<&String> = features.iter().map(|feature| &feature.name).collect();
            let surplus: Vec<&str> = columns.iter().filter(|column| !known.contains(column)).map(String::as_str).collect();
            refuse(format!("{} is no feature of the model; leave it out", surplus.join(", ")))
        }
        Some(_) if numbered && columns.len() == features.len() => {
            features.iter_mut().zip(columns).for_each(|(feature, column)| feature.name.clone_from(column));
            Ok(())
        }
        Some(_) if numbered => refuse(format!("names {} columns, but the model has {} features", columns.len(), features.len())),
        Some(feature) => {
            refuse(format!("the model's feature `{}` is not among them; name every feature, or leave the list out", feature.name))
        }
    }
}
