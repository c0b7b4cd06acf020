//! The log: to stderr as text or JSON, and every event of a run as a line of its `events.jsonl`.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

pub use tracing_subscriber::filter::LevelFilter as Level;

/// How log lines look on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of words an event.
    #[default]
    Text,
    /// One JSON object an event.
    Json,
}

/// The process's log, and the progress bars that its lines must not tear.
#[derive(Clone, Debug, Default)]
pub struct Log {
    events: Events,
    bars: MultiProgress,
}

impl Log {
    /// Starts the process's log: `level` and above to stderr, and everything from INFO up to the events of the run.
    ///
    /// Bars are drawn where stderr is a terminal and the log is text.
    pub fn start(format: LogFormat, level: Level) -> Self {
        let text = format == LogFormat::Text;
        let drawn = text && level >= Level::INFO && io::stderr().is_terminal();
        let target = if drawn { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let log = Self { events: Events::default(), bars: MultiProgress::with_draw_target(target) };
        let ours = |level| Targets::new().with_target(env!("CARGO_CRATE_NAME"), level);
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(AroundBars(log.bars.clone()));
        let screen = match format {
            LogFormat::Text => layer.without_time().with_target(false).fmt_fields(words()).boxed(),
            LogFormat::Json => layer.json().flatten_event(true).with_target(false).boxed(),
        };
        let file = tracing_subscriber::fmt::layer().json().flatten_event(true).with_target(false).with_writer(log.events.clone());
        let started =
            tracing_subscriber::registry().with(screen.with_filter(ours(level))).with(file.with_filter(ours(Level::INFO))).try_init();
        // Only a second start in one process is refused, and then the first log stands.
        drop(started);
        log
    }

    /// Whether progress is drawn as bars rather than logged as lines.
    pub(super) fn draws_bars(&self) -> bool {
        !self.bars.is_hidden()
    }

    /// The bars on the terminal.
    pub(super) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Sends the events so far, and all that follow, to a run's file.
    pub(super) fn keep_in(&self, mut file: File) -> io::Result<()> {
        let mut events = self.events.lock();
        if let Sink::Early(early) = &*events {
            file.write_all(early)?;
        }
        *events = Sink::File(file);
        Ok(())
    }

    /// Lets go of the run's file: later events go to stderr alone.
    pub(super) fn release(&self) {
        *self.events.lock() = Sink::Closed;
    }
}

/// An event's message alone; its fields say the same to machines.
fn words() -> impl for<'writer> FormatFields<'writer> {
    debug_fn(|writer, field, value| if field.name() == "message" { write!(writer, "{value:?}") } else { Ok(()) })
}

/// Where events go: into memory until the run has a folder, then into its file.
#[derive(Debug)]
enum Sink {
    Early(Vec<u8>),
    File(File),
    Closed,
}

#[derive(Clone, Debug)]
struct Events(Arc<Mutex<Sink>>);

impl Default for Events {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Sink::Early(Vec::new()))))
    }
}

impl Events {
    fn lock(&self) -> std::sync::MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Events {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match &mut *self.lock() {
            Sink::Early(early) => early.write(line),
            Sink::File(file) => file.write(line),
            Sink::Closed => Ok(line.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Events {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Stderr, with the bars taken off the screen while a line is written.
#[derive(Clone, Debug)]
struct AroundBars(MultiProgress);

impl Write for AroundBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for AroundBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
