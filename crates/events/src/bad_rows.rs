//! How many rows of a log may be bad.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::outcome::ReadSummary;

/// The maximum number of bad rows of a log, written `20` or, as a share of all rows, `0.5%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BadRowLimit {
    /// This number of rows.
    Rows(u64),
    /// This percentage of the rows, 0 to 100.
    Percent(f64),
}

/// A text is no limit of bad rows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no number of rows such as 20, and no share of them such as 0.5%")]
pub struct NoBadRowLimit(String);

impl BadRowLimit {
    /// Returns true if a log with this summary has no more bad rows than allowed.
    pub fn allows(self, summary: &ReadSummary) -> bool {
        match self {
            BadRowLimit::Rows(rows) => summary.rejects <= rows,
            BadRowLimit::Percent(percent) => summary.rejects as f64 <= percent * summary.rows as f64 / 100.0,
        }
    }
}

impl FromStr for BadRowLimit {
    type Err = NoBadRowLimit;

    fn from_str(text: &str) -> Result<Self, NoBadRowLimit> {
        let limit = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim_end().parse().ok().map(BadRowLimit::Percent),
            None => text.trim().parse().ok().map(BadRowLimit::Rows),
        };
        let is_share =
            |limit: &BadRowLimit| !matches!(limit, BadRowLimit::Percent(percent) if !(0.0..=100.0).contains(percent));
        limit.filter(is_share).ok_or_else(|| NoBadRowLimit(text.to_owned()))
    }
}

impl fmt::Display for BadRowLimit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadRowLimit::Rows(rows) => write!(out, "{rows}"),
            BadRowLimit::Percent(percent) => write!(out, "{percent}%"),
        }
    }
}

impl Serialize for BadRowLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BadRowLimit {
    /// Reads a whole number, or a text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum RowsOrText {
            Rows(u64),
            Text(String),
        }
        let expected = |_| de::Error::custom("write a number of rows such as 20, or a share of them such as \"0.5%\"");
        match RowsOrText::deserialize(deserializer).map_err(expected)? {
            RowsOrText::Rows(rows) => Ok(BadRowLimit::Rows(rows)),
            RowsOrText::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(limit: &str, rejects: u64, rows: u64) -> bool {
        limit.parse::<BadRowLimit>().unwrap().allows(&ReadSummary { rows, rejects, ..ReadSummary::default() })
    }

    #[test]
    fn a_limit_allows_as_many_and_not_one_more() {
        assert!(allows("3", 3, 5) && !allows("3", 4, 5) && allows("0", 0, 5) && !allows("0", 1, 5));
        // 0.29 * 100 is below 29 in binary.
        assert!(allows("29%", 29, 100) && !allows("29%", 30, 100));
        assert!(allows("0.5%", 1, 200) && !allows("0.5%", 1, 199));
        assert!(allows("100%", 7, 7) && allows("0%", 0, 0) && !allows("0 %", 1, 1000));
    }

    #[test]
    fn what_is_no_limit_is_named() {
        for text in ["", "%", "-1", "1.5", "101%", "-1%", "NaN%", "inf%", "ten"] {
            let error = text.parse::<BadRowLimit>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("'{text}' is no number of rows")), "{error}");
        }
        assert_eq!("2.50%".parse::<BadRowLimit>().unwrap().to_string(), "2.5%");
    }
}
