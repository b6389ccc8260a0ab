//! Those who post: the events of a trace in batches, over several connections, when they are due.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use flowbench_events::{Trace, push_undated_json_line};
use flowbench_measurement::offered_load::Schedule;
use serde_json::{Map, Value};

use super::connection::Connection;
use super::observed::{Post, RunClock};
use super::waiting::rest;
use crate::case::error::CaseError;
use crate::case::trial::schedule;
use crate::experiment::case_spec::CaseSpec;
use crate::experiment::rate::OfferedLoad;

/// Connections over which events are posted; each waits for its receipts.
pub(super) const CONNECTIONS: usize = 16;
/// Events of a batch at most.
const BATCH_EVENTS: u64 = 1_000;
/// Events that become due in this time are posted together.
const BATCH_NS: f64 = 20e6;
/// How long a post that was refused rests before it is repeated.
const REST: Duration = Duration::from_millis(20);

/// The events of a run, when they are due, and what has become of them.
pub(super) struct Offering {
    bodies: Bodies,
    plan: Plan,
    batch_events: u64,
    next_batch: AtomicU64,
    receipts: Mutex<Receipts>,
    failure: Mutex<Option<String>>,
}

/// The posts that have a receipt.
#[derive(Default)]
struct Receipts {
    posts: Vec<Post>,
    /// Events that count.
    counting: u64,
    /// The highest position of one that counts.
    position: u64,
}

/// When events are due.
enum Plan {
    /// As soon as there is room; so many events, whose answers may wait for event time.
    Closed { events: u64, waits: bool },
    /// At a rate. The first `events` count.
    Open { schedule: Schedule, rate_events_per_s: f64, events: u64 },
}

impl Offering {
    pub(super) fn new(spec: &CaseSpec, trace: &Trace) -> Result<Offering, CaseError> {
        let plan = match spec.load {
            OfferedLoad::Open { rate_events_per_s, arrivals, .. } => {
                let events = (rate_events_per_s * spec.duration_ms as f64 / 1e3).ceil().max(1.0) as u64;
                let schedule = schedule(rate_events_per_s, arrivals, spec.trace.seed, events as usize)?;
                Plan::Open { schedule, rate_events_per_s, events }
            }
            _ => Plan::Closed { events: trace.events.len() as u64, waits: spec.config.order.waits() },
        };
        let batch_events = match &plan {
            Plan::Open { rate_events_per_s, .. } => (rate_events_per_s * BATCH_NS / 1e9) as u64,
            Plan::Closed { .. } => BATCH_EVENTS,
        };
        Ok(Offering {
            bodies: Bodies::of(trace),
            plan,
            batch_events: batch_events.clamp(1, BATCH_EVENTS),
            next_batch: AtomicU64::new(0),
            receipts: Mutex::default(),
            failure: Mutex::default(),
        })
    }

    /// Returns how long the events that count are offered, ns; a closed loop has a minute.
    pub(super) fn planned_ns(&self) -> u64 {
        match &self.plan {
            Plan::Open { events, .. } => self.plan.due_ns(events - 1),
            Plan::Closed { .. } => 60_000_000_000,
        }
    }

    /// Posts one batch after the other until the run is over, or a closed loop has no more; notes why it cannot.
    pub(super) fn post(&self, address: SocketAddr, clock: RunClock, is_over: &AtomicBool) {
        if let Err(problem) = self.post_all(address, clock, is_over) {
            lock(&self.failure).get_or_insert(problem);
        }
    }

    fn post_all(&self, address: SocketAddr, clock: RunClock, is_over: &AtomicBool) -> Result<(), String> {
        let mut connection = Connection::open(address).map_err(|error| format!("no connection: {error}"))?;
        loop {
            let first = self.next_batch.fetch_add(1, Ordering::Relaxed) * self.batch_events;
            let Some(mut post) = self.plan.post(first, self.batch_events) else { return Ok(()) };
            if !rest(Duration::from_nanos(post.ready_ns.saturating_sub(clock.now_ns())), is_over) {
                return Ok(());
            }
            post.sent_ns = clock.now_ns();
            if matches!(self.plan, Plan::Closed { .. }) {
                (post.due_ns, post.ready_ns) = (post.sent_ns, post.sent_ns);
            }
            if !self.deliver(&mut connection, &mut post, is_over)? {
                return Ok(());
            }
            post.acknowledged_ns = clock.now_ns();
            lock(&self.receipts).push(post);
        }
    }

    /// Posts a batch until it is accepted; returns false if the run is over before.
    fn deliver(&self, connection: &mut Connection, post: &mut Post, is_over: &AtomicBool) -> Result<bool, String> {
        let pieces = self.bodies.pieces(post.first, post.events);
        loop {
            let answer = connection.post_lines(&pieces).map_err(|error| format!("POST /events: {error}"))?;
            match answer.status {
                202 => {
                    post.position = position(&answer.body, post.events)?;
                    return Ok(true);
                }
                429 if is_over.load(Ordering::Acquire) => return Ok(false),
                429 => {
                    post.refused += 1;
                    thread::sleep(REST);
                }
                status => return Err(format!("POST /events was answered {status}: {}", answer.body)),
            }
        }
    }

    /// Returns true if everything that counts is acknowledged and through: answered, and in an open loop shown. Where answers
    /// wait for event time, those to the end of a closed loop wait forever: then it is done when all is `settled`.
    pub(super) fn is_done(&self, answered: u64, shown: u64, settled: impl Fn() -> bool) -> bool {
        let Receipts { counting, position, .. } = *lock(&self.receipts);
        counting >= self.plan.events()
            && match &self.plan {
                Plan::Closed { waits: true, .. } => settled(),
                Plan::Closed { .. } => position <= answered,
                Plan::Open { .. } => position <= answered.min(shown),
            }
    }

    pub(super) fn has_failed(&self) -> bool {
        lock(&self.failure).is_some()
    }

    /// Returns why events could not be posted, if so.
    pub(super) fn failure(&self) -> Option<CaseError> {
        lock(&self.failure).take().map(CaseError::Session)
    }

    /// Returns all posts of a run that ended at `end_ns`, those included that were due and have no receipt.
    pub(super) fn take_posts(&self, end_ns: u64) -> Vec<Post> {
        let mut posts = std::mem::take(&mut lock(&self.receipts).posts);
        if let Plan::Open { events, .. } = &self.plan {
            let known: HashSet<u64> = posts.iter().map(|post| post.first).collect();
            let due = (0..*events).step_by(self.batch_events as usize).filter(|first| !known.contains(first));
            let lost = due.filter_map(|first| self.plan.post(first, self.batch_events));
            let lost = lost.map(|post| Post { sent_ns: end_ns, acknowledged_ns: end_ns, position: u64::MAX, ..post });
            posts.extend(lost.filter(|post| post.ready_ns <= end_ns));
        }
        posts
    }
}

impl Receipts {
    fn push(&mut self, post: Post) {
        if post.counts {
            self.counting += post.events;
            self.position = self.position.max(post.position);
        }
        self.posts.push(post);
    }
}

impl Plan {
    /// Returns the number of events that count.
    fn events(&self) -> u64 {
        match self {
            Plan::Closed { events, .. } | Plan::Open { events, .. } => *events,
        }
    }

    /// Returns the batch that begins with this event; `None` if there is none any more.
    fn post(&self, first: u64, batch_events: u64) -> Option<Post> {
        let (end, is_open) = (self.events(), matches!(self, Plan::Open { .. }));
        let counts = first < end;
        let events = if counts { batch_events.min(end - first) } else { batch_events };
        (counts || is_open).then(|| Post {
            first,
            due_ns: self.due_ns(first),
            ready_ns: self.due_ns(first + events - 1),
            sent_ns: 0,
            acknowledged_ns: 0,
            events,
            position: 0,
            refused: 0,
            counts,
        })
    }

    /// Returns when an event is due. Those behind the schedule keep up its rate.
    fn due_ns(&self, event: u64) -> u64 {
        match self {
            Plan::Closed { .. } => 0,
            Plan::Open { schedule, events, .. } if event < *events => schedule.due_ns(event),
            Plan::Open { schedule, rate_events_per_s, events } => {
                let behind = (event - (events - 1)) as f64;
                schedule.due_ns(events - 1) + (behind * 1e9 / rate_events_per_s) as u64
            }
        }
    }
}

/// Returns the position in a receipt, which must be for all events.
fn position(receipt: &str, events: u64) -> Result<u64, String> {
    let receipt: Map<String, Value> =
        serde_json::from_str(receipt).map_err(|error| format!("no receipt: {error}: {receipt}"))?;
    let number = |name: &str| receipt.get(name).and_then(Value::as_u64);
    match (number("accepted"), number("position")) {
        (Some(accepted), Some(position)) if accepted == events => Ok(position),
        _ => Err(format!("{events} events were posted, and the receipt is {}", Value::from(receipt))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The events of a trace as lines to be posted, without times and ids: they happen when they arrive. A run that has more
/// events than the trace begins again at its first.
pub(super) struct Bodies {
    text: String,
    ends: Vec<usize>,
}

impl Bodies {
    pub(super) fn of(trace: &Trace) -> Bodies {
        let mut bodies = Bodies { text: String::new(), ends: Vec::with_capacity(trace.events.len()) };
        for event in &trace.events {
            push_undated_json_line(event, &trace.symbols, &mut bodies.text);
            bodies.ends.push(bodies.text.len());
        }
        bodies
    }

    /// Returns the lines of so many events from the `first` on.
    pub(super) fn pieces(&self, first: u64, events: u64) -> Vec<&str> {
        let all = self.ends.len();
        let (mut at, mut left) = ((first % all.max(1) as u64) as usize, events as usize);
        let mut pieces = Vec::new();
        while left > 0 && all > 0 {
            let end = (at + left).min(all);
            let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            pieces.push(&self.text[begin..self.ends[end - 1]]);
            left -= end - at;
            at = 0;
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use flowbench_events::{Event, Kind, Record};

    use super::*;

    #[test]
    fn lines_begin_again_where_the_trace_ends() {
        let event = |id| Event::pack(Record { rating: Some(id as u8), ..Record::new(id, Kind::ReviewPosted, 0) });
        let trace = Trace { events: (1..=3).map(event).collect(), ..Trace::default() };
        let bodies = Bodies::of(&trace);
        let ratings = |first, events| {
            let text = bodies.pieces(first, events).concat();
            let rating = |line: &str| serde_json::from_str::<Value>(line).unwrap()["rating"].as_u64().unwrap();
            text.lines().map(rating).collect::<Vec<_>>()
        };
        assert_eq!(ratings(0, 2), [1, 2]);
        assert_eq!(ratings(4, 6), [2, 3, 1, 2, 3, 1]);
        let line = bodies.pieces(0, 1)[0];
        assert!(!line.contains("time") && !line.contains("event_id") && line.ends_with("}\n"), "{line}");
    }

    #[test]
    fn batches_go_on_at_the_rate_behind_those_that_count() {
        let plan = Plan::Open { schedule: Schedule::constant(1e3).unwrap(), rate_events_per_s: 1e3, events: 25 };
        let batches: Vec<Post> = (0..4).filter_map(|batch| plan.post(batch * 10, 10)).collect();
        let told: Vec<_> = batches.iter().map(|post| (post.due_ns / 1_000_000, post.events, post.counts)).collect();
        assert_eq!(told, [(0, 10, true), (10, 10, true), (20, 5, true), (30, 10, false)]);
        assert_eq!(batches[3].ready_ns, 39_000_000);
        assert!(Plan::Closed { events: 25, waits: false }.post(30, 10).is_none());
    }
}
