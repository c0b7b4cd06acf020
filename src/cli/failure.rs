//! How a command that failed says so: on stderr, with the exit code of the contract.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use crate::config::ConfigError;
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
    /// The run could not be planned, finished or published.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A result cannot be printed.
    #[error("cannot write to stdout: {0}")]
    Print(#[from] io::Error),
}

impl Failure {
    /// Tells what is wrong and gives the exit code.
    pub fn tell(&self) -> ExitCode {
        let mut text = String::new();
        if let Failure::Config(error) = self {
            let handler = GraphicalReportHandler::new_themed(theme()).with_links(false);
            for problem in error.problems() {
                render(&mut text, &handler, problem);
            }
        }
        // Where stderr is closed the exit code still tells.
        let _ = writeln!(io::stderr(), "{text}error: {self}");
        ExitCode::from(self.code())
    }

    fn code(&self) -> u8 {
        match self {
            Failure::Config(_) => 2,
            Failure::Run(error) => error.exit_code(),
            Failure::Model(_) | Failure::Print(_) => 3,
        }
    }
}

fn render(text: &mut String, handler: &GraphicalReportHandler, problem: &dyn Diagnostic) {
    if handler.render_report(text, problem).is_err() {
        // Without its excerpt, should that be beyond drawing.
        text.push_str(&problem.to_string());
    }
    text.push('\n');
}

/// Colour on a terminal that is not asked to do without, plain characters elsewhere.
fn theme() -> GraphicalTheme {
    if !io::stderr().is_terminal() {
        GraphicalTheme::none()
    } else if std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty()) {
        GraphicalTheme::unicode_nocolor()
    } else {
        GraphicalTheme::unicode()
    }
}
