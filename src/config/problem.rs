//! What is wrong with a config: every problem with its place, and help where there is some.

use std::path::{Path, PathBuf};

use miette::{Diagnostic, NamedSource, SourceSpan};

/// Where something is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index into [`Sources`].
    pub source: usize,
    /// Byte offset.
    pub start: usize,
    /// Length in bytes.
    pub length: usize,
}

impl Place {
    /// From the start of this place to the end of a later one.
    pub fn to(self, end: Place) -> Place {
        Place { length: (end.start + end.length).saturating_sub(self.start), ..self }
    }
}

/// The texts that make up a config: the file, then each `--set`.
#[derive(Debug, Default)]
pub(super) struct Sources {
    texts: Vec<(String, String)>,
    problems: Vec<(Place, Problem)>,
}

impl Sources {
    /// Adds a text; `name` is the file's path or the option.
    pub fn add(&mut self, name: String, text: String) -> usize {
        self.texts.push((name, text));
        self.texts.len() - 1
    }

    /// Line and column, in characters, of a place, both from 1.
    pub fn position(&self, place: Place) -> (usize, usize) {
        let before = self.texts.get(place.source).and_then(|(_, text)| text.get(..place.start)).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, line.chars().count() + 1)
    }

    /// Notes a problem.
    pub fn report(&mut self, place: Place, message: impl Into<String>, help: Option<String>) {
        let (line, column) = self.position(place);
        let Some((name, text)) = self.texts.get(place.source) else { return };
        let text = NamedSource::new(name, text.clone());
        let problem = Problem { message: message.into(), line, column, help, at: (place.start, place.length).into(), text };
        self.problems.push((place, problem));
    }

    /// Whether nothing is wrong so far.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Everything that is wrong with the config at `path`, in the order of the places.
    ///
    /// # Errors
    /// Always.
    pub fn settle<T>(mut self, path: &Path) -> Result<T, ConfigError> {
        self.problems.sort_by_key(|(place, _)| *place);
        Err(ConfigError::Invalid { path: path.into(), problems: self.problems.into_iter().map(|(_, problem)| problem).collect() })
    }
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, Diagnostic, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    message: String,
    line: usize,
    column: usize,
    #[help]
    help: Option<String>,
    #[label]
    at: SourceSpan,
    #[source_code]
    text: NamedSource<String>,
}

impl Problem {
    /// Where it is: `file:line:column`.
    pub fn place(&self) -> String {
        format!("{}:{}:{}", self.text.name(), self.line, self.column)
    }

    /// What to do about it.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// A config that cannot be used.
#[derive(Debug, Diagnostic, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read config {}: {source}", path.display())]
    Unreadable {
        /// The config file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Problems in the file, or in what `--set` adds to it.
    #[error("{} in {}", count(problems), path.display())]
    Invalid {
        /// The config file.
        path: PathBuf,
        /// The problems, in the order of their places.
        problems: Vec<Problem>,
    },
}

impl ConfigError {
    /// The problems, in the order of their places; none where the file could not be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            ConfigError::Unreadable { .. } => &[],
            ConfigError::Invalid { problems, .. } => problems,
        }
    }
}

fn count(problems: &[Problem]) -> String {
    match problems.len() {
        1 => "1 problem".into(),
        several => format!("{several} problems"),
    }
}
