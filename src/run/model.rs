//! The model of a run: a function of rows, and what it is made of: trees, or a command.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::RunError;
use super::signals::Interrupt;
use crate::attribution::Scores;
use crate::command::{CommandPredictor, Launch, Watch};
use crate::config::Config;
use crate::dataset::{DataError, Dataset, FeatureBlock, Request};
use crate::model::{self, Cover, Feature, FeatureSummary, Forest, Iterations, Link, Output, PredictError, Predictor, Summary};
use crate::pattern::ForestPredictor;
use crate::train;

/// Name of the model file in the run folder, of a model that was fitted here.
pub(super) const FITTED_MODEL: &str = "model.json";

/// Rows from which it is learnt what a command answers.
const FIRST_ROWS: usize = 8;

/// What is explained.
pub(super) struct RunModel {
    /// Inputs, in the model's order.
    pub features: Vec<Feature>,
    /// Output names.
    pub outputs: Vec<String>,
    /// The model in the space that `model.output` names.
    pub predictor: Arc<dyn Predictor>,
    /// What it is made of.
    pub made: Made,
    space: Output,
}

/// What a model is made of, as manifests tell it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Made {
    /// Trees.
    Trees(Box<Trees>),
    /// A process of which nothing but its answers is known.
    Command(CommandSummary),
}

/// A model that is made of trees.
#[derive(Serialize)]
pub(super) struct Trees {
    #[serde(flatten)]
    pub summary: Summary,
    #[serde(skip)]
    pub forest: Arc<Forest>,
    /// The model file, of a model that was fitted here.
    #[serde(skip)]
    pub fitted: Option<Vec<u8>>,
    #[serde(skip)]
    predictor: Arc<ForestPredictor>,
    #[serde(skip)]
    iterations: Iterations,
}

/// A model that is a process.
#[derive(Serialize)]
pub(super) struct CommandSummary {
    format: &'static str,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Rows it is sent at a time.
    pub batch_rows: usize,
    start_seconds: u64,
    answer_seconds: u64,
    outputs: Vec<String>,
    features: Vec<FeatureSummary>,
}

impl RunModel {
    /// Reads, fits or starts the model, and names its features as the config does.
    ///
    /// # Errors
    /// If there is no model to be had, or its features are not those of the config.
    pub fn open(config: &Config, data: &Dataset, interrupt: &Interrupt) -> Result<Self, RunError> {
        let settings = &config.model;
        if let Some(command) = &settings.command {
            return Self::of_command(command, config, data, interrupt);
        }
        refuse_command_keys(config)?;
        let (mut model, fitted) = match (&settings.path, &settings.train) {
            (Some(path), _) => (model::load(path, &settings.format, settings.iterations)?, None),
            (None, Some(training)) => {
                let bytes = train::train(training, &config.data, config.run.seed)?;
                (model::parse(&bytes, Path::new(FITTED_MODEL), "pipeline", settings.iterations)?, Some(bytes))
            }
            (None, None) => return Err(RunError::setting("model", "name a path, train or a command")),
        };
        if let Some(columns) = &config.data.features {
            name_features(&mut model.forest.features, columns)?;
        }
        let mut summary = Summary::of(&model);
        if config.explain.tree_shap.settings().is_some_and(|settings| settings.counts_covers(&model.forest)) {
            summary.cover = Cover::Background.name();
        }
        let forest = Arc::new(model.forest);
        let predictor = Arc::new(ForestPredictor::new(Arc::clone(&forest), settings.output));
        Ok(Self {
            features: forest.features.clone(),
            outputs: forest.outputs.clone(),
            predictor: Arc::clone(&predictor) as Arc<dyn Predictor>,
            made: Made::Trees(Box::new(Trees { summary, forest, fitted, predictor, iterations: settings.iterations })),
            space: settings.output,
        })
    }

    /// A command, started and asked about the data's first rows.
    fn of_command(command: &[String], config: &Config, data: &Dataset, interrupt: &Interrupt) -> Result<Self, RunError> {
        let settings = &config.model;
        if !["auto", "command"].contains(&&*settings.format) {
            return Err(RunError::setting(
                "model.format",
                format!("is {}, but model.command names a command; leave one of them out", settings.format),
            ));
        }
        let features = command_features(config, data)?;
        let (start_seconds, answer_seconds) =
            (settings.start_seconds.map_or(120, u64::from), settings.answer_seconds.map_or(600, u64::from));
        let launch = Launch {
            command: command.to_vec(),
            folder: config.folder().into(),
            batch_rows: settings.batch_rows.map_or(1 << 16, usize::from),
            start: Duration::from_secs(start_seconds),
            answer: Duration::from_secs(answer_seconds),
            outputs: settings.outputs.clone(),
        };
        let request = Request::new(&config.data, features.iter().map(Feature::request).collect(), Vec::new());
        let rows = match data.select(&request)?.batches(FIRST_ROWS).next() {
            Some(first) => first?.decode()?.rows.features,
            None => return Err(DataError::NoRows { path: config.data.path.clone(), filter: config.data.filter.clone() }.into()),
        };
        let stop = {
            let interrupt = interrupt.clone();
            move || interrupt.check().is_err()
        };
        let watch = Watch { stop: Box::new(stop), log: Box::new(|line| tracing::info!("model: {line}")) };
        let predictor = CommandPredictor::start(&launch, &features, &rows, watch).map_err(|error| PredictError(error.to_string()))?;
        let outputs = predictor.outputs().to_vec();
        let summary = CommandSummary {
            format: "command",
            command: command.to_vec(),
            batch_rows: launch.batch_rows,
            start_seconds,
            answer_seconds,
            outputs: outputs.clone(),
            features: features.iter().map(FeatureSummary::unsplit).collect(),
        };
        Ok(Self { features, outputs, predictor: Arc::new(predictor), made: Made::Command(summary), space: settings.output })
    }

    /// The trees, of a model that is made of such.
    pub fn trees(&self) -> Option<&Trees> {
        match &self.made {
            Made::Trees(trees) => Some(trees),
            Made::Command(_) => None,
        }
    }

    /// The trees themselves.
    pub fn forest(&self) -> Option<&Arc<Forest>> {
        self.trees().map(|trees| &trees.forest)
    }

    /// What the model says of rows.
    ///
    /// # Errors
    /// If it fails on these rows.
    pub fn scores(&self, rows: &FeatureBlock) -> Result<Scores, PredictError> {
        let Some(trees) = self.trees() else {
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
        match self.trees().map_or(Link::Identity, |trees| trees.forest.link) {
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
        match (self.space, self.trees().map(|trees| trees.forest.link)) {
            (Output::Probability, None | Some(Link::Logistic | Link::Softmax)) => "probability",
            (Output::Probability, _) => "prediction",
            (Output::Margin, _) => self.margin_space(),
        }
    }

    /// What else matters about the model: its file's notes, rounds beyond the best, and a best that is not there.
    pub fn notes(&self) -> Vec<String> {
        let Some(Trees { summary, iterations, .. }) = self.trees() else { return Vec::new() };
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

/// What a command is sent: the columns of `data.features`, text by the names in data and background, all else as numbers.
fn command_features(config: &Config, data: &Dataset) -> Result<Vec<Feature>, RunError> {
    let Some(columns) = &config.data.features else {
        return Err(RunError::setting("data.features", "is missing: a command does not say which columns it takes; list them"));
    };
    let mut texts = data.texts(columns)?;
    if let Some(path) = &config.background.path {
        for (column, more) in Dataset::open(path)?.texts(columns)? {
            if let Some(texts) = texts.get_mut(&column) {
                texts.extend(more);
            }
        }
    }
    let feature = |column: &String| match texts.remove(column) {
        Some(texts) => Feature::categorical(column, Some(texts.into_iter().collect())),
        None => Feature::numeric(column),
    };
    Ok(columns.iter().map(feature).collect())
}

/// Refuses keys that only a command has a use for.
fn refuse_command_keys(config: &Config) -> Result<(), RunError> {
    let model = &config.model;
    if model.format == "command" {
        return Err(RunError::setting(
            "model.command",
            "is missing: model.format is command; name the program and its arguments, as a list",
        ));
    }
    let keys = [
        ("batch_rows", model.batch_rows.is_some()),
        ("start_seconds", model.start_seconds.is_some()),
        ("answer_seconds", model.answer_seconds.is_some()),
        ("outputs", model.outputs.is_some()),
    ];
    match keys.iter().find(|(_, is_given)| *is_given) {
        Some((key, _)) => Err(RunError::setting(format!("model.{key}"), "is about models by command; leave it out, or name model.command")),
        None => Ok(()),
    }
}

/// Checks `data.features` against the model's features, or names those of a model that has only numbers for names.
fn name_features(features: &mut [Feature], columns: &[String]) -> Result<(), RunError> {
    let refuse = |message: String| Err(RunError::setting("data.features", message));
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
