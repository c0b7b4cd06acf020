//! `pipeline run` and `pipeline check`: from arguments to the conductor.

use super::args::{Check, LogFormat, Run};
use super::failure::Failure;
use crate::config::Config;
use crate::run::{self, Level, Log, Options, Published};

/// Runs an audit.
pub(super) fn run(arguments: Run) -> Result<Published, Failure> {
    let log = log(&arguments.check);
    let config = Config::load(&arguments.check.config, &arguments.check.sets)?;
    let options =
        Options { run_id: arguments.run_id, fail_on_warn: arguments.fail_on_warn, resume: arguments.resume, ..options(arguments.check) };
    Ok(run::run(config, options, &log)?)
}

/// The plan as text.
pub(super) fn check(arguments: Check) -> Result<String, Failure> {
    log(&arguments);
    let config = Config::load(&arguments.config, &arguments.sets)?;
    Ok(run::check(config, options(arguments))?)
}

fn options(arguments: Check) -> Options {
    Options { output: arguments.output, threads: arguments.threads, ..Options::default() }
}

fn log(arguments: &Check) -> Log {
    let format = match arguments.log_format {
        LogFormat::Text => run::LogFormat::Text,
        LogFormat::Json => run::LogFormat::Json,
    };
    let level = match (arguments.quiet, arguments.verbose) {
        (0, 0) => Level::INFO,
        (0, _) => Level::DEBUG,
        (1, _) => Level::WARN,
        _ => Level::ERROR,
    };
    Log::start(format, level)
}
