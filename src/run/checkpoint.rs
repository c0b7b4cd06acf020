//! What a run has finished so far, written down as it goes, so that `--resume` can go on where a process ended.
//!
//! `.progress` in the hidden folder is a file of lines. The first tells what the run is made of; every other names a part that is whole: its bytes were
//! on the disk before the line was.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::RunError;
use super::error::AtPath;
use super::manifest::{self, Input};
use super::plan::Plan;
use super::staging;
use crate::report::parquet::{Part, part_name};

/// Name in the hidden folder.
pub(super) const PROGRESS: &str = ".progress";

/// All that decides a run's bytes: two runs of one origin write the same files.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Origin {
    pipeline: String,
    config: Json,
    inputs: Json,
    chunk_rows: usize,
}

/// A part that is whole.
#[derive(Debug, Serialize, Deserialize)]
struct Whole {
    /// From the hidden folder.
    path: String,
    rows: u64,
    chunks: usize,
    sha256: String,
}

/// The record of a run under way.
#[derive(Debug)]
pub(super) struct Checkpoint {
    file: File,
    folder: PathBuf,
    /// Parts that are whole, in the order of their records.
    parts: Vec<Part>,
    recorded: HashSet<PathBuf>,
}

impl Origin {
    /// Of a plan and the digests of what it reads.
    ///
    /// # Errors
    /// If one of them is no JSON.
    pub fn new(plan: &Plan, inputs: &[Input]) -> Result<Self, RunError> {
        let json = |value: serde_json::Result<Json>| value.map_err(|error| RunError::Internal(error.to_string()));
        Ok(Self {
            pipeline: env!("CARGO_PKG_VERSION").into(),
            config: json(serde_json::to_value(&plan.config))?,
            inputs: json(serde_json::to_value(inputs))?,
            chunk_rows: plan.chunk_rows,
        })
    }

    /// Whether what an ended run left in `folder` can be gone on with, and why not.
    ///
    /// # Errors
    /// Why not.
    pub fn fits(&self, folder: &Path) -> Result<(), String> {
        let text = fs::read_to_string(folder.join(PROGRESS)).map_err(|_| "it has no record of what is finished".to_owned())?;
        let first = text.lines().next().and_then(|line| serde_json::from_str::<Origin>(line).ok());
        let theirs = first.ok_or("its record of what is finished is damaged")?;
        match () {
            () if theirs.pipeline != self.pipeline => Err(format!("it was made by version {}, this is {}", theirs.pipeline, self.pipeline)),
            () if theirs.config != self.config => Err("its config is another one".into()),
            () if theirs.inputs != self.inputs => Err("data, background or model have changed since".into()),
            () if theirs.chunk_rows != self.chunk_rows => Err("its chunks are of another size".into()),
            () => Ok(()),
        }
    }
}

impl Checkpoint {
    /// Starts the record of a run in `folder`; where `resumed`, whole parts of the run that ended there are kept, and everything else is removed.
    ///
    /// # Errors
    /// If a file cannot be read, removed or written.
    pub fn start(folder: &Path, origin: &Origin, resumed: bool) -> Result<Self, RunError> {
        let path = folder.join(PROGRESS);
        let whole = if resumed { whole_parts(folder, &path) } else { Vec::new() };
        let parts = whole.iter().map(|whole| Part { path: folder.join(&whole.path), rows: whole.rows, chunks: whole.chunks });
        let parts: Vec<Part> = parts.collect();
        if resumed {
            staging::clear(folder, &parts.iter().map(|part| part.path.as_path()).collect::<Vec<_>>())?;
        }
        let file = File::create(&path).at("make", &path)?;
        let recorded = parts.iter().map(|part| part.path.clone()).collect();
        let mut checkpoint = Self { file, folder: folder.into(), parts, recorded };
        checkpoint.line(origin)?;
        whole.iter().try_for_each(|whole| checkpoint.line(whole))?;
        Ok(checkpoint)
    }

    /// Parts of the run that ended, whole, in a folder of parts: from the first on without gaps.
    pub fn parts(&self, folder: &Path) -> Vec<Part> {
        let mut parts: Vec<Part> = self.parts.iter().filter(|part| part.path.parent() == Some(folder)).cloned().collect();
        parts.sort_by(|a, b| a.path.cmp(&b.path));
        let in_place = parts.iter().enumerate().take_while(|(number, part)| part.path.ends_with(part_name(*number))).count();
        parts.truncate(in_place);
        parts
    }

    /// How many parts are kept from the run that ended.
    pub fn kept(&self) -> usize {
        self.parts.len()
    }

    /// Records finished parts, those that are not recorded yet.
    ///
    /// # Errors
    /// If a part cannot be brought to the disk, or its record cannot be written.
    pub fn record(&mut self, parts: &[Part]) -> Result<(), RunError> {
        for part in parts {
            if !self.recorded.insert(part.path.clone()) {
                continue;
            }
            staging::sync(&part.path)?;
            part.path.parent().map_or(Ok(()), staging::sync)?;
            let path = part.path.strip_prefix(&self.folder).unwrap_or(&part.path).to_string_lossy().into_owned();
            let sha256 = manifest::digest_of(&part.path)?;
            self.line(&Whole { path, rows: part.rows, chunks: part.chunks, sha256 })?;
        }
        Ok(())
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), RunError> {
        let path = self.folder.join(PROGRESS);
        let mut line = serde_json::to_vec(value).map_err(|error| RunError::Internal(error.to_string()))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).at("write", &path)
    }
}

/// The parts that a record names and that are as it says; the record may end in the middle of a line.
fn whole_parts(folder: &Path, path: &Path) -> Vec<Whole> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().skip(1).map_while(|line| serde_json::from_str::<Whole>(line).ok());
    lines.filter(|whole| manifest::digest_of(&folder.join(&whole.path)).is_ok_and(|sha256| sha256 == whole.sha256)).collect()
}
