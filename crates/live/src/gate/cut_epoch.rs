//! An epoch as a gate gives it on, and who takes it.

use flowbench_events::Event;

use super::admission::Admission;
use crate::cloud_event::CloudEvent;

/// An epoch as it was recorded.
#[derive(Debug)]
pub struct CutEpoch {
    /// The number, from 0.
    pub number: u64,
    /// The events in arrival order. Their ids are their numbers in the trace, from 1.
    pub events: Vec<Event>,
    /// The indices of the late ones, ascending.
    pub late: Vec<usize>,
    /// The newest event time so far in ms, by events or by the clock; `i64::MIN` before the first event.
    pub newest_ms: i64,
    /// The watermark behind the epoch, in ms.
    pub watermark_ms: i64,
    /// The events of the trace so far.
    pub accepted: u64,
    /// When its oldest event was offered, in ms of the clock; `None` if it is of an earlier session or has no event.
    pub offered_at_ms: Option<i64>,
}

/// Takes what the gate lets through.
pub trait EpochConsumer: Send + 'static {
    /// Takes an epoch. The gate waits until this returns: so a consumer that is slow slows the intake, which then refuses
    /// offers.
    ///
    /// # Errors
    ///
    /// Fails, in words, if no further epoch can be taken; the session ends.
    fn take(&mut self, epoch: CutEpoch) -> Result<(), String>;

    /// Takes an event of another type.
    fn queue(&mut self, event: CloudEvent);
}

impl Admission {
    pub(super) fn cut(
        &self,
        number: u64,
        events: Vec<Event>,
        late: Vec<usize>,
        offered_at_ms: Option<i64>,
    ) -> CutEpoch {
        CutEpoch {
            number,
            events,
            late,
            newest_ms: self.newest_ms(),
            watermark_ms: self.watermark_ms(),
            accepted: self.accepted,
            offered_at_ms,
        }
    }
}
