//! One worker's part of a stage that sums up windows.

use std::marker::PhantomData;

use crate::answers::{Change, push_changes};
use crate::driver::Census;
use crate::eviction::{EvictionName, ExpiryQueue};
use crate::feed::Reached;
use crate::logic::WindowLogic;
use crate::part::Part;
use crate::pipeline::Choice;
use crate::table::Table;

/// Something that can be added up: plain rows count once, changes as often as they say.
pub(crate) trait Signed<R>: Copy {
    /// The row and how often it counts.
    fn signed(&self) -> (&R, i64);

    /// Comes to stand for another one of the same group as well; false if it cannot.
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

/// The sums of open windows, answered when the watermark has passed their end. Under `speculative` they are answered as soon
/// as that event time has been reached, and corrected until the watermark has passed it.
pub(crate) struct WindowPart<W: WindowLogic, M> {
    logic: W,
    table: Table<W::Key, Window<W>>,
    open: ExpiryQueue<W::Key>,
    answered: ExpiryQueue<W::Key>, // and not final yet
    touched: Vec<W::Key>,          // since they were answered
    ahead: bool,
    keeps: bool,
    buried: Vec<(W::Key, W::Sum)>,
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

impl<W: WindowLogic, M> WindowPart<W, M> {
    pub(crate) fn new(logic: &W, choice: &Choice) -> Self {
        Self {
            logic: logic.clone(),
            table: Table::default(),
            open: ExpiryQueue::default(),
            answered: ExpiryQueue::default(),
            touched: Vec::new(),
            ahead: choice.order.takes_back(),
            keeps: choice.eviction == EvictionName::Never,
            buried: Vec::new(),
            messages: PhantomData,
        }
    }

    /// Answers a window, or what has changed about its answers.
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
            self.buried.extend(window.map(|window| (key, window.sum)));
        }
    }
}

impl<W: WindowLogic, M: Signed<W::Input>> Part<M, Change<W::Row>> for WindowPart<W, M> {
    fn arrive(&mut self, arrived: &mut Vec<M>, _out: &mut Vec<Change<W::Row>>) {
        for message in arrived.drain(..) {
            let (input, times) = message.signed();
            let key = self.logic.key(input);
            let (window, new) = self.table.get_or_default(key);
            self.logic.add(&mut window.sum, input, times);
            if new {
                self.open.file(key, self.logic.closes_at_ms(key));
            } else if window.given.is_some() && !window.touched {
                window.touched = true;
                self.touched.push(key);
            }
        }
    }

    fn advance(&mut self, reached: Reached, out: &mut Vec<Change<W::Row>>) {
        for key in std::mem::take(&mut self.touched) {
            self.answer(key, out);
        }
        let until_ms = if self.ahead { reached.ahead_ms } else { reached.watermark_ms };
        while let Some(key) = self.open.next_expired(until_ms, |key| self.logic.closes_at_ms(key)) {
            self.answer(key, out);
            self.answered.file(key, self.logic.closes_at_ms(key));
        }
        while let Some(key) = self.answered.next_expired(reached.watermark_ms, |key| self.logic.closes_at_ms(key)) {
            self.forget(key);
        }
        self.table.shrink();
    }

    fn census(&self) -> Census {
        let entries = self.table.len() + self.buried.len();
        let least_bytes = entries * (std::mem::size_of::<W::Key>() + std::mem::size_of::<W::Sum>());
        Census { entries, least_bytes, ..Census::default() }
    }

    fn payload(&self) -> (usize, usize) {
        let inline_bytes = std::mem::size_of::<W::Key>() + std::mem::size_of::<W::Sum>();
        let sums = self.table.states().map(|window| inline_bytes + self.logic.heap_bytes(&window.sum));
        (self.table.len(), sums.sum())
    }
}
