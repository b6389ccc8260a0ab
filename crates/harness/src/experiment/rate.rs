//! The axes `rate` and `arrivals`: a given rate, the closed loop, a search for the sustainable rate, a share of what a
//! search finds, or the rhythm in which the events were recorded.
//!
//! Decision D-305.

use flowbench_events::parse_duration_ms;
use flowbench_measurement::latency::LONGEST_NS;
use serde::{Deserialize, Serialize};

/// How a case is offered its events.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferedLoad {
    /// Closed loop: events are offered as soon as there is room.
    Closed,
    /// Open loop: events are offered at a given rate.
    Open {
        /// The mean rate, events per second.
        rate_events_per_s: f64,
        /// How events are spread over time.
        arrivals: Arrivals,
        /// The share of a sustainable rate that was requested, if the rate is the result of [`ShareOf`](Self::ShareOf).
        share: Option<f64>,
    },
    /// The sustainable rate of an open loop is searched for.
    Search {
        /// How events are spread over time.
        arrivals: Arrivals,
    },
    /// Open loop at a share of the rate that a search with the same configuration finds in the same repeat.
    ShareOf {
        /// Number of the case that is the search; 0 until it is known.
        search: usize,
        /// The share, 1 for the whole rate.
        share: f64,
        /// How events are spread over time.
        arrivals: Arrivals,
    },
}

/// How the events of an open loop are spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Evenly spaced.
    Constant,
    /// A Poisson process.
    Poisson,
    /// Half of the events in a tenth of the time: 10 ms of every 100.
    Bursts,
    /// In the rhythm of the arrival times of the trace, sped up to the mean rate.
    AsRecorded,
}

impl Arrivals {
    pub(crate) const NAMES: [(&'static str, Arrivals); 4] = [
        ("constant", Arrivals::Constant),
        ("poisson", Arrivals::Poisson),
        ("bursts", Arrivals::Bursts),
        ("as-recorded", Arrivals::AsRecorded),
    ];

    /// Returns what the column `load` appends to `open` or `search`.
    fn suffix(self) -> &'static str {
        match self {
            Arrivals::Constant => "",
            Arrivals::Poisson => "-poisson",
            Arrivals::Bursts => "-bursts",
            Arrivals::AsRecorded => "-as-recorded",
        }
    }
}

/// The range of rates that may be given, events/s.
const RATES: (f64, f64) = (1.0, 1e9);
/// The range of shares of a sustainable rate, percent.
const PERCENT: (f64, f64) = (1.0, 1000.0);

impl OfferedLoad {
    /// Parses `closed`, `search`, a number of events/s (`100000`, `100k`, `2M`) or a share of the sustainable rate
    /// (`50%`), with constant arrivals.
    pub(crate) fn parse(rate: &str) -> Result<OfferedLoad, String> {
        let arrivals = Arrivals::Constant;
        match (rate, rate.strip_suffix('%')) {
            ("closed", _) => Ok(OfferedLoad::Closed),
            ("search", _) => Ok(OfferedLoad::Search { arrivals }),
            (_, Some(percent)) => {
                let share = within(percent.trim_end(), PERCENT, "%")? / 100.0;
                Ok(OfferedLoad::ShareOf { search: 0, share, arrivals })
            }
            _ => {
                let rate_events_per_s = within(rate, RATES, "")?;
                Ok(OfferedLoad::Open { rate_events_per_s, arrivals, share: None })
            }
        }
    }

    /// Returns the open loop of `rate = "as-recorded"`: the events in the rhythm of their arrival times, sped up or
    /// slowed down so that all of them take the duration.
    pub(crate) fn as_recorded(events: u64, duration_ms: u64) -> OfferedLoad {
        let rate_events_per_s = events as f64 * 1000.0 / duration_ms.max(1) as f64;
        OfferedLoad::Open { rate_events_per_s, arrivals: Arrivals::AsRecorded, share: None }
    }

    /// Returns this load with other arrivals; a closed loop has none.
    pub(crate) fn with_arrivals(self, arrivals: Arrivals) -> OfferedLoad {
        match self {
            OfferedLoad::Closed => OfferedLoad::Closed,
            OfferedLoad::Open { rate_events_per_s, share, .. } => {
                OfferedLoad::Open { rate_events_per_s, arrivals, share }
            }
            OfferedLoad::Search { .. } => OfferedLoad::Search { arrivals },
            OfferedLoad::ShareOf { search, share, .. } => OfferedLoad::ShareOf { search, share, arrivals },
        }
    }

    /// Returns the value of the column `load`.
    pub fn column(self) -> String {
        match self {
            OfferedLoad::Closed => "closed".to_owned(),
            OfferedLoad::Search { arrivals } => format!("search{}", arrivals.suffix()),
            OfferedLoad::Open { arrivals, .. } | OfferedLoad::ShareOf { arrivals, .. } => {
                format!("open{}", arrivals.suffix())
            }
        }
    }

    /// Returns the offered rate, events per second; `None` in a closed loop and while it is not known.
    pub fn rate_events_per_s(self) -> Option<f64> {
        match self {
            OfferedLoad::Open { rate_events_per_s, .. } => Some(rate_events_per_s),
            OfferedLoad::Closed | OfferedLoad::Search { .. } | OfferedLoad::ShareOf { .. } => None,
        }
    }

    /// Returns the share of the sustainable rate that was requested, if one was.
    pub fn share(self) -> Option<f64> {
        match self {
            OfferedLoad::Open { share, .. } => share,
            OfferedLoad::ShareOf { share, .. } => Some(share),
            OfferedLoad::Closed | OfferedLoad::Search { .. } => None,
        }
    }

    /// Returns true if the case runs, or needs, a search for the sustainable rate.
    pub(crate) fn needs_search(self) -> bool {
        matches!(self, OfferedLoad::Search { .. } | OfferedLoad::ShareOf { .. })
    }
}

/// The default epoch length of a closed loop, records: long, so that progress tracking costs little.
pub(crate) const CLOSED_RECORDS_PER_EPOCH: usize = 16_384;

/// Returns the default epoch length of an open loop, records: about 8 µs of events, so that latency is not the wait for
/// an epoch to fill.
pub(crate) fn open_records_per_epoch(rate_events_per_s: f64) -> usize {
    ((rate_events_per_s * 8e-6) as usize).clamp(1, 8192).next_power_of_two()
}

fn within(text: &str, (least, most): (f64, f64), unit: &str) -> Result<f64, String> {
    let number = number(text).ok_or_else(|| {
        format!(
            "'{text}' is not a number; write events/s, \"closed\", \"search\" or a share of what that finds, \"50%\", \
             or \"as-recorded\""
        )
    })?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{text}{unit} is outside {least}{unit} to {most}{unit}"))
    }
}

/// Parses a number, optionally followed by `k`, `M` or `G`.
pub(crate) fn number(text: &str) -> Option<f64> {
    let units = [('k', 1e3), ('M', 1e6), ('G', 1e9)];
    let unit = units.into_iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)));
    let (digits, factor) = unit.unwrap_or((text, 1.0));
    digits.parse::<f64>().ok().map(|number| number * factor)
}

/// Parses a latency, such as `10ms`, `250us` or `1s`, in ns.
pub(crate) fn parse_latency_ns(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let units = [("ns", 1), ("us", 1_000), ("µs", 1_000)];
    let finer = units.into_iter().find_map(|(unit, ns)| Some((text.strip_suffix(unit)?.parse::<u64>().ok()?, ns)));
    let ns = match finer {
        Some((number, unit_ns)) => number.checked_mul(unit_ns),
        None => {
            let ms = parse_duration_ms(text).map_err(|problem| format!("{problem}, or 250us"))?;
            u64::try_from(ms).ok().and_then(|ms| ms.checked_mul(1_000_000))
        }
    };
    ns.filter(|ns| (1..=LONGEST_NS).contains(ns)).ok_or_else(|| format!("{text} is outside 1ns to 1h"))
}

/// Returns a share in percent as it was written: 0.07 is 7, not 7.000000000000001.
pub fn percent(share: f64) -> f64 {
    (share * 1e6).round() / 1e4
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::experiment::case_spec::CaseSpec;
    use crate::experiment::load::LoadedExperiment;
    use crate::experiment::plan::Plan;
    use flowbench_events::Problems;
    use flowbench_pipelines::Registry;

    /// A plan of one part with these keys and axes, of `repeats`.
    pub(crate) fn planned(keys: &str, axes: &str, repeats: usize) -> Result<Plan, Problems> {
        let text = format!(
            "name = \"x\"\ntitle = \"x\"\nseed = 1\nrepeats = {repeats}\ndeadline = \"10s\"\nmemory_cap_mib = 512\n\
             [[part]]\nname = \"only\"\nquestion = \"?\"\ntrace = {{ profile = \"tiny\", events = 4000 }}\n\
             {keys}\n[part.axes]\n{axes}\n"
        );
        Plan::new(&LoadedExperiment::parse("x.toml".to_owned(), &text, &[])?, Registry::default())
    }

    pub(crate) fn plan(axes: &str) -> Plan {
        planned("duration = \"200ms\"", axes, 3).unwrap()
    }

    /// The one case of these axes.
    pub(crate) fn case_of(axes: &str) -> CaseSpec {
        planned("duration = \"200ms\"", axes, 1).unwrap().cases.remove(0)
    }

    /// A search that accepts any latency. A second is long enough for any machine to make up for its pauses.
    pub(crate) fn search(duration: &str) -> CaseSpec {
        let keys = format!("duration = \"{duration}\"\nslo_p99 = \"1h\"");
        planned(&keys, "pipeline = \"sessions\"\nrate = \"search\"", 1).unwrap().cases.remove(0)
    }

    fn open(rate_events_per_s: f64) -> OfferedLoad {
        OfferedLoad::Open { rate_events_per_s, arrivals: Arrivals::Constant, share: None }
    }

    #[test]
    fn the_load_column_names_loop_and_arrivals() {
        for (rate, columns) in [
            ("closed", ["closed", "closed"]),
            ("1000", ["open", "open-poisson"]),
            ("search", ["search", "search-poisson"]),
            ("50%", ["open", "open-poisson"]),
        ] {
            let load = OfferedLoad::parse(rate).unwrap();
            assert_eq!([load, load.with_arrivals(Arrivals::Poisson)].map(OfferedLoad::column), columns, "{rate}");
        }
    }

    #[test]
    fn rates_are_numbers_words_or_shares() {
        for (text, rate) in [
            ("closed", OfferedLoad::Closed),
            ("search", OfferedLoad::Search { arrivals: Arrivals::Constant }),
            ("2.5M", open(2.5e6)),
            ("100000", open(1e5)),
            ("50%", OfferedLoad::ShareOf { search: 0, share: 0.5, arrivals: Arrivals::Constant }),
            ("110 %", OfferedLoad::ShareOf { search: 0, share: 1.1, arrivals: Arrivals::Constant }),
        ] {
            assert_eq!(OfferedLoad::parse(text), Ok(rate), "{text}");
        }
        for (text, wanted) in [
            ("fast", "'fast' is not a number; write events/s, \"closed\", \"search\" or a share"),
            ("x%", "'x' is not a number"),
            ("0%", "0% is outside 1% to 1000%"),
            ("nan", "nan is outside 1 to 1000000000"),
        ] {
            let problem = OfferedLoad::parse(text).unwrap_err();
            assert!(problem.starts_with(wanted), "{problem}");
        }
        assert_eq!((percent(0.07), percent(0.125), percent(1.1)), (7.0, 12.5, 110.0));
    }

    #[test]
    fn latencies_are_finer_than_other_durations() {
        for (text, ns) in [("1ns", 1), ("250us", 250_000), ("5µs", 5_000), ("10ms", 10_000_000), ("1s", 1_000_000_000)]
        {
            assert_eq!(parse_latency_ns(text), Ok(ns), "{text}");
        }
        assert!(parse_latency_ns("10").unwrap_err().contains("'10' is not a duration; write it like 250ms"));
        assert!(parse_latency_ns("0us").unwrap_err().contains("outside 1ns to 1h"));
        assert!(parse_latency_ns("2h").unwrap_err().contains("outside 1ns to 1h"));
    }

    #[test]
    fn wrong_keys_of_a_search_are_named_with_place_and_fix() {
        for (keys, axes, wanted) in [
            ("slo_p99 = \"soon\"", "pipeline = \"identity\"", "line 11, column 11: slo_p99: 'soon' is not a duration"),
            ("slo_p99 = \"0ms\"", "pipeline = \"identity\"", "line 11, column 11: slo_p99: 0ms is outside 1ns to 1h"),
            ("deadline = \"0s\"", "pipeline = \"identity\"", "line 11, column 12: deadline = 0 leaves no time"),
            ("slo_p9 = \"1ms\"", "pipeline = \"identity\"", "did you mean 'slo_p99'?"),
            (
                "duration = \"1s\"\nwarmup = \"600ms\"",
                "pipeline = \"identity\"\nrate = [\"closed\", \"50%\"]",
                "line 15, column 19: rate: a search needs 2000 latencies after the warm-up; give the trace 5000 events, not 4000",
            ),
        ] {
            let error = planned(keys, axes, 1).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn a_part_may_have_its_own_deadline() {
        let deadline = |keys: &str| planned(keys, "pipeline = \"identity\"", 1).unwrap().cases[0].deadline_ms;
        assert_eq!((deadline(""), deadline("deadline = \"2min\"")), (10_000, 120_000));
    }
}
