//! What the drivers of all workers of a process and the sampler share during a run.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use flowbench_measurement::record::Wire;
use flowbench_measurement::timeline::Reading;
use flowbench_pipelines::Deployment;

use crate::cluster::process_group::ProcessGroup;
use crate::measure::clock::Clock;
use crate::measure::gauges::{Gauges, Snapshot};
use crate::measure::load::{Idle, Load};
use crate::measure::resident_set::rss_bytes;
use crate::measure::scheduling::process_cpu_ns;
use crate::measure::worker_log::WorkerLog;

/// How long a worker that is done keeps its state for the final reading.
const FINAL_READING_PATIENCE: Duration = Duration::from_millis(200);

/// The state shared by the drivers of all workers and the sampler.
pub(crate) struct SharedRunState {
    pub(crate) load: Load,
    pub(crate) idle: Idle,
    pub(crate) process_group: Option<Arc<ProcessGroup>>,
    pub(crate) first_worker: usize, // of this process
    pub(crate) workers: usize,      // of all processes
    workers_preparing: AtomicUsize, // workers of this process that are not ready yet
    clock: Clock,
    cpu_before_ns: OnceLock<u64>, // of this process, when the run began
    weighing_cpu_ns: AtomicU64,   // of it, what weighing took
    workers_running: AtomicUsize, // workers that are not done yet
    final_reading: OnceLock<Reading>,
    sent: OnceLock<Wire>, // to other processes, when this one was done: what comes after are the answers for the check
    pub(crate) gauges: Vec<Gauges>,
    pub(crate) counts_bytes: AtomicBool, // the allocator counts what each worker takes
    logs: Mutex<Vec<WorkerLog>>,
}

impl SharedRunState {
    /// Creates the state for the `workers` of this process.
    pub(crate) fn new(
        workers: usize,
        deployment: &Deployment,
        load: Load,
        idle: Idle,
        process_group: Option<Arc<ProcessGroup>>,
    ) -> Self {
        Self {
            load,
            idle,
            process_group,
            first_worker: deployment.process() * workers,
            workers: deployment.processes() * workers,
            workers_preparing: AtomicUsize::new(workers),
            clock: Clock::default(),
            cpu_before_ns: OnceLock::new(),
            weighing_cpu_ns: AtomicU64::new(0),
            workers_running: AtomicUsize::new(workers),
            final_reading: OnceLock::new(),
            sent: OnceLock::new(),
            gauges: (0..workers).map(|_| Gauges::default()).collect(),
            counts_bytes: AtomicBool::new(true),
            logs: Mutex::new(Vec::new()),
        }
    }

    /// Reports that a worker is ready. The last one starts the clock for all.
    pub(crate) fn ready(&self) {
        if self.workers_preparing.fetch_sub(1, Ordering::AcqRel) == 1 {
            let common_start = self.process_group.as_ref().map(|process_group| process_group.start_together().at);
            let _ = self.cpu_before_ns.set(process_cpu_ns());
            self.clock.start(common_start.unwrap_or_else(Instant::now));
        }
    }

    /// Returns the CPU time of this process since the run began, ns, without that of weighing.
    pub(crate) fn cpu_ns(&self) -> u64 {
        let since = |before_ns: &u64| process_cpu_ns().saturating_sub(*before_ns);
        self.cpu_before_ns.get().map_or(0, since).saturating_sub(self.weighing_cpu_ns.load(Ordering::Relaxed))
    }

    /// Returns the time of the run, ns since the last worker was ready; `None` before. It stands still while any
    /// worker weighs its payload.
    pub(crate) fn now_ns(&self) -> Option<u64> {
        self.clock.now_ns()
    }

    /// Reports that a worker begins to weigh its payload.
    pub(crate) fn begin_weighing(&self) {
        self.clock.stop();
    }

    /// Reports that a worker has weighed its payload, which took `cpu_ns` of CPU time.
    pub(crate) fn end_weighing(&self, cpu_ns: u64) {
        self.weighing_cpu_ns.fetch_add(cpu_ns, Ordering::Relaxed);
        self.clock.resume();
    }

    /// Reports that a worker is done. The last one takes the final reading; the others keep their state until then,
    /// but not forever.
    pub(crate) fn finish_worker(&self) {
        if self.workers_running.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _ = self.final_reading.set(self.reading());
            let sent = self.process_group.as_ref().map(|process_group| process_group.meter().sent());
            let _ = self.sent.set(sent.unwrap_or_default());
        }
        let patience = Instant::now() + FINAL_READING_PATIENCE;
        while self.final_reading().is_none() && Instant::now() < patience {
            std::thread::yield_now();
        }
    }

    /// Returns what was left when all workers were done; `None` before.
    pub(crate) fn final_reading(&self) -> Option<Reading> {
        self.final_reading.get().copied()
    }

    /// Returns what was sent to other processes when all workers were done; `None` before.
    pub(crate) fn sent(&self) -> Option<Wire> {
        self.sent.get().copied()
    }

    /// Returns the logs of the workers that are gone, and forgets them.
    pub(crate) fn take_logs(&self) -> Vec<WorkerLog> {
        std::mem::take(&mut *self.logs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps the log of a worker.
    pub(crate) fn submit(&self, log: WorkerLog) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).push(log);
    }

    /// Returns the bytes of the answers that all workers keep for the check now.
    pub(crate) fn answer_bytes(&self) -> i64 {
        self.gauges.iter().map(|gauges| gauges.read().answer_bytes as i64).sum()
    }

    /// Takes a reading of all workers of this process.
    pub(crate) fn reading(&self) -> Reading {
        let at_ns = self.now_ns().unwrap_or(0);
        let held: Vec<Snapshot> = self.gauges.iter().map(Gauges::read).collect();
        let sum = |count: fn(&Snapshot) -> u64| held.iter().map(count).sum::<u64>();
        let live_bytes = held.iter().map(|of_worker| of_worker.live_bytes).sum();
        Reading {
            at_ns,
            admitted: sum(|held| held.admitted),
            live_bytes: self.counts_bytes.load(Ordering::Relaxed).then_some(live_bytes),
            least_bytes: sum(|held| held.least_bytes),
            rss_bytes: rss_bytes(),
            entries: sum(|held| held.entries),
            buffered: sum(|held| held.buffered),
            timers: sum(|held| held.timers),
            retractable: sum(|held| held.retractable),
            eviction_ns: sum(|held| held.eviction_ns),
            forgotten: sum(|held| held.forgotten),
            batches: sum(|held| held.batches),
            pss_bytes: None,
            allocator: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_begins_when_the_last_worker_is_ready_and_weighing_is_not_part_of_it() {
        let run_state = SharedRunState::new(2, &Deployment::Threads, Load::Closed, Idle::Spin, None);
        assert_eq!((run_state.now_ns(), run_state.cpu_ns()), (None, 0));
        run_state.ready();
        assert_eq!(run_state.now_ns(), None);
        run_state.ready();
        run_state.begin_weighing();
        let before_ns = run_state.now_ns();
        assert!(before_ns.is_some() && run_state.now_ns() == before_ns);
        run_state.end_weighing(3_600_000_000_000);
        assert_eq!(run_state.cpu_ns(), 0, "an hour has not passed yet");
    }
}
