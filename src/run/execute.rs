//! The run itself: background → rows in chunks → derivations → tables → figures → page.

use std::iter;
use std::path::Path;
use std::sync::Arc;

use super::baseline::{self, Baseline};
use super::checkpoint::Checkpoint;
use super::error::AtPath;
use super::manifest::Input;
use super::plan::Plan;
use super::signals::Interrupt;
use super::steps::Steps;
use super::stream;
use super::streamed::{self, Streamed};
use super::{RunError, fairness, page, protected};
use crate::dataset::{BackgroundRows, Decoded, FeatureBlock, RowBatch, Selection};
use crate::derive::{self, AnyDerivation, Context, Reviewed};
use crate::gates::{self, Outcome};
use crate::pattern::BackgroundCounter;
use crate::report::chart::{self, Figure};
use crate::report::parquet::write_table;
use crate::subject::{Background, BackgroundError, SAMPLE_ROWS, Subject};
use crate::table::Table;
use crate::{engine, explain};

/// What a run has found and written, for the page, the manifest and the results.
#[derive(Debug)]
pub(super) struct Findings {
    /// Rows, certificates and unknown categories.
    pub streamed: Streamed,
    /// Files that were read.
    pub inputs: Vec<Input>,
    /// The run that this one was compared with, where one is configured.
    pub baseline: Option<Baseline>,
    /// Tables, in the order of their steps.
    pub tables: Vec<Table>,
    /// What came of the gates.
    pub gates: Vec<Outcome>,
    /// Figures, in the page's order.
    pub figures: Vec<Figure>,
    /// What the reader must know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// Computes everything and writes attributions, tables, figures and the page into `folder`; parts that `checkpoint` knows are read back instead.
///
/// # Errors
/// If a room fails, a file cannot be written, or a signal comes.
pub(super) fn execute(
    plan: &Plan,
    folder: &Path,
    inputs: Vec<Input>,
    checkpoint: &mut Checkpoint,
    steps: &mut Steps,
    interrupt: &Interrupt,
) -> Result<Findings, RunError> {
    let (subject, background) = subject(plan, steps, interrupt)?;
    let explainers = steps.time("compile", || plan.pool.install(|| explain::build(&plan.config.explain, &subject)))?;
    interrupt.check()?;
    let stream = stream::Stream::new(plan, &explainers, protected::read(plan)?, folder)?;
    let context = Arc::new(Context { methods: stream.schemas().to_vec(), subject });
    let reviewed = reviewed(plan, steps, interrupt)?;
    let prepare = || Ok::<_, RunError>(plan.pool.install(|| derive::build(&plan.config.derive, reviewed, &context)));
    let derivations = steps.time("prepare", prepare)?;
    let (mut streamed, partials) = stream.run(&derivations, checkpoint, steps, interrupt)?;
    streamed.background = background;
    let mut tables = finish(plan, &derivations, partials, steps, interrupt)?;
    tables.append(&mut streamed.tables);
    write_tables(&tables, folder, steps)?;
    let compared = steps.time("compare", || baseline::compare(plan, folder, &inputs))?;
    let (baseline, compared) = compared.map(|compared| (compared.baseline, compared.table)).unzip();
    let derived = tables.len();
    tables.extend(compared);
    let gates = gates::evaluate_pieces(&plan.config.gates, |name| pieces(name, &tables, &streamed))?;
    if !gates.is_empty() {
        tables.push(gates::table(&gates));
    }
    write_tables(&tables[derived..], folder, steps)?;
    let figures = draw(plan, &tables, folder, steps, interrupt)?;
    let mut warnings = streamed.warnings();
    if streamed.methods.is_empty() {
        warnings.push("nothing is explained, since no method is on; name kernel_shap, permutation or lime under explain".into());
    }
    warnings.extend(fairness::warnings(plan, &tables));
    warnings.extend(baseline.as_ref().and_then(Baseline::warning));
    warnings.extend(gates.iter().filter(|gate| gate.warns()).map(Outcome::told));
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    gates.iter().filter(|gate| gate.fails()).for_each(|gate| tracing::error!("{}", gate.told()));
    baseline.iter().for_each(|baseline| tracing::info!("baseline: {}", baseline.text()));
    let findings = Findings { streamed, inputs, baseline, tables, gates, figures, warnings };
    steps.time("page", || page::write(plan, &findings, folder))?;
    interrupt.check().map(|()| findings)
}

/// What is explained, once background and sample have been read, and what the background said.
pub(super) fn subject(
    plan: &Plan,
    steps: &mut Steps,
    interrupt: &Interrupt,
) -> Result<(Arc<Subject>, Option<streamed::Background>), RunError> {
    let (background, said) = match plan.background.as_ref().filter(|_| plan.needs.background()) {
        Some(selection) => background(plan, selection, steps, interrupt).map(|(background, said)| (background, Some(said)))?,
        None => Default::default(),
    };
    let seed = plan.config.run.seed;
    let sample = || plan.pool.install(|| plan.data.sample(SAMPLE_ROWS.get(), seed, "sample"));
    let sample = if plan.needs.sample { Some(Arc::new(steps.time("sample", sample)?.rows)) } else { None };
    let interactions = |forest| plan.pool.install(|| explain::interactions(&plan.config.explain, forest, &background));
    let interactions = plan.model.forest().map(interactions).transpose()?.flatten().map(Arc::new);
    let subject = Subject {
        seed,
        rows: plan.data.dataset().summary().rows,
        features: plan.features(),
        outputs: plan.model.outputs.clone(),
        space: plan.config.model.output,
        forest: plan.model.forest().cloned(),
        predictor: Arc::clone(&plan.model.predictor),
        background,
        interactions,
        sample,
    };
    Ok((Arc::new(subject), said))
}

/// One pass over the background, in row order.
fn background(
    plan: &Plan,
    selection: &Selection,
    steps: &mut Steps,
    interrupt: &Interrupt,
) -> Result<(Background, streamed::Background), RunError> {
    let mut step = steps.start("background", None);
    let (mut pass, mut said) = (plan.pool.install(|| plan.background_pass())?, streamed::Background::default());
    let mut absorb = |decoded: Decoded| {
        said.unseen.merge(decoded.unseen);
        said.rows += decoded.rows.rows() as u64;
        step.advance(decoded.rows.rows() as u64);
        Ok::<_, RunError>(plan.pool.install(|| pass.absorb(&decoded.rows))?)
    };
    match plan.config.background.rows {
        BackgroundRows::Sample(count) => absorb(selection.sample(count.get(), plan.config.run.seed, "background")?)?,
        BackgroundRows::All => {
            let batches = selection.batches(plan.chunk_rows).map(|batch| interrupt.check().and_then(|()| Ok(batch?)));
            engine::ordered(&plan.pool, batches, |batch| Ok(batch.decode()?), absorb)?;
        }
    }
    steps.end(step);
    Ok((pass.finish()?, said))
}

/// The fairness review, if there is to be one, with the background's favourable decisions counted where reasons are asked for.
pub(super) fn reviewed(plan: &Plan, steps: &mut Steps, interrupt: &Interrupt) -> Result<Option<Reviewed>, RunError> {
    let Some(review) = plan.review.clone() else { return Ok(None) };
    let (Some(_), Some(forest)) = (review.reasons(), plan.model.forest()) else { return Ok(Some(Reviewed { review, favourable: None })) };
    let mut step = steps.start("favourable", None);
    let mut counter = BackgroundCounter::new(Arc::clone(forest)).map_err(BackgroundError::from)?;
    let favoured = |rows: &RowBatch| Ok::<_, RunError>(review.favoured(rows, &plan.model.scores(&rows.features)?));
    let mut absorb = |(block, weights): (FeatureBlock, Vec<f64>)| {
        step.advance(block.rows() as u64);
        plan.pool.install(|| counter.count(&block, Some(&weights)));
        Ok::<_, RunError>(())
    };
    let selection = plan.background.as_ref().unwrap_or(&plan.data);
    match plan.config.background.rows {
        BackgroundRows::Sample(count) => {
            absorb(favoured(&selection.sample(count.get(), plan.config.run.seed, "background")?.rows)?)?;
        }
        BackgroundRows::All => {
            let batches = selection.batches(plan.chunk_rows).map(|batch| interrupt.check().and_then(|()| Ok(batch?)));
            engine::ordered(&plan.pool, batches, |batch| favoured(&batch.decode()?.rows), absorb)?;
        }
    }
    steps.end(step);
    let none = |_| {
        let message = "no row of the background has a favourable decision to compare with; check fairness.favourable and threshold";
        RunError::setting("fairness.reasons", message)
    };
    let favourable = plan.pool.install(|| counter.finish()).map_err(none)?;
    Ok(Some(Reviewed { review, favourable: Some(favourable) }))
}

/// Ends the derivations.
fn finish(
    plan: &Plan,
    derivations: &[Box<dyn AnyDerivation>],
    partials: stream::Partials,
    steps: &mut Steps,
    interrupt: &Interrupt,
) -> Result<Vec<Table>, RunError> {
    let mut tables = Vec::new();
    for (derivation, partial) in derivations.iter().zip(partials) {
        interrupt.check()?;
        let finish = || plan.pool.install(|| derivation.finish(partial, &tables));
        let more = steps.time(derivation.name(), finish)?;
        tables.extend(more);
    }
    Ok(tables)
}

fn write_tables(tables: &[Table], folder: &Path, steps: &mut Steps) -> Result<(), RunError> {
    let folder = folder.join("tables");
    let write = || tables.iter().try_for_each(|table| write_table(table, &folder).map(drop));
    steps.time("tables", write).map_err(RunError::from)
}

/// A table for the gates: whole, or piece by piece where it is not held.
fn pieces(name: &str, tables: &[Table], streamed: &Streamed) -> Option<Box<dyn Iterator<Item = Result<Table, RunError>>>> {
    if let Some(table) = tables.iter().find(|table| table.name == name) {
        return Some(Box::new(iter::once(Ok(table.clone()))));
    }
    let file = streamed.lines.iter().find(|lines| lines.name == name)?;
    Some(match file.pieces() {
        Ok(pieces) => Box::new(pieces.map(|piece| piece.map_err(RunError::from))),
        Err(error) => Box::new(iter::once(Err(error.into()))),
    })
}

/// Draws the figures and writes them.
fn draw(plan: &Plan, tables: &[Table], folder: &Path, steps: &mut Steps, interrupt: &Interrupt) -> Result<Vec<Figure>, RunError> {
    interrupt.check()?;
    let options = chart::Options {
        top_features: plan.config.report.top_features.get(),
        space: plan.model.margin_space().into(),
        effect_space: plan.model.effect_space().into(),
    };
    let figures = steps.time("figures", || plan.pool.install(|| chart::draw(tables, &options)))?;
    let folder = folder.join("figures");
    std::fs::create_dir_all(&folder).at("make", &folder)?;
    for figure in &figures {
        let path = folder.join(format!("{}.svg", figure.stem));
        std::fs::write(&path, &figure.svg).at("write", &path)?;
    }
    Ok(figures)
}
