//! The command line's grammar.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
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
    /// Tell what a model file is
    Inspect(Inspect),
    /// Print the JSON Schema of the config, for editors
    Schema,
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
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

fn format_names() -> PossibleValuesParser {
    PossibleValuesParser::new(std::iter::once("auto").chain(FORMATS.iter().map(|format| format.name)))
}
