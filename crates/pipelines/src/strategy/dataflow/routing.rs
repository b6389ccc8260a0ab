//! What travels between workers: messages in batches, each batch as a whole to one worker.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;

use timely::Accountable;
use timely::bytes::arc::Bytes;
use timely::communication::Push;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::DistributorPact;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::channels::{ContainerBytes, Message as Envelope};
use timely::progress::Stamp;

use super::hot_keys::HotKeys;
use crate::feed::spread;
use crate::message::Message;

/// Messages for one worker, handed over as they are: nothing looks at them on the way.
#[derive(Debug, Clone)]
pub(crate) struct Batch<M> {
    pub(crate) target: usize,
    pub(crate) messages: Vec<M>,
}

impl<M> Default for Batch<M> {
    fn default() -> Self {
        Self { target: 0, messages: Vec::new() }
    }
}

impl<M> Accountable for Batch<M> {
    fn record_count(&self) -> i64 {
        self.messages.len() as i64
    }
}

/// A batch that has arrived knows its target by where it is.
impl<M: Message> ContainerBytes for Batch<M> {
    fn from_bytes(bytes: Bytes) -> Self {
        Self { target: 0, messages: ContainerBytes::from_bytes(bytes) }
    }

    fn length_in_bytes(&self) -> usize {
        self.messages.length_in_bytes()
    }

    fn into_bytes<W: std::io::Write>(&self, writer: &mut W) {
        self.messages.into_bytes(writer);
    }
}

/// Routes every batch to its target.
pub(crate) struct WholeBatch;

impl<M> Distributor<Batch<M>> for WholeBatch {
    fn partition<T: Clone, P: Push<Envelope<T, Batch<M>>>>(
        &mut self,
        batch: &mut Batch<M>,
        stamp: &Stamp<T>,
        pushers: &mut [P],
    ) {
        let target = batch.target;
        Envelope::push_at(batch, stamp.clone(), &mut pushers[target]);
    }

    fn flush<T: Clone, P: Push<Envelope<T, Batch<M>>>>(&mut self, _stamp: &Stamp<T>, _pushers: &mut [P]) {}
}

/// Returns the parallelization contract of batches.
pub(crate) fn whole_batches() -> DistributorPact<fn(usize) -> WholeBatch> {
    DistributorPact(|_| WholeBatch)
}

/// Which workers messages may go to.
#[derive(Debug, Clone)]
pub(crate) enum Routing {
    /// All messages go to this worker.
    One(usize),
    /// Messages go by their route to one of `count` workers from `first` on.
    ByRoute { first: usize, count: usize },
    /// Each message goes to all of this many workers.
    All(usize),
    /// Messages go by their route to one of this many places, which the worker can reach by itself.
    Places(usize),
    /// Messages of hot keys go to the less loaded of two workers, the others by their route.
    TwoChoices(HotKeys),
}

impl Routing {
    /// True if messages are also shown to workers that do not own them.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Routing::All(_))
    }

    fn first(&self) -> usize {
        match self {
            Routing::One(first) | Routing::ByRoute { first, .. } => *first,
            Routing::All(_) | Routing::Places(_) | Routing::TwoChoices(_) => 0,
        }
    }

    fn count(&self) -> usize {
        match self {
            Routing::One(_) => 1,
            Routing::ByRoute { count, .. } | Routing::All(count) | Routing::Places(count) => *count,
            Routing::TwoChoices(keys) => keys.workers(),
        }
    }
}

/// Where the work of a pipeline is done, as seen by one worker.
#[derive(Debug, Clone)]
pub(crate) struct Placement {
    /// The number of workers that read, the first ones. Each reads its own epochs, taken in turn.
    pub(crate) readers: usize,
    /// Where the messages of the first stage go.
    pub(crate) states: Routing,
    /// Where the rows of the first stage go, if there is a second.
    pub(crate) windows: Routing,
    /// Where event ids are remembered, if repeated deliveries are removed in front of the pipeline.
    pub(crate) event_ids: Routing,
    /// The workers that hold state.
    pub(crate) state_workers: Range<usize>,
}

/// A stream of batches, under the timestamp of their epoch.
pub(crate) type Batches<'s, M> = Stream<'s, u64, Batch<M>>;
/// Passes on batches as they are.
pub(crate) type Builder<M> = CapacityContainerBuilder<Batch<M>>;

/// Messages sent to other workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
}

/// Bytes of a batch: below what the allocator keeps at hand for each thread, so that batches are recycled.
const BATCH_BYTES: usize = 24 << 10;
/// The minimum number of messages a batch has room for.
const LEAST_ROOM: usize = 16;

/// Outgoing messages, by target.
pub(crate) struct Outbox<M> {
    worker: usize,
    routing: Routing,
    open: Vec<Vec<M>>, // by target
    full: Vec<Batch<M>>,
    room: usize,  // of new batches: what the last ones took
    limit: usize, // of messages in a batch
    traffic: Rc<Cell<Traffic>>,
}

impl<M: Message> Outbox<M> {
    const BATCH: usize = BATCH_BYTES / size_of::<M>();

    /// Creates the outbox of `worker`, which counts messages to other workers in `traffic`.
    pub(crate) fn new(worker: usize, routing: Routing, traffic: Rc<Cell<Traffic>>) -> Self {
        let routing = match routing {
            Routing::ByRoute { first, count: 1 } => Routing::One(first), // nothing to be routed
            several => several,
        };
        let open = (0..routing.count()).map(|_| Vec::new()).collect();
        Self { worker, routing, open, full: Vec::new(), room: LEAST_ROOM, limit: Self::BATCH, traffic }
    }

    /// Creates an outbox whose messages stay on this thread, in one batch however many they are.
    pub(crate) fn staying() -> Self {
        Self { limit: usize::MAX, ..Self::new(0, Routing::One(0), Rc::default()) }
    }

    /// Appends all messages of an outbox whose messages stay to `to`.
    pub(crate) fn give_all(mut self, to: &mut Vec<M>) {
        self.open.iter_mut().for_each(|messages| to.append(messages));
    }

    /// Adds a message to the batch that its route leads to.
    #[inline]
    pub(crate) fn add(&mut self, route: impl FnOnce() -> u64, message: M) {
        match &mut self.routing {
            Routing::One(_) => self.push(0, message),
            Routing::ByRoute { count, .. } | Routing::Places(count) => {
                let at = spread(route(), *count);
                self.push(at, message);
            }
            Routing::All(count) => (0..*count).for_each(|at| self.push(at, message)),
            Routing::TwoChoices(keys) => {
                let at = keys.choose(route());
                self.push(at, message);
            }
        }
    }

    #[inline]
    fn push(&mut self, at: usize, message: M) {
        if self.open[at].len() == self.open[at].capacity() {
            self.make_room(at);
        }
        self.open[at].push(message);
    }

    /// Seals a batch that is full, or grows it if it is small.
    #[cold]
    fn make_room(&mut self, at: usize) {
        if self.open[at].len() >= self.limit {
            self.room = self.limit;
            self.seal(at);
        }
        let room = self.room.max(self.open[at].len());
        self.open[at].reserve_exact(room);
    }

    fn seal(&mut self, at: usize) {
        let messages = std::mem::take(&mut self.open[at]);
        let target = self.routing.first() + at;
        if target != self.worker && !matches!(self.routing, Routing::Places(_)) {
            let Traffic { records, bytes } = self.traffic.get();
            let (more_records, more_bytes) = (messages.len() as u64, (messages.len() * size_of::<M>()) as u64);
            self.traffic.set(Traffic { records: records + more_records, bytes: bytes + more_bytes });
        }
        self.full.push(Batch { target, messages });
    }

    /// Sends all batches.
    pub(crate) fn drain(&mut self, mut send: impl FnMut(Batch<M>)) {
        let most = self.open.iter().map(Vec::len).max().unwrap_or(0);
        if self.full.is_empty() {
            self.room = most.next_power_of_two().clamp(LEAST_ROOM, self.limit);
        }
        for at in 0..self.open.len() {
            if !self.open[at].is_empty() {
                self.seal(at);
            }
        }
        self.full.drain(..).for_each(&mut send);
    }
}
