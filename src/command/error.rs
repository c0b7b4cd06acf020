//! What can go wrong with a command.

/// A command that cannot be started, or does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The system refuses to start it.
    #[error("cannot start `{program}`: {reason}; model.command is a program and its arguments, as a list")]
    Start {
        /// The program.
        program: String,
        /// The system's reason.
        reason: String,
    },
    /// It ended, or closed its stdout.
    #[error("the command ended{when} ({status}){said}")]
    Ended {
        /// At what point, with a leading space.
        when: &'static str,
        /// Its exit status.
        status: String,
        /// Its last words on stderr.
        said: LastWords,
    },
    /// It takes too long.
    #[error("the command has not answered {rows} rows within {seconds} s; raise model.{key}, or lower model.batch_rows{said}")]
    Slow {
        /// Rows of the batch.
        rows: usize,
        /// The limit.
        seconds: u64,
        /// The limit's config key.
        key: &'static str,
        /// Its last words on stderr.
        said: LastWords,
    },
    /// Something else than Arrow on stdout.
    #[error(
        "the command writes text to its stdout, where its predictions are expected as an Arrow IPC stream: `{text}`; print to stderr instead"
    )]
    Text {
        /// Its beginning.
        text: String,
    },
    /// Arrow's reader cannot make sense of the answer.
    #[error("the command's answer is not a sound Arrow IPC stream: {reason}{said}")]
    Damaged {
        /// The reader's complaint.
        reason: String,
        /// Its last words on stderr.
        said: LastWords,
    },
    /// An answer of the wrong shape or with a value that is no prediction.
    #[error("the command's answer {0}")]
    Answer(String),
    /// Rows that cannot be sent.
    #[error("feature `{feature}` holds a category that the data does not have ({code}), so the command cannot be sent it")]
    Category {
        /// The feature.
        feature: String,
        /// The category's code.
        code: String,
    },
    /// Nothing more was to be asked.
    #[error("the command has been ended")]
    Closed,
    /// The run is to stop.
    #[error("the command was stopped, since the run was")]
    Stopped,
}

/// The last lines of the command's stderr.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastWords(pub(super) Vec<String>);

impl std::fmt::Display for LastWords {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(formatter, "; its last words on stderr: {}", self.0.join(" ⏎ ")) }
    }
}
