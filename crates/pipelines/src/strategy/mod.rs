//! How work is spread.

mod exchange;
mod sequential;

use std::sync::Arc;

use flowbench_events::LateSet;

use crate::answers::Row;
use crate::driver::Drivers;
use crate::feed::Feed;
use crate::logic::{KeyedLogic, StatelessLogic};
use crate::pipeline::{Choice, RunEnd, RunError};

/// The strategies there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// One plain loop, no dataflow.
    Sequential,
    /// Timely dataflow, events to the worker of their key.
    Exchange,
}

impl Strategy {
    /// All of them, the list for `flowbench list`.
    pub const ALL: [Strategy; 2] = [Strategy::Sequential, Strategy::Exchange];

    /// The name used in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Sequential => "sequential",
            Strategy::Exchange => "exchange",
        }
    }

    /// One line for `flowbench list`.
    pub fn summary(self) -> &'static str {
        match self {
            Strategy::Sequential => "one plain loop on one thread, no dataflow: what the others have to beat",
            Strategy::Exchange => {
                "timely dataflow; every event goes to the worker of its key (stateless: stays where read)"
            }
        }
    }
}

/// Runs stateless logic.
pub(crate) fn run_stateless<L: StatelessLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Result<RunEnd, RunError> {
    match checked(choice)? {
        Strategy::Sequential => Ok(gather(vec![sequential::stateless(logic, choice, feed, &mut *drivers(0))])),
        Strategy::Exchange => exchange::stateless(logic, choice, feed, drivers).map(gather),
    }
}

/// Runs keyed logic.
pub(crate) fn run_keyed<L: KeyedLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Result<RunEnd, RunError> {
    match checked(choice)? {
        Strategy::Sequential => Ok(gather(vec![sequential::keyed(logic, choice, feed, &mut *drivers(0))])),
        Strategy::Exchange => exchange::keyed(logic, choice, feed, drivers).map(gather),
    }
}

/// What one worker leaves.
pub(crate) struct WorkerEnd<R> {
    answers: Vec<R>,
    late: LateSet,
    entries: usize,
    payload_bytes: usize,
}

/// Answers kept for the check, in sheets of fixed size: keeping one more never moves those that are kept already, which
/// would be seen as a stall of the pipeline.
struct Sheets<R> {
    full: Vec<Vec<R>>,
    open: Vec<R>,
}

/// Answers on a sheet.
const SHEET: usize = 4096;

impl<R> Default for Sheets<R> {
    fn default() -> Self {
        Self { full: Vec::new(), open: Vec::new() }
    }
}

impl<R: Row> Sheets<R> {
    /// Takes the answers out of `answers`.
    fn keep(&mut self, answers: &mut Vec<R>) {
        for part in answers.chunks(SHEET) {
            let room = SHEET - self.open.len();
            let (now, then) = part.split_at(room.min(part.len()));
            if self.open.capacity() == 0 {
                self.open.reserve_exact(SHEET);
            }
            self.open.extend_from_slice(now);
            if self.open.len() == SHEET {
                self.full.push(std::mem::take(&mut self.open));
                self.open.extend_from_slice(then);
            }
        }
        answers.clear();
    }

    fn bytes(&self) -> usize {
        (self.full.len() * SHEET + self.open.capacity()) * std::mem::size_of::<R>()
    }

    fn into_rows(mut self) -> Vec<R> {
        self.full.push(self.open);
        self.full.concat()
    }
}

fn checked(choice: &Choice) -> Result<Strategy, RunError> {
    let allowed = match choice.strategy {
        Strategy::Sequential if choice.workers != 1 => "exactly 1 worker",
        _ if choice.workers == 0 => "1 worker or more",
        strategy => return Ok(strategy),
    };
    Err(RunError::Workers { strategy: choice.strategy.name(), allowed, workers: choice.workers })
}

fn gather<R: Row>(ends: Vec<WorkerEnd<R>>) -> RunEnd {
    let mut late = LateSet::default();
    ends.iter().for_each(|end| late.merge(end.late));
    let entries: usize = ends.iter().map(|end| end.entries).sum();
    let payload_bytes: usize = ends.iter().map(|end| end.payload_bytes).sum();
    let mut answers = ends.into_iter().map(|end| end.answers).reduce(|mut all, mut more| {
        all.append(&mut more);
        all
    });
    RunEnd {
        answers: Box::new(answers.take().unwrap_or_default()),
        late,
        payload_bytes_per_entry: (entries > 0).then(|| payload_bytes as f64 / entries as f64),
    }
}

#[cfg(test)]
mod tests {
    //! Random small traces with ties, reversed time and duplicates: every strategy, eviction and number of workers gives
    //! the oracle's answers to what was not late, and drops exactly the late set of the trace.

    use std::sync::Arc;

    use flowbench_events::{Event, Id, Kind, LateSet, Record, Trace, Value};
    use proptest::prelude::*;

    use super::*;
    use crate::driver::Unhurried;
    use crate::{EvictionName, OrderName, catalogue, oracle};

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let event = (0_u64..40, 0_i64..100, 0_u32..4, 400_i64..700, 0_usize..8);
        prop::collection::vec(event, 0..80).prop_map(|rows| {
            let record = |(id, hours, customer, value, kind): (u64, i64, u32, i64, usize)| {
                // Content follows from the event id, so that a repeated id is a duplicate delivery.
                let (hours, kind) = ((hours + id as i64 * 7) % 100, Kind::ALL[(kind + id as usize) % 8]);
                let mut record = Record::new(id, kind, hours * 3_600_000);
                record.customer = if customer == 3 { Id::ABSENT } else { Id(customer) };
                record.order = Id(id as u32);
                record.value = Some(Value(value * 1000));
                record.country = 0;
                record
            };
            let mut first: std::collections::HashMap<u64, Record> = std::collections::HashMap::new();
            rows.into_iter().map(|row| Event::pack(*first.entry(row.0).or_insert_with(|| record(row)))).collect()
        })
    }

    use proptest::strategy::Strategy;
    type Spread = super::Strategy;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_choice_gives_the_answers_of_the_oracle(
            events in events(), slack_h in prop::sample::select(vec![0_i64, 5, 200]), records_per_epoch in 1_usize..20,
        ) {
            let slack_ms = slack_h * 3_600_000;
            let trace = Arc::new(Trace { events, ..Trace::default() });
            let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, slack_ms, true));
            for deduplicate in [false, true] {
                let canonical = oracle::delivered(&trace.events, Some(slack_ms), deduplicate);
                for pipeline in catalogue::CATALOGUE {
                    let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
                    let truth = prepared.oracle(&canonical).lines(&trace.symbols);
                    for (strategy, workers) in
                        [(Spread::Sequential, 1), (Spread::Exchange, 1), (Spread::Exchange, 2), (Spread::Exchange, 3)]
                    {
                        for eviction in EvictionName::ALL {
                            let choice = Choice { workers, eviction, deduplicate, ..Choice::plain(strategy) };
                            let end = prepared.run(&choice, &feed, &Unhurried::drivers()).unwrap();
                            prop_assert_eq!(&end.answers.lines(&trace.symbols), &truth, "{} {:?}", pipeline.name(), choice);
                            prop_assert_eq!(end.late, LateSet::of(&trace.events, slack_ms));
                        }
                    }
                }
            }
        }

        #[test]
        fn arrival_is_exact_in_order_on_one_worker_and_never_panics(events in events(), workers in 1_usize..4) {
            let in_order = Trace { events: oracle::occurrences(&events), ..Trace::default() };
            for (trace, exact) in [(in_order, workers == 1), (Trace { events, ..Trace::default() }, false)] {
                let trace = Arc::new(trace);
                let feed = Arc::new(Feed::new(Arc::clone(&trace), 7, 0, false));
                for pipeline in catalogue::CATALOGUE {
                    let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
                    let choice = Choice { workers, order: OrderName::Arrival, ..Choice::plain(Spread::Exchange) };
                    let end = prepared.run(&choice, &feed, &Unhurried::drivers()).unwrap();
                    prop_assert_eq!(end.late, LateSet::default());
                    let truth = prepared.oracle(&oracle::occurrences(&trace.events)).lines(&trace.symbols);
                    if exact {
                        prop_assert_eq!(end.answers.lines(&trace.symbols), truth, "{}", pipeline.name());
                    }
                }
            }
        }
    }

    #[test]
    fn sheets_keep_every_answer_in_order() {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        struct Number(usize);
        impl Row for Number {
            const COLUMNS: &'static [&'static str] = &["number"];
            fn event_time_ms(&self) -> i64 {
                0
            }
            fn write(&self, cells: &mut crate::Cells<'_>) {
                cells.text(self.0);
            }
            fn at(self, _event_time_ms: i64) -> Self {
                self
            }
        }
        let mut sheets = Sheets::default();
        let mut next = 0;
        for count in [0, 1, SHEET - 1, SHEET, SHEET + 1, 3 * SHEET + 7, 5] {
            let mut answers: Vec<Number> = (next..next + count).map(Number).collect();
            next += count;
            sheets.keep(&mut answers);
            assert!(answers.is_empty() && sheets.open.len() < SHEET);
        }
        assert!(sheets.bytes() >= next * std::mem::size_of::<Number>());
        assert_eq!(sheets.into_rows(), (0..next).map(Number).collect::<Vec<_>>());
    }

    #[test]
    fn sequential_is_one_worker_and_nobody_is_none() {
        let trace = Arc::new(Trace::default());
        let feed = Arc::new(Feed::new(Arc::clone(&trace), 7, 0, false));
        let prepared = catalogue::find("identity").unwrap().prepare(&[], &trace.symbols).unwrap();
        for (strategy, workers) in [(Spread::Sequential, 2), (Spread::Sequential, 0), (Spread::Exchange, 0)] {
            let choice = Choice { workers, ..Choice::plain(strategy) };
            let error = prepared.run(&choice, &feed, &Unhurried::drivers()).err().unwrap().to_string();
            assert!(error.contains(strategy.name()), "{error}");
        }
    }
}
