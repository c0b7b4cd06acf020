//! What a run has finished so far, written down as it goes, so that `--resume` can go on where a process ended.
//!
//! `.progress` in the hidden folder is a file of lines. The first tells what the run is made of; every other names a part that is whole: its bytes were
//! on the disk before the line was.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::RunError;
use super::error::AtPath;
use super::manifest::{self, FileRecord, Input};
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
    /// Its path from the hidden folder.
    #[serde(flatten)]
    file: FileRecord,
    chunks: usize,
}

/// The record of a run under way; parts are brought to the disk and written down on a thread of its own, while the next ones are computed.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// Parts that are kept from the run that ended, in the order of their records.
    kept: Vec<Part>,
    recorded: HashSet<PathBuf>,
    /// None once the record is closed.
    finished: Option<Sender<Part>>,
    sealer: Option<JoinHandle<Result<Vec<FileRecord>, RunError>>>,
}

/// The file of lines.
struct Record {
    file: File,
    folder: PathBuf,
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
        let kept = whole.iter().map(|whole| Part {
            path: folder.join(&whole.file.path),
            rows: whole.file.rows.unwrap_or(0),
            chunks: whole.chunks,
        });
        let kept: Vec<Part> = kept.collect();
        if resumed {
            staging::clear(folder, &kept.iter().map(|part| part.path.as_path()).collect::<Vec<_>>())?;
        }
        let mut record = Record { file: File::create(&path).at("make", &path)?, folder: folder.into() };
        record.line(origin)?;
        whole.iter().try_for_each(|whole| record.line(whole))?;
        let recorded = kept.iter().map(|part| part.path.clone()).collect();
        let (finished, parts) = mpsc::channel();
        let sealer = thread::spawn(move || record.seal(&parts));
        Ok(Self { kept, recorded, finished: Some(finished), sealer: Some(sealer) })
    }

    /// Parts of the run that ended, whole, in a folder of parts: from the first on without gaps.
    pub fn parts(&self, folder: &Path) -> Vec<Part> {
        let mut parts: Vec<Part> = self.kept.iter().filter(|part| part.path.parent() == Some(folder)).cloned().collect();
        parts.sort_by(|a, b| a.path.cmp(&b.path));
        let in_place = parts.iter().enumerate().take_while(|(number, part)| part.path.ends_with(part_name(*number))).count();
        parts.truncate(in_place);
        parts
    }

    /// How many parts are kept from the run that ended.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Has finished parts recorded, those that are not yet.
    ///
    /// # Errors
    /// If an earlier part could not be brought to the disk, or its record not be written.
    pub fn record(&mut self, parts: &[Part]) -> Result<(), RunError> {
        for part in parts {
            if self.recorded.insert(part.path.clone()) && self.finished.as_ref().is_none_or(|finished| finished.send(part.clone()).is_err())
            {
                // Only after an error is nobody there to take it.
                return self.close().map(drop);
            }
        }
        Ok(())
    }

    /// Waits until all parts are recorded, and describes their files: those of this process, since what is kept may have been written again.
    ///
    /// # Errors
    /// If a part cannot be brought to the disk, or its record cannot be written.
    pub fn close(&mut self) -> Result<Vec<FileRecord>, RunError> {
        self.finished = None;
        match self.sealer.take().map(JoinHandle::join) {
            Some(Ok(files)) => files,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Err(RunError::Internal("the record of finished parts is closed".into())),
        }
    }
}

impl Drop for Checkpoint {
    /// A run that ends early leaves every part that it has finished recorded.
    fn drop(&mut self) {
        self.finished = None;
        self.sealer.take().map(JoinHandle::join);
    }
}

impl Record {
    /// Brings parts to the disk as they come, and adds them to the record.
    fn seal(mut self, parts: &Receiver<Part>) -> Result<Vec<FileRecord>, RunError> {
        let mut sealed = Vec::new();
        for part in parts {
            staging::sync(&part.path)?;
            part.path.parent().map_or(Ok(()), staging::sync)?;
            let name = part.path.strip_prefix(&self.folder).unwrap_or(&part.path).to_string_lossy().into_owned();
            let whole = Whole { file: manifest::record(&part.path, name)?, chunks: part.chunks };
            self.line(&whole)?;
            sealed.push(whole.file);
        }
        Ok(sealed)
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
    let unchanged = |file: &FileRecord| manifest::digest_of(&folder.join(&file.path)).is_ok_and(|sha256| sha256 == file.sha256);
    lines.filter(|whole| unchanged(&whole.file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_not_there_ends_the_record_with_its_path() {
        let home = tempfile::tempdir().unwrap();
        let record = Record { file: File::create(home.path().join(PROGRESS)).unwrap(), folder: home.path().into() };
        let (finished, parts) = mpsc::channel();
        let sealer = thread::spawn(move || record.seal(&parts));
        let mut checkpoint = Checkpoint { kept: Vec::new(), recorded: HashSet::new(), finished: Some(finished), sealer: Some(sealer) };
        let part = |name: &str| Part { path: home.path().join(name), rows: 1, chunks: 1 };
        checkpoint.record(&[part("absent.parquet")]).unwrap();
        // Whenever the thread ends, the error comes with a later part or at the end.
        let error = (0..).find_map(|number| checkpoint.record(&[part(&number.to_string())]).err()).unwrap();
        assert!(error.to_string().contains("absent.parquet"), "{error}");
        assert_eq!(fs::read_to_string(home.path().join(PROGRESS)).unwrap(), "");
    }
}
