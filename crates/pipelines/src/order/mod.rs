//! When an event is applied.

mod arrival;
mod watermark;

use flowbench_events::Event;

pub use arrival::Arrival;
pub use watermark::Watermark;

/// Decides when events are applied, and in which order. Works on batches, so that its dispatch costs nothing per event.
pub trait OrderPolicy {
    /// Takes what arrived (leaving `arrived` empty) and releases what may be applied at once.
    fn arrive(&mut self, arrived: &mut Vec<Event>, released: &mut Vec<Event>);

    /// The watermark has moved to `watermark_ms`: releases what may be applied now.
    fn advance(&mut self, watermark_ms: i64, released: &mut Vec<Event>);

    /// How many events are held.
    fn buffered(&self) -> usize;
}

/// The order policies there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderName {
    /// [`Arrival`]
    Arrival,
    /// [`Watermark`]
    Watermark,
}

impl OrderName {
    /// All of them, the list for `flowbench list`.
    pub const ALL: [OrderName; 2] = [OrderName::Arrival, OrderName::Watermark];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            OrderName::Arrival => "arrival",
            OrderName::Watermark => "watermark",
        }
    }

    /// One line for `flowbench list`.
    pub fn summary(self) -> &'static str {
        match self {
            OrderName::Arrival => "apply each event as it comes: no wait, wrong under disorder (the error is measured)",
            OrderName::Watermark => {
                "hold events until the watermark passes them, apply in canonical order, drop late ones"
            }
        }
    }

    /// True if late events are dropped (and counted).
    pub fn drops_late(self) -> bool {
        self == OrderName::Watermark
    }

    pub(crate) fn policy(self, slack_ms: i64) -> Box<dyn OrderPolicy> {
        match self {
            OrderName::Arrival => Box::new(Arrival),
            OrderName::Watermark => Box::new(Watermark::new(slack_ms)),
        }
    }
}
