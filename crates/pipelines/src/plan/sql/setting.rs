//! Intervals, and the settings of stages: values, or parameters.

use std::ops::Range;

use sqlparser::ast::{DateTimeField, Expr, Interval, Value};

use super::reader::Reader;
use crate::plan::document::Text;

/// The units of intervals: the first letters of their names, and how durations write them.
const UNITS: [(&str, &str); 5] =
    [("MILLISECOND", "ms"), ("SECOND", "s"), ("MINUTE", "min"), ("HOUR", "h"), ("DAY", "d")];

impl Reader<'_> {
    /// Returns a duration as stages write it: an interval or a parameter.
    pub(super) fn duration(&mut self, expr: &Expr) -> Option<Text> {
        let place = self.place(expr);
        match expr {
            Expr::Interval(interval) => Some(Text::of(&self.interval(interval, &place)?, place)),
            Expr::Value(value) if matches!(value.value, Value::Placeholder(_)) => {
                Some(Text::of(&format!("{{{}}}", self.parameter(expr)?), place))
            }
            _ => self.refuse(&place, "an interval is needed here; write INTERVAL '30' MINUTE, or a parameter"),
        }
    }

    /// Returns a time zone as stages write it: a text or a parameter.
    pub(super) fn zone(&mut self, expr: &Expr) -> Option<Text> {
        let place = self.place(expr);
        match expr {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(name) => Some(Text::of(name, place)),
                Value::Placeholder(_) => Some(Text::of(&format!("{{{}}}", self.parameter(expr)?), place)),
                _ => self.refuse(&place, "a time zone is needed here; write 'Europe/London'"),
            },
            _ => self.refuse(&place, "a time zone is needed here; write 'Europe/London'"),
        }
    }

    /// Returns the parameter that `$name` names.
    pub(super) fn parameter(&mut self, expr: &Expr) -> Option<String> {
        let place = self.place(expr);
        let Expr::Value(value) = expr else { return None };
        let Value::Placeholder(text) = &value.value else { return None };
        let name = text.strip_prefix('$').unwrap_or_default();
        if self.parameters.iter().any(|declared| declared.name == name) {
            return Some(name.to_owned());
        }
        let known = self.parameters.iter().map(|declared| declared.name.as_str());
        let hint = match self.parameters.is_empty() {
            true => "; write --! [parameters] and one on each line at the beginning".to_owned(),
            false => flowbench_events::did_you_mean_or_list(name, known),
        };
        self.refuse(&place, &format!("there is no parameter '{text}'{hint}"))
    }

    /// Returns the duration of an interval: `7d` of `INTERVAL '7' DAY`. A day has 24 hours.
    pub(super) fn interval(&mut self, interval: &Interval, place: &Range<usize>) -> Option<String> {
        const NEEDED: &str =
            "write INTERVAL '7' DAY, with a whole number of days, hours, minutes, seconds or milliseconds";
        let text = match &*interval.value {
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::Number(text, _) => text.clone(),
                _ => return self.refuse(place, &format!("this interval is not understood; {NEEDED}")),
            },
            _ => return self.refuse(place, &format!("this interval is not understood; {NEEDED}")),
        };
        let is_plain = interval.leading_precision.is_none()
            && interval.last_field.is_none()
            && interval.fractional_seconds_precision.is_none();
        let text = match &interval.leading_field {
            Some(field) if is_plain => format!("{text} {field}"),
            None => text,
            Some(_) => return self.refuse(place, &format!("this interval is not understood; {NEEDED}")),
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let parts = words.chunks(2).map(|part| match part {
            [number, unit] if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(format!("{number}{}", unit_of(unit)?))
            }
            _ => None,
        });
        match parts.collect::<Option<Vec<String>>>() {
            Some(parts) if !parts.is_empty() => Some(parts.concat()),
            _ if interval.leading_field.as_ref().is_some_and(is_of_calendar) || text.contains("month") => {
                self.refuse(place, "months and years have no fixed length; write INTERVAL '30' DAY")
            }
            _ => self.refuse(place, &format!("this interval is not understood; {NEEDED}")),
        }
    }
}

fn unit_of(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    let singular = name.strip_suffix('S').unwrap_or(&name);
    UNITS.iter().find(|(unit, _)| *unit == singular).map(|(_, short)| *short)
}

fn is_of_calendar(field: &DateTimeField) -> bool {
    use DateTimeField::{Month, Months, Quarter, Year, Years};
    matches!(field, Year | Years | Month | Months | Quarter)
}
