//! The calendar days of a time zone.

use jiff::{Timestamp, civil, tz::TimeZone};
use thiserror::Error;

use crate::time::civil_from_days;

/// A time zone as a table of its offsets, so that the day of an instant is one binary search.
///
/// The table is built from the IANA database that is compiled in, for the years 1900 to 2300. Outside them, the nearest
/// offset applies.
#[derive(Debug, Clone)]
pub struct Zone {
    name: String,
    offsets: Vec<(i64, i64)>, // (from this UTC ms on, offset in ms), first entry from the beginning of time
}

/// A name is not the name of a time zone.
#[derive(Debug, Error)]
#[error("'{0}' is not a time zone; use an IANA name such as UTC or Europe/London")]
pub struct ZoneError(String);

const DAY_MS: i64 = 86_400_000;

impl Zone {
    /// Returns the zone with that IANA name.
    ///
    /// # Errors
    ///
    /// Returns [`ZoneError`] if there is no such zone.
    ///
    /// # Examples
    ///
    /// ```
    /// use flowbench_events::{Zone, parse_rfc3339_ms};
    ///
    /// let london = Zone::named("Europe/London")?;
    /// let day = london.day(parse_rfc3339_ms("2026-07-01T23:30:00Z")?);
    /// assert_eq!(Zone::date(day), "2026-07-02");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn named(name: &str) -> Result<Zone, ZoneError> {
        let zone = TimeZone::get(name).map_err(|_| ZoneError(name.to_owned()))?;
        let first = civil::date(1900, 1, 1).to_zoned(TimeZone::UTC).expect("1900 is a year").timestamp();
        let last = civil::date(2300, 1, 1).to_zoned(TimeZone::UTC).expect("2300 is a year").timestamp();
        let offset_ms = |at: Timestamp| i64::from(zone.to_offset(at).seconds()) * 1000;
        let mut offsets = vec![(i64::MIN, offset_ms(first))];
        for transition in zone.following(first).take_while(|transition| transition.timestamp() < last) {
            offsets.push((transition.timestamp().as_millisecond(), i64::from(transition.offset().seconds()) * 1000));
        }
        Ok(Zone { name: name.to_owned(), offsets })
    }

    /// Returns the name by which the zone was requested.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the local calendar day of this instant, in days since 1970-01-01.
    #[inline]
    pub fn day(&self, time_ms: i64) -> i32 {
        (time_ms + self.offset_ms(time_ms)).div_euclid(DAY_MS) as i32
    }

    /// Returns the instant in ms at which a local day ends, after which no instant belongs to it. If a clock change
    /// brings the day back, that is its last end.
    pub fn day_end_ms(&self, day: i32) -> i64 {
        let local_midnight = (i64::from(day) + 1) * DAY_MS;
        // Offsets change by hours at most, so the end is near; walk the changes around it.
        let near = self.offsets.partition_point(|(from, _)| *from <= local_midnight - 2 * DAY_MS).max(1) - 1;
        let around = &self.offsets[near..self.offsets.len().min(near + 8)];
        around
            .iter()
            .flat_map(|(from, offset)| [*from, local_midnight - offset])
            .filter(|instant| *instant != i64::MIN && self.day(*instant) > day && self.day(*instant - 1) <= day)
            .max()
            .unwrap_or(local_midnight - around[0].1)
    }

    /// Returns a day as `yyyy-mm-dd`.
    pub fn date(day: i32) -> String {
        let (year, month, day) = civil_from_days(i64::from(day));
        format!("{year:04}-{month:02}-{day:02}")
    }

    #[inline]
    fn offset_ms(&self, time_ms: i64) -> i64 {
        self.offsets[self.offsets.partition_point(|(from, _)| *from <= time_ms) - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        crate::time::parse_rfc3339_ms(text).unwrap()
    }

    #[test]
    fn london_days_follow_summer_time() {
        let london = Zone::named("Europe/London").unwrap();
        assert_eq!(Zone::date(london.day(ms("2026-07-01T22:59:59.999Z"))), "2026-07-01");
        assert_eq!(Zone::date(london.day(ms("2026-07-01T23:00:00.000Z"))), "2026-07-02");
        assert_eq!(london.day_end_ms(london.day(ms("2026-07-01T12:00:00Z"))), ms("2026-07-01T23:00:00Z"));
        assert_eq!(london.day_end_ms(london.day(ms("2026-01-01T12:00:00Z"))), ms("2026-01-02T00:00:00Z"));
        // The day of the spring change has 23 hours, that of the autumn change 25.
        assert_eq!(london.day_end_ms(london.day(ms("2026-03-29T12:00:00Z"))), ms("2026-03-29T23:00:00Z"));
        assert_eq!(london.day_end_ms(london.day(ms("2026-10-25T12:00:00Z"))), ms("2026-10-26T00:00:00Z"));
    }

    #[test]
    fn every_zone_agrees_with_the_library_on_days_and_their_ends() {
        for name in ["UTC", "Europe/London", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu", "America/New_York"]
        {
            let zone = Zone::named(name).unwrap();
            let library = TimeZone::get(name).unwrap();
            for step in 0..4000_i64 {
                let time_ms = -500_000_000_000 + step * 700_000_003;
                let local = Timestamp::from_millisecond(time_ms).unwrap().to_zoned(library.clone());
                assert_eq!(Zone::date(zone.day(time_ms)), local.date().to_string(), "{name} {time_ms}");
                let end = zone.day_end_ms(zone.day(time_ms));
                assert!(
                    zone.day(end) > zone.day(time_ms) && zone.day(end - 1) <= zone.day(time_ms),
                    "{name} {time_ms}"
                );
            }
        }
    }

    #[test]
    fn no_instant_of_a_day_is_behind_its_end_in_any_zone() {
        for name in jiff::tz::db().available() {
            let zone = Zone::named(name.as_str()).unwrap();
            // Around every change of the offset: whatever is odd about a day is there.
            for (change_ms, _) in &zone.offsets[1..] {
                let offsets_ms = [-1, 0].map(|step_ms| zone.offset_ms(change_ms + step_ms));
                let midnights =
                    offsets_ms.map(|offset_ms| (change_ms + offset_ms).div_euclid(DAY_MS) * DAY_MS - offset_ms);
                for instant in midnights.into_iter().chain([*change_ms]).flat_map(|at| [at - DAY_MS, at, at + DAY_MS]) {
                    for time_ms in [instant - 1, instant, instant + 1] {
                        let day = zone.day(time_ms);
                        let end_ms = zone.day_end_ms(day);
                        assert!(
                            time_ms < end_ms && zone.day(end_ms) > day && zone.day(end_ms - 1) <= day,
                            "{name} {time_ms}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_day_that_comes_twice_ends_once() {
        let end_of = |zone: &str, time: &str| {
            let zone = Zone::named(zone).unwrap();
            zone.day_end_ms(zone.day(ms(time)))
        };
        assert_eq!(end_of("America/St_Johns", "2010-11-06T12:00:00Z"), ms("2010-11-07T03:30:00Z"));
        assert_eq!(end_of("Antarctica/Casey", "2010-03-04T12:00:00Z"), ms("2010-03-04T16:00:00Z"));
    }

    #[test]
    fn unknown_zones_are_named() {
        assert!(Zone::named("Europe/Lodnon").unwrap_err().to_string().contains("Europe/Lodnon"));
    }
}
