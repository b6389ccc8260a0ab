//! Orders that are overdue now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::wall::content::{OverdueOrders, TileFigure};
use crate::wall::row::AnswerRow;
use crate::wall::tile_state::TileState;

/// Overdue orders at most.
const ORDERS_MAX: usize = 100_000;
/// Orders that were overdue and are no longer, of which one may come back when an answer is taken back.
const SETTLED_MAX: usize = 10_000;

/// The orders that are overdue, with the time since when.
pub(super) struct Overdue {
    oldest: usize,
    orders: BTreeMap<String, i64>,
    by_time: BTreeSet<(i64, String)>,
    settled: VecDeque<(String, i64)>,
    newest_ms: Option<i64>,
}

impl Overdue {
    pub(super) fn new(oldest: usize) -> Overdue {
        let (orders, by_time, settled) = (BTreeMap::new(), BTreeSet::new(), VecDeque::new());
        Overdue { oldest, orders, by_time, settled, newest_ms: None }
    }

    fn add(&mut self, order: String, since_ms: i64) -> Result<(), String> {
        if self.orders.len() >= ORDERS_MAX {
            return Err(format!("more than {ORDERS_MAX} orders are overdue; those beyond are not counted"));
        }
        self.remove(&order);
        self.by_time.insert((since_ms, order.clone()));
        self.orders.insert(order, since_ms);
        Ok(())
    }

    fn remove(&mut self, order: &str) -> Option<i64> {
        let since_ms = self.orders.remove(order)?;
        self.by_time.remove(&(since_ms, order.to_owned()));
        Some(since_ms)
    }

    fn settle(&mut self, order: String) {
        if let Some(since_ms) = self.remove(&order) {
            self.settled.push_back((order, since_ms));
            if self.settled.len() > SETTLED_MAX {
                self.settled.pop_front();
            }
        }
    }

    /// Lets an order be overdue again whose end is taken back, if it was.
    fn unsettle(&mut self, order: &str) -> Result<(), String> {
        let at = self.settled.iter().rposition(|(settled, _)| settled == order);
        match at.and_then(|at| self.settled.remove(at)) {
            Some((order, since_ms)) => self.add(order, since_ms),
            None => Ok(()),
        }
    }
}

impl TileState for Overdue {
    fn take(&mut self, row: &AnswerRow) -> Result<i64, String> {
        let (time_ms, order, state) = (row.time_ms()?, row.text("order")?, row.text("state")?);
        if order.len() > 256 {
            return Err("the name of an order is longer than 256 bytes".to_owned());
        }
        match (&*state, row.change > 0) {
            ("overdue", true) => self.add(order, time_ms)?,
            ("overdue", false) => {
                self.remove(&order);
                self.settled.retain(|(settled, _)| *settled != order);
            }
            ("dispatched" | "cancelled", true) => self.settle(order),
            ("dispatched" | "cancelled", false) => self.unsettle(&order)?,
            _ => return Err("the state of a row is none of overdue, dispatched, cancelled".to_owned()),
        }
        self.newest_ms = self.newest_ms.max(Some(time_ms));
        Ok(time_ms)
    }

    fn figure(&self) -> TileFigure {
        let oldest = self.by_time.iter().take(self.oldest).map(|(since_ms, order)| (order.clone(), *since_ms));
        TileFigure::Overdue(OverdueOrders { count: self.orders.len(), oldest: oldest.collect() })
    }

    fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    fn oldest_shown_ms(&self) -> Option<i64> {
        None
    }
}
