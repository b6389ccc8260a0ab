//! The format of cells that hold times.

use crate::time_format::TimeFormat;

/// A guess at how a column of times is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimeGuess {
    /// The format, or `None` for RFC 3339.
    pub(super) format: Option<String>,
    /// Whether the times have no offset.
    pub(super) is_local: bool,
    /// Whether the times are days without a time of day.
    pub(super) is_date: bool,
    /// The format with day and month swapped, if it fits the same cells.
    pub(super) other_way_round: Option<String>,
    /// A cell that is not a time although nearly all others are.
    pub(super) unread: Option<String>,
}

/// The maximum number of cells that are tried to find the format.
const CELLS_TRIED: usize = 300;

/// The formats of times with an offset, and those of times without one.
const WITH_OFFSET: [&str; 8] = [
    "%Y-%m-%d %H:%M:%S UTC",
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %z %Y",
    "%m/%d/%Y %H:%M:%S %z",
];
const LOCAL: [&str; 32] = [
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d %b %Y %H:%M:%S",
    "%b %d, %Y %H:%M:%S",
    "%b %d %Y %I:%M%p",
    "%b %d %Y %I:%M:%S%p",
    "%b %d %Y %H:%M:%S",
    "%d-%b-%y %H:%M",
    "%d-%b-%y %H:%M:%S",
    "%d-%b-%Y %H:%M",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d %b %Y %H:%M",
    "%a %b %d %H:%M:%S %Y",
];
/// The formats with digits only. The column must have the name of a time, since its cells may be numbers.
const DIGITS: [&str; 2] = ["%Y%m%d%H%M%S", "%Y%m%d"];

const YEAR_MS: i64 = 31_556_952_000;
/// The range of likely times, from 1990 to 2100.
const LIKELY_MS: std::ops::Range<i64> = 20 * YEAR_MS..130 * YEAR_MS;

/// Returns true if a text is a time by itself, which a number is not.
pub(super) fn is_time(cell: &str) -> bool {
    guess(&[cell], false).is_some()
}

/// Returns how nearly all cells are read if some are not times.
pub(super) fn guess_of_most(cells: &[&str]) -> Option<TimeGuess> {
    let tried = &cells[..cells.len().min(CELLS_TRIED)];
    let (times, others): (Vec<&str>, Vec<&str>) = tried.iter().partition(|cell| guess(&[cell], true).is_some());
    let unread = (others.len() * 10 <= tried.len()).then(|| others.first().map(|cell| (*cell).to_owned()))?;
    Some(TimeGuess { unread, ..guess(&times, true)? })
}

/// Returns how all of the cells are read as times. `is_named` says whether the column has the name of a time.
pub(super) fn guess(all: &[&str], is_named: bool) -> Option<TimeGuess> {
    let plain = TimeGuess { format: None, is_local: false, is_date: false, other_way_round: None, unread: None };
    let cells = &all[..all.len().min(CELLS_TRIED)];
    if cells.is_empty() {
        return None;
    }
    if cells.iter().all(|cell| cell.parse::<f64>().is_ok()) {
        let format = is_named.then(|| count(cells).or_else(|| digits(cells)))??;
        let is_local = format.starts_with('%');
        return Some(TimeGuess { is_date: format == "%Y%m%d", is_local, format: Some(format.to_owned()), ..plain });
    }
    if span(None, None, cells).is_some() {
        return Some(plain);
    }
    if let Some(format) = WITH_OFFSET.into_iter().find(|format| span(Some(format), None, cells).is_some()) {
        return Some(TimeGuess { format: Some(format.to_owned()), ..plain });
    }
    if span(None, Some("UTC"), cells).is_some() {
        let is_date = cells.iter().all(|cell| !cell.contains(':'));
        return Some(TimeGuess { is_local: true, is_date, ..plain });
    }
    let format = LOCAL.into_iter().find(|format| span(Some(format), None, cells).is_some())?;
    let (format, other_way_round) = day_and_month(format, all);
    let is_date = !format.contains("%H") && !format.contains("%I");
    Some(TimeGuess { format: Some(format), is_local: true, is_date, other_way_round, ..plain })
}

/// If day and month are ambiguous, returns the order in which the times of consecutive rows are more monotonic, or else
/// closer together, and the other order.
fn day_and_month(format: &str, cells: &[&str]) -> (String, Option<String>) {
    let Some(rest) = format.strip_prefix("%m/%d") else { return (format.to_owned(), None) };
    let swapped = format!("%d/%m{rest}");
    let (one, other) = (Steps::new(format, cells), Steps::new(&swapped, cells));
    if one.unread != other.unread {
        return (if one.unread < other.unread { format.to_owned() } else { swapped }, None);
    }
    let is_clear = one.turns * 2 < other.turns || other.turns * 2 < one.turns;
    let is_other = if is_clear { other.turns < one.turns } else { other.way_ms < one.way_ms };
    if is_other { (swapped, Some(format.to_owned())) } else { (format.to_owned(), Some(swapped)) }
}

/// The steps of times from row to row.
#[derive(Default)]
struct Steps {
    unread: usize,
    /// The number of steps against the direction of most.
    turns: usize,
    /// The sum of all steps in ms.
    way_ms: i128,
}

impl Steps {
    fn new(format: &str, cells: &[&str]) -> Steps {
        let Ok(format) = TimeFormat::new(Some(format), None) else { return Steps::default() };
        let times: Vec<i64> = cells.iter().filter_map(|cell| format.parse(cell).ok()).collect();
        let count = |is: fn(&i64, &i64) -> bool| times.windows(2).filter(|pair| is(&pair[0], &pair[1])).count();
        Steps {
            unread: cells.len() - times.len(),
            turns: count(i64::lt).min(count(i64::gt)),
            way_ms: times.windows(2).map(|pair| i128::from(pair[0].abs_diff(pair[1]))).sum(),
        }
    }
}

/// Returns the time in ms between the first and the last cell if all cells are likely times of this format.
fn span(format: Option<&str>, zone: Option<&str>, cells: &[&str]) -> Option<i64> {
    let format = TimeFormat::new(format, zone).ok()?;
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for cell in cells {
        let ms = format.parse(cell).ok().filter(|ms| LIKELY_MS.contains(ms))?;
        (first, last) = (first.min(ms), last.max(ms));
    }
    Some(last - first)
}

/// Returns the unit in which the numbers are likely times.
fn count(cells: &[&str]) -> Option<&'static str> {
    const UNITS: [(&str, f64); 4] = [("epoch_s", 1e3), ("epoch_ms", 1.0), ("epoch_us", 1e-3), ("epoch_ns", 1e-6)];
    let numbers: Vec<f64> = cells.iter().filter_map(|cell| cell.parse().ok()).collect();
    let fits = |ms: f64| ms > LIKELY_MS.start as f64 && ms < LIKELY_MS.end as f64;
    UNITS.into_iter().find(|(_, ms)| numbers.iter().all(|number| fits(number * ms))).map(|(unit, _)| unit)
}

fn digits(cells: &[&str]) -> Option<&'static str> {
    let lengths = [14, 8];
    let of_length = |length| cells.iter().all(|cell| cell.len() == length);
    let mut formats = DIGITS.into_iter().zip(lengths);
    formats.find(|(format, length)| of_length(*length) && span(Some(format), None, cells).is_some()).map(|(one, _)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format_of(cells: &[&str]) -> Option<(String, bool)> {
        let guess = guess(cells, true)?;
        Some((guess.format.unwrap_or_else(|| "rfc3339".to_owned()), guess.is_local))
    }

    #[test]
    fn formats_are_found_by_their_cells() {
        for (cells, format, is_local) in [
            (&["2026-03-01T10:00:00.000Z", "2026-03-01 10:00:00+01:00"][..], "rfc3339", false),
            (&["2026-03-01 10:00:00", "2026-03-02 11:12:13.5"], "rfc3339", true),
            (&["2019-10-01 00:00:00 UTC"], "%Y-%m-%d %H:%M:%S UTC", false),
            (&["2021-05-03 12:00:00 +0400"], "%Y-%m-%d %H:%M:%S %z", false),
            (&["12/1/2010 8:26", "12/13/2010 9:01"], "%m/%d/%Y %H:%M", true),
            (&["1/12/2010 8:26", "13/12/2010 9:01"], "%d/%m/%Y %H:%M", true),
            (&["01.12.2010 08:26"], "%d.%m.%Y %H:%M", true),
            (&["12/1/2010 8:26:00 AM"], "%m/%d/%Y %I:%M:%S %p", true),
            (&["12/1/10 8:26", "12/13/10 8:26"], "%m/%d/%y %H:%M", true),
            (&["2010/12/01 08:26:00"], "%Y/%m/%d %H:%M:%S", true),
            (&["2026-03-01"], "rfc3339", true),
            (&["1511544070", "1511658000.5"], "epoch_s", false),
            (&["1433221332117", "1.433226571398E12"], "epoch_ms", false),
            (&["1611972000123456"], "epoch_us", false),
            (&["1611972000123456789"], "epoch_ns", false),
            (&["20210131", "20210201"], "%Y%m%d", true),
        ] {
            assert_eq!(format_of(cells), Some((format.to_owned(), is_local)), "{cells:?}");
        }
        for cells in [&["12", "13"][..], &["soon"], &["10:30"], &[""], &[], &["2026-03-01", "x"]] {
            assert_eq!(format_of(cells), None, "{cells:?}");
        }
        assert_eq!(guess(&["1511544070"], false), None);
    }

    #[test]
    fn day_and_month_are_told_apart_by_what_brings_times_closer_together() {
        let months_first = guess(&["12/1/2010 8:26", "12/2/2010 9:00"], true).unwrap();
        assert_eq!(months_first.format.as_deref(), Some("%m/%d/%Y %H:%M"));
        assert_eq!(months_first.other_way_round.as_deref(), Some("%d/%m/%Y %H:%M"));
        let days_first = guess(&["1/12/2010 8:26", "2/12/2010 9:00"], true).unwrap();
        assert_eq!(days_first.format.as_deref(), Some("%d/%m/%Y %H:%M"));
    }
}
