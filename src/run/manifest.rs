//! `manifest.json`: what went in, with which settings and versions, and every file that came out; the same bytes for the same run.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use parquet::file::metadata::ParquetMetaDataReader;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::RunError;
use super::baseline::Baseline;
use super::error::AtPath;
use super::execute::Findings;
use super::model::Made;
use super::plan::Plan;
use crate::config::Config;
use crate::dataset::Selection;
use crate::derive;

/// Files of a run folder that the manifest does not tell of: itself, and those that vary.
const UNRECORDED: [&str; 3] = ["manifest.json", "run_results.json", "events.jsonl"];

/// All that it takes to make the same run again, and to know that it is the same.
#[derive(Serialize)]
pub(super) struct Manifest<'a> {
    /// Version of this program.
    pipeline: &'static str,
    /// The audit's name.
    name: &'a str,
    /// Seed of everything random.
    seed: u64,
    /// Files that were read.
    inputs: &'a [Input],
    /// The data's columns.
    schema: Schema,
    /// The run that this one was compared with; null where none is configured.
    baseline: Option<&'a Baseline>,
    /// Rows that passed the filter and were explained.
    rows: u64,
    /// Rows of the background; null where no method has one.
    background_rows: Option<u64>,
    /// Rows that went through together.
    chunk_rows: usize,
    /// What the model is.
    model: &'a Made,
    /// How exactly attributions add up.
    additivity: Vec<Certificate<'a>>,
    /// What the reader must know before trusting the numbers.
    warnings: &'a [String],
    /// The settings with every default filled in.
    config: &'a Config,
    /// Files that were written.
    outputs: Vec<FileRecord>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Input {
    role: &'static str,
    #[serde(flatten)]
    file: FileRecord,
}

/// The data's columns, before any selection: a short way to say whether two runs read the same ones.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Schema {
    /// How many.
    columns: usize,
    /// SHA-256 of the lines `name: type`, sorted.
    sha256: String,
}

impl Schema {
    /// The columns of the dataset that is read.
    pub fn of(data: &Selection) -> Self {
        let columns = data.dataset().summary().columns;
        let mut lines: Vec<String> = columns.iter().map(|column| format!("{}: {}\n", column.name, column.data_type)).collect();
        lines.sort();
        Self { columns: lines.len(), sha256: hexadecimal(&Sha256::digest(lines.concat())) }
    }
}

#[derive(Clone, Debug, Serialize)]
struct Certificate<'a> {
    method: &'static str,
    output: &'a str,
    rows: u64,
    largest: f64,
    largest_relative: f64,
}

impl<'a> Manifest<'a> {
    /// Describes a run whose files are all in `folder`; some of them have been described already.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn new(plan: &'a Plan, findings: &'a Findings, folder: &Path, described: Vec<FileRecord>) -> Result<Self, RunError> {
        let certificates = findings.streamed.methods.iter().flat_map(|method| {
            method.schema.outputs.iter().zip(&method.additivity).map(|(output, additivity)| Certificate {
                method: method.schema.method,
                output,
                rows: additivity.rows,
                largest: additivity.largest,
                largest_relative: additivity.largest_relative,
            })
        });
        Ok(Self {
            pipeline: env!("CARGO_PKG_VERSION"),
            name: &plan.config.name,
            seed: plan.config.run.seed,
            inputs: &findings.inputs,
            schema: Schema::of(&plan.data),
            baseline: findings.baseline.as_ref(),
            rows: findings.streamed.rows,
            background_rows: findings.streamed.background.as_ref().map(|background| background.rows),
            chunk_rows: plan.chunk_rows,
            model: &plan.model.made,
            additivity: certificates.collect(),
            warnings: &findings.warnings,
            config: &plan.config,
            outputs: record_all(folder, &UNRECORDED, described)?,
        })
    }
}

/// Every file that was read, named as the config names it.
///
/// # Errors
/// If one of them cannot be read.
pub(super) fn inputs(plan: &Plan) -> Result<Vec<Input>, RunError> {
    let (config, written) = (&plan.config, plan.config.written());
    let data = plan.data.dataset().summary().files.into_iter();
    let mut files: Vec<_> = data.map(|file| ("data", named(&file, &config.data.path, &written.data.path), file)).collect();
    if let (Some(background), Some(path), Some(as_written)) = (&plan.background, &config.background.path, &written.background.path) {
        let background = background.dataset().summary().files.into_iter();
        files.extend(background.map(|file| ("background", named(&file, path, as_written), file)));
    }
    let path = |fairness: &Option<derive::fairness::Settings>| Some(fairness.as_ref()?.protected.as_ref()?.path.clone());
    if let (Some(protected), Some(located), Some(as_written)) = (&plan.protected, path(&config.fairness), path(&written.fairness)) {
        let protected = protected.dataset().summary().files.into_iter();
        files.extend(protected.map(|file| ("protected", named(&file, &located, &as_written), file)));
    }
    if let (Some(path), Some(as_written)) = (&config.model.path, &written.model.path) {
        files.push(("model", as_written.to_string_lossy().into_owned(), path.clone()));
    }
    for argument in config.model.command.iter().flatten() {
        let path = config.folder().join(argument);
        if path.is_file() {
            files.push(("command", argument.clone(), path));
        }
    }
    files.into_par_iter().map(|(role, name, path)| Ok(Input { role, file: record(&path, name)? })).collect()
}

/// A file's path as the config would write it: `located` is the configured path, ready to be opened, and `written` the same as written.
fn named(file: &Path, located: &Path, written: &Path) -> String {
    let (file, located) = (file.to_string_lossy(), located.to_string_lossy());
    let start = located.strip_suffix(&*written.to_string_lossy()).unwrap_or_default();
    file.strip_prefix(start).unwrap_or(&file).to_string()
}

/// One file that a run read or wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FileRecord {
    /// Path as in the config, or within the run folder.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Rows, of a Parquet file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
}

/// Describes a file, under a `name` that says nothing of this machine.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn record(path: &Path, name: String) -> Result<FileRecord, RunError> {
    let (bytes, sha256) = digest(path).at("read", path)?;
    let rows = match path.extension() {
        Some(extension) if extension == "parquet" => Some(rows(path)?),
        _ => None,
    };
    Ok(FileRecord { path: name, bytes, rows, sha256 })
}

/// Describes every file under `folder`, sorted by path; hidden ones and those named in `but` are left out, and what is `described` is not read.
///
/// # Errors
/// If the folder or one of its files cannot be read.
fn record_all(folder: &Path, but: &[&str], described: Vec<FileRecord>) -> Result<Vec<FileRecord>, RunError> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    let named: Vec<(String, PathBuf)> = paths
        .into_iter()
        .map(|path| (path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned(), path))
        .filter(|(name, _)| !name.starts_with('.') && !but.contains(&name.as_str()))
        .filter(|(name, _)| described.iter().all(|file| file.path != *name))
        .collect();
    let mut files = named.into_par_iter().map(|(name, path)| record(&path, name)).collect::<Result<Vec<_>, _>>()?;
    files.extend(described);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), RunError> {
    for entry in fs::read_dir(folder).at("list", folder)? {
        let path = entry.at("list", folder)?.path();
        if path.is_dir() { collect(&path, paths)? } else { paths.push(path) }
    }
    Ok(())
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut bytes, mut buffer) = (File::open(path)?, Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        bytes += read as u64;
    }
    Ok((bytes, hexadecimal(&hash.finalize())))
}

/// SHA-256 of a file's content, in hexadecimal.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn digest_of(path: &Path) -> Result<String, RunError> {
    digest(path).at("read", path).map(|(_, sha256)| sha256)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn rows(path: &Path) -> Result<u64, RunError> {
    let footer = File::open(path).and_then(|file| ParquetMetaDataReader::new().parse_and_finish(&file).map_err(io::Error::other));
    let rows = footer.at("read the Parquet footer of", path)?.file_metadata().num_rows();
    Ok(u64::try_from(rows).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_named_as_the_config_names_them() {
        let name = |file: &str, located: &str, written: &str| named(Path::new(file), Path::new(located), Path::new(written));
        assert_eq!(name("/home/c/../d/a.parquet", "/home/c/../d/a.parquet", "../d/a.parquet"), "../d/a.parquet");
        assert_eq!(name("conf/data/y=1/a.parquet", "conf/data", "data"), "data/y=1/a.parquet");
        assert_eq!(name("conf/data/a.parquet", "conf/data/*.parquet", "data/*.parquet"), "data/a.parquet");
        assert_eq!(name("/data/a.parquet", "/data/a.parquet", "/data/a.parquet"), "/data/a.parquet");
    }

    #[test]
    fn files_are_listed_in_order_with_the_digests_of_fips_180() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("b")).unwrap();
        fs::write(home.path().join("b/two.txt"), b"abc").unwrap();
        fs::write(home.path().join("one.txt"), b"").unwrap();
        fs::write(home.path().join("manifest.json"), b"{}").unwrap();
        fs::write(home.path().join(".lock"), b"").unwrap();
        fs::write(home.path().join("a.parquet"), b"not read").unwrap();
        let described = FileRecord { path: "a.parquet".into(), bytes: 3, rows: Some(2), sha256: "known".into() };
        let found = record_all(home.path(), &["manifest.json"], vec![described]).unwrap();
        let lines: Vec<_> = found.iter().map(|file| format!("{} {} {}", file.path, file.bytes, file.sha256)).collect();
        // The digests of the empty message and of "abc", from the standard's examples.
        assert_eq!(
            lines,
            [
                "a.parquet 3 known",
                "b/two.txt 3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "one.txt 0 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ]
        );
    }
}
