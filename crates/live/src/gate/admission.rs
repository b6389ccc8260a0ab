//! What becomes of each event that is offered: an event of the trace, one for a queue, a repetition, or a reject.

use std::borrow::Cow;

use flowbench_events::{
    ArrivingEvent, DecodedEvent, Event, EventDecoder, Kind, Lateness, Symbols, did_you_mean_or_list, duration_text,
    rfc3339,
};
use serde_json::value::RawValue;

use super::recent_ids::RecentIds;
use crate::cloud_event::{CloudEvent, EventData};
use crate::intake::Offered;

/// What the types of events of the trace begin with; the name of the kind follows.
const TYPE_PREFIX: &str = "flowbench.";

/// What the types of answers of another session go on with.
const ANSWER_PREFIX: &str = "answer.";

/// What the sources of events that rules and functions emit begin with: nobody else can offer such events.
pub const EMITTERS: [&str; 2] = ["/flowbench/rules/", "/functions/"];

/// The attribute that counts through how many rules and functions an event has come, which only they may set.
const HOPS: &str = "hops";

/// Decides about events in the order in which they arrive.
pub(crate) struct Admission {
    decoder: EventDecoder,
    lateness: Lateness,
    recent: RecentIds,
    max_ahead_ms: i64,
    /// The events of the trace so far.
    pub(crate) accepted: u64,
}

/// What became of an event.
pub(crate) enum Admitted {
    /// It is the next event of the trace.
    Event {
        event: Event,
        is_late: bool,
        /// What it was offered as, in JSON.
        offered: String,
    },
    /// It is of another type and goes to a queue.
    Queued(Box<CloudEvent>),
    /// It was accepted before.
    Repeated,
}

/// What an event was offered as, as it stands in the recording.
#[derive(serde::Serialize, serde::Deserialize)]
struct OfferedAs<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
}

impl Admission {
    pub(crate) fn new(slack_ms: i64, max_ahead_ms: i64, remembered_ids: usize) -> Admission {
        let (decoder, lateness) = (EventDecoder::default(), Lateness::new(slack_ms));
        Admission { decoder, lateness, recent: RecentIds::new(remembered_ids), max_ahead_ms, accepted: 0 }
    }

    /// Decides about an event that arrives at `now_ms` of the clock.
    ///
    /// # Errors
    ///
    /// Returns why it is refused, with the attribute or field to blame. A refused event changes nothing.
    pub(crate) fn admit(&mut self, offered: Offered, now_ms: i64, symbols: &mut Symbols) -> Result<Admitted, String> {
        match offered {
            Offered::Line(line) => self.line(&line, Some(now_ms), symbols),
            Offered::Simulated(line) => self.line(&line, None, symbols),
            Offered::Emitted(event) => {
                check_emitted_type(&event.kind)?;
                self.cloud_event(event, now_ms, symbols)
            }
            Offered::Event(mut event) => {
                if let Some(reserved) = EMITTERS.iter().find(|reserved| event.source.starts_with(*reserved)) {
                    return Err(format!("source: {reserved}... is that of rules and functions; give another one"));
                }
                event.attributes.remove(HOPS);
                self.cloud_event(event, now_ms, symbols)
            }
        }
    }

    /// Takes an event back in that was recorded before.
    ///
    /// # Errors
    ///
    /// Returns why the line is no event.
    pub(crate) fn readmit(&mut self, line: &str, symbols: &mut Symbols) -> Result<(Event, bool), String> {
        let arriving = ArrivingEvent {
            object: line,
            kind: None,
            event_time: None,
            number: self.accepted + 1,
            arrival_time_ms: None,
        };
        let event = self.decoder.decode(&arriving)?.intern(symbols)?;
        if let Some(OfferedAs { id, source }) = offered_as(line) {
            self.recent.insert(&source, &id);
        }
        Ok((event, self.count(&event)))
    }

    /// Takes an event of another type back in that was recorded before.
    pub(crate) fn readmit_queued(&mut self, event: &CloudEvent) {
        self.recent.insert(&event.source, &event.id);
    }

    /// Sets the slack of the recording that is gone on with, before its first event.
    pub(crate) fn set_slack_ms(&mut self, slack_ms: i64) {
        self.lateness = Lateness::new(slack_ms);
    }

    /// Moves event time to `newest_ms`, without an event.
    pub(crate) fn advance_to(&mut self, newest_ms: i64) {
        self.lateness.advance_to(newest_ms);
    }

    /// Returns the newest event time in ms, by events or by the clock.
    pub(crate) fn newest_ms(&self) -> i64 {
        self.lateness.newest_ms()
    }

    pub(crate) fn watermark_ms(&self) -> i64 {
        self.lateness.watermark_ms()
    }

    fn line(&mut self, line: &str, now_ms: Option<i64>, symbols: &mut Symbols) -> Result<Admitted, String> {
        let arriving = ArrivingEvent {
            object: line,
            kind: None,
            event_time: None,
            number: self.accepted + 1,
            arrival_time_ms: now_ms,
        };
        let decoded = self.decoder.decode(&arriving)?;
        self.event(&decoded, "", decoded.id(), symbols)
    }

    fn cloud_event(
        &mut self,
        mut offered: Box<CloudEvent>,
        now_ms: i64,
        symbols: &mut Symbols,
    ) -> Result<Admitted, String> {
        if self.recent.contains(&offered.source, &offered.id) {
            return Ok(Admitted::Repeated);
        }
        let Some(kind) = input_kind(&offered.kind) else {
            self.recent.insert(&offered.source, &offered.id);
            let now = crate::AttributeValue::Text(rfc3339(now_ms));
            offered.attributes.entry("time".to_owned()).or_insert(now);
            return Ok(Admitted::Queued(offered));
        };
        let object = match &offered.data {
            None => "{}",
            Some(EventData::Json(json)) => json.get(),
            Some(EventData::Binary(_)) => return Err("data_base64: expected an object of JSON in data".to_owned()),
        };
        let arriving = ArrivingEvent {
            object,
            kind: Some(kind.name()),
            event_time: offered.text("time"),
            number: self.accepted + 1,
            arrival_time_ms: Some(now_ms),
        };
        let decoded = self.decoder.decode(&arriving)?;
        self.event(&decoded, &offered.source, &offered.id, symbols)
    }

    /// Accepts an event of the trace unless it is a repetition or ahead of its time. Only then are its texts kept.
    fn event(
        &mut self,
        decoded: &DecodedEvent,
        source: &str,
        id: &str,
        symbols: &mut Symbols,
    ) -> Result<Admitted, String> {
        let is_named = !id.is_empty();
        if is_named && self.recent.contains(source, id) {
            return Ok(Admitted::Repeated);
        }
        if decoded.event_time_ms() - decoded.arrival_time_ms() > self.max_ahead_ms {
            return Err(format!(
                "time: {} is more than {} ahead of the clock, {}; set the clock of its source, or allow more by --max-ahead",
                rfc3339(decoded.event_time_ms()),
                duration_text(self.max_ahead_ms),
                rfc3339(decoded.arrival_time_ms()),
            ));
        }
        let event = decoded.intern(symbols)?;
        let mut offered = String::new();
        if is_named {
            self.recent.insert(source, id);
            let named = OfferedAs { id: id.into(), source: source.into() };
            offered = serde_json::to_string(&named).map_err(|error| error.to_string())?;
        }
        Ok(Admitted::Event { event, is_late: self.count(&event), offered })
    }

    fn count(&mut self, event: &Event) -> bool {
        self.accepted += 1;
        self.lateness.arrive(event)
    }
}

/// Returns a hint to a type that is called like one of the trace and is none; `None` for any other type.
pub(crate) fn hint_of_type(kind: &str) -> Option<String> {
    let wanted = kind.strip_prefix(TYPE_PREFIX).filter(|wanted| !wanted.starts_with(ANSWER_PREFIX))?;
    let shown: String = wanted.chars().take(60).collect();
    let near = did_you_mean_or_list(&shown, Kind::ALL.map(Kind::name));
    Some(format!(
        "type: '{TYPE_PREFIX}{shown}' is none of the trace, so no pipeline sees it, and it stands in the inbox{near}"
    ))
}

/// Checks that rules and functions may emit events of a type.
///
/// # Errors
///
/// Returns why not if pipelines read this type: their answers do not tell how they came about, so a rule that reacts to an
/// answer could set itself off without end.
pub fn check_emitted_type(kind: &str) -> Result<(), String> {
    match input_kind(kind) {
        None => Ok(()),
        Some(_) => Err(format!(
            "type: pipelines read '{kind}', so what reacts to their answers could set itself off without end; give another type"
        )),
    }
}

/// Returns the kind of the events of a type that pipelines read; `None` if they do not.
fn input_kind(kind: &str) -> Option<Kind> {
    Kind::from_name(kind.strip_prefix(TYPE_PREFIX)?)
}

/// Returns the source and the id a recorded event was offered with.
fn offered_as(line: &str) -> Option<OfferedAs<'_>> {
    #[derive(serde::Deserialize)]
    struct Recorded<'a> {
        #[serde(borrow)]
        offered: &'a RawValue,
    }
    let recorded: Recorded = serde_json::from_str(line).ok()?;
    serde_json::from_str(recorded.offered.get()).ok()
}
