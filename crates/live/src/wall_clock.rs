//! The clock of the machine.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the time of the machine's clock, in ms since the Unix epoch; 0 if it is set before that.
pub fn wall_clock_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
