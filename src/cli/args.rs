//! The command line's grammar.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::model::format::FORMATS;

/// Exact, reproducible explanation audits of tree ensembles.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 passed, 1 a gate failed, 2 usage or config error, 3 data, model or runtime error,
4 warnings with --fail-on-warn, 130 interrupted, 143 terminated";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a whole audit
    Run(Run),
    /// Read config, data schema and model, print the plan, compute nothing
    Check(Check),
    /// Tell what a model file is
    Inspect(Inspect),
    /// Tell what changed between two runs, as CSV: the lines of the table `compare`
    Compare(Compare),
    /// Write a commented config that runs
    Init(Init),
    /// Explain one row: prediction, base value, contributions, and the reasons of an unfavourable decision
    Explain(Explain),
    /// Print the JSON Schema of the config, for editors
    Schema,
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

impl Command {
    /// Whether whatever goes wrong is told as JSON, one object a line.
    pub fn logs_json(&self) -> bool {
        match self {
            Command::Run(Run { check, .. }) | Command::Check(check) => check.log_format == LogFormat::Json,
            _ => false,
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub check: Check,
    /// Name of the run's folder; the time in UTC where none is given
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    /// Fail, with exit code 4, where there are warnings
    #[arg(long)]
    pub fail_on_warn: bool,
    /// Go on with a run that ended before it was published (that of --run-id, or the newest of the output folder), if its data, model and config are the
    /// same; and leave what is finished where this one is interrupted
    #[arg(long)]
    pub resume: bool,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    /// Config file (YAML)
    pub config: PathBuf,
    /// Folder of all runs, instead of the config's output.dir; from the current directory
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Worker threads, instead of the config's run.threads; they cannot change a result
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Set a key of the config, such as model.iterations=50; the value is YAML, paths start from the config's folder
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Form of the log on stderr
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Log warnings only; twice: errors only
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub quiet: u8,
    /// Log details
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
}

/// Form of the log on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Lines of words
    Text,
    /// A JSON object a line
    Json,
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Model file
    pub model: PathBuf,
    /// Format of the file; auto recognises it by its content
    #[arg(long, default_value = "auto", value_parser = format_names())]
    pub format: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// Folder of the earlier run
    pub before: PathBuf,
    /// Folder of the later run, whose gates on the comparison decide the exit code
    pub after: PathBuf,
    /// Fail, with exit code 4, where a gate only warns
    #[arg(long)]
    pub fail_on_warn: bool,
}

#[derive(Debug, Args)]
pub(super) struct Init {
    /// Parquet file, directory or glob of the rows to explain
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Model file
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// File to write, which must not be there yet; stdout where none is given, with paths from the current directory
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Config file (YAML)
    pub config: PathBuf,
    /// The row: its value in the column that data.id names, or its number, from 0 on, where that names none; the first of several
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub id: String,
    /// Attribution method, of those that the config switches on; the first where none is given
    #[arg(long, value_name = "NAME")]
    pub method: Option<String>,
    /// Output of the model; all where none is given
    #[arg(long, value_name = "NAME")]
    pub output_name: Option<String>,
    /// Features that are shown; the others are summed
    #[arg(long, value_name = "N", default_value = "10")]
    pub top: NonZeroUsize,
    /// Form of the result
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Form,
    /// Worker threads, instead of the config's run.threads; they cannot change a result
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Set a key of the config, such as data.filter=null; the value is YAML, paths start from the config's folder
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
}

/// Form of a result on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// Lines for a terminal
    Text,
    /// JSON, every feature in it
    Json,
}

fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(std::iter::once("auto").chain(FORMATS.iter().map(|format| format.name)))
}
