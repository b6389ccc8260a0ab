//! Samples memory and the machine while a case runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flowbench_measurement::timeline::Reading;

use crate::drive::SharedRunState;
use crate::environment::{CpuTicks, throttled_ns};
use crate::gauges::{Gauges, Snapshot};

/// Everything observed during a run besides latencies.
#[derive(Debug, Clone)]
pub struct Observations {
    /// Memory and entries over time.
    pub readings: Vec<Reading>,
    /// CPU time of the process from the start of the run to its end, ns.
    pub cpu_ns: u64,
    /// Share (0 to 1) of the machine's CPU time stolen meanwhile; absent where it is too little to tell from nothing.
    pub steal_share: Option<f64>,
    /// Share (0 to 1) of the run in which a quota held the process back.
    pub throttled_share: Option<f64>,
}

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
        readings.push(read(track));
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

/// Takes a reading.
pub(crate) fn read(track: &SharedRunState) -> Reading {
    let at_ns = track.now_ns().unwrap_or(0);
    let held: Vec<Snapshot> = track.gauges.iter().map(Gauges::read).collect();
    let sum = |count: fn(&Snapshot) -> u64| held.iter().map(count).sum::<u64>();
    let live_bytes = held.iter().map(|of_worker| of_worker.live_bytes).sum();
    Reading {
        at_ns,
        admitted: sum(|held| held.admitted),
        live_bytes: track.counts_bytes.load(Ordering::Relaxed).then_some(live_bytes),
        least_bytes: sum(|held| held.least_bytes),
        rss_bytes: rss_bytes(),
        entries: sum(|held| held.entries),
        buffered: sum(|held| held.buffered),
    }
}

/// Returns the resident set of this process, bytes; 0 where /proc is not available.
fn rss_bytes() -> u64 {
    rss_bytes_of("self").unwrap_or(0)
}

/// Returns the maximum resident set that this process has had, bytes.
pub(crate) fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(kib.trim().parse::<u64>().ok()? << 10)
}

/// Returns the resident set of a process, bytes.
pub(crate) fn rss_bytes_of(process: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
