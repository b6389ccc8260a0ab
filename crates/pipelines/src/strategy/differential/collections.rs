//! Collections that change with event time, and what pipelines are made of there: what is shared by all that is written
//! for differential dataflow.

use std::fmt::Debug;

use differential_dataflow::{AsCollection, Data, ExchangeData};
use flowbench_events::{Event, EventId};
use serde::{Deserialize, Serialize};
use timely::dataflow::operators::Exchange;
use timely::dataflow::operators::vec::Map;

use super::arrangements::Arrangements;
pub use super::updates::Collected;
pub(crate) use super::updates::{Reduction, Times};
use crate::answers::Row;
use crate::message::{Key, Message, OrderKey, Timed};

/// A pipeline as collections that change with event time: what `differential` runs.
pub trait Incremental: Clone + Send + Sync + 'static {
    /// What it has to know of an event, but for its time and its id.
    type What: Message + Ord + Debug + Sync;
    /// One row of answers.
    type Row: Row;

    /// The key that `event` goes by and what has to be known of it; `None` if the pipeline is not concerned with it.
    fn select(&self, event: &Event) -> Option<(i64, Self::What)>;

    /// The rows, each with the time (ms) at which it is due: those that are in the collection at that time are answers.
    /// Traces that operators read are made by way of `arrangements`, or shown to them.
    fn answers<'s>(&self, events: Events<'s, Self::What>, arrangements: &Arrangements) -> Rows<'s, Self::Row>;
}

/// Events by key, each from when it happened, on the worker of its key.
pub type Events<'s, W> = Collected<'s, (i64, TimedEvent<W>)>;

/// Rows by the time at which they are due.
pub type Rows<'s, R> = Collected<'s, (i64, R)>;

/// What is left of an event. The order is the canonical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TimedEvent<W> {
    /// When it happened, ms.
    pub event_time_ms: i64,
    /// The occurrence; a second delivery repeats it.
    pub event_id: EventId,
    /// What has to be known of it.
    pub what: W,
}

/// With its key.
impl<W: Message> Timed for (i64, TimedEvent<W>) {
    fn event_time_ms(&self) -> i64 {
        self.1.event_time_ms
    }

    fn order_key(&self) -> OrderKey {
        (self.1.event_time_ms, self.1.event_id.rank())
    }
}

/// A count, and a sum that may pass the bounds of 64 bits on the way and come back.
pub(crate) type Sums = (i64, i128);

/// What `logic` makes of each update: others, at its time (ms) or later.
pub(crate) fn retimed<'s, D: Data, R: Times, D2: Clone + 'static, R2: Times, I: IntoIterator<Item = (D2, i64, R2)>>(
    updates: Collected<'s, D, R>,
    mut logic: impl FnMut(D, i64, R) -> I + 'static,
) -> Collected<'s, D2, R2> {
    updates.inner.flat_map(move |(datum, now_ms, times)| logic(datum, now_ms, times)).as_collection()
}

/// On the worker of its key, where that is a new one.
pub(crate) fn rekeyed<'s, V: ExchangeData, R: Times>(
    updates: Collected<'s, (i64, V), R>,
) -> Collected<'s, (i64, V), R> {
    updates.inner.exchange(|((key, _), _, _)| key.route()).as_collection()
}

/// What belongs to groups that close, as sums: each group is there for 1 ms, at the time (ms) at which it closes.
pub(crate) fn sums_at<'s, D: Data>(
    inputs: Collected<'s, (i64, D)>,
    closes_at_ms: impl Fn(&i64) -> i64 + 'static,
    sums: impl Fn(&D) -> Sums + 'static,
) -> Collected<'s, (i64, ()), Sums> {
    retimed(inputs, move |(group, input), _, times| {
        let (closes_at_ms, (count, sum)) = (closes_at_ms(&group), sums(&input));
        let (more, less) = ((count * times as i64, sum * times as i128), (-count * times as i64, -sum * times as i128));
        [((group, ()), closes_at_ms, more), ((group, ()), closes_at_ms + 1, less)]
    })
}
