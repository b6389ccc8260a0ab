//! The search for the maximum sustainable rate: the verdict on one rate, and the next rate to try.
//!
//! ```
//! use flowbench_measurement::sustainable::{Next, Range, Search};
//!
//! let mut search = Search::new(Range { least_events_per_s: 1e3, most_events_per_s: 1e9 }, 1e6, 10_000_000);
//! let found = loop {
//!     match search.next() {
//!         // A system that sustains up to 2 million events per second.
//!         Next::Try(rate) => search.judged((rate > 2e6).then(|| "too fast".to_owned()), Some(1_000_000)),
//!         Next::Found(found) => break found,
//!         Next::Nothing => panic!("even the minimum rate was refused"),
//!     }
//! };
//! assert!((1.8e6..=2e6).contains(&found.rate_events_per_s));
//! ```
//!
//! **The verdict.** A probe is one open-loop run at one rate. The rate was sustained if all of this holds:
//!
//! - no event was still open when the run was given up;
//! - [`ACHIEVED_SHARE`] of the events or more were completed when the last one was due (what comes after is not the
//!   rate's: at the end of the input all timers fire and everything expires);
//! - the p99 latency is not above what is asked for (the SLO);
//! - the backlog did not grow over the last half of the time in which events were due: the 95 % interval of its slope
//!   reaches down to 0, or the growth is not material. It is when a share of [`MATERIAL_SHARE`] or more of the events
//!   due in that half, and at least [`MATERIAL_EVENTS`], was left behind.
//!
//! **The search.** From a guess in strides away that square themselves, until one rate passes and another fails; then
//! the middle of the two (of their logarithms), until they differ by [`RESOLUTION`] or less; then the lower one has to
//! be confirmed. A single verdict proves little on a machine that others disturb, and a disturbance only ever refuses.
//! So up to there a rate passes when it is sustained once and fails when it is refused [`REFUSALS`] times before. In
//! the end it has to be sustained [`CONFIRMATIONS`] times before it is refused as often; if it is not, strides go down
//! again, and each new rate has to be confirmed. (Simulated: if one probe in five is refused for nothing, the median
//! of the results is 4 % too low, which is the resolution, and 5 % of them are more than 15 % too low; if one refusal
//! were enough, 12 % and 67 %.)
//!
//! What is found is the confirmed rate, between the maximum rate up to it that was never refused and the least above
//! it that was never sustained.
//!
//! Decisions D-303 and D-304.

use crate::display::{duration, percent};
use crate::doubts::ACHIEVED_SHARE;
use crate::record::{Probe, Sustainable};
use crate::statistics::slope_over_blocks;

/// Minimum share of the events due in the last half that must be left behind for a growing backlog to count.
pub const MATERIAL_SHARE: f64 = 0.01;
/// Minimum number of events left behind for a growing backlog to count.
pub const MATERIAL_EVENTS: f64 = 100.0;
/// Resolution: the search ends when the failing rate exceeds the passing one by this share or less.
pub const RESOLUTION: f64 = 0.05;
/// Number of times a rate must be sustained, before it is refused as often, to be confirmed.
pub const CONFIRMATIONS: usize = 3;
/// Number of refusals after which a rate fails while the search is not yet confirming.
pub const REFUSALS: usize = 2;
/// The first stride away from the guess, as a factor; the next is its square, and so on.
const STRIDE: f64 = 1.2;
/// Significant digits of the rates to try: enough for the resolution, and short to read.
const DIGITS: i32 = 4;

/// The result of a run at one rate.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Offered rate, in events/s.
    pub rate_events_per_s: f64,
    /// Number of events offered.
    pub events: u64,
    /// Number of events still open when the run was stopped.
    pub censored: u64,
    /// p99 latency, in ns; absent below 1,000 samples.
    pub latency_p99_ns: Option<u64>,
    /// Backlog over the last half of the time in which events were due, up to just before the last one: pairs of ns
    /// since the run began and the number of events due and not completed then.
    pub backlog: &'a [(u64, u64)],
}

impl Trial<'_> {
    /// Returns the reason why the rate was not sustained, with its numbers; `None` if it was. `slo_p99_ns` is the
    /// maximum accepted p99 latency.
    pub fn refusal(&self, slo_p99_ns: u64) -> Option<String> {
        let reasons = [self.open_at_the_end(), self.behind(), self.slow(slo_p99_ns), self.growing()];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    fn open_at_the_end(&self) -> Option<String> {
        (self.censored > 0).then(|| format!("{} events were still open when the run was given up", self.censored))
    }

    fn behind(&self) -> Option<String> {
        let (_, open) = self.backlog.last()?;
        let share = 1.0 - *open as f64 / self.events.max(1) as f64;
        (share < ACHIEVED_SHARE)
            .then(|| format!("only {} of the events were completed when the last one was due", percent(share)))
    }

    fn slow(&self, slo_p99_ns: u64) -> Option<String> {
        let Some(p99_ns) = self.latency_p99_ns else {
            return Some("there were too few samples for a p99 latency".to_owned());
        };
        let (p99, slo) = (duration(p99_ns), duration(slo_p99_ns));
        (p99_ns > slo_p99_ns).then(|| format!("the p99 latency was {p99}, above {slo}"))
    }

    fn growing(&self) -> Option<String> {
        let (first, last) = (self.backlog.first()?, self.backlog.last()?);
        let seconds = |ns: u64| ns as f64 / 1e9;
        let points: Vec<(f64, f64)> = self.backlog.iter().map(|(ns, events)| (seconds(*ns), *events as f64)).collect();
        let slope = slope_over_blocks(&points)?;
        let half_s = seconds(last.0 - first.0);
        let material = (self.rate_events_per_s * half_s * MATERIAL_SHARE).max(MATERIAL_EVENTS);
        let (estimate, low, high) = (slope.estimate, slope.low, slope.high);
        (low > 0.0 && estimate * half_s >= material)
            .then(|| format!("the backlog grew by {estimate:.0} events/s (95 % interval {low:.0} to {high:.0})"))
    }
}

/// The next step of a search.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Try this rate, in events/s, and pass the verdict to [`Search::judged`].
    Try(f64),
    /// The rate is found; the last probe sustained it.
    Found(Sustainable),
    /// No rate was sustained often enough, not even the least.
    Nothing,
}

/// The range of rates that a search may try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Minimum rate in events/s, above 0.
    pub least_events_per_s: f64,
    /// Maximum rate in events/s, not below the minimum.
    pub most_events_per_s: f64,
}

/// A search for the sustainable rate. It has no clock and learns verdicts from its caller.
///
/// It ends whatever the verdicts are: after at most 82 probes over nine decades, and usually after about twelve.
#[derive(Debug, Clone)]
pub struct Search {
    range: Range,
    slo_p99_ns: u64,
    probes: Vec<Probe>,
    rate: f64,   // tried now
    passed: f64, // maximum rate that did; 0 for none
    failed: f64, // least rate that did; infinite for none
    stride: f64,
    confirming: bool,
    ended: bool,
}

impl Search {
    /// Returns a search that begins at the guess. `slo_p99_ns` is only recorded in the result.
    pub fn new(range: Range, guess_events_per_s: f64, slo_p99_ns: u64) -> Self {
        let mut search = Self {
            range,
            slo_p99_ns,
            probes: Vec::new(),
            rate: 0.0,
            passed: 0.0,
            failed: f64::INFINITY,
            stride: STRIDE,
            confirming: false,
            ended: false,
        };
        search.go_to(guess_events_per_s);
        search
    }

    /// Returns the next step.
    pub fn next(&self) -> Next {
        match self.found() {
            _ if !self.ended => Next::Try(self.rate),
            Some(found) => Next::Found(found),
            None => Next::Nothing,
        }
    }

    /// Continues an ended search, which found no rate that is always refused, with higher rates. Previous probes still
    /// count.
    pub fn extend(&mut self, most_events_per_s: f64) {
        self.range.most_events_per_s = most_events_per_s.max(self.range.most_events_per_s);
        (self.passed, self.failed, self.stride) = (self.rate, f64::INFINITY, STRIDE);
        (self.confirming, self.ended) = (false, false);
        self.move_on();
    }

    /// Returns all rates tried, in order.
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// Records the verdict on the rate that was to be tried: the reason for a refusal, if it was refused, and its p99
    /// latency in ns.
    pub fn judged(&mut self, refused: Option<String>, latency_p99_ns: Option<u64>) {
        self.probes.push(Probe { rate_events_per_s: self.rate, refused, latency_p99_ns });
        let (sustained, refused) = self.verdicts(self.rate);
        if self.confirming && sustained >= CONFIRMATIONS {
            self.ended = true;
        } else if self.confirming && refused >= CONFIRMATIONS {
            (self.failed, self.passed) = (self.rate, 0.0);
            self.move_on();
        } else if !self.confirming && sustained > 0 {
            self.passed = self.rate;
            self.move_on();
        } else if !self.confirming && refused >= REFUSALS {
            self.failed = self.rate;
            self.move_on();
        }
    }

    fn move_on(&mut self) {
        let Range { least_events_per_s: least, most_events_per_s: most } = self.range;
        let Self { passed, failed, stride, .. } = *self;
        if passed == 0.0 && failed <= least {
            self.ended = true;
        } else if passed == 0.0 {
            self.go_to(failed / stride);
            self.stride *= stride;
        } else if failed.is_infinite() && passed < most {
            self.go_to(passed * stride);
            self.stride *= stride;
        } else if failed.is_finite() && failed > passed * (1.0 + RESOLUTION) {
            self.go_to((passed * failed).sqrt());
        } else {
            self.rate = passed;
            (self.confirming, self.stride) = (true, 1.0 + RESOLUTION);
        }
    }

    fn go_to(&mut self, rate: f64) {
        let Range { least_events_per_s: least, most_events_per_s: most } = self.range;
        let within = |rate: f64| rate.min(most).max(least);
        let rate = within(rate);
        // The ends of the range are tried as they are: rounded, they would never be reached.
        self.rate = if rate == least || rate == most { rate } else { within(rounded(rate)) };
    }

    /// Returns how often a rate was sustained and how often it was refused.
    fn verdicts(&self, rate: f64) -> (usize, usize) {
        let of_rate = self.probes.iter().filter(|probe| probe.rate_events_per_s == rate);
        let (refused, sustained): (Vec<&Probe>, Vec<&Probe>) = of_rate.partition(|probe| probe.refused.is_some());
        (sustained.len(), refused.len())
    }

    /// Returns the result if the rate that was tried last is confirmed.
    fn found(&self) -> Option<Sustainable> {
        let rate = self.rate;
        let tried = || self.probes.iter().map(|probe| probe.rate_events_per_s);
        let never_refused = tried().filter(|tried| *tried <= rate && self.verdicts(*tried).1 == 0);
        let never_sustained = tried().filter(|tried| *tried > rate && self.verdicts(*tried).0 == 0);
        (self.verdicts(rate).0 >= CONFIRMATIONS).then(|| Sustainable {
            rate_events_per_s: rate,
            low_events_per_s: never_refused.max_by(f64::total_cmp),
            high_events_per_s: never_sustained.min_by(f64::total_cmp),
            slo_p99_ns: self.slo_p99_ns,
            probes: self.probes.clone(),
        })
    }
}

/// Rounds a rate to [`DIGITS`] significant digits.
fn rounded(rate: f64) -> f64 {
    let step = 10_f64.powi(rate.log10().floor() as i32 + 1 - DIGITS);
    if step.is_normal() { (rate / step).round() * step } else { rate }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{Rng, RngExt};

    use super::*;
    use crate::random::{Exponential, draws};

    const RANGE: Range = Range { least_events_per_s: 1e3, most_events_per_s: 1e9 };
    /// More than any search here may take.
    const PROBES_MAX: usize = 82;

    /// Searches a system that sustains a rate if `sustains` says so.
    fn search(range: Range, guess: f64, mut sustains: impl FnMut(f64) -> bool) -> (Option<Sustainable>, Vec<Probe>) {
        let mut search = Search::new(range, guess, 10_000_000);
        loop {
            assert!(search.probes().len() <= PROBES_MAX, "{:?}", search.probes());
            match search.next() {
                Next::Try(rate) => search.judged((!sustains(rate)).then(|| "too fast".to_owned()), Some(1)),
                Next::Found(found) => return (Some(found), search.probes().to_vec()),
                Next::Nothing => return (None, search.probes().to_vec()),
            }
        }
    }

    /// Sound whatever the verdicts were.
    fn check(found: &Sustainable) {
        let of = |rate: f64| found.probes.iter().filter(move |probe| probe.rate_events_per_s == rate);
        let Sustainable { rate_events_per_s: rate, low_events_per_s: low, high_events_per_s: high, .. } = *found;
        assert!(low.is_none_or(|low| low <= rate) && high.is_none_or(|high| high > rate), "{found:?}");
        assert!(of(rate).filter(|probe| probe.refused.is_none()).count() >= CONFIRMATIONS);
        assert!(low.is_none_or(|low| of(low).count() > 0 && of(low).all(|probe| probe.refused.is_none())));
        assert!(high.is_none_or(|high| of(high).count() >= REFUSALS && of(high).all(|probe| probe.refused.is_some())));
        let last = found.probes.last().unwrap();
        assert!(last.rate_events_per_s == rate && last.refused.is_none());
    }

    #[test]
    fn a_search_that_has_come_to_the_end_of_its_range_goes_on_in_a_greater_one() {
        let mut search = Search::new(Range { least_events_per_s: 1e3, most_events_per_s: 13.3e6 }, 9e6, 10_000_000);
        let mut extended = 0;
        let found = loop {
            match search.next() {
                Next::Try(rate) => search.judged((rate > 40e6).then(|| "too fast".to_owned()), Some(1)),
                Next::Found(found) if found.high_events_per_s.is_none() => {
                    assert_eq!(found.rate_events_per_s, 13.3e6 * f64::from(1 << extended));
                    extended += 1;
                    search.extend(13.3e6 * f64::from(1 << extended));
                }
                Next::Found(found) => break found,
                Next::Nothing => panic!("{:?}", search.probes()),
            }
        };
        check(&found);
        assert_eq!(extended, 2);
        assert!((38e6..=40e6).contains(&found.rate_events_per_s), "{found:?}");
        assert!(found.probes.len() < 30, "{found:?}");
    }

    fn trial(backlog: &[(u64, u64)]) -> Trial<'_> {
        Trial { rate_events_per_s: 1e6, events: 1_000_000, censored: 0, latency_p99_ns: Some(400_000), backlog }
    }

    /// The backlog at 256 instants of the last half of a second, as a function of the seconds since its begin.
    fn backlog(events: impl FnMut(f64) -> f64) -> Vec<(u64, u64)> {
        let at_s = (0..256).map(|i| 0.5 + f64::from(i) / 512.0);
        let events: Vec<f64> = at_s.clone().map(events).collect();
        at_s.zip(events).map(|(s, events)| ((s * 1e9) as u64, events.max(0.0) as u64)).collect()
    }

    #[test]
    fn the_ends_of_a_range_are_reached_though_they_are_no_round_numbers() {
        let range = Range { least_events_per_s: 10_001.7, most_events_per_s: 4e6 / 3.0 };
        let (found, _) = search(range, 1e6, |_| true);
        assert_eq!(found.unwrap().rate_events_per_s, range.most_events_per_s);
        let (found, probes) = search(range, 1e6, |_| false);
        assert!(found.is_none() && probes.last().unwrap().rate_events_per_s == range.least_events_per_s);
    }

    #[test]
    fn a_steady_backlog_within_the_latency_is_sustained_however_high_it_stands() {
        for level in [0.0, 8.0, 5_000.0] {
            assert_eq!(trial(&backlog(|_| level)).refusal(10_000_000), None);
        }
    }

    #[test]
    fn each_refusal_is_in_words_with_its_numbers() {
        let steady = backlog(|_| 8.0);
        let growing = backlog(|s| 20_000.0 * s);
        let words = |trial: Trial| trial.refusal(10_000_000).unwrap();
        assert_eq!(
            words(Trial { events: 40, ..trial(&steady) }),
            "only 80 % of the events were completed when the last one was due"
        );
        assert_eq!(
            words(Trial { latency_p99_ns: Some(12_000_000), ..trial(&steady) }),
            "the p99 latency was 12.0 ms, above 10.0 ms"
        );
        assert_eq!(
            words(Trial { censored: 7, ..trial(&steady) }),
            "7 events were still open when the run was given up"
        );
        assert_eq!(
            words(Trial { latency_p99_ns: None, ..trial(&steady) }),
            "there were too few samples for a p99 latency"
        );
        let text = words(trial(&growing));
        assert!(text.starts_with("the backlog grew by 20000 events/s (95 % interval "), "{text}");
        let both = words(Trial { latency_p99_ns: Some(12_000_000), ..trial(&growing) });
        assert!(both.contains("above 10.0 ms; the backlog grew"), "{both}");
    }

    #[test]
    fn a_backlog_that_grows_by_less_than_matters_or_only_goes_up_and_down_is_sustained() {
        assert_eq!(trial(&backlog(|s| 9_000.0 * s)).refusal(10_000_000), None, "0.9 % of the rate");
        let few = Trial { rate_events_per_s: 1e4, ..trial(&[]) };
        let left_behind = backlog(|s| 180.0 * s);
        assert_eq!(Trial { backlog: &left_behind, ..few }.refusal(10_000_000), None, "90 events");
        for teeth in 2..40 {
            let sawtooth = backlog(|s| 5_000.0 * (s * 2.0 * f64::from(teeth)).fract());
            assert_eq!(trial(&sawtooth).refusal(10_000_000), None, "{teeth} teeth");
        }
    }

    #[test]
    fn a_pause_of_the_machine_that_is_made_up_for_is_not_a_growing_backlog() {
        for begin in [0.52, 0.7, 0.9] {
            let pause = |s: f64| if (begin..begin + 0.02).contains(&s) { 1e6 * (s - begin) } else { 8.0 };
            assert_eq!(trial(&backlog(pause)).refusal(50_000_000), None, "pause at {begin} s");
        }
    }

    #[test]
    fn a_backlog_that_grows_under_noise_is_refused() {
        let mut draws = draws(1);
        let noisy = backlog(|s| 30_000.0 * s + 4_000.0 * draws.sample(Exponential));
        assert!(trial(&noisy).refusal(10_000_000).unwrap().contains("the backlog grew"));
    }

    #[test]
    fn what_sustains_nothing_or_everything_ends_at_the_ends_of_the_range() {
        let (found, probes) = search(RANGE, 1e6, |_| false);
        assert_eq!((found, probes.last().unwrap().rate_events_per_s), (None, 1e3));
        let found = search(RANGE, 1e6, |_| true).0.unwrap();
        check(&found);
        assert_eq!((found.rate_events_per_s, found.low_events_per_s, found.high_events_per_s), (1e9, Some(1e9), None));
        let one = Range { most_events_per_s: 1e3, ..RANGE };
        assert_eq!(search(one, 5e6, |_| true).0.unwrap().rate_events_per_s, 1e3);
        assert_eq!(search(one, f64::NAN, |_| false).0, None);
    }

    #[test]
    fn a_refusal_now_and_then_that_is_not_the_rates_moves_the_result_little() {
        let mut draws = draws(3);
        let mut shares: Vec<f64> = Vec::new();
        for _ in 0..400 {
            let disturbed = |rate: f64| rate <= 2e6 && !draws.next_u64().is_multiple_of(5);
            let found = search(RANGE, 1.5e6, disturbed).0.unwrap();
            check(&found);
            shares.push(found.rate_events_per_s / 2e6);
        }
        shares.sort_by(f64::total_cmp);
        assert!(shares[200] > 0.94 && shares[20] > 0.8, "median {}, 5 % {}", shares[200], shares[20]);
        assert!(shares[399] <= 1.0);
    }

    proptest! {
        #[test]
        fn a_threshold_is_found_within_the_resolution_whatever_the_guess(
            threshold in 3.1..8.9_f64, guess in 0.0..12.0_f64,
        ) {
            let threshold = 10_f64.powf(threshold);
            let found = search(RANGE, 10_f64.powf(guess), |rate| rate <= threshold).0.unwrap();
            check(&found);
            let rate = found.rate_events_per_s;
            prop_assert!(rate <= threshold && rate * (1.0 + RESOLUTION) * 1.001 >= threshold, "{rate} {threshold}");
            prop_assert_eq!(found.low_events_per_s, Some(rate));
            prop_assert!(found.high_events_per_s.unwrap() > threshold);
        }

        #[test]
        fn near_a_threshold_that_is_not_sharp_the_result_stays_near_it(
            seed in any::<u64>(), guess in 5.0..8.0_f64,
        ) {
            // Below 0.9 always, above 1.1 never, between them by chance.
            let mut draws = draws(seed);
            let blurred = |rate: f64| rate <= 1e6 * (0.9 + 0.2 * (draws.next_u64() % 1000) as f64 / 1000.0);
            let found = search(RANGE, 10_f64.powf(guess), blurred).0.unwrap();
            check(&found);
            let rate = found.rate_events_per_s;
            prop_assert!((0.7e6..=1.1e6).contains(&rate), "{rate}");
            prop_assert!(found.high_events_per_s.unwrap() > 0.9e6);
        }

        #[test]
        fn it_ends_within_the_bound_and_is_sound_whatever_the_verdicts(
            seed in any::<u64>(), sustained_of_8 in 0_u64..=8, guess in 0.0..12.0_f64, decades in 0..9,
        ) {
            let mut draws = draws(seed);
            let range = Range { most_events_per_s: 1e3 * 10_f64.powi(decades), ..RANGE };
            let (found, probes) = search(range, 10_f64.powf(guess), |_| draws.next_u64() % 8 < sustained_of_8);
            let Range { least_events_per_s: least, most_events_per_s: most } = range;
            let within = probes.iter().all(|probe| (least..=most).contains(&probe.rate_events_per_s));
            prop_assert!(within && !probes.is_empty());
            found.iter().for_each(check);
        }
    }
}
