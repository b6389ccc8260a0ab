//! How those who post and look wait, without missing the end of the run.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often somebody who waits looks whether the run is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits; returns false if the run is over before.
pub(super) fn rest(length: Duration, is_over: &AtomicBool) -> bool {
    let until = Instant::now() + length;
    while !is_over.load(Ordering::Acquire) {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        thread::sleep(left.min(LOOK_EVERY));
    }
    false
}
