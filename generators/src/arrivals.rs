//! When walks begin: a rate with the rhythm of day and week, and campaigns that burst.
//!
//! The rate is constant on segments (hours, cut at the edges of campaigns), so the expected number of walks up to an
//! instant, and its inverse, are one table lookup. Walks are dealt out in waves of [`WALKS_PER_WAVE`]: a wave covers
//! the time in which that many walks are expected, and each of its walks falls into it independently and uniformly (on
//! the scale of expected walks). Within a wave this is a Poisson process given its count; and the start of any walk is
//! known without looking at any other.

use flowbench_events::mix;
use rand::{Rng, RngExt};

use crate::draws::{HashChain, Zipf};
use crate::profile::Profile;

/// Number of walks that are generated together.
pub const WALKS_PER_WAVE: u64 = 1024;

/// Start of every world, in ms since the Unix epoch: Monday, 2026-01-05T00:00:00Z.
pub const WORLD_START_MS: i64 = 1_767_571_200_000;

/// Duration of every world, in ms: ten years, for which the table of the rate is made.
pub const WORLD_LENGTH_MS: i64 = 3650 * 86_400_000;

const HOUR_MS: i64 = 3_600_000;
/// Expected walks are counted in units of 2^-20 walks.
const FINE: u64 = 1 << 20;

/// The arrival process of a world.
#[derive(Debug, Clone)]
pub(crate) struct Arrivals {
    segments: Vec<Segment>,
    total: u64,
}

/// The time span of one wave.
pub(crate) struct Span<'a> {
    segments: &'a [Segment],
    begin: u64,
}

/// A time span with a constant rate.
#[derive(Debug, Clone, Copy)]
struct Segment {
    start_ms: i64,
    before: u64, // expected walks before it, in units of 1 / FINE
    ms_per_unit: f64,
}

impl Arrivals {
    pub(crate) fn new(profile: &Profile, seed: u64) -> Self {
        let campaigns = Campaigns::new(profile, seed);
        let rhythm = hours_of_a_week(profile);
        let mut segments = Vec::new();
        let mut before = 0;
        let mut start_ms = 0;
        // More walks than there are order numbers are never needed.
        while start_ms < WORLD_LENGTH_MS && before < FINE << 31 {
            let end_ms = campaigns.next_edge_ms(start_ms).min((start_ms / HOUR_MS + 1) * HOUR_MS);
            let factor = if campaigns.running(start_ms) { campaigns.factor } else { 1.0 };
            let per_ms = rhythm[(start_ms / HOUR_MS % 168) as usize] * factor;
            let units = (per_ms * (end_ms - start_ms) as f64 * FINE as f64) as u64;
            let ms_per_unit = (end_ms - start_ms) as f64 / units as f64;
            segments.push(Segment { start_ms: WORLD_START_MS + start_ms, before, ms_per_unit });
            before += units;
            start_ms = end_ms;
        }
        Self { segments, total: before }
    }

    /// Returns the number of whole waves in the world.
    pub(crate) fn waves(&self) -> u64 {
        self.total / (WALKS_PER_WAVE * FINE)
    }

    /// Returns the time span of wave `number` (below [`Self::waves`]).
    pub(crate) fn span(&self, number: u64) -> Span<'_> {
        let begin = number * WALKS_PER_WAVE * FINE;
        let end = begin + WALKS_PER_WAVE * FINE;
        let first = self.segments.partition_point(|segment| segment.before <= begin) - 1;
        let last = first + self.segments[first..].partition_point(|segment| segment.before <= end);
        Span { segments: &self.segments[first..last], begin }
    }
}

impl Span<'_> {
    /// Draws the start of a walk, in ms since the Unix epoch.
    #[inline]
    pub(crate) fn start_ms(&self, draws: &mut impl Rng) -> i64 {
        self.at(draws.random_range(self.begin..self.begin + WALKS_PER_WAVE * FINE))
    }

    /// Returns the end of the span, in ms since the Unix epoch: no walk of a later wave starts before it.
    pub(crate) fn end_ms(&self) -> i64 {
        self.at(self.begin + WALKS_PER_WAVE * FINE)
    }

    #[inline]
    fn at(&self, position: u64) -> i64 {
        // The last one that begins at or below the position: never an empty one, unless at the very end.
        let found = self.segments.partition_point(|segment| segment.before <= position) - 1;
        let segment = &self.segments[found];
        let units = (position - segment.before) as f64;
        segment.start_ms + if units > 0.0 { (units * segment.ms_per_unit) as i64 } else { 0 }
    }
}

/// Campaigns: one in each period, at a place in it that depends on the seed.
#[derive(Debug, Clone)]
pub(crate) struct Campaigns {
    every_ms: i64, // 0: none
    length_ms: i64,
    factor: f64,
    seed: u64,
}

impl Campaigns {
    pub(crate) fn new(profile: &Profile, seed: u64) -> Self {
        let campaigns = &profile.campaigns;
        let every_ms = if campaigns.length.0 == 0 { 0 } else { campaigns.every.0 };
        Self { every_ms, length_ms: campaigns.length.0, factor: campaigns.factor, seed: mix(seed ^ 0xca3) }
    }

    /// Returns true if a campaign is running `since_start_ms` after the start of the world.
    #[inline]
    pub(crate) fn running(&self, since_start_ms: i64) -> bool {
        self.every_ms > 0 && {
            let begin_ms = self.begin_ms(since_start_ms / self.every_ms);
            (begin_ms..begin_ms + self.length_ms).contains(&since_start_ms)
        }
    }

    /// Returns the rank of the product promoted by the campaign that is running.
    pub(crate) fn product(&self, since_start_ms: i64, products: &Zipf) -> u32 {
        HashChain::after(!self.seed ^ (since_start_ms / self.every_ms) as u64).sample(products)
    }

    fn begin_ms(&self, number: i64) -> i64 {
        let room_ms = (self.every_ms - self.length_ms + 1) as u64;
        number * self.every_ms + (mix(self.seed ^ number as u64) % room_ms) as i64
    }

    /// Returns the first start or end of a campaign after an instant.
    fn next_edge_ms(&self, since_start_ms: i64) -> i64 {
        if self.every_ms == 0 {
            return i64::MAX;
        }
        let number = since_start_ms / self.every_ms;
        [number, number + 1]
            .into_iter()
            .flat_map(|number| [self.begin_ms(number), self.begin_ms(number) + self.length_ms])
            .filter(|edge_ms| *edge_ms > since_start_ms)
            .min()
            .unwrap_or(i64::MAX)
    }
}

/// Returns the expected walks per ms for each hour of a week from Monday 00:00; the busiest are at 20:00 and on the
/// weekend.
fn hours_of_a_week(profile: &Profile) -> [f64; 168] {
    let arrivals = &profile.arrivals;
    std::array::from_fn(|hour| {
        let phase = ((hour % 24) as f64 - 20.0) / 24.0 * std::f64::consts::TAU;
        let day = 1.0 + arrivals.day_rhythm * libm::cos(phase);
        let weekend = hour / 24 >= 5;
        let week = if weekend { 1.0 + arrivals.week_rhythm } else { 1.0 - arrivals.week_rhythm * 0.4 };
        arrivals.walks_per_day / 86_400_000.0 * day * week
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::draws_of;
    use crate::profile::Ms;

    fn retail() -> Profile {
        Profile::named("retail").unwrap()
    }

    fn starts(profile: &Profile, waves: u64) -> Vec<i64> {
        let arrivals = Arrivals::new(profile, 1);
        let mut starts = Vec::new();
        for wave in 0..waves {
            let span = arrivals.span(wave);
            starts.extend((0..WALKS_PER_WAVE).map(|walk| span.start_ms(&mut draws_of(9, wave << 10 | walk))));
        }
        starts.sort_unstable();
        starts
    }

    #[test]
    fn waves_follow_one_another_without_overlap() {
        let arrivals = Arrivals::new(&retail(), 1);
        let mut previous_end_ms = WORLD_START_MS;
        for wave in 0..500 {
            let span = arrivals.span(wave);
            assert_eq!(span.at(span.begin), previous_end_ms);
            previous_end_ms = span.end_ms();
            assert!(span.at(span.begin + WALKS_PER_WAVE * FINE - 1) <= previous_end_ms);
        }
        let last = arrivals.span(arrivals.waves() - 1);
        assert!(last.end_ms() <= WORLD_START_MS + WORLD_LENGTH_MS);
    }

    #[test]
    fn a_silent_hour_gets_no_walks() {
        let mut profile = retail();
        profile.arrivals.day_rhythm = 1.0;
        profile.campaigns.every = Ms(0);
        let silent =
            starts(&profile, 200).iter().filter(|start| (**start - WORLD_START_MS) / HOUR_MS % 24 == 8).count();
        assert_eq!(silent, 0);
    }

    #[test]
    fn the_rate_follows_the_hours_of_the_day_and_the_days_of_the_week() {
        let mut profile = retail();
        profile.campaigns.every = Ms(0);
        let starts = starts(&profile, 1000);
        let mut counts = [0_f64; 168];
        for start in starts.iter().map(|start| start - WORLD_START_MS).filter(|start| *start < 14 * 24 * HOUR_MS) {
            counts[(start / HOUR_MS % 168) as usize] += 1.0;
        }
        let weekdays = counts[..120].iter().sum::<f64>() / (2.0 * 5.0 * profile.arrivals.walks_per_day);
        assert!((weekdays - 0.92).abs() < 0.005, "{weekdays}");
        for (hour, count) in counts.into_iter().enumerate() {
            let day = 1.0 + 0.6 * (std::f64::consts::TAU * (hour as f64 - 20.0) / 24.0).cos();
            let week = if hour >= 120 { 1.2 } else { 0.92 };
            let expected = 2.0 * profile.arrivals.walks_per_day / 24.0 * day * week;
            assert!((count - expected).abs() < 4.0 * expected.sqrt(), "hour {hour}: {count}, expected {expected}");
        }
    }

    #[test]
    fn campaigns_multiply_the_rate_while_they_run() {
        let mut profile = retail();
        profile.arrivals.day_rhythm = 0.0;
        profile.arrivals.week_rhythm = 0.0;
        profile.campaigns.every = Ms(10 * HOUR_MS);
        profile.campaigns.length = Ms(HOUR_MS);
        profile.campaigns.factor = 9.0;
        let campaigns = Campaigns::new(&profile, 1);
        let starts = starts(&profile, 300);
        let inside = starts.iter().filter(|start| campaigns.running(**start - WORLD_START_MS)).count();
        let share = inside as f64 / starts.len() as f64; // 9 of 18 parts
        assert!((share - 0.5).abs() < 0.01, "{share}");
    }

    #[test]
    fn without_campaigns_and_rhythm_counts_are_those_of_a_poisson_process() {
        let mut profile = retail();
        profile.arrivals.day_rhythm = 0.0;
        profile.arrivals.week_rhythm = 0.0;
        profile.campaigns.every = Ms(0);
        profile.arrivals.walks_per_day = 144_000.0; // 100 a minute, a tenth of a wave
        let starts = starts(&profile, 400);
        let mut counts = vec![0_f64; 4000];
        for start in starts {
            if let Some(count) = counts.get_mut(((start - WORLD_START_MS) / 6000) as usize) {
                *count += 1.0; // 10 expected in six seconds
            }
        }
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / counts.len() as f64;
        // Index of dispersion of 4000 counts: 1 with a standard deviation of 0.022.
        assert!((mean - 10.0).abs() < 0.1 && (variance / mean - 1.0).abs() < 0.08, "{mean} {variance}");
    }
}
