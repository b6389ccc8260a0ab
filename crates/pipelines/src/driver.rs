//! What a strategy must be told and what it can tell: the only door to clocks and counters.

use std::sync::Arc;
use std::time::Duration;

/// One worker's view of whoever drives the run. Called a few times per epoch, never per event.
pub trait Driver {
    /// Epochs below the returned one may be offered now. Never less than before.
    fn admissible(&mut self) -> u64;

    /// This worker begins to read its share of all epochs below `epochs`. Told before the work, so that reading them is part
    /// of what they take.
    fn admitted(&mut self, epochs: u64);

    /// All workers' epochs below `epochs` are completed, as far as this worker can see.
    fn completed(&mut self, epochs: u64);

    /// What this worker holds now.
    fn holds(&mut self, census: Census);

    /// The state of this worker has acted upon everything that the epochs below `epochs` allow.
    fn views(&mut self, _epochs: u64) {}

    /// This worker has had something to do since it last asked what is [`admissible`](Driver::admissible).
    fn worked(&mut self) {}

    /// The input has ended and nothing of what is left has expired yet. What this worker does until
    /// [`end_weighing`](Driver::end_weighing) is not part of the run.
    fn begin_weighing(&mut self) {}

    /// What is left has been weighed.
    fn end_weighing(&mut self) {}

    /// Everything is completed, and everything that could expire has; this worker still holds what is left.
    fn settled(&mut self) {}

    /// Nothing may be offered at the moment. How long the worker may sleep unless something arrives before; `None` if it has
    /// to look again at once.
    fn idle(&mut self) -> Option<Duration> {
        std::thread::yield_now();
        None
    }
}

/// Makes the driver of each worker, given its number over all processes.
pub type Drivers = Arc<dyn Fn(usize) -> Box<dyn Driver> + Send + Sync>;

/// What one worker holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// State entries, forgotten ones not counted.
    pub entries: usize,
    /// Events waiting for the watermark.
    pub buffered: usize,
    /// Bytes of the answers kept for the check at the end: the run's, not the pipeline's.
    pub answer_bytes: usize,
    /// Bytes that keys, states and waiting events take at the very least, whatever holds them; 0 where it is not known.
    pub least_bytes: usize,
}

impl Census {
    /// What two parts hold together.
    pub(crate) fn and(self, other: Census) -> Census {
        Census {
            entries: self.entries + other.entries,
            buffered: self.buffered + other.buffered,
            answer_bytes: self.answer_bytes + other.answer_bytes,
            least_bytes: self.least_bytes + other.least_bytes,
        }
    }
}

/// Offers everything as soon as there is room and listens to nothing: for answers without measuring.
#[derive(Debug)]
pub struct Unhurried {
    completed: u64,
    epochs_in_flight: u64,
}

/// How many epochs may be open at a time, so that memory stays bounded.
const EPOCHS_IN_FLIGHT: u64 = 16;

impl Unhurried {
    /// For every worker.
    pub fn drivers() -> Drivers {
        Arc::new(|_| Box::new(Unhurried { completed: 0, epochs_in_flight: EPOCHS_IN_FLIGHT }))
    }

    /// For every worker, each epoch only when the one before it is completed.
    pub fn one_at_a_time() -> Drivers {
        Arc::new(|_| Box::new(Unhurried { completed: 0, epochs_in_flight: 1 }))
    }
}

impl Driver for Unhurried {
    fn admissible(&mut self) -> u64 {
        self.completed + self.epochs_in_flight
    }

    fn admitted(&mut self, _epochs: u64) {}

    fn completed(&mut self, epochs: u64) {
        self.completed = epochs;
    }

    fn holds(&mut self, _census: Census) {}
}
