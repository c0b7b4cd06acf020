//! Models fitted to the dataset itself: `model.train` in the config.
//!
//! rows ([`rows`]) → split by seed → forest ([`fit`]) → score on the rows held out ([`score`]) → a [`Document`], which is then read as any
//! model file is, so that a run and a later reading of its `model.json` cannot differ.
//!
//! smartcore fits because its forests are a function of data and seed and serialize whole. linfa's trees break ties by the order of a
//! randomly seeded hash map, so one fit need not be like the next.

mod error;
mod fit;
mod rows;
mod score;

use crate::dataset::{DataSettings, Dataset, FeatureBlock};
use crate::model::format::Iterations;
use crate::model::format::pipeline::{self, Document, Training};
use crate::model::{Task, TrainSettings};
use crate::numeric::seed;

pub use error::TrainError;

use rows::Rows;

/// Fits a forest to the rows that `data` selects and returns it as the bytes of a model file.
///
/// All rows are held in memory. `seed` is the run's, for settings that have none.
///
/// # Errors
/// If there is no label, a column cannot be fitted, or the rows are too few or of one label.
pub fn train(settings: &TrainSettings, data: &DataSettings, seed: u64) -> Result<Vec<u8>, TrainError> {
    let label = data.label.as_ref().ok_or_else(|| TrainError::setting("data.label", "model.train needs the column to fit to; name it"))?;
    let settings = TrainSettings { seed: Some(settings.seed.unwrap_or(seed)), ..settings.clone() };
    let rows = rows::read(&Dataset::open(&data.path)?, data)?;
    if let Some(tried) = settings.features_per_split.filter(|tried| tried.get() > rows.features.len()) {
        let message = format!("{tried} features are to be tried at a split, but there are {}", rows.features.len());
        return Err(TrainError::setting("model.train.features_per_split", message));
    }
    let (fitted, held_out) = split(&rows, &settings)?;
    let classes = match settings.task {
        Task::Classification => classes(&fitted.labels)?,
        Task::Regression => Vec::new(),
    };
    let trees = fit::forest(&fitted, &classes, &settings)?;
    let names: Vec<String> = classes.iter().map(f64::to_string).collect();
    let unknown = |label: &&f64| !classes.is_empty() && !classes.contains(label);
    let mut document = Document {
        pipeline_model: pipeline::VERSION,
        library: fit::LIBRARY.into(),
        classes: names,
        training: Training {
            label: label.clone(),
            ignored_weight: data.weight.clone(),
            rows: fitted.labels.len() as u64,
            held_out: held_out.labels.len() as u64,
            unlabelled: rows.unlabelled,
            unknown_labels: held_out.labels.iter().filter(unknown).count() as u64,
            score: score::undefined(&classes),
            settings,
        },
        features: rows.features,
        trees,
    };
    let model = pipeline::read(&encode(&document)?, Iterations::All).map_err(|error| TrainError::Failed(error.to_string()))?;
    document.training.score.value = score::value(&model.forest, &classes, &held_out);
    encode(&document)
}

fn encode(document: &Document) -> Result<Vec<u8>, TrainError> {
    pipeline::encode(document).map_err(|error| TrainError::Failed(error.to_string()))
}

/// Rows with their labels.
#[derive(Debug)]
struct Part {
    values: FeatureBlock,
    labels: Vec<f64>,
}

/// The rows to fit and those held out, each in the data's order: rows are ranked by a hash of the seed and their number.
fn split(rows: &Rows, settings: &TrainSettings) -> Result<(Part, Part), TrainError> {
    let labelled = rows.labels.len();
    let wanted = (labelled as f64 * settings.train_share).round() as usize;
    if wanted < 2 || wanted >= labelled {
        let message = format!(
            "{labelled} labelled rows are too few: a train_share of {} fits {wanted} of them, and it takes two to fit and one to hold out",
            settings.train_share
        );
        return Err(TrainError::Rows(message));
    }
    let mut ranked: Vec<usize> = (0..labelled).collect();
    ranked.sort_by_key(|row| (seed::derive(settings.seed.unwrap_or_default(), "train split", *row as u64), *row));
    let part = |chosen: &[usize]| {
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        let pick = |column: &[f64]| chosen.iter().map(|row| column[*row]).collect::<Vec<_>>();
        let values = (0..rows.features.len()).flat_map(|feature| pick(rows.values.column(feature))).collect();
        Part { values: FeatureBlock::new(chosen.len(), values), labels: pick(&rows.labels) }
    };
    let (fitted, held_out) = ranked.split_at(wanted);
    Ok((part(fitted), part(held_out)))
}

/// The labels that occur, ascending.
fn classes(labels: &[f64]) -> Result<Vec<f64>, TrainError> {
    let mut classes = labels.to_vec();
    classes.sort_by(f64::total_cmp);
    classes.dedup();
    match classes.len() {
        0 | 1 => Err(TrainError::Rows("all rows to fit have the same label; fit rows of two classes at least".into())),
        2..=pipeline::MOST_CLASSES => Ok(classes),
        many => Err(TrainError::Rows(format!(
            "the label has {many} values, more than the {} classes that are fitted; is it a quantity? Then set model.train.task to regression",
            pipeline::MOST_CLASSES
        ))),
    }
}

#[cfg(test)]
mod tests;
