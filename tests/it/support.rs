//! An audit in a folder of its own, run by the real binary.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, RecordBatch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

/// The credit audit in a temporary folder: `config.yaml`, `data.parquet`, `model.json`; results go to `out`.
pub struct Audit {
    home: TempDir,
}

impl Audit {
    /// The thousand rows that ship with the project.
    pub fn new() -> Self {
        let audit = Self { home: tempfile::tempdir().unwrap() };
        fs::copy(shipped("data/credit.parquet"), audit.path("data.parquet")).unwrap();
        fs::copy(shipped("data/credit-model.json"), audit.path("model.json")).unwrap();
        audit.config("");
        audit
    }

    /// The same rows over and over: enough for many chunks, and for a run that lasts.
    pub fn of_rows(thousands: usize) -> Self {
        let audit = Self::new();
        let rows = read(&shipped("data/credit.parquet"));
        write(&audit.path("data.parquet"), &vec![rows; thousands]);
        audit
    }

    /// Writes the config anew, with further sections.
    pub fn config(&self, further: &str) {
        let config = format!(
            "name: credit\ndata: {{ path: data.parquet, id: applicant_id }}\nmodel: {{ path: model.json }}\noutput: {{ dir: out }}\n{further}"
        );
        fs::write(self.path("config.yaml"), config).unwrap();
    }

    /// A path in the audit's folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.home.path().join(relative)
    }

    /// `pipeline run config.yaml` with further arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pipeline();
        command.arg("run").arg(self.path("config.yaml")).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs to the end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs to the end, which must be a good one, and returns the run folder that `latest` names.
    pub fn publish(&self, arguments: &[&str]) -> PathBuf {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", stderr(&output));
        self.path("out/latest").canonicalize().unwrap()
    }

    /// Runs to the end, which must be a bad one with this exit code and these words on stderr, and must leave nothing.
    pub fn refuse(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let output = self.run(arguments);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        // Lines may be wrapped at any space.
        let flat = said.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ");
        for word in words {
            assert!(flat.contains(word), "`{word}` is not in: {said}");
        }
        assert_eq!(self.visible("out/runs"), [""; 0], "{said}");
        assert!(!self.path("out/latest").exists());
    }

    /// Starts a run and waits until it has written attributions to its hidden folder.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.start_until(arguments, |folder| folder.join("attributions/tree_shap/part-00000.parquet").exists())
    }

    /// Starts a run and waits until its hidden folder is as it should be.
    pub fn start_until(&self, arguments: &[&str], ready: impl Fn(&Path) -> bool) -> Child {
        let mut child = self.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !self.hidden().iter().any(|folder| ready(&self.path("out/runs").join(folder))) {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before it could be caught in the middle");
            assert!(begun.elapsed() < Duration::from_secs(60), "the run did not get to where it was to be caught");
            std::thread::sleep(Duration::from_millis(2));
        }
        child
    }

    /// The partial folders.
    pub fn hidden(&self) -> Vec<String> {
        names(&self.path("out/runs")).into_iter().filter(|name| name.ends_with(".partial")).collect()
    }

    /// What is not hidden in a folder, sorted; nothing where there is no folder.
    pub fn visible(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder)).into_iter().filter(|name| !name.starts_with('.')).collect()
    }
}

/// The binary under test.
pub fn pipeline() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pipeline"))
}

/// A file of the repository.
pub fn shipped(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// What a process said on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Sends a signal by name.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", child.id())).status().unwrap();
    assert!(sent.success());
}

/// All rows of a Parquet file.
pub fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    arrow_select::concat::concat_batches(&schema, &batches).unwrap()
}

/// Writes batches of one schema to a Parquet file.
pub fn write(path: &Path, batches: &[RecordBatch]) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batches[0].schema(), None).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.close().unwrap();
}

/// A batch with one column put in the place of another, or added.
pub fn with_column(rows: &RecordBatch, name: &str, column: ArrayRef) -> RecordBatch {
    let schema = rows.schema();
    let kept = schema.fields().iter().zip(rows.columns()).filter(|(field, _)| field.name() != name);
    let columns = kept.map(|(field, column)| (field.name().clone(), Arc::clone(column)));
    RecordBatch::try_from_iter(columns.chain([(name.to_string(), column)])).unwrap()
}

/// Every file under a folder by its relative path, but for the two files that may vary.
pub fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for name in names(folder) {
        let path = folder.join(&name);
        if path.is_dir() {
            found.extend(contents(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else if !["events.jsonl", "run_results.json"].contains(&name.as_str()) {
            found.push((name, fs::read(path).unwrap()));
        }
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
