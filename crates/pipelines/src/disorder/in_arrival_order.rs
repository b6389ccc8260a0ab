//! Apply deliveries in the order of the trace, whoever has read them.
//!
//! Decision D-025.

use super::policy::OrderPolicy;
use super::watermark::Watermark;
use crate::feed::{Delivery, EventTimeProgress};
use crate::message::Message;

/// Holds deliveries until all with lower numbers have come. It is not offered as a policy: it serves what is decided
/// by the order of arrival, such as which delivery of an event is the first.
#[derive(Debug)]
pub struct InArrivalOrder<W>(Watermark<Delivery<W>>);

/// The number of deliveries per bucket where very many wait.
const BUCKET: i64 = 4096;

impl<W: Message> Default for InArrivalOrder<W> {
    fn default() -> Self {
        Self(Watermark::with_buckets(BUCKET))
    }
}

impl<W: Message> OrderPolicy<Delivery<W>> for InArrivalOrder<W> {
    fn arrive(&mut self, arrived: &mut Vec<Delivery<W>>, released: &mut Vec<Delivery<W>>) {
        self.0.arrive(arrived, released);
    }

    /// The time of a delivery is its number, and the watermark is how many have come.
    fn advance(&mut self, reached: EventTimeProgress, released: &mut Vec<Delivery<W>>) {
        self.0.advance(EventTimeProgress { watermark_ms: reached.deliveries, ..reached }, released);
    }

    fn buffered(&self) -> usize {
        self.0.buffered()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deliveries_come_by_their_number_once_all_before_them_have_come() {
        let mut policy = InArrivalOrder::<u64>::default();
        let mut released = Vec::new();
        for numbers in [vec![3, 5], vec![0, 4], vec![1]] {
            let delivery = |number| Delivery { number, what: number * 10 };
            policy.arrive(&mut numbers.into_iter().map(delivery).collect(), &mut released);
        }
        assert_eq!((released.len(), policy.buffered()), (0, 5));
        for (deliveries, come) in [(2, vec![0, 10]), (3, vec![]), (4, vec![30]), (6, vec![40, 50])] {
            // Whatever the watermark says: that is about event time.
            policy.advance(
                EventTimeProgress { deliveries, watermark_ms: i64::MAX, ..EventTimeProgress::NOTHING },
                &mut released,
            );
            assert_eq!(released.drain(..).map(|delivery| delivery.what).collect::<Vec<_>>(), come);
        }
        assert_eq!(policy.buffered(), 0);
    }
}
