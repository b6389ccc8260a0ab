//! What is seen of a session while it runs.

use std::time::Instant;

use flowbench_measurement::timeline::Reading;

use crate::environment::RunDisturbance;

/// What was seen of a session while it ran.
pub(super) struct Observed {
    /// Every post, in the order of their receipts.
    pub(super) posts: Vec<Post>,
    /// When how many events of the trace were answered.
    pub(super) answered: Vec<Progress>,
    /// When how many were shown, for each client that reads every frame.
    pub(super) shown: Vec<Vec<Progress>>,
    pub(super) readings: Vec<Reading>,
    pub(super) cpu_ns: u64,
    pub(super) elapsed_ns: u64,
    /// Events of the trace at that time: more were on their way.
    pub(super) accepted_events: u64,
    pub(super) emitted_events: u64,
    pub(super) disturbance: RunDisturbance,
}

/// A post with its receipt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Post {
    /// The number of its first event, from 0.
    pub(super) first: u64,
    /// When its first event was due: in a closed loop, when it was sent.
    pub(super) due_ns: u64,
    /// When its last event was due.
    pub(super) ready_ns: u64,
    pub(super) sent_ns: u64,
    pub(super) acknowledged_ns: u64,
    pub(super) events: u64,
    /// The events of the trace by then; `u64::MAX` if there was no receipt when the run ended.
    pub(super) position: u64,
    /// How often it was refused before.
    pub(super) refused: u64,
    /// True if it counts: later ones only keep up the load while the last ones that count are answered.
    pub(super) counts: bool,
}

/// From when on so many events of the trace were through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) at_ns: u64,
    pub(super) events: u64,
}

/// The clock of a run, which begins at 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunClock(pub(super) Instant);

impl RunClock {
    pub(super) fn now_ns(self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}
