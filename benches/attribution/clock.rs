//! CPU time of all threads, and wall time, of a piece of work.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// What a piece of work took, in seconds.
#[derive(Clone, Copy)]
pub struct Took {
    /// CPU time, summed over threads.
    pub cpu: f64,
    /// Wall time.
    pub wall: f64,
}

/// Runs `work` and says what it took.
pub fn time<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let result = work();
    (result, Took { cpu: cpu_seconds() - cpu, wall: wall.elapsed().as_secs_f64() })
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
