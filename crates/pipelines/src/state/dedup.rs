//! First deliveries only: what can be put in front of any pipeline, and what the pipeline `deduplicate` is.
//!
//! What counts is decided in the order of the trace, so deliveries travel with their numbers, and whoever remembers event
//! ids takes them in that order, when it is sure that none of a lower number is still to come.
//!
//! Decisions D-025 and D-026.

use std::marker::PhantomData;

use flowbench_events::{EventId, Horizon};

use crate::feed::{Delivery, EventTimeProgress};
use crate::logic::{Delivered, EMPTY_STATE, TimerOutcome};
use crate::state::state_machine::KeyedStateMachine;

/// Remembers event ids: of each event it makes a row, once.
pub(crate) struct DedupMachine<W> {
    horizon: Horizon,
    deliveries: PhantomData<fn(W)>,
}

impl<W> DedupMachine<W> {
    pub(crate) fn within(horizon: Horizon) -> Self {
        Self { horizon, deliveries: PhantomData }
    }
}

/// Arrival time (ms) of the last delivery that counted; `i64::MIN` if none has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastCounted(i64);

impl Default for LastCounted {
    fn default() -> Self {
        Self(i64::MIN)
    }
}

impl<W: Delivered> KeyedStateMachine for DedupMachine<W> {
    type Message = Delivery<W>;
    type Key = EventId;
    type State = LastCounted;
    type Row = W::Row;

    const HAS_TIMERS: bool = false;

    #[inline]
    fn key(&self, delivery: &Delivery<W>) -> Option<EventId> {
        Some(delivery.what.event_id())
    }

    /// An event without an id leaves nothing to remember.
    #[inline]
    fn take(&mut self, event_id: EventId, counted: &mut LastCounted, delivery: &Delivery<W>, out: &mut Vec<W::Row>) {
        let arrival_ms = delivery.what.arrival_ms();
        if event_id.is_absent() {
            out.push(delivery.what.row());
        } else if counted.0 == i64::MIN || !self.horizon.covers(counted.0, arrival_ms) {
            counted.0 = arrival_ms;
            out.push(delivery.what.row());
        }
    }

    #[inline]
    fn touched_ms(&self, _event_id: EventId, delivery: &Delivery<W>) -> i64 {
        delivery.what.arrival_ms()
    }

    #[inline]
    fn expires_at_ms(&self, _event_id: EventId, counted: &LastCounted) -> i64 {
        if counted.0 == i64::MIN { EMPTY_STATE } else { self.horizon.last_ms(counted.0) }
    }

    fn on_expiry(&mut self, _event_id: EventId, _counted: &mut LastCounted, _out: &mut Vec<W::Row>) -> TimerOutcome {
        TimerOutcome::Evict
    }

    /// Ids are remembered by arrival time.
    fn reached(&mut self, reached: EventTimeProgress) -> i64 {
        reached.arrivals_from_ms
    }

    fn heap_bytes(&self, _counted: &LastCounted) -> usize {
        0
    }
}
