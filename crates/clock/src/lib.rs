//! What Tidemill takes from outside itself: the time, random bytes and the disk.
//!
//! Every other crate receives these as traits, so that a test can drive them.
//! This crate knows nothing of streams, SQL or HTTP.
//!
//! ```
//! use tidemill_clock::{Clock, ManualClock, Timestamp};
//!
//! let clock = ManualClock::at(Timestamp::from_millis(1_000));
//! clock.advance(std::time::Duration::from_secs(1));
//! assert_eq!(clock.now().millis(), 2_000);
//! ```

mod disk;
mod random;
mod simulated_disk;
mod time;

pub use disk::{Disk, DiskFile, LockedDir, SystemDisk};
pub use random::{Random, SystemRandom, hex};
pub use simulated_disk::{Fault, SimulatedDisk};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};
