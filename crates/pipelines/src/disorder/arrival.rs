//! Apply each event as it comes.

use super::policy::{OrderDeclaration, OrderPolicy};
use crate::feed::EventTimeProgress;

pub(super) const DECLARATION: OrderDeclaration = OrderDeclaration {
    name: "arrival",
    summary: "apply each event as it comes: no wait, wrong under disorder (the error is measured)",
    serves_stateless: "serves, and is exact: nothing depends on the order",
    serves_stateful: "serves; under disorder its error is measured",
    drops_late: false,
    waits: false,
    retracts: false,
};

pub(super) fn policy<M: Send>(_slack_ms: i64) -> Box<dyn OrderPolicy<M>> {
    Box::new(Arrival)
}

/// Releases events at once. With several workers the order in which their events meet is not fixed, so under disorder
/// even the error may differ from run to run.
#[derive(Debug)]
pub struct Arrival;

impl<M: Send> OrderPolicy<M> for Arrival {
    fn arrive(&mut self, arrived: &mut Vec<M>, released: &mut Vec<M>) {
        if released.is_empty() {
            std::mem::swap(arrived, released); // nothing is copied
        } else {
            released.append(arrived);
        }
    }

    fn advance(&mut self, _reached: EventTimeProgress, _released: &mut Vec<M>) {}

    fn buffered(&self) -> usize {
        0
    }
}
