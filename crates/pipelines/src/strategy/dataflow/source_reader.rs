//! How a worker turns the events it reads into messages for whoever holds their state.
//!
//! Filter, route and combination are one loop over a slice of the trace, compiled per pipeline. Its output has one
//! type for all pipelines, so the dataflow behind it is compiled once.
//!
//! Decision D-004.

use std::marker::PhantomData;
use std::sync::Arc;

use flowbench_events::{Event, LateSet};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::routing::Outbox;
use crate::feed::{Delivery, Feed, Partition};
use crate::logic::Delivered;
use crate::message::{Key, Message};

/// Makes one instance per worker.
pub(crate) type Make<T> = Arc<dyn Fn() -> Box<T> + Send + Sync>;

/// Turns its input into messages and adds them to the batches of whoever holds their state.
pub(crate) trait Router<In, M: Message> {
    /// Takes a batch and leaves it empty.
    fn route(&mut self, batch: &mut Vec<In>, out: &mut Outbox<M>);

    /// Takes a batch like [`route`](Router::route), for messages that stay on this thread.
    fn collect(&mut self, batch: &mut Vec<In>, out: &mut Vec<M>) {
        let mut outbox = Outbox::staying();
        self.route(batch, &mut outbox);
        self.flush(&mut outbox);
        outbox.give_all(out);
    }

    /// Sends what it has held back in order to combine it.
    fn flush(&mut self, _out: &mut Outbox<M>) {}
}

/// Turns events into messages where they lie in the trace.
pub(crate) trait Reader<M: Message> {
    /// Reads a share of the trace; late events that are dropped are added to `late`.
    fn read(&mut self, share: Share<'_>, late: &mut LateSet, out: &mut Outbox<M>);

    /// Reads a share like [`read`](Reader::read), for messages that stay on this thread.
    fn collect(&mut self, share: Share<'_>, late: &mut LateSet, out: &mut Vec<M>) {
        let mut outbox = Outbox::staying();
        self.read(share, late, &mut outbox);
        self.flush(&mut outbox);
        outbox.give_all(out);
    }

    /// Sends what it has held back in order to combine it.
    fn flush(&mut self, _out: &mut Outbox<M>) {}
}

/// The share of an epoch that one worker reads.
#[derive(Clone, Copy)]
pub(crate) enum Share<'a> {
    /// The whole epoch.
    Whole(&'a Feed, u64),
    /// What was partitioned for the worker in advance.
    Own(&'a Partition, u64),
}

impl Share<'_> {
    /// Gives the events in runs, so that the caller has one tight loop.
    #[inline]
    fn runs(self, late: &mut LateSet, mut give: impl FnMut(&[Event])) {
        match self {
            Share::Whole(feed, epoch) => feed.runs(epoch, late, |_, run| give(run)),
            Share::Own(partition, epoch) => give(partition.of(epoch)),
        }
    }

    /// Gives each event with its number in the trace.
    #[inline]
    fn deliveries<W: Delivered>(self, late: &mut LateSet, give: impl FnMut(Delivery<W>)) {
        match self {
            Share::Whole(feed, epoch) => feed.deliveries(epoch, late, give),
            Share::Own(partition, epoch) => partition.deliveries(epoch).for_each(give),
        }
    }
}

/// Sends every delivery, whatever concerns the pipeline, to where its event id is remembered.
pub(crate) struct Deliver;

impl<W: Delivered> Reader<Delivery<W>> for Deliver {
    fn read(&mut self, share: Share<'_>, late: &mut LateSet, out: &mut Outbox<Delivery<W>>) {
        share.deliveries(late, |delivery: Delivery<W>| out.add(|| delivery.what.event_id().route(), delivery));
    }

    fn collect(&mut self, share: Share<'_>, late: &mut LateSet, out: &mut Vec<Delivery<W>>) {
        share.deliveries(late, |delivery| out.push(delivery));
    }
}

/// Sends each message by itself: what `select` returns for an input, with the key that routes it.
pub(crate) struct Select<F>(pub(crate) F);

impl<F, In, K: Key, M: Message> Router<In, M> for Select<F>
where
    F: Fn(&In) -> Option<(K, M)>,
{
    fn route(&mut self, batch: &mut Vec<In>, out: &mut Outbox<M>) {
        for (key, message) in batch.drain(..).filter_map(|input| (self.0)(&input)) {
            out.add(|| key.route(), message);
        }
    }

    fn collect(&mut self, batch: &mut Vec<In>, out: &mut Vec<M>) {
        out.extend(batch.drain(..).filter_map(|input| (self.0)(&input)).map(|(_, message)| message));
    }
}

impl<F, K: Key, M: Message> Reader<M> for Select<F>
where
    F: Fn(&Event) -> Option<(K, M)>,
{
    fn read(&mut self, share: Share<'_>, late: &mut LateSet, out: &mut Outbox<M>) {
        share.runs(late, |run| {
            for event in run {
                if let Some((key, message)) = (self.0)(event) {
                    out.add(|| key.route(), message);
                }
            }
        });
    }

    fn collect(&mut self, share: Share<'_>, late: &mut LateSet, out: &mut Vec<M>) {
        share.runs(late, |run| {
            for event in run {
                if let Some((_, message)) = (self.0)(event) {
                    out.push(message);
                }
            }
        });
    }
}

/// Combines messages of one key before it sends them: `join` returns whether two of them have become one.
pub(crate) struct Combine<F, J, In, K, M> {
    select: F,
    join: J,
    held: HashMap<K, M, foldhash::fast::RandomState>,
    inputs: PhantomData<fn(&In)>,
}

impl<F, J, In, K: Key, M: Message> Combine<F, J, In, K, M>
where
    F: Fn(&In) -> Option<(K, M)>,
    J: Fn(K, &mut M, &M) -> bool,
{
    pub(crate) fn new(select: F, join: J) -> Self {
        Self { select, join, held: HashMap::default(), inputs: PhantomData }
    }

    #[inline]
    fn take(&mut self, input: &In, out: &mut Outbox<M>) {
        let Some((key, message)) = (self.select)(input) else { return };
        match self.held.entry(key) {
            Entry::Vacant(free) => drop(free.insert(message)),
            Entry::Occupied(mut held) => {
                if !(self.join)(key, held.get_mut(), &message) {
                    out.add(|| key.route(), held.insert(message));
                }
            }
        }
    }
}

impl<F, J, In, K: Key, M: Message> Router<In, M> for Combine<F, J, In, K, M>
where
    F: Fn(&In) -> Option<(K, M)>,
    J: Fn(K, &mut M, &M) -> bool,
{
    fn route(&mut self, batch: &mut Vec<In>, out: &mut Outbox<M>) {
        batch.drain(..).for_each(|input| self.take(&input, out));
    }

    fn flush(&mut self, out: &mut Outbox<M>) {
        self.held.drain().for_each(|(key, message)| out.add(|| key.route(), message));
    }
}

impl<F, J, K: Key, M: Message> Reader<M> for Combine<F, J, Event, K, M>
where
    F: Fn(&Event) -> Option<(K, M)>,
    J: Fn(K, &mut M, &M) -> bool,
{
    fn read(&mut self, share: Share<'_>, late: &mut LateSet, out: &mut Outbox<M>) {
        share.runs(late, |run| run.iter().for_each(|event| self.take(event, out)));
    }

    fn flush(&mut self, out: &mut Outbox<M>) {
        Router::flush(self, out);
    }
}
