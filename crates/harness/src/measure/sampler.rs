//! Samples memory and the machine while a case runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::environment::{CpuTicks, throttled_ns};
use crate::measure::observed::Observations;
use crate::measure::run_state::SharedRunState;

/// The sampling thread. There is only one: it takes time from the workers where no core is free.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    watcher: JoinHandle<Observations>,
}

/// The time between two readings.
const PERIOD: Duration = Duration::from_millis(4);
/// The number of readings allocated in advance.
const READINGS: usize = 1 << 14;

impl Sampler {
    pub(crate) fn start(track: &Arc<SharedRunState>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (track, watcher_stop) = (Arc::clone(track), Arc::clone(&stop));
        let watcher = thread::spawn(move || watch(&track, &watcher_stop));
        Self { stop, watcher }
    }

    pub(crate) fn stop(self) -> Observations {
        self.stop.store(true, Ordering::Release);
        self.watcher.thread().unpark();
        self.watcher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn watch(track: &SharedRunState, stop: &AtomicBool) -> Observations {
    let mut readings = Vec::with_capacity(READINGS);
    while track.now_ns().is_none() && !stop.load(Ordering::Acquire) {
        thread::yield_now();
    }
    let (ticks_before, throttled_before) = (CpuTicks::now(), throttled_ns());
    while track.final_reading().is_none() && !stop.load(Ordering::Acquire) {
        readings.push(track.reading());
        thread::park_timeout(PERIOD);
    }
    // The last reading is what was left when everything was done; later the dataflow is gone.
    readings.extend(track.final_reading());
    let elapsed_ns = track.now_ns().unwrap_or(0).max(1) as f64;
    Observations {
        readings,
        cpu_ns: track.cpu_ns(),
        steal_share: ticks_before.and_then(|before| CpuTicks::now()?.stolen_share_since(&before)),
        throttled_share: throttled_before
            .and_then(|before| Some(throttled_ns()?.saturating_sub(before) as f64 / elapsed_ns)),
    }
}
