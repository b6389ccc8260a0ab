//! The arrangements of a pipeline on one worker, and how far back their traces can be read.
//!
//! A trace has two frontiers, and each of its handles ([`TraceAgent`]) holds back both; the trace goes by the lower bound of
//! all. Updates before the *logical* one may be told at a later time, so that updates of one datum add up, to none if they
//! cancel. Batches before the *physical* one may be merged.
//!
//! The operators hold back no more than they need, which is next to nothing. `reduce` has a handle of its input and one of
//! its output, `count_total` and `distinct_total` one of their input, and they set both frontiers to where they have come
//! to; `join_core` sets the logical frontier of each input to that of the other input, and the physical one to what it has
//! seen. Whoever reads only the stream of batches (`as_collection`) drops the handle, and with the last one goes the trace.
//!
//! So a lag is one more handle of each trace that an operator reads. Its logical frontier stays the lag behind the
//! watermark; its physical frontier is empty, which holds back no merge. How often batches merge is therefore the same with
//! and without a lag, but for the sizes: an update still waits for a merge to be forgotten, and what has a different time
//! before the logical frontier is still told apart until then. When time has ended, a trace that was held back is
//! consolidated ([`ReleasingSpine`](super::releasing_spine::ReleasingSpine)), since no batches come that would do it.
//!
//! Decision D-040.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use differential_dataflow::Data;
use differential_dataflow::operators::arrange::arrangement::arrange_core;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::TraceReader;
use differential_dataflow::trace::implementations::{ValBatcher, ValBuilder};
use timely::dataflow::channels::pact::Pipeline;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;

use super::arrangement_log::ArrangementLog;
use super::releasing_spine::ValTrace;
use super::updates::{Collected, Reduction, Times};

/// What the arrangements of a pipeline on one worker have in common.
pub struct Arrangements {
    step_ms: i64,
    lag_ms: i64,
    log: Rc<ArrangementLog>,
    traces: RefCell<Vec<Box<dyn Readable>>>,
}

impl Arrangements {
    pub(super) fn new(step_ms: i64, lag_ms: i64, log: Rc<ArrangementLog>) -> Self {
        Self { step_ms, lag_ms, log, traces: RefCell::default() }
    }

    /// Returns the event time, ms (at least 1), in which there are about a hundred records: a loop need not be finer.
    pub fn step_ms(&self) -> i64 {
        self.step_ms
    }

    /// Keeps `trace` readable as far back as the eviction asks for. To be called for each trace that an operator reads;
    /// without a lag it does nothing.
    pub fn keep_readable<Tr: TraceReader<Time = i64> + 'static>(&self, trace: &TraceAgent<Tr>) {
        // No operator is ahead of the watermark, so without a lag the handle would hold back nothing.
        if self.lag_ms > 0 {
            let mut trace = trace.clone();
            trace.set_physical_compaction(Antichain::new().borrow());
            self.traces.borrow_mut().push(Box::new(trace));
        }
    }

    /// Arranges by key, for an operator that looks at all there is of a key: no exchange, it is on the worker of its key
    /// already.
    pub(crate) fn arrange<'s, V: Data, R: Times>(
        &self,
        updates: Collected<'s, (i64, V), R>,
        name: &str,
    ) -> Arranged<'s, TraceAgent<ValTrace<V, R>>> {
        let arranged = arranged(updates, name);
        self.log.name(arranged.trace.operator().global_id, name);
        self.keep_until_the_end(&arranged.trace);
        arranged
    }

    /// What `logic` makes of all values of a key.
    pub(crate) fn reduce<'s, V: Data, R: Times, O: Data>(
        &self,
        arranged: Arranged<'s, TraceAgent<ValTrace<V, R>>>,
        name: &str,
        logic: Reduction<V, R, O>,
    ) -> Collected<'s, (i64, O)> {
        let reduced = arranged.reduce_abelian::<_, ValBuilder<i64, O, i64, isize>, ValTrace<O, isize>, _, _>(
            name,
            logic,
            |updates, key, of_key| {
                updates.clear();
                updates.extend(of_key.drain(..).map(|(value, at_ms, times)| ((*key, value), at_ms, times)));
            },
        );
        self.log.name(reduced.trace.operator().global_id, name);
        self.keep_until_the_end(&reduced.trace);
        reduced.as_collection(|key, value| (*key, value.clone()))
    }

    /// Keeps `trace` readable, and lets it give back at the end what that has held back.
    fn keep_until_the_end<V: Data, R: Times>(&self, trace: &TraceAgent<ValTrace<V, R>>) {
        self.keep_readable(trace);
        if self.lag_ms > 0 {
            trace.trace_box_unstable().borrow().trace().release_at_the_end();
        }
    }

    /// Releases what is more than the lag behind the watermark, and everything at the end of the input.
    pub(super) fn advance(&self, watermark_ms: i64) {
        if watermark_ms == i64::MAX {
            self.traces.borrow_mut().clear();
        }
        let readable_from_ms = watermark_ms.saturating_sub(self.lag_ms);
        self.traces.borrow_mut().iter_mut().for_each(|trace| trace.release_before(readable_from_ms));
    }
}

impl fmt::Debug for Arrangements {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step_ms, lag_ms, .. } = self;
        formatter.debug_struct("Arrangements").field("step_ms", step_ms).field("lag_ms", lag_ms).finish_non_exhaustive()
    }
}

/// By key, as batches that nobody keeps: no exchange, it is on the worker of its key already. An operator that looks at what
/// was before needs [`Arrangements::arrange`].
pub(crate) fn arranged<'s, V: Data, R: Times>(
    updates: Collected<'s, (i64, V), R>,
    name: &str,
) -> Arranged<'s, TraceAgent<ValTrace<V, R>>> {
    arrange_core::<_, _, ValBatcher<i64, V, i64, R>, _>(updates.inner, Pipeline, name, ValBatcher::new)
}

/// A trace that is kept readable.
trait Readable {
    /// Lets go of the differences between times before `readable_from_ms`, unless that has been done.
    fn release_before(&mut self, readable_from_ms: i64);
}

impl<Tr: TraceReader<Time = i64> + 'static> Readable for TraceAgent<Tr> {
    fn release_before(&mut self, readable_from_ms: i64) {
        self.set_logical_compaction(AntichainRef::new(&[readable_from_ms]));
    }
}
