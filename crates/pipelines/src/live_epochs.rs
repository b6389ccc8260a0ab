//! The epochs of a trace that is still being written.
//!
//! Decision D-055.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use flowbench_events::Event;

use crate::event_time_progress::EventTimeProgress;

/// Epochs that are appended while strategies read them. Whoever appends them has decided which events are late and how
/// far event time has come, so a run over them and one over the trace that they become give the same answers.
///
/// An epoch is kept until it is [forgotten](Self::forget).
#[derive(Default)]
pub struct LiveEpochs(RwLock<Kept>);

/// An epoch that has been cut.
#[derive(Debug)]
pub struct LiveEpoch {
    /// The events in arrival order.
    pub events: Vec<Event>,
    /// The indices of the late ones, ascending.
    pub late: Vec<usize>,
    /// How far event time has come when the epoch and all before it are complete.
    pub reached: EventTimeProgress,
}

struct Kept {
    epochs: VecDeque<Arc<LiveEpoch>>,
    /// The number of the first one that is kept.
    first: u64,
    /// How far event time had come before it.
    before: EventTimeProgress,
    is_closed: bool,
}

impl Default for Kept {
    fn default() -> Self {
        Self { epochs: VecDeque::new(), first: 0, before: EventTimeProgress::NOTHING, is_closed: false }
    }
}

impl Kept {
    fn end(&self) -> u64 {
        self.first + self.epochs.len() as u64
    }
}

impl LiveEpochs {
    /// Appends an epoch.
    pub fn append(&self, epoch: LiveEpoch) {
        self.write().epochs.push_back(Arc::new(epoch));
    }

    /// Ends the trace, as the end of a log does: with an epoch without events, after which event time has passed
    /// everything.
    pub fn close(&self) {
        let mut kept = self.write();
        if !kept.is_closed {
            let reached = EventTimeProgress::EVERYTHING;
            kept.epochs.push_back(Arc::new(LiveEpoch { events: Vec::new(), late: Vec::new(), reached }));
            kept.is_closed = true;
        }
    }

    /// Returns the number of epochs so far.
    pub fn available(&self) -> u64 {
        self.read().end()
    }

    /// Forgets the epochs below `epochs`. No run that has yet to read one of them may go on.
    pub fn forget(&self, epochs: u64) {
        let mut kept = self.write();
        while kept.first < epochs
            && let Some(epoch) = kept.epochs.pop_front()
        {
            kept.before = epoch.reached;
            kept.first += 1;
        }
    }

    /// Returns the number of epochs in all, which is not known before the end.
    pub(crate) fn epochs(&self) -> u64 {
        let kept = self.read();
        if kept.is_closed { kept.end() } else { u64::MAX }
    }

    /// Returns how far event time has come when all epochs below `epochs` are complete, or how far it had come before
    /// those that are kept.
    pub(crate) fn reached(&self, epochs: u64) -> EventTimeProgress {
        let kept = self.read();
        let behind = epochs.min(kept.end()).saturating_sub(kept.first);
        match behind.checked_sub(1) {
            None => kept.before,
            Some(last) => kept.epochs[last as usize].reached,
        }
    }

    /// Returns an epoch.
    ///
    /// # Panics
    ///
    /// Panics if it was forgotten, or is not there yet: the driver must not have admitted it.
    pub(crate) fn epoch(&self, epoch: u64) -> Arc<LiveEpoch> {
        let kept = self.read();
        let at = epoch.checked_sub(kept.first).and_then(|at| kept.epochs.get(at as usize));
        at.map(Arc::clone).expect("an epoch that was admitted is kept until it is completed")
    }

    fn read(&self) -> RwLockReadGuard<'_, Kept> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Kept> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LiveEpochs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.read();
        write!(out, "LiveEpochs({}..{})", kept.first, kept.end())
    }
}
