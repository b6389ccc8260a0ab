//! The driver of one worker: decides what it may offer, and records what happens to it, how busy the worker was, what
//! it holds and what the machine took from it.
//!
//! Decisions D-404, D-405 and D-407.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flowbench_measurement::doubts::NotPinned;
use flowbench_measurement::lost_time::Gap;
use flowbench_pipelines::{ArrangementCounts, Driver, Feed, OperatorName, StateCounts};

use crate::measure::allocation::Allocation;
use crate::measure::gauges::{Gauges, Snapshot};
use crate::measure::load::{Idle, Load};
use crate::measure::run_state::SharedRunState;
use crate::measure::scheduling::{Scheduling, thread_cpu_ns, wake_up_in_time};
use crate::measure::worker_log::{ArrangementHolding, OperatorHolding, Pass, WorkerLog};

/// How long a worker without work spins before it sleeps, if it may sleep at all.
pub(crate) const SPIN_BEFORE_PARK: Duration = Duration::from_micros(50);
/// The longest sleep, after which a worker looks for work even if it was not woken.
const NAP_MAX: Duration = Duration::from_millis(10);
/// Epochs each worker may have open in a closed loop: enough to keep it busy.
const EPOCHS_IN_FLIGHT: u64 = 4;
/// The number of rounds of every worker before the run begins: in the first ones a dataflow frees memory it was built
/// with.
const ROUNDS_BEFORE: usize = 16;
/// The duration from which a round without work counts as held up, ns; it normally takes about a microsecond.
const IDLE_GAP_NS: u64 = 10_000;
/// The duration from which a round with work is examined, ns: the few hundred ns of the system call are then less than
/// a hundredth of it.
const SUSPICIOUS_NS: u64 = 50_000;
/// The time off the CPU from which a round with work has lost time, ns; less is a system call or an interrupt.
const OFF_CPU_NS: u64 = 5_000;
/// The shortest time that evictions take at once which is recorded, ns.
const PASS_NS: u64 = 20_000;
/// The time between two looks at the operators of a worker, ns.
const OPERATORS_EVERY_NS: u64 = 25_000_000;

pub(crate) struct WorkerDriver {
    run_state: Arc<SharedRunState>,
    gauges: usize, // which of those of this process
    records_per_epoch: u64,
    events: u64,
    rounds_before: usize, // to go, and one more until it has begun
    completed_epochs: u64,
    round: Round,
    cpu: CpuClock,
    began: Option<Began>,
    slept: Duration, // requested sleep
    allocation: Option<Allocation>,
    census: StateCounts,
    shown: Snapshot,
    weighing: Option<Began>,
    weighed: Duration,
    scheduling: Scheduling, // when it was ready
    operators_at_ns: u64,   // when its operators are to be looked at again
    log: WorkerLog,
}

/// The time from one call of `admissible` to the next.
#[derive(Debug, Default)]
struct Round {
    begun_ns: u64,
    worked: bool,
    sleep: Option<Sleep>, // if it is one
    free_since_ns: u64,   // the end of the last round with work
}

/// A sleep that a worker has requested.
#[derive(Debug)]
struct Sleep {
    begun: Instant,
    wakes_at_ns: u64,
}

/// The instant at which something began, and the CPU time of the thread at that instant.
#[derive(Debug, Clone, Copy)]
struct Began {
    at: Instant,
    cpu_ns: u64,
}

impl Began {
    fn now() -> Self {
        Self { at: Instant::now(), cpu_ns: thread_cpu_ns() }
    }

    /// Returns the CPU time since then, ns.
    fn cpu_since_ns(&self) -> u64 {
        thread_cpu_ns().saturating_sub(self.cpu_ns)
    }
}

impl WorkerDriver {
    /// Creates the driver of one worker, which is bound to `core`; the first `readers` of all workers read.
    pub(crate) fn new(
        worker: usize,
        readers: usize,
        core: Option<Result<usize, NotPinned>>,
        run_state: &Arc<SharedRunState>,
        feed: &Feed,
    ) -> Self {
        Self {
            run_state: Arc::clone(run_state),
            gauges: worker - run_state.first_worker,
            records_per_epoch: feed.records_per_epoch() as u64,
            events: feed.trace().events.len() as u64,
            rounds_before: ROUNDS_BEFORE + 1,
            completed_epochs: 0,
            round: Round::default(),
            cpu: CpuClock::default(),
            began: None,
            slept: Duration::ZERO,
            allocation: None,
            census: StateCounts::default(),
            shown: Snapshot::default(),
            weighing: None,
            weighed: Duration::ZERO,
            scheduling: Scheduling::default(),
            operators_at_ns: 0,
            log: WorkerLog { core, ..WorkerLog::new(worker as u64, readers as u64, feed.epochs()) },
        }
    }

    /// Returns the time of the run, ns; `None` while workers are not ready.
    fn now_ns(&self) -> Option<u64> {
        self.run_state.now_ns()
    }

    /// Gets the worker ready during its first rounds, waits for the others, and begins. Returns true when it has
    /// begun.
    fn has_begun(&mut self) -> bool {
        if self.rounds_before > 1 {
            self.rounds_before -= 1;
            if self.rounds_before == 1 {
                self.get_ready();
            }
        } else if self.rounds_before == 1 && self.run_state.now_ns().is_some() {
            self.rounds_before = 0;
            self.begin();
        }
        self.rounds_before == 0
    }

    /// Prepares the worker while the clock is not running yet.
    fn get_ready(&mut self) {
        if self.run_state.idle == Idle::Park {
            wake_up_in_time();
        }
        self.scheduling = Scheduling::of_this_thread();
        // Before the clock can start: another worker may begin first, and have this one work before it begins itself.
        self.allocation = Allocation::of_this_thread();
        if self.allocation.is_none() {
            self.run_state.counts_bytes.store(false, Ordering::Relaxed);
        }
        self.run_state.ready();
    }

    /// Starts counting time, before this worker may offer anything.
    fn begin(&mut self) {
        let began = Began::now();
        self.cpu = CpuClock { cpu_ns: began.cpu_ns, at_ns: self.run_state.now_ns().unwrap_or(0) };
        self.began = Some(began);
    }

    /// Ends a round: decides whether it was work, sleep or idleness, and how much of it was lost.
    fn end_round(&mut self, now_ns: u64) {
        let Round { begun_ns, worked, .. } = self.round;
        let sleep = self.round.sleep.take().filter(|_| !worked);
        self.round.begun_ns = now_ns;
        self.round.worked = false;
        let length_ns = now_ns.saturating_sub(begun_ns);
        if worked {
            self.log.busy_ns += length_ns;
            self.round.free_since_ns = now_ns;
        }
        if let Some(Sleep { begun, wakes_at_ns }) = sleep {
            // A sleep is requested time off the CPU, until it should have been over.
            self.cpu.off_ns(now_ns);
            self.slept += begun.elapsed().saturating_sub(Duration::from_nanos(now_ns.saturating_sub(wakes_at_ns)));
            return self.record_gap(wakes_at_ns.max(begun_ns), now_ns, length_ns, true);
        }
        if length_ns >= if worked { SUSPICIOUS_NS } else { IDLE_GAP_NS } {
            let off_cpu_ns = self.cpu.off_ns(now_ns).min(length_ns);
            if worked && off_cpu_ns >= OFF_CPU_NS {
                self.log.busy_ns -= off_cpu_ns;
            }
            self.record_gap(begun_ns, now_ns, off_cpu_ns, !worked);
        }
    }

    /// Begins a round now if the time since the last call of `admissible` was not spent in the loop.
    fn begin_round(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.round.begun_ns) >= IDLE_GAP_NS {
            self.end_round(now_ns);
        }
    }

    /// Records lost time, if it was enough.
    fn record_gap(&mut self, from_ns: u64, to_ns: u64, off_cpu_ns: u64, idle: bool) {
        let off_cpu_ns = off_cpu_ns.min(to_ns.saturating_sub(from_ns));
        let gap = Gap { from_ns, to_ns, off_cpu_ns, idle };
        if (idle && gap.lost_ns() >= IDLE_GAP_NS) || (!idle && off_cpu_ns >= OFF_CPU_NS) {
            self.log.lose(gap);
        }
    }

    /// Publishes what is held now.
    fn show(&mut self) {
        let live_bytes = self.allocation.as_ref().map_or(0, Allocation::live_bytes);
        self.shown = Snapshot {
            admitted: (self.log.admitted_ns.len() as u64 * self.records_per_epoch).min(self.events),
            entries: self.census.entries as u64,
            buffered: self.census.buffered as u64,
            live_bytes: live_bytes - self.census.answer_bytes as i64,
            answer_bytes: self.census.answer_bytes as u64,
            least_bytes: self.census.least_bytes as u64,
            timers: self.census.timers as u64,
            retractable: self.census.retractable as u64,
            eviction_ns: self.census.eviction.total_ns(),
            forgotten: self.census.eviction.forgotten,
            batches: self.census.batches as u64,
        };
        self.gauges().show(&self.shown);
    }

    /// Returns the bytes allocated since the run began, without the answers kept for the check.
    fn allocated_bytes(&self) -> Option<u64> {
        let answer_bytes = self.census.answer_bytes as u64;
        self.allocation.as_ref().map(|allocation| allocation.allocated_bytes().saturating_sub(answer_bytes))
    }

    fn gauges(&self) -> &Gauges {
        &self.run_state.gauges[self.gauges]
    }

    /// Returns the time until the next epoch of this worker is due; the longest sleep where there is none.
    fn nap(&self, now_ns: u64) -> Duration {
        let Load::Open { schedule, .. } = &self.run_state.load else { return NAP_MAX };
        let Some(epoch) = self.log.next_epoch() else { return NAP_MAX };
        let end = ((epoch + 1) * self.records_per_epoch).min(self.events);
        if epoch * self.records_per_epoch >= self.events {
            return NAP_MAX;
        }
        Duration::from_nanos(schedule.due_ns(end - 1).saturating_sub(now_ns)).min(NAP_MAX)
    }
}

impl Driver for WorkerDriver {
    fn admissible(&mut self) -> u64 {
        let has_begun = self.has_begun();
        let Some(now_ns) = self.now_ns().filter(|_| has_begun) else { return 0 };
        self.end_round(now_ns);
        let in_flight = self.completed_epochs + EPOCHS_IN_FLIGHT * self.run_state.workers as u64;
        match &self.run_state.load {
            Load::Closed => in_flight,
            Load::Open { stop_ns, .. } if now_ns >= *stop_ns => in_flight.max(self.log.admissible),
            Load::Open { schedule, .. } => {
                let due = schedule.due_before(now_ns + 1).min(self.events);
                self.log.admissible = if due == self.events { u64::MAX } else { due / self.records_per_epoch };
                self.log.admissible
            }
        }
    }

    fn on_admitted(&mut self, epochs: u64) {
        let now_ns = self.now_ns().unwrap_or(0);
        self.begin_round(now_ns);
        self.log.admit(epochs, now_ns, self.round.free_since_ns.min(now_ns));
    }

    fn on_completed(&mut self, epochs: u64) {
        let now_ns = self.now_ns().unwrap_or(0);
        self.completed_epochs = epochs;
        self.log.complete(epochs, now_ns);
    }

    fn on_state(&mut self, census: StateCounts) {
        let before = std::mem::replace(&mut self.census, census);
        let pass_ns = census.eviction.pass_ns.saturating_sub(before.eviction.pass_ns);
        if pass_ns >= PASS_NS && self.weighed.is_zero() {
            self.log.pass(Pass { at_ns: self.now_ns().unwrap_or(0), length_ns: pass_ns });
        }
        self.show();
    }

    fn wants_operators(&mut self) -> bool {
        self.round.begun_ns >= self.operators_at_ns
    }

    fn on_operators(&mut self, operators: &mut dyn Iterator<Item = (OperatorName, StateCounts)>) {
        self.operators_at_ns = self.round.begun_ns + OPERATORS_EVERY_NS;
        let (at_ns, admitted) = (self.round.begun_ns, self.shown.admitted);
        for (operator, counts) in operators {
            let (entries, least_bytes) = (counts.entries as u64, counts.least_bytes as u64);
            self.log.hold(OperatorHolding { operator, at_ns, admitted, entries, least_bytes });
        }
    }

    fn on_arrangements(&mut self, arrangements: &mut dyn Iterator<Item = ArrangementCounts<'_>>) {
        let (at_ns, admitted) = (self.round.begun_ns, self.shown.admitted);
        for (arrangement, ArrangementCounts { name, records, batches }) in arrangements.enumerate() {
            let (records, batches) = (records as u64, batches as u64);
            self.log.hold_arrangement(name, ArrangementHolding { arrangement, at_ns, admitted, records, batches });
        }
    }

    fn on_view(&mut self, epochs: u64) {
        let now_ns = self.now_ns().unwrap_or(0);
        self.log.view(epochs, now_ns);
    }

    fn on_busy(&mut self) {
        self.round.worked = true;
    }

    fn begin_weighing(&mut self) {
        let counts_bytes = self.allocation.is_some();
        self.log.at_end = self.log.at_end.or(counts_bytes.then_some(self.shown));
        self.log.allocated_bytes = self.log.allocated_bytes.or(self.allocated_bytes());
        self.log.eviction = self.log.eviction.or(Some(self.census.eviction));
        self.run_state.begin_weighing();
        self.weighing = Some(Began::now());
    }

    fn end_weighing(&mut self) {
        let Some(weighing) = self.weighing.take() else { return };
        let cpu_ns = weighing.cpu_since_ns();
        self.weighed += weighing.at.elapsed();
        self.cpu.cpu_ns += cpu_ns;
        self.began.iter_mut().for_each(|began| began.cpu_ns += cpu_ns);
        self.run_state.end_weighing(cpu_ns);
    }

    fn on_drained(&mut self) {
        let now_ns = self.now_ns().unwrap_or(0);
        self.end_round(now_ns);
        if let Some(began) = self.began {
            // By the clock on the wall: that of the run also stands while others weigh, and this worker goes on.
            let length = began.at.elapsed().saturating_sub(self.slept + self.weighed);
            self.log.close(length.as_nanos() as u64, began.cpu_since_ns());
        }
        self.log.scheduling = Scheduling::of_this_thread() - self.scheduling;
        self.show();
        self.run_state.finish_worker();
    }

    fn idle(&mut self) -> Option<Duration> {
        let now_ns = self.now_ns();
        now_ns.filter(|_| self.rounds_before == 0).into_iter().for_each(|now_ns| self.begin_round(now_ns));
        let Round { begun_ns, free_since_ns, .. } = self.round;
        let may_sleep = self.run_state.idle == Idle::Park && self.rounds_before == 0;
        if !may_sleep || begun_ns.saturating_sub(free_since_ns) < SPIN_BEFORE_PARK.as_nanos() as u64 {
            std::thread::yield_now();
            return None;
        }
        let nap = Some(self.nap(begun_ns)).filter(|nap| !nap.is_zero())?;
        self.round.sleep = Some(Sleep { begun: Instant::now(), wakes_at_ns: begun_ns + nap.as_nanos() as u64 });
        Some(nap)
    }
}

impl Drop for WorkerDriver {
    fn drop(&mut self) {
        self.run_state.submit(std::mem::take(&mut self.log));
    }
}

/// Measures how long a thread was off the CPU since the last call.
#[derive(Debug, Clone, Copy, Default)]
struct CpuClock {
    cpu_ns: u64,
    at_ns: u64,
}

impl CpuClock {
    fn off_ns(&mut self, now_ns: u64) -> u64 {
        let cpu_ns = thread_cpu_ns();
        let before = std::mem::replace(self, Self { cpu_ns, at_ns: now_ns });
        now_ns.saturating_sub(before.at_ns).saturating_sub(cpu_ns.saturating_sub(before.cpu_ns))
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::{Event, Kind, Record, Trace};
    use flowbench_measurement::offered_load::Schedule;
    use flowbench_pipelines::Deployment;

    use super::*;

    /// The only worker of a run of ten events, two an epoch; its clock has begun.
    fn driver(load: Load, idle: Idle) -> WorkerDriver {
        let events = (0..10).map(|id| Event::pack(Record::new(id, Kind::PageViewed, id as i64))).collect();
        let feed = Feed::new(Arc::new(Trace { events, ..Trace::default() }), 2, 0, true);
        let run_state = Arc::new(SharedRunState::new(1, &Deployment::Threads, load, idle, None));
        let mut driver = WorkerDriver::new(0, 1, None, &run_state, &feed);
        assert!((0..ROUNDS_BEFORE).all(|_| driver.admissible() == 0));
        assert!(driver.has_begun());
        driver
    }

    fn spinning() -> WorkerDriver {
        driver(Load::Closed, Idle::Spin)
    }

    /// Gaps after rounds: how long each was, whether it was work, and when it should have been over if it was a sleep.
    fn gaps(rounds: &[(u64, bool, Option<u64>)]) -> Vec<(u64, u64)> {
        let mut driver = spinning();
        let mut now_ns = 1 << 40; // longer than the test takes: no time off the CPU is found
        driver.cpu.at_ns = now_ns;
        driver.round.begun_ns = now_ns;
        for (length_ns, worked, sleeps_ns) in rounds {
            driver.round.worked = *worked;
            let sleep = |ns| Sleep { begun: Instant::now(), wakes_at_ns: now_ns + ns };
            driver.round.sleep = sleeps_ns.map(sleep);
            now_ns += length_ns;
            driver.end_round(now_ns);
        }
        driver.log.gaps.iter().map(|gap| (gap.from_ns - (1 << 40), gap.lost_ns())).collect()
    }

    #[test]
    fn a_worker_with_nothing_to_do_loses_what_keeps_it_from_its_loop() {
        assert_eq!(gaps(&[(1_000, false, None), (IDLE_GAP_NS - 1, false, None)]), []);
        assert_eq!(gaps(&[(1_000, false, None), (IDLE_GAP_NS, false, None)]), [(1_000, IDLE_GAP_NS)]);
    }

    #[test]
    fn work_is_not_lost_and_makes_the_worker_busy() {
        assert_eq!(gaps(&[(SUSPICIOUS_NS - 1, true, None)]), []);
        let mut driver = spinning();
        (driver.round.begun_ns, driver.round.worked) = (1_000, true);
        driver.end_round(41_000);
        driver.end_round(43_000);
        assert_eq!((driver.log.busy_ns, driver.round.free_since_ns), (40_000, 41_000));
    }

    #[test]
    fn a_sleep_is_lost_from_when_it_should_have_been_over() {
        assert_eq!(gaps(&[(30_000, false, Some(5_000))]), [(5_000, 25_000)]);
        assert_eq!(gaps(&[(30_000, false, Some(100_000))]), [], "it was woken");
        assert_eq!(gaps(&[(30_000, true, Some(5_000))]), [], "there was work, and no sleep");
    }

    #[test]
    fn a_worker_sleeps_until_its_next_epoch_is_due() {
        let schedule = Schedule::constant(1_000.0).unwrap(); // an event a ms: the first epoch is due at 1 ms
        let mut driver = driver(Load::Open { schedule, stop_ns: u64::MAX }, Idle::Park);
        assert_eq!(driver.nap(400_000), Duration::from_micros(600));
        assert_eq!(driver.nap(5_000_000), Duration::ZERO);
        driver.log.admit(4, 0, 0);
        assert_eq!(driver.nap(4_000_000), Duration::from_millis(5));
        driver.log.admit(5, 0, 0);
        assert_eq!(driver.nap(4_000_000), NAP_MAX, "there is no other one");
    }

    #[test]
    fn a_worker_that_has_just_worked_or_may_not_sleep_spins() {
        let mut spinning = spinning();
        spinning.round.begun_ns = u64::MAX;
        assert_eq!(spinning.idle(), None);
        let mut parking = driver(Load::Closed, Idle::Park);
        parking.round.free_since_ns = u64::MAX;
        assert_eq!(parking.idle(), None);
        parking.round = Round { begun_ns: 1 << 40, ..Round::default() };
        assert_eq!(parking.idle(), Some(NAP_MAX));
        assert_eq!(
            parking.round.sleep.as_ref().map(|sleep| sleep.wakes_at_ns),
            Some((1 << 40) + NAP_MAX.as_nanos() as u64)
        );
    }

    #[test]
    fn what_was_held_before_anything_was_weighed_is_kept() {
        let mut driver = spinning();
        driver.allocation = None;
        driver.begin_weighing();
        assert_eq!(driver.log.at_end, None, "bytes are not counted");
        driver.allocation = Allocation::of_this_thread();
        driver.on_state(StateCounts { entries: 7, ..StateCounts::default() });
        driver.begin_weighing();
        driver.end_weighing();
        driver.on_state(StateCounts::default());
        driver.begin_weighing();
        let expected = driver.allocation.is_some().then_some(7);
        assert_eq!(driver.log.at_end.map(|held| held.entries), expected);
    }
}
