//! Windows as states with timers.
//!
//! Decision D-014.

use std::marker::PhantomData;

use crate::answers::{Change, push_changes};
use crate::feed::EventTimeProgress;
use crate::logic::{AT_ONCE, EMPTY_STATE, TimerOutcome, WindowLogic};
use crate::message::Message;
use crate::state::state_machine::KeyedStateMachine;

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

/// Window logic as an operator runs it: a window is the state of its key, and its answer a timer that is due when the
/// watermark has passed its end.
///
/// Under `speculative` it answers as soon as event time has reached the end, and is corrected until the watermark has
/// passed it. Then times are those that event time has reached, ahead of the watermark by the slack.
pub(crate) struct WindowMachine<W: WindowLogic, M> {
    logic: W,
    slack_ms: i64, // 0 unless it answers ahead of the watermark
    is_ahead: bool,
    messages: PhantomData<fn(M)>,
}

/// A window.
pub(crate) struct Window<W: WindowLogic> {
    sum: W::Sum,
    due_ms: i64,                // when it must be looked at
    given: Option<Vec<W::Row>>, // once it has been answered, and is not final yet
}

impl<W: WindowLogic> Default for Window<W> {
    fn default() -> Self {
        Self { sum: W::Sum::default(), due_ms: EMPTY_STATE, given: None }
    }
}

impl<W: WindowLogic, M> WindowMachine<W, M> {
    pub(crate) fn new(logic: &W, is_ahead: bool, slack_ms: i64) -> Self {
        Self { logic: logic.clone(), slack_ms, is_ahead, messages: PhantomData }
    }
}

impl<W: WindowLogic, M: Message + Signed<W::Input>> KeyedStateMachine for WindowMachine<W, M> {
    type Message = M;
    type Key = W::Key;
    type State = Window<W>;
    type Row = Change<W::Row>;

    const HAS_TIMERS: bool = true;
    const STATE_BYTES: usize = std::mem::size_of::<W::Sum>();

    #[inline]
    fn key(&self, message: &M) -> Option<W::Key> {
        Some(self.logic.key(message.signed().0))
    }

    #[inline]
    fn take(&mut self, key: W::Key, window: &mut Window<W>, message: &M, _out: &mut Vec<Change<W::Row>>) {
        let (input, times) = message.signed();
        self.logic.add(&mut window.sum, input, times);
        if window.given.is_some() {
            window.due_ms = AT_ONCE;
        } else if window.due_ms == EMPTY_STATE {
            window.due_ms = self.logic.closes_at_ms(key);
        }
    }

    /// Inputs may have been combined and have no time of their own, so a window counts as touched until its end.
    #[inline]
    fn touched_ms(&self, key: W::Key, _message: &M) -> i64 {
        self.logic.closes_at_ms(key)
    }

    #[inline]
    fn expires_at_ms(&self, _key: W::Key, window: &Window<W>) -> i64 {
        window.due_ms
    }

    fn on_expiry(&mut self, key: W::Key, window: &mut Window<W>, out: &mut Vec<Change<W::Row>>) -> TimerOutcome {
        let final_at_ms = self.logic.closes_at_ms(key).saturating_add(self.slack_ms);
        if window.due_ms == final_at_ms && window.given.take().is_some() {
            return TimerOutcome::Evict;
        }
        let (mut before, mut rows) = (window.given.take().unwrap_or_default(), Vec::new());
        self.logic.answer(key, &window.sum, &mut rows);
        push_changes(&mut before, &mut rows, out);
        if !self.is_ahead {
            return TimerOutcome::Evict;
        }
        window.given = Some(rows);
        window.due_ms = final_at_ms;
        TimerOutcome::Keep
    }

    fn reached(&mut self, reached: EventTimeProgress) -> i64 {
        if self.is_ahead { reached.ahead_ms } else { reached.watermark_ms }
    }

    fn heap_bytes(&self, window: &Window<W>) -> usize {
        self.logic.heap_bytes(&window.sum)
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
    use crate::disorder::{Arrival, OrderName};
    use crate::eviction::{AfterExpiry, Eviction, Frontier, Never, StateShare};
    use crate::state::keyed_operator::KeyedOperator;
    use crate::state::operator::StateOperator;

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

    type Windows = KeyedOperator<WindowMachine<Tens, Change<(i64, i64)>>>;

    fn windows(order: OrderName, eviction: Eviction, slack_ms: i64) -> Windows {
        let slack_ms = if order.retracts() { slack_ms } else { 0 };
        let machine = WindowMachine::new(&Tens, order.retracts(), slack_ms);
        KeyedOperator::new(machine, eviction, StateShare::WHOLE, Box::new(Arrival))
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
            let (mut windows, mut out) = (windows(OrderName::Watermark, eviction, 0), Vec::new());
            windows.arrive(&mut [0, 9, 10].map(once).to_vec(), &mut out);
            assert_eq!(windows.payload(), (2, 2 * 16 + 3));
            for watermark_ms in [8, 9] {
                windows.advance(reached(watermark_ms, 0), &mut out);
                assert_eq!((out.len(), windows.state_counts().entries), (0, 2), "{watermark_ms} ms");
            }
            windows.advance(reached(10, 0), &mut out);
            assert_eq!((&out[..], windows.state_counts().entries), (&[Change::given(count(0, 2))][..], 1 + retired));
            assert_eq!(windows.payload(), (1, 16 + 1));
        }
    }

    #[test]
    fn ahead_of_the_watermark_a_window_is_corrected_until_that_has_passed() {
        let (mut windows, mut out) = (windows(OrderName::Speculative, Eviction::from(Frontier), 5), Vec::new());
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
            let exact = Eviction::ALL.into_iter().filter(|eviction| eviction.is_exact());
            for (order, eviction) in OrderName::ALL.into_iter().flat_map(|order| exact.clone().map(move |eviction| (order, eviction))) {
                let (mut windows, mut out) = (windows(order, eviction, slack_ms), Vec::new());
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
                    let drops = eviction.after_expiry() == AfterExpiry::Forget;
                    let held = if drops { sums.len() - closed(watermark_ms) } else { sums.len() };
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
