//! Rows in chunks through the pool: decode → explain → group → encode and absorb, then append and merge in order.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use super::RunError;
use super::error::AtPath;
use super::plan::Plan;
use super::signals::Interrupt;
use super::steps::Steps;
use crate::attribution::{Additivity, AttributionBatch, AttributionSchema};
use crate::dataset::{RawBatch, UnseenCategories, UnseenColumn};
use crate::derive::{AnyDerivation, Explained};
use crate::engine;
use crate::explain::Explainer;
use crate::report::parquet::{EncodedChunk, Part, PartEncoder, PartWriter};

/// Largest residual, relative to |base| + Σ|φ|, that rounding explains.
const ROUNDING: f64 = 1e-9;

/// States of the derivations, in their order.
pub(super) type Partials = Vec<Box<dyn Any + Send>>;

/// What the rows said, beside what the derivations make of them.
#[derive(Debug)]
pub(super) struct Streamed {
    /// Rows explained.
    pub rows: u64,
    /// The methods, in registry order.
    pub methods: Vec<Method>,
    /// Categories in the rows that the model does not know.
    pub unseen: UnseenCategories,
    /// What the background said, where there is one.
    pub background: Option<Background>,
}

/// What the background said.
#[derive(Debug, Default)]
pub(super) struct Background {
    /// Rows that stand in for features left out.
    pub rows: u64,
    /// Categories in them that the model does not know.
    pub unseen: UnseenCategories,
}

/// One method's certificate and files.
#[derive(Debug)]
pub(super) struct Method {
    /// Name, features and outputs, after grouping.
    pub schema: Arc<AttributionSchema>,
    /// A certificate an output.
    pub additivity: Vec<Additivity>,
    /// The files.
    pub parts: Vec<Part>,
}

/// Everything that a chunk goes through.
pub(super) struct Stream<'a> {
    plan: &'a Plan,
    explainers: &'a [Box<dyn Explainer>],
    derivations: &'a [Box<dyn AnyDerivation>],
    /// Each method's schema after grouping.
    schemas: Vec<Arc<AttributionSchema>>,
    encoders: Vec<PartEncoder>,
}

/// A chunk after the workers' part.
struct Chunk {
    rows: u64,
    parts: Vec<EncodedChunk>,
    additivity: Vec<Vec<Additivity>>,
    partials: Partials,
    unseen: UnseenCategories,
}

impl<'a> Stream<'a> {
    /// Makes the attribution folders.
    pub fn new(
        plan: &'a Plan,
        explainers: &'a [Box<dyn Explainer>],
        derivations: &'a [Box<dyn AnyDerivation>],
        folder: &Path,
    ) -> Result<Self, RunError> {
        let schemas: Vec<_> = explainers.iter().map(|explainer| plan.groups.schema(explainer.schema())).map(Arc::new).collect();
        let encoder = |schema: &Arc<AttributionSchema>| {
            let folder = folder.join("attributions").join(schema.method);
            std::fs::create_dir_all(&folder).at("make", &folder)?;
            Ok::<_, RunError>(PartEncoder::new(&folder, schema, &plan.data.id_type())?)
        };
        let encoders = schemas.iter().map(encoder).collect::<Result<_, _>>()?;
        Ok(Self { plan, explainers, derivations, schemas, encoders })
    }

    /// Sends all rows through.
    pub fn run(&self, steps: &mut Steps, interrupt: &Interrupt) -> Result<(Streamed, Partials), RunError> {
        // With a filter the number of rows ahead is not known.
        let total = self.plan.config.data.filter.is_none().then(|| self.plan.data.dataset().rows());
        let mut step = steps.start("explain", total);
        let mut writers: Vec<PartWriter> = self.encoders.iter().map(PartWriter::new).collect();
        let mut all: Option<Chunk> = None;
        let batches = self.plan.data.batches(self.plan.chunk_rows).map(|batch| interrupt.check().and_then(|()| Ok(batch?)));
        let work = |batch: RawBatch| interrupt.check().and_then(|()| self.work(&batch));
        engine::ordered(&self.plan.pool, batches, work, |mut chunk| {
            let parts = std::mem::take(&mut chunk.parts);
            writers.iter_mut().zip(parts).try_for_each(|(writer, part)| writer.append(part))?;
            step.advance(chunk.rows);
            match &mut all {
                Some(all) => self.merge(all, chunk),
                None => all = Some(chunk),
            }
            Ok::<_, RunError>(())
        })?;
        let parts = writers.into_iter().map(PartWriter::finish).collect::<Result<Vec<_>, _>>()?;
        steps.end(step);
        let Some(all) = all else { return Err(RunError::Internal("no chunk came through".into())) };
        let methods = self.schemas.iter().cloned().zip(all.additivity).zip(parts);
        let methods = methods.map(|((schema, additivity), parts)| Method { schema, additivity, parts }).collect();
        let streamed = Streamed { rows: all.rows, methods, unseen: all.unseen, background: None };
        Ok((streamed, all.partials))
    }

    /// A worker's part of a chunk.
    fn work(&self, batch: &RawBatch) -> Result<Chunk, RunError> {
        let decoded = batch.decode()?;
        let rows = &decoded.rows;
        let mut attributions = Vec::with_capacity(self.explainers.len());
        for (explainer, schema) in self.explainers.iter().zip(&self.schemas) {
            let batch = explainer.explain(rows)?;
            attributions.push(if self.plan.groups.is_trivial() { batch } else { self.plan.groups.apply(schema, batch) });
        }
        let encode = |(encoder, batch): (&PartEncoder, &AttributionBatch)| encoder.encode(&rows.ids, batch);
        let explained = Explained { rows, attributions: &attributions };
        let mut partials: Partials = self.derivations.iter().map(|derivation| derivation.start()).collect();
        self.derivations.iter().zip(&mut partials).for_each(|(derivation, partial)| derivation.absorb(&mut **partial, explained));
        Ok(Chunk {
            rows: rows.rows() as u64,
            parts: self.encoders.iter().zip(&attributions).map(encode).collect::<Result<_, _>>()?,
            additivity: attributions.iter().map(certify).collect(),
            partials,
            unseen: decoded.unseen,
        })
    }

    fn merge(&self, all: &mut Chunk, later: Chunk) {
        all.rows += later.rows;
        all.unseen.merge(later.unseen);
        for (mine, theirs) in all.additivity.iter_mut().flatten().zip(later.additivity.into_iter().flatten()) {
            mine.merge(theirs);
        }
        for (derivation, (mine, theirs)) in self.derivations.iter().zip(all.partials.iter_mut().zip(later.partials)) {
            derivation.merge(&mut **mine, theirs);
        }
    }
}

/// The certificates of one chunk.
fn certify(batch: &AttributionBatch) -> Vec<Additivity> {
    let mut certificates = Additivity::start(&batch.schema);
    certificates.iter_mut().enumerate().for_each(|(output, certificate)| certificate.absorb(batch, output));
    certificates
}

impl Streamed {
    /// What the reader must know before trusting the numbers.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = unknown(&self.unseen, "row");
        warnings.extend(self.background.iter().flat_map(|background| unknown(&background.unseen, "background row")));
        for method in &self.methods {
            for (output, certificate) in method.schema.outputs.iter().zip(&method.additivity) {
                if certificate.largest_relative > ROUNDING {
                    let (name, largest) = (method.schema.method, certificate.largest);
                    warnings.push(format!("{name}, output {output}: attributions miss the prediction by up to {largest:e}"));
                }
            }
        }
        warnings
    }
}

/// Categories that a warning names: a column may have as many unknown ones as rows.
const NAMED: usize = 10;

fn unknown(unseen: &UnseenCategories, what: &str) -> Vec<String> {
    let describe = |(column, unseen): (&String, &UnseenColumn)| {
        let mut names: Vec<String> = unseen.names.iter().take(NAMED).map(|(name, rows)| format!("{name} ({rows})")).collect();
        if unseen.names.len() > NAMED {
            names.push("…".to_owned());
        }
        let plural = if unseen.rows == 1 { "" } else { "s" };
        format!("{column}: categories that the model does not know, in {} {what}{plural}: {}", unseen.rows, names.join(", "))
    };
    unseen.columns.iter().map(describe).collect()
}
