//! The work of one sink: to ask, and then to send event after event, each until it is taken.
//!
//! Decisions D-634 to D-637.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::cloud_event::CloudEvent;
use crate::queue::{Cursor, CursorError, EventQueue};
use crate::webhook::client::{Reply, SignedHeaders, SinkClient};
use crate::webhook::clock::WebhookClock;
use crate::webhook::cursor_file::{CursorFile, KeptSink};
use crate::webhook::handshake::Permission;
use crate::webhook::retry::{Jitter, pause, retry_after};
use crate::webhook::signature::sign;
use crate::webhook::sink::WebhookSink;
use crate::webhook::state::{WebhookState, WebhookStatus};

/// How long a wait for an event lasts before the queue is looked at again.
const IDLE: Duration = Duration::from_secs(60);
/// How often the cursor is stored while the filter leaves out one event after another.
const STORED_EVERY_MS: u64 = 1000;

/// A sink with all it needs to send events. It is run by a thread of its own.
pub(crate) struct SinkDelivery {
    pub(crate) sink: WebhookSink,
    pub(crate) queue: Arc<EventQueue>,
    pub(crate) client: SinkClient,
    pub(crate) file: CursorFile,
    pub(crate) clock: Arc<dyn WebhookClock>,
    pub(crate) jitter: Jitter,
    /// Becomes true when the sink is to end.
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) state: Arc<Mutex<WebhookState>>,
    /// Where it waits; nothing else runs there.
    pub(crate) runtime: Runtime,
    pub(crate) progress: Progress,
}

/// How far a sink has come, and how fast it may go on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// The position of the next event.
    pub(crate) cursor: Cursor,
    /// The position that the file has.
    stored: Option<Cursor>,
    stored_at_ms: u64,
    /// Failures since the last success.
    failures: u32,
    /// The shortest time between two events.
    interval: Duration,
    /// When the next event may be sent.
    free_at_ms: u64,
}

impl Progress {
    /// Returns the progress of a sink that goes on at a position, which may be the one that its file has.
    pub(crate) fn at(cursor: Cursor, stored: Option<Cursor>) -> Progress {
        Progress { cursor, stored, ..Progress::default() }
    }
}

/// Why a sink sends nothing any more.
enum End {
    /// It was told to, or there will be no more events.
    Finished,
    /// The receiver is gone for good.
    Retired,
    /// The next event is not there.
    Lost(CursorError),
}

impl SinkDelivery {
    /// Sends events until there is a reason to end.
    pub(crate) fn run(mut self) {
        let Err(end) = self.serve();
        let (status, error) = match end {
            End::Finished => (WebhookStatus::Ended, None),
            End::Retired => {
                let fix = "nothing is sent until the configuration of the sink is changed";
                (WebhookStatus::Retired, Some(format!("the receiver answered 410, gone; {fix}")))
            }
            End::Lost(error) => {
                let fix = format!("remove {} to begin with the oldest event", self.file.path().display());
                (WebhookStatus::Lost, Some(format!("{error}; {fix}")))
            }
        };
        if let Some(error) = &error {
            log::warn!("webhook {}: {error}", self.sink.name);
        }
        self.update(|state| {
            state.status = status;
            state.next_attempt_ms = None;
            state.last_error = error.or(state.last_error.take());
        });
        self.store((status == WebhookStatus::Retired).then(|| self.sink.fingerprint()));
    }

    fn serve(&mut self) -> Result<Infallible, End> {
        self.ask()?;
        self.update(|state| state.status = WebhookStatus::Delivering);
        loop {
            self.step()?;
        }
    }

    /// Asks for permission until it is given.
    fn ask(&mut self) -> Result<(), End> {
        loop {
            self.check_stop()?;
            let rate = self.sink.rate_per_min;
            let reply = self.client.ask(rate);
            let permission = match &reply {
                Ok(reply) => Permission::read(reply, &self.sink.origin, rate),
                Err(reason) => Err(reason.clone()),
            };
            match permission {
                Ok(permission) => {
                    let per_min = permission.rate_per_min.map(f64::from);
                    self.progress.interval =
                        per_min.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(60.0 / rate));
                    self.succeed(0);
                    return Ok(());
                }
                Err(reason) => {
                    self.fail(format!("asking for permission: {reason}"), self.asked(reply.as_ref().ok()))?;
                }
            }
        }
    }

    /// Goes on by an event that the filter leaves out, by one attempt to send, or by a wait.
    fn step(&mut self) -> Result<(), End> {
        self.check_stop()?;
        // In this order: what was appended before the queue was closed is read.
        let is_closed = self.queue.is_closed();
        let next = self.queue.read(self.progress.cursor, 1).map_err(End::Lost)?.pop();
        match next {
            Some(queued) if self.sink.accepts(&queued.event) => self.attempt(&queued.event),
            Some(_) => {
                self.progress.cursor.0 += 1;
                let cursor = self.progress.cursor;
                self.update(|state| state.cursor = cursor);
                if self.clock.now_ms().abs_diff(self.progress.stored_at_ms) >= STORED_EVERY_MS {
                    self.store(None);
                }
                Ok(())
            }
            None if is_closed => Err(End::Finished),
            None => {
                let arrived = self.queue.wait(self.progress.cursor, IDLE);
                wait(&self.runtime, &mut self.stop, arrived)
            }
        }
    }

    /// Sends an event once. If it is not taken, waits until it is time for the next attempt.
    fn attempt(&mut self, event: &CloudEvent) -> Result<(), End> {
        self.pace()?;
        let body = event.to_json();
        let id = webhook_id(&self.sink.feed, &body);
        let timestamp_s = self.clock.now_ms() / 1000;
        let signature = sign(&self.sink.secrets, &id, timestamp_s, body.as_bytes());
        let reply = self.client.send(&SignedHeaders { id: &id, timestamp_s, signature: &signature }, &body);
        match reply {
            Ok(reply) if (200..300).contains(&reply.status) => {
                self.progress.cursor.0 += 1;
                self.succeed(1);
                self.store(None);
                Ok(())
            }
            Ok(reply) if reply.status == 410 => Err(End::Retired),
            Ok(reply) => self.fail(reply.summary(), self.asked(Some(&reply))),
            Err(reason) => self.fail(reason, None),
        }
    }

    /// Waits until the rate allows the next event.
    fn pace(&mut self) -> Result<(), End> {
        let now_ms = self.clock.now_ms();
        let wait_ms = self.progress.free_at_ms.saturating_sub(now_ms);
        let interval_ms = self.progress.interval.as_millis() as u64;
        // A clock that was set back must not hold an event longer than the rate does.
        self.sleep(Duration::from_millis(wait_ms.min(interval_ms)))?;
        self.progress.free_at_ms = self.clock.now_ms() + interval_ms;
        Ok(())
    }

    fn succeed(&mut self, delivered: u64) {
        self.progress.failures = 0;
        let cursor = self.progress.cursor;
        self.update(|state| {
            state.cursor = cursor;
            state.delivered += delivered;
            state.last_error = None;
            state.next_attempt_ms = None;
        });
    }

    /// Shows a failure, and waits until it is time for the next attempt.
    fn fail(&mut self, reason: String, asked: Option<Duration>) -> Result<(), End> {
        self.progress.failures = self.progress.failures.saturating_add(1);
        let pause = pause(self.progress.failures, asked, &mut self.jitter);
        log::warn!("webhook {}: {reason}; next attempt in {} s", self.sink.name, pause.as_secs());
        let next_ms = self.clock.now_ms() + pause.as_millis() as u64;
        self.update(|state| {
            state.failures += 1;
            state.last_error = Some(reason);
            state.next_attempt_ms = Some(next_ms);
        });
        self.sleep(pause)
    }

    /// Returns how long a receiver asked to be left alone.
    fn asked(&self, reply: Option<&Reply>) -> Option<Duration> {
        retry_after(reply?.header("Retry-After")?, self.clock.now_ms())
    }

    /// Stores the cursor if the file has another one. A failure is shown, and events go on: they are only sent again.
    fn store(&mut self, gone: Option<String>) {
        let cursor = self.progress.cursor;
        if self.progress.stored == Some(cursor) && gone.is_none() {
            return;
        }
        let kept = KeptSink { feed: self.sink.feed.clone(), cursor: cursor.0, gone };
        self.progress.stored_at_ms = self.clock.now_ms();
        match self.file.store(&kept) {
            Ok(()) => self.progress.stored = Some(cursor),
            Err(error) => {
                log::warn!("webhook {}: {error}", self.sink.name);
                self.update(|state| state.last_error = Some(error.to_string()));
            }
        }
    }

    fn check_stop(&self) -> Result<(), End> {
        if *self.stop.borrow() { Err(End::Finished) } else { Ok(()) }
    }

    fn sleep(&mut self, duration: Duration) -> Result<(), End> {
        if duration.is_zero() {
            return Ok(());
        }
        wait(&self.runtime, &mut self.stop, self.clock.sleep(duration))
    }

    fn update(&self, change: impl FnOnce(&mut WebhookState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Waits for something, or for the end of the sink.
fn wait(runtime: &Runtime, stop: &mut watch::Receiver<bool>, awaited: impl Future<Output = ()>) -> Result<(), End> {
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = stop.wait_for(|is_stopped| *is_stopped) => Err(End::Finished),
            () = awaited => Ok(()),
        }
    })
}

/// Returns the id by which a receiver knows an event that it is sent again: a digest of the feed and the event.
fn webhook_id(feed: &str, body: &str) -> String {
    let mut digest = Sha256::new();
    for part in [feed.as_bytes(), b"\0", body.as_bytes()] {
        digest.update(part);
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
