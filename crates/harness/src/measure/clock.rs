//! The clock of a run, which stands still while the measured work does.
//!
//! Decision D-408.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// A clock that shows the time since the run began, without the time for which it was stopped. It never goes back.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    started: OnceLock<Instant>,
    state: AtomicU64, // running: the sum of all stops, ns; standing: STANDS and the time it shows
    stoppers: Mutex<usize>,
}

const STANDS: u64 = 1 << 63;
/// The state while the clock is being stopped: readers wait until it is known what it shows.
const STOPPING: u64 = u64::MAX;

impl Clock {
    /// Starts the clock at `at`.
    pub(crate) fn start(&self, at: Instant) {
        let _ = self.started.set(at);
    }

    /// Returns the time it shows, ns; `None` before it has been started.
    pub(crate) fn now_ns(&self) -> Option<u64> {
        let started = self.started.get()?;
        loop {
            let state = self.state.load(Ordering::Acquire);
            if state == STOPPING {
                std::thread::yield_now();
                continue;
            }
            if state & STANDS != 0 {
                return Some(state & !STANDS);
            }
            let elapsed_ns = started.elapsed().as_nanos() as u64;
            if self.state.load(Ordering::SeqCst) == state {
                return Some(elapsed_ns.saturating_sub(state));
            }
        }
    }

    /// Stops the clock until every caller has called [`resume`](Clock::resume).
    pub(crate) fn stop(&self) {
        let mut stoppers = self.stoppers.lock().unwrap_or_else(PoisonError::into_inner);
        *stoppers += 1;
        if *stoppers == 1
            && let Some(started) = self.started.get()
        {
            // No reader may see a later time than the one at which the clock is going to stand.
            let stopped_ns = self.state.swap(STOPPING, Ordering::SeqCst);
            let elapsed_ns = started.elapsed().as_nanos() as u64;
            self.state.store(elapsed_ns.saturating_sub(stopped_ns) | STANDS, Ordering::Release);
        }
    }

    /// Ends one call of [`stop`](Clock::stop); the clock runs again when all have ended.
    pub(crate) fn resume(&self) {
        let mut stoppers = self.stoppers.lock().unwrap_or_else(PoisonError::into_inner);
        *stoppers = stoppers.saturating_sub(1);
        let state = self.state.load(Ordering::Acquire);
        if *stoppers == 0
            && state & STANDS != 0
            && let Some(started) = self.started.get()
        {
            let elapsed_ns = started.elapsed().as_nanos() as u64;
            self.state.store(elapsed_ns.saturating_sub(state & !STANDS), Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_stands_until_the_last_stopper_resumes_it() {
        let clock = Clock::default();
        assert_eq!(clock.now_ns(), None);
        clock.start(Instant::now());
        clock.stop();
        let stood_ns = clock.now_ns();
        clock.stop();
        clock.resume();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(clock.now_ns(), stood_ns);
        let begun = Instant::now();
        clock.resume();
        let now_ns = clock.now_ns().unwrap() - stood_ns.unwrap();
        assert!(now_ns <= begun.elapsed().as_nanos() as u64, "the stop counts: {now_ns} ns");
    }

    #[test]
    fn no_reader_sees_it_go_back() {
        let clock = Clock::default();
        clock.start(Instant::now());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        clock.stop();
                        clock.resume();
                    }
                });
            }
            let mut last_ns = 0;
            for _ in 0..20_000 {
                let now_ns = clock.now_ns().unwrap();
                assert!(now_ns >= last_ns, "{last_ns} {now_ns}");
                last_ns = now_ns;
            }
        });
    }
}
