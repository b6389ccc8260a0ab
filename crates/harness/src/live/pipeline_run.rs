//! A pipeline that runs as long as its session does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use flowbench_events::Symbols;
use flowbench_live::EventQueue;
use flowbench_pipelines::{
    BoundPipeline, ChangesOutlet, Driver, Drivers, Feed, LiveEpochs, RunConfig, RunContext, RunError, StateCounts,
};

use super::answer_feed::AnswerFeed;
use crate::answers_so_far::AnswersSoFar;

/// How long a worker that has nothing to do sleeps before it looks again.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A pipeline in threads of its own.
pub(super) struct PipelineRun {
    feed: Arc<AnswerFeed>,
    pub(super) progress: Arc<Progress>,
    thread: JoinHandle<Result<(), RunError>>,
}

/// How far a pipeline has come, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Epochs whose answers are in the feed.
    completed: AtomicU64,
    entries: AtomicU64,
    /// The epochs there are at the end; `u64::MAX` before.
    end: AtomicU64,
    has_ended: AtomicBool,
}

/// Notes that a pipeline has ended, however it does.
struct OnEnd(Arc<Progress>);

impl Drop for OnEnd {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Release);
    }
}

impl PipelineRun {
    /// Starts a pipeline on epochs that are being cut.
    pub(super) fn start(
        bound: Box<dyn BoundPipeline>,
        columns: &'static [&'static str],
        config: RunConfig,
        epochs: &Arc<LiveEpochs>,
        slack_ms: i64,
        queue: Arc<EventQueue>,
        symbols: Arc<RwLock<Symbols>>,
    ) -> std::io::Result<PipelineRun> {
        let name = queue.name().to_owned();
        let feed = Arc::new(AnswerFeed::new(queue, symbols, columns));
        let progress = Arc::new(Progress { end: u64::MAX.into(), ..Progress::default() });
        let trace = Arc::new(Feed::live(Arc::clone(epochs), slack_ms, config.order.drops_late()));
        let (of_drivers, its_progress, its_feed) = (Arc::clone(epochs), Arc::clone(&progress), Arc::clone(&feed));
        let drivers: Drivers = Arc::new(move |worker| {
            Box::new(LiveDriver {
                epochs: Arc::clone(&of_drivers),
                progress: Arc::clone(&its_progress),
                feed: Arc::clone(&its_feed),
                is_first: worker == 0,
            })
        });
        let of_outlet = Arc::clone(&feed);
        let outlet: ChangesOutlet = Arc::new(move |changes| of_outlet.take(&changes));
        let context = RunContext { outlet: Some(outlet), ..RunContext::new(config, &trace, drivers) };
        let its_end = Arc::clone(&progress);
        let run = move || {
            let _ended = OnEnd(its_end);
            bound.run(&context).map(drop)
        };
        let thread = thread::Builder::new().name(name).spawn(run)?;
        Ok(PipelineRun { feed, progress, thread })
    }

    /// Returns the name of its feed.
    pub(super) fn name(&self) -> &str {
        self.feed.name()
    }

    /// Returns the columns of its answers.
    pub(super) fn columns(&self) -> &'static [&'static str] {
        self.feed.columns()
    }

    /// Returns what it has answered so far.
    pub(super) fn answers(&self) -> AnswersSoFar {
        self.feed.so_far()
    }

    /// Waits for its end, which the end of the epochs brings; returns all its answers.
    pub(super) fn join(self) -> Result<AnswersSoFar, String> {
        match self.thread.join() {
            Ok(Ok(())) => Ok(self.feed.end()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it stopped because of an error of its own; please report this".to_owned()),
        }
    }
}

impl Progress {
    /// Returns the number of epochs whose answers are in the feed.
    pub(super) fn completed(&self) -> u64 {
        self.completed.load(Ordering::Acquire)
    }

    /// Returns the number of states that are held.
    pub(super) fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// True if the pipeline has ended, which it should not before its epochs do.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Says how many epochs there are, the last one of which ends the input.
    pub(super) fn set_end(&self, epochs: u64) {
        self.end.store(epochs, Ordering::Release);
    }
}

/// Offers an epoch when it is there and the one before it has been answered.
struct LiveDriver {
    epochs: Arc<LiveEpochs>,
    progress: Arc<Progress>,
    feed: Arc<AnswerFeed>,
    /// One worker tells for all that an epoch is complete.
    is_first: bool,
}

impl Driver for LiveDriver {
    fn admissible(&mut self) -> u64 {
        // Not before the answers to the last one are in the feed, so that they cannot mix with those to the next.
        self.epochs.available().min(self.progress.completed() + 1)
    }

    fn on_admitted(&mut self, _epochs: u64) {}

    fn on_completed(&mut self, epochs: u64) {
        // The answers that the end of the input gives are not for the feed.
        if self.is_first && epochs < self.progress.end.load(Ordering::Acquire) {
            self.feed.complete();
            self.progress.completed.store(epochs, Ordering::Release);
        }
    }

    fn on_state(&mut self, state_counts: StateCounts) {
        if self.is_first {
            self.progress.entries.store(state_counts.entries as u64, Ordering::Relaxed);
        }
    }

    fn idle(&mut self) -> Option<Duration> {
        Some(LOOK_EVERY)
    }
}

/// Fixes the parameters of a pipeline for a trace whose texts are not known yet.
pub(super) fn prepare(
    pipeline: &dyn flowbench_pipelines::Pipeline,
    settings: &[String],
    symbols: &RwLock<Symbols>,
) -> Result<Box<dyn BoundPipeline>, flowbench_pipelines::SettingError> {
    let mut symbols = symbols.write().unwrap_or_else(PoisonError::into_inner);
    loop {
        let bound = pipeline.prepare(settings, &symbols)?;
        if !symbols.add_asked() {
            return Ok(bound);
        }
    }
}
