//! What the arrangements of a worker hold, by what differential dataflow logs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use differential_dataflow::logging::{DifferentialEvent, DifferentialEventBuilder};
use timely::worker::Worker;

use crate::driver::{ArrangementCounts, Driver};

/// The log in which traces and batchers tell what they hold.
pub(crate) const LOG: &str = "differential/arrange";
/// The name of what no arrangement with a name holds: updates on their way, and batches that nobody keeps.
const OTHERS: &str = "(others)";

/// Counts the updates and batches that the traces and batchers of dataflows to come hold on one worker.
///
/// An update that has been taken back counts, with the one that took it back, until a merge has let the two meet.
#[derive(Debug, Default)]
pub(crate) struct ArrangementLog {
    all: Cell<Counts>,
    of_operators: RefCell<Vec<(usize, Counts)>>, // by their number
    names: RefCell<Vec<(usize, String)>>,
}

/// A number of updates and batches, or a change of both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    records: isize,
    batches: isize,
}

impl ArrangementLog {
    /// Begins to count on this worker.
    pub(super) fn of_worker(worker: &Worker) -> Rc<ArrangementLog> {
        let counted = Rc::new(ArrangementLog::default());
        let log = Rc::clone(&counted);
        if let Some(mut register) = worker.log_register() {
            register.insert::<DifferentialEventBuilder, _>(LOG, move |_, events| {
                events.iter_mut().flat_map(|events| events.drain(..)).for_each(|(_, event)| log.note(&event));
            });
        }
        counted
    }

    /// Says how the arrangement is called whose operator has a number.
    pub(super) fn name(&self, operator: usize, name: &str) {
        self.names.borrow_mut().push((operator, name.to_owned()));
    }

    /// Returns the number of updates that all arrangements of the worker hold.
    pub(super) fn records(&self) -> usize {
        self.all.get().records.max(0) as usize
    }

    /// Returns the number of batches that all arrangements of the worker hold, those without updates included.
    pub(super) fn batches(&self) -> usize {
        self.all.get().batches.max(0) as usize
    }

    /// Reports what each arrangement holds.
    pub(crate) fn show(&self, driver: &mut dyn Driver) {
        let (of_operators, names) = (self.of_operators.borrow(), self.names.borrow());
        let of = |operator: usize| of_operators.iter().find(|(known, _)| *known == operator).map(|(_, counts)| *counts);
        let named = names.iter().map(|(operator, name)| (name.as_str(), of(*operator).unwrap_or_default()));
        let rest = named.clone().fold(self.all.get(), |rest, (_, counts)| Counts {
            records: rest.records - counts.records,
            batches: rest.batches - counts.batches,
        });
        let rest = (rest != Counts::default()).then_some((OTHERS, rest));
        driver.on_arrangements(&mut named.chain(rest).map(|(name, counts)| ArrangementCounts {
            name,
            records: counts.records.max(0) as usize,
            batches: counts.batches.max(0) as usize,
        }));
    }

    fn note(&self, event: &DifferentialEvent) {
        let Some((operator, change)) = change(event) else { return };
        self.all.set(self.all.get().and(change));
        let mut of_operators = self.of_operators.borrow_mut();
        match of_operators.iter_mut().find(|(known, _)| *known == operator) {
            Some((_, counts)) => *counts = counts.and(change),
            None => of_operators.push((operator, change)),
        }
    }
}

impl Counts {
    fn and(self, change: Counts) -> Counts {
        Counts { records: self.records + change.records, batches: self.batches + change.batches }
    }
}

/// Returns the number of the operator that an event is about, and how its counts change.
fn change(event: &DifferentialEvent) -> Option<(usize, Counts)> {
    let (operator, records, batches) = match event {
        DifferentialEvent::Batch(batch) => (batch.operator, batch.length as isize, 1),
        DifferentialEvent::Drop(batch) => (batch.operator, -(batch.length as isize), -1),
        DifferentialEvent::Batcher(batcher) => (batcher.operator, batcher.records_diff, 0),
        DifferentialEvent::Merge(merge) => {
            (merge.operator, merge.complete? as isize - (merge.length1 + merge.length2) as isize, -1)
        }
        DifferentialEvent::MergeShortfall(_) | DifferentialEvent::TraceShare(_) => return None,
    };
    Some((operator, Counts { records, batches }))
}

#[cfg(test)]
mod tests {
    use differential_dataflow::logging::{BatchEvent, BatcherEvent, DropEvent, MergeEvent};

    use super::*;

    /// A driver that keeps what it is told of arrangements.
    #[derive(Default)]
    struct Told(Vec<(String, usize, usize)>);

    impl Driver for Told {
        fn admissible(&mut self) -> u64 {
            0
        }
        fn on_admitted(&mut self, _epochs: u64) {}
        fn on_completed(&mut self, _epochs: u64) {}
        fn on_state(&mut self, _state_counts: crate::driver::StateCounts) {}
        fn on_arrangements(&mut self, arrangements: &mut dyn Iterator<Item = ArrangementCounts<'_>>) {
            self.0.extend(arrangements.map(|counts| (counts.name.to_owned(), counts.records, counts.batches)));
        }
    }

    #[test]
    fn a_merge_makes_one_batch_of_two_and_what_has_no_name_is_told_together() {
        let log = ArrangementLog::default();
        log.name(3, "known");
        log.name(9, "empty");
        let waiting = |records_diff| BatcherEvent {
            operator: 3,
            records_diff,
            size_diff: 0,
            capacity_diff: 0,
            allocations_diff: 0,
        };
        log.note(&waiting(10).into());
        log.note(&waiting(-10).into());
        log.note(&BatchEvent { operator: 3, length: 10 }.into());
        log.note(&BatchEvent { operator: 3, length: 4 }.into());
        log.note(&BatchEvent { operator: 5, length: 7 }.into());
        let merge = |complete| MergeEvent { operator: 3, scale: 0, length1: 10, length2: 4, complete };
        log.note(&merge(None).into());
        assert_eq!((log.records(), log.batches()), (21, 3), "a merge that has begun changes nothing");
        log.note(&merge(Some(12)).into());
        let mut told = Told::default();
        log.show(&mut told);
        let of = |name: &str, records, batches| (name.to_owned(), records, batches);
        assert_eq!(told.0, [of("known", 12, 1), of("empty", 0, 0), of(OTHERS, 7, 1)]);
        log.note(&DropEvent { operator: 5, length: 7 }.into());
        assert_eq!((log.records(), log.batches()), (12, 1));
    }
}
