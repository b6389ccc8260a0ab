//! One worker's share of a stage that aggregates windows.
//!
//! Decision D-014.

use std::marker::PhantomData;

use crate::answers::{Change, push_changes};
use crate::driver::StateCounts;
use crate::eviction::ExpiryQueue;
use crate::feed::EventTimeProgress;
use crate::logic::WindowLogic;
use crate::run::RunConfig;
use crate::state::operator::StateOperator;
use crate::state::table::Table;

/// Something that can be aggregated: plain rows count once, changes as often as they say.
pub(crate) trait Signed<R>: Copy {
    /// Returns the row and how often it counts.
    fn signed(&self) -> (&R, i64);

    /// Combines itself with another one of the same group; returns false if that is impossible.
    fn join<W: WindowLogic<Input = R>>(&mut self, other: &Self, windows: &W) -> bool;
}

impl<R: Copy> Signed<R> for R {
    fn signed(&self) -> (&R, i64) {
        (self, 1)
    }

    fn join<W: WindowLogic<Input = R>>(&mut self, other: &Self, windows: &W) -> bool {
        windows.combine(self, other)
    }
}

impl<R: Copy> Signed<R> for Change<R> {
    fn signed(&self) -> (&R, i64) {
        (&self.row, i64::from(self.times))
    }

    fn join<W: WindowLogic<Input = R>>(&mut self, other: &Self, windows: &W) -> bool {
        self.times == other.times && windows.combine(&mut self.row, &other.row)
    }
}

/// The aggregates of open windows, answered when the watermark has passed their end. Under `speculative` they are
/// answered as soon as event time has reached it, and corrected until the watermark has passed it.
pub(crate) struct WindowOperator<W: WindowLogic, M> {
    logic: W,
    table: Table<W::Key, Window<W>>,
    open: ExpiryQueue<W::Key>,
    answered: ExpiryQueue<W::Key>, // and not final yet
    touched: Vec<W::Key>,          // since they were answered
    ahead: bool,
    keeps: bool,
    retired: Vec<(W::Key, W::Sum)>,
    messages: PhantomData<fn(M)>,
}

struct Window<W: WindowLogic> {
    sum: W::Sum,
    given: Option<Vec<W::Row>>, // once it has been answered
    touched: bool,
}

impl<W: WindowLogic> Default for Window<W> {
    fn default() -> Self {
        Self { sum: W::Sum::default(), given: None, touched: false }
    }
}

impl<W: WindowLogic, M> WindowOperator<W, M> {
    pub(crate) fn new(logic: &W, config: &RunConfig) -> Self {
        Self {
            logic: logic.clone(),
            table: Table::default(),
            open: ExpiryQueue::default(),
            answered: ExpiryQueue::default(),
            touched: Vec::new(),
            ahead: config.order.retracts(),
            keeps: config.eviction.keeps_forever(),
            retired: Vec::new(),
            messages: PhantomData,
        }
    }

    /// Pushes the answers of a window, or the changes to the answers given before.
    fn answer(&mut self, key: W::Key, out: &mut Vec<Change<W::Row>>) {
        let Some(window) = self.table.get_mut(key) else { return };
        let mut rows = Vec::new();
        self.logic.answer(key, &window.sum, &mut rows);
        let mut before = window.given.take().unwrap_or_default();
        push_changes(&mut before, &mut rows, out);
        window.given = Some(rows);
        window.touched = false;
    }

    fn forget(&mut self, key: W::Key) {
        let window = self.table.remove(key);
        if self.keeps {
            self.retired.extend(window.map(|window| (key, window.sum)));
        }
    }
}

impl<W: WindowLogic, M: Signed<W::Input>> StateOperator<M, Change<W::Row>> for WindowOperator<W, M> {
    fn arrive(&mut self, arrived: &mut Vec<M>, _out: &mut Vec<Change<W::Row>>) {
        for message in arrived.drain(..) {
            let (input, times) = message.signed();
            let key = self.logic.key(input);
            let (window, new) = self.table.get_or_default(key);
            self.logic.add(&mut window.sum, input, times);
            if new {
                self.open.schedule(key, self.logic.closes_at_ms(key));
            } else if window.given.is_some() && !window.touched {
                window.touched = true;
                self.touched.push(key);
            }
        }
    }

    fn advance(&mut self, reached: EventTimeProgress, out: &mut Vec<Change<W::Row>>) {
        for key in std::mem::take(&mut self.touched) {
            self.answer(key, out);
        }
        let until_ms = if self.ahead { reached.ahead_ms } else { reached.watermark_ms };
        while let Some(key) = self.open.next_expired(until_ms, |key| self.logic.closes_at_ms(key)) {
            self.answer(key, out);
            self.answered.schedule(key, self.logic.closes_at_ms(key));
        }
        while let Some(key) = self.answered.next_expired(reached.watermark_ms, |key| self.logic.closes_at_ms(key)) {
            self.forget(key);
        }
        self.table.shrink();
    }

    fn state_counts(&self) -> StateCounts {
        let entries = self.table.len() + self.retired.len();
        let least_bytes = entries * (std::mem::size_of::<W::Key>() + std::mem::size_of::<W::Sum>());
        StateCounts { entries, least_bytes, ..StateCounts::default() }
    }

    fn payload(&self) -> (usize, usize) {
        let inline_bytes = std::mem::size_of::<W::Key>() + std::mem::size_of::<W::Sum>();
        let sums = self.table.states().map(|window| inline_bytes + self.logic.heap_bytes(&window.sum));
        (self.table.len(), sums.sum())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::hash::Hash;

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::answers::{Cells, Row};
    use crate::disorder::OrderName;
    use crate::eviction::{Eviction, Frontier, Never};
    use crate::strategy::declaration::Strategy as Parallelism;

    /// How many things have happened in every ten milliseconds.
    #[derive(Clone)]
    struct Tens;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
    struct Count {
        ten: i64,
        count: i64,
    }

    impl WindowLogic for Tens {
        type Input = (i64, i64); // when it happened, ms, and how often
        type Key = i64;
        type Sum = i64;
        type Row = Count;

        fn key(&self, (time_ms, _): &(i64, i64)) -> i64 {
            time_ms.div_euclid(10)
        }
        const COMBINES: bool = true;
        fn combine(&self, into: &mut (i64, i64), other: &(i64, i64)) -> bool {
            let fits = into.1 + other.1 < 10;
            into.1 += if fits { other.1 } else { 0 };
            fits
        }
        fn add(&self, sum: &mut i64, (_, count): &(i64, i64), times: i64) {
            *sum += count * times;
        }
        fn closes_at_ms(&self, ten: i64) -> i64 {
            ten * 10 + 9
        }
        fn answer(&self, ten: i64, sum: &i64, out: &mut Vec<Count>) {
            out.extend((*sum != 0).then_some(Count { ten, count: *sum }));
        }
        fn heap_bytes(&self, sum: &i64) -> usize {
            *sum as usize
        }
    }

    impl Row for Count {
        const COLUMNS: &'static [&'static str] = &["count"];
        fn subject(&self) -> impl Hash {
            self.ten
        }
        fn event_time_ms(&self) -> i64 {
            self.ten * 10
        }
        fn write(&self, cells: &mut Cells<'_>) {
            cells.text(self.count);
        }
        fn at(self, event_time_ms: i64) -> Self {
            Self { ten: event_time_ms.div_euclid(10), ..self }
        }
    }

    type Windows = WindowOperator<Tens, Change<(i64, i64)>>;

    fn windows(order: OrderName, eviction: Eviction) -> Windows {
        WindowOperator::new(&Tens, &RunConfig { order, eviction, ..RunConfig::plain(Parallelism::EXCHANGE) })
    }

    fn reached(watermark_ms: i64, slack_ms: i64) -> EventTimeProgress {
        let newest_ms = watermark_ms + slack_ms;
        EventTimeProgress { watermark_ms, ahead_ms: newest_ms, newest_ms, ..EventTimeProgress::NOTHING }
    }

    fn count(ten: i64, count: i64) -> Count {
        Count { ten, count }
    }

    fn once(time_ms: i64) -> Change<(i64, i64)> {
        Change::given((time_ms, 1))
    }

    #[test]
    fn only_what_counts_the_same_way_is_combined() {
        let mut row = (1, 4);
        assert!(row.join(&(2, 5), &Tens) && row == (1, 9));
        assert!(!row.join(&(2, 1), &Tens) && row == (1, 9), "the logic cannot");
        let mut change = once(1);
        assert!(change.join(&once(2), &Tens) && change == Change::given((1, 2)));
        assert!(!change.join(&Change::retracted((2, 1)), &Tens) && change == Change::given((1, 2)));
        assert!(!change.join(&Change::given((2, 8)), &Tens) && change == Change::given((1, 2)), "the logic cannot");
        let mut taken = Change::retracted((1, 1));
        assert!(taken.join(&Change::retracted((2, 1)), &Tens) && taken == Change::retracted((1, 2)));
    }

    #[test]
    fn a_window_answers_when_the_watermark_has_passed_its_last_millisecond() {
        for (eviction, retired) in [(Eviction::from(Frontier), 0), (Eviction::from(Never), 1)] {
            let (mut windows, mut out) = (windows(OrderName::Watermark, eviction), Vec::new());
            windows.arrive(&mut [0, 9, 10].map(once).to_vec(), &mut out);
            assert_eq!(StateOperator::<Change<(i64, i64)>, _>::payload(&windows), (2, 2 * 16 + 3));
            for watermark_ms in [8, 9] {
                windows.advance(reached(watermark_ms, 0), &mut out);
                assert_eq!((out.len(), windows.state_counts().entries), (0, 2), "{watermark_ms} ms");
            }
            windows.advance(reached(10, 0), &mut out);
            assert_eq!((&out[..], windows.state_counts().entries), (&[Change::given(count(0, 2))][..], 1 + retired));
            assert_eq!(StateOperator::<Change<(i64, i64)>, _>::payload(&windows), (1, 16 + 1));
        }
    }

    #[test]
    fn ahead_of_the_watermark_a_window_is_corrected_until_that_has_passed() {
        let (mut windows, mut out) = (windows(OrderName::Speculative, Eviction::from(Frontier)), Vec::new());
        windows.arrive(&mut [0, 9].map(once).to_vec(), &mut out);
        windows.advance(reached(4, 5), &mut out);
        assert_eq!(out, []);
        windows.advance(reached(5, 5), &mut out);
        assert_eq!(std::mem::take(&mut out), [Change::given(count(0, 2))]);
        windows.arrive(&mut [5, 6].map(once).to_vec(), &mut out);
        windows.arrive(&mut vec![Change::retracted((9, 1))], &mut out);
        windows.advance(reached(9, 5), &mut out);
        assert_eq!(std::mem::take(&mut out), [Change::retracted(count(0, 2)), Change::given(count(0, 3))]);
        assert_eq!(windows.state_counts().entries, 1);
        windows.advance(reached(10, 5), &mut out);
        assert_eq!((out.len(), windows.state_counts().entries), (0, 0));
    }

    proptest! {
        /// After every step what has been given and not taken back is what the windows that are due have to say, and only
        /// those are held that may still change.
        #[test]
        fn it_is_right_after_every_step(
            steps in prop::collection::vec((0_i64..12, prop::collection::vec((0_i64..30, 1_i32..3), 0..4)), 0..40),
            slack_ms in 0_i64..20,
        ) {
            for (order, eviction) in OrderName::ALL.iter().flat_map(|order| Eviction::ALL.map(|one| (*order, one))) {
                let (mut windows, mut out) = (windows(order, eviction), Vec::new());
                let (mut sums, mut watermark_ms) = (BTreeMap::<i64, i64>::new(), 0);
                for (later_ms, batch) in &steps {
                    let input = |(after_ms, times): &(i64, i32)| Change { row: (watermark_ms + after_ms, 1), times: *times };
                    let mut batch: Vec<Change<(i64, i64)>> = batch.iter().map(input).collect();
                    for input in &batch {
                        *sums.entry(input.row.0.div_euclid(10)).or_default() += i64::from(input.times);
                    }
                    windows.arrive(&mut batch, &mut out);
                    watermark_ms += later_ms;
                    let reached = reached(watermark_ms, slack_ms);
                    windows.advance(reached, &mut out);
                    let until_ms = if order.retracts() { reached.ahead_ms } else { watermark_ms };
                    let closed = |until_ms: i64| sums.keys().filter(move |ten| Tens.closes_at_ms(**ten) < until_ms).count();
                    let held = if eviction == Eviction::from(Never) { sums.len() } else { sums.len() - closed(watermark_ms) };
                    prop_assert_eq!(windows.state_counts().entries, held);
                    let mut given = BTreeMap::<Count, i32>::new();
                    out.iter().for_each(|change| *given.entry(change.row).or_default() += change.times);
                    given.retain(|_, times| *times != 0);
                    let due = sums.iter().filter(|(ten, _)| Tens.closes_at_ms(**ten) < until_ms);
                    let due: BTreeMap<Count, i32> = due.map(|(ten, sum)| (count(*ten, *sum), 1)).collect();
                    prop_assert_eq!(given, due);
                }
            }
        }
    }
}
