//! Samples memory and the machine while a case runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowbench_measurement::timeline::Reading;

use crate::environment::{RunCounters, RunDisturbance, on_battery, swap_use};
use crate::measure::allocator::allocator_bytes;
use crate::measure::observed::Observations;
use crate::measure::request_to_end;
use crate::measure::resident_set::pss_bytes;
use crate::measure::run_state::SharedRunState;

/// The sampling thread. There is only one: it takes time from the workers where no core is free.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Observations>,
}

/// The time between two readings.
const PERIOD: Duration = Duration::from_millis(4);
/// The allocator adds up what its arenas have at one reading of this many: that takes longer than all the rest.
const ALLOCATOR_EVERY: u64 = 8;
/// The number of readings allocated in advance.
const READINGS: usize = 1 << 14;

impl Sampler {
    pub(crate) fn start(run_state: &Arc<SharedRunState>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (run_state, sampler_stop) = (Arc::clone(run_state), Arc::clone(&stop));
        let thread = thread::spawn(move || watch(&run_state, &sampler_stop));
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Observations {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn watch(run_state: &SharedRunState, stop: &AtomicBool) -> Observations {
    let mut readings = Vec::with_capacity(READINGS);
    request_to_end::set_watched(true);
    let mut pss = ProportionalSet::read_now();
    while run_state.now_ns().is_none() && !stop.load(Ordering::Acquire) {
        thread::yield_now();
    }
    let counters = RunCounters::now();
    let swap = swap_use();
    let before = allocator_bytes();
    let since_begin = || Some(allocator_bytes()?.since(before?).without(run_state.answer_bytes()));
    let mut allocator = since_begin();
    for turn in 1_u64.. {
        if run_state.final_reading().is_some() || stop.load(Ordering::Acquire) {
            break;
        }
        if turn.is_multiple_of(ALLOCATOR_EVERY) {
            allocator = since_begin();
        }
        pss.read_if_due();
        let reading = Reading { allocator, pss_bytes: pss.bytes, ..run_state.reading() };
        if request_to_end::is_asked() {
            request_to_end::end(&reading);
        }
        readings.push(reading);
        thread::park_timeout(PERIOD);
    }
    request_to_end::set_watched(false);
    // The last reading is what was left when everything was done; later the dataflow is gone.
    pss.bytes = pss_bytes();
    readings.extend(run_state.final_reading().map(|last| Reading { allocator, pss_bytes: pss.bytes, ..last }));
    let RunDisturbance { steal_share, throttled_share, swapped_bytes } =
        counters.since(run_state.now_ns().unwrap_or(0));
    Observations {
        readings,
        cpu_ns: run_state.cpu_ns(),
        steal_share,
        throttled_share,
        pss_bytes: pss.bytes,
        swapped_bytes,
        swap,
        on_battery: on_battery(), // firmware is asked, which may take long
    }
}

/// The proportional set of this process, read seldom.
///
/// Decision D-442.
struct ProportionalSet {
    bytes: Option<u64>,
    due: Instant,
}

/// The least time between two readings of the proportional set, as a multiple of what the last one took.
const PSS_PAUSE: u32 = 2_000;

impl ProportionalSet {
    fn read_now() -> Self {
        let begun = Instant::now();
        let bytes = pss_bytes();
        Self { bytes, due: Instant::now() + begun.elapsed() * PSS_PAUSE }
    }

    fn read_if_due(&mut self) {
        if self.bytes.is_some() && Instant::now() >= self.due {
            *self = Self::read_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proportional_set_is_read_again_when_it_is_due() {
        let mut pss = ProportionalSet::read_now();
        pss.bytes = pss.bytes.map(|_| 1);
        pss.due = Instant::now() + Duration::from_secs(3600);
        pss.read_if_due();
        assert_eq!(pss.bytes, Some(1), "not before");
        pss.due = Instant::now();
        pss.read_if_due();
        assert!(pss.bytes > Some(1) && pss.due > Instant::now(), "{:?}", pss.bytes);
    }
}
