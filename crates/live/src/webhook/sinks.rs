//! All sinks of a session, each on a thread of its own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use flowbench_events::did_you_mean_or_list;
use thiserror::Error;
use tokio::sync::watch;

use crate::queue::EventQueue;
use crate::webhook::client::{RequestDeadlines, SinkClient};
use crate::webhook::clock::{MachineClock, WebhookClock};
use crate::webhook::cursor_file::{CursorFile, KeptSink, WebhookCursorError};
use crate::webhook::delivery::{Progress, SinkDelivery};
use crate::webhook::retry::Jitter;
use crate::webhook::sink::WebhookSink;
use crate::webhook::state::{WebhookState, WebhookStatus};

/// The sinks of a session while it runs. Dropped, they end by themselves as soon as they can.
#[derive(Debug)]
pub struct WebhookSinks {
    sinks: Vec<Running>,
    stop: watch::Sender<bool>,
    /// The names of those whose thread has ended.
    ended: mpsc::Receiver<String>,
}

/// What sinks depend on beside their configuration.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// The time.
    pub clock: Arc<dyn WebhookClock>,
    /// What the jitter of the retries begins with.
    pub seed: u64,
    /// How long a request may take.
    pub deadlines: RequestDeadlines,
}

/// Why the sinks cannot start.
#[derive(Debug, Error)]
pub enum WebhookStartError {
    /// There is no feed of that name.
    #[error("sink '{sink}': there is no feed '{feed}'{hint}")]
    UnknownFeed {
        /// The name of the sink.
        sink: String,
        /// The feed it is configured for.
        feed: String,
        /// The feed that may be meant, or all there are.
        hint: String,
    },
    /// The cursor of a sink cannot be read.
    #[error("sink '{sink}': {source}")]
    Cursor {
        /// The name of the sink.
        sink: String,
        /// What is wrong.
        source: WebhookCursorError,
    },
    /// There is no thread to be had for a sink.
    #[error("sink '{sink}': no thread can be started: {source}; allow more threads, or configure fewer sinks")]
    Thread {
        /// The name of the sink.
        sink: String,
        /// What went wrong.
        source: io::Error,
    },
}

#[derive(Debug)]
struct Running {
    queue: Arc<EventQueue>,
    state: Arc<Mutex<WebhookState>>,
    /// False if the sink was retired in an earlier session.
    has_thread: bool,
}

impl Default for WebhookOptions {
    /// Returns the clock of the machine, a seed of the time, and the usual deadlines.
    fn default() -> WebhookOptions {
        let clock = MachineClock;
        WebhookOptions { seed: clock.now_ms(), clock: Arc::new(clock), deadlines: RequestDeadlines::default() }
    }
}

impl WebhookSinks {
    /// Starts the sinks, each at the cursor that is kept in the folder `cursors`, and at the oldest event of its feed if none
    /// is. The names of the sinks must differ, as [`read_webhook_sinks`](crate::webhook::read_webhook_sinks) makes sure.
    ///
    /// # Errors
    ///
    /// Fails if a feed is unknown, a cursor cannot be read, or a thread cannot be started. Then none is left running.
    pub fn start(
        sinks: Vec<WebhookSink>,
        queues: &BTreeMap<String, Arc<EventQueue>>,
        cursors: &Path,
        options: &WebhookOptions,
    ) -> Result<WebhookSinks, WebhookStartError> {
        let (stop, _) = watch::channel(false);
        let (ends, ended) = mpsc::channel();
        let mut started = WebhookSinks { sinks: Vec::new(), stop, ended };
        // Whatever is wrong is found before the first request.
        let mut prepared = Vec::new();
        for sink in sinks {
            prepared.push(Prepared::new(sink, queues, cursors)?);
        }
        for one in prepared {
            started.begin(one, options, ends.clone())?;
        }
        Ok(started)
    }

    /// Returns the state of each sink, in the order they were configured in.
    pub fn states(&self) -> Vec<WebhookState> {
        self.sinks.iter().map(Running::state).collect()
    }

    /// Ends all sinks, and waits until they have ended, at most until the deadline. Returns the names of those that had a
    /// request under way even then; its event is sent again in the next session.
    pub fn stop(self, deadline: Duration) -> Vec<String> {
        self.stop.send_replace(true);
        let until = Instant::now() + deadline;
        let threads = self.sinks.iter().filter(|one| one.has_thread);
        let mut busy: Vec<String> = threads.map(|one| one.state().name).collect();
        while !busy.is_empty() {
            let Ok(name) = self.ended.recv_timeout(until.saturating_duration_since(Instant::now())) else { break };
            busy.retain(|other| *other != name);
        }
        busy
    }

    /// Starts the thread of a sink, unless its receiver has retired.
    fn begin(
        &mut self,
        prepared: Prepared,
        options: &WebhookOptions,
        ends: mpsc::Sender<String>,
    ) -> Result<(), WebhookStartError> {
        let Prepared { sink, queue, file, progress, is_retired } = prepared;
        let name = sink.name.clone();
        let state = Arc::new(Mutex::new(first_state(&sink, &progress, is_retired)));
        self.sinks.push(Running { queue: queue.clone(), state: state.clone(), has_thread: !is_retired });
        if is_retired {
            return Ok(());
        }
        let error = |source| WebhookStartError::Thread { sink: sink.name.clone(), source };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(error)?;
        let builder = thread::Builder::new().name(format!("webhook-{name}"));
        let delivery = SinkDelivery {
            client: SinkClient::new(&sink, options.deadlines),
            jitter: Jitter::new(options.seed, &name),
            clock: options.clock.clone(),
            stop: self.stop.subscribe(),
            sink: sink.clone(),
            queue,
            file,
            state,
            runtime,
            progress,
        };
        let work = move || {
            delivery.run();
            // Nobody listens if the sinks were dropped.
            let _ = ends.send(name);
        };
        builder.spawn(work).map(drop).map_err(error)
    }
}

impl Drop for WebhookSinks {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Running {
    fn state(&self) -> WebhookState {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.pending = self.queue.end().0.saturating_sub(state.cursor.0);
        state
    }
}

/// A sink with its queue and what was kept of it.
struct Prepared {
    sink: WebhookSink,
    queue: Arc<EventQueue>,
    file: CursorFile,
    progress: Progress,
    is_retired: bool,
}

impl Prepared {
    fn new(
        sink: WebhookSink,
        queues: &BTreeMap<String, Arc<EventQueue>>,
        cursors: &Path,
    ) -> Result<Prepared, WebhookStartError> {
        let Some(queue) = queues.get(&sink.feed) else {
            let hint = did_you_mean_or_list(&sink.feed, queues.keys().map(String::as_str));
            return Err(WebhookStartError::UnknownFeed { sink: sink.name, feed: sink.feed, hint });
        };
        let file = CursorFile::new(cursors, &sink.name);
        let kept = file.load().map_err(|source| WebhookStartError::Cursor { sink: sink.name.clone(), source })?;
        // The cursor of another feed says nothing about this one.
        let kept = kept.filter(|kept| kept.feed == sink.feed);
        let stored = kept.as_ref().map(KeptSink::cursor);
        let is_retired = kept.and_then(|kept| kept.gone).is_some_and(|gone| gone == sink.fingerprint());
        let progress = Progress::at(stored.unwrap_or_else(|| queue.oldest()), stored);
        Ok(Prepared { queue: queue.clone(), sink, file, progress, is_retired })
    }
}

fn first_state(sink: &WebhookSink, progress: &Progress, is_retired: bool) -> WebhookState {
    let fix = "change the configuration of the sink, its secret for example, to have it asked again";
    WebhookState {
        name: sink.name.clone(),
        feed: sink.feed.clone(),
        url: sink.url.to_string(),
        status: if is_retired { WebhookStatus::Retired } else { WebhookStatus::Asking },
        cursor: progress.cursor,
        pending: 0,
        delivered: 0,
        failures: 0,
        last_error: is_retired.then(|| format!("the receiver answered 410, gone, in an earlier session; {fix}")),
        next_attempt_ms: None,
    }
}
