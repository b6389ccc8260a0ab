//! The group of processes that run one dataflow: their connections, the common start, and gathering what they have
//! measured.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use flowbench_measurement::doubts::SwapUse;
use flowbench_measurement::record::Wire;
use flowbench_measurement::timeline::Reading;
use flowbench_pipelines::{Cluster, Connected, RunError};
use serde::{Deserialize, Serialize};

use crate::cluster::{ClusterError, Control, Mesh, Start, WireMeter};
use crate::measure::observed::{Observations, Observed};
use crate::measure::operator_profile::Activity;
use crate::measure::pinning::ProcessesHere;
use crate::measure::worker_log::WorkerLog;

/// The other processes of a run, as one of them sees them.
#[derive(Debug)]
pub struct ProcessGroup {
    process: usize,
    processes: usize,
    here: ProcessesHere,
    mesh: Mutex<Option<Mesh>>,
    control: Arc<Mutex<Control>>,
    meter: Arc<WireMeter>,
    silence_max: Option<Duration>,
}

/// Exit code of a process that another one keeps waiting: that of any failure.
const FAILED: i32 = 1;
/// Longer than any case may take: the supervisor ends the processes before.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// The maximum size of a report, bytes.
const REPORT_BYTES_MAX: u64 = 4 << 30;

impl ProcessGroup {
    /// Creates the group from processes that are connected, each at one of the `addresses`. If one is silent for
    /// `silence_max` while they work together, those waiting for it end; without that, something else must ensure
    /// that they do.
    pub fn new(
        process: usize,
        addresses: &[String],
        mesh: Mesh,
        control: Control,
        silence_max: Option<Duration>,
    ) -> Arc<Self> {
        let meter = mesh.meter();
        let (mesh, control) = (Mutex::new(Some(mesh)), Arc::new(Mutex::new(control)));
        let (processes, here) = (addresses.len(), ProcessesHere::of(addresses, process));
        Arc::new(Self { process, processes, here, mesh, control, meter, silence_max })
    }

    /// Returns the processes on this machine.
    pub(crate) fn here(&self) -> ProcessesHere {
        self.here
    }

    /// Gives access to the connection between each process and the first.
    pub(crate) fn control<T>(&self, with: impl FnOnce(&mut Control) -> T) -> T {
        with(&mut self.control.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the meter of what was sent to other processes.
    pub(crate) fn meter(&self) -> &WireMeter {
        &self.meter
    }

    /// Returns in all processes at nearly the same instant. If the others are gone, nothing is left to do, and this
    /// process ends.
    pub(crate) fn start_together(&self) -> Start {
        let started = self.control(|control| control.start_together(PATIENCE));
        started.unwrap_or_else(|error| std::process::exit(error.report()))
    }

    /// Returns what all processes have measured, in process 0; `None` in the others.
    pub(crate) fn gather(&self, own: &Report) -> Result<Option<Observed>, RunError> {
        let bytes = serde_json::to_vec(own).map_err(|error| RunError::Dataflow(error.to_string()))?;
        let failed = |error: ClusterError| RunError::Dataflow(error.to_string());
        let reports = self.control(|control| control.gather(bytes, REPORT_BYTES_MAX, PATIENCE)).map_err(failed)?;
        let Some(reports) = reports else { return Ok(None) };
        let read = |bytes: &Vec<u8>| serde_json::from_slice(bytes);
        let reports: Result<Vec<Report>, _> = reports.iter().map(read).collect();
        let reports = reports.map_err(|error| RunError::Dataflow(format!("a report of a process: {error}")))?;
        Ok(Some(Report::merge(reports)))
    }
}

impl Cluster for ProcessGroup {
    fn processes(&self) -> usize {
        self.processes
    }

    fn process(&self) -> usize {
        self.process
    }

    fn connect(&self, _workers: usize) -> Result<Connected, String> {
        let mesh = self.mesh.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mesh = mesh.ok_or("the connections between the processes serve one run only")?;
        let (builders, guard) = mesh.into_timely().map_err(|error| error.to_string())?;
        match self.silence_max {
            None => Ok((builders, guard)),
            Some(silence_max) => {
                let in_touch = keep_in_touch(Arc::clone(&self.control), silence_max)?;
                Ok((builders, Box::new((guard, in_touch)))) // the guard goes first, and waits for the others
            }
        }
    }
}

/// Ends this process if another one is silent for too long, until the returned value is dropped.
fn keep_in_touch(control: Arc<Mutex<Control>>, silence_max: Duration) -> Result<Sender<()>, String> {
    let (in_touch, stop) = channel();
    let watch = move || {
        let control = control.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = control.keep_in_touch(silence_max, &stop) {
            eprintln!("error: {error}");
            std::process::exit(FAILED);
        }
    };
    let started = thread::Builder::new().name("in touch".to_owned()).spawn(watch);
    started.map(|_| in_touch).map_err(|error| format!("a thread could not be started: {error}"))
}

/// What one process has measured during a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    logs: Vec<WorkerLog>,
    readings: Vec<Reading>,
    cpu_ns: u64,
    steal_share: Option<f64>,
    throttled_share: Option<f64>,
    pss_bytes: Option<u64>,
    swapped_bytes: Option<u64>,
    swap: Option<SwapUse>,
    on_battery: Option<bool>,
    activity: Option<Activity>,
    wire: Wire,
}

impl Report {
    pub(crate) fn new(observed: Observed) -> Self {
        let Observed { logs, observations, activity, wire } = observed;
        Self {
            logs,
            readings: observations.readings,
            cpu_ns: observations.cpu_ns,
            steal_share: observations.steal_share,
            throttled_share: observations.throttled_share,
            pss_bytes: observations.pss_bytes,
            swapped_bytes: observations.swapped_bytes,
            swap: observations.swap,
            on_battery: observations.on_battery,
            activity,
            wire: wire.unwrap_or_default(),
        }
    }

    /// Merges all reports: logs side by side, amounts added, the maximum of what is of a machine.
    fn merge(reports: Vec<Report>) -> Observed {
        let greatest = |share: fn(&Report) -> Option<f64>| reports.iter().filter_map(share).reduce(f64::max);
        let of_all: Vec<&[Reading]> = reports.iter().map(|report| report.readings.as_slice()).collect();
        let observations = Observations {
            readings: added_up(&of_all),
            cpu_ns: reports.iter().map(|report| report.cpu_ns).sum(),
            steal_share: greatest(|report| report.steal_share),
            throttled_share: greatest(|report| report.throttled_share),
            pss_bytes: reports.iter().map(|report| report.pss_bytes).sum(),
            swapped_bytes: reports.iter().filter_map(|report| report.swapped_bytes).max(),
            swap: reports.iter().filter_map(|report| report.swap).max_by_key(|swap| swap.used_bytes),
            on_battery: reports.iter().filter_map(|report| report.on_battery).reduce(|one, other| one || other),
        };
        let wire = reports.iter().fold(Wire::default(), |all, Report { wire, .. }| Wire {
            messages: all.messages + wire.messages,
            bytes: all.bytes + wire.bytes,
        });
        let activities = reports.iter().filter_map(|report| report.activity.clone());
        let activity = activities.reduce(|mut all, more| {
            all.merge(more);
            all
        });
        let logs = reports.into_iter().flat_map(|report| report.logs).collect();
        Observed { logs, observations, activity, wire: Some(wire) }
    }
}

/// Adds the latest earlier readings of the other processes to each reading of the first, and their last ones to its
/// last.
fn added_up(of_all: &[&[Reading]]) -> Vec<Reading> {
    let Some((first, others)) = of_all.split_first() else { return Vec::new() };
    let mut added: Vec<Reading> = first.to_vec();
    for (at, sum) in added.iter_mut().enumerate() {
        for other in others {
            let before = other.partition_point(|reading| reading.at_ns <= sum.at_ns).max(1);
            let reading = if at + 1 == first.len() { other.last() } else { other.get(before - 1) };
            reading.into_iter().for_each(|reading| add(sum, reading));
        }
    }
    added
}

fn add(sum: &mut Reading, other: &Reading) {
    sum.admitted += other.admitted;
    sum.live_bytes = sum.live_bytes.zip(other.live_bytes).map(|(own, others)| own + others);
    sum.least_bytes += other.least_bytes;
    sum.rss_bytes += other.rss_bytes;
    sum.entries += other.entries;
    sum.buffered += other.buffered;
    sum.timers += other.timers;
    sum.retractable += other.retractable;
    sum.eviction_ns += other.eviction_ns;
    sum.forgotten += other.forgotten;
    sum.batches += other.batches;
    sum.pss_bytes = sum.pss_bytes.zip(other.pss_bytes).map(|(own, others)| own + others);
    sum.allocator = sum.allocator.zip(other.allocator).map(|(own, others)| own.and(others));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at_ns: u64, entries: u64) -> Reading {
        Reading { at_ns, entries, admitted: 1, live_bytes: Some(-1), ..Reading::default() }
    }

    fn report(readings: &[Reading], share: Option<f64>) -> Report {
        let observations = Observations {
            readings: readings.to_vec(),
            cpu_ns: 11,
            steal_share: share,
            throttled_share: None,
            pss_bytes: Some(1000),
            swapped_bytes: Some(4096),
            swap: None,
            on_battery: share.map(|share| share > 0.1),
        };
        let wire = Some(Wire { messages: 3, bytes: 100 });
        Report::new(Observed { logs: vec![WorkerLog::default()], observations, activity: None, wire })
    }

    #[test]
    fn reports_add_up() {
        let first = report(&[reading(10, 1), reading(20, 2), reading(30, 3)], Some(0.1));
        let second = report(&[reading(15, 100), reading(20, 200), reading(31, 300)], Some(0.2));
        let spec = serde_json::to_vec(&second).unwrap();
        let Observed { logs, observations: observed, wire, activity } =
            Report::merge(vec![first, serde_json::from_slice(&spec).unwrap()]);
        assert_eq!(observed.readings.iter().map(|reading| reading.entries).collect::<Vec<_>>(), [101, 202, 303]);
        assert!(observed.readings.iter().all(|reading| reading.live_bytes == Some(-2)));
        assert_eq!(observed.cpu_ns, 22);
        assert_eq!((observed.steal_share, observed.throttled_share), (Some(0.2), None));
        assert_eq!((observed.pss_bytes, observed.swapped_bytes), (Some(2000), Some(4096)), "they share a machine");
        assert_eq!(observed.on_battery, Some(true), "one of the machines");
        assert_eq!((logs.len(), wire, activity), (2, Some(Wire { messages: 6, bytes: 200 }), None));
    }
}
