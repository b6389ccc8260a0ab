//! Which states may have expired.

use super::expiry_queue::ExpiryQueue;
use super::timer_wheel::TimerWheel;
use crate::message::Key;

/// Keys by the time at which their state may expire.
///
/// A key whose turn comes may live on: its exact expiry is asked of the state itself, and it is scheduled again.
pub enum ExpirySchedule<K> {
    /// In a calendar.
    Queue(ExpiryQueue<K>),
    /// In a hierarchical timer wheel.
    Wheel(TimerWheel<K>),
}

impl<K: Key> Default for ExpirySchedule<K> {
    fn default() -> Self {
        ExpirySchedule::Queue(ExpiryQueue::default())
    }
}

impl<K: Key> ExpirySchedule<K> {
    /// Schedules a key; `i64::MAX` means never and is not scheduled.
    #[inline]
    pub(crate) fn schedule(&mut self, key: K, expires_at_ms: i64) {
        match self {
            ExpirySchedule::Queue(queue) => queue.schedule(key, expires_at_ms),
            ExpirySchedule::Wheel(wheel) => wheel.schedule(key, expires_at_ms),
        }
    }

    /// Schedules again, at another time, a key that is already scheduled.
    pub(crate) fn reschedule(&mut self, key: K, expires_at_ms: i64) {
        self.allow_duplicates();
        self.schedule(key, expires_at_ms);
    }

    /// Notes that a state is gone whose key is still scheduled: it may be created again and then be scheduled twice.
    pub(crate) fn allow_duplicates(&mut self) {
        match self {
            ExpirySchedule::Queue(queue) => queue.allow_duplicates(),
            ExpirySchedule::Wheel(wheel) => wheel.allow_duplicates(),
        }
    }

    /// Returns the next key whose state may have expired below `until_ms`.
    pub(crate) fn next_due(&mut self, until_ms: i64) -> Option<K> {
        match self {
            ExpirySchedule::Queue(queue) => queue.next_due(until_ms),
            ExpirySchedule::Wheel(wheel) => wheel.next_due(until_ms),
        }
    }

    /// Returns the time below which expired states are given out when event time has reached `until_ms`.
    pub(crate) fn due_below_ms(&self, until_ms: i64) -> i64 {
        match self {
            ExpirySchedule::Queue(_) => until_ms,
            ExpirySchedule::Wheel(wheel) => wheel.due_below_ms(until_ms),
        }
    }

    /// True if many of the keys belong to states that are gone, or are scheduled twice, where there are `states` states.
    pub(crate) fn is_stale(&self, states: usize) -> bool {
        match self {
            ExpirySchedule::Queue(queue) => queue.is_stale(states),
            ExpirySchedule::Wheel(wheel) => wheel.is_stale(states),
        }
    }

    /// Schedules these keys and no others.
    pub(crate) fn renew(&mut self, expiries: impl Iterator<Item = (K, i64)>) {
        match self {
            ExpirySchedule::Queue(queue) => queue.clear(),
            ExpirySchedule::Wheel(wheel) => wheel.clear(),
        }
        expiries.for_each(|(key, expires_at_ms)| self.schedule(key, expires_at_ms));
    }

    /// Returns the number of keys that are scheduled.
    pub(crate) fn len(&self) -> usize {
        match self {
            ExpirySchedule::Queue(queue) => queue.len(),
            ExpirySchedule::Wheel(wheel) => wheel.len(),
        }
    }
}
