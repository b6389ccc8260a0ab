//! A trace that can give back everything when time has ended.

use std::cell::Cell;
use std::rc::Rc;

use differential_dataflow::Data;
use differential_dataflow::consolidation::consolidate_updates;
use differential_dataflow::logging::Logger;
use differential_dataflow::trace::implementations::ord_neu::OrdValBatch;
use differential_dataflow::trace::implementations::spine_fueled::{Spine, SpineBatch};
use differential_dataflow::trace::implementations::{ValBuilder, Vector};
use differential_dataflow::trace::{Builder, Cursor, Description, ExertionLogic, Navigable, Span, Trace, TraceReader};
use timely::dataflow::operators::generic::OperatorInfo;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;
use timely::scheduling::Activator;

use super::updates::Times;

/// A [`Spine`] that can be asked to add up all it holds when the last time has come.
///
/// A spine merges when batches come, with fuel in proportion to their size, and only a merge of two batches with updates
/// advances their times. A trace whose history was held back has large batches and, at the end, small ones that come, or
/// none: the history would stay although nobody needs it.
pub(crate) struct ReleasingSpine<B: SpineBatch> {
    spine: Spine<B>,
    releases_at_the_end: Cell<bool>,
    operator: OperatorInfo,
    logging: Option<Logger>,
}

/// Values by key, with a count or sum of type `R` each.
pub(crate) type ValTrace<V, R> = ReleasingSpine<ValBatch<V, R>>;

/// A batch of a [`ValSpine`](differential_dataflow::trace::implementations::ValSpine).
type ValBatch<V, R> = Rc<OrdValBatch<Vector<((i64, V), i64, R)>>>;

impl<B: AddUp> ReleasingSpine<B> {
    /// Asks to add up all updates as soon as both frontiers are at the end of time.
    pub(crate) fn release_at_the_end(&self) {
        self.releases_at_the_end.set(true);
    }

    fn release_if_ended(&mut self) {
        let end = Antichain::from_elem(i64::MAX);
        let mut upper = Antichain::new();
        self.spine.read_upper(&mut upper);
        let compacts_all =
            self.get_logical_compaction() == end.borrow() && self.get_physical_compaction() == end.borrow();
        if compacts_all && upper == end && self.releases_at_the_end.replace(false) {
            let mut batches = Vec::new();
            self.spine.map_spans(|span| batches.extend(span.inner.clone()));
            let all = Description::new(Antichain::from_elem(i64::MIN), upper, end.clone());
            self.spine = Spine::new(self.operator.clone(), self.logging.clone(), None);
            self.spine.insert(Span::new(all, B::add_up(&batches)));
            self.spine.set_logical_compaction(end.borrow());
            self.spine.set_physical_compaction(end.borrow());
        }
    }
}

/// A batch that can be made of others.
pub(crate) trait AddUp: SpineBatch<Time = i64> + Clone + 'static {
    /// All updates as they are seen from the end of time; `None` if they cancel.
    fn add_up(batches: &[Self]) -> Option<Self>;
}

impl<V: Data, R: Times> AddUp for ValBatch<V, R> {
    fn add_up(batches: &[Self]) -> Option<Self> {
        let mut updates = Vec::new();
        for batch in batches {
            let mut cursor = batch.cursor();
            while let Some(key) = cursor.get_key(batch) {
                while let Some(value) = cursor.get_val(batch) {
                    cursor.map_times(batch, |_, times| updates.push(((*key, value.clone()), i64::MAX, times.clone())));
                    cursor.step_val(batch);
                }
                cursor.step_key(batch);
            }
        }
        consolidate_updates(&mut updates);
        let mut builder = ValBuilder::default();
        builder.push(&mut updates);
        builder.done().map(Rc::new)
    }
}

impl<B: AddUp> TraceReader for ReleasingSpine<B> {
    type Time = i64;
    type Batch = B;

    fn spans_through(&mut self, upper: AntichainRef<'_, i64>) -> Option<Vec<Span<i64, B>>> {
        self.spine.spans_through(upper)
    }

    fn set_logical_compaction(&mut self, frontier: AntichainRef<'_, i64>) {
        self.spine.set_logical_compaction(frontier);
    }

    fn get_logical_compaction(&mut self) -> AntichainRef<'_, i64> {
        self.spine.get_logical_compaction()
    }

    fn set_physical_compaction(&mut self, frontier: AntichainRef<'_, i64>) {
        self.spine.set_physical_compaction(frontier);
        self.release_if_ended();
    }

    fn get_physical_compaction(&mut self) -> AntichainRef<'_, i64> {
        self.spine.get_physical_compaction()
    }

    fn map_spans<F: FnMut(&Span<i64, B>)>(&self, logic: F) {
        self.spine.map_spans(logic);
    }

    fn read_upper(&mut self, target: &mut Antichain<i64>) {
        self.spine.read_upper(target);
    }

    fn advance_upper(&mut self, upper: &mut Antichain<i64>) {
        self.spine.advance_upper(upper);
    }
}

impl<B: AddUp> Trace for ReleasingSpine<B> {
    fn new(info: OperatorInfo, logging: Option<Logger>, activator: Option<Activator>) -> Self {
        let (operator, releases_at_the_end) = (info.clone(), Cell::new(false));
        Self { spine: Spine::new(info, logging.clone(), activator), releases_at_the_end, operator, logging }
    }

    fn exert(&mut self) {
        self.spine.exert();
    }

    fn set_exert_logic(&mut self, logic: ExertionLogic) {
        self.spine.set_exert_logic(logic);
    }

    fn insert(&mut self, span: Span<i64, B>) {
        self.spine.insert(span);
    }

    fn close(&mut self) {
        self.spine.close();
    }
}
