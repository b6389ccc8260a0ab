//! Orders of a key counted one by one: how many there have been, itself included, and what they come to.
//!
//! Logical time is as fine as event time, and no finer: orders of one millisecond happen together. So what was before is one
//! value, whose *difference* adds up; the orders of the instant are beside it, each for itself, for 1 ms; and a reduction
//! counts them on, in canonical order. However many orders there have been, it looks at those of one instant.

use flowbench_events::{Event, Id};
use serde::{Deserialize, Serialize};

use super::arrangements::Arrangements;
use super::collections::{Collected, Events, Sums, TimedEvent, retimed};
use super::delay::delay_until_due;
use crate::total::Total;

/// An order, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) order: Id,
    thousandths: i64, // 0 without a value
}

impl Order {
    /// Returns the order that `event` is about.
    pub(crate) fn of(event: &Event) -> Self {
        Self { order: event.order().unwrap_or(Id::ABSENT), thousandths: event.value().unwrap_or_default().0 }
    }
}

/// An order, and what has been counted with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunningCount {
    pub(crate) timed: TimedEvent<Order>,
    /// With it.
    pub(crate) orders: i64,
    thousandths: i128, // of all together
}

impl RunningCount {
    /// All together.
    pub(crate) fn spent(&self) -> Total {
        Total::from(self.thousandths)
    }
}

/// Counts the orders of each key: those of the last `window_ms`, if only these count. Gives those that are the `least`-th or
/// come later, each for 1 ms.
pub(crate) fn running_count<'s>(
    orders: Events<'s, Order>,
    window_ms: Option<i64>,
    least: i64,
    arrangements: &Arrangements,
) -> Collected<'s, (i64, RunningCount)> {
    let mut seen = retimed(orders.clone(), |(key, timed), now_ms, times| {
        let more = sums(&timed, times);
        let less = sums(&timed, -times);
        [
            ((key, Seen::Now(timed)), now_ms, more),
            ((key, Seen::Now(timed)), now_ms + 1, less),
            ((key, Seen::Before), now_ms + 1, more),
        ]
    });
    if let Some(window_ms) = window_ms {
        seen = seen.concat(delay_until_due(retimed(orders, move |(key, timed), now_ms, times| {
            Some(((key, Seen::Before), now_ms.saturating_add(window_ms), sums(&timed, -times)))
        })));
    }
    let count = move |_: &i64, seen: &[(&Seen, Sums)], counted: &mut Vec<(RunningCount, isize)>| {
        let (mut orders, mut thousandths) = (0, 0);
        for (seen, sums) in seen {
            match seen {
                Seen::Before => (orders, thousandths) = *sums,
                Seen::Now(timed) => {
                    for _ in 0..sums.0 {
                        orders += 1;
                        thousandths += i128::from(timed.what.thousandths);
                        counted.extend(
                            (orders >= least).then_some((RunningCount { timed: *timed, orders, thousandths }, 1)),
                        );
                    }
                }
            }
        }
    };
    arrangements.reduce(arrangements.arrange(seen, "orders"), "running", Box::new(count))
}

/// Orders of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Seen {
    /// All of earlier instants.
    Before,
    /// One of this instant.
    Now(TimedEvent<Order>),
}

fn sums(timed: &TimedEvent<Order>, times: isize) -> Sums {
    (times as i64, i128::from(timed.what.thousandths) * times as i128)
}
