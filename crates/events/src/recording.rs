//! What a recording of a live session says beside its events: how it began, where it was cut, and how far event time had
//! come there.
//!
//! A recording is a log in JSON Lines. Its first line is `{"recording":{"format":1,"slack_ms":1000}}`, each cut is a
//! line `{"cut":{"epoch":17,"newest":"2026-01-05T08:00:00.000Z"}}`, and events that are none of ours stand in lines
//! `{"queued":{...}}`. A reader of logs takes the first two and skips the others.
//!
//! Decision D-112.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::event::Event;
use crate::time::{parse_rfc3339_ms, push_rfc3339};

/// What a trace has from the session that recorded it; nothing if it was not recorded live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// The slack of the session, in ms.
    pub slack_ms: Option<i64>,
    /// How far the clock moved event time while nothing arrived, in the order of the trace.
    pub heartbeats: Vec<Heartbeat>,
}

/// Tells that event time has come this far, without an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The number of events of the trace that arrived before.
    pub events_before: usize,
    /// The event time in ms that counts as the newest from here on, if no event was newer.
    pub newest_ms: i64,
}

/// A line of a recording that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingLine {
    /// The first line.
    Begin {
        /// The slack of the session, in ms.
        slack_ms: i64,
    },
    /// The end of an epoch.
    Cut {
        /// The number of the epoch, from 0.
        epoch: u64,
        /// The newest event time so far in ms, by events or by the clock.
        newest_ms: i64,
    },
    /// An event of another type, as a CloudEvent in JSON.
    Queued(String),
}

/// What the lines of a recording begin with, apart from its events.
const BEGINNINGS: [&[u8]; 3] = [b"{\"recording\":", b"{\"cut\":", b"{\"queued\":"];

const FORMAT: u32 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Line<'a> {
    Recording {
        format: u32,
        slack_ms: i64,
    },
    Cut {
        epoch: u64,
        newest: Box<str>,
    },
    #[serde(borrow)]
    Queued(&'a serde_json::value::RawValue),
}

impl Recording {
    /// Removes heartbeats that moved nothing, because an event was as new already.
    pub(crate) fn tidy(&mut self, events: &[Event]) {
        let (mut newest_ms, mut at) = (i64::MIN, 0);
        self.heartbeats.retain(|heartbeat| {
            let before = &events[at..heartbeat.events_before];
            newest_ms = before.iter().fold(newest_ms, |newest_ms, event| newest_ms.max(event.event_time_ms()));
            at = heartbeat.events_before;
            let moves = heartbeat.newest_ms > newest_ms;
            newest_ms = newest_ms.max(heartbeat.newest_ms);
            moves
        });
    }
}

impl RecordingLine {
    /// Returns true if a line may be one of a recording and is no event.
    pub(crate) fn is_one(line: &[u8]) -> bool {
        BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
    }

    /// Reads a line. Returns `None` if it is an event.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with a line that is no event.
    pub fn parse(line: &str) -> Option<Result<RecordingLine, String>> {
        Self::is_one(line.as_bytes()).then(|| Self::parsed(line))
    }

    fn parsed(line: &str) -> Result<RecordingLine, String> {
        let line = serde_json::from_str(line).map_err(|error| format!("no line of a recording: {error}"))?;
        match line {
            Line::Recording { format, .. } if format != FORMAT => {
                Err(format!("a recording of format {format} cannot be read; this program reads format {FORMAT}"))
            }
            Line::Recording { slack_ms, .. } if slack_ms < 0 => Err("the slack of a recording is not negative".into()),
            Line::Recording { slack_ms, .. } => Ok(RecordingLine::Begin { slack_ms }),
            Line::Cut { epoch, newest } => {
                let newest_ms = match &*newest {
                    "" => i64::MIN,
                    text => parse_rfc3339_ms(text).map_err(|error| error.to_string())?,
                };
                Ok(RecordingLine::Cut { epoch, newest_ms })
            }
            Line::Queued(event) => Ok(RecordingLine::Queued(event.get().to_owned())),
        }
    }

    /// Appends the line with its end.
    pub fn push(&self, line: &mut String) {
        // Writing to a String cannot fail.
        match self {
            RecordingLine::Begin { slack_ms } => {
                let _ = writeln!(line, "{{\"recording\":{{\"format\":{FORMAT},\"slack_ms\":{slack_ms}}}}}");
            }
            RecordingLine::Cut { epoch, newest_ms } => {
                let _ = write!(line, "{{\"cut\":{{\"epoch\":{epoch},\"newest\":\"");
                if *newest_ms > i64::MIN {
                    push_rfc3339(*newest_ms, line);
                }
                line.push_str("\"}}\n");
            }
            RecordingLine::Queued(event) => line.extend(["{\"queued\":", event, "}\n"]),
        }
    }
}

/// The member of a recorded event that says what it was offered as.
pub(crate) const OFFERED: &str = "offered";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kind, Record};

    #[test]
    fn lines_are_read_as_they_were_written() {
        let lines = [
            RecordingLine::Begin { slack_ms: 1500 },
            RecordingLine::Cut { epoch: 3, newest_ms: 1_767_600_000_001 },
            RecordingLine::Cut { epoch: 0, newest_ms: i64::MIN },
            RecordingLine::Queued("{\"id\":\"1\"}".to_owned()),
        ];
        for line in lines {
            let mut text = String::new();
            line.push(&mut text);
            assert_eq!(RecordingLine::parse(text.trim_end()), Some(Ok(line)), "{text}");
        }
        assert_eq!(RecordingLine::parse("{\"kind\":\"page_viewed\"}"), None);
        for wrong in [
            "{\"cut\":{}}",
            "{\"cut\":{\"epoch\":1,\"newest\":\"soon\"}}",
            "{\"recording\":{\"format\":2,\"slack_ms\":0}}",
        ] {
            assert!(RecordingLine::parse(wrong).unwrap().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_heartbeat_that_moves_nothing_is_none() {
        let events: Vec<Event> =
            [10, 30, 20].iter().map(|time| Event::pack(Record::new(1, Kind::PageViewed, *time))).collect();
        let heartbeat = |events_before, newest_ms| Heartbeat { events_before, newest_ms };
        let all =
            [heartbeat(0, 5), heartbeat(1, 10), heartbeat(1, 20), heartbeat(2, 30), heartbeat(3, 31), heartbeat(3, 31)];
        let mut recording = Recording { slack_ms: None, heartbeats: all.to_vec() };
        recording.tidy(&events);
        assert_eq!(recording.heartbeats, [heartbeat(0, 5), heartbeat(1, 20), heartbeat(3, 31)]);
    }
}
