//! Offers a trace by a plan that is fixed before the run, and notes when what was admitted and completed.
//!
//! Open loop: every event has its due instant, whatever the dataflow does; an epoch is offered as soon as all of it is
//! due. Nothing is rescheduled. When the plan has ended and its time is up, what is still open is offered at once, so that
//! the answers can be checked, and counted as censored. Closed loop: the next epochs are offered when earlier ones are
//! completed.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use flowbench_events::LateSet;
use flowbench_measurement::offered_load::Schedule;
use flowbench_measurement::record::{Sharing, Wire, WorkerShare};
use flowbench_measurement::timeline::Reading;
use flowbench_pipelines::{
    Census, Choice, Cluster, Driver, Drivers, Feed, Home, Prepared, RunEnd, RunError, Site, WorkerEnd,
};

use crate::activity::{Activity, Recorder};
use crate::company::{Company, Report};
use crate::probe::{Completions, WorkerLog};
use crate::sampler::{self, Observations, Sampler};
use crate::views::Views;

/// How events are offered in one run.
#[derive(Debug, Clone)]
pub enum Load {
    /// By due instants; what is open at `stop_ns` is censored.
    Open {
        /// When each event is due.
        schedule: Schedule,
        /// When the run is given up, ns since it began.
        stop_ns: u64,
    },
    /// As soon as there is room.
    Closed,
}

/// How long a worker keeps what it holds for the others to be done.
const SETTLING: Duration = Duration::from_millis(200);
/// Epochs each worker may have open in the closed loop: enough to keep it busy.
const EPOCHS_IN_FLIGHT: u64 = 4;

/// A measured run.
pub struct Measured {
    /// What the pipeline left.
    pub end: RunEnd,
    /// When what was admitted and completed.
    pub completions: Completions,
    /// What was seen beside it.
    pub observations: Observations,
    /// How the work was shared.
    pub sharing: Sharing,
    /// How long it took, with other runs of the same case of which this is the one that counts, ns.
    pub lasted_ns: u64,
    pub(crate) activity: Option<Activity>,
    pub(crate) views: Views,
}

/// What is run, on what, with whom.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The pipeline.
    pub prepared: &'a dyn Prepared,
    /// The choice on every axis.
    pub choice: Choice,
    /// What is fed.
    pub feed: &'a Arc<Feed>,
    /// How it is offered.
    pub load: &'a Load,
    /// The other processes, if there are any.
    pub company: Option<&'a Arc<Company>>,
}

/// Runs a pipeline under a load and watches it; what its operators do as well, if asked for. `None` in all processes but the
/// first, which knows what all have seen.
pub fn measure(setting: &Setting<'_>, logs_activity: bool) -> Result<Option<Measured>, RunError> {
    let Setting { prepared, choice, feed, load, company } = *setting;
    let home = company.map_or(Home::Threads, |company| Home::Processes(Arc::clone(company) as Arc<dyn Cluster>));
    let track = Arc::new(Track::new(choice.workers, &home, load.clone(), company.cloned()));
    let recorder = logs_activity.then(Recorder::default);
    let sampler = Sampler::start(&track);
    let site = Site {
        home,
        hook: recorder.as_ref().map(Recorder::hook),
        ..Site::new(choice, feed, drivers(&track, &choice, feed))
    };
    let end = prepared.run(&site);
    drop(site);
    let observations = sampler.stop();
    let end = end?;
    let logs = std::mem::take(&mut *track.logs.lock().unwrap_or_else(PoisonError::into_inner));
    let activity = recorder.map(|recorder| recorder.finish());
    let seen = Seen { logs, observations, activity, wire: None };
    let Some(company) = company else { return Ok(Some(measured(feed, load, end, seen))) };
    let wire = track.sent.get().copied();
    let seen = company.gather(&Report::new(Seen { wire, ..seen }))?;
    Ok(seen.map(|seen| measured(feed, load, end, seen)))
}

fn drivers(track: &Arc<Track>, choice: &Choice, feed: &Arc<Feed>) -> Drivers {
    let (track, feed, readers) = (Arc::clone(track), Arc::clone(feed), choice.strategy.readers(track.workers));
    Arc::new(move |worker| Box::new(WorkerDriver::new(worker, readers, &track, &feed)))
}

/// What was seen of a run: in one process, or in all of them together.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) logs: Vec<WorkerLog>,
    pub(crate) observations: Observations,
    pub(crate) activity: Option<Activity>,
    pub(crate) wire: Option<Wire>,
}

fn measured(feed: &Feed, load: &Load, end: RunEnd, seen: Seen) -> Measured {
    let Seen { logs, observations, mut activity, wire } = seen;
    if let Some(activity) = &mut activity {
        logs.iter().for_each(|log| activity.add_the_rest(log.worker as usize, log.busy_ns));
    }
    let views = Views::new(&logs, feed);
    let progress_messages = activity.as_ref().map(|activity| activity.progress_messages);
    let sharing = Sharing { wire, progress_messages, ..sharing(&end, &logs, &views) };
    let events = feed.trace().events.len() as u64;
    let completions = Completions::new(logs, feed.records_per_epoch() as u64, events, load.clone());
    let lasted_ns = completions.elapsed_ns();
    Measured { end, completions, observations, sharing, lasted_ns, activity, views }
}

fn sharing(end: &RunEnd, logs: &[WorkerLog], views: &Views) -> Sharing {
    let busy_ns = |worker: usize| logs.iter().find(|log| log.worker == worker as u64).map_or(0, |log| log.busy_ns);
    let share = |(worker, end): (usize, &WorkerEnd)| WorkerShare { records: end.records, busy_ns: busy_ns(worker) };
    Sharing {
        workers: end.workers.iter().enumerate().map(share).collect(),
        exchanged_records: end.workers.iter().map(|worker| worker.exchanged_records).sum(),
        exchanged_bytes: end.workers.iter().map(|worker| worker.exchanged_bytes).sum(),
        wire: None,
        progress_messages: None,
        view_skew: views.skew(),
        logging_overhead_share: None,
    }
}

/// What the source alone gives, events per second: one thread walks the whole trace, lateness decided, and gives on
/// nothing; times the workers that do so side by side.
pub fn source_ceiling_events_per_s(feed: &Feed, workers: usize) -> f64 {
    let mut late = LateSet::default();
    let mut given = 0_u64;
    let begun = Instant::now();
    for epoch in 0..feed.epochs() {
        feed.walk(epoch, &mut late, |event| given += u64::from(std::hint::black_box(event).value().is_some()));
    }
    std::hint::black_box((given, late));
    let elapsed_s = begun.elapsed().as_secs_f64().max(1e-9);
    feed.trace().events.len() as f64 / elapsed_s * workers as f64
}

/// What the drivers of all workers and the sampler share.
pub(crate) struct Track {
    load: Load,
    company: Option<Arc<Company>>,
    first_worker: usize,  // of this process
    workers: usize,       // of all processes
    waiting: AtomicUsize, // workers of this process that are not ready yet
    started: OnceLock<Instant>,
    unsettled: AtomicUsize, // workers that are not done yet
    settled: OnceLock<Reading>,
    sent: OnceLock<Wire>, // to other processes, when this one was done: what comes after are the answers for the check
    pub(crate) gauges: Vec<Gauges>,
    logs: Mutex<Vec<WorkerLog>>,
}

/// What one worker shows to the sampler.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Gauges {
    pub(crate) admitted: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) buffered: AtomicU64,
    pub(crate) answer_bytes: AtomicU64,
}

impl Track {
    /// For so many workers of this process.
    fn new(workers: usize, home: &Home, load: Load, company: Option<Arc<Company>>) -> Self {
        Self {
            load,
            company,
            first_worker: home.process() * workers,
            workers: home.processes() * workers,
            waiting: AtomicUsize::new(workers),
            started: OnceLock::new(),
            unsettled: AtomicUsize::new(workers),
            settled: OnceLock::new(),
            sent: OnceLock::new(),
            gauges: (0..workers).map(|_| Gauges::default()).collect(),
            logs: Mutex::new(Vec::new()),
        }
    }

    /// When the run began: the instant at which the last worker was ready. `None` before.
    pub(crate) fn started(&self) -> Option<Instant> {
        self.started.get().copied()
    }

    /// What was left when all workers were done. `None` before.
    pub(crate) fn settled(&self) -> Option<Reading> {
        self.settled.get().copied()
    }
}

struct WorkerDriver {
    track: Arc<Track>,
    gauges: usize, // which of those of this process
    records_per_epoch: u64,
    events: u64,
    ready: bool,
    completed_epochs: u64,
    asked_ns: u64, // when it last asked what is admissible
    log: WorkerLog,
}

impl WorkerDriver {
    /// Of one of so many workers, of whom the first `readers` read.
    fn new(worker: usize, readers: usize, track: &Arc<Track>, feed: &Feed) -> Self {
        Self {
            track: Arc::clone(track),
            gauges: worker - track.first_worker,
            records_per_epoch: feed.records_per_epoch() as u64,
            events: feed.trace().events.len() as u64,
            ready: false,
            completed_epochs: 0,
            asked_ns: 0,
            log: WorkerLog::new(worker as u64, readers as u64, feed.epochs()),
        }
    }

    /// Now, in ns since the run began; `None` while other workers are not ready.
    fn now_ns(&mut self) -> Option<u64> {
        if !self.ready {
            self.ready = true;
            if self.track.waiting.fetch_sub(1, Ordering::AcqRel) == 1 {
                // Whoever is last starts the clock for all.
                let together = self.track.company.as_ref().map(|company| company.start_together().at);
                let _ = self.track.started.set(together.unwrap_or_else(Instant::now));
            }
        }
        self.track.started().map(|started| started.elapsed().as_nanos() as u64)
    }
}

impl Driver for WorkerDriver {
    fn admissible(&mut self) -> u64 {
        let Some(now_ns) = self.now_ns() else { return 0 };
        self.asked_ns = now_ns;
        let in_flight = self.completed_epochs + EPOCHS_IN_FLIGHT * self.track.workers as u64;
        match &self.track.load {
            Load::Closed => in_flight,
            Load::Open { stop_ns, .. } if now_ns >= *stop_ns => in_flight.max(self.log.admissible),
            Load::Open { schedule, .. } => {
                let due = schedule.due_before(now_ns + 1).min(self.events);
                self.log.admissible = if due == self.events { u64::MAX } else { due / self.records_per_epoch };
                self.log.admissible
            }
        }
    }

    fn admitted(&mut self, epochs: u64) {
        let now_ns = self.now_ns().unwrap_or(0);
        self.log.admit(epochs, now_ns);
        let admitted = (self.log.admitted_ns.len() as u64 * self.records_per_epoch).min(self.events);
        self.track.gauges[self.gauges].admitted.store(admitted, Ordering::Relaxed);
    }

    fn completed(&mut self, epochs: u64) {
        let now_ns = self.now_ns().unwrap_or(0);
        self.completed_epochs = epochs;
        self.log.complete(epochs, now_ns);
    }

    fn views(&mut self, epochs: u64) {
        let now_ns = self.now_ns().unwrap_or(0);
        self.log.views.push((epochs, now_ns));
    }

    fn worked(&mut self) {
        let now_ns = self.now_ns().unwrap_or(0);
        self.log.busy_ns += now_ns.saturating_sub(self.asked_ns);
    }

    /// The last worker to be done takes the reading; the others keep what they hold until then, but not for ever.
    fn settled(&mut self) {
        let started = self.track.started().unwrap_or_else(Instant::now);
        if self.track.unsettled.fetch_sub(1, Ordering::AcqRel) == 1 {
            let _ = self.track.settled.set(sampler::read(&self.track, started));
            let sent = self.track.company.as_ref().map(|company| company.meter().sent());
            let _ = self.track.sent.set(sent.unwrap_or_default());
        }
        let patience = Instant::now() + SETTLING;
        while self.track.settled().is_none() && Instant::now() < patience {
            std::thread::yield_now();
        }
    }

    fn holds(&mut self, census: Census) {
        let gauges = &self.track.gauges[self.gauges];
        gauges.entries.store(census.entries as u64, Ordering::Relaxed);
        gauges.buffered.store(census.buffered as u64, Ordering::Relaxed);
        gauges.answer_bytes.store(census.answer_bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for WorkerDriver {
    fn drop(&mut self) {
        let log = std::mem::take(&mut self.log);
        self.track.logs.lock().unwrap_or_else(PoisonError::into_inner).push(log);
    }
}
