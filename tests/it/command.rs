//! Models by command: a child process that answers as it should, and every way in which it may not.

use std::env;
use std::fs::{self, File};
use std::io::{Write, stdin};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int8Array, RecordBatch, StringArray};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use pipeline::command::{CommandPredictor, Launch, Watch};
use pipeline::dataset::FeatureBlock;
use pipeline::model::{Feature, Predictor};
use rand::RngExt;
use tempfile::TempDir;

use crate::forests::source;
use crate::support::{Audit, contents, read, signal, stderr};

/// What the child says of a value: missing numbers count ten, a category as many as its name has letters, a missing one nothing.
fn worth(column: &ArrayRef, row: usize) -> f64 {
    match column.as_dictionary_opt::<Int32Type>() {
        Some(names) if names.is_null(row) => 0.0,
        Some(names) => names.downcast_dict::<StringArray>().unwrap().into_iter().nth(row).unwrap().unwrap().len() as f64,
        None if column.is_null(row) => 10.0,
        None => column.as_primitive::<Float64Type>().value(row),
    }
}

/// The child's model: `Σ (j + 1) · worth_j`.
fn scores(batch: &RecordBatch) -> Vec<f64> {
    let score = |row| batch.columns().iter().enumerate().map(|(j, column)| (j + 1) as f64 * worth(column, row)).sum();
    (0..batch.num_rows()).map(score).collect()
}

/// What the child answers to its `number`th batch, by the way it is to behave.
fn answer(way: &str, number: usize, batch: &RecordBatch) -> RecordBatch {
    let scores = scores(batch);
    let of = |name: &str, column: ArrayRef| RecordBatch::try_from_iter_with_nullable([(name, column, true)]).unwrap();
    let numbers = |values: Vec<f64>| of("score", Arc::new(Float64Array::from(values)));
    let later = number > 0;
    match way {
        "two" => RecordBatch::try_from_iter([
            ("twice", Arc::new(Float64Array::from_iter_values(scores.iter().map(|score| 2.0 * score))) as ArrayRef),
            ("score", Arc::new(Float64Array::from(scores))),
        ])
        .unwrap(),
        "narrow" => RecordBatch::try_from_iter([
            ("single", Arc::new(Float32Array::from_iter_values(scores.iter().map(|score| *score as f32))) as ArrayRef),
            ("byte", Arc::new(Int8Array::from_iter_values(scores.iter().map(|score| *score as i8)))),
            ("flag", Arc::new(BooleanArray::from_iter(scores.iter().map(|score| Some(*score > 0.0))))),
        ])
        .unwrap(),
        "nan" if later => numbers(scores.iter().enumerate().map(|(row, score)| if row == 2 { f64::NAN } else { *score }).collect()),
        "infinite" if later => numbers(scores.iter().map(|score| score / 0.0).collect()),
        "null" if later => of("score", Arc::new(Float64Array::from(vec![None; scores.len()]))),
        "short" if later => numbers(scores[1..].to_vec()),
        "none" if later => numbers(Vec::new()),
        "moody" if number == 2 => numbers(scores.iter().map(|score| score + 1.0).collect()),
        // Sums to nothing up to rounding, of the rows it is asked about first.
        "faint" if scores.len() == 4 => numbers(vec![1e-12 * number as f64; 4]),
        "words" => of("score", Arc::new(StringArray::from(vec!["good"; scores.len()]))),
        "twins" => RecordBatch::try_new(
            Arc::new(arrow_schema::Schema::new(vec![numbers(vec![0.0]).schema().field(0).clone(); 2])),
            vec![Arc::new(Float64Array::from(scores)) as ArrayRef; 2],
        )
        .unwrap(),
        _ => numbers(scores),
    }
}

/// Not a test, but the child of those below: `CHILD` says how it behaves. Its stdout is handed over as file 3, away from the test harness.
#[test]
#[ignore = "the child process of other tests"]
fn child() {
    let Ok(way) = env::var("CHILD") else { return };
    let mut out = File::options().write(true).open("/dev/fd/3").unwrap();
    let mut answers: Option<StreamWriter<Vec<u8>>> = None;
    for (number, batch) in StreamReader::try_new(stdin().lock(), None).unwrap().enumerate() {
        let answer = answer(&way, number, &batch.unwrap());
        let answers = answers.get_or_insert_with(|| StreamWriter::try_new(Vec::new(), &answer.schema()).unwrap());
        answers.write(&answer).unwrap();
        let bytes = std::mem::take(answers.get_mut());
        match way.as_str() {
            "flood" if number > 0 => {
                let mut sent = File::create("sent").unwrap();
                while out.write_all(&bytes).is_ok() {
                    sent.write_all(b".").unwrap();
                }
            }
            "hang" if number > 0 => sleep(Duration::from_secs(600)),
            "half" if number > 0 => {
                out.write_all(&bytes[..bytes.len() - 8]).unwrap();
                return;
            }
            "text" if number > 0 => out.write_all(b"done with the batch\n").unwrap(),
            "double" if number > 0 => out.write_all(&bytes).unwrap(),
            "half more" if number > 0 => {
                out.write_all(&bytes).unwrap();
                out.write_all(&bytes[..bytes.len() - 8]).unwrap();
                return;
            }
            "garbage" if number > 0 => out.write_all(&[0xFF, 0xFF, 0xFF, 0xFF, 9, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap(),
            "die" if number > 0 => {
                eprintln!("the model has gone away");
                std::process::exit(7);
            }
            _ => {}
        }
        out.write_all(&bytes).unwrap();
    }
    if way == "last words" {
        out.write_all(b"scored it all\n").unwrap();
    }
}

/// A script that becomes the child.
fn script(way: &str) -> String {
    let program = env::current_exe().unwrap();
    format!("CHILD='{way}' exec '{}' --exact command::child --ignored --nocapture --test-threads 1 3>&1 1>/dev/null\n", program.display())
}

/// A folder with a script, how to launch it, and the lines of its stderr.
struct Fixture {
    home: TempDir,
    launch: Launch,
    log: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
}

impl Fixture {
    fn new(script: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("score.sh"), script).unwrap();
        let launch = Launch {
            command: vec!["sh".into(), "score.sh".into()],
            folder: home.path().into(),
            batch_rows: 1000,
            start: Duration::from_secs(60),
            answer: Duration::from_secs(60),
            outputs: None,
        };
        Self { home, launch, log: Arc::default(), stop: Arc::default() }
    }

    fn start(&self) -> Result<CommandPredictor, String> {
        let (log, stop) = (Arc::clone(&self.log), Arc::clone(&self.stop));
        let watch = Watch {
            stop: Box::new(move || stop.load(Ordering::Relaxed)),
            log: Box::new(move |line| log.lock().unwrap().push(line.into())),
        };
        CommandPredictor::start(&self.launch, &features(), &rows(4), watch).map_err(|error| error.to_string())
    }

    /// The first error: of the start, or of the first rows after it.
    fn fault(&self) -> String {
        let predictor = match self.start() {
            Ok(predictor) => predictor,
            Err(error) => return error,
        };
        let first = predictor.predict(&rows(5)).unwrap_err().to_string();
        let again = predictor.predict(&rows(5)).unwrap_err().to_string();
        assert_eq!(first, again);
        first
    }
}

fn features() -> Vec<Feature> {
    let names = ["rent", "own", "for free"].map(String::from).to_vec();
    vec![Feature::numeric("age"), Feature::categorical("housing", Some(names)), Feature::numeric("amount")]
}

/// Rows of those features, some values missing.
fn rows(count: usize) -> FeatureBlock {
    let rng = &mut source(9);
    let mut row = || {
        let age = rng.random_range(18.0..90.0);
        let housing = f64::from(rng.random_range(0..4_u8));
        let amount = rng.random_range(-1e3..1e3);
        vec![age, if housing == 3.0 { f64::NAN } else { housing }, if amount > 900.0 { f64::NAN } else { amount }]
    };
    FeatureBlock::from_rows(&(0..count).map(|_| row()).collect::<Vec<_>>())
}

fn expected(block: &FeatureBlock) -> Vec<f64> {
    let score = |row: Vec<f64>| {
        let housing = if row[1].is_nan() { 0.0 } else { [4.0, 3.0, 8.0][row[1] as usize] };
        row[0] + 2.0 * housing + 3.0 * if row[2].is_nan() { 10.0 } else { row[2] }
    };
    (0..block.rows()).map(|row| score(block.row(row))).collect()
}

/// Whether a process that wrote its number to a file still runs a moment later; one that has ended and that nobody has asked after does not.
fn lives(file: &Path) -> bool {
    let id = fs::read_to_string(file).unwrap();
    let runs = || fs::read_to_string(format!("/proc/{}/stat", id.trim())).is_ok_and(|stat| !stat.contains(") Z "));
    (0..40).all(|_| {
        sleep(Duration::from_millis(50));
        runs()
    })
}

#[test]
fn answers_are_the_models_whatever_the_size_of_batches() {
    let block = rows(1000);
    for batch_rows in [100_000, 1000, 333, 7] {
        let mut fixture = Fixture::new(&script("linear"));
        fixture.launch.batch_rows = batch_rows;
        let predictor = fixture.start().unwrap();
        assert_eq!(predictor.outputs(), ["score"]);
        assert_eq!(predictor.predict(&block).unwrap(), expected(&block));
        assert_eq!(predictor.predict(&FeatureBlock::default()).unwrap(), [0.0; 0]);
        assert_eq!(predictor.predict(&rows(3)).unwrap(), expected(&rows(3)));
    }
}

#[test]
fn outputs_are_the_answers_columns_or_those_that_are_named() {
    let (all, block) = (Fixture::new(&script("two")).start().unwrap(), rows(20));
    assert_eq!(all.outputs(), ["twice", "score"]);
    let twice: Vec<f64> = expected(&block).iter().map(|score| 2.0 * score).collect();
    assert_eq!(all.predict(&block).unwrap(), [twice, expected(&block)].concat());
    let mut fixture = Fixture::new(&script("two"));
    fixture.launch.outputs = Some(vec!["score".into()]);
    fixture.launch.batch_rows = 6;
    let one = fixture.start().unwrap();
    assert_eq!((one.outputs(), one.predict(&block).unwrap()), (&["score".to_owned()][..], expected(&block)));
    fixture.launch.outputs = Some(vec!["sore".into()]);
    assert_eq!(fixture.fault(), "the command's answer has no column `sore`, which model.outputs names; its columns are twice, score");
    let narrow = Fixture::new(&script("narrow")).start().unwrap().predict(&rows(1)).unwrap();
    assert_eq!(narrow, [f64::from(expected(&rows(1))[0] as f32), f64::from(expected(&rows(1))[0] as i8), 1.0]);
}

#[test]
fn wrong_answers_are_told_apart() {
    let row = |row: usize| {
        let block = rows(5);
        let value = |feature: usize| block.column(feature)[row];
        let housing = ["rent", "own", "for free"].get(value(1) as usize).filter(|_| !value(1).is_nan()).map_or("missing", |name| name);
        let amount = if value(2).is_nan() { "missing".to_owned() } else { value(2).to_string() };
        format!("age {}, housing {housing}, amount {amount}", value(0))
    };
    let value = |value: &str, at: usize| {
        format!(
            "the model cannot be evaluated: the command's answer holds {value} in column `score`, row {at} of the batch ({}); predictions are finite numbers",
            row(at)
        )
    };
    let cases = [
        ("nan", value("NaN", 2)),
        ("null", value("null", 0)),
        (
            "short",
            "the model cannot be evaluated: the command's answer has 4 rows for a batch of 5; answer one row for each, in their order"
                .into(),
        ),
        (
            "none",
            "the model cannot be evaluated: the command's answer has 0 rows for a batch of 5; answer one row for each, in their order"
                .into(),
        ),
        ("words", "the command's answer holds values of type Utf8 in column `score`; predictions are numbers".into()),
        ("twins", "the command's answer has two columns `score`; give each output a name of its own".into()),
    ];
    for (way, message) in cases {
        assert_eq!(Fixture::new(&script(way)).fault(), message, "{way}");
    }
    // What comes unasked is met before or after the next batch is sent.
    let double = Fixture::new(&script("double")).start().unwrap();
    assert_eq!(double.predict(&rows(5)).unwrap(), expected(&rows(5)));
    let told = double.predict(&rows(3)).unwrap_err().to_string();
    assert!(told.contains("comes in several batches") || told.contains("has 5 rows for a batch of 3"), "{told}");
    assert!(Fixture::new(&script("infinite")).fault().contains("holds inf in column `score`, row 0"));
}

/// What comes after the last answer is met when the model is closed.
#[test]
fn what_nobody_asked_for_is_met_at_the_end() {
    let said = |way: &str| {
        let predictor = Fixture::new(&script(way)).start().unwrap();
        assert_eq!(predictor.predict(&rows(5)).unwrap(), expected(&rows(5)), "{way}");
        let closed = predictor.close().map_err(|error| error.to_string());
        assert!(predictor.predict(&rows(5)).unwrap_err().to_string().contains("has been ended"), "{way}");
        closed
    };
    assert_eq!(said("linear"), Ok(()));
    assert_eq!(said("faint"), Ok(()), "rounding is measured by the largest of all predictions");
    // Told by its coming before the last question, or by being no answer to that.
    let double = said("double").unwrap_err();
    assert!(double.contains("comes in several batches; answer each batch") || double.contains("has 5 rows for a batch of 4"), "{double}");
    assert!(said("moody").unwrap_err().contains("to its first rows is another at the end than at the start"));
    assert!(said("half more").unwrap_err().contains("the command ended in the middle of an answer"));
    assert!(said("last words").unwrap_err().contains("writes text to its stdout"));
    audit("last words", "", "background: { rows: 5 }\nexplain: { kernel_shap: { rows: 1 } }\n").refuse(
        &[],
        3,
        &["writes text to its stdout", "`scored it all`; print to stderr instead"],
    );
}

#[test]
fn broken_streams_are_told_apart() {
    let text = "writes text to its stdout, where its predictions are expected as an Arrow IPC stream: ";
    let cases = [
        (script("half"), "the command ended in the middle of an answer (exit status: 0)"),
        (script("die"), "ended before it answered (exit status: 7); its last words on stderr: the model has gone away"),
        (script("garbage"), "the command's answer is not a sound Arrow IPC stream: "),
        (script("text"), &format!("{text}`done with the batch`; print to stderr instead")),
        ("echo hello; echo world; cat >/dev/null".into(), &format!("{text}`hello`")),
        ("printf 'a'; sleep 600".into(), &format!("{text}`a`")),
        (
            "echo one >&2; echo two >&2; exit 3".into(),
            "the command ended before it answered (exit status: 3); its last words on stderr: one ⏎ two",
        ),
        ("kill -9 $$".into(), "(signal: 9 (SIGKILL))"),
    ];
    for (script, message) in cases {
        let fault = Fixture::new(&script).fault();
        assert!(fault.contains(message), "{script}: {fault}");
    }
    let mut absent = Fixture::new("");
    absent.launch.command = vec!["./no-such-program".into()];
    assert!(absent.fault().starts_with("cannot start `./no-such-program`: "));
    let mut located = Fixture::new(&script("linear"));
    fs::write(located.home.path().join("start"), "#!/bin/sh\nexec sh score.sh\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(located.home.path().join("start")).status().unwrap().success());
    located.launch.command = vec!["./start".into()];
    assert_eq!(located.start().unwrap().predict(&rows(2)).unwrap(), expected(&rows(2)));
}

#[test]
fn what_hangs_is_killed_with_all_that_it_started() {
    let mut fixture = Fixture::new("echo loading >&2\nsleep 600 &\necho $! > id\nwait\n");
    fixture.launch.start = Duration::from_secs(2);
    let begun = Instant::now();
    assert_eq!(
        fixture.fault(),
        "the command has not answered 4 rows within 2 s; raise model.start_seconds, or lower model.batch_rows; its last words on stderr: loading"
    );
    assert!(begun.elapsed() < Duration::from_secs(20) && !lives(&fixture.home.path().join("id")));
    assert_eq!(*fixture.log.lock().unwrap(), ["loading"]);
    let mut fixture = Fixture::new(&script("hang"));
    fixture.launch.answer = Duration::from_secs(1);
    assert!(fixture.fault().contains("has not answered 5 rows within 1 s; raise model.answer_seconds"));
    let fixture = Fixture::new(&script("hang"));
    let predictor = fixture.start().unwrap();
    fixture.stop.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    assert!(predictor.predict(&rows(5)).unwrap_err().to_string().contains("stopped"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    // One that does not end with its stdin is ended with the predictor.
    let stubborn = Fixture::new(&format!("({}) 2>/dev/null\necho $$ > id\nsleep 600", script("linear").trim_end().replace("exec", "")));
    drop(stubborn.start().unwrap());
    assert!(!lives(&stubborn.home.path().join("id")));
}

#[test]
fn what_a_command_leaves_behind_is_ended_and_awaited_no_longer_than_itself() {
    // It holds the command's stdout and stderr open.
    let left = |way: &str| Fixture::new(&format!("sleep 600 &\necho $! > id\n{}", script(way)));
    let (died, begun) = (left("die"), Instant::now());
    let fault = died.fault();
    assert!(fault.contains("ended before it answered (exit status: 7); its last words on stderr: the model has gone away"), "{fault}");
    assert!(begun.elapsed() < Duration::from_secs(30) && !lives(&died.home.path().join("id")));
    let ended = left("linear");
    drop(ended.start().unwrap());
    assert!(!lives(&ended.home.path().join("id")));
}

#[test]
fn answers_that_nobody_asked_for_are_not_gathered() {
    let fixture = Fixture::new(&script("flood"));
    let predictor = fixture.start().unwrap();
    assert_eq!(predictor.predict(&rows(5)).unwrap(), expected(&rows(5)));
    let sent = || fs::metadata(fixture.home.path().join("sent")).unwrap().len();
    sleep(Duration::from_secs(1));
    let before = sent();
    sleep(Duration::from_secs(1));
    assert_eq!(sent(), before);
    assert!(predictor.predict(&rows(5)).unwrap_err().to_string().contains("comes in several batches"));
}

/// The shipped rows, scored by the child.
fn audit(way: &str, model: &str, further: &str) -> Audit {
    let audit = Audit::new();
    fs::write(audit.path("score.sh"), script(way)).unwrap();
    let config = format!(
        "name: credit\ndata: {{ path: data.parquet, id: applicant_id, label: bad, features: [duration, purpose, amount, housing, age] }}\n\
         model: {{ command: [sh, score.sh], {model} }}\noutput: {{ dir: out }}\n{further}"
    );
    fs::write(audit.path("config.yaml"), config).unwrap();
    audit
}

const EVERYTHING: &str = "background: { rows: 60 }\n\
    explain: { kernel_shap: { rows: 20 }, permutation: { rows: 16, samples: 64 }, lime: { rows: 20, samples: 500 } }\n\
    derive: { clusters: {}, pdp: { features: top(3), pairs: [[duration, age]] }, ice: { features: [age], rows: 30 }, ale: { features: all }, \
    surrogate: {}, sp_lime: { picks: 3 }, interactions: { features: [duration, amount, age], rows: 20 } }\n\
    fairness: { favourable: below, threshold: 12000, attributes: [{ column: sex, reference: male }] }\n";

#[test]
fn everything_that_needs_no_trees_works_and_depends_on_neither_threads_nor_batches() {
    let one = audit("linear", "batch_rows: 100000", EVERYTHING);
    let folder = one.publish(&["--threads", "1", "--run-id", "same"]);
    assert_eq!(one.visible("out/latest/attributions"), ["kernel_shap", "kernel_shap_se", "lime", "permutation", "permutation_se"]);
    // The model is additive: a value is what it is worth beyond the background's mean.
    let rows = read(&one.path("data.parquet"));
    let found = read(&folder.join("attributions/kernel_shap/part-00000.parquet"));
    let column = |name: &str| found.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec();
    let ids = found.column(0).as_primitive::<arrow_array::types::Int64Type>().values().to_vec();
    let durations = rows.column_by_name("duration").unwrap().as_primitive::<Int32Type>().values().to_vec();
    let first = rows.column_by_name("applicant_id").unwrap().as_primitive::<Int32Type>().value(0);
    let duration = |id: i64| f64::from(durations[(id - i64::from(first)) as usize]);
    let offsets: Vec<f64> = ids.iter().zip(column("duration")).map(|(id, value)| duration(*id) - value).collect();
    assert!(offsets.iter().all(|offset| (offset - offsets[0]).abs() < 1e-8), "{offsets:?}");
    let interactions = read(&folder.join("tables/interactions.parquet"));
    let statistics = interactions.column_by_name("h_statistic").unwrap().as_primitive::<Float64Type>();
    assert!(statistics.len() == 6 && statistics.values().iter().all(|h| *h < 1e-7), "{statistics:?}");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["model"]["command"], serde_json::json!(["sh", "score.sh"]));
    assert_eq!((&manifest["model"]["batch_rows"], &manifest["config"]["explain"]["tree_shap"]), (&100_000.into(), &false.into()));
    let input = manifest["inputs"].as_array().unwrap().iter().find(|input| input["role"] == "command").unwrap();
    assert_eq!((&input["path"], &input["bytes"]), (&"score.sh".into(), &script("linear").len().into()));
    let results = |folder: &Path| contents(folder).into_iter().filter(|(path, _)| path.contains('/')).collect::<Vec<_>>();
    let other = audit("linear", "batch_rows: 37", EVERYTHING);
    let again = other.publish(&["--threads", "2", "--run-id", "same"]);
    assert_eq!(results(&folder), results(&again));
}

#[test]
fn what_a_command_cannot_do_is_refused() {
    let refuse = |model: &str, further: &str, code: i32, words: &[&str]| audit("linear", model, further).refuse(&[], code, words);
    refuse("", "explain: { tree_shap: {} }\n", 2, &["explain.tree_shap: explains trees", "name kernel_shap, permutation or lime"]);
    let reasons = "fairness: { favourable: below, threshold: 1, attributes: [{ column: sex, reference: male }], reasons: {} }\n";
    refuse("", reasons, 2, &["fairness.reasons: are exact Shapley values of trees"]);
    refuse("format: xgboost", "", 2, &["model.format: is xgboost, but model.command names a command"]);
    refuse("path: model.json", "", 2, &["exclude each other"]);
    let nameless = audit("linear", "", "");
    let config = fs::read_to_string(nameless.path("config.yaml")).unwrap();
    fs::write(nameless.path("config.yaml"), config.replace(", features: [duration, purpose, amount, housing, age]", "")).unwrap();
    nameless.refuse(&[], 2, &["data.features: is missing: a command does not say which columns it takes"]);
    fs::write(nameless.path("config.yaml"), config.replace("amount", "amuont")).unwrap();
    nameless.refuse(&[], 3, &["no column `amuont`, needed as a feature of the model", "nearest: `amount`"]);
    let forest = Audit::new();
    let config = fs::read_to_string(forest.path("config.yaml")).unwrap();
    fs::write(forest.path("config.yaml"), config.replace("model.json", "model.json, batch_rows: 5")).unwrap();
    forest.refuse(&[], 2, &["model.batch_rows: is about models by command"]);
}

#[test]
fn a_fault_in_the_middle_of_a_run_ends_it_and_says_why() {
    let methods = "background: { rows: 30 }\nexplain: { kernel_shap: { rows: 5 } }\n";
    audit("nan", "", methods).refuse(
        &[],
        3,
        &["holds NaN in column `score`, row 2 of the batch (duration ", "predictions are finite numbers"],
    );
    audit("die", "", methods).refuse(
        &[],
        3,
        &["ended before it answered (exit status: 7); its last words on stderr: the model has gone away"],
    );
    audit("hang", "answer_seconds: 1", methods).refuse(&[], 3, &["within 1 s; raise model.answer_seconds"]);
    let told = audit("linear", "", "");
    let warned = told.run(&[]);
    assert!(warned.status.success() && stderr(&warned).contains("nothing is explained"), "{}", stderr(&warned));
}

#[test]
fn a_signal_ends_command_and_run() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let audit = audit("hang", "", "background: { rows: 30 }\nexplain: { kernel_shap: { rows: 5 } }\n");
        fs::write(audit.path("score.sh"), format!("echo $$ > id\n{}", script("hang"))).unwrap();
        let mut run = audit.command(&[]).spawn().unwrap();
        let begun = Instant::now();
        while audit.hidden().is_empty() {
            assert!(run.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(60));
            sleep(Duration::from_millis(5));
        }
        sleep(Duration::from_millis(300));
        signal(&run, name);
        assert_eq!(run.wait().unwrap().code(), Some(code));
        assert!(!lives(&audit.path("id")) && audit.visible("out/runs").is_empty() && audit.hidden().is_empty());
    }
}

#[test]
fn effects_by_group_of_an_additive_command_are_straight_lines_through_the_groups_means() {
    let fairness =
        "fairness: { favourable: below, threshold: 12000, attributes: [{ column: sex }], effects: { features: [age, amount], points: 6 } }";
    let audit = audit("linear", "batch_rows: 100000", fairness);
    let folder = audit.publish(&[]);
    let (effects, data) = (read(&folder.join("tables/fairness_effects.parquet")), read(&crate::support::shipped("data/credit.parquet")));
    let text = |batch: &RecordBatch, column: &str, row: usize| {
        let column = arrow_cast::cast(batch.column_by_name(column).unwrap(), &arrow_schema::DataType::Utf8).unwrap();
        column.as_string::<i32>().value(row).to_owned()
    };
    let number = |batch: &RecordBatch, column: &str, row: usize| {
        arrow_cast::cast(batch.column_by_name(column).unwrap(), &arrow_schema::DataType::Float64)
            .unwrap()
            .as_primitive::<Float64Type>()
            .value(row)
    };
    let mean = |group: &str, value: &dyn Fn(usize) -> f64| {
        let members: Vec<usize> = (0..data.num_rows()).filter(|row| text(&data, "sex", *row) == group).collect();
        members.iter().map(|row| value(*row)).sum::<f64>() / members.len() as f64
    };
    let letters = |column: &str, row: usize| text(&data, column, row).len() as f64;
    let score = |row: usize| {
        let numbers = number(&data, "duration", row) + 3.0 * number(&data, "amount", row) + 5.0 * number(&data, "age", row);
        numbers + 2.0 * letters("purpose", row) + 4.0 * letters("housing", row)
    };
    // Each of 310 and of 690 rows is in the sample.
    for row in 0..effects.num_rows() {
        let (group, feature) = (text(&effects, "group", row), text(&effects, "feature", row));
        let (slope, middle) = (if feature == "age" { 5.0 } else { 3.0 }, mean(&group, &|row| number(&data, &feature, row)));
        let (x, value) = (number(&effects, "x", row), number(&effects, "value", row));
        if text(&effects, "kind", row) == "pdp" {
            let expected = mean(&group, &score) + slope * (x - middle);
            assert!((value - expected).abs() < 1e-9 * expected.abs(), "{group} {feature} {x}: {value} {expected}");
        } else if row > 0 && text(&effects, "kind", row - 1) == "ale" {
            let rise = value - number(&effects, "value", row - 1);
            let expected = slope * (x - number(&effects, "x", row - 1));
            assert!((rise - expected).abs() < 1e-9 * expected.abs().max(1.0), "{group} {feature} {x}: {rise} {expected}");
        }
    }
    assert!(effects.num_rows() >= 40);
}
