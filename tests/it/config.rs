//! Configs through the real command: what is wrong with them, where, and how that is told.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use pipeline::config::{self, Config};
use predicates::str::{contains, is_empty};
use serde_json::Value;
use tempfile::TempDir;

/// A config in a folder of its own, beside the files that it names.
struct Folder(TempDir);

impl Folder {
    fn new(config: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.0.path().join("parts")).unwrap();
        for file in ["rows.parquet", "model.json", "parts/a.parquet"] {
            fs::write(folder.0.path().join(file), "").unwrap();
        }
        fs::write(folder.path(), config).unwrap();
        folder
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("audit.yaml")
    }

    fn check(&self, arguments: &[&str]) -> assert_cmd::assert::Assert {
        pipeline().arg("check").arg(self.path()).args(arguments).env_remove("UNSET").env("SEED", "7").env("BLANK", "").assert()
    }

    /// Each problem's `line:column`, message and help, as the JSON log has them.
    fn problems(&self, arguments: &[&str]) -> Vec<(String, String, String)> {
        let output = self.check(&[&["--log-format", "json"], arguments].concat()).code(2).stdout(is_empty()).get_output().clone();
        let prefix = format!("{}:", self.path().display());
        let text = |event: &Value, key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
        let events = String::from_utf8(output.stderr).unwrap();
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let places = events.filter(|event| event.get("place").is_some());
        places.map(|event| (text(&event, "place").replace(&prefix, ""), text(&event, "message"), text(&event, "help"))).collect()
    }

    fn load(&self, sets: &[&str]) -> Config {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        Config::load(&self.path(), &sets).unwrap_or_else(|error| panic!("{error}: {:?}", error.problems()))
    }
}

fn pipeline() -> Command {
    Command::new(env!("CARGO_BIN_EXE_pipeline"))
}

const SOUND: &str = "data: { path: rows.parquet }\nmodel: { path: model.json }\noutput: { dir: out }\n";

/// Asserts that a sound config with `further` lines has one problem: its place, and words of message and help.
#[track_caller]
fn refused(further: &str, arguments: &[&str], place: &str, message: &str, help: &str) {
    let problems = Folder::new(&format!("{SOUND}{further}")).problems(arguments);
    let [(at, said, helped)] = problems.as_slice() else { panic!("one problem expected: {problems:?}") };
    assert_eq!(at, place, "{said}");
    assert!(said.contains(message), "{said}");
    assert!(helped.contains(help), "{helped}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_excerpts_and_without_colour() {
    let folder = Folder::new(
        "version: 1\nrun: { seed: -1, sede: 3 }\ndata:\n  path: nowhere.parquet\n  lable: bad\nmodel:\n  iterations: bset\nreport: { top_features: many }\n",
    );
    let output = folder.check(&[]).code(2).stdout(is_empty()).get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    let path = folder.path().display().to_string();
    let places: Vec<&str> = said.lines().filter_map(|line| line.split_once(&format!("{path}:"))?.1.strip_suffix(']')).collect();
    assert_eq!(places, ["1:1", "2:14", "2:18", "4:9", "5:3", "6:1", "7:15", "8:25"], "{said}");
    for words in [
        "key `output` is missing",
        "-1 is out of range: expected a whole number ≥ 0",
        "unknown key `sede` in `run`",
        "help: did you mean `seed`?",
        "path `nowhere.parquet` does not exist",
        "help: did you mean `label`?",
        "one of `path`, `train` or `command` is missing in `model`",
        " 7 |   iterations: bset",
        "expected `all`, `best` or a whole number ≥ 1, found `bset`",
        "help: did you mean `best`?",
        "expected a whole number ≥ 1, found `many`",
        "error: 8 problems in ",
    ] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
    assert!(!said.contains('\u{1b}'));
}

#[test]
fn unknown_keys() {
    refused("explain: { magic: {} }", &[], "4:12", "unknown key `magic` in `explain`", "the keys here are `tree_shap`");
    refused("derive: { importence: {} }", &[], "4:11", "unknown key `importence` in `derive`", "did you mean `importance`?");
    refused("derive: { summary: { rows: 5 } }", &[], "4:22", "unknown key `rows` in `derive.summary`", "it has no keys");
    refused("reports: {}", &[], "4:1", "unknown key `reports`", "did you mean `report`?");
}

#[test]
fn wrong_types_words_and_numbers() {
    refused("run: 5", &[], "4:6", "expected a mapping, found 5", "");
    refused("run:", &[], "4:1", "expected a mapping, found nothing (null)", "leave it out");
    refused("run: { threads: 0 }", &[], "4:17", "0 is out of range", "");
    refused("run: { threads: 1.5 }", &[], "4:17", "expected `auto` or a whole number ≥ 1, found 1.5", "");
    refused("run: { seed: 18446744073709551616 }", &[], "4:14", "expected a whole number ≥ 0", "");
    refused("run: { memory_limit: 2gib }", &[], "4:22", "expected text such as `512MiB` or `2GiB`, found `2gib`", "");
    refused("name: 2024", &[], "4:7", "expected text, found 2024", "in quotes");
    refused("name: ''", &[], "4:7", "empty", "");
    refused("version: 2", &[], "4:10", "expected 1, found 2", "");
    refused("explain: { tree_shap: { mode: tree } }", &[], "4:31", "expected `interventional` or `path_dependent`, found `tree`", "");
    refused("derive: { importance: { intervals: 95 } }", &[], "4:36", "95 is out of range: expected a number > 0 and < 1", "");
    refused("derive: { importance: { intervals: .nan } }", &[], "4:36", "expected a number", "");
    refused("derive:\n  summary:\n", &[], "5:3", "expected a mapping or true or false, found nothing", "write {} to run it");
    refused("", &["--set", "model.format=pickle"], "--set:1:14", "expected `auto`", "");
    refused("", &["--set", "data.features=[a, b, a]"], "--set:1:22", "`a` is listed twice", "");
    refused("", &["--set", "data.features=[]"], "--set:1:15", "the list is empty", "");
}

#[test]
fn missing_keys() {
    let problems = Folder::new("# nothing\n").problems(&[]);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problems = Folder::new("model: {}\n").problems(&[]);
    let said: Vec<_> = problems.iter().map(|(place, message, _)| format!("{place} {message}")).collect();
    assert_eq!(
        said,
        ["1:1 key `data` is missing", "1:1 key `output` is missing", "1:1 one of `path`, `train` or `command` is missing in `model`"]
    );
}

#[test]
fn keys_that_exclude_each_other() {
    refused(
        "",
        &["--set", "model.train={}"],
        "--set:1:13",
        "`path`, `train` and `command` exclude each other in `model`",
        "leave all but one",
    );
    refused("", &["--set", "model={}"], "--set:1:7", "one of `path`, `train` or `command` is missing in `model`", "");
}

#[test]
fn yaml_that_configs_do_not_use() {
    refused("run:\n\tseed: 5\n", &[], "5:1", "a tab indents this line", "spaces");
    refused("run:\n  seed: 1\n  seed: 2\n", &[], "6:3", "key `seed` is written twice", "line 5");
    refused("report: {}\nreport: {}\n", &[], "5:1", "key `report` is written twice", "line 4");
    refused("name: a: b\n", &[], "4:8", "not valid YAML", "quotes");
    refused("name: [a\n", &[], "5:1", "not valid YAML", "");
    refused("---\nname: a\n", &[], "4:1", "a second document", "single");
    refused("name: &a b\n", &[], "4:7", "anchors and aliases", "write the value out");
    refused("name: !text b\n", &[], "4:7", "tags", "");
    refused("? [a]\n: b\n", &[], "4:3", "a key is plain text", "");
    let deep = format!("name: {}{}\n", "[".repeat(100), "]".repeat(100));
    refused(&deep, &[], "4:71", "nested too deeply", "");
}

#[test]
fn files_that_are_no_configs() {
    pipeline().args(["check", "nowhere.yaml"]).assert().code(2).stderr(contains("cannot read config nowhere.yaml"));
    let folder = Folder::new("");
    fs::write(folder.path(), [0x6e, 0xff, 0xfe]).unwrap();
    folder.check(&[]).code(2).stderr(contains("cannot read config"));
    fs::write(folder.path(), "just text").unwrap();
    assert_eq!(folder.problems(&[])[0].1, "expected a mapping, found `just text`");
}

#[test]
fn variables_of_the_environment() {
    refused("name: ${UNSET}", &[], "4:7", "environment variable `UNSET` is not set", "${UNSET:-default}");
    refused("name: \"ä ${UNSET} ${BLANK}\"", &[], "4:10", "environment variable `UNSET` is not set", "");
    refused("name: ${2}", &[], "4:7", "`${2}` is not a variable", "$${");
    refused("name: ${UNSET", &[], "4:7", "`${` is not a variable", "$${");
    refused("run: { seed: ${NOT_A_SEED:-x} }", &[], "4:14", "expected a whole number ≥ 0, found `x`", "");
    let folder = Folder::new(&format!(
        "{SOUND}name: ${{UNSET:-a: 'b' # c}} $${{x}}\nrun: {{ seed: ${{CARGO_PKG_VERSION_MAJOR:-x}}, threads: \"${{UNSET:-3}}\" }} # ${{UNSET}}\n"
    ));
    let resolved: Value = serde_json::to_value(folder.load(&[])).unwrap();
    assert_eq!(resolved["name"], "a: 'b' # c ${x}");
    assert_eq!(resolved["run"]["seed"], 0);
    assert_eq!(folder.load(&["name=${UNSET:-5}"]).name, "5");
}

#[test]
fn values_set_on_the_command_line() {
    let folder = Folder::new(&format!("{SOUND}derive: {{ summary: false }}\n"));
    let config = folder.load(&["run.seed=5", "run.seed=6", "derive.importance.intervals=0.5", "data.features=[a, b]", "name='x: y'"]);
    assert_eq!((config.run.seed, config.name.as_str()), (6, "x: y"));
    assert_eq!(config.derive.importance.settings().unwrap().intervals, Some(0.5));
    assert_eq!(config.derive.summary.settings(), None);
    assert_eq!(folder.load(&["data.features=[a, b]", "data.features.1=c"]).data.features, Some(vec!["a".into(), "c".into()]));
    assert!(folder.load(&["derive.summary=true"]).derive.summary.settings().is_some());
    refused("", &["--set", "model.iteration=5"], "--set:1:7", "unknown key `iteration` in `model`", "did you mean `iterations`?");
    refused("", &["--set", "model.iterations=0"], "--set:1:18", "0 is out of range", "");
    refused("", &["--set", "model.iterations"], "--set:1:1", "this sets nothing", "KEY=VALUE");
    refused("", &["--set", "model..x=1"], "--set:1:1", "`model..x` is not a key", "KEY=VALUE");
    refused("", &["--set", "name=[a"], "--set:1:8", "not valid YAML", "");
    refused("", &["--set", "data.features=[a]", "--set", "data.features.3=b"], "--set:1:15", "`3` is not in the list", "");
}

#[test]
fn paths_start_from_the_configs_folder() {
    let folder = Folder::new(SOUND);
    let config = folder.load(&["data.path=parts/*.parquet"]);
    assert_eq!(config.data.path, folder.0.path().join("parts/*.parquet"));
    assert_eq!(config.model.path, Some(folder.0.path().join("model.json")));
    assert_eq!(config.output.dir, folder.0.path().join("out"));
    assert_eq!(config.written().data.path, Path::new("parts/*.parquet"));
    refused("", &["--set", "data.path=x.parquet"], "--set:1:11", "path `x.parquet` does not exist", "from the config's folder");
    refused("", &["--set", "data.path=x/*.parquet"], "--set:1:11", "no file matches `x/*.parquet`", "from the config's folder");
    refused("", &["--set", "background.path=x.parquet"], "--set:1:17", "does not exist", "");
    refused("", &["--set", "model.path=x.json"], "--set:1:12", "file `x.json` does not exist", "from the config's folder");
    refused("", &["--set", "model.path=parts"], "--set:1:12", "`parts` is a directory", "name the file");
    refused("", &["--set", "output.dir=model.json"], "--set:1:12", "`model.json` is not a directory", "");
}

/// Every key of the schema with its dotted path.
fn keys(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        keys(schema, &path, found);
        schema["anyOf"].as_array().into_iter().flatten().for_each(|schema| keys(schema, &path, found));
        found.push(path);
    }
}

#[test]
fn any_value_of_any_key_is_taken_or_refused_at_its_place() {
    let folder = Folder::new(SOUND);
    let mut paths = Vec::new();
    keys(&config::schema(), "", &mut paths);
    assert!(paths.len() > 25);
    let odd = [
        "",
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "0.5",
        "1e300",
        "9223372036854775808",
        "18446744073709551615",
        "256",
        "auto",
        "all",
        "best",
        "x",
        "''",
        "[]",
        "[x]",
        "[1]",
        "[[x]]",
        "{}",
        "{x: [y]}",
        "{x: {y: 1}}",
        "9999999TiB",
        "9999999999999999999B",
        "99999999TiB",
        "1 KB",
        "é",
    ];
    for (path, value) in paths.iter().flat_map(|path| odd.map(|value| (path, value))) {
        let set = format!("{path}={value}");
        if let Err(error) = Config::load(&folder.path(), std::slice::from_ref(&set)) {
            assert!(!error.problems().is_empty(), "{set}");
            for problem in error.problems() {
                // A whole section that is set may lack keys.
                assert!(problem.place().starts_with("--set:"), "{set}: {} {problem}", problem.place());
            }
        }
    }
}

#[test]
fn the_resolved_config_reads_back_and_says_nothing_of_the_machine() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/credit.yaml");
    let config = Config::load(&shipped, &["run.threads=3".into()]).unwrap();
    let yaml = config.to_yaml().unwrap();
    assert!(
        yaml.contains("path: ../data/credit.parquet\n") && !yaml.contains(env!("CARGO_MANIFEST_DIR")) && !yaml.contains("threads"),
        "{yaml}"
    );
    let root = tempfile::tempdir().unwrap();
    for folder in ["data", "configs"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    for file in ["data/credit.parquet", "data/credit-model.json"] {
        fs::write(root.path().join(file), "").unwrap();
    }
    let copy = root.path().join("configs/resolved.yaml");
    fs::write(&copy, &yaml).unwrap();
    assert_eq!(Config::load(&copy, &[]).unwrap().to_yaml().unwrap(), yaml);
}

/// Made by `pipeline schema > tests/golden/config.schema.json` and read by eye.
#[test]
fn the_schema_is_as_recorded() {
    let golden = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config.schema.json")).unwrap();
    pipeline().arg("schema").assert().success().stdout(golden);
}

#[test]
fn every_key_of_the_schema_is_described_and_closed() {
    fn visit(schema: &Value, path: &str) {
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            assert!(schema["description"].as_str().is_some_and(|text| text.ends_with('.')), "{path} has no description");
            visit(schema, &path);
            schema["anyOf"].as_array().into_iter().flatten().for_each(|schema| visit(schema, &path));
        }
        if schema["type"] == "object" {
            assert!(schema["additionalProperties"] == false || schema["additionalProperties"].is_object(), "{path} is open");
        }
    }
    let schema = config::schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["title"].is_string());
    visit(&schema, "");
}
