//! Apply each event as it comes.

use flowbench_events::Event;

use super::OrderPolicy;
use crate::feed::Reached;

/// Releases at once. With several workers the order in which their events meet is not fixed, so under disorder even the
/// error may differ from run to run.
#[derive(Debug)]
pub struct Arrival;

impl OrderPolicy for Arrival {
    fn arrive(&mut self, arrived: &mut Vec<Event>, released: &mut Vec<Event>) {
        released.append(arrived);
    }

    fn advance(&mut self, _reached: Reached, _released: &mut Vec<Event>) {}

    fn buffered(&self) -> usize {
        0
    }
}
