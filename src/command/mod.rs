//! A model that is a child process: rows go to its stdin and predictions come from its stdout, both as Arrow IPC streams.
//!
//! The child is started once and kept. For every record batch it is sent it answers with one, of as many rows and a numeric column an output, before it
//! reads the next. What it writes to stderr goes to the run's log.

mod answer;
mod error;
mod process;
mod request;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::dataset::FeatureBlock;
use crate::model::{Feature, PredictError, Predictor};

pub use error::CommandError;
pub use process::Watch;

use answer::Answers;
use process::Process;
use request::Requests;

/// What is started, where, and how long it may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// Program and arguments.
    pub command: Vec<String>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// Rows it is sent at a time, at most.
    pub batch_rows: usize,
    /// Time from its start to its first answer.
    pub start: Duration,
    /// Time from a batch to its answer.
    pub answer: Duration,
    /// Columns of its answers that are predictions; all of them where `None`.
    pub outputs: Option<Vec<String>>,
}

/// A running command as a model.
pub struct CommandPredictor {
    requests: Requests,
    answers: Answers,
    batch_rows: usize,
    /// Why there is no process any more, once there is none.
    process: Mutex<Result<Process, CommandError>>,
    answer: Duration,
    /// The rows that it was asked about first, and what it said.
    first: (FeatureBlock, Vec<f64>),
    /// Bits of the largest size of a prediction so far; of numbers without a sign, bits are in the numbers' order.
    largest: AtomicU64,
}

/// Difference of two answers about the same rows, as a share of the largest prediction, that a model may owe to its way of adding up.
const WAVERING: f64 = 1e-6;

impl CommandPredictor {
    /// Starts the command and has it predict a first few rows, from which it is known what its outputs are.
    ///
    /// # Errors
    /// If it cannot be started, or does not answer as it should.
    pub fn start(launch: &Launch, features: &[Feature], rows: &FeatureBlock, watch: Watch) -> Result<Self, CommandError> {
        let requests = Requests::new(features);
        let batch = requests.batch(rows, 0, rows.rows())?;
        let mut process = Process::start(launch, batch.schema(), watch)?;
        let answer = process.ask(batch, launch.start, "start_seconds")?;
        let answers = Answers::new(&answer, launch.outputs.as_deref())?;
        let first = (rows.clone(), answers.read(&answer, rows.rows()).map_err(|fault| fault.at(&requests, rows, 0))?);
        let largest = AtomicU64::new(largest(&first.1));
        Ok(Self {
            requests,
            answers,
            batch_rows: launch.batch_rows,
            process: Mutex::new(Ok(process)),
            answer: launch.answer,
            first,
            largest,
        })
    }

    /// Asks about the first rows again: where some batch was answered twice, each answer since then was that to the batch before.
    fn ask_again(&self) -> Result<(), CommandError> {
        let (rows, said) = &self.first;
        let again = self.ask(rows, 0, rows.rows())?;
        let largest = f64::from_bits(self.largest.load(Ordering::Relaxed));
        if said.iter().zip(&again).any(|(said, again)| (said - again).abs() > WAVERING * largest) {
            let message = "to its first rows is another at the end than at the start; answer each batch once, and a row by itself alone";
            return Err(CommandError::Answer(message.into()));
        }
        Ok(())
    }

    /// One batch there and back: its predictions, `output · rows + row`.
    fn ask(&self, block: &FeatureBlock, first: usize, rows: usize) -> Result<Vec<f64>, CommandError> {
        let batch = self.requests.batch(block, first, rows)?;
        let mut state = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let process = state.as_mut().map_err(|error| error.clone())?;
        let answer = process.ask(batch, self.answer, "answer_seconds").and_then(|answer| {
            let read = self.answers.read(&answer, rows);
            read.map_err(|fault| fault.at(&self.requests, block, first))
        });
        match &answer {
            Ok(said) => drop(self.largest.fetch_max(largest(said), Ordering::Relaxed)),
            // The process is stopped here: nothing it says can be trusted any more.
            Err(error) => *state = Err(error.clone()),
        }
        answer
    }
}

/// Bits of the largest size of predictions.
fn largest(predictions: &[f64]) -> u64 {
    predictions.iter().fold(0.0, |largest: f64, prediction| largest.max(prediction.abs())).to_bits()
}

impl Predictor for CommandPredictor {
    fn outputs(&self) -> &[String] {
        self.answers.outputs()
    }

    fn predict(&self, block: &FeatureBlock) -> Result<Vec<f64>, PredictError> {
        let mut predictions = vec![0.0; self.outputs().len() * block.rows()];
        for first in (0..block.rows()).step_by(self.batch_rows) {
            let rows = self.batch_rows.min(block.rows() - first);
            let found = self.ask(block, first, rows).map_err(|error| PredictError(error.to_string()))?;
            for (all, part) in predictions.chunks_exact_mut(block.rows()).zip(found.chunks_exact(rows)) {
                all[first..first + rows].copy_from_slice(part);
            }
        }
        Ok(predictions)
    }

    fn close(&self) -> Result<(), PredictError> {
        let again = self.ask_again();
        let mut state = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = std::mem::replace(&mut *state, Err(CommandError::Closed)).and_then(Process::close);
        again.and(closed).map_err(|error| PredictError(error.to_string()))
    }
}
