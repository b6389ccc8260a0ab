//! Units of event time and of the clock, in ms.

pub(crate) const SECOND_MS: i64 = 1000;
pub(crate) const MINUTE_MS: i64 = 60 * SECOND_MS;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
pub(crate) const WEEK_MS: i64 = 7 * DAY_MS;
/// The first Monday of Unix time, from which weeks are counted.
pub(crate) const MONDAY_MS: i64 = 4 * DAY_MS;
