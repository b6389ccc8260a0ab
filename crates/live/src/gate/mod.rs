//! The gate, through which every event of a live session goes.
//!
//! It stamps arrivals, decides what is late, cuts epochs and records them; only what is recorded goes on. So the watermark
//! is a function of the recording, and whoever replays the recording gets the answers of the session.
//!
//! Decisions D-661, D-662, D-663, D-664, D-667, D-668 and D-671.

mod admission;
mod cut_epoch;
mod event_time;
mod pending;
mod recent_ids;
mod recovery;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowbench_events::{Event, RecordingLine, Symbols, push_json_line};
use thiserror::Error;
use tokio::sync::oneshot;

use self::admission::{Admission, Admitted, hint_of_type};
pub use self::admission::{EMITTERS, check_emitted_type};
pub use self::cut_epoch::{CutEpoch, EpochConsumer};
pub use self::event_time::EventTimePace;
pub use self::pending::SimulatedSource;
use self::pending::{Pending, PendingBatch};
use self::recovery::Recovery;
use crate::cloud_event::CloudEvent;
use crate::intake::{Full, Intake, IntakeReceipt, OfferHint, Offered, RejectedOffer, Ticket};
use crate::recording_file::{RecordingError, RecordingFile, Recovered};

/// How a gate decides and cuts.
#[derive(Debug, Clone, Copy)]
pub struct GateConfig {
    /// How far the watermark is behind the newest event time, in ms.
    pub slack_ms: i64,
    /// How far an event may be ahead of the clock, in ms; one that is further ahead is refused and moves nothing.
    pub max_ahead_ms: i64,
    /// How long nothing may arrive before event time follows the clock, in ms; `None` for ever.
    pub idle_after_ms: Option<i64>,
    /// An epoch is cut when its oldest event has waited this long,
    pub cut_every: Duration,
    /// or when it has this many events.
    pub cut_events: usize,
    /// Events that may wait to be decided; an offer beyond is refused for now.
    pub pending_events: usize,
    /// Identities of events that are remembered, by which a repetition is known.
    pub remembered_ids: usize,
}

impl Default for GateConfig {
    fn default() -> Self {
        GateConfig {
            slack_ms: 10_000,
            max_ahead_ms: 300_000,
            idle_after_ms: Some(1_000),
            cut_every: Duration::from_millis(100),
            cut_events: 4_096,
            pending_events: 65_536,
            remembered_ids: 1 << 20,
        }
    }
}

/// A running gate.
#[derive(Debug)]
pub struct Gate {
    pending: Arc<Pending>,
    thread: JoinHandle<Result<GateEnd, LiveGateError>>,
}

/// What a gate has let through when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateEnd {
    /// The epochs of the recording.
    pub epochs: u64,
    /// The events of the recording.
    pub events: u64,
    /// The length of the recording in bytes.
    pub recording_bytes: u64,
}

/// Why a gate ended.
#[derive(Debug, Error)]
pub enum LiveGateError {
    /// The recording cannot be begun or gone on with.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The recording cannot be written on. What was accepted before is in it.
    #[error("the recording cannot be written: {0}; what was accepted is in it, and a new start goes on from there")]
    Writing(io::Error),
    /// A consumer takes nothing any more.
    #[error("{0}")]
    Consumer(String),
    /// The thread of the gate panicked.
    #[error("the gate stopped because of an error of its own; please report this")]
    Panicked,
}

/// Says what time it is, in ms since the Unix epoch.
pub type WallClock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The door to a gate for those who offer.
#[derive(Debug, Clone)]
pub struct GateDoor(Arc<Pending>);

/// How often event time follows the clock while nothing arrives.
const HEARTBEAT_EVERY: Duration = Duration::from_millis(500);

/// Bytes after which an epoch takes no more events. A frame of the recording has four times as many at most, so the last event, which
/// a log may have with 16 MiB, fits.
const EPOCH_BYTES_MAX: usize = 16 << 20;

/// Hints to a batch at most: they are alike as a rule.
const HINTS_MAX: usize = 20;

impl Gate {
    /// Starts a gate that records to `path`, or goes on with the recording that is there: then its epochs are given to
    /// `consumer` first, before this returns. Its slack is that of the recording. `symbols` takes the texts.
    ///
    /// # Errors
    ///
    /// Fails if the recording cannot be used or `consumer` refuses what was recorded.
    pub fn start(
        path: &Path,
        config: GateConfig,
        clock: WallClock,
        symbols: Arc<RwLock<Symbols>>,
        mut consumer: impl EpochConsumer,
    ) -> Result<(Gate, Recovered), LiveGateError> {
        let admission = Admission::new(config.slack_ms, config.max_ahead_ms, config.remembered_ids);
        let mut recovery = Recovery::new(admission, &symbols, &mut consumer);
        let (recording, recovered) = RecordingFile::open(path, config.slack_ms, |line| recovery.line(line))?;
        let (admission, epochs) = recovery.end();
        let pending = Arc::new(Pending::new(config.pending_events));
        let of_thread = Arc::clone(&pending);
        let mut running =
            Running { config, clock, admission, symbols, recording, consumer, epochs, is_simulated: false };
        let thread = thread::Builder::new().name("gate".to_owned()).spawn(move || {
            let end = running.run(&of_thread);
            of_thread.abandon();
            end
        });
        let thread = thread.map_err(LiveGateError::Writing)?;
        Ok((Gate { pending, thread }, recovered))
    }

    /// Returns a door for those who offer.
    pub fn door(&self) -> GateDoor {
        GateDoor(Arc::clone(&self.pending))
    }

    /// Returns true if the gate has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Takes nothing any more, decides what was offered before, and ends.
    ///
    /// # Errors
    ///
    /// Fails with the error that ended the gate.
    pub fn end(self) -> Result<GateEnd, LiveGateError> {
        self.pending.close();
        self.thread.join().unwrap_or(Err(LiveGateError::Panicked))
    }
}

impl Intake for GateDoor {
    fn offer(&self, batch: Vec<Offered>) -> Result<Ticket, Full> {
        self.0.offer(batch)
    }
}

impl GateDoor {
    /// Returns true if nothing is taken any more.
    pub fn has_ended(&self) -> bool {
        self.0.is_closed()
    }

    /// Says that a source has a clock of its own until what this returns is dropped: until then, the clock of the machine
    /// does not move event time.
    pub fn simulated_source(&self) -> SimulatedSource {
        SimulatedSource::new(&self.0)
    }

    /// Returns what moves event time while nothing arrives.
    pub fn event_time_pace(&self) -> EventTimePace {
        self.0.event_time()
    }

    /// Offers what a rule or a function emitted, whether or not there is room, since whoever emits keeps bounds of its own
    /// ([`Emissions`](crate::Emissions)). `None` if nothing is taken any more.
    pub fn emit(&self, events: Vec<CloudEvent>) -> Option<Ticket> {
        let offered = events.into_iter().map(|event| Offered::Emitted(Box::new(event))).collect();
        self.0.offer_beyond_limit(offered)
    }

    /// Waits until there is room for a batch; returns false if there is none after `deadline` or the gate has ended.
    pub fn wait_for_room(&self, deadline: Duration) -> bool {
        self.0.wait_for_room(deadline)
    }
}

/// The thread of a gate.
struct Running<C> {
    config: GateConfig,
    clock: WallClock,
    admission: Admission,
    symbols: Arc<RwLock<Symbols>>,
    recording: RecordingFile,
    consumer: C,
    epochs: u64,
    /// True if event time is that of a source which has a clock of its own.
    is_simulated: bool,
}

/// An epoch that is being made.
#[derive(Default)]
struct OpenEpoch {
    events: Vec<Event>,
    late: Vec<usize>,
    queued: Vec<CloudEvent>,
    lines: String,
    receipts: Vec<(oneshot::Sender<IntakeReceipt>, IntakeReceipt)>,
    offered_at_ms: Option<i64>,
}

impl<C: EpochConsumer> Running<C> {
    fn run(&mut self, pending: &Pending) -> Result<GateEnd, LiveGateError> {
        let GateConfig { cut_events, cut_every, .. } = self.config;
        let mut arrived_at = Instant::now();
        while let Some(batches) = pending.take(cut_events, cut_every, HEARTBEAT_EVERY) {
            let is_idle = batches.is_empty();
            // Asked before receipts are sent: a source may end with its last one.
            let had_source = pending.has_simulated();
            if !is_idle {
                arrived_at = Instant::now();
                self.epoch(batches)?;
            }
            let pace = self.pace(had_source || pending.has_simulated());
            let idle_ms = arrived_at.elapsed().as_millis() as i64;
            if is_idle
                && pace == EventTimePace::Clock
                && self.config.idle_after_ms.is_some_and(|after_ms| idle_ms >= after_ms)
            {
                self.heartbeat()?;
            }
            pending.set_event_time(pace);
        }
        let (epochs, events) = (self.epochs, self.admission.accepted);
        Ok(GateEnd { epochs, events, recording_bytes: self.recording.bytes() })
    }

    /// Decides about batches, records what is accepted as an epoch, and gives it on.
    fn epoch(&mut self, batches: Vec<PendingBatch>) -> Result<(), LiveGateError> {
        let now_ms = (self.clock)();
        let oldest = batches.first().map(|batch| batch.offered_at.elapsed().as_millis() as i64);
        let mut open = OpenEpoch { offered_at_ms: oldest.map(|ago_ms| now_ms - ago_ms), ..OpenEpoch::default() };
        for PendingBatch { offered, receipt, .. } in batches {
            let (mut offered, mut decided) = (offered.into_iter().enumerate(), IntakeReceipt::default());
            loop {
                self.decide(&mut offered, now_ms, &mut open, &mut decided);
                if offered.len() == 0 {
                    break;
                }
                self.record(&mut open)?;
            }
            open.receipts.push((receipt, decided));
        }
        if !open.events.is_empty() || !open.queued.is_empty() {
            self.record(&mut open)?;
        }
        for (receipt, decided) in open.receipts {
            let _ = receipt.send(decided); // whoever offered it may have gone
        }
        Ok(())
    }

    /// Decides about the events of a batch, by their indices, until they or the room in the epoch end.
    fn decide(
        &mut self,
        offered: &mut impl Iterator<Item = (usize, Offered)>,
        now_ms: i64,
        open: &mut OpenEpoch,
        receipt: &mut IntakeReceipt,
    ) {
        // Not held while an epoch is recorded, since pipelines that it waits for read it.
        let mut symbols = self.symbols.write().unwrap_or_else(PoisonError::into_inner);
        while open.lines.len() < EPOCH_BYTES_MAX
            && let Some((index, offered)) = offered.next()
        {
            match self.admission.admit(offered, now_ms, &mut symbols) {
                Ok(Admitted::Event { event, is_late, offered }) => {
                    push_json_line(&event, &symbols, &offered, &mut open.lines);
                    open.late.extend(is_late.then_some(open.events.len()));
                    open.events.push(event);
                    receipt.accepted += 1;
                    receipt.late += usize::from(is_late);
                }
                Ok(Admitted::Queued(event)) => {
                    RecordingLine::Queued(event.to_json()).push(&mut open.lines);
                    if receipt.hints.len() < HINTS_MAX
                        && let Some(hint) = hint_of_type(&event.kind)
                    {
                        receipt.hints.push(OfferHint { index, hint });
                    }
                    open.queued.push(*event);
                    receipt.accepted += 1;
                }
                Ok(Admitted::Repeated) => receipt.repeated += 1,
                Err(reason) => receipt.rejects.push(RejectedOffer { index, reason }),
            }
        }
        receipt.position = if receipt.accepted > 0 { self.admission.accepted } else { 0 };
    }

    /// Returns what moves event time now. Behind the last source with a clock of its own, it is the clock of the machine
    /// if event time is that of now, give or take as much as an event may be ahead.
    fn pace(&mut self, has_source: bool) -> EventTimePace {
        let (now_ms, newest_ms) = ((self.clock)(), self.admission.newest_ms());
        let is_of_now = newest_ms >= now_ms - self.config.max_ahead_ms;
        self.is_simulated = has_source || self.is_simulated && !is_of_now;
        match self.is_simulated {
            true if has_source => EventTimePace::Source,
            true => EventTimePace::Behind,
            false if self.admission.watermark_ms() > now_ms => EventTimePace::Ahead,
            false => EventTimePace::Clock,
        }
    }

    fn heartbeat(&mut self) -> Result<(), LiveGateError> {
        let now_ms = (self.clock)();
        if self.admission.newest_ms() == i64::MIN || now_ms <= self.admission.newest_ms() {
            return Ok(());
        }
        self.admission.advance_to(now_ms);
        self.record(&mut OpenEpoch::default())
    }

    /// Makes an epoch durable and gives it on.
    fn record(&mut self, open: &mut OpenEpoch) -> Result<(), LiveGateError> {
        let epoch = self.epochs;
        RecordingLine::Cut { epoch, newest_ms: self.admission.newest_ms() }.push(&mut open.lines);
        self.recording.append(&open.lines).map_err(LiveGateError::Writing)?;
        open.lines.clear();
        self.epochs += 1;
        open.queued.drain(..).for_each(|event| self.consumer.queue(event));
        let (events, late) = (std::mem::take(&mut open.events), std::mem::take(&mut open.late));
        let offered_at_ms = open.offered_at_ms.filter(|_| !events.is_empty());
        self.consumer.take(self.admission.cut(epoch, events, late, offered_at_ms)).map_err(LiveGateError::Consumer)
    }
}
