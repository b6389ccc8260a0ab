//! The axis `rate`: a number, the closed loop, a search for the sustainable rate, or a share of what a search has
//! found.
//!
//! Decision D-305.

use flowbench_events::parse_duration_ms;
use flowbench_measurement::latency::LONGEST_NS;
use serde::{Deserialize, Serialize};

/// Where the offered rate of a case comes from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// Closed loop: events are offered as soon as there is room.
    Closed,
    /// This many events per second.
    Given(f64),
    /// The sustainable rate, which has to be found.
    Search,
    /// A share (0.5 for half) of what the search with the same configuration finds in the same repeat.
    Share {
        /// The share, above 0.
        share: f64,
        /// Number of the case that is the search.
        search: usize,
    },
}

/// The range of rates that may be given, events/s.
const RATES: (f64, f64) = (1.0, 1e9);
/// The range of shares of a sustainable rate, percent.
const PERCENT: (f64, f64) = (1.0, 1000.0);

impl Rate {
    /// Reads `closed`, `search`, a number of events/s (`100000`, `100k`, `2M`) or a share of the sustainable rate
    /// (`50%`).
    pub(crate) fn parse(text: &str) -> Result<Rate, String> {
        match (text, text.strip_suffix('%')) {
            ("closed", _) => Ok(Rate::Closed),
            ("search", _) => Ok(Rate::Search),
            (_, Some(percent)) => {
                let percent = within(percent.trim_end(), PERCENT, "%")?;
                Ok(Rate::Share { share: percent / 100.0, search: 0 })
            }
            _ => within(text, RATES, "").map(Rate::Given),
        }
    }

    /// Returns the share of the sustainable rate, if it is one.
    pub(crate) fn share(self) -> Option<f64> {
        if let Rate::Share { share, .. } = self { Some(share) } else { None }
    }
}

fn within(text: &str, (least, most): (f64, f64), unit: &str) -> Result<f64, String> {
    let number = number(text).ok_or_else(|| {
        format!(
            "'{text}' is not a number; write events/s, \"closed\", \"search\" or a share of what that finds, \"50%\""
        )
    })?;
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{text}{unit} is outside {least}{unit} to {most}{unit}"))
    }
}

/// Parses a number, optionally followed by `k` or `M`.
fn number(text: &str) -> Option<f64> {
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    digits.parse::<f64>().ok().map(|number| number * factor)
}

/// Reads a latency, such as `10ms`, `250us` or `1s`, in ns.
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

/// Returns the word in the `load` column for a search with the arrivals of an open loop.
pub(crate) fn searching(load: &str) -> String {
    load.replacen("open", "search", 1)
}

/// Returns the default epoch length. Closed loop: large, so that progress tracking costs little. Open loop: about 8
/// µs of events, so that latency is not the wait for an epoch to fill.
pub fn auto_records_per_epoch(rate_events_per_s: Option<f64>) -> usize {
    match rate_events_per_s {
        None => 16_384,
        Some(rate) => ((rate * 8e-6) as usize).clamp(1, 8192).next_power_of_two(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::experiment::case_spec::CaseSpec;
    use crate::experiment::file::{ExperimentError, LoadedExperiment};
    use crate::experiment::plan::Plan;

    /// A plan of one part with these keys and axes, of `repeats`.
    pub(crate) fn planned(keys: &str, axes: &str, repeats: usize) -> Result<Plan, ExperimentError> {
        let text = format!(
            "name = \"x\"\ntitle = \"x\"\nseed = 1\nrepeats = {repeats}\ndeadline = \"10s\"\nmemory_cap_mib = 512\n\
             [[part]]\nname = \"only\"\nquestion = \"?\"\ntrace = {{ profile = \"tiny\", events = 4000 }}\n\
             {keys}\n[part.axes]\n{axes}\n"
        );
        Plan::new(&LoadedExperiment::parse("x.toml".to_owned(), &text, &[])?)
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

    #[test]
    fn rates_are_numbers_words_or_shares() {
        for (text, rate) in [
            ("closed", Rate::Closed),
            ("search", Rate::Search),
            ("2.5M", Rate::Given(2.5e6)),
            ("100000", Rate::Given(1e5)),
            ("50%", Rate::Share { share: 0.5, search: 0 }),
            ("110 %", Rate::Share { share: 1.1, search: 0 }),
        ] {
            assert_eq!(Rate::parse(text), Ok(rate), "{text}");
        }
        for (text, wanted) in [
            ("fast", "'fast' is not a number; write events/s, \"closed\", \"search\" or a share"),
            ("x%", "'x' is not a number"),
            ("0%", "0% is outside 1% to 1000%"),
            ("nan", "nan is outside 1 to 1000000000"),
        ] {
            let problem = Rate::parse(text).unwrap_err();
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
            ("slo_p99 = \"soon\"", "pipeline = \"identity\"", "line 11: slo_p99: 'soon' is not a duration"),
            ("slo_p99 = \"0ms\"", "pipeline = \"identity\"", "line 11: slo_p99: 0ms is outside 1ns to 1h"),
            ("deadline = \"0s\"", "pipeline = \"identity\"", "line 11: deadline = 0 leaves no time"),
            ("slo_p9 = \"1ms\"", "pipeline = \"identity\"", "did you mean 'slo_p99'?"),
            (
                "duration = \"1s\"\nwarmup = \"600ms\"",
                "pipeline = \"identity\"\nrate = [\"closed\", \"50%\"]",
                "line 15: rate: a search needs 2000 latencies after the warm-up; give the trace 5000 events, not 4000",
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
