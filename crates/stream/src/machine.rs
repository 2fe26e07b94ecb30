//! The outside world that streams run on.

use std::sync::Arc;

use tidemill_clock::{Clock, Disk, Random, SystemClock, SystemDisk, SystemRandom};

/// The clock, the disk and the randomness that a set of streams uses.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Tells arrival times.
    pub clock: Arc<dyn Clock>,
    /// Holds the logs.
    pub disk: Arc<dyn Disk>,
    /// Makes stream ids.
    pub random: Arc<dyn Random>,
}

impl Machine {
    /// The real machine.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), disk: Arc::new(SystemDisk), random: Arc::new(SystemRandom) }
    }
}
