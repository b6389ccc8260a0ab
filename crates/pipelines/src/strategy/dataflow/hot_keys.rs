//! Which keys are hot, as one reader sees it.

use flowbench_events::mix;

use crate::feed::spread as by_route;

/// Which keys are hot, and what each worker has been given, as seen by one reader.
///
/// Keys are counted by a few bits of their route. Some share a count, which at worst splits a key that need not be
/// split.
#[derive(Debug, Clone)]
pub(crate) struct HotKeys {
    given: Vec<u64>,
    counts: Vec<u32>, // in the present window
    hot: Vec<bool>,   // in the one before
    left: u32,
}

/// Counters that keys share.
const SLOTS: usize = 1024;
/// Messages after which it is decided again what is hot.
const WINDOW: u32 = 1 << 15;
/// A counter is hot with more than this share of what one worker should get.
const HOT_SHARE: f64 = 0.25;

impl HotKeys {
    /// Creates the counters for `workers`. Nothing is hot in the first window.
    pub(crate) fn new(workers: usize) -> Self {
        Self { given: vec![0; workers], counts: vec![0; SLOTS], hot: vec![false; SLOTS], left: WINDOW }
    }

    pub(crate) fn workers(&self) -> usize {
        self.given.len()
    }

    /// Returns the worker for a message with this route.
    #[inline]
    pub(crate) fn choose(&mut self, route: u64) -> usize {
        let (slot, workers) = (by_route(route, SLOTS), self.given.len());
        self.counts[slot] += 1;
        self.left -= 1;
        if self.left == 0 {
            self.decide();
        }
        let home = by_route(route, workers);
        let other = if self.hot[slot] { by_route(mix(route), workers) } else { home };
        let chosen = if self.given[other] < self.given[home] { other } else { home };
        self.given[chosen] += 1;
        chosen
    }

    #[cold]
    fn decide(&mut self) {
        let least = (f64::from(WINDOW) * HOT_SHARE / self.given.len() as f64) as u32;
        for (hot, count) in self.hot.iter_mut().zip(&mut self.counts) {
            *hot = std::mem::take(count) > least;
        }
        self.left = WINDOW;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hot_key_is_shared_by_two_workers_and_the_others_stay_at_home() {
        let (workers, hot) = (8, mix(7));
        let mut keys = HotKeys::new(workers);
        let mut of_hot = vec![0_u64; workers];
        for at in 0..10 * u64::from(WINDOW) {
            let route = if at % 10 < 3 { hot } else { mix(at) };
            let worker = keys.choose(route);
            if route == hot {
                of_hot[worker] += u64::from(at > u64::from(WINDOW));
            } else {
                let shares_a_slot = by_route(route, SLOTS) == by_route(hot, SLOTS);
                assert!(shares_a_slot || worker == by_route(route, workers), "a cold key has left its home");
            }
        }
        let shared: Vec<u64> = of_hot.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(shared.len(), 2, "{shared:?}");
        assert!(shared.iter().all(|count| *count > 2 * u64::from(WINDOW) / 3), "{shared:?}");
    }
}
