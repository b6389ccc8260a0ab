//! Turns completions into latencies: completion minus due time of every event, whatever happened meanwhile.
//!
//! Decisions D-301, D-401, D-402 and D-403.

use flowbench_measurement::latency::{LatencyHistogram, SAMPLES_FOR_QUANTILES, Window};
use flowbench_measurement::lost_time::{Gap, GapTime, wait_ns, waits};
use flowbench_measurement::record::{Attribution, LatencyComponents, LostTime};
use flowbench_measurement::steadiness::{INTERVALS, first_steady};

use crate::measure::load::Load;
use crate::measure::scheduling::Scheduling;
use crate::measure::worker_log::WorkerLog;

/// The times at which every epoch of a run was admitted and completed.
#[derive(Debug, Clone)]
pub struct Completions {
    by_epoch: Vec<Times>,
    lost: Vec<Lost>, // of each worker
    readers: usize,
    records_per_epoch: u64,
    events: u64,
    load: Load,
}

/// The times of one epoch, ns since the run began.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    free_since_ns: u64, // the worker that admits it
    admitted_ns: u64,
    completed_ns: u64,
}

/// The time one worker lost.
#[derive(Debug, Clone, Default)]
struct Lost {
    off_cpu: GapTime,
    off_cpu_at_work: GapTime,
    idle_on_cpu: GapTime,
    gaps: Vec<Gap>,
    besides_ns: u64,
}

/// The parts of the time between due and admitted, ns.
#[derive(Debug, Clone, Copy, Default)]
struct Lag {
    queueing_ns: f64,
    off_cpu_ns: f64,
    driver_ns: f64,
}

/// The start of a run that is not recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WarmUp {
    /// When recording begins, in ns since the run began.
    pub end_ns: u64,
    /// True if the run was not steady by the middle of the time in which events were due, where recording begins then.
    pub is_unsteady: bool,
}

/// The latencies of a run.
#[derive(Debug, Clone)]
pub struct Latencies {
    /// In an open loop, completion minus due time of every event in the window; in a closed loop, completion minus
    /// admission of every epoch.
    pub latency: LatencyHistogram,
    /// Admission minus due time of the epoch, which is due with its last event, without the time in which the worker
    /// worked on earlier epochs or was off the CPU. Empty in a closed loop, where nothing is due.
    pub driver_lag: LatencyHistogram,
    /// Completion minus admission of every event in the window, which leaves out how late it was offered: to be laid beside
    /// `latency`, never to stand for it. Empty in a closed loop, where `latency` is just that.
    pub from_admission: LatencyHistogram,
    /// The number of events that were open when the run was given up. `latency` has them with their age at that moment.
    pub censored: u64,
}

impl Completions {
    pub(crate) fn new(logs: Vec<WorkerLog>, records_per_epoch: u64, events: u64, load: Load) -> Self {
        let mut by_epoch = vec![Times::default(); events.div_ceil(records_per_epoch) as usize];
        for log in &logs {
            let own = (log.worker as usize..).step_by(log.readers.max(1) as usize);
            let times = log.free_since_ns.iter().zip(&log.admitted_ns).zip(&log.completed_ns);
            for (epoch, ((free_since_ns, admitted_ns), completed_ns)) in own.zip(times) {
                by_epoch[epoch] =
                    Times { free_since_ns: *free_since_ns, admitted_ns: *admitted_ns, completed_ns: *completed_ns };
            }
        }
        let readers = logs.iter().map(|log| log.readers).max().unwrap_or(1).max(1) as usize;
        let mut lost = vec![Lost::default(); logs.iter().map(|log| log.worker as usize + 1).max().unwrap_or(0)];
        for log in logs {
            lost[log.worker as usize] = Lost {
                off_cpu: GapTime::off_cpu(&log.gaps),
                off_cpu_at_work: GapTime::off_cpu_at_work(&log.gaps),
                idle_on_cpu: GapTime::idle_on_cpu(&log.gaps),
                gaps: log.gaps,
                besides_ns: log.lost_besides_ns,
            };
        }
        Self { by_epoch, lost, readers, records_per_epoch, events, load }
    }

    /// Returns the time from the start of the run to the last completion, ns.
    pub fn elapsed_ns(&self) -> u64 {
        self.by_epoch.iter().map(|times| times.completed_ns).max().unwrap_or(0)
    }

    /// Returns which events are recorded: those due at `warmup_ns` or later; in a closed loop all.
    pub fn window(&self, warmup_ns: u64) -> Window {
        match &self.load {
            Load::Open { schedule, .. } => Window::from_index(schedule.due_before(warmup_ns)),
            Load::Closed => Window::EVERYTHING,
        }
    }

    /// Returns the warm-up, which ends at `earliest_ns` or later by the rule of
    /// [`steadiness`](flowbench_measurement::steadiness).
    pub fn warm_up(&self, earliest_ns: u64) -> WarmUp {
        let Some(planned_ns) = self.planned_ns() else {
            return WarmUp { end_ns: earliest_ns, is_unsteady: false };
        };
        let interval_ns = planned_ns.div_ceil(INTERVALS as u64).max(1);
        let start_ns = |interval: usize| interval as u64 * interval_ns;
        let median_ns = |interval| self.median_latency_ns(start_ns(interval), start_ns(interval + 1));
        let medians_ns: Vec<Option<u64>> = (0..INTERVALS).map(median_ns).collect();
        let first = first_steady(&medians_ns, (earliest_ns / interval_ns) as usize);
        let end_ns = start_ns(first.unwrap_or(INTERVALS / 2)).max(earliest_ns);
        WarmUp { end_ns, is_unsteady: first.is_none() }
    }

    /// Returns the median latency of the events due in [`from_ns`, `to_ns`), in ns; `None` if they are too few for one, and
    /// in a closed loop.
    fn median_latency_ns(&self, from_ns: u64, to_ns: u64) -> Option<u64> {
        let Load::Open { schedule, stop_ns } = &self.load else { return None };
        let records = schedule.due_before(from_ns)..schedule.due_before(to_ns).min(self.events);
        let latency_ns = |record: u64| {
            let completed_ns = self.by_epoch[(record / self.records_per_epoch) as usize].completed_ns;
            completed_ns.min(*stop_ns).saturating_sub(schedule.due_ns(record))
        };
        let mut latencies_ns: Vec<u64> = records.map(latency_ns).collect();
        let middle = latencies_ns.len() / 2;
        (latencies_ns.len() as u64 >= SAMPLES_FOR_QUANTILES).then(|| *latencies_ns.select_nth_unstable(middle).1)
    }

    /// Returns the latencies of all events inside the window.
    pub fn latencies(&self, window: Window) -> Latencies {
        let new = LatencyHistogram::new;
        let mut found = Latencies { latency: new(), driver_lag: new(), from_admission: new(), censored: 0 };
        for (epoch, times) in self.by_epoch.iter().enumerate() {
            let records = window.clip(self.records(epoch as u64));
            match &self.load {
                // The events of an epoch enter and leave together: one sample.
                Load::Closed => found.latency.record_ns(times.completed_ns as i64 - times.admitted_ns as i64),
                Load::Open { schedule, stop_ns } => {
                    let ended_ns = times.completed_ns.min(*stop_ns) as i64;
                    if times.completed_ns > *stop_ns {
                        found.censored += records.end - records.start;
                    }
                    let epoch_due_ns = schedule.due_ns(self.records(epoch as u64).end - 1);
                    let driver_ns = self.lag(epoch, epoch_due_ns).driver_ns;
                    found.driver_lag.record_many_ns(driver_ns as i64, records.end - records.start);
                    if times.admitted_ns < *stop_ns {
                        let open_ns = ended_ns - times.admitted_ns as i64;
                        found.from_admission.record_many_ns(open_ns, records.end - records.start);
                    }
                    for record in records {
                        found.latency.record_ns(ended_ns - schedule.due_ns(record) as i64);
                    }
                }
            }
        }
        found
    }

    /// Records the latencies of the events completed in (`from_ns`, `to_ns`], for the timeline. `cursor` remembers
    /// the epoch.
    ///
    /// Epochs complete in order, or together: what is completed before an earlier epoch waits for it.
    pub fn completed_until(&self, to_ns: u64, cursor: &mut u64, into: &mut LatencyHistogram) {
        while let Some(times) = self.by_epoch.get(*cursor as usize).filter(|times| times.completed_ns <= to_ns) {
            let records = self.records(*cursor);
            // The first and the last record of an epoch bound its latencies; between them they are evenly spaced.
            match &self.load {
                Load::Closed => {
                    let open_ns = times.completed_ns as i64 - times.admitted_ns as i64;
                    into.record_many_ns(open_ns, records.end - records.start);
                }
                Load::Open { schedule, .. } => {
                    let half = (records.end - records.start).div_ceil(2);
                    for record in [records.start, records.end - 1] {
                        into.record_many_ns(times.completed_ns as i64 - schedule.due_ns(record) as i64, half);
                    }
                }
            }
            *cursor += 1;
        }
    }

    /// Returns the wall-clock time from when arrival `released_by` was due (in a closed loop: admitted) to the
    /// completion of its epoch, ns; `None` outside the window.
    pub fn processing_delay_ns(&self, released_by: u64, window: Window) -> Option<i64> {
        let times = self.by_epoch.get((released_by / self.records_per_epoch) as usize)?;
        let from_ns = match &self.load {
            Load::Open { schedule, .. } => schedule.due_ns(released_by),
            Load::Closed => times.admitted_ns,
        };
        (window.from_index <= released_by).then_some(times.completed_ns as i64 - from_ns as i64)
    }

    /// Returns the parts that make up the `latencies` of the events inside the window.
    pub fn attribution(&self, window: Window, latencies: &Latencies) -> Attribution {
        let tail_from_ns = latencies.latency.quantiles().p99_ns.map(|ns| ns as f64);
        let (mut all, mut tail) = (Sum::default(), Sum::default());
        for (epoch, service_start_ns) in self.service_starts_ns().into_iter().enumerate() {
            let records = window.clip(self.records(epoch as u64));
            let times = self.clipped(epoch);
            let service_start_ns = service_start_ns.min(times.completed_ns);
            let (schedule, records) = match &self.load {
                Load::Closed => (None, epoch as u64..epoch as u64 + 1), // one sample an epoch
                Load::Open { schedule, .. } => (Some(schedule), records),
            };
            let due_ns = |record| schedule.map_or(times.admitted_ns, |schedule| schedule.due_ns(record)) as f64;
            let epoch_due_ns = due_ns(self.records(epoch as u64).end - 1);
            let lag = self.lag(epoch, epoch_due_ns as u64);
            let waited_off_ns = self.off_cpu_at_work_ns(times.admitted_ns, service_start_ns);
            let served_off_ns = self.off_cpu_at_work_ns(service_start_ns, times.completed_ns);
            let waited_ns = (service_start_ns - times.admitted_ns) as f64 - waited_off_ns;
            for record in records {
                let parts = LatencyComponents {
                    driver_lag_ns: lag.driver_ns,
                    off_cpu_ns: lag.off_cpu_ns + waited_off_ns + served_off_ns,
                    queueing_ns: epoch_due_ns - due_ns(record) + lag.queueing_ns + waited_ns,
                    compute_ns: (times.completed_ns - service_start_ns) as f64 - served_off_ns,
                };
                all.add(parts);
                if tail_from_ns.is_some_and(|from_ns| times.completed_ns as f64 - due_ns(record) >= from_ns) {
                    tail.add(parts);
                }
            }
        }
        Attribution { mean: all.mean(), tail: tail.mean() }
    }

    /// Attributes the time from when an epoch was due until it was admitted.
    fn lag(&self, epoch: usize, due_ns: u64) -> Lag {
        let Times { free_since_ns, admitted_ns, .. } = self.clipped(epoch);
        let lag_ns = admitted_ns as f64 - due_ns as f64;
        if lag_ns <= 0.0 {
            return Lag { driver_ns: lag_ns, ..Lag::default() };
        }
        let worker = epoch % self.readers;
        // After the worker became free, all time on the CPU is the driver's; before, only the time it was idle.
        let free_ns = free_since_ns.clamp(due_ns, admitted_ns);
        let idle_ns = self.lost.get(worker).map_or(0.0, |lost| lost.idle_on_cpu.between_ns(due_ns, free_ns));
        let free_off_ns = self.off_cpu_ns(worker, free_ns, admitted_ns);
        let off_cpu_ns = self.off_cpu_ns(worker, due_ns, free_ns) + free_off_ns;
        let driver_ns = idle_ns + ((admitted_ns - free_ns) as f64 - free_off_ns).max(0.0);
        Lag { queueing_ns: (lag_ns - off_cpu_ns - driver_ns).max(0.0), off_cpu_ns, driver_ns }
    }

    fn off_cpu_ns(&self, worker: usize, from_ns: u64, to_ns: u64) -> f64 {
        self.lost.get(worker).map_or(0.0, |lost| lost.off_cpu.between_ns(from_ns, to_ns))
    }

    /// Returns the time off the CPU of the worker that was off longest while it had work: the others wait for it.
    fn off_cpu_at_work_ns(&self, from_ns: u64, to_ns: u64) -> f64 {
        self.lost.iter().map(|lost| lost.off_cpu_at_work.between_ns(from_ns, to_ns)).fold(0.0, f64::max)
    }

    /// Returns what the worker that lost most lost from `from_ns` to the last completion, and how long events due at
    /// random instants waited for it.
    pub(crate) fn lost_time(&self, from_ns: u64, scheduling: Scheduling) -> (LostTime, LatencyHistogram) {
        let elapsed_ns = self.elapsed_ns();
        let length_ns = elapsed_ns.saturating_sub(from_ns);
        let in_gaps = |lost: &Lost| -> (u64, Vec<u64>) {
            let lost_ns: Vec<u64> =
                lost.gaps.iter().map(|gap| gap.lost_after_ns(from_ns)).filter(|ns| *ns > 0).collect();
            let share = length_ns as f64 / elapsed_ns.max(1) as f64; // when it was lost besides is not known
            (lost_ns.iter().sum::<u64>() + (lost.besides_ns as f64 * share) as u64, lost_ns)
        };
        let most = self.lost.iter().map(in_gaps).max_by_key(|(sum_ns, _)| *sum_ns);
        let (sum_ns, lost_ns) = most.filter(|_| length_ns > 0).unwrap_or_default();
        let Scheduling { involuntary_switches, run_delay_ns } = scheduling;
        let time = LostTime {
            share: (length_ns > 0).then(|| (sum_ns as f64 / length_ns as f64).min(1.0)),
            wait_p99_ns: Some(wait_ns(&lost_ns, length_ns, 0.99)),
            wait_p999_ns: Some(wait_ns(&lost_ns, length_ns, 0.999)),
            max_ns: Some(lost_ns.iter().copied().max().unwrap_or(0)),
            involuntary_switches,
            run_delay_ns,
        };
        (time, waits(&lost_ns, length_ns))
    }

    /// Returns when the service of each epoch began: when it was admitted, or at the last completion on its worker
    /// strictly before its own.
    fn service_starts_ns(&self) -> Vec<u64> {
        let mut starts_ns = vec![0; self.by_epoch.len()];
        for reader in 0..self.readers {
            let (mut before_ns, mut last_ns) = (0, 0);
            for epoch in (reader..self.by_epoch.len()).step_by(self.readers) {
                let times = self.clipped(epoch);
                if times.completed_ns > last_ns {
                    before_ns = last_ns;
                    last_ns = times.completed_ns;
                }
                starts_ns[epoch] = times.admitted_ns.max(before_ns);
            }
        }
        starts_ns
    }

    /// Returns when an epoch was admitted and completed, at the latest when the run was given up.
    fn clipped(&self, epoch: usize) -> Times {
        let Times { free_since_ns, admitted_ns, completed_ns } = self.by_epoch[epoch];
        let end_ns = if let Load::Open { stop_ns, .. } = &self.load { *stop_ns } else { u64::MAX };
        Times {
            free_since_ns: free_since_ns.min(end_ns),
            admitted_ns: admitted_ns.min(end_ns),
            completed_ns: completed_ns.min(end_ns),
        }
    }

    /// Returns the number of events due at `at_ns` or before. In a closed loop events are due when they are admitted.
    pub fn due_until(&self, at_ns: u64, admitted: u64) -> u64 {
        match &self.load {
            Load::Closed => admitted,
            Load::Open { schedule, .. } => schedule.due_before(at_ns + 1).min(self.events),
        }
    }

    /// Returns the time just before the last event was due, ns since the run began; `None` in a closed loop, and
    /// without an event.
    pub fn planned_ns(&self) -> Option<u64> {
        match &self.load {
            Load::Closed => None,
            Load::Open { schedule, .. } => Some(schedule.due_ns(self.events.checked_sub(1)?).saturating_sub(1)),
        }
    }

    /// Returns the share (0 to 1) of events that were completed then, or were waiting for their epoch to fill.
    pub fn completed_in_time(&self) -> Option<f64> {
        let (_, open) = self.backlog(self.planned_ns()).first().copied()?;
        Some(1.0 - open as f64 / self.events as f64)
    }

    /// Returns, for each of these instants (ns since the run began, ascending) of an open loop, the events of the
    /// epochs that were due and not completed. Waiting for an epoch to fill is part of the plan and does not count.
    pub fn backlog(&self, instants_ns: impl IntoIterator<Item = u64>) -> Vec<(u64, u64)> {
        let mut epochs = 0; // completed in their order
        let mut open = |at_ns: u64| {
            let completed = |epoch: u64| self.by_epoch.get(epoch as usize).is_some_and(|t| t.completed_ns <= at_ns);
            while completed(epochs) {
                epochs += 1;
            }
            let due = self.due_until(at_ns, 0);
            let epochs_due = if due == self.events { u64::MAX } else { due / self.records_per_epoch };
            self.events_below(epochs_due).saturating_sub(self.events_below(epochs))
        };
        instants_ns.into_iter().map(|at_ns| (at_ns, open(at_ns))).collect()
    }

    /// Returns the number of events of the epochs below `epochs`.
    pub fn events_below(&self, epochs: u64) -> u64 {
        epochs.saturating_mul(self.records_per_epoch).min(self.events)
    }

    fn records(&self, epoch: u64) -> std::ops::Range<u64> {
        let from = epoch * self.records_per_epoch;
        from..(from + self.records_per_epoch).min(self.events)
    }
}

/// A sum of latency parts.
#[derive(Debug, Default)]
struct Sum {
    count: u64,
    parts: LatencyComponents,
}

impl Sum {
    fn add(&mut self, parts: LatencyComponents) {
        self.count += 1;
        self.parts.driver_lag_ns += parts.driver_lag_ns;
        self.parts.off_cpu_ns += parts.off_cpu_ns;
        self.parts.queueing_ns += parts.queueing_ns;
        self.parts.compute_ns += parts.compute_ns;
    }

    fn mean(&self) -> Option<LatencyComponents> {
        let per = |sum_ns: f64| sum_ns / self.count as f64;
        let LatencyComponents { driver_lag_ns, off_cpu_ns, queueing_ns, compute_ns } = self.parts;
        let mean = LatencyComponents {
            driver_lag_ns: per(driver_lag_ns),
            off_cpu_ns: per(off_cpu_ns),
            queueing_ns: per(queueing_ns),
            compute_ns: per(compute_ns),
        };
        (self.count > 0).then_some(mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowbench_measurement::offered_load::Schedule;

    fn completions(load: Load, times: &[(u64, u64)], records_per_epoch: u64, events: u64) -> Completions {
        let mut log = WorkerLog::new(0, 1, 8);
        for (epoch, (admitted_ns, completed_ns)) in (1..).zip(times) {
            log.admit(epoch, *admitted_ns, 0);
            log.complete(epoch, *completed_ns);
        }
        Completions::new(vec![log], records_per_epoch, events, load)
    }

    fn open(stop_ns: u64) -> Load {
        Load::Open { schedule: Schedule::constant(1e9).unwrap(), stop_ns } // event i is due at i ns
    }

    #[test]
    fn latency_counts_from_the_due_instant_of_each_event() {
        let found = completions(open(1000), &[(2, 10), (50, 60)], 2, 4).latencies(Window::EVERYTHING);
        assert_eq!(found.latency.count(), 4);
        assert_eq!((found.latency.quantile_ns(1.0), found.latency.quantile_ns(0.01)), (Some(58), Some(9)));
        assert_eq!(found.driver_lag.quantile_ns(1.0), Some(47));
        // Once they were in, the epochs took 8 and 10 ns; the second one came in 47 ns late.
        assert_eq!(
            (found.from_admission.quantile_ns(1.0), found.from_admission.quantile_ns(0.01)),
            (Some(10), Some(8))
        );
        assert_eq!(found.from_admission.count(), 4);
        assert_eq!(found.censored, 0);
    }

    #[test]
    fn what_is_open_when_the_run_is_given_up_counts_at_its_age() {
        let found = completions(open(30), &[(2, 10), (50, 60)], 2, 4).latencies(Window::EVERYTHING);
        assert_eq!((found.censored, found.latency.quantile_ns(1.0)), (2, Some(28)));
        assert_eq!(found.from_admission.count(), 2, "the second epoch was not admitted by then");
    }

    #[test]
    fn warm_up_is_left_out_by_due_time_and_the_closed_loop_counts_from_admission() {
        let run = completions(open(1000), &[(2, 10), (50, 60)], 2, 4);
        assert_eq!(run.latencies(run.window(3)).latency.count(), 1);
        let closed = completions(Load::Closed, &[(2, 10), (50, 60)], 2, 3);
        let found = closed.latencies(closed.window(3));
        assert_eq!((found.latency.count(), found.latency.quantile_ns(1.0)), (2, Some(10)));
        assert_eq!(closed.processing_delay_ns(2, Window::EVERYTHING), Some(10));
    }

    #[test]
    fn the_warm_up_ends_when_latency_is_that_of_the_second_half() {
        // Epochs of 20 events, one a nanosecond: an interval each. The first three take longer than any later one.
        let latency_ns = |epoch: u64| if epoch < 3 { 500 } else { 100 + epoch % 7 };
        let times: Vec<_> = (0..40).map(|epoch| (20 * epoch + 20, 20 * epoch + 20 + latency_ns(epoch))).collect();
        let run = completions(open(10_000), &times, 20, 800);
        assert_eq!(run.warm_up(0), WarmUp { end_ns: 60, is_unsteady: false });
        assert_eq!(run.warm_up(75), WarmUp { end_ns: 75, is_unsteady: false });
        assert_eq!(completions(Load::Closed, &times, 20, 800).warm_up(0).end_ns, 0);
        let improving_ns = |epoch: u64| if epoch < 20 { 1_000 } else { 100 };
        let improving: Vec<_> = (0..40).map(|epoch| (20 * epoch + 20, 20 * epoch + 20 + improving_ns(epoch))).collect();
        assert_eq!(
            completions(open(20_000), &improving, 20, 800).warm_up(0),
            WarmUp { end_ns: 400, is_unsteady: true }
        );
    }

    #[test]
    fn two_workers_take_turns() {
        let mut logs = [WorkerLog::new(0, 2, 8), WorkerLog::new(1, 2, 8)];
        logs[0].admit(3, 1, 0);
        logs[1].admit(4, 1, 0);
        logs[0].complete(1, 5);
        logs[1].complete(4, 9);
        logs[0].complete(4, 8);
        let run = Completions::new(logs.to_vec(), 1, 4, open(1000));
        let completed: Vec<u64> = run.by_epoch.iter().map(|times| times.completed_ns).collect();
        assert_eq!(completed, [5, 9, 8, 9]);
        assert_eq!(run.elapsed_ns(), 9);
    }

    #[test]
    fn the_timeline_sees_every_event_once() {
        let run = completions(open(1000), &[(2, 10), (50, 60)], 2, 4);
        let (mut cursor, mut counts) = (0, Vec::new());
        for to_ns in [9, 10, 59, 100] {
            let mut interval = LatencyHistogram::new();
            run.completed_until(to_ns, &mut cursor, &mut interval);
            counts.push(interval.count());
        }
        assert_eq!(counts, [0, 2, 0, 2]);
    }

    #[test]
    fn the_backlog_is_what_is_due_and_not_completed() {
        let run = completions(open(1000), &[(2, 10), (50, 60)], 2, 4);
        assert_eq!((run.planned_ns(), run.completed_in_time()), (Some(2), Some(0.5)));
        assert_eq!(run.backlog([0, 2, 3, 9, 10, 59, 60]), [(0, 0), (2, 2), (3, 4), (9, 4), (10, 2), (59, 2), (60, 0)]);
    }

    fn attribution(run: &Completions) -> Attribution {
        run.attribution(Window::EVERYTHING, &run.latencies(Window::EVERYTHING))
    }

    #[test]
    fn the_parts_of_the_latency_add_up_to_it() {
        // Epochs of two records, due at 1 and 3 ns; the second waits for the first, the third does not wait.
        let run = completions(open(1000), &[(5, 20), (7, 26), (40, 50)], 2, 6);
        let LatencyComponents { driver_lag_ns, queueing_ns, compute_ns, .. } = attribution(&run).mean.unwrap();
        assert_eq!(driver_lag_ns, f64::from(4 + 4 + 35) / 3.0);
        assert_eq!(queueing_ns, 0.5 + f64::from(13) / 3.0);
        assert_eq!(compute_ns, f64::from(15 + 6 + 10) / 3.0);
        let mean_ns = f64::from(20 + 19 + 24 + 23 + 46 + 45) / 6.0;
        assert!((driver_lag_ns + queueing_ns + compute_ns - mean_ns).abs() < 1e-9);
        assert_eq!(attribution(&run).tail, None);
        // Epochs that are completed together have been served together.
        let run = completions(open(1000), &[(5, 20), (5, 20)], 2, 4);
        assert_eq!(attribution(&run).mean.unwrap().compute_ns, 15.0);
        let closed = attribution(&completions(Load::Closed, &[(5, 20), (7, 26)], 2, 4)).mean.unwrap();
        assert_eq!((closed.driver_lag_ns, closed.queueing_ns, closed.compute_ns), (0.0, 6.5, 10.5));
    }

    #[test]
    fn where_nothing_was_recorded_the_latency_has_no_parts() {
        let run = completions(open(1000), &[(2, 10), (50, 60)], 2, 4);
        let window = run.window(1 << 40);
        assert_eq!(run.attribution(window, &run.latencies(window)), Attribution::default());
    }

    #[test]
    fn time_lost_is_that_after_the_warm_up() {
        let mut log = WorkerLog::new(0, 1, 8);
        log.admit(1, 0, 0);
        log.complete(1, 1_000);
        log.lose(Gap { from_ns: 300, to_ns: 500, off_cpu_ns: 100, idle: false }); // half of it before
        log.lose(Gap { from_ns: 700, to_ns: 750, off_cpu_ns: 50, idle: true });
        log.close(1_000, 650); // 200 ns besides
        let run = Completions::new(vec![log], 1, 1, Load::Closed);
        let lost = |from_ns| run.lost_time(from_ns, Scheduling::default()).0;
        assert_eq!((lost(0).share, lost(0).max_ns), (Some(0.35), Some(100)));
        assert_eq!((lost(400).share, lost(400).max_ns), (Some(220.0 / 600.0), Some(50)));
        assert_eq!((lost(800).share, lost(800).max_ns), (Some(0.2), Some(0)));
        assert_eq!(lost(1_000).share, None);
    }

    #[test]
    fn lag_is_the_drivers_only_while_the_worker_was_free_and_on_the_cpu() {
        // Two epochs of one record, due at 0 and 1 µs, both admitted at 10 µs; the worker was free at 4 µs and off the
        // CPU from 6 to 9.
        let schedule = Schedule::constant(1e6).unwrap();
        let mut log = WorkerLog::new(0, 1, 8);
        log.admit(2, 10_000, 4_000);
        log.complete(2, 12_000);
        log.lose(Gap { from_ns: 6_000, to_ns: 9_000, off_cpu_ns: 3_000, idle: true });
        let run = Completions::new(vec![log], 1, 2, Load::Open { schedule, stop_ns: 1 << 40 });
        let lag = run.lag(0, 0);
        assert_eq!((lag.queueing_ns, lag.off_cpu_ns, lag.driver_ns), (4_000.0, 3_000.0, 3_000.0));
        let lag = run.lag(1, 5_000);
        assert_eq!((lag.queueing_ns, lag.off_cpu_ns, lag.driver_ns), (0.0, 3_000.0, 2_000.0));
        let recorded_ns = run.latencies(Window::EVERYTHING).driver_lag.quantile_ns(1.0).unwrap();
        assert!(recorded_ns.abs_diff(3_000) <= 3, "{recorded_ns}");
    }
}
