//! The times of recent events of a key, counted within a sliding window.

use crate::tight;

/// Times of recent events, 16 bytes. Most keys have one, so only the others pay for a list.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    newest_ms: i64, // i64::MIN: none yet
    earlier_ms: Option<Box<Earlier>>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { newest_ms: i64::MIN, earlier_ms: None }
    }
}

#[derive(Debug, Clone, Default)]
struct Earlier(Vec<i64>);

impl Earlier {
    fn retain(&mut self, needed: impl Fn(i64) -> bool) {
        self.0.retain(|time_ms| needed(*time_ms));
        if self.0.capacity() > 2 * self.0.len() + 1 {
            self.0.shrink_to_fit();
        }
    }
}

impl Recent {
    /// Counts an event and those before it within the window (t - `window_ms`, t], and remembers it.
    pub(crate) fn count(&mut self, event_time_ms: i64, window_ms: i64) -> usize {
        let window = event_time_ms.saturating_sub(window_ms).saturating_add(1)..=event_time_ms;
        let earlier = self.earlier_ms.as_ref().map_or(&[][..], |earlier| &earlier.0);
        let n = 1 + earlier.iter().chain([&self.newest_ms]).filter(|time| window.contains(time)).count();
        self.remember(event_time_ms, window_ms);
        n
    }

    /// Adds an event, and forgets those that no later one can see.
    fn remember(&mut self, event_time_ms: i64, window_ms: i64) {
        let older_ms = self.newest_ms.min(event_time_ms);
        self.newest_ms = self.newest_ms.max(event_time_ms);
        let needed = |time_ms: i64| time_ms > self.newest_ms.saturating_sub(window_ms);
        if let Some(earlier) = &mut self.earlier_ms {
            earlier.retain(needed);
        }
        if needed(older_ms) {
            // A second event is common, a third is not.
            tight::push(&mut self.earlier_ms.get_or_insert_default().0, older_ms);
        } else if self.earlier_ms.as_ref().is_some_and(|earlier| earlier.0.is_empty()) {
            self.earlier_ms = None;
        }
    }

    /// Returns the last event time at which the newest event is still within the half-open window.
    pub(crate) fn expires_at_ms(&self, window_ms: i64) -> i64 {
        self.newest_ms.saturating_add(window_ms - 1)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.earlier_ms.as_ref().map_or(0, |earlier| std::mem::size_of::<Earlier>() + earlier.0.len() * 8)
    }
}
