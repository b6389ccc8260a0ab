//! A function: a module, its place in its queue, and what becomes of its failures.

use std::time::{Duration, Instant};

use crate::cloud_event::CloudEvent;
use crate::emissions::{Emissions, EventSink, refused_emissions};
use crate::queue::{Cursor, CursorError, EventQueue};

use super::batch::Batch;
use super::emitted;
use super::instance::{BatchFailure, CallOutcome, FunctionInstance};
use super::limits;
use super::module::{FunctionModule, ModuleForm};
use super::state::{FunctionState, FunctionStatus};

/// A function of a folder.
#[derive(Debug)]
pub(super) struct Function {
    state: FunctionState,
    fuel_per_batch: u64,
    module: Option<FunctionModule>,
    /// The module's memory. There is none after a failure, as nobody knows what state that left it in.
    instance: Option<FunctionInstance>,
    emissions: Emissions,
    failures_in_a_row: u32,
    batch_events_max: usize,
    run_time: Duration,
}

impl Function {
    /// Returns a function that goes on from a position; without one, it begins behind the newest event.
    pub(super) fn new(name: &str, feed: &str, cursor: Option<u64>, fuel_per_batch: u64) -> Function {
        Function {
            state: FunctionState { cursor, ..FunctionState::new(name, feed) },
            fuel_per_batch,
            module: None,
            instance: None,
            emissions: Emissions::default(),
            failures_in_a_row: 0,
            batch_events_max: limits::BATCH_EVENTS_MAX,
            run_time: Duration::ZERO,
        }
    }

    pub(super) fn state(&self) -> &FunctionState {
        &self.state
    }

    /// Returns the position to go on from after a crash, once the function has looked at its queue.
    pub(super) fn kept_cursor(&mut self) -> Option<u64> {
        self.settle();
        self.state.cursor.map(|cursor| self.emissions.kept_cursor(Cursor(cursor)).0)
    }

    /// Returns true if there are receipts to wait for.
    pub(super) fn is_waiting(&mut self) -> bool {
        self.settle();
        self.emissions.is_waiting()
    }

    /// Looks what of that which was emitted is recorded by now.
    fn settle(&mut self) {
        if let Some((events, reason)) = refused_emissions(&self.emissions.settle()) {
            self.state.rejected += events;
            self.remark(format!("an event that it emitted was refused: {reason}"));
        }
    }

    /// Takes a module in place of what the function was. The cursor and the counts stay; memory and failures do not.
    pub(super) fn load(&mut self, bytes: &[u8], form: ModuleForm, digest: String) {
        (self.module, self.instance, self.failures_in_a_row) = (None, None, 0);
        self.batch_events_max = limits::BATCH_EVENTS_MAX;
        self.state.digest = digest;
        let compiled = FunctionModule::new(bytes, form).map_err(|error| error.to_string());
        let started = compiled.and_then(|module| {
            let instance = FunctionInstance::new(&module, self.fuel_per_batch).map_err(|error| error.to_string())?;
            Ok((module, instance))
        });
        match started {
            Ok((module, instance)) => {
                (self.module, self.instance) = (Some(module), Some(instance));
                (self.state.status, self.state.last_error) = (FunctionStatus::Running, None);
            }
            Err(reason) => self.refuse(reason),
        }
    }

    /// Lets the function be none, for a reason that is shown.
    pub(super) fn refuse(&mut self, reason: String) {
        (self.module, self.instance) = (None, None);
        self.state.status = FunctionStatus::Refused;
        if self.state.last_error.as_ref() != Some(&reason) {
            self.remark(reason);
        }
    }

    /// Gives the function its next batch, offers what it emitted, and moves the cursor, in this order. Returns how many
    /// events the cursor moved by.
    ///
    /// `queue` may not exist yet; then the function will begin with its first event.
    pub(super) fn run(&mut self, queue: Option<&EventQueue>, sink: &EventSink) -> u64 {
        self.settle();
        if !matches!(self.state.status, FunctionStatus::Running | FunctionStatus::Waiting) || self.emissions.is_full() {
            return 0;
        }
        self.state.status = if queue.is_some() { FunctionStatus::Running } else { FunctionStatus::Waiting };
        let Some(cursor) = self.state.cursor.map(Cursor) else {
            // It is kept before anything is emitted: otherwise a crash could make it begin later.
            self.state.cursor = Some(queue.map_or(Cursor(0), EventQueue::end).0);
            return 0;
        };
        let Some(batch) = queue.and_then(|queue| self.read(queue, cursor)) else { return 0 };
        if batch.events > 0 && !self.succeeds(&batch, sink) {
            return 0;
        }
        self.state.looped += batch.refused;
        self.state.cursor = Some(batch.end.0);
        batch.end.0 - batch.start.0
    }

    /// Reads the next batch. Where the cursor leads nowhere it is set to the oldest event, and that is said.
    fn read(&mut self, queue: &EventQueue, cursor: Cursor) -> Option<Batch> {
        let error = match Batch::read(queue, cursor, self.batch_events_max) {
            Ok(batch) => return Some(batch),
            Err(error) => error,
        };
        let oldest = queue.oldest();
        if let CursorError::Gone { wanted, .. } = error {
            self.state.missed += oldest.0.saturating_sub(wanted);
        }
        self.remark(error.to_string());
        self.state.cursor = Some(oldest.0);
        Batch::read(queue, oldest, self.batch_events_max).ok()
    }

    /// Runs the module over a batch and offers what it emitted; returns false if the batch is to be read again.
    fn succeeds(&mut self, batch: &Batch, sink: &EventSink) -> bool {
        let started = Instant::now();
        let produced = self.produce(batch);
        self.run_time += started.elapsed();
        let is_success = match produced {
            Ok(events) => self.offers(batch, events, sink),
            Err(failure) => {
                self.fail(batch, &failure);
                false
            }
        };
        let runs = u128::from(self.state.batches + self.state.failures);
        self.state.batch_us_mean = u64::try_from(self.run_time.as_micros() / runs.max(1)).unwrap_or(u64::MAX);
        is_success
    }

    fn produce(&mut self, batch: &Batch) -> Result<Vec<CloudEvent>, BatchFailure> {
        let fuel = self.fuel_per_batch;
        let instance = match (&mut self.instance, &self.module) {
            (Some(instance), _) => instance,
            (empty, Some(module)) => empty.insert(FunctionInstance::new(module, fuel)?),
            (None, None) => return Err(BatchFailure::Trap("there is no module".to_owned())),
        };
        let CallOutcome { emitted, fuel, logged } = instance.on_batch(&batch.lines, fuel);
        self.state.fuel = self.state.fuel.saturating_add(fuel);
        self.log(logged);
        emitted::events(&emitted?, &self.state.name, batch)
    }

    /// Offers what was emitted for a batch; returns false if the session has ended.
    fn offers(&mut self, batch: &Batch, events: Vec<CloudEvent>, sink: &EventSink) -> bool {
        let emitted = events.len() as u64;
        if emitted > 0 && !self.emissions.offer(batch.start, events, sink) {
            return false;
        }
        self.failures_in_a_row = 0;
        self.state.batches += 1;
        self.state.events += batch.events;
        self.state.emitted += emitted;
        true
    }

    /// Counts a failure. The next attempt begins with the memory a module starts with, and with fewer events: what one
    /// event of many has caused, or their number, does not keep the others back.
    fn fail(&mut self, batch: &Batch, failure: &BatchFailure) {
        self.instance = None;
        self.failures_in_a_row += 1;
        self.batch_events_max = (batch.events as usize / 8).max(1);
        self.state.failures += 1;
        let (start, last) = (batch.start.0, batch.end.0.saturating_sub(1));
        self.remark(format!("events {start} to {last}: {failure}"));
        if self.failures_in_a_row >= limits::FAILURES_MAX {
            self.state.status = FunctionStatus::Suspended;
            log::warn!("function {} is suspended at event {start}; a changed file starts it anew", self.state.name);
        }
    }

    fn remark(&mut self, error: String) {
        log::warn!("function {}: {error}", self.state.name);
        self.state.last_error = Some(error);
    }

    fn log(&mut self, logged: Vec<String>) {
        for line in &logged {
            log::info!("function {}: {line}", self.state.name);
        }
        if !logged.is_empty() {
            self.state.log = logged;
        }
    }
}
