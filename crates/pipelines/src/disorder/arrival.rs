//! Apply each event as it comes.

use super::OrderPolicy;
use crate::feed::EventTimeProgress;

/// Releases events at once. With several workers the order in which their events meet is not fixed, so under disorder
/// even the error may differ from run to run.
#[derive(Debug)]
pub struct Arrival;

impl<M: Send> OrderPolicy<M> for Arrival {
    fn arrive(&mut self, arrived: &mut Vec<M>, released: &mut Vec<M>) {
        released.append(arrived);
    }

    fn advance(&mut self, _reached: EventTimeProgress, _released: &mut Vec<M>) {}

    fn buffered(&self) -> usize {
        0
    }
}
