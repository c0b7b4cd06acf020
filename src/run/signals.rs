//! SIGINT and SIGTERM: the first asks the run to stop and leave nothing behind, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::RunError;

/// Whether a signal has asked the run to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub fn listen() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds `again` unset and sets it, the second exits.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&again))?;
            flag::register(signal, Arc::clone(&again))?;
            flag::register_usize(signal, Arc::clone(&interrupt.signal), signal.unsigned_abs() as usize)?;
        }
        Ok(interrupt)
    }

    /// Whether the run may go on.
    ///
    /// # Errors
    /// [`RunError::Interrupted`] once a signal has come.
    pub fn check(&self) -> Result<(), RunError> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => Err(RunError::Interrupted { signal: u8::try_from(signal).unwrap_or(0) }),
        }
    }
}
