//! When an event is applied.

mod arrival;
mod in_arrival_order;

mod watermark;

use crate::feed::EventTimeProgress;
use crate::logic::Timed;

pub use crate::speculative::FrontierOrder;
pub use arrival::Arrival;
pub use in_arrival_order::InArrivalOrder;
pub use watermark::Watermark;

/// Decides when events, or other items with an event time, are applied, and in which order. Works on batches, so that
/// dynamic dispatch costs nothing per event.
pub trait OrderPolicy<M>: Send {
    /// Takes what arrived, leaving `arrived` empty, and releases what may be applied at once.
    fn arrive(&mut self, arrived: &mut Vec<M>, released: &mut Vec<M>);

    /// Reports the progress of event time; releases what may be applied now.
    fn advance(&mut self, reached: EventTimeProgress, released: &mut Vec<M>);

    /// Returns the number of items held.
    fn buffered(&self) -> usize;
}

/// The order policies there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderName {
    /// [`Arrival`]
    Arrival,
    /// [`Watermark`]
    Watermark,
    /// [`FrontierOrder`], with answers that are corrected until the watermark has passed.
    Speculative,
}

impl OrderName {
    /// All order policies, as `flowbench list` shows them.
    pub const ALL: [OrderName; 3] = [OrderName::Arrival, OrderName::Watermark, OrderName::Speculative];

    /// Returns the name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            OrderName::Arrival => "arrival",
            OrderName::Watermark => "watermark",
            OrderName::Speculative => "speculative",
        }
    }

    /// Returns a one-line summary for `flowbench list`.
    pub fn summary(self) -> &'static str {
        match self {
            OrderName::Arrival => "apply each event as it comes: no wait, wrong under disorder (the error is measured)",
            OrderName::Watermark => {
                "hold events until the watermark passes them, apply in canonical order, drop late ones"
            }
            OrderName::Speculative => {
                "apply each event as it comes, take answers back and correct them until the watermark passes, drop late ones"
            }
        }
    }

    /// Returns, in words, how it serves a pipeline.
    pub fn serves(self, stateless: bool) -> &'static str {
        match (self, stateless) {
            (OrderName::Arrival, true) => "serves, and is exact: nothing depends on the order",
            (OrderName::Arrival, false) => "serves; under disorder its error is measured",
            (OrderName::Watermark, true) => "serves: answers at once, and drops what is late",
            (OrderName::Watermark, false) => "serves, and is exact for everything that is not late",
            (OrderName::Speculative, true) => "serves: answers at once, drops what is late, has nothing to take back",
            (OrderName::Speculative, false) => {
                "serves: answers at once; when nothing is corrected any more, exact for everything that is not late"
            }
        }
    }

    /// True if late events are dropped (and counted). Then the final answers are exact for the others.
    pub fn drops_late(self) -> bool {
        self != OrderName::Arrival
    }

    /// True if an event is applied only when the watermark has passed it, rather than on arrival.
    pub fn waits(self) -> bool {
        self == OrderName::Watermark
    }

    /// True if answers may be retracted.
    pub fn takes_back(self) -> bool {
        self == OrderName::Speculative
    }

    pub(crate) fn policy<M: Timed>(self, slack_ms: i64) -> Box<dyn OrderPolicy<M>> {
        match self {
            OrderName::Arrival => Box::new(Arrival),
            OrderName::Speculative => Box::new(FrontierOrder::default()),
            OrderName::Watermark => Box::new(Watermark::new(slack_ms)),
        }
    }
}
