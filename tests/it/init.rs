//! Proposed configs: they run, and so does what they have switched off.

use std::fs;

use crate::support::{Audit, pipeline, stderr};

/// Lines of config that are switched off, switched on: those that begin with `#` and no single space.
fn switched_on(text: &str) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[test]
fn a_proposed_config_runs_as_it_is_and_with_everything_switched_on() {
    let audit = Audit::new();
    fs::create_dir(audit.path("configs")).unwrap();
    let init = |output: &str| {
        let mut command = pipeline();
        command.current_dir(audit.path("")).args(["init", "--data", "data.parquet", "--model", "model.json", "--output", output]);
        command.output().unwrap()
    };
    let output = init("configs/proposed.yaml");
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(output.stdout, b"configs/proposed.yaml\n");
    let text = fs::read_to_string(audit.path("configs/proposed.yaml")).unwrap();
    for line in [
        "  path: ../data.parquet\n",
        "  path: ../model.json\n",
        "  id: applicant_id #",
        "  label: bad #",
        "#    - { column: sex }",
        "bins: [25, 40, 60]",
    ] {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
    assert!(text.contains("# Columns that are no feature of the model: sex, split."), "{text}");
    // It is never overwritten.
    let again = init("configs/proposed.yaml");
    assert!(again.status.code() == Some(3) && stderr(&again).contains("never overwritten"), "{}", stderr(&again));
    let run = |config: &str| {
        let output =
            pipeline().arg("run").arg(audit.path(config)).args(["--output", &audit.path("out").to_string_lossy()]).output().unwrap();
        (output.status.code(), stderr(&output))
    };
    let (code, said) = run("configs/proposed.yaml");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("WARN"), "{said}");
    let everything = switched_on(&text).replace("filter: null", "filter: split = 'test'").replace("features: top(6)", "features: top(2)");
    fs::write(audit.path("configs/everything.yaml"), &everything).unwrap();
    let (code, said) = run("configs/everything.yaml");
    // The gate on the adverse impact ratio is the only thing that may fail.
    assert!(code == Some(0) || (code == Some(1) && said.contains("gate 1 ")), "{said}\n{everything}");
    for table in ["fairness_metrics", "compare", "gates", "ale", "pdp", "surrogate"] {
        assert!(audit.path(&format!("out/latest/tables/{table}.parquet")).exists(), "{table}");
    }
}

#[test]
fn stdout_has_paths_as_given_and_what_does_not_fit_is_an_error() {
    let audit = Audit::new();
    let init = |data: &str, model: &str| {
        let output = pipeline().current_dir(audit.path("")).args(["init", "--data", data, "--model", model]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout.clone()).unwrap(), stderr(&output))
    };
    let (code, text, said) = init("data.parquet", "model.json");
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(text.contains("  path: data.parquet\n") && text.contains("  dir: reports/data\n"), "{text}");
    let rows = crate::support::read(&audit.path("data.parquet"));
    crate::support::write(&audit.path("few.parquet"), &[rows.project(&[0, 1, 2]).unwrap()]);
    for (data, model, words) in [
        ("few.parquet", "model.json", "the data have no column for 18 of the model's features: credit_history, purpose"),
        ("nowhere.parquet", "model.json", "nowhere.parquet"),
        ("data.parquet", "data.parquet", "is not a model of a known format"),
    ] {
        let (code, text, said) = init(data, model);
        assert_eq!((code, text.as_str()), (Some(3), ""));
        assert!(said.contains(words), "{said}");
    }
}
