//! How a thread that rests between two looks is told to end.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// Rests; returns true as soon as the thread shall end: when something was sent, or the sender is gone.
pub fn is_stopped_within(stopped: &Receiver<()>, rest: Duration) -> bool {
    !matches!(stopped.recv_timeout(rest), Err(RecvTimeoutError::Timeout))
}
