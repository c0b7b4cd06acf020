//! The run itself: background → rows in chunks → derivations → tables → figures → page.

use std::path::Path;
use std::sync::Arc;

use super::error::AtPath;
use super::plan::Plan;
use super::signals::Interrupt;
use super::steps::Steps;
use super::stream::{self, Background, Streamed};
use super::{RunError, page};
use crate::dataset::BackgroundRows;
use crate::derive::{self, AnyDerivation};
use crate::engine;
use crate::explain::Explainer;
use crate::report::chart::{self, Figure};
use crate::report::parquet::write_table;
use crate::table::Table;

/// What a run has found and written, for the page, the manifest and the results.
#[derive(Debug)]
pub(super) struct Findings {
    /// Rows, certificates and unknown categories.
    pub streamed: Streamed,
    /// Tables, in the order of their steps.
    pub tables: Vec<Table>,
    /// Figures, in the page's order.
    pub figures: Vec<Figure>,
    /// What the reader must know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// Computes everything and writes attributions, tables, figures and the page into `folder`.
///
/// # Errors
/// If a room fails, a file cannot be written, or a signal comes.
pub(super) fn execute(plan: &mut Plan, folder: &Path, steps: &mut Steps, interrupt: &Interrupt) -> Result<Findings, RunError> {
    let (explainers, background) = prepare(plan, steps, interrupt)?;
    let plan = &*plan;
    let context = Arc::new(plan.context(&explainers));
    let derivations = derive::build(&plan.config.derive, &context);
    let stream = stream::Stream::new(plan, &explainers, &derivations, folder)?;
    let (mut streamed, partials) = stream.run(steps, interrupt)?;
    streamed.background = background;
    let tables = finish(plan, &derivations, partials, folder, steps, interrupt)?;
    let figures = draw(plan, &tables, folder, steps, interrupt)?;
    let warnings = streamed.warnings();
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let findings = Findings { streamed, tables, figures, warnings };
    steps.time("page", || page::write(plan, &findings, folder))?;
    interrupt.check().map(|()| findings)
}

/// The methods, ready for rows, and what the background said.
type Prepared = (Vec<Box<dyn Explainer>>, Option<Background>);

/// Readies the methods: one pass over the background, in row order, if one of them wants it.
fn prepare(plan: &mut Plan, steps: &mut Steps, interrupt: &Interrupt) -> Result<Prepared, RunError> {
    let mut methods = std::mem::take(&mut plan.methods);
    let mut said = plan.background.as_ref().map(|_| Background::default());
    if let (Some(background), Some(said)) = (&plan.background, &mut said) {
        let mut step = steps.start("background", None);
        let mut absorb = |decoded: crate::dataset::Decoded| {
            plan.pool.install(|| methods.iter_mut().for_each(|method| method.absorb(&decoded.rows)));
            said.unseen.merge(decoded.unseen);
            said.rows += decoded.rows.rows() as u64;
            step.advance(decoded.rows.rows() as u64);
        };
        match plan.config.background.rows {
            BackgroundRows::Sample(count) => absorb(background.sample(count.get(), plan.config.run.seed, "background")?),
            BackgroundRows::All => {
                let batches = background.batches(plan.chunk_rows).map(|batch| interrupt.check().and_then(|()| Ok(batch?)));
                engine::ordered(
                    &plan.pool,
                    batches,
                    |batch| Ok(batch.decode()?),
                    |decoded| {
                        absorb(decoded);
                        Ok::<_, RunError>(())
                    },
                )?;
            }
        }
        steps.end(step);
    }
    let ready = || methods.into_iter().map(|method| method.finish()).collect::<Result<Vec<_>, _>>();
    let explainers = steps.time("compile", || plan.pool.install(ready))?;
    interrupt.check()?;
    Ok((explainers, said))
}

/// Ends the derivations and writes their tables.
fn finish(
    plan: &Plan,
    derivations: &[Box<dyn AnyDerivation>],
    partials: stream::Partials,
    folder: &Path,
    steps: &mut Steps,
    interrupt: &Interrupt,
) -> Result<Vec<Table>, RunError> {
    let mut tables = Vec::new();
    for (derivation, partial) in derivations.iter().zip(partials) {
        interrupt.check()?;
        let finish = || plan.pool.install(|| derivation.finish(partial));
        tables.extend(steps.time(derivation.name(), finish)?);
    }
    let folder = folder.join("tables");
    std::fs::create_dir_all(&folder).at("make", &folder)?;
    let write = || tables.iter().try_for_each(|table| write_table(table, &folder.join(format!("{}.parquet", table.name))));
    steps.time("tables", write)?;
    Ok(tables)
}

/// Draws the figures and writes them.
fn draw(plan: &Plan, tables: &[Table], folder: &Path, steps: &mut Steps, interrupt: &Interrupt) -> Result<Vec<Figure>, RunError> {
    interrupt.check()?;
    let options = chart::Options { top_features: plan.config.report.top_features.get(), space: plan.space().into() };
    let figures = steps.time("figures", || plan.pool.install(|| chart::draw(tables, &options)))?;
    let folder = folder.join("figures");
    std::fs::create_dir_all(&folder).at("make", &folder)?;
    for figure in &figures {
        let path = folder.join(format!("{}.svg", figure.stem));
        std::fs::write(&path, &figure.svg).at("write", &path)?;
    }
    Ok(figures)
}
