//! The steps of a run as they happen: timed, counted, shown as bars or lines, and kept for `run_results.json`.

use std::fmt;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde::Serialize;

use super::events::Log;

/// How often a line of progress is logged where no bar is drawn.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// What became of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepResult {
    /// Step name.
    pub step: &'static str,
    /// `passed`: a step that fails ends the run, which then publishes nothing.
    pub status: &'static str,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Rows worked on, where the step goes through rows.
    pub rows: Option<u64>,
    /// Rows a second, where the step goes through rows.
    pub rows_per_second: Option<f64>,
}

/// All steps of a run.
#[derive(Debug)]
pub struct Steps {
    log: Log,
    done: Vec<StepResult>,
}

/// A step under way.
#[derive(Debug)]
pub struct Step {
    name: &'static str,
    started: Instant,
    spoken: Instant,
    rows: u64,
    total: Option<u64>,
    bar: Option<ProgressBar>,
}

impl Steps {
    /// No steps yet.
    pub fn new(log: Log) -> Self {
        Self { log, done: Vec::new() }
    }

    /// Runs one step that does not go through rows.
    pub fn time<T, E>(&mut self, name: &'static str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let step = self.start(name, None);
        let result = work()?;
        self.end(step);
        Ok(result)
    }

    /// Starts a step; `total` is the number of rows ahead, where it is known.
    pub fn start(&self, name: &'static str, total: Option<u64>) -> Step {
        let now = Instant::now();
        let bar = self.log.draws_bars().then(|| {
            let (bar, template) = match total {
                Some(total) => (ProgressBar::new(total), "{prefix:>12} {bar:30} {human_pos}/{human_len} rows, {pace} rows/s, {eta} left"),
                None => (ProgressBar::new_spinner(), "{prefix:>12} {spinner} {elapsed}"),
            };
            let bar = self.log.bars().add(bar.with_prefix(name));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.with_key("pace", pace));
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Step { name, started: now, spoken: now, rows: 0, total, bar }
    }

    /// Ends a step and logs what it took.
    pub fn end(&mut self, step: Step) {
        let seconds = step.started.elapsed().as_secs_f64();
        if let Some(bar) = &step.bar {
            bar.finish_and_clear();
        }
        let rows = (step.rows > 0).then_some(step.rows);
        let rows_per_second = rows.map(|rows| (rows as f64 / seconds.max(1e-9)).round());
        match (rows, rows_per_second) {
            (Some(rows), Some(pace)) => tracing::info!(
                step = step.name,
                rows,
                seconds,
                rows_per_second = pace,
                "{}: {rows} rows in {seconds:.2} s, {pace} rows/s",
                step.name
            ),
            _ => tracing::info!(step = step.name, seconds, "{}: {seconds:.2} s", step.name),
        }
        self.done.push(StepResult { step: step.name, status: "passed", seconds, rows, rows_per_second });
    }

    /// The steps that ended, in order.
    pub fn finish(self) -> Vec<StepResult> {
        self.done
    }
}

/// Rows a second, whole, for a bar.
fn pace(state: &ProgressState, out: &mut dyn fmt::Write) {
    // A bar that cannot be drawn is no reason to stop.
    let _ = write!(out, "{:.0}", state.per_sec());
}

impl Step {
    /// Counts rows as done.
    pub fn advance(&mut self, rows: u64) {
        self.rows += rows;
        match &self.bar {
            Some(bar) => bar.inc(rows),
            None if self.spoken.elapsed() >= BETWEEN_LINES => {
                self.spoken = Instant::now();
                let pace = self.rows as f64 / self.started.elapsed().as_secs_f64();
                let ahead = self.total.map_or(String::new(), |total| format!(" of {total}"));
                tracing::info!("{}: {}{ahead} rows, {pace:.0} rows/s", self.name, self.rows);
            }
            None => {}
        }
    }
}
