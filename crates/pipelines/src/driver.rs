//! The interface between a strategy and whoever drives it: the only door to clocks and counters, but for the time that
//! evictions take, which operators measure themselves.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::eviction::EvictionWork;

/// What drives one worker. Called a few times per epoch, never per event.
pub trait Driver {
    /// Returns the exclusive upper bound of the epochs that may be offered now. It never decreases.
    fn admissible(&mut self) -> u64;

    /// Reports that this worker is about to read its share of all epochs below `epochs`. Called before the work, so
    /// that reading is part of what the epochs take.
    fn on_admitted(&mut self, epochs: u64);

    /// Reports that all workers' epochs below `epochs` are completed, as far as this worker can see.
    fn on_completed(&mut self, epochs: u64);

    /// Reports what this worker holds now.
    fn on_state(&mut self, state_counts: StateCounts);

    /// Returns true if this worker shall report what each of its operators holds.
    fn wants_operators(&mut self) -> bool {
        false
    }

    /// Reports what each operator of this worker that keeps anything holds now.
    fn on_operators(&mut self, _operators: &mut dyn Iterator<Item = (OperatorName, StateCounts)>) {}

    /// Reports what each arrangement of this worker holds now, if it has any. Called together with
    /// [`on_operators`](Driver::on_operators).
    fn on_arrangements(&mut self, _arrangements: &mut dyn Iterator<Item = ArrangementCounts<'_>>) {}

    /// Reports that the state of this worker has acted on everything released by the epochs below `epochs`.
    fn on_view(&mut self, _epochs: u64) {}

    /// Reports that this worker has had something to do since it last called [`admissible`](Driver::admissible).
    fn on_busy(&mut self) {}

    /// Reports that the input has ended and nothing left has expired yet. What this worker does until
    /// [`end_weighing`](Driver::end_weighing) is not part of the run.
    fn begin_weighing(&mut self) {}

    /// Reports that the payload of what is left has been counted.
    fn end_weighing(&mut self) {}

    /// Reports that everything is completed and everything that could expire has expired; this worker still holds
    /// what is left.
    fn on_drained(&mut self) {}

    /// Reports that nothing may be offered at the moment. Returns how long the worker may sleep unless something
    /// arrives first; `None` if it must look again at once.
    fn idle(&mut self) -> Option<Duration> {
        std::thread::yield_now();
        None
    }
}

/// Makes the driver of a worker, given its number over all processes.
pub type Drivers = Arc<dyn Fn(usize) -> Box<dyn Driver> + Send + Sync>;

/// Names the operators that keep something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperatorName {
    /// Remembers which events have been delivered, in front of a pipeline.
    FirstDeliveries,
    /// The first of two stages, whose rows go to the second.
    Rows,
    /// The last stage, which gives the answers.
    Answers,
    /// All of them, in one loop.
    Whole,
}

impl OperatorName {
    /// Returns its name in files.
    pub fn name(self) -> &'static str {
        match self {
            OperatorName::FirstDeliveries => "first deliveries",
            OperatorName::Rows => "rows",
            OperatorName::Answers => "answers",
            OperatorName::Whole => "whole",
        }
    }
}

/// What one worker holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StateCounts {
    /// State entries, without retired ones.
    pub entries: usize,
    /// Events waiting for the watermark.
    pub buffered: usize,
    /// Bytes of the answers kept for the final check: they belong to the run, not to the pipeline.
    pub answer_bytes: usize,
    /// The minimum number of bytes that keys, states and waiting events take, whatever holds them; 0 where it is not
    /// known.
    pub least_bytes: usize,
    /// Keys scheduled for a timer.
    pub timers: usize,
    /// Events kept so that answers can be retracted.
    pub retractable: usize,
    /// Batches in arrangements, those without updates included.
    pub batches: usize,
    /// What forgetting has cost so far.
    pub eviction: EvictionWork,
}

impl StateCounts {
    /// Returns what two operators hold together.
    pub(crate) fn and(self, other: StateCounts) -> StateCounts {
        StateCounts {
            entries: self.entries + other.entries,
            buffered: self.buffered + other.buffered,
            answer_bytes: self.answer_bytes + other.answer_bytes,
            least_bytes: self.least_bytes + other.least_bytes,
            timers: self.timers + other.timers,
            retractable: self.retractable + other.retractable,
            batches: self.batches + other.batches,
            eviction: self.eviction.and(other.eviction),
        }
    }
}

/// What one arrangement of a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrangementCounts<'a> {
    /// Name of the arrangement in its dataflow.
    pub name: &'a str,
    /// Updates in its trace, and those that wait to go there.
    pub records: usize,
    /// Batches of its trace, those without updates included.
    pub batches: usize,
}

/// Offers everything as soon as there is room and records nothing: for answers without measurements.
#[derive(Debug)]
pub struct UnpacedDriver {
    completed: u64,
    epochs_in_flight: u64,
}

/// The number of epochs that may be open at a time, so that memory stays bounded.
const EPOCHS_IN_FLIGHT: u64 = 16;

impl UnpacedDriver {
    /// Returns the drivers of all workers.
    pub fn drivers() -> Drivers {
        Arc::new(|_| Box::new(UnpacedDriver { completed: 0, epochs_in_flight: EPOCHS_IN_FLIGHT }))
    }

    /// Returns drivers that offer each epoch only when the previous one is completed.
    pub fn one_at_a_time() -> Drivers {
        Arc::new(|_| Box::new(UnpacedDriver { completed: 0, epochs_in_flight: 1 }))
    }
}

impl Driver for UnpacedDriver {
    fn admissible(&mut self) -> u64 {
        self.completed + self.epochs_in_flight
    }

    fn on_admitted(&mut self, _epochs: u64) {}

    fn on_completed(&mut self, epochs: u64) {
        self.completed = epochs;
    }

    fn on_state(&mut self, _census: StateCounts) {}
}
