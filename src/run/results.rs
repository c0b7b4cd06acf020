//! `run_results.json`: when, where and how fast; everything about a run that another run of the same inputs need not repeat.

use std::fs;

use jiff::Timestamp;
use serde::Serialize;

use super::baseline::Baseline;
use super::steps::StepResult;
use crate::gates::Outcome;

/// How a run went.
#[derive(Clone, Debug, Serialize)]
pub(super) struct RunResults {
    /// The run's id.
    pub run_id: String,
    /// Exit code of the process.
    pub exit_code: u8,
    /// When the run started, UTC, RFC 3339.
    pub started: String,
    /// When its files were complete, UTC, RFC 3339.
    pub finished: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Name of the machine, where it tells.
    pub host: Option<String>,
    /// Worker threads.
    pub threads: usize,
    /// Attribution parts that an ended run had finished, and that were not computed again.
    pub resumed_parts: usize,
    /// Largest resident memory so far in bytes, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// The steps, in order.
    pub steps: Vec<StepResult>,
    /// The run that this one was compared with; null where none is configured.
    pub baseline: Option<Baseline>,
    /// What came of the gates.
    pub gates: Vec<Outcome>,
    /// What the reader must know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// Name of the machine, from the kernel or the environment.
pub fn host() -> Option<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok())?;
    Some(name.trim().to_string()).filter(|name| !name.is_empty())
}

/// The process's largest resident memory so far in bytes: Linux's `VmHWM`.
pub fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// The run id where none is given: the UTC start to the second, such as `20261122T013000Z`.
pub fn default_run_id(started: Timestamp) -> String {
    started.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_the_start_in_utc() {
        let started: Timestamp = "2026-11-22T03:30:00.75+02:00".parse().unwrap();
        assert_eq!(default_run_id(started), "20261122T013000Z");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn peak_memory_covers_what_was_touched() {
        let before = peak_memory().unwrap();
        let touched = vec![1_u8; 64 << 20];
        assert!(peak_memory().unwrap() >= before.max(touched.len() as u64));
    }
}
