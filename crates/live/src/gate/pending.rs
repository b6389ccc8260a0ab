//! What has been offered and not been decided yet: a bounded queue between those who offer and the gate.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::event_time::EventTimePace;
use crate::intake::{Full, IntakeReceipt, Offered, Ticket};

/// Batches that wait for the gate.
#[derive(Debug)]
pub(crate) struct Pending {
    limit_events: usize,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<PendingBatch>,
    events: usize,
    is_closed: bool,
    simulated_sources: usize,
    event_time: EventTimePace,
}

/// A batch with the sender of its receipt.
#[derive(Debug)]
pub(crate) struct PendingBatch {
    pub(crate) offered: Vec<Offered>,
    pub(crate) offered_at: Instant,
    pub(crate) receipt: oneshot::Sender<IntakeReceipt>,
}

/// A source that has a clock of its own, for as long as this is held.
#[derive(Debug)]
pub struct SimulatedSource {
    pending: Arc<Pending>,
}

impl SimulatedSource {
    pub(crate) fn new(pending: &Arc<Pending>) -> SimulatedSource {
        pending.waiting().simulated_sources += 1;
        SimulatedSource { pending: Arc::clone(pending) }
    }
}

impl Drop for SimulatedSource {
    fn drop(&mut self) {
        self.pending.waiting().simulated_sources -= 1;
    }
}

/// When a full intake is worth another try: a few epochs later.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Pending {
    /// Returns an empty queue for this many events; a batch fits if the queue is not full yet.
    pub(crate) fn new(limit_events: usize) -> Pending {
        Pending { limit_events, waiting: Mutex::default(), changed: Condvar::new() }
    }

    pub(crate) fn offer(&self, offered: Vec<Offered>) -> Result<Ticket, Full> {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            return Ok(oneshot::channel().1); // whose sender is gone: the intake has ended
        }
        if waiting.events >= self.limit_events {
            return Err(Full { retry_after: RETRY_AFTER });
        }
        Ok(self.push(&mut waiting, offered))
    }

    /// Takes a batch even if the queue is full; `None` if it is closed.
    pub(crate) fn offer_beyond_limit(&self, offered: Vec<Offered>) -> Option<Ticket> {
        let mut waiting = self.waiting();
        (!waiting.is_closed).then(|| self.push(&mut waiting, offered))
    }

    fn push(&self, waiting: &mut Waiting, offered: Vec<Offered>) -> Ticket {
        let (receipt, ticket) = oneshot::channel();
        waiting.events += offered.len();
        waiting.batches.push_back(PendingBatch { offered, offered_at: Instant::now(), receipt });
        self.changed.notify_all();
        ticket
    }

    /// Takes whole batches of `most_events` or a little more, as soon as there are as many or the oldest has waited for
    /// `wait`; none if nothing is offered for `idle`. `None` when the queue is closed and empty.
    pub(crate) fn take(&self, most_events: usize, wait: Duration, idle: Duration) -> Option<Vec<PendingBatch>> {
        let mut waiting = self.waiting();
        let give_up = Instant::now() + idle;
        loop {
            let cut_at = waiting.batches.front().map(|oldest| oldest.offered_at + wait);
            let until = cut_at.unwrap_or(give_up);
            let now = Instant::now();
            if waiting.events >= most_events || waiting.is_closed || now >= until {
                break;
            }
            waiting = self.changed.wait_timeout(waiting, until - now).unwrap_or_else(PoisonError::into_inner).0;
        }
        if waiting.is_closed && waiting.batches.is_empty() {
            return None;
        }
        let (mut taken, mut events) = (Vec::new(), 0);
        while events < most_events
            && let Some(batch) = waiting.batches.pop_front()
        {
            events += batch.offered.len();
            taken.push(batch);
        }
        waiting.events -= events;
        self.changed.notify_all();
        Some(taken)
    }

    /// Waits until there is room for a batch; returns false if there is none after `deadline` or the intake has ended.
    pub(crate) fn wait_for_room(&self, deadline: Duration) -> bool {
        let full = |waiting: &mut Waiting| waiting.events >= self.limit_events && !waiting.is_closed;
        let waited = self.changed.wait_timeout_while(self.waiting(), deadline, full);
        let (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.events < self.limit_events && !waiting.is_closed
    }

    /// Returns true if there is a source that has a clock of its own.
    pub(crate) fn has_simulated(&self) -> bool {
        self.waiting().simulated_sources > 0
    }

    pub(crate) fn set_event_time(&self, pace: EventTimePace) {
        self.waiting().event_time = pace;
    }

    pub(crate) fn event_time(&self) -> EventTimePace {
        self.waiting().event_time
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.waiting().is_closed
    }

    /// Takes nothing any more. What waits is still decided.
    pub(crate) fn close(&self) {
        self.waiting().is_closed = true;
        self.changed.notify_all();
    }

    /// Takes nothing any more, and drops what waits.
    pub(crate) fn abandon(&self) {
        let mut waiting = self.waiting();
        waiting.is_closed = true;
        waiting.events = 0;
        waiting.batches.clear();
        self.changed.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
