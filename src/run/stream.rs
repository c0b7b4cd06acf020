//! Rows in chunks through the pool: decode → explain → group → encode and absorb, then append and merge in order.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::RunError;
use super::checkpoint::Checkpoint;
use super::error::AtPath;
use super::finished::Finished;
use super::plan::Plan;
use super::protected;
use super::signals::Interrupt;
use super::steps::Steps;
use super::streamed::{Method, Streamed};
use crate::attribution::{Additivity, AttributionBatch, AttributionSchema, Scores};
use crate::dataset::{Decoded, Lookup, RawBatch, RowBatch, UnseenCategories};
use crate::derive::{AnyDerivation, Explained};
use crate::engine;
use crate::explain::Explainer;
use crate::report::parquet::{Content, EncodedChunk, Part, PartEncoder, PartWriter, TableWriter};
use crate::table::Table;

/// Rows of a chunk of a method's own sample: few, for such methods are slow.
const SAMPLED_ROWS: usize = 8;

/// States of the derivations, in their order.
pub(super) type Partials = Vec<Box<dyn Any + Send>>;

/// Everything that a chunk goes through.
pub(super) struct Stream<'a> {
    plan: &'a Plan,
    explainers: &'a [Box<dyn Explainer>],
    protected: Option<Lookup>,
    /// Each method's schema after grouping.
    schemas: Vec<Arc<AttributionSchema>>,
    /// Of each method: its values, and where it has them its standard errors.
    encoders: Vec<Vec<PartEncoder>>,
    /// Folder of tables that are written as the rows come.
    tables: PathBuf,
}

/// A chunk after the workers' part.
struct Chunk {
    rows: u64,
    /// Of the methods that explained it, in their order; none of a chunk that was read back.
    parts: Vec<Vec<EncodedChunk>>,
    additivity: Vec<Vec<Additivity>>,
    partials: Partials,
    /// What derivations say of its rows.
    lines: Vec<Table>,
    unseen: UnseenCategories,
    /// Rows without a line in the file of protected columns.
    absent: u64,
}

/// What has come through so far.
struct Collected<'e> {
    checkpoint: &'e mut Checkpoint,
    rows: u64,
    /// Of methods that have begun.
    writers: Vec<Vec<PartWriter<'e>>>,
    additivity: Vec<Vec<Additivity>>,
    partials: Partials,
    unseen: UnseenCategories,
    /// Rows without a line in the file of protected columns.
    absent: u64,
    /// Of what derivations say of rows, from the first chunk on.
    lines: Vec<TableWriter>,
    tables: Vec<Table>,
}

impl<'a> Stream<'a> {
    /// Makes the folders of attributions and tables.
    pub fn new(plan: &'a Plan, explainers: &'a [Box<dyn Explainer>], protected: Option<Lookup>, folder: &Path) -> Result<Self, RunError> {
        let schemas = schemas(plan, explainers);
        let encoder = |explainer: &dyn Explainer, schema: &AttributionSchema, content: Content| {
            let folder = folder.join("attributions").join(content.folder(schema.method));
            std::fs::create_dir_all(&folder).at("make", &folder)?;
            Ok::<_, RunError>(PartEncoder::new(&folder, schema, explainer.extra_columns(), &plan.data.id_type(), content)?)
        };
        let encoders = explainers.iter().zip(&schemas).map(|(explainer, schema)| {
            let errors = explainer.has_standard_errors().then_some(Content::StandardErrors);
            [Some(Content::Values), errors].into_iter().flatten().map(|content| encoder(&**explainer, schema, content)).collect()
        });
        let encoders = encoders.collect::<Result<_, _>>()?;
        let tables = folder.join("tables");
        std::fs::create_dir_all(&tables).at("make", &tables)?;
        Ok(Self { plan, explainers, protected, schemas, encoders, tables })
    }

    /// The methods' schemas after grouping, in their order.
    pub fn schemas(&self) -> &[Arc<AttributionSchema>] {
        &self.schemas
    }

    /// Sends all rows through, then the samples of methods that explain few. What `checkpoint` knows to be finished is read back.
    pub fn run(
        &self,
        derivations: &[Box<dyn AnyDerivation>],
        checkpoint: &mut Checkpoint,
        steps: &mut Steps,
        interrupt: &Interrupt,
    ) -> Result<(Streamed, Partials), RunError> {
        let mut all = Collected {
            checkpoint,
            rows: 0,
            writers: self.encoders.iter().map(|_| Vec::new()).collect(),
            additivity: self.explainers.iter().zip(&self.schemas).map(|(explainer, schema)| certificates(&**explainer, schema)).collect(),
            partials: derivations.iter().map(|derivation| derivation.start()).collect(),
            unseen: UnseenCategories::default(),
            absent: 0,
            lines: Vec::new(),
            tables: Vec::new(),
        };
        self.whole(derivations, &mut all, steps, interrupt)?;
        for (method, explainer) in self.explainers.iter().enumerate() {
            if let Some(rows) = explainer.sample() {
                self.sampled(method, rows.get(), derivations, &mut all, steps, interrupt)?;
            }
        }
        let mut methods = Vec::with_capacity(self.schemas.len());
        for ((schema, additivity), writers) in self.schemas.iter().zip(all.additivity).zip(all.writers) {
            let parts = writers.iter().flat_map(|writer| writer.parts().to_vec()).collect();
            methods.push(Method { schema: Arc::clone(schema), additivity, parts });
        }
        let lines = all.lines.into_iter().map(TableWriter::finish).collect::<Result<_, _>>()?;
        let Collected { rows, unseen, absent, tables, partials, .. } = all;
        Ok((Streamed { rows, methods, unseen, absent, background: None, lines, tables }, partials))
    }

    /// The data's rows, through every method that explains all of them.
    fn whole<'s>(
        &'s self,
        derivations: &[Box<dyn AnyDerivation>],
        all: &mut Collected<'s>,
        steps: &mut Steps,
        interrupt: &Interrupt,
    ) -> Result<(), RunError> {
        // With a filter the number of rows ahead is not known.
        let total = self.plan.config.data.filter.is_none().then(|| self.plan.data.dataset().rows());
        let mut step = steps.start("explain", total);
        let methods: Vec<usize> = (0..self.explainers.len()).filter(|method| self.explainers[*method].sample().is_none()).collect();
        let finished = self.begin(&methods, all);
        let batches = self.plan.data.batches(self.plan.chunk_rows).map(|batch| interrupt.check().and_then(|()| Ok(batch?)));
        let work = |(number, batch): (usize, RawBatch)| {
            interrupt.check()?;
            let mut decoded = batch.decode()?;
            let absent = protected::join(self.plan, self.protected.as_ref(), &mut decoded.rows)?;
            let mut chunk = self.explain(&methods, &decoded.rows, derivations, None, finished.chunk(number))?;
            (chunk.unseen, chunk.absent) = (decoded.unseen, absent);
            Ok(chunk)
        };
        let numbered = batches.enumerate().map(|(number, batch)| Ok((number, batch?)));
        engine::ordered(&self.plan.pool, numbered, work, |chunk: Chunk| {
            step.advance(chunk.rows);
            all.rows += chunk.rows;
            self.collect(&methods, derivations, all, chunk)
        })?;
        self.end(&methods, all)?;
        steps.end(step);
        Ok(())
    }

    /// A sample of the data's rows, through one method that explains no more.
    fn sampled<'s>(
        &'s self,
        method: usize,
        count: usize,
        derivations: &[Box<dyn AnyDerivation>],
        all: &mut Collected<'s>,
        steps: &mut Steps,
        interrupt: &Interrupt,
    ) -> Result<(), RunError> {
        // One purpose for all methods: a larger sample holds a smaller one, so that methods can be compared on rows that both explain.
        let Decoded { mut rows, draws, .. } = self.plan.data.sample(count, self.plan.config.run.seed, "explain")?;
        protected::join(self.plan, self.protected.as_ref(), &mut rows)?;
        let mut step = steps.start(self.schemas[method].method, Some(rows.rows() as u64));
        let finished = self.begin(&[method], all);
        let firsts = (0..rows.rows()).step_by(SAMPLED_ROWS).map(Ok);
        let work = |first: usize| {
            interrupt.check()?;
            let count = SAMPLED_ROWS.min(rows.rows() - first);
            let chunk = (&rows.slice(first, count), &draws[first..first + count]);
            self.explain_sampled(method, chunk, derivations, finished.chunk(first / SAMPLED_ROWS))
        };
        engine::ordered(&self.plan.pool, firsts, work, |chunk: Chunk| {
            step.advance(chunk.rows);
            self.collect(&[method], derivations, all, chunk)
        })?;
        self.end(&[method], all)?;
        all.tables.extend(self.plan.pool.install(|| self.explainers[method].review(&rows))?);
        steps.end(step);
        Ok(())
    }

    /// Opens the files of methods that go through together, after the parts that are finished of all of them.
    fn begin<'s>(&'s self, methods: &[usize], all: &mut Collected<'s>) -> Finished {
        let of = |encoder: &PartEncoder| all.checkpoint.parts(encoder.folder());
        let mut parts: Vec<Vec<Vec<Part>>> = methods.iter().map(|&method| self.encoders[method].iter().map(of).collect()).collect();
        let first = parts.iter().flatten().next().cloned().unwrap_or_default();
        let alike = |number: usize| {
            let chunks = |parts: &Vec<Part>| parts.get(number).map(|part| part.chunks);
            parts.iter().flatten().all(|parts| chunks(parts) == chunks(&first))
        };
        let common = (0..first.len()).take_while(|number| alike(*number)).count();
        parts.iter_mut().flatten().for_each(|parts| parts.truncate(common));
        for (&method, parts) in methods.iter().zip(&parts) {
            all.writers[method] =
                self.encoders[method].iter().zip(parts).map(|(encoder, parts)| PartWriter::new(encoder, parts.clone())).collect();
        }
        Finished { parts, chunks: first.iter().take(common).map(|part| part.chunks).sum() }
    }

    /// Closes the files of methods that have gone through together.
    fn end(&self, methods: &[usize], all: &mut Collected<'_>) -> Result<(), RunError> {
        for &method in methods {
            for writer in &mut all.writers[method] {
                writer.finish()?;
                all.checkpoint.record(writer.parts())?;
            }
        }
        Ok(())
    }

    /// A worker's part of a chunk of a sample: one method explains it, and those that explain all rows are compared.
    fn explain_sampled(
        &self,
        method: usize,
        (rows, draws): (&RowBatch, &[u64]),
        derivations: &[Box<dyn AnyDerivation>],
        finished: Option<(&Finished, usize)>,
    ) -> Result<Chunk, RunError> {
        let mut chunk = self.explain(&[method], rows, derivations, Some(draws), finished)?;
        if derivations.iter().any(|derivation| derivation.compares()) {
            for method in (0..self.explainers.len()).filter(|method| self.explainers[*method].sample().is_none()) {
                let batch = explained(self.plan, &*self.explainers[method], &self.schemas[method], rows)?;
                let compared = Explained { method, rows, attributions: &batch };
                derivations
                    .iter()
                    .zip(&mut chunk.partials)
                    .for_each(|(derivation, partial)| derivation.compare(&mut **partial, compared, draws));
            }
        }
        Ok(chunk)
    }

    /// A worker's part of a chunk: some methods explain it; as the data's own rows it also has scores, as rows of a sample it has draws.
    fn explain(
        &self,
        methods: &[usize],
        rows: &RowBatch,
        derivations: &[Box<dyn AnyDerivation>],
        draws: Option<&[u64]>,
        finished: Option<(&Finished, usize)>,
    ) -> Result<Chunk, RunError> {
        let mut partials: Partials = derivations.iter().map(|derivation| derivation.start()).collect();
        let mut lines = Vec::new();
        if draws.is_none() {
            let wanted = derivations.iter().any(|derivation| derivation.wants_scores());
            let scores = if wanted { self.plan.model.scores(&rows.features)? } else { Scores::default() };
            derivations.iter().zip(&mut partials).for_each(|(derivation, partial)| derivation.absorb_rows(&mut **partial, rows, &scores));
            for derivation in derivations {
                lines.extend(derivation.lines(rows, &scores)?);
            }
        }
        let (mut parts, mut additivity) = (Vec::new(), Vec::new());
        for (place, &method) in methods.iter().enumerate() {
            let (explainer, schema) = (&self.explainers[method], &self.schemas[method]);
            let batch = match finished {
                Some((finished, chunk)) => finished.read(place, chunk, &**explainer, schema, rows)?,
                None => explained(self.plan, &**explainer, schema, rows)?,
            };
            let chunk = Explained { method, rows, attributions: &batch };
            derivations.iter().zip(&mut partials).for_each(|(derivation, partial)| derivation.absorb(&mut **partial, chunk));
            if let Some(draws) = draws {
                derivations.iter().zip(&mut partials).for_each(|(derivation, partial)| derivation.compare(&mut **partial, chunk, draws));
            }
            let unwritten = self.encoders[method].iter().filter(|_| finished.is_none());
            parts.push(unwritten.map(|encoder| encoder.encode(&rows.ids, &batch)).collect::<Result<_, _>>()?);
            let mut found = certificates(&**explainer, schema);
            found.iter_mut().enumerate().for_each(|(output, certificate)| certificate.absorb(&batch, output));
            additivity.push(found);
        }
        Ok(Chunk { rows: rows.rows() as u64, parts, additivity, partials, lines, unseen: UnseenCategories::default(), absent: 0 })
    }

    /// Adds the next chunk, which `methods` have explained.
    fn collect(
        &self,
        methods: &[usize],
        derivations: &[Box<dyn AnyDerivation>],
        all: &mut Collected<'_>,
        chunk: Chunk,
    ) -> Result<(), RunError> {
        all.unseen.merge(chunk.unseen);
        all.absent += chunk.absent;
        if all.lines.is_empty() {
            all.lines = chunk.lines.iter().map(|lines| TableWriter::new(lines, &self.tables)).collect::<Result<_, _>>()?;
        }
        all.lines.iter_mut().zip(&chunk.lines).try_for_each(|(writer, lines)| writer.append(lines))?;
        for (&method, (part, additivity)) in methods.iter().zip(chunk.parts.into_iter().zip(chunk.additivity)) {
            for (writer, part) in all.writers[method].iter_mut().zip(part) {
                writer.append(part)?;
                all.checkpoint.record(writer.parts())?;
            }
            all.additivity[method].iter_mut().zip(additivity).for_each(|(mine, theirs)| mine.merge(theirs));
        }
        for (derivation, (mine, theirs)) in derivations.iter().zip(all.partials.iter_mut().zip(chunk.partials)) {
            derivation.merge(&mut **mine, theirs);
        }
        Ok(())
    }
}

/// Each method's schema after grouping.
pub(super) fn schemas(plan: &Plan, explainers: &[Box<dyn Explainer>]) -> Vec<Arc<AttributionSchema>> {
    let schema = |explainer: &dyn Explainer| {
        if explainer.is_grouped() { Arc::clone(explainer.schema()) } else { Arc::new(plan.groups.schema(explainer.schema())) }
    };
    explainers.iter().map(|explainer| schema(&**explainer)).collect()
}

/// What a method says of rows, in its `schema` after grouping.
pub(super) fn explained(
    plan: &Plan,
    explainer: &dyn Explainer,
    schema: &Arc<AttributionSchema>,
    rows: &RowBatch,
) -> Result<AttributionBatch, RunError> {
    let batch = explainer.explain(rows)?;
    Ok(if explainer.is_grouped() || plan.groups.is_trivial() { batch } else { plan.groups.apply(schema, batch) })
}

/// A certificate an output, before any row; none of a method that is not additive.
fn certificates(explainer: &dyn Explainer, schema: &AttributionSchema) -> Vec<Additivity> {
    if explainer.is_additive() { Additivity::start(schema) } else { Vec::new() }
}
