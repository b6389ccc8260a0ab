//! How work is spread.

mod exchange;
mod sequential;

use std::sync::Arc;

use flowbench_events::{Event, LateSet};

use crate::answers::{Change, Row, Spoil, consolidated};
use crate::driver::Drivers;
use crate::feed::Feed;
use crate::logic::{KeyedLogic, Message, StatelessLogic, WindowLogic};
use crate::machine::Plain;
use crate::order::Speculative;
use crate::part::{self, Part};
use crate::pipeline::{Choice, RunEnd, RunError};
use crate::window::Signed;

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
) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    let ends = match checked(choice)? {
        Strategy::Sequential => vec![sequential::stateless(logic, choice, feed, &mut *drivers(0))],
        Strategy::Exchange => exchange::stateless(logic, choice, feed, drivers)?,
    };
    Ok(gather(ends))
}

/// Runs keyed logic.
pub(crate) fn run_keyed<L: KeyedLogic>(
    logic: &L,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Result<RunEnd, RunError>
where
    L::Row: Row,
{
    if choice.order.takes_back() {
        consolidate(keyed(logic, speculative(logic, choice, feed), choice, feed, drivers)?, choice)
    } else {
        keyed(logic, plain(logic, choice, feed), choice, feed, drivers).map(gather)
    }
}

/// Runs keyed logic, and window logic over its rows.
pub(crate) fn run_chained<L: KeyedLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Result<RunEnd, RunError> {
    let ends = if choice.order.takes_back() {
        chained(logic, speculative(logic, choice, feed), windows, choice, feed, drivers)
    } else {
        chained(logic, plain(logic, choice, feed), windows, choice, feed, drivers)
    };
    consolidate(ends?, choice)
}

/// Runs window logic over the rows of stateless logic.
pub(crate) fn run_grouped<L: StatelessLogic, W: WindowLogic<Input = L::Row>>(
    logic: &L,
    windows: &W,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Result<RunEnd, RunError> {
    let ends = match checked(choice)? {
        Strategy::Sequential => vec![sequential::grouped(logic, windows, choice, feed, &mut *drivers(0))],
        Strategy::Exchange => exchange::grouped(logic, windows, choice, feed, drivers)?,
    };
    consolidate(ends, choice)
}

type Ends<R> = Result<Vec<WorkerEnd<R>>, RunError>;

/// Makes each worker's part of the states.
trait MakePart<R>: Fn() -> Box<dyn Part<Event, R>> + Send + Sync + 'static {}

impl<R, F: Fn() -> Box<dyn Part<Event, R>> + Send + Sync + 'static> MakePart<R> for F {}

/// Parts that apply events as the order policy releases them.
fn plain<L: KeyedLogic>(logic: &L, choice: &Choice, feed: &Feed) -> impl MakePart<L::Row> + use<L> {
    let (logic, choice, slack_ms) = (logic.clone(), *choice, feed.slack_ms());
    move || part::part(Plain(logic.clone()), &choice, slack_ms)
}

/// Parts that answer at once and take back.
fn speculative<L: KeyedLogic>(logic: &L, choice: &Choice, feed: &Feed) -> impl MakePart<Change<L::Row>> + use<L> {
    let (logic, choice, slack_ms) = (logic.clone(), *choice, feed.slack_ms());
    move || part::part(Speculative::new(&logic, slack_ms), &choice, slack_ms)
}

fn keyed<L: KeyedLogic, R: Message + Spoil>(
    logic: &L,
    states: impl MakePart<R>,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<R> {
    match checked(choice)? {
        Strategy::Sequential => Ok(vec![sequential::keyed(logic, states, choice, feed, &mut *drivers(0))]),
        Strategy::Exchange => exchange::keyed(logic, states, choice, feed, drivers),
    }
}

fn chained<L: KeyedLogic, R: Message + Signed<W::Input>, W: WindowLogic>(
    logic: &L,
    states: impl MakePart<R>,
    windows: &W,
    choice: &Choice,
    feed: &Arc<Feed>,
    drivers: &Drivers,
) -> Ends<Change<W::Row>> {
    match checked(choice)? {
        Strategy::Sequential => Ok(vec![sequential::chained(logic, states, windows, choice, feed, &mut *drivers(0))]),
        Strategy::Exchange => exchange::chained(logic, states, windows, choice, feed, drivers),
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

impl<R: Copy> Sheets<R> {
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
                self.full.push(std::mem::replace(&mut self.open, Vec::with_capacity(SHEET)));
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

/// The answers of all workers together.
fn gather<R: Row>(ends: Vec<WorkerEnd<R>>) -> RunEnd {
    let WorkerEnd { answers, late, entries, payload_bytes } = joined(ends);
    let payload_bytes_per_entry = per_entry(payload_bytes, entries);
    RunEnd { answers: Box::new(answers), changes: None, late, payload_bytes_per_entry }
}

/// The changes of all workers together, and what is left of them.
fn consolidate<R: Row>(ends: Vec<WorkerEnd<Change<R>>>, choice: &Choice) -> Result<RunEnd, RunError> {
    let WorkerEnd { answers, late, entries, payload_bytes } = joined(ends);
    let (rows, changes) = consolidated(answers).ok_or(RunError::TakenBack)?;
    let changes = choice.order.takes_back().then_some(changes);
    let payload_bytes_per_entry = per_entry(payload_bytes, entries);
    Ok(RunEnd { answers: Box::new(rows), changes, late, payload_bytes_per_entry })
}

fn joined<R>(ends: Vec<WorkerEnd<R>>) -> WorkerEnd<R> {
    let nothing = WorkerEnd { answers: Vec::new(), late: LateSet::default(), entries: 0, payload_bytes: 0 };
    ends.into_iter().fold(nothing, |mut all, mut end| {
        all.answers.append(&mut end.answers);
        all.late.merge(end.late);
        all.entries += end.entries;
        all.payload_bytes += end.payload_bytes;
        all
    })
}

fn per_entry(payload_bytes: usize, entries: usize) -> Option<f64> {
    (entries > 0).then(|| payload_bytes as f64 / entries as f64)
}

#[cfg(test)]
mod tests {
    //! Random small traces with ties, reversed time and duplicates: every strategy, eviction and number of workers gives
    //! the oracle's answers to what was not late, and drops exactly the late set of the trace.

    use std::sync::Arc;

    use flowbench_events::{Channel, Event, Id, Kind, LateSet, Record, Sources, Trace, Value, WatermarkRule};
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
                record.order = Id((id % 9) as u32);
                record.value = Some(Value(value * 1000));
                record.product = Id((id % 5) as u32);
                record.load_time_ms = Some(id as u32 * 137 % 5000);
                record.rating = Some((id % 5) as u8 + 1);
                record.channel = Some(Channel::ALL[id as usize % 3]);
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
            by_channel in any::<bool>(), eviction in prop::sample::select(EvictionName::ALL.to_vec()),
        ) {
            let sources = if by_channel { Sources::Channel { idle_ms: Some(7_200_000) } } else { Sources::Merged };
            let rule = WatermarkRule { slack_ms: slack_h * 3_600_000, sources };
            let trace = Arc::new(Trace { events, ..Trace::default() });
            let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, rule, true));
            for deduplicate in [false, true] {
                let canonical = oracle::delivered(&trace.events, Some(rule), deduplicate);
                for pipeline in catalogue::CATALOGUE {
                    let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
                    let truth = prepared.oracle(&canonical).lines(&trace.symbols);
                    for (strategy, workers) in
                        [(Spread::Sequential, 1), (Spread::Exchange, 1), (Spread::Exchange, 2), (Spread::Exchange, 3)]
                    {
                        for order in [OrderName::Watermark, OrderName::Speculative] {
                            let choice = Choice { workers, eviction, deduplicate, order, ..Choice::plain(strategy) };
                            let end = prepared.run(&choice, &feed, &Unhurried::drivers()).unwrap();
                            prop_assert_eq!(&end.answers.lines(&trace.symbols), &truth, "{} {:?}", pipeline.name(), choice);
                            prop_assert_eq!(end.late, LateSet::of(&trace.events, rule));
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
        let mut sheets = Sheets::default();
        let mut next = 0;
        for count in [0, 1, SHEET - 1, SHEET, SHEET + 1, 3 * SHEET + 7, 5] {
            let mut answers: Vec<usize> = (next..next + count).collect();
            next += count;
            sheets.keep(&mut answers);
            assert!(answers.is_empty() && sheets.open.len() < SHEET);
            assert!([0, SHEET].contains(&sheets.open.capacity()), "a sheet that had to grow");
        }
        assert!(sheets.bytes() >= next * std::mem::size_of::<usize>());
        assert_eq!(sheets.into_rows(), (0..next).collect::<Vec<_>>());
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
