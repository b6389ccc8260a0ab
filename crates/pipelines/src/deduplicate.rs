//! First deliveries only: what can be put in front of any pipeline, and what the pipeline `deduplicate` is.
//!
//! What counts is decided in the order of the trace, so deliveries travel with their numbers, and whoever remembers event
//! ids takes them in that order, when it is sure that none of a lower number is still to come.

use flowbench_events::{Event, EventId, Horizon};

use crate::feed::{Delivery, Reached};
use crate::logic::{Afterwards, SPENT};
use crate::machine::Machine;

/// Remembers event ids: of each event it makes a row by `show`, once.
pub(crate) struct FirstOnly<F> {
    pub(crate) horizon: Horizon,
    pub(crate) show: F,
}

/// Arrival time (ms) of the last delivery that counted; `i64::MIN` if none has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted(i64);

impl Default for Counted {
    fn default() -> Self {
        Self(i64::MIN)
    }
}

impl<F, R: Copy + Send + 'static> Machine for FirstOnly<F>
where
    F: Fn(&Event) -> R + Send + 'static,
{
    type Message = Delivery;
    type Key = EventId;
    type State = Counted;
    type Row = R;

    const HAS_TIMERS: bool = false;

    #[inline]
    fn key(&self, delivery: &Delivery) -> Option<EventId> {
        Some(delivery.event.event_id())
    }

    /// An event without an id leaves nothing to remember.
    #[inline]
    fn take(&mut self, event_id: EventId, counted: &mut Counted, delivery: &Delivery, out: &mut Vec<R>) {
        let arrival_ms = delivery.event.arrival_time_ms();
        if event_id.is_absent() {
            out.push((self.show)(&delivery.event));
        } else if counted.0 == i64::MIN || !self.horizon.covers(counted.0, arrival_ms) {
            counted.0 = arrival_ms;
            out.push((self.show)(&delivery.event));
        }
    }

    #[inline]
    fn expires_at_ms(&self, _event_id: EventId, counted: &Counted) -> i64 {
        if counted.0 == i64::MIN { SPENT } else { self.horizon.last_ms(counted.0) }
    }

    fn on_expiry(&mut self, _event_id: EventId, _counted: &mut Counted, _out: &mut Vec<R>) -> Afterwards {
        Afterwards::Forgotten
    }

    /// Ids are remembered by arrival time.
    fn reached(&mut self, reached: Reached) -> i64 {
        reached.arrivals_from_ms
    }

    fn heap_bytes(&self, _counted: &Counted) -> usize {
        0
    }
}
