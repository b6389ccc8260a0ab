//! The repeats of a case together: their median, their spread, and whether the spread is too wide.

use crate::display::duration;
use crate::record::{CaseRecord, Doubt, Numbers};
use crate::statistics::{MEDIAN_INTERVAL_SAMPLES, median, median_interval};

/// Rates of repeats that reach further from their median than this factor are scattered.
pub const SCATTERED_RATES: f64 = 1.25;
/// Latencies of repeats that reach further from their median than this factor are scattered: a tail is made by few
/// events, and differs more between runs than a mean does.
pub const SCATTERED_LATENCIES: f64 = 2.0;

/// The median of repeats with its 95 % interval. With fewer than [`MEDIAN_INTERVAL_SAMPLES`] repeats it is the range
/// from minimum to maximum instead, which says nothing about the next repeat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Median of the repeats.
    pub median: f64,
    /// Lower end of the interval or range.
    pub low: f64,
    /// Upper end of the interval or range.
    pub high: f64,
    /// Number of values.
    pub repeats: usize,
}

impl Spread {
    /// Returns the spread of the values of one quantity; `None` if there are none.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let range = Self::range(values)?;
        let interval = median_interval(values);
        Some(interval.map_or(range, |interval| Spread { low: interval.low, high: interval.high, ..range }))
    }

    /// Returns the median with the range, however many values there are; `None` if there are none.
    pub fn range(values: &[f64]) -> Option<Spread> {
        let (median, repeats) = (median(values)?, values.len());
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Spread { median, low, high, repeats })
    }

    /// Returns true if an end is further from the median than `factor` allows: 1.25 allows a quarter more.
    pub fn is_wide(&self, factor: f64) -> bool {
        self.low * factor < self.median || self.high > self.median * factor
    }

    /// Returns what the two ends are, in words, for this number of repeats.
    pub fn kind(repeats: usize) -> &'static str {
        if repeats < MEDIAN_INTERVAL_SAMPLES { "the range" } else { "the 95 % interval of the median" }
    }
}

/// The quantity by which repeats are compared: the throughput of a closed loop, the rate found by a search, or the
/// latency at a given rate.
type Compared = (&'static str, f64, fn(&Numbers) -> Option<f64>, fn(f64) -> String);

/// Returns the doubt about repeats of one case whose numbers are too far apart for their median to be compared; `None`
/// for a case that was measured once, about whose spread nothing is known.
pub fn scattered(repeats: &[&CaseRecord]) -> Option<Doubt> {
    let rate = |value| format!("{value:.0} events/s");
    let latency = |value| duration(value as u64);
    let closed: [Compared; 1] =
        [("throughput", SCATTERED_RATES, |numbers| Some(numbers.throughput_events_per_s), rate)];
    let searched: [Compared; 1] =
        [("sustainable rate", SCATTERED_RATES, |numbers| Some(numbers.sustainable.as_ref()?.rate_events_per_s), rate)];
    let open: [Compared; 2] = [
        ("latency p50", SCATTERED_LATENCIES, |numbers| Some(numbers.latency.p50_ns? as f64), latency),
        ("latency p99", SCATTERED_LATENCIES, |numbers| Some(numbers.latency.p99_ns? as f64), latency),
    ];
    let load = repeats.first()?.axes.load.as_str();
    let compared = match load {
        "closed" => closed.as_slice(),
        _ if load.starts_with("search") => &searched,
        _ => &open,
    };
    let wide: Vec<String> = compared.iter().filter_map(|compared| too_wide(repeats, compared)).collect();
    let text = format!(
        "The repeats lie too far apart for their median to be compared: {}. Repeat more often, or on a quieter machine.",
        wide.join("; ")
    );
    (!wide.is_empty()).then(|| Doubt { code: "scattered".to_owned(), text })
}

/// Returns text such as `throughput 7800000 to 65000000 events/s around 31000000 events/s (the range of 5 repeats)` if
/// the spread is too wide.
fn too_wide(repeats: &[&CaseRecord], (name, factor, value, words): &Compared) -> Option<String> {
    let values: Vec<f64> = repeats.iter().filter_map(|case| value(case.numbers.as_ref()?)).collect();
    let spread = Spread::of(&values).filter(|spread| spread.is_wide(*factor))?;
    let Spread { median, low, high, repeats } = spread;
    let (low, high, median, kind) = (words(low), words(high), words(median), Spread::kind(repeats));
    Some(format!("{name} {low} to {high} around {median} ({kind} of {repeats} repeats)"))
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::random::{Exponential, draws};
    use crate::record::Sustainable;
    use crate::record::example;

    /// Repeats of a case that differ in what `change` makes of each value.
    fn repeats(load: &str, values: &[f64], change: fn(&mut Numbers, f64)) -> Vec<CaseRecord> {
        let mut cases: Vec<CaseRecord> = (1..=values.len()).map(|repeat| example::case(1, repeat)).collect();
        for (case, value) in cases.iter_mut().zip(values) {
            case.axes.load = load.to_owned();
            change(case.numbers.as_mut().unwrap(), *value);
        }
        cases
    }

    fn doubted(cases: &[CaseRecord]) -> Option<String> {
        scattered(&cases.iter().collect::<Vec<_>>()).map(|doubt| doubt.text)
    }

    #[test]
    fn under_six_repeats_the_spread_is_the_range_and_then_the_interval_of_the_median() {
        let five = Spread::of(&[5.0, 1.0, 4.0, 2.0, 3.0]).unwrap();
        assert_eq!(five, Spread { median: 3.0, low: 1.0, high: 5.0, repeats: 5 });
        let nine = Spread::of(&[9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0]).unwrap();
        assert_eq!(nine, Spread { median: 5.0, low: 2.0, high: 8.0, repeats: 9 });
        assert_eq!([5, 6].map(Spread::kind), ["the range", "the 95 % interval of the median"]);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_interval_of_twelve_repeats_holds_the_median_of_all_runs() {
        // Durations that are skewed as those of a shared machine are: the median of 1 + Exp(1) is 1 + ln 2.
        let truth = 1.0 + 2_f64.ln();
        let holds = |seed: &u64| {
            let exponential = draws(*seed).sample_iter(Exponential);
            let twelve: Vec<f64> = exponential.take(12).map(|drawn| 1.0 + drawn).collect();
            let spread = Spread::of(&twelve).unwrap();
            spread.low <= truth && truth <= spread.high
        };
        let held = (0..2_000).filter(holds).count();
        assert!((1_900..2_000).contains(&held), "{held} of 2000"); // exact: 96.1 %
    }

    #[test]
    fn on_the_limit_a_spread_is_not_wide_yet() {
        let of = |low, high| Spread { median: 100.0, low, high, repeats: 5 }.is_wide(1.25);
        assert_eq!([of(80.0, 125.0), of(79.9, 100.0), of(100.0, 125.1)], [false, true, true]);
    }

    #[test]
    fn a_closed_loop_is_judged_by_its_throughput_and_an_open_one_by_its_latency() {
        let throughput = |numbers: &mut Numbers, value| numbers.throughput_events_per_s = value;
        let p99 = |numbers: &mut Numbers, value| numbers.latency.p99_ns = Some(value as u64);
        let found = |numbers: &mut Numbers, value| {
            numbers.sustainable = Some(Sustainable { rate_events_per_s: value, ..Sustainable::default() });
        };
        let wide = [40e6, 65e6, 20e6];
        let text = doubted(&repeats("closed", &wide, throughput)).unwrap();
        assert!(text.contains("throughput 20000000 events/s to 65000000 events/s around 40000000 events/s"), "{text}");
        assert!(text.contains("(the range of 3 repeats)"), "{text}");
        assert!(doubted(&repeats("search", &wide, found)).unwrap().contains("sustainable rate 20000000"));
        assert_eq!(doubted(&repeats("open", &wide, throughput)), None, "what it completes is what it was offered");
        assert!(
            doubted(&repeats("open", &[300e3, 86e3, 658e3], p99)).unwrap().contains("latency p99 86.0 µs to 658.0")
        );
        assert_eq!(doubted(&repeats("open", &[300e3, 160e3, 590e3], p99)), None);
    }

    #[test]
    fn repeats_that_agree_and_a_single_one_raise_no_doubt() {
        let throughput = |numbers: &mut Numbers, value| numbers.throughput_events_per_s = value;
        for values in [&[40e6][..], &[40e6, 41e6, 39e6], &[1.0, 100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 900.0]]
        {
            assert_eq!(doubted(&repeats("closed", values, throughput)), None, "{values:?}");
        }
        assert_eq!(scattered(&[]), None);
    }
}
