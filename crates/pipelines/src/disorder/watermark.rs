//! Hold events until the watermark passes them, then apply them in canonical order.
//!
//! Decision D-023.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::policy::{OrderDeclaration, OrderPolicy};
use crate::feed::EventTimeProgress;
use crate::message::{OrderKey, Timed};

pub(super) const DECLARATION: OrderDeclaration = OrderDeclaration {
    name: "watermark",
    summary: "hold events until the watermark passes them, apply in canonical order, drop late ones",
    serves_stateless: "serves: answers at once, and drops what is late",
    serves_stateful: "serves, and is exact for everything that is not late",
    drops_late: true,
    waits: true,
    retracts: false,
};

pub(super) fn policy<M: Timed>(slack_ms: i64) -> Box<dyn OrderPolicy<M>> {
    Box::new(Watermark::new(slack_ms))
}

/// Releases events with an event time below the watermark, sorted, and holds the others in the batches they came in;
/// if these are many, in piles of consecutive batches, and if even the piles are many, in a calendar.
///
/// In a dataflow the watermark arrives a step or more after the events below it, because other workers may be behind.
/// So batches that are in order are ordered as wholes and pass without a look at each event; one that is not is
/// sorted when part of it is released. Memory: the events held, at most those of the last `slack` of event time and
/// of the epochs in flight, and as many again that a batch has released but not freed yet.
#[derive(Debug)]
pub struct Watermark<M> {
    batches: Vec<Batch<M>>,
    held: usize, // in the batches
    calendar: Calendar<M>,
}

/// Events that arrived together.
#[derive(Debug)]
struct Batch<M> {
    messages: Vec<M>,
    begin: usize,    // index of the first message not yet released
    first: OrderKey, // order key of the first message not yet released
    last: OrderKey,
    sorted: bool,
    moves: u32, // of the watermark that have not released all of it
}

impl<M: Timed> Watermark<M> {
    /// Creates the policy; `slack_ms` only sets the granularity of the calendar.
    pub fn new(slack_ms: i64) -> Self {
        Self::with_buckets((slack_ms / BUCKETS_PER_SLACK).clamp(1, 3_600_000))
    }

    /// Creates the policy with calendar buckets of `bucket_ms`, at least 1.
    pub(crate) fn with_buckets(bucket_ms: i64) -> Self {
        Self { batches: Vec::new(), held: 0, calendar: Calendar::new(bucket_ms) }
    }

    /// Appends what the batches hold below the watermark, sorted; the rest of them stays.
    fn release_batches(&mut self, watermark_ms: i64, released: &mut Vec<M>) {
        self.batches.sort_by_key(|batch| batch.first);
        let begin = released.len();
        let mut in_order = true;
        for batch in self.batches.iter_mut().take_while(|batch| batch.first.0 < watermark_ms) {
            in_order &= released.last().is_none_or(|last| follows::<M>(last.order_key(), batch.first));
            batch.release(watermark_ms, released);
            in_order &= batch.sorted;
        }
        self.held -= released.len() - begin;
        self.batches.retain(|batch| !batch.messages.is_empty());
        if !in_order {
            released.sort_by(M::order);
        }
    }

    /// Keeps what is held in few places.
    fn settle(&mut self) {
        self.batches.iter_mut().for_each(|batch| batch.moves += 1);
        if self.batches.len() > BATCHES {
            self.pile_up();
            if self.batches.len() > BATCHES / 2 {
                self.schedule();
            }
        }
    }

    /// Joins batches that follow each other in time. What one worker has read in order becomes one pile.
    fn pile_up(&mut self) {
        self.batches.sort_by_key(|batch| batch.first);
        let mut piles: Vec<Batch<M>> = Vec::new();
        for batch in self.batches.drain(..) {
            match piles.iter_mut().find(|pile| pile.sorted && batch.sorted && follows::<M>(pile.last, batch.first)) {
                Some(pile) => pile.append(&batch),
                None => piles.push(batch),
            }
        }
        self.batches = piles;
    }

    /// Moves what has been held for two advances to the calendar.
    fn schedule(&mut self) {
        for batch in self.batches.iter_mut().filter(|batch| batch.moves > 1) {
            self.held -= batch.messages.len() - batch.begin;
            batch.messages.drain(batch.begin..).for_each(|message| self.calendar.hold(message));
            batch.messages.clear();
        }
        self.batches.retain(|batch| !batch.messages.is_empty());
    }
}

/// The number of batches that may wait as they are: more than there are epochs in flight, few enough to be checked at
/// every advance of the watermark. Tests use few.
const BATCHES: usize = if cfg!(test) { 3 } else { 64 };

/// True if `turn` follows `before` without a look at how ties are broken.
#[inline]
fn follows<M: Timed>(before: OrderKey, turn: OrderKey) -> bool {
    if M::BREAKS_TIES { before < turn } else { before <= turn }
}

impl<M: Timed> Batch<M> {
    fn new(messages: Vec<M>) -> Option<Self> {
        let (mut first, mut last, mut sorted) = (messages.first()?.order_key(), messages.first()?.order_key(), true);
        for turn in messages[1..].iter().map(Timed::order_key) {
            if follows::<M>(last, turn) {
                last = turn;
            } else {
                sorted = false;
                first = first.min(turn);
            }
        }
        Some(Self { messages, begin: 0, first, last, sorted, moves: 0 })
    }

    /// Appends a batch that follows in time; both are sorted.
    fn append(&mut self, next: &Self) {
        self.messages.extend_from_slice(&next.messages[next.begin..]);
        self.last = next.last;
    }

    /// Moves what is below the watermark to `released`.
    fn release(&mut self, watermark_ms: i64, released: &mut Vec<M>) {
        if self.last.0 < watermark_ms {
            self.release_all(released);
        } else {
            if !self.sorted {
                self.messages.sort_by(M::order);
                self.sorted = true;
            }
            self.release_first(watermark_ms, released);
        }
    }

    fn release_all(&mut self, released: &mut Vec<M>) {
        if self.begin == 0 && released.is_empty() {
            std::mem::swap(&mut self.messages, released);
        } else {
            released.extend_from_slice(&self.messages[self.begin..]);
            self.messages.clear();
        }
    }

    /// Releases the first event, unless it is the last one left.
    fn release_first(&mut self, watermark_ms: i64, released: &mut Vec<M>) {
        let held = &self.messages[self.begin..];
        let below = held.partition_point(|message| message.event_time_ms() < watermark_ms);
        released.extend_from_slice(&held[..below]);
        self.begin += below;
        if self.begin > self.messages.len() / 2 {
            self.messages.drain(..self.begin);
            self.begin = 0;
        }
        self.first = self.messages[self.begin].order_key();
    }
}

impl<M: Timed> OrderPolicy<M> for Watermark<M> {
    fn arrive(&mut self, arrived: &mut Vec<M>, _released: &mut Vec<M>) {
        self.held += arrived.len();
        self.batches.extend(Batch::new(std::mem::take(arrived)));
    }

    fn advance(&mut self, reached: EventTimeProgress, released: &mut Vec<M>) {
        let watermark_ms = reached.watermark_ms;
        self.calendar.release(watermark_ms, released);
        self.release_batches(watermark_ms, released);
        self.settle();
    }

    fn buffered(&self) -> usize {
        self.held + self.calendar.len
    }
}

/// Events by event time in coarse buckets; the bucket the watermark is in is kept as a heap.
#[derive(Debug)]
struct Calendar<M> {
    bucket_ms: i64,
    head: BinaryHeap<Reverse<Held<M>>>, // buckets below `head_end`
    head_end: i64,
    buckets: BTreeMap<i64, Vec<M>>,
    len: usize,
}

#[derive(Debug)]
struct Held<M>(M);

impl<M: Timed> PartialEq for Held<M> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl<M: Timed> Eq for Held<M> {}
impl<M: Timed> PartialOrd for Held<M> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<M: Timed> Ord for Held<M> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.order(&other.0)
    }
}

/// The number of buckets the slack is divided into.
const BUCKETS_PER_SLACK: i64 = 64;

impl<M: Timed> Calendar<M> {
    fn new(bucket_ms: i64) -> Self {
        Self { bucket_ms, head: BinaryHeap::new(), head_end: i64::MIN, buckets: BTreeMap::new(), len: 0 }
    }

    fn hold(&mut self, event: M) {
        self.len += 1;
        let bucket = event.event_time_ms().div_euclid(self.bucket_ms);
        if bucket < self.head_end {
            self.head.push(Reverse(Held(event)));
        } else {
            self.buckets.entry(bucket).or_default().push(event);
        }
    }

    /// Appends everything below the watermark, in canonical order.
    fn release(&mut self, watermark_ms: i64, released: &mut Vec<M>) {
        let before = released.len();
        self.release_head(watermark_ms, released);
        let watermark_bucket = watermark_ms.div_euclid(self.bucket_ms);
        while let Some(first) = self.buckets.first_entry().filter(|first| *first.key() <= watermark_bucket) {
            let bucket = *first.key();
            let mut events = first.remove();
            if bucket < watermark_bucket {
                events.sort_unstable_by(M::order);
                released.append(&mut events);
            } else {
                self.head.extend(events.into_iter().map(|event| Reverse(Held(event))));
            }
        }
        self.head_end = self.head_end.max(watermark_bucket.saturating_add(1));
        self.len -= released.len() - before;
        let before = released.len();
        self.release_head(watermark_ms, released);
        self.len -= released.len() - before;
    }

    fn release_head(&mut self, watermark_ms: i64, released: &mut Vec<M>) {
        while self.head.peek().is_some_and(|Reverse(held)| held.0.event_time_ms() < watermark_ms) {
            released.extend(self.head.pop().map(|Reverse(held)| held.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowbench_events::{Event, Kind, Record};
    use proptest::prelude::*;

    fn event(time: i64, id: u64) -> Event {
        Event::pack(Record::new(id, Kind::PageViewed, time))
    }

    fn at(watermark_ms: i64) -> EventTimeProgress {
        EventTimeProgress {
            watermark_ms,
            ahead_ms: watermark_ms,
            newest_ms: watermark_ms,
            ..EventTimeProgress::NOTHING
        }
    }

    proptest! {
        /// Against the naive way: sort everything, cut at the watermark.
        #[test]
        fn releases_exactly_what_is_below_the_watermark_in_canonical_order(
            times in prop::collection::vec(0_i64..500, 0..200), slack in 0_i64..300, step in 1_usize..40,
            drifts in any::<bool>(),
        ) {
            // Times that drift reach the watermark again and again, and often exactly.
            let (times, slack): (Vec<i64>, i64) = if drifts {
                (times.iter().zip(0..).map(|(time, id)| time % 20 + id).collect(), slack % 5)
            } else {
                (times, slack)
            };
            let events: Vec<Event> = times.iter().zip(0..).map(|(time, id)| event(*time, id)).collect();
            let mut policy = Watermark::new(slack);
            let (mut released, mut naive, mut watermark) = (Vec::new(), Vec::new(), i64::MIN);
            let mut waiting: Vec<Event> = Vec::new();
            for batch in events.chunks(step) {
                let on_time: Vec<Event> = batch.iter().filter(|e| e.event_time_ms() >= watermark).copied().collect();
                waiting.extend(&on_time);
                policy.arrive(&mut on_time.clone(), &mut released);
                watermark = batch.iter().map(|e| e.event_time_ms() - slack).fold(watermark, i64::max);
                policy.advance(at(watermark), &mut released);
                let (mut due, rest): (Vec<Event>, Vec<Event>) =
                    waiting.drain(..).partition(|e| e.event_time_ms() < watermark);
                waiting = rest;
                due.sort_by_key(Event::canonical_key);
                naive.append(&mut due);
                prop_assert_eq!(policy.buffered(), waiting.len());
                prop_assert_eq!(&released, &naive);
            }
            policy.advance(at(i64::MAX), &mut released);
            prop_assert_eq!(released.len(), naive.len() + waiting.len());
            prop_assert_eq!(policy.buffered(), 0);
        }
    }

    #[test]
    fn what_is_at_the_watermark_waits_at_the_end_of_a_batch_and_alone() {
        for batch in [&[5, 10][..], &[10, 5], &[10]] {
            let mut policy = Watermark::new(0);
            let mut released = Vec::new();
            policy.arrive(&mut (1..).zip(batch).map(|(id, time)| event(*time, id)).collect(), &mut released);
            policy.advance(at(10), &mut released);
            let times = |released: &[Event]| released.iter().map(Event::event_time_ms).collect::<Vec<_>>();
            assert_eq!(times(&released), [5][..batch.len() - 1], "{batch:?}");
            assert_eq!(policy.buffered(), 1);
            policy.advance(at(11), &mut released);
            assert_eq!((released.len(), policy.buffered()), (batch.len(), 0));
        }
    }

    #[test]
    fn batches_that_fit_on_no_pile_go_into_the_calendar() {
        let mut policy = Watermark::new(10);
        let mut released = Vec::new();
        for id in 1..=50 {
            policy.arrive(&mut vec![event(1000 + id as i64, id), event(1000 - id as i64, 100 + id)], &mut released);
            policy.advance(at(0), &mut released);
            assert!(policy.batches.len() <= BATCHES, "{} batches", policy.batches.len());
            assert_eq!(policy.buffered(), 2 * id as usize);
        }
        policy.advance(at(2000), &mut released);
        assert!(released.len() == 100 && released.is_sorted_by_key(Event::canonical_key));
    }

    #[test]
    fn events_from_the_far_future_wait_as_one_pile() {
        let mut policy = Watermark::new(10);
        let mut released = Vec::new();
        for id in 0..=BATCHES as u64 {
            policy.arrive(&mut vec![event(flowbench_events::TIME_MS_MAX, id), event(5, id)], &mut released);
        }
        policy.advance(at(6), &mut released);
        policy.advance(at(7), &mut released);
        assert_eq!((released.len(), policy.buffered()), (BATCHES + 1, BATCHES + 1));
        assert_eq!((policy.batches.len(), policy.calendar.buckets.len()), (1, 0));
    }
}
