//! Parameters of a pipeline: text from the command line or an experiment, checked against what the pipeline takes.

use std::collections::BTreeMap;

use flowbench_events::{Kind, Value, Zone, did_you_mean_or_list, parse_duration_ms};
use thiserror::Error;

/// One parameter a pipeline takes.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Name for `--set NAME=VALUE`.
    pub name: &'static str,
    /// Used if not set.
    pub default: &'static str,
    /// Meaning, with unit and range.
    pub meaning: &'static str,
}

/// The settings of one pipeline: what was set, over the defaults.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    set: BTreeMap<String, String>,
    parameters: &'static [Parameter],
}

/// An invalid setting.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum SettingError {
    /// Not `KEY=VALUE`.
    #[error("'{0}' is not KEY=VALUE")]
    NotKeyValue(String),
    /// No such parameter.
    #[error("there is no parameter '{name}'{hint}")]
    Unknown {
        /// What was set.
        name: String,
        /// The nearest parameter, or all of them.
        hint: String,
    },
    /// One parameter twice, even if it is the same value.
    #[error("{name} is set twice, to '{first}' and to '{second}'; leave one of them out")]
    Twice {
        /// The parameter.
        name: String,
        /// What it is set to first.
        first: String,
        /// What it is set to then.
        second: String,
    },
    /// A value that the parameter does not take.
    #[error("{name} = '{value}': {reason}")]
    Impossible {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it must be.
        reason: String,
    },
    /// Values that each parameter takes, but not together.
    #[error("with these settings, {0}")]
    Unfit(String),
}

impl Settings {
    /// Checks the names of `KEY=VALUE` pairs against `parameters`.
    ///
    /// # Errors
    ///
    /// Fails if a pair has no `=`, or if a parameter is unknown or set twice.
    pub fn new(parameters: &'static [Parameter], pairs: &[String]) -> Result<Self, SettingError> {
        let mut set = BTreeMap::new();
        for pair in pairs {
            let (name, value) = pair.split_once('=').ok_or_else(|| SettingError::NotKeyValue(pair.clone()))?;
            if !parameters.iter().any(|parameter| parameter.name == name) {
                return Err(SettingError::Unknown { name: name.to_owned(), hint: hint(name, parameters) });
            }
            if let Some(first) = set.insert(name.to_owned(), value.to_owned()) {
                return Err(SettingError::Twice { name: name.to_owned(), first, second: value.to_owned() });
            }
        }
        Ok(Self { set, parameters })
    }

    /// Returns the text of a parameter: the value it is set to, or else its default.
    pub fn text(&self, name: &'static str) -> &str {
        let default = self.parameters.iter().find(|parameter| parameter.name == name).map_or("", |found| found.default);
        self.set.get(name).map_or(default, String::as_str)
    }

    /// Returns a parameter as an amount of money.
    ///
    /// # Errors
    ///
    /// Fails if it is not a decimal number with at most three decimals.
    pub fn value(&self, name: &'static str) -> Result<Value, SettingError> {
        let text = self.text(name);
        Value::parse(text).ok_or_else(|| self.impossible(name, "a plain decimal with at most three decimals is needed"))
    }

    /// Returns a parameter as an event kind.
    ///
    /// # Errors
    ///
    /// Fails if there is no such kind.
    pub fn kind(&self, name: &'static str) -> Result<Kind, SettingError> {
        Kind::from_name(self.text(name))
            .ok_or_else(|| self.impossible(name, &format!("use one of {}", Kind::ALL.map(Kind::name).join(", "))))
    }

    /// Returns a parameter as an event kind; `None` for `any`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such kind.
    pub fn kind_or_any(&self, name: &'static str) -> Result<Option<Kind>, SettingError> {
        match (self.text(name), Kind::from_name(self.text(name))) {
            ("any", _) => Ok(None),
            (_, Some(kind)) => Ok(Some(kind)),
            _ => Err(self.impossible(name, &format!("use any or one of {}", Kind::ALL.map(Kind::name).join(", ")))),
        }
    }

    /// Returns a parameter as a list of 1 to 8 event kinds, separated by commas; a kind may be repeated.
    ///
    /// # Errors
    ///
    /// Fails if there are too many, or if there is no such kind.
    pub fn kinds(&self, name: &'static str) -> Result<Vec<Kind>, SettingError> {
        let kinds: Option<Vec<Kind>> = self.text(name).split(',').map(|kind| Kind::from_name(kind.trim())).collect();
        kinds.filter(|kinds| kinds.len() <= 8).ok_or_else(|| {
            let names = Kind::ALL.map(Kind::name).join(", ");
            self.impossible(name, &format!("use 1 to 8 of {names}, separated by commas"))
        })
    }

    /// Returns a parameter as a duration in ms, from 1 ms to 1,000,000 days, so that timers stay within range.
    ///
    /// # Errors
    ///
    /// Fails if it is not a duration in this range.
    pub fn duration_ms(&self, name: &'static str) -> Result<i64, SettingError> {
        let ms = parse_duration_ms(self.text(name)).map_err(|error| self.impossible(name, &error.to_string()))?;
        let possible = (1..=1_000_000 * 86_400_000).contains(&ms);
        if possible { Ok(ms) } else { Err(self.impossible(name, "a duration from 1ms to 1000000d is needed")) }
    }

    /// Returns a parameter as a duration in ms, from 1 ms to the duration of the parameter `most`.
    ///
    /// # Errors
    ///
    /// Fails if either is not a duration, or if it is too long.
    pub fn duration_up_to_ms(&self, name: &'static str, most: &'static str) -> Result<i64, SettingError> {
        let (ms, most_ms) = (self.duration_ms(name)?, self.duration_ms(most)?);
        let reason = format!("a duration of at most {most} = '{}' is needed", self.text(most));
        if ms > most_ms { Err(self.impossible(name, &reason)) } else { Ok(ms) }
    }

    /// Returns a parameter as a rating from 1 to 5.
    ///
    /// # Errors
    ///
    /// Fails if it is not a whole number in this range.
    pub fn rating(&self, name: &'static str) -> Result<u8, SettingError> {
        let rating = self.text(name).parse().ok().filter(|rating| (1..=5).contains(rating));
        rating.ok_or_else(|| self.impossible(name, "a whole number from 1 to 5 is needed"))
    }

    /// Returns a parameter as a whole number from 1 to 1,000,000.
    ///
    /// # Errors
    ///
    /// Fails if it is not a whole number in this range.
    pub fn count(&self, name: &'static str) -> Result<usize, SettingError> {
        let count = self.text(name).parse().ok().filter(|count| (1..=1_000_000).contains(count));
        count.ok_or_else(|| self.impossible(name, "a whole number from 1 to 1000000 is needed"))
    }

    /// Returns a parameter as a time zone.
    ///
    /// # Errors
    ///
    /// Fails if there is no such IANA time zone.
    pub fn zone(&self, name: &'static str) -> Result<Zone, SettingError> {
        Zone::named(self.text(name)).map_err(|error| self.impossible(name, &error.to_string()))
    }

    fn impossible(&self, name: &'static str, reason: &str) -> SettingError {
        SettingError::Impossible { name, value: self.text(name).to_owned(), reason: reason.to_owned() }
    }
}

fn hint(name: &str, parameters: &[Parameter]) -> String {
    if parameters.is_empty() {
        return "; this pipeline takes none".to_owned();
    }
    did_you_mean_or_list(name, parameters.iter().map(|parameter| parameter.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &[Parameter] = &[
        Parameter { name: "threshold", default: "500", meaning: "" },
        Parameter { name: "window", default: "24h", meaning: "" },
    ];

    fn settings(pairs: &[&str]) -> Result<Settings, SettingError> {
        Settings::new(PARAMETERS, &pairs.iter().map(|pair| (*pair).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_set_wins_over_the_default() {
        assert_eq!(settings(&[]).unwrap().value("threshold"), Ok(Value(500_000)));
        let set = settings(&["threshold=0.5", "window=1h"]).unwrap();
        assert_eq!((set.value("threshold"), set.duration_ms("window")), (Ok(Value(500)), Ok(3_600_000)));
    }

    #[test]
    fn errors_name_the_parameter_and_the_fix() {
        let text = |pairs: &[&str]| settings(pairs).unwrap_err().to_string();
        assert!(text(&["treshold=1"]).contains("did you mean 'threshold'"));
        assert!(text(&["zzz=1"]).contains("threshold, window"));
        assert!(text(&["threshold"]).contains("KEY=VALUE"));
        let error = settings(&["threshold=1.2345"]).unwrap().value("threshold").unwrap_err();
        assert!(error.to_string().contains("threshold = '1.2345'"));
        assert_eq!(
            text(&["threshold=banana", "window=1h", "threshold=500"]),
            "threshold is set twice, to 'banana' and to '500'; leave one of them out"
        );
        assert!(settings(&["window=0"]).unwrap().duration_ms("window").is_err());
        assert!(settings(&["window=1000000d1ms"]).unwrap().duration_ms("window").is_err());
    }
}
