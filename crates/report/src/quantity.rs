//! The quantity of a column, derived from the end of its name, and the formatting of its values.

use flowbench_measurement::repeats::Spread;

/// The quantity that a column measures. Raw values are in the unit the column's name ends in; displayed values are
/// scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Wall-clock time in nanoseconds (`…_ns`).
    Nanoseconds,
    /// Event time in milliseconds (`…_ms`), slack included.
    Milliseconds,
    /// Seconds (`…_s`).
    Seconds,
    /// Bytes (`…_bytes…`).
    Bytes,
    /// Events per second (`…_events_per_s`).
    EventsPerSecond,
    /// A share of a whole from 0 to 1 (`…_share`, `completeness`, and `efficiency`, which may exceed 1).
    Share,
    /// A ratio (`speed_up`, `…_imbalance`, `…_ratio`), 1 for equal values.
    Factor,
    /// Records of the trace (`…_records`).
    Records,
    /// Any other number, such as entries, events or workers.
    Count,
    /// A point in time, in Unix ms (`…_unix_ms`).
    Clock,
}

/// Columns determined by the trace and the settings of a case, including variants such as `…_share` and `…_p99_ms`.
/// Under `arrival`, several workers may still answer differently from run to run.
const OF_TRACE: [&str; 16] = [
    "conversions",
    "page_views",
    "event_time_wait",
    "watermark_lag",
    "events",
    "late",
    "dropped_as_late",
    "truth",
    "given",
    "missing",
    "spurious",
    "wrong",
    "lost_answers",
    "completeness",
    "out_of_order",
    "duplicates",
];

/// Returns true if a column differs from run to run, so that a single measurement says little.
pub(crate) fn scatters(column: &str) -> bool {
    let is_of = |name: &&str| column.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    !OF_TRACE.iter().any(is_of)
}

/// A unit of display: its size in raw units, and its symbol.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Unit {
    pub(crate) size: f64,
    pub(crate) sign: &'static str,
}

const fn unit(size: f64, sign: &'static str) -> Unit {
    Unit { size, sign }
}

const NANOSECONDS: &[Unit] = &[
    unit(1.0, "ns"),
    unit(1e3, "µs"),
    unit(1e6, "ms"),
    unit(1e9, "s"),
    unit(60e9, "min"),
    unit(3600e9, "h"),
    unit(86_400e9, "d"),
];
const MILLISECONDS: &[Unit] =
    &[unit(1.0, "ms"), unit(1e3, "s"), unit(60e3, "min"), unit(3600e3, "h"), unit(86_400e3, "d")];
const SECONDS: &[Unit] = &[unit(1e-3, "ms"), unit(1.0, "s"), unit(60.0, "min"), unit(3600.0, "h"), unit(86_400.0, "d")];
const BYTES: &[Unit] = &[
    unit(1.0, "B"),
    unit(1024.0, "KiB"),
    unit(1_048_576.0, "MiB"),
    unit(1_073_741_824.0, "GiB"),
    unit(1_099_511_627_776.0, "TiB"),
];
const EVENTS_PER_SECOND: &[Unit] =
    &[unit(1.0, "events/s"), unit(1e3, "k events/s"), unit(1e6, "M events/s"), unit(1e9, "G events/s")];
const SHARE: &[Unit] = &[unit(0.01, "%")];
const FACTOR: &[Unit] = &[unit(1.0, "×")];
const RECORDS: &[Unit] =
    &[unit(1.0, "records"), unit(1e3, "k records"), unit(1e6, "M records"), unit(1e9, "G records")];
const COUNT: &[Unit] = &[unit(1.0, ""), unit(1e3, "k"), unit(1e6, "M"), unit(1e9, "G"), unit(1e12, "T")];

/// How the spread of repeats is written beside their median.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpreadForm {
    /// Both ends in brackets: `105 µs [99–120]`.
    Ends,
    /// The distance of the farther end in percent of the median: `105 µs ±14%`.
    Deviation,
    /// Not at all, apart from the mark of a wide one: `~105 µs`.
    Mark,
}

/// Formats a median with its range or interval: `105 µs [99–120]`. There are no brackets if both ends are displayed
/// alike; a leading `~` says that the range reaches further than `factor` from the median.
pub(crate) fn spread_words(spread: &Spread, factor: f64, words: impl Fn(f64) -> String) -> String {
    spread_words_as(SpreadForm::Ends, spread, factor, words)
}

/// Formats a median with its range or interval in one of the forms; a leading `~` says that the range reaches further
/// than `factor` from the median.
pub(crate) fn spread_words_as(form: SpreadForm, spread: &Spread, factor: f64, words: impl Fn(f64) -> String) -> String {
    let [middle, low, high] = [spread.median, spread.low, spread.high].map(words);
    if low == high {
        return middle;
    }
    let about = if spread.is_wide(factor) { "~" } else { "" };
    let unit = |words: &str| words[digits_end(words)..].to_owned();
    match form {
        SpreadForm::Ends if unit(&middle) == unit(&low) && unit(&low) == unit(&high) => {
            format!("{about}{middle} [{}–{}]", &low[..digits_end(&low)], &high[..digits_end(&high)])
        }
        SpreadForm::Ends => format!("{about}{middle} [{low} to {high}]"),
        SpreadForm::Deviation => format!("{about}{middle}{}", deviation(spread)),
        SpreadForm::Mark => format!("{about}{middle}"),
    }
}

/// Formats the distance of the farther end in percent of the median: ` ±14%`; nothing if the median is 0.
fn deviation(spread: &Spread) -> String {
    let share = (spread.high - spread.median).max(spread.median - spread.low) / spread.median.abs();
    match 100.0 * share {
        percent if !percent.is_finite() => String::new(),
        percent if percent < 0.5 => " ±<1%".to_owned(),
        percent if percent > 999.0 => " ±>999%".to_owned(),
        percent => format!(" ±{percent:.0}%"),
    }
}

/// Returns the byte index at which the number ends and its unit begins.
fn digits_end(words: &str) -> usize {
    words.rfind(|c: char| c.is_ascii_digit()).map_or(0, |last| last + 1)
}

impl Quantity {
    /// Returns the quantity of a column, derived from the unit in its name.
    pub fn of(column: &str) -> Quantity {
        let has = |word: &str| column.split('_').any(|part| part == word);
        if column.ends_with("events_per_s") {
            Quantity::EventsPerSecond
        } else if column == "speed_up" || has("imbalance") || column.ends_with("_ratio") {
            Quantity::Factor
        } else if has("bytes") {
            Quantity::Bytes
        } else if has("ns") {
            Quantity::Nanoseconds
        } else if column.ends_with("unix_ms") {
            Quantity::Clock
        } else if has("ms") {
            Quantity::Milliseconds
        } else if has("s") {
            Quantity::Seconds
        } else if has("share") || matches!(column, "completeness" | "efficiency") {
            Quantity::Share
        } else if column.ends_with("_records") {
            Quantity::Records
        } else {
            Quantity::Count
        }
    }

    /// Returns the raw unit as the suffix of a column name: `ns`, `bytes`, …
    pub fn raw_unit(self) -> &'static str {
        match self {
            Quantity::Nanoseconds => "ns",
            Quantity::Milliseconds => "ms",
            Quantity::Seconds => "s",
            Quantity::Bytes => "bytes",
            Quantity::EventsPerSecond => "events_per_s",
            Quantity::Share => "share",
            Quantity::Factor => "factor",
            Quantity::Records => "records",
            Quantity::Count => "count",
            Quantity::Clock => "unix_ms",
        }
    }

    /// Formats a raw value with three significant digits in a suitable unit: `1.52 ms`, `12 MiB`, `4.1k`,
    /// `100k events/s`.
    pub fn human(self, raw: f64) -> String {
        let unit = self.unit_for(raw);
        let number = match self {
            Quantity::Clock => return date_and_time(raw),
            // One more digit below 1 than above it would only look more exact.
            Quantity::Factor if (0.001..1.0).contains(&raw) => {
                let decimals = (1.0 - raw.log10().floor()) as usize;
                trimmed(format!("{raw:.decimals$}"))
            }
            Quantity::Factor if raw > 0.0 && raw < 0.001 => "<0.001".to_owned(),
            _ => three_digits(raw / unit.size),
        };
        match self {
            // Nearly all is not all.
            Quantity::Share if number == "100" && raw < 1.0 => ">99.9 %".to_owned(),
            // The prefix belongs to the number: 100k events/s.
            Quantity::EventsPerSecond | Quantity::Records if unit.size > 1.0 => format!("{number}{}", unit.sign),
            Quantity::Count | Quantity::Factor => format!("{number}{}", unit.sign),
            _ => format!("{number} {}", unit.sign),
        }
    }

    /// Formats a raw value as a tick label; the axis title has the unit of [`tick_unit`](Self::tick_unit).
    pub(crate) fn tick(self, raw: f64) -> String {
        if self.tick_unit().is_empty() { self.human(raw) } else { Quantity::Count.human(raw) }
    }

    /// Returns the unit that [`tick`](Self::tick) leaves out, empty for most quantities.
    pub(crate) fn tick_unit(self) -> &'static str {
        match self {
            Quantity::EventsPerSecond => "events/s",
            Quantity::Records => "records",
            _ => "",
        }
    }

    /// Returns the largest unit in which `raw` is at least 1, or the smallest unit if there is none.
    pub(crate) fn unit_for(self, raw: f64) -> Unit {
        let ladder = self.units();
        // A little less than 1 already rounds to 1 in three digits: 999,999 is 1 M, not 1000 k.
        *ladder.iter().rev().find(|unit| raw.abs() >= unit.size * 0.9995).unwrap_or(&ladder[0])
    }

    pub(crate) fn units(self) -> &'static [Unit] {
        match self {
            Quantity::Nanoseconds => NANOSECONDS,
            Quantity::Milliseconds => MILLISECONDS,
            Quantity::Seconds => SECONDS,
            Quantity::Bytes => BYTES,
            Quantity::EventsPerSecond => EVENTS_PER_SECOND,
            Quantity::Share => SHARE,
            Quantity::Factor => FACTOR,
            Quantity::Records => RECORDS,
            Quantity::Count | Quantity::Clock => COUNT,
        }
    }
}

/// Columns whose words are not those of their name.
const WORDS: [(&str, &str); 24] = [
    ("conversions_won_truth", "conversions won in truth"),
    ("conversions_won_covered", "interval covers the truth"),
    ("at_ns", "time since the start of the case"),
    ("speed_up", "speed-up"),
    ("growth_verdict", "memory verdict"),
    ("growth_events_needed", "events needed for a verdict"),
    ("burst_given_back_share", "share of a burst given back"),
    ("burst_release_ms", "release time of a burst"),
    ("retractable", "retractable events"),
    ("retractable_peak", "retractable events peak"),
    ("allocator_resident_peak_bytes", "allocator resident bytes peak"),
    ("allocator_active_peak_bytes", "allocator active bytes peak"),
    ("allocator_retained_peak_bytes", "allocator retained bytes peak"),
    ("eviction_forgotten", "forgotten states"),
    ("eviction_lost", "forgotten states not yet expired"),
    ("eviction_s", "eviction time"),
    ("eviction_ns", "eviction time so far"),
    ("eviction_share", "eviction share of busy time"),
    ("eviction_ns_per_event", "eviction time per event"),
    ("eviction_pass_s", "eviction pass time"),
    ("eviction_bookkeeping_s", "eviction bookkeeping time"),
    ("eviction_clock_s", "time to measure eviction"),
    ("release_mean_ms", "release time mean"),
    ("release_max_ms", "release time max"),
];

/// Returns a column's name in words and without its unit: `latency_p999_ns` becomes `latency p99.9`.
pub fn words(column: &str) -> String {
    if let Some((_, words)) = WORDS.iter().find(|(name, _)| *name == column) {
        return (*words).to_owned();
    }
    let stem = ["_events_per_s", "_records", "_ns", "_ms", "_s"].iter().find_map(|unit| column.strip_suffix(unit));
    let parts = stem.unwrap_or(column).split(['_', '-']).filter(|part| !["ns", "ms", "s"].contains(part));
    parts.map(in_prose).collect::<Vec<_>>().join(" ")
}

/// Returns true if higher values of a column are better, as for speed and completeness, and false if lower ones are, as
/// for costs.
pub(crate) fn more_is_better(column: &str) -> bool {
    let better = matches!(column, "speed_up" | "efficiency" | "completeness" | "throughput_events_per_s");
    better || column.starts_with("sustainable") || column == "burst_given_back_share"
}

/// Formats a number with three significant digits and without trailing zeros.
pub(crate) fn three_digits(value: f64) -> String {
    let mut decimals = 2_usize;
    let mut size = value.abs();
    while size >= 9.995 && decimals > 0 {
        size /= 10.0;
        decimals -= 1;
    }
    while size > 0.0 && size < 0.9995 && decimals < 12 {
        size *= 10.0;
        decimals += 1;
    }
    trimmed(format!("{value:.decimals$}"))
}

/// Formats a point in time in UTC, to the minute or more finely if it is not on one.
fn date_and_time(unix_ms: f64) -> String {
    let Ok(time) = jiff::Timestamp::from_millisecond(unix_ms as i64) else { return String::new() };
    let form = if unix_ms % 60e3 == 0.0 { "%Y-%m-%d %H:%M" } else { "%Y-%m-%d %H:%M:%S" };
    time.strftime(form).to_string()
}

/// Removes trailing zeros after the decimal point, and the sign of a zero.
pub(crate) fn trimmed(number: String) -> String {
    let cut = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { &number };
    if cut == "-0" { "0".to_owned() } else { cut.to_owned() }
}

/// A part of a column's name as it is written in prose.
fn in_prose(word: &str) -> &str {
    match word {
        "cpu" => "CPU",
        "rss" => "RSS",
        "pss" => "PSS",
        "p999" => "p99.9",
        "p9999" => "p99.99",
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use flowbench_measurement::timeline::COLUMNS;

    use super::*;

    #[test]
    fn a_spread_names_its_unit_once_and_says_if_it_is_wide() {
        let words = |[low, median, high]: [f64; 3]| {
            let spread = Spread { median, low, high, repeats: 3 };
            spread_words(&spread, 1.25, |value| Quantity::Nanoseconds.human(value))
        };
        assert_eq!(words([99e3, 105e3, 120e3]), "105 µs [99–120]");
        assert_eq!(words([80e3, 105e3, 120e3]), "~105 µs [80–120]");
        assert_eq!(words([900e3, 1e6, 1.2e6]), "1 ms [900 µs to 1.2 ms]");
        assert_eq!(words([1e6, 1e6, 1e6]), "1 ms");
    }

    #[test]
    fn a_spread_takes_less_room_as_a_deviation_and_least_as_a_mark() {
        let words = |form, [low, median, high]: [f64; 3]| {
            let spread = Spread { median, low, high, repeats: 3 };
            spread_words_as(form, &spread, 1.25, |value| Quantity::Nanoseconds.human(value))
        };
        let spreads = [[99e3, 105e3, 120e3], [80e3, 105e3, 300e3], [1e6, 1.004e6, 1.006e6], [0.0, 0.0, 7.0]];
        let deviations = ["105 µs ±14%", "~105 µs ±186%", "1 ms ±<1%", "~0 ns"];
        assert_eq!(spreads.map(|spread| words(SpreadForm::Deviation, spread)), deviations);
        assert_eq!(spreads.map(|spread| words(SpreadForm::Mark, spread)), ["105 µs", "~105 µs", "1 ms", "~0 ns"]);
    }

    #[test]
    fn what_follows_from_the_trace_does_not_scatter() {
        for column in
            ["completeness", "late", "late_share", "lost_answers_share", "event_time_wait_p99_ms", "events", "truth"]
        {
            assert!(!scatters(column), "{column}");
        }
        for column in [
            "latency_p50_ns",
            "throughput_events_per_s",
            "speed_up",
            "live_bytes_peak",
            "churn",
            "live_entries",
            "lost_share",
        ] {
            assert!(scatters(column), "{column}");
        }
    }

    #[test]
    fn the_unit_is_read_off_the_name() {
        let expected = [
            ("latency_p99_ns", Quantity::Nanoseconds),
            ("slack_ms", Quantity::Milliseconds),
            ("wall_s", Quantity::Seconds),
            ("live_bytes_peak", Quantity::Bytes),
            ("bytes_per_entry", Quantity::Bytes),
            ("rate_events_per_s", Quantity::EventsPerSecond),
            ("missing_share", Quantity::Share),
            ("busy_share", Quantity::Share),
            ("efficiency", Quantity::Share),
            ("speed_up", Quantity::Factor),
            ("busy_imbalance", Quantity::Factor),
            ("cpu_s_per_million_events", Quantity::Seconds),
            ("view_skew_p99_records", Quantity::Records),
            ("view_skew_p99_ms", Quantity::Milliseconds),
            ("exchanged_bytes_per_event", Quantity::Bytes),
            ("exchanged_records_per_event", Quantity::Count),
            ("records_per_epoch", Quantity::Count),
            ("payload_ratio", Quantity::Factor),
            ("bytes_per_live_entry", Quantity::Bytes),
            ("live_entries", Quantity::Count),
            ("timers_peak", Quantity::Count),
            ("allocator_resident_peak_bytes", Quantity::Bytes),
            ("eviction_s", Quantity::Seconds),
            ("eviction_share", Quantity::Share),
            ("eviction_ns_per_event", Quantity::Nanoseconds),
            ("eviction_pass_max_ns", Quantity::Nanoseconds),
            ("eviction_longest_pass_at_ns", Quantity::Nanoseconds),
            ("release_mean_ms", Quantity::Milliseconds),
            ("burst_given_back_share", Quantity::Share),
            ("growth_events_needed", Quantity::Count),
            ("lost_answers_share", Quantity::Share),
            ("workers", Quantity::Count),
        ];
        for (column, quantity) in expected {
            assert_eq!(Quantity::of(column), quantity, "{column}");
        }
    }

    #[test]
    fn values_are_written_in_the_unit_that_suits_them() {
        let expected = [
            (Quantity::Nanoseconds, 950.0, "950 ns"),
            (Quantity::Nanoseconds, 1_520_000.0, "1.52 ms"),
            (Quantity::Milliseconds, 90_000.0, "1.5 min"),
            (Quantity::Milliseconds, 86_400_000.0, "1 d"),
            (Quantity::Milliseconds, 0.0, "0 ms"),
            (Quantity::Seconds, 0.0167, "16.7 ms"),
            (Quantity::Seconds, 73.2, "1.22 min"),
            (Quantity::Bytes, 12_582_912.0, "12 MiB"),
            (Quantity::Bytes, -2048.0, "-2 KiB"),
            (Quantity::EventsPerSecond, 45_230_000.0, "45.2M events/s"),
            (Quantity::Share, 0.1234, "12.3 %"),
            (Quantity::Share, 0.000_05, "0.005 %"),
            (Quantity::Factor, 1.604, "1.6×"),
            (Quantity::Factor, 0.572, "0.57×"),
            (Quantity::Factor, 0.012_34, "0.012×"),
            (Quantity::Factor, 0.001_26, "0.0013×"),
            (Quantity::Factor, 0.000_87, "<0.001×"),
            (Quantity::Records, 512.0, "512 records"),
            (Quantity::Records, 8_192.0, "8.19k records"),
            (Quantity::Count, 999_999.0, "1M"),
            (Quantity::Count, 4_096.0, "4.1k"),
            (Quantity::Clock, 1_740_824_400_000.0, "2025-03-01 10:20"),
        ];
        for (quantity, raw, text) in expected {
            assert_eq!(quantity.human(raw), text);
        }
    }

    #[test]
    fn a_column_in_words_loses_its_unit_and_keeps_its_quantile() {
        assert_eq!(words("latency_p999_ns"), "latency p99.9");
        assert_eq!(words("throughput_events_per_s"), "throughput");
        assert_eq!(words("live_bytes_peak"), "live bytes peak");
        assert_eq!(words("cpu_ns_per_event"), "CPU per event");
        assert_eq!(words("processing-delay"), "processing delay");
        assert_eq!(words("view_skew_p99_records"), "view skew p99");
        assert_eq!(words("cpu_s_per_million_events"), "CPU per million events");
        assert_eq!(words("speed_up"), "speed-up");
    }

    #[test]
    fn columns_of_memory_and_forgetting_read_as_words() {
        for (column, expected) in [
            ("live_entries", "live entries"),
            ("bytes_per_live_entry", "bytes per live entry"),
            ("payload_ratio", "payload ratio"),
            ("timers_peak", "timers peak"),
            ("retractable_peak", "retractable events peak"),
            ("allocator_retained_peak_bytes", "allocator retained bytes peak"),
            ("allocator_retained_bytes", "allocator retained bytes"),
            ("eviction_passes", "eviction passes"),
            ("eviction_ns_per_event", "eviction time per event"),
            ("eviction_longest_pass_ns", "eviction longest pass"),
            ("eviction_pass_max_ns", "eviction pass max"),
            ("release_mean_ms", "release time mean"),
            ("burst_release_ms", "release time of a burst"),
            ("growth_events_needed", "events needed for a verdict"),
            ("lost_answers_share", "lost answers share"),
        ] {
            assert_eq!(words(column), expected, "{column}");
        }
    }

    #[test]
    fn columns_with_words_of_their_own_exist() {
        let known: Vec<&str> = crate::select::case_columns().into_iter().chain(COLUMNS.map(|(name, _)| name)).collect();
        WORDS.iter().for_each(|(column, _)| assert!(known.contains(column), "{column}"));
    }

    #[test]
    fn less_is_better_for_costs_and_more_for_what_is_given_back() {
        for column in
            ["payload_ratio", "bytes_per_live_entry", "eviction_share", "release_max_ms", "lost_answers_share"]
        {
            assert!(!more_is_better(column), "{column}");
        }
        for column in ["burst_given_back_share", "completeness", "sustainable_events_per_s"] {
            assert!(more_is_better(column), "{column}");
        }
    }
}
