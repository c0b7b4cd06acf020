//! Arguments, terminal and exit codes.

mod args;
mod compare;
mod explain;
mod failure;
mod init;
mod inspect;
mod run;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Arguments, Command};
use failure::Failure;

use crate::dataset;

/// Runs the command line; the process's exit code says how it ended.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing is left to do where help or usage cannot be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !dataset::is_guarded() {
            tell(panic);
        }
    }));
    let json = arguments.command.logs_json();
    // A panic has said what it is; what is left is an exit code of the contract.
    let ended = std::panic::catch_unwind(|| execute(arguments.command).unwrap_or_else(|failure| failure.tell(json)));
    ended.unwrap_or(ExitCode::from(3))
}

fn execute(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(options) => {
            let published = run::run(options)?;
            print(&format!("{}\n", published.folder.display()))?;
            Ok(ExitCode::from(published.exit_code))
        }
        Command::Check(options) => print(&run::check(options)?),
        Command::Inspect(options) => print(&inspect::inspect(&options)?),
        Command::Compare(options) => {
            let (lines, code) = compare::compare(&options)?;
            print(&lines)?;
            Ok(ExitCode::from(code))
        }
        Command::Init(options) => print(&init::init(&options)?),
        Command::Explain(options) => print(&explain::explain(options)?),
        Command::Schema => print(&pretty(&crate::config::schema())?),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "pipeline", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    }
}

/// Whether a stream is to have colours: a terminal that is not asked to do without.
fn is_coloured(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// `value` as indented JSON with a newline at its end.
fn pretty(value: &impl serde::Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value).map_err(io::Error::from)? + "\n")
}

/// Prints a result; a reader that has gone away has had enough.
fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
