//! How a command that failed says so: on stderr, with the exit code of the contract.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::is_coloured;
use crate::compare::CompareError;
use crate::config::{ConfigError, Problem, ProposeError};
use crate::model::ModelError;
use crate::run::RunError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The config cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model cannot be used.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The run could not be planned or finished.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Runs cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// No config can be proposed.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// A file cannot be written.
    #[error("cannot write {}: {source}{}", path.display(), if source.kind() == io::ErrorKind::AlreadyExists { "; it is never overwritten, name another file" } else { "" })]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A result cannot be printed.
    #[error("cannot write to stdout: {0}")]
    Print(#[from] io::Error),
}

impl Failure {
    /// Tells what is wrong, as events of the log where that is `json`, and gives the exit code.
    pub fn tell(&self, json: bool) -> ExitCode {
        let problems = if let Failure::Config(error) = self { error.problems() } else { &[] };
        if json {
            for problem in problems {
                tracing::error!(place = problem.place(), help = problem.help_text(), "{problem}");
            }
            tracing::error!("{self}");
        } else {
            let excerpts: String = problems.iter().map(excerpt).collect();
            // Where stderr is closed the exit code still tells.
            let _ = writeln!(io::stderr(), "{excerpts}error: {self}");
        }
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Failure::Config(_) => 2,
            Failure::Model(_) | Failure::Compare(_) | Failure::Propose(_) | Failure::Unwritten { .. } | Failure::Print(_) => 3,
            Failure::Run(error) => error.exit_code(),
        }
    }
}

/// A problem with the lines around it.
fn excerpt(problem: &Problem) -> String {
    let mut text = String::new();
    match GraphicalReportHandler::new_themed(theme()).with_links(false).render_report(&mut text, problem) {
        Ok(()) => text + "\n",
        Err(_) => format!("{}: {problem}\n", problem.place()),
    }
}

/// Colour on a terminal that is not asked to do without, plain characters elsewhere.
fn theme() -> GraphicalTheme {
    match io::stderr().is_terminal() {
        false => GraphicalTheme::none(),
        true if is_coloured(true) => GraphicalTheme::unicode(),
        true => GraphicalTheme::unicode_nocolor(),
    }
}
