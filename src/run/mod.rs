//! The conductor: plan → claim → execute → publish. Nothing else knows the whole.

mod agreement;
mod baseline;
mod checkpoint;
mod error;
mod estimate;
mod events;
mod execute;
mod fairness;
mod finished;
mod groups;
mod manifest;
mod model;
mod page;
mod plan;
mod protected;
mod results;
mod row;
mod signals;
mod staging;
mod steps;
mod stream;
mod streamed;

use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;

use crate::config::Config;
use crate::gates;
use checkpoint::{Checkpoint, Origin};
use error::AtPath;
use execute::{Findings, execute};
use manifest::{FileRecord, Input};
use results::RunResults;
use signals::Interrupt;
use staging::{Fits, Staging};
use steps::Steps;

pub use error::RunError;
pub use events::{Level, Log, LogFormat};
pub use plan::{Options, Plan};
pub use row::{Contribution, Decision, ExplainedOutput, Reason, RowExplanation, RowQuestion, explain_row};

/// A run that ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The run folder.
    pub folder: PathBuf,
    /// The process's exit code: 0, 1 for a gate that failed or could not be evaluated, or 4 for warnings where those are to fail.
    pub exit_code: u8,
}

/// Runs a whole audit and publishes its folder, or leaves nothing.
///
/// SIGINT and SIGTERM are listened to from here on, for the rest of the process.
///
/// # Errors
/// If inputs are unusable or do not fit together, something cannot be computed or written, or a signal comes.
pub fn run(config: Config, options: Options, log: &Log) -> Result<Published, RunError> {
    interruptible(|interrupt| audit(config, options, log, interrupt))
}

/// What a run would do, as text; the model has been tried, and nothing else computed.
///
/// # Errors
/// If inputs are unusable or do not fit together, or a signal comes.
pub fn check(config: Config, options: Options) -> Result<String, RunError> {
    interruptible(|interrupt| {
        let plan = Plan::new(config, options, interrupt)?;
        plan.probe()?;
        Ok(plan.to_string())
    })
}

/// Does work that SIGINT and SIGTERM stop. What fails after a signal fails for it.
fn interruptible<T>(work: impl FnOnce(&Interrupt) -> Result<T, RunError>) -> Result<T, RunError> {
    let interrupt = Interrupt::listen().map_err(|error| RunError::Internal(error.to_string()))?;
    work(&interrupt).map_err(|error| interrupt.check().err().unwrap_or(error))
}

fn audit(config: Config, options: Options, log: &Log, interrupt: &Interrupt) -> Result<Published, RunError> {
    let (started, clock) = (Timestamp::now(), Instant::now());
    let mut steps = Steps::new(log.clone());
    let plan = steps.time("plan", || Plan::new(config, options, interrupt))?;
    let digests = |steps: &mut Steps| {
        let inputs = steps.time("digests", || plan.pool.install(|| manifest::inputs(&plan)))?;
        Ok::<_, RunError>((Origin::new(&plan, &inputs)?, inputs))
    };
    // A run can only be gone on with where nothing that it is made of has changed.
    let known = if plan.options.resume { Some(digests(&mut steps)?) } else { None };
    let fits = known.as_ref().map(|(origin, _)| |folder: &Path| origin.fits(folder));
    let staging = Staging::claim(
        plan.output(),
        plan.options.run_id.as_deref(),
        &results::default_run_id(started),
        fits.as_ref().map(|fits| fits as &Fits<'_>),
    )?;
    let (origin, inputs) = known.map_or_else(|| digests(&mut steps), Ok)?;
    let checkpoint = Checkpoint::start(&staging.folder(), &origin, staging.is_resumed())?;
    log.keep_in(staging.create("events.jsonl")?).at("write", &staging.folder().join("events.jsonl"))?;
    match staging.is_resumed() {
        true => tracing::info!("run {} of {} goes on: finished parts {}", staging.run_id(), plan.config.name, checkpoint.kept()),
        false => tracing::info!("run {} of {}", staging.run_id(), plan.config.name),
    }
    plan.model.notes().iter().for_each(|note| tracing::info!("model: {note}"));
    plan.to_string().lines().for_each(|line| tracing::debug!("{line}"));
    let under_way = UnderWay { staging: &staging, checkpoint, inputs, started, clock, interrupt };
    let ended = complete(&plan, under_way, steps);
    log.release();
    match ended {
        Ok(exit_code) => {
            let folder = staging.publish(plan.config.output.keep)?;
            tracing::info!("published {}", folder.display());
            Ok(Published { folder, exit_code })
        }
        Err(error) => {
            if plan.options.resume && interrupt.check().is_err() {
                tracing::info!("what run {} has finished stays; --resume goes on with it", staging.run_id());
                staging.leave();
            }
            Err(error)
        }
    }
}

/// A run that has a folder.
struct UnderWay<'a> {
    staging: &'a Staging,
    checkpoint: Checkpoint,
    inputs: Vec<Input>,
    started: Timestamp,
    clock: Instant,
    interrupt: &'a Interrupt,
}

/// Writes everything into the run's hidden folder; returns the process's exit code.
fn complete(plan: &Plan, run: UnderWay<'_>, mut steps: Steps) -> Result<u8, RunError> {
    let UnderWay { staging, mut checkpoint, inputs, started, clock, interrupt } = run;
    if let Some(bytes) = plan.model.trees().and_then(|trees| trees.fitted.as_ref()) {
        staging.write(model::FITTED_MODEL, bytes)?;
    }
    let findings = execute(plan, &staging.folder(), inputs, &mut checkpoint, &mut steps, interrupt)?;
    plan.model.predictor.close()?;
    steps.time("manifest", || record(plan, &findings, staging, checkpoint.close()?))?;
    let exit_code = gates::exit_code(&findings.gates, plan.options.fail_on_warn && !findings.warnings.is_empty());
    let results = RunResults {
        run_id: staging.run_id().into(),
        exit_code,
        started: started.to_string(),
        finished: Timestamp::now().to_string(),
        seconds: clock.elapsed().as_secs_f64(),
        host: results::host(),
        threads: plan.threads,
        resumed_parts: checkpoint.kept(),
        peak_memory_bytes: results::peak_memory(),
        steps: steps.finish(),
        baseline: findings.baseline,
        gates: findings.gates,
        warnings: findings.warnings,
    };
    staging.write("run_results.json", &json(&results)?)?;
    interrupt.check().map(|()| exit_code)
}

/// Writes the settings and the manifest; of the files, the parts have been described.
fn record(plan: &Plan, findings: &Findings, staging: &Staging, parts: Vec<FileRecord>) -> Result<(), RunError> {
    let yaml = plan.config.to_yaml().map_err(|error| RunError::Internal(error.to_string()))?;
    staging.write("config.resolved.yaml", yaml.as_bytes())?;
    let manifest = plan.pool.install(|| manifest::Manifest::new(plan, findings, &staging.folder(), parts))?;
    staging.write("manifest.json", &json(&manifest)?)
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, RunError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| RunError::Internal(error.to_string()))?;
    text.push(b'\n');
    Ok(text)
}
