//! What a pipeline author writes: pure logic, applied to events in the order the policy decides.
//!
//! Decisions D-020 and D-021.

use flowbench_events::{Event, EventId};
use serde::{Deserialize, Serialize};

use crate::answers::Row;
use crate::message::{Key, Message, OrderKey, Timed};

/// Logic that answers each event by itself, without state.
///
/// # Examples
///
/// ```
/// use flowbench_events::{Event, EventId, Kind};
/// use flowbench_pipelines::{StatelessLogic, answer};
///
/// answer! {
///     struct Placed about (event_id) {
///         event_id: EventId = event_id,
///     }
/// }
///
/// #[derive(Clone)]
/// struct Orders;
///
/// impl StatelessLogic for Orders {
///     type Row = Placed;
///
///     fn answer(&self, event: &Event) -> Option<Placed> {
///         let placed = Placed { event_time_ms: event.event_time_ms(), event_id: event.event_id() };
///         (event.kind() == Kind::OrderPlaced).then_some(placed)
///     }
/// }
/// ```
pub trait StatelessLogic: Clone + Send + Sync + 'static {
    /// One row of answers, or what a [`WindowLogic`] sums up.
    type Row: Message + Ord;

    /// Returns the answer to `event`; `None` if the event does not concern the pipeline.
    fn answer(&self, event: &Event) -> Option<Self::Row>;
}

/// Logic with state: one state per key.
///
/// The state of a key sees its events one at a time, in the order the policy decides; in canonical order the answers
/// are the truth. In any other order `apply` must not panic, but may be wrong.
///
/// # Examples
///
/// ```
/// use flowbench_events::{Event, Id};
/// use flowbench_pipelines::{KeyedLogic, answer};
///
/// answer! {
///     struct Visit about (customer, n) {
///         customer: Id = id,
///         n: u64 = text,
///     }
/// }
///
/// /// Numbers the events of each customer.
/// #[derive(Clone)]
/// struct Visits;
///
/// impl KeyedLogic for Visits {
///     type Key = Id;
///     type State = u64;
///     type Row = Visit;
///
///     fn key(&self, event: &Event) -> Option<Id> {
///         event.customer()
///     }
///     fn lacks_key(&self, event: &Event) -> bool {
///         event.customer().is_none()
///     }
///     fn apply(&self, customer: Id, count: &mut u64, event: &Event, out: &mut Vec<Visit>) {
///         *count += 1;
///         out.push(Visit { event_time_ms: event.event_time_ms(), customer, n: *count });
///     }
///     fn expires_at_ms(&self, _customer: Id, _count: &u64) -> i64 {
///         i64::MAX // needed forever
///     }
/// }
/// ```
pub trait KeyedLogic: Clone + Send + Sync + 'static {
    /// Identifies the state an event needs.
    type Key: Key;
    /// The state of one key; `Default` means nothing seen yet.
    type State: Default + Clone + Send + 'static;
    /// One row of answers, or what a [`WindowLogic`] sums up.
    type Row: Message + Ord;

    /// True if [`on_expiry`](KeyedLogic::on_expiry) gives answers, so that a state must not simply be dropped.
    const HAS_TIMERS: bool = false;

    /// Returns the key of `event`; `None` if the event does not concern the pipeline.
    fn key(&self, event: &Event) -> Option<Self::Key>;

    /// True if `event` would concern the pipeline but has no key (no customer); such events are counted, not used.
    fn lacks_key(&self, event: &Event) -> bool;

    /// Applies one event of `key` and pushes its answers to `out`.
    fn apply(&self, key: Self::Key, state: &mut Self::State, event: &Event, out: &mut Vec<Self::Row>);

    /// Returns the last event time (ms) at which an event can need this state as it is: until its next timer, or its
    /// end. `i64::MAX` if it is needed forever; [`EMPTY_STATE`] if it holds nothing any more and can be dropped at once.
    /// It is also asked of a state that has seen nothing yet: with timers, that one must be [`EMPTY_STATE`] too.
    fn expires_at_ms(&self, key: Self::Key, state: &Self::State) -> i64;

    /// Handles the expiry of a state and pushes the answers of timers. Returns [`TimerOutcome::Keep`] if the state
    /// now has a later expiry.
    fn on_expiry(&self, _key: Self::Key, _state: &mut Self::State, _out: &mut Vec<Self::Row>) -> TimerOutcome {
        TimerOutcome::Evict
    }

    /// Returns the bytes that the state owns on the heap.
    fn heap_bytes(&self, _state: &Self::State) -> usize {
        0
    }
}

/// The expiry of a state that holds nothing.
pub const EMPTY_STATE: i64 = i64::MIN;

/// The expiry of a state that has to be looked at in the next step, whenever that is.
pub(crate) const AT_ONCE: i64 = EMPTY_STATE + 1;

/// What happens to a state that has expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerOutcome {
    /// It is dropped; a later event of the key starts afresh.
    Evict,
    /// Only a timer was due; the state has a later expiry now.
    Keep,
}

/// Applies the next event of `key`, after the timers that are due before it have answered.
#[inline]
pub(crate) fn take<L: KeyedLogic>(logic: &L, key: L::Key, state: &mut L::State, event: &Event, out: &mut Vec<L::Row>) {
    if L::HAS_TIMERS {
        fire_until(logic, key, state, event.event_time_ms().saturating_sub(1), out);
    }
    logic.apply(key, state, event, out);
}

/// Lets all timers of a state answer that are due at `until_ms` or before; a state dropped in the process starts
/// afresh.
pub(crate) fn fire_until<L: KeyedLogic>(
    logic: &L,
    key: L::Key,
    state: &mut L::State,
    until_ms: i64,
    out: &mut Vec<L::Row>,
) {
    loop {
        let expires_at_ms = logic.expires_at_ms(key, state);
        if expires_at_ms == EMPTY_STATE || expires_at_ms > until_ms {
            return;
        }
        if logic.on_expiry(key, state, out) == TimerOutcome::Evict {
            *state = L::State::default();
            return;
        }
        debug_assert!(logic.expires_at_ms(key, state) > expires_at_ms, "a state that lives on has a later expiry");
    }
}

/// Keyed logic whose state can be built in parts, each from some events of the key, in any order, and combined.
///
/// Implement it only where that is true; it enables the strategies that combine before they exchange. A partial state
/// is a state like any other: that of its own events alone.
pub trait Mergeable: KeyedLogic<Key: Message, State: Message> {
    /// Returns the partial state that consists of one event.
    fn partial_state(&self, key: Self::Key, event: &Event) -> Self::State;

    /// Returns the event time (ms) of the first event of a partial state. Partial states are combined in this order,
    /// once the watermark has passed it.
    fn begins_at_ms(&self, key: Self::Key, part: &Self::State) -> i64;

    /// Combines `part` into `into`, whichever is earlier; returns false if both must stay as they are. Anything can
    /// be combined with `State::default()`.
    fn merge(&self, key: Self::Key, into: &mut Self::State, part: &Self::State) -> bool;
}

/// A partial state on its way to the worker that combines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartialState<K, S> {
    pub(crate) key: K,
    pub(crate) begins_at_ms: i64,
    pub(crate) state: S,
}

impl<K: Copy, S> PartialState<K, S> {
    /// Combines itself with another partial state of the same key; returns false if they must stay apart.
    #[inline]
    pub(crate) fn join<L: Mergeable<Key = K, State = S>>(&mut self, other: &Self, logic: &L) -> bool {
        let merged = logic.merge(self.key, &mut self.state, &other.state);
        if merged {
            self.begins_at_ms = self.begins_at_ms.min(other.begins_at_ms);
        }
        merged
    }
}

/// Aggregates over groups that end, such as windows and days: the rows of the previous stage, added up per key and
/// answered when the group closes.
///
/// Inputs may be added in any order, and may be retracted. So no order policy is needed in front, and corrections of
/// the previous stage become corrections of the aggregate.
///
/// # Examples
///
/// ```
/// use flowbench_pipelines::{WindowLogic, answer};
///
/// answer! {
///     struct Minute about (event_time_ms) {
///         count: i64 = text,
///     }
/// }
///
/// /// Counts times (ms) by minute.
/// #[derive(Clone)]
/// struct Minutes;
///
/// impl WindowLogic for Minutes {
///     type Input = i64;
///     type Key = i64;
///     type Sum = i64;
///     type Row = Minute;
///
///     fn key(&self, time_ms: &i64) -> i64 {
///         time_ms.div_euclid(60_000)
///     }
///     fn add(&self, count: &mut i64, _time_ms: &i64, times: i64) {
///         *count += times;
///     }
///     fn closes_at_ms(&self, minute: i64) -> i64 {
///         (minute + 1) * 60_000 - 1
///     }
///     fn answer(&self, minute: i64, count: &i64, out: &mut Vec<Minute>) {
///         let event_time_ms = (minute + 1) * 60_000;
///         out.extend((*count > 0).then_some(Minute { event_time_ms, count: *count }));
///     }
/// }
/// ```
pub trait WindowLogic: Clone + Send + Sync + 'static {
    /// What is aggregated: a row of the previous stage.
    type Input: Message + Ord;
    /// The group.
    type Key: Key;
    /// The aggregate of a group; `Default` is that of no input.
    type Sum: Default + Send + 'static;
    /// One row of answers.
    type Row: Row;

    /// Returns the group that `input` belongs to.
    fn key(&self, input: &Self::Input) -> Self::Key;

    /// True if [`combine`](WindowLogic::combine) may succeed.
    const COMBINES: bool = false;

    /// Combines two inputs of one group into `into`; returns false if they cannot be combined.
    fn combine(&self, _into: &mut Self::Input, _other: &Self::Input) -> bool {
        false
    }

    /// Adds `input` `times` times; -1 retracts it.
    fn add(&self, sum: &mut Self::Sum, input: &Self::Input, times: i64);

    /// Returns the event time (ms) above which nothing can be added to the group once the watermark has passed it.
    fn closes_at_ms(&self, key: Self::Key) -> i64;

    /// Pushes the answers of a group to `out`: none if its aggregate is that of no input.
    fn answer(&self, key: Self::Key, sum: &Self::Sum, out: &mut Vec<Self::Row>);

    /// Returns the bytes that the aggregate owns on the heap.
    fn heap_bytes(&self, _sum: &Self::Sum) -> usize {
        0
    }
}

/// The part of a delivery that decides whether it counts, and the row that it becomes if it does.
pub trait Delivered: Message {
    /// The row that a delivery becomes if it counts.
    type Row: Message;

    /// Extracts this part from `event`.
    fn of(event: &Event) -> Self;
    /// Returns the id of the delivered event.
    fn event_id(&self) -> EventId;
    /// Returns the arrival time, ms.
    fn arrival_ms(&self) -> i64;
    /// Returns the row that it becomes if it counts.
    fn row(&self) -> Self::Row;
}

impl Delivered for Event {
    type Row = Event;

    #[inline]
    fn of(event: &Event) -> Self {
        *event
    }

    #[inline]
    fn event_id(&self) -> EventId {
        Event::event_id(self)
    }

    #[inline]
    fn arrival_ms(&self) -> i64 {
        self.arrival_time_ms()
    }

    #[inline]
    fn row(&self) -> Event {
        *self
    }
}

/// Partial states that begin at the same time may be combined in any order.
impl<K: Message, S: Message> Timed for PartialState<K, S> {
    fn event_time_ms(&self) -> i64 {
        self.begins_at_ms
    }

    fn order_key(&self) -> OrderKey {
        (self.begins_at_ms, 0)
    }
}
