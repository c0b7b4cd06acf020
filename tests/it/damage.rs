//! Random damage to the golden models of every format: each file is read or refused in bounded time and memory, and nothing panics.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pipeline::dataset::FeatureBlock;
use pipeline::model::format::FORMATS;
use pipeline::model::{Iterations, Summary};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::golden::folder;

/// One way to damage a file.
#[derive(Clone, Debug)]
enum Damage {
    /// One byte is another.
    Set(usize, u8),
    /// Bytes are left out.
    Drop(usize, usize),
    /// Bytes from elsewhere are put in.
    Insert(usize, usize, usize),
}

/// Any damage; its bytes are likely to mean something to text, JSON and UBJSON.
fn damage() -> impl Strategy<Value = Damage> {
    let place = 0..100_000_usize;
    let mark = prop_oneof![any::<u8>(), prop::sample::select(b"0123456789-[]{}\",:eNLldUSi$#ZT\x00\xff".to_vec())];
    prop_oneof![
        4 => (place.clone(), mark).prop_map(|(at, byte)| Damage::Set(at, byte)),
        1 => (place.clone(), 1..3_000_usize).prop_map(|(at, length)| Damage::Drop(at, length)),
        1 => (place.clone(), place, 1..200_usize).prop_map(|(at, from, length)| Damage::Insert(at, from, length)),
    ]
}

/// Damages a file's bytes; places are taken modulo its length.
fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    let place = |at: usize| at % bytes.len().max(1);
    let end = |at: usize, length: usize| (at + length).min(bytes.len());
    match *damage {
        Damage::Set(at, byte) => {
            let at = place(at);
            bytes[at..].iter_mut().take(1).for_each(|place| *place = byte);
        }
        Damage::Drop(at, length) => {
            let at = place(at);
            bytes.drain(at..end(at, length));
        }
        Damage::Insert(at, from, length) => {
            let (at, from) = (place(at), place(from));
            let piece = bytes[from..end(from, length)].to_vec();
            bytes.splice(at..at, piece);
        }
    }
}

/// The golden models of a format: files named `model.…` in folders of their own, or files beside each other.
fn models(format: &str) -> Vec<PathBuf> {
    let inside = |path: PathBuf| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let is_model = |path: &PathBuf| path.file_stem().is_some_and(|name| name == "model");
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = inside(folder(format)).partition(|path| path.is_dir());
    let mut found: Vec<PathBuf> = folders.into_iter().flat_map(inside).filter(is_model).collect();
    if found.is_empty() {
        found = files;
    }
    found.sort();
    found
}

/// No case may take as long: reading takes milliseconds.
const HANG: Duration = Duration::from_secs(10);

/// Files tried: as many as `PROPTEST_CASES` says, or `few`.
fn config(few: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: few, ..config } }
}

/// Damages goldens of a format at random. Reading one holds at most `multiple` times the file's bytes and `fixed` bytes at any moment.
fn survives(format: &str, few: u32, multiple: f64, fixed: f64) {
    let reader = FORMATS.iter().find(|known| known.name == format).unwrap();
    let (read_at_all, most) = (Cell::new(0), Cell::new(0.0_f64));
    let case = |file: &Path, damage: &[Damage]| {
        let mut bytes = std::fs::read(file).unwrap();
        damage.iter().for_each(|damage| apply(&mut bytes, damage));
        let (start, mut result) = (Instant::now(), None);
        let memory = allocation_counter::measure(|| result = Some((reader.read)(&bytes, Iterations::All))).bytes_max as f64;
        prop_assert!(start.elapsed() < HANG, "{:?}", start.elapsed());
        prop_assert!(memory <= multiple * bytes.len() as f64 + fixed, "{memory} bytes for a file of {}", bytes.len());
        most.set(most.get().max(memory / bytes.len().max(1_000) as f64));
        match result {
            Some(Ok(model)) => {
                read_at_all.set(read_at_all.get() + 1);
                let features = model.forest.features.len();
                let rows = FeatureBlock::new(3, [0.0, f64::NAN, 1e30].repeat(features));
                prop_assert_eq!(model.forest.native_margins(&rows).len(), 3 * model.forest.outputs.len());
                prop_assert_eq!(Summary::of(&model).features.len(), features);
            }
            Some(Err(error)) => prop_assert!(!error.to_string().is_empty()),
            None => prop_assert!(false, "was not read"),
        }
        Ok(())
    };
    let config = config(few);
    let cases = config.cases;
    let damages = (prop::sample::select(models(format)), prop::collection::vec(damage(), 1..4));
    TestRunner::new(config).run(&damages, |(file, damage)| case(&file, &damage)).unwrap();
    eprintln!("{format}: {cases} damaged files, {} still read; at most {:.1} bytes of memory a byte", read_at_all.get(), most.get());
}

const MEGABYTE: f64 = 1e6;

#[test]
fn catboost() {
    survives("catboost", 400, 60.0, 0.1 * MEGABYTE);
}

#[test]
fn lightgbm() {
    survives("lightgbm", 400, 60.0, 0.1 * MEGABYTE);
}

#[test]
fn onnx() {
    survives("onnx", 600, 250.0, 64.0 * MEGABYTE);
}

#[test]
fn pipeline() {
    survives("pipeline", 1000, 200.0, 0.1 * MEGABYTE);
}

#[test]
fn xgboost() {
    survives("xgboost", 400, 60.0, 10.0 * MEGABYTE);
}
