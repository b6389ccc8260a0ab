//! Sources of a session beside HTTP: a generated world, and logs.

use std::collections::VecDeque;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use flowbench_events::{Event, EventId, EventIdKind, Input, ReadError, ReadOptions, Reject, Symbols, push_json_line};
use flowbench_generators::{Amount, Generator};
use flowbench_live::{CloudEvent, GateDoor, Intake, IntakeReceipt, Offered, RejectedOffer, SimulatedSource, Ticket};

/// What became of the events of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceReport {
    /// Events that were offered.
    pub offered: u64,
    /// Events that were accepted.
    pub accepted: u64,
    /// Accepted ones that were late.
    pub late: u64,
    /// Events that had been accepted before.
    pub repeated: u64,
    /// Events that were refused, by the gate or because they could not be read.
    pub rejected: u64,
    /// The first reason for a refusal.
    pub first_reject: Option<String>,
    /// How far the source was behind its own plan at most, in ms: the session took less than was planned.
    pub behind_ms: u64,
}

/// When events are offered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// As soon as they are read; the clock of the machine says when they arrived.
    AsRead,
    /// At their arrival times, so many times as fast; their own clock says when they arrived.
    Recorded {
        /// 1 for the pace of the world they are of.
        speed: f64,
    },
}

/// Events that are offered at once at most.
const BATCH_EVENTS: usize = 512;

/// What is waiting to be offered is offered at least this often.
const OFFER_EVERY: Duration = Duration::from_millis(10);

/// Batches without a receipt at most.
const OUTSTANDING_MAX: usize = 64;

/// How long it may take until there is room before it is looked whether the session is over.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Offers a generated world, moved in time so that it begins at `begin_ms`, until it or the session ends.
pub fn offer_generated(
    generator: &Generator,
    amount: Amount,
    begin_ms: i64,
    speed: f64,
    door: &GateDoor,
    is_over: &AtomicBool,
) -> SourceReport {
    let mut offering = Offering::new(door, is_over, Pace::Recorded { speed }, |_| ());
    let (mut stream, mut batch, mut shift_ms) = (generator.stream(amount), Vec::new(), None);
    while !is_over.load(Ordering::Acquire) && stream.next_batch(&mut batch) {
        for event in &batch {
            let shift_ms = *shift_ms.get_or_insert_with(|| begin_ms - event.arrival_time_ms());
            let mut record = event.record();
            record.event_time_ms += shift_ms;
            record.arrival_time_ms += shift_ms;
            // The same world is another one when it begins at another time.
            if let EventIdKind::Number(number) = record.event_id.kind() {
                record.event_id = EventId::number(begin_ms.unsigned_abs() % (1 << 42) * (1 << 20) + number);
            }
            let Ok(event) = Event::try_from(record) else { continue }; // beyond the range of times: centuries from now
            if !offering.event(&event, generator.symbols()) {
                return offering.finish();
            }
        }
    }
    offering.finish()
}

/// Offers a log until it or the session ends. `tell` is told the first reason for a refusal as soon as it is known.
///
/// # Errors
///
/// Fails if the log cannot be read to its end; what was read before has been offered.
pub fn offer_log(
    input: &Input,
    options: &ReadOptions,
    pace: Pace,
    door: &GateDoor,
    is_over: &AtomicBool,
    tell: impl Fn(&str),
) -> Result<SourceReport, ReadError> {
    let mut offering = Offering::new(door, is_over, pace, &tell);
    let mut symbols = Symbols::default();
    let mut unreadable: (u64, Option<String>) = (0, None);
    let mut on_event = |event: Event, symbols: &Symbols| match offering.event(&event, symbols) {
        true => Ok(()),
        false => Err(std::io::ErrorKind::Interrupted.into()),
    };
    let mut on_reject = |reject: &Reject| {
        unreadable.0 += 1;
        unreadable.1.get_or_insert_with(|| {
            let reason = reject.to_string();
            tell(&reason);
            reason
        });
        Ok(())
    };
    let read = flowbench_events::read_events(input, options, &mut symbols, &mut on_event, &mut on_reject);
    let mut report = offering.finish();
    report.rejected += unreadable.0;
    report.first_reject = report.first_reject.or(unreadable.1);
    match read {
        Err(error) if !is_over.load(Ordering::Acquire) => Err(error),
        _ => Ok(report),
    }
}

/// Offers lines of JSON, events of the interchange format or CloudEvents, as they are read, until they or the session end.
/// `tell` is told the first reason for a refusal as soon as it is known.
///
/// # Errors
///
/// Fails if the lines cannot be read to their end; what was read before has been offered.
pub fn offer_lines(
    lines: impl BufRead + Send + 'static,
    door: &GateDoor,
    is_over: &AtomicBool,
    tell: impl Fn(&str),
) -> std::io::Result<SourceReport> {
    let mut offering = Offering::new(door, is_over, Pace::AsRead, tell);
    // Reading may wait for ever, and what was read before must not wait with it.
    let (sender, read) = sync_channel(BATCH_EVENTS);
    thread::Builder::new().name("lines".to_owned()).spawn(move || {
        for line in lines.lines() {
            let is_last = line.is_err();
            if sender.send(line).is_err() || is_last {
                return;
            }
        }
    })?;
    let mut end = Ok(());
    while !is_over.load(Ordering::Acquire) {
        let goes_on = match read.recv_timeout(OFFER_EVERY) {
            Ok(Ok(line)) if line.trim().is_empty() => true,
            Ok(Ok(line)) => offering.line(line),
            Ok(Err(error)) => {
                end = Err(error);
                false
            }
            Err(RecvTimeoutError::Timeout) => offering.batch.is_empty() || offering.offer(),
            Err(RecvTimeoutError::Disconnected) => false,
        };
        if !goes_on {
            break;
        }
    }
    let report = offering.finish();
    end.map(|()| report)
}

/// Offers events in batches, at their pace.
struct Offering<'a, T> {
    door: &'a GateDoor,
    is_over: &'a AtomicBool,
    pace: Pace,
    /// Held by a source that has a clock of its own.
    _simulated: Option<SimulatedSource>,
    began: Instant,
    first_arrival_ms: Option<i64>,
    batch: Vec<Offered>,
    offered_at: Instant,
    tickets: VecDeque<Ticket>,
    report: SourceReport,
    line: String,
    /// Is told the first reason for a refusal, at once.
    tell: T,
}

impl<'a, T: Fn(&str)> Offering<'a, T> {
    fn new(door: &'a GateDoor, is_over: &'a AtomicBool, pace: Pace, tell: T) -> Offering<'a, T> {
        let now = Instant::now();
        Offering {
            door,
            is_over,
            pace,
            _simulated: matches!(pace, Pace::Recorded { .. }).then(|| door.simulated_source()),
            began: now,
            first_arrival_ms: None,
            batch: Vec::new(),
            offered_at: now,
            tickets: VecDeque::new(),
            report: SourceReport::default(),
            line: String::new(),
            tell,
        }
    }

    /// Takes an event, when it is due; returns false if the session is over.
    fn event(&mut self, event: &Event, symbols: &Symbols) -> bool {
        if let Pace::Recorded { speed } = self.pace
            && !self.wait_until_due(event.arrival_time_ms(), speed)
        {
            return false;
        }
        self.line.clear();
        push_json_line(event, symbols, "", &mut self.line);
        let line = self.line.trim_end().to_owned();
        self.batch.push(match self.pace {
            Pace::AsRead => Offered::Line(line),
            Pace::Recorded { .. } => Offered::Simulated(line),
        });
        let is_due = self.batch.len() >= BATCH_EVENTS || self.offered_at.elapsed() >= OFFER_EVERY;
        !is_due || self.offer()
    }

    /// Takes a line of JSON; returns false if the session is over.
    fn line(&mut self, line: String) -> bool {
        self.batch.push(match CloudEvent::from_json(&line) {
            Ok(event) => Offered::Event(Box::new(event)),
            Err(_) => Offered::Line(line),
        });
        let is_due = self.batch.len() >= BATCH_EVENTS || self.offered_at.elapsed() >= OFFER_EVERY;
        !is_due || self.offer()
    }

    fn wait_until_due(&mut self, arrival_ms: i64, speed: f64) -> bool {
        let since_ms = (arrival_ms - *self.first_arrival_ms.get_or_insert(arrival_ms)).max(0) as f64;
        let due = Duration::from_secs_f64(since_ms / 1_000.0 / speed);
        loop {
            let now = self.began.elapsed();
            if now >= due {
                self.report.behind_ms = self.report.behind_ms.max((now - due).as_millis() as u64);
                return !self.is_over.load(Ordering::Acquire);
            }
            // What is due already must not wait for what is not.
            if !self.batch.is_empty() && !self.offer() || self.is_over.load(Ordering::Acquire) {
                return false;
            }
            thread::sleep((due - now).min(LOOK_EVERY));
        }
    }

    /// Offers what has been taken; returns false if the session is over.
    fn offer(&mut self) -> bool {
        self.collect(OUTSTANDING_MAX);
        while !self.is_over.load(Ordering::Acquire) {
            if !self.door.wait_for_room(LOOK_EVERY) {
                if self.door.has_ended() {
                    return false;
                }
                continue;
            }
            let batch = std::mem::take(&mut self.batch);
            self.report.offered += batch.len() as u64;
            self.offered_at = Instant::now();
            // There was room, and whoever else offers can only have made the queue a little longer.
            match self.door.offer(batch) {
                Ok(ticket) => self.tickets.push_back(ticket),
                Err(_) => return false,
            }
            return true;
        }
        false
    }

    /// Takes receipts until so few are outstanding.
    fn collect(&mut self, outstanding: usize) {
        while self.tickets.len() > outstanding
            && let Some(ticket) = self.tickets.pop_front()
        {
            // Without a receipt the session has ended before the batch was decided.
            ticket.blocking_recv().into_iter().for_each(|receipt| self.report.add(receipt, &self.tell));
        }
    }

    fn finish(mut self) -> SourceReport {
        if !self.batch.is_empty() {
            self.offer();
        }
        self.collect(0);
        self.report
    }
}

impl SourceReport {
    fn add(&mut self, receipt: IntakeReceipt, tell: impl Fn(&str)) {
        self.accepted += receipt.accepted as u64;
        self.late += receipt.late as u64;
        self.repeated += receipt.repeated as u64;
        self.rejected += receipt.rejects.len() as u64;
        if let Some(RejectedOffer { reason, .. }) = receipt.rejects.into_iter().next() {
            self.first_reject.get_or_insert_with(|| {
                tell(&reason);
                reason
            });
        }
    }
}
