//! An answer as a row: its columns as texts, its time, and whether it is taken back.

use std::collections::BTreeMap;

use flowbench_events::{did_you_mean_or_list, parse_rfc3339_ms};
use serde_json::Value;

use crate::cloud_event::{AttributeValue, CloudEvent, EventData};
use crate::shortened::shortened;
use crate::wall::thousandths::Thousandths;

/// The columns that may hold the time of a row, before the time of the event itself.
const TIMES: [&str; 4] = ["window_start", "hour", "event_time", "time"];
/// What the payload of an event is called where it is a single value instead of columns.
const WHOLE_DATA: &str = "data";

/// An answer with the columns of a tile.
pub(super) struct AnswerRow<'a> {
    data: Value,
    /// The names of columns by what they stand for.
    named: &'a BTreeMap<String, String>,
    event: &'a CloudEvent,
    /// 1 for an answer, -1 for one that is taken back.
    pub(super) change: i64,
}

impl<'a> AnswerRow<'a> {
    /// Reads an event; the error says what is wrong with it.
    pub(super) fn of(event: &'a CloudEvent, named: &'a BTreeMap<String, String>) -> Result<AnswerRow<'a>, String> {
        let data = match &event.data {
            Some(EventData::Json(data)) => serde_json::from_str(data.get()).ok(),
            _ => None,
        };
        let data = data.ok_or_else(|| format!("an event of type {} has no data in JSON", event.kind))?;
        let change = if takes_back(event) { -1 } else { 1 };
        Ok(AnswerRow { data, named, event, change })
    }

    /// Returns the time of the row in ms since the Unix epoch: that of its column, or that of the event.
    pub(super) fn time_ms(&self) -> Result<i64, String> {
        let column = match self.named.get("time") {
            Some(column) => Some(self.named_column(column)?),
            None => TIMES.iter().find_map(|column| text(self.column(column)?)),
        };
        let text = column.or_else(|| self.event.text("time").map(str::to_owned));
        let text = text.ok_or_else(|| "a row has no time".to_owned())?;
        parse_rfc3339_ms(&text).map_err(|_| {
            format!("'{}' is no time; expected RFC 3339, such as 2026-01-05T12:00:00Z", shortened(&text, 40))
        })
    }

    /// Returns the time of the event itself, which for an answer about a span is its end.
    pub(super) fn event_time_ms(&self) -> Option<i64> {
        self.event.text("time").and_then(|time| parse_rfc3339_ms(time).ok())
    }

    /// Returns the text of the column that stands for `role`.
    pub(super) fn text(&self, role: &str) -> Result<String, String> {
        self.named_column(self.named.get(role).map_or(role, String::as_str))
    }

    /// Returns a whole number; `None` if the row has no such column.
    pub(super) fn whole(&self, role: &str) -> Result<Option<i64>, String> {
        let column = self.named.get(role).map_or(role, String::as_str);
        let Some(text) = self.column(column).and_then(text) else { return Ok(None) };
        let number = text.parse().ok().filter(|number: &i64| number.unsigned_abs() <= 1 << 53);
        number.map(Some).ok_or_else(|| not_a_number(column, &text, "a whole number"))
    }

    /// Returns a number with three decimals at most; `None` if the row has no such column.
    pub(super) fn thousandths(&self, role: &str) -> Result<Option<Thousandths>, String> {
        let column = self.named.get(role).map_or(role, String::as_str);
        let Some(text) = self.column(column).and_then(text) else { return Ok(None) };
        let number = Thousandths::parse(&text);
        number.map(Some).ok_or_else(|| not_a_number(column, &text, "a number with three decimals at most"))
    }

    /// Returns a number that is drawn and not added.
    pub(super) fn number(&self, role: &str) -> Result<f64, String> {
        let text = self.text(role)?;
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| not_a_number(self.named.get(role).map_or(role, String::as_str), &text, "a number"))
    }

    fn named_column(&self, column: &str) -> Result<String, String> {
        self.column(column).and_then(text).ok_or_else(|| {
            let names: Vec<&str> = match &self.data {
                Value::Object(columns) => columns.keys().take(12).map(String::as_str).collect(),
                _ => vec![WHOLE_DATA],
            };
            format!("a row has no column '{column}'{}", did_you_mean_or_list(column, names))
        })
    }

    /// Returns the column of this name, or the value at the end of a path such as `weather.0.celsius`.
    fn column(&self, name: &str) -> Option<&Value> {
        match &self.data {
            Value::Object(columns) => columns.get(name).or_else(|| member(&self.data, name)),
            other => member(other, name).or_else(|| (name == WHOLE_DATA).then_some(other)),
        }
    }
}

/// Returns true if an event takes a former answer back.
pub(super) fn takes_back(event: &CloudEvent) -> bool {
    match event.attributes.get("change") {
        Some(AttributeValue::Integer(change)) => *change < 0,
        Some(AttributeValue::Text(change)) => change.starts_with('-'),
        _ => false,
    }
}

/// Returns a value as text; `None` for one that is absent.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Returns the value at the end of a path of names and indices, which are parted by dots.
fn member<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Object(members) => members.get(part),
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn not_a_number(column: &str, text: &str, expected: &str) -> String {
    format!("'{}' in column '{column}' is not {expected}", shortened(text, 40))
}
