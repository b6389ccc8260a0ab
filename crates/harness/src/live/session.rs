//! A session: a gate, the pipelines behind it, and their feeds.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flowbench_events::Symbols;
use flowbench_live::{
    CloudEvent, CutEpoch, EMITTERS, EpochConsumer, EventQueue, EventTimePace, FeedList, FeedNameError, Freshness, Gate,
    GateConfig, GateDoor, GateEnd, LiveGateError, RecordingFile, Recovered, wall_clock_ms,
};
use flowbench_pipelines::{EventTimeProgress, LiveEpoch, LiveEpochs, Pipeline, RunConfig, SettingError};
use thiserror::Error;

use super::pipeline_run::{PipelineRun, Progress, prepare};
use crate::answers_so_far::AnswersSoFar;
use crate::supported::{Unsupported, check_supported};

/// The feed of events of types that are not flowbench's own.
pub const INBOX: &str = "inbox";

/// The feed of what rules and functions emit.
pub const EMITTED: &str = "rules";

/// What a session is made of.
pub struct LiveSpec {
    /// Where it is recorded; what is there is gone on with.
    pub recording: PathBuf,
    /// How the gate decides and cuts.
    pub gate: GateConfig,
    /// The pipelines, each with a feed.
    pub pipelines: Vec<LivePipeline>,
    /// Events that each feed keeps.
    pub kept_events: usize,
}

/// A pipeline of a session.
pub struct LivePipeline {
    /// The name of its feed.
    pub feed: String,
    /// The pipeline.
    pub pipeline: &'static dyn Pipeline,
    /// Its parameters, `KEY=VALUE`.
    pub settings: Vec<String>,
    /// The value of every axis.
    pub config: RunConfig,
}

/// A session that runs.
pub struct LiveSession {
    gate: Gate,
    epochs: Arc<LiveEpochs>,
    feeds: Arc<FeedList>,
    freshness: Arc<Freshness>,
    runs: Vec<PipelineRun>,
    tally: Arc<Tally>,
    slack_ms: i64,
    recovered: Recovered,
    /// The epochs of earlier sessions.
    recovered_epochs: u64,
    housekeeping: Housekeeping,
}

/// What has come through the gate.
#[derive(Debug)]
pub(super) struct Tally {
    events: AtomicU64,
    late: AtomicU64,
    newest_ms: AtomicI64,
}

/// How far a pipeline is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineProgress {
    /// The name of its feed.
    pub feed: String,
    /// What it has answered.
    pub answers: AnswersSoFar,
    /// Epochs whose answers are in the feed.
    pub epochs: u64,
    /// States that are held.
    pub entries: u64,
}

/// What a session leaves.
#[derive(Debug)]
pub struct LiveSessionEnd {
    /// What was recorded.
    pub gate: GateEnd,
    /// The answers of each pipeline by the name of its feed, those that only the end of the input gives included.
    pub answers: Vec<(String, AnswersSoFar)>,
}

/// Why a session cannot be started or ended badly.
#[derive(Debug, Error)]
pub enum LiveSessionError {
    /// A pipeline does not take a setting.
    #[error("pipeline {pipeline}: {error}")]
    Setting {
        /// Name of the pipeline.
        pipeline: &'static str,
        /// What is wrong with it.
        error: SettingError,
    },
    /// A pipeline cannot be answered in this way.
    #[error("pipeline {pipeline}: {reason}")]
    Unsupported {
        /// Name of the pipeline.
        pipeline: &'static str,
        /// Why.
        reason: String,
    },
    /// A choice of axes does not go together.
    #[error(transparent)]
    Choice(#[from] Unsupported),
    /// A name of a feed is malformed or taken.
    #[error(transparent)]
    Name(#[from] FeedNameError),
    /// The gate could not be started or ended badly.
    #[error(transparent)]
    Gate(#[from] LiveGateError),
    /// A pipeline ended badly.
    #[error("pipeline {feed} stopped: {reason}; the recording has what was accepted")]
    Pipeline {
        /// The name of its feed.
        feed: String,
        /// Why.
        reason: String,
    },
    /// The system has no more threads.
    #[error("no thread can be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Epochs that may wait for a pipeline: beyond, the gate waits, and the intake fills up.
const EPOCHS_AHEAD: u64 = 64;

/// Epochs that are kept behind the slowest pipeline, since workers ask how far event time had come.
const EPOCHS_BEHIND: u64 = 4;

/// How often what all pipelines have answered is noted and forgotten.
const HOUSEKEEPING_EVERY: Duration = Duration::from_millis(5);

impl LiveSession {
    /// Starts the pipelines and the gate. What was recorded in earlier sessions has been given to the pipelines when this
    /// returns.
    ///
    /// # Errors
    ///
    /// Fails with the first pipeline that cannot be answered as wanted, or if the recording cannot be used.
    pub fn start(spec: LiveSpec) -> Result<LiveSession, LiveSessionError> {
        let LiveSpec { recording, gate: mut config, pipelines, kept_events } = spec;
        // The watermark of a recording cannot change in the middle.
        config.slack_ms = RecordingFile::slack_ms(&recording).unwrap_or(config.slack_ms);
        let symbols = Arc::new(RwLock::new(Symbols::growing()));
        let (epochs, feeds) = (Arc::new(LiveEpochs::default()), Arc::new(FeedList::default()));
        let inbox = Arc::new(EventQueue::new(INBOX, kept_events));
        let emitted = Arc::new(EventQueue::new(EMITTED, kept_events));
        feeds.add(Arc::clone(&inbox))?;
        feeds.add(Arc::clone(&emitted))?;
        let waits = pipelines.iter().any(|one| one.config.order.waits());
        let mut runs = Vec::new();
        for one in pipelines {
            runs.push(one.start(&epochs, config.slack_ms, &feeds, &symbols, kept_events)?);
        }
        let progress: Vec<Arc<Progress>> = runs.iter().map(|run| Arc::clone(&run.progress)).collect();
        let freshness = Arc::new(Freshness::default());
        let unanswered = Arc::new(Mutex::new(VecDeque::new()));
        let tally = Arc::new(Tally { events: 0.into(), late: 0.into(), newest_ms: i64::MIN.into() });
        let housekeeping = Housekeeping::start(&epochs, &progress, &freshness, &unanswered, waits)?;
        let consumer = Behind {
            epochs: Arc::clone(&epochs),
            progress,
            freshness: Arc::clone(&freshness),
            unanswered,
            inbox,
            emitted,
            tally: Arc::clone(&tally),
        };
        let slack_ms = config.slack_ms;
        let (gate, recovered) = Gate::start(&recording, config, Arc::new(wall_clock_ms), symbols, consumer)?;
        let recovered_epochs = epochs.available();
        Ok(LiveSession {
            gate,
            epochs,
            feeds,
            freshness,
            runs,
            tally,
            slack_ms,
            recovered,
            recovered_epochs,
            housekeeping,
        })
    }

    /// Returns the door for those who offer events.
    pub fn door(&self) -> GateDoor {
        self.gate.door()
    }

    /// Returns the feeds, to which more can be added.
    pub fn feeds(&self) -> &Arc<FeedList> {
        &self.feeds
    }

    /// Returns how far answers are behind arrivals.
    pub fn freshness(&self) -> &Arc<Freshness> {
        &self.freshness
    }

    /// Returns what was found in the recording.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Returns true as long as the answers to what was recorded in earlier sessions are not all in their feeds.
    pub fn is_catching_up(&self) -> bool {
        self.runs.iter().any(|run| run.progress.completed() < self.recovered_epochs)
    }

    /// Returns what moves event time while nothing arrives.
    pub fn event_time_pace(&self) -> EventTimePace {
        self.gate.door().event_time_pace()
    }

    /// Returns the columns of the answers in each feed of a pipeline.
    pub(super) fn columns(&self) -> BTreeMap<String, &'static [&'static str]> {
        self.runs.iter().map(|run| (run.name().to_owned(), run.columns())).collect()
    }

    /// Returns the events of the recording, and how many of them are late.
    pub fn events(&self) -> (u64, u64) {
        (self.tally.events.load(Ordering::Relaxed), self.tally.late.load(Ordering::Relaxed))
    }

    /// Returns the slack in ms, which is that of the recording.
    pub fn slack_ms(&self) -> i64 {
        self.slack_ms
    }

    /// Returns the newest event time in ms; `None` before the first event.
    pub fn newest_ms(&self) -> Option<i64> {
        Some(self.tally.newest_ms.load(Ordering::Relaxed)).filter(|newest_ms| *newest_ms > i64::MIN)
    }

    /// Returns how far each pipeline is.
    pub fn progress(&self) -> Vec<PipelineProgress> {
        let of = |run: &PipelineRun| PipelineProgress {
            feed: run.name().to_owned(),
            answers: run.answers(),
            epochs: run.progress.completed(),
            entries: run.progress.entries(),
        };
        self.runs.iter().map(of).collect()
    }

    /// True if the pipelines have answered every epoch that was cut.
    pub fn is_settled(&self) -> bool {
        self.runs.iter().all(|run| run.progress.completed() >= self.epochs.available())
    }

    /// True if the session has ended by itself, which [`end`](Self::end) explains.
    pub fn has_ended(&self) -> bool {
        self.gate.has_ended() || self.runs.iter().any(|run| run.progress.has_ended())
    }

    /// Takes nothing any more, answers what was accepted, and ends. The feeds do not get what only the end of the input
    /// answers, since a session may go on.
    ///
    /// # Errors
    ///
    /// Fails with the first pipeline that ended badly, or the gate.
    pub fn end(self) -> Result<LiveSessionEnd, LiveSessionError> {
        let gate = self.gate.end();
        let end = self.epochs.available() + 1;
        self.runs.iter().for_each(|run| run.progress.set_end(end));
        self.epochs.close();
        let mut answers = Vec::new();
        let mut failed = None;
        for run in self.runs {
            let feed = run.name().to_owned();
            match run.join() {
                Ok(all) => answers.push((feed, all)),
                Err(reason) => failed = failed.or(Some(LiveSessionError::Pipeline { feed, reason })),
            }
        }
        self.housekeeping.stop();
        self.feeds.all().iter().for_each(|queue| queue.close());
        match failed {
            Some(failed) => Err(failed),
            None => Ok(LiveSessionEnd { gate: gate?, answers }),
        }
    }
}

impl LivePipeline {
    fn start(
        self,
        epochs: &Arc<LiveEpochs>,
        slack_ms: i64,
        feeds: &FeedList,
        symbols: &Arc<RwLock<Symbols>>,
        kept_events: usize,
    ) -> Result<PipelineRun, LiveSessionError> {
        let LivePipeline { feed, pipeline, settings, config } = self;
        check_supported(pipeline, &config, 1)?;
        if let Some(reason) = config.strategy.unsupported_live() {
            let reason = format!("strategy '{}' cannot answer live: {reason}; take another one", config.strategy);
            return Err(LiveSessionError::Unsupported { pipeline: pipeline.name(), reason });
        }
        let bound = prepare(pipeline, &settings, symbols)
            .map_err(|error| LiveSessionError::Setting { pipeline: pipeline.name(), error })?;
        let queue = Arc::new(EventQueue::new(feed, kept_events));
        feeds.add(Arc::clone(&queue))?;
        let columns = pipeline.about().columns;
        Ok(PipelineRun::start(bound, columns, config, epochs, slack_ms, queue, Arc::clone(symbols))?)
    }
}

/// An epoch with events, until it is answered.
struct Unanswered {
    number: u64,
    offered_at_ms: Option<i64>,
    newest_ms: i64,
    watermark_ms: i64,
    /// The events of the trace up to its end.
    accepted: u64,
}

type UnansweredEpochs = Arc<Mutex<VecDeque<Unanswered>>>;

/// What is behind the gate.
struct Behind {
    epochs: Arc<LiveEpochs>,
    progress: Vec<Arc<Progress>>,
    freshness: Arc<Freshness>,
    unanswered: UnansweredEpochs,
    inbox: Arc<EventQueue>,
    emitted: Arc<EventQueue>,
    tally: Arc<Tally>,
}

impl EpochConsumer for Behind {
    fn take(&mut self, epoch: CutEpoch) -> Result<(), String> {
        while self.epochs.available() >= slowest(&self.progress).saturating_add(EPOCHS_AHEAD) {
            if self.progress.iter().any(|progress| progress.has_ended()) {
                return Err("a pipeline has stopped".to_owned());
            }
            thread::sleep(Duration::from_millis(1));
        }
        let CutEpoch { number, events, late, newest_ms, watermark_ms, accepted, offered_at_ms } = epoch;
        if let Some(offered_at_ms) = offered_at_ms {
            self.freshness.arrived(offered_at_ms);
        }
        self.tally.events.store(accepted, Ordering::Relaxed);
        self.tally.late.fetch_add(late.len() as u64, Ordering::Relaxed);
        self.tally.newest_ms.store(newest_ms, Ordering::Relaxed);
        let newest_event_ms = events.iter().map(flowbench_events::Event::event_time_ms).max();
        let newest_event_ms = newest_event_ms.unwrap_or(i64::MIN);
        let unanswered = Unanswered { number, offered_at_ms, newest_ms: newest_event_ms, watermark_ms, accepted };
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).push_back(unanswered);
        let reached = EventTimeProgress {
            watermark_ms,
            ahead_ms: newest_ms,
            newest_ms,
            deliveries: accepted as i64,
            arrivals_from_ms: events.last().map_or(i64::MIN, flowbench_events::Event::arrival_time_ms),
        };
        self.epochs.append(LiveEpoch { events, late, reached });
        Ok(())
    }

    fn queue(&mut self, event: CloudEvent) {
        let is_emitted = EMITTERS.iter().any(|begin| event.source.starts_with(begin));
        if is_emitted { self.emitted.append(event) } else { self.inbox.append(event) }
    }
}

/// Returns the number of epochs that all pipelines have answered.
fn slowest(progress: &[Arc<Progress>]) -> u64 {
    progress.iter().map(|progress| progress.completed()).min().unwrap_or(u64::MAX)
}

/// The thread that notes what is answered and forgets it.
struct Housekeeping {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Housekeeping {
    fn start(
        epochs: &Arc<LiveEpochs>,
        progress: &[Arc<Progress>],
        freshness: &Arc<Freshness>,
        unanswered: &UnansweredEpochs,
        waits: bool,
    ) -> std::io::Result<Housekeeping> {
        let is_over = Arc::new(AtomicBool::new(false));
        let (epochs, progress, freshness) = (Arc::clone(epochs), progress.to_vec(), Arc::clone(freshness));
        let (unanswered, over) = (Arc::clone(unanswered), Arc::clone(&is_over));
        let thread = thread::Builder::new().name("housekeeping".to_owned()).spawn(move || {
            while !over.load(Ordering::Acquire) {
                let completed = slowest(&progress).min(epochs.available());
                epochs.forget(completed.saturating_sub(EPOCHS_BEHIND));
                let mut unanswered = unanswered.lock().unwrap_or_else(PoisonError::into_inner);
                note_answered(&mut unanswered, completed, waits, &freshness);
                drop(unanswered);
                thread::sleep(HOUSEKEEPING_EVERY);
            }
        })?;
        Ok(Housekeeping { is_over, thread })
    }

    fn stop(self) {
        self.is_over.store(true, Ordering::Release);
        let _ = self.thread.join(); // it has nothing to say
    }
}

/// Notes the epochs that are answered: completed, and passed by the watermark if pipelines wait for it.
fn note_answered(unanswered: &mut VecDeque<Unanswered>, completed: u64, waits: bool, freshness: &Freshness) {
    let done = unanswered.iter().take_while(|epoch| epoch.number < completed);
    let Some(watermark_ms) = done.last().map(|epoch| epoch.watermark_ms) else { return };
    while let Some(epoch) = unanswered.front()
        && epoch.number < completed
        && (!waits || epoch.newest_ms < watermark_ms)
    {
        if let Some(offered_at_ms) = epoch.offered_at_ms {
            freshness.answered(offered_at_ms, epoch.accepted);
        }
        unanswered.pop_front();
    }
}
