//! How events travel: the transform that turns event times into arrival times.
//!
//! A pure function of (seed, event id, channel, event time), laid over a finished world: changing it never changes what
//! happened. Delays are never negative. A duplicate differs from its first delivery only by a later arrival time.

use flowbench_events::{Channel, Event, mix};

use crate::arrivals::WORLD_START_MS;
use crate::draws::{Chance, Law, Quantiles};
use crate::profile::{Ms, Profile};

/// The transport of a world.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    seed: u64,
    web: Quantiles,
    mobile: Quantiles,
    offline_share: Chance,
    offline: Quantiles,
    batch_every_ms: i64, // 0: no batches
    upload: Quantiles,
    duplicates_share: Chance,
    duplicates: Quantiles,
    outage: Outage,
}

/// One channel that is down during [start, end).
#[derive(Debug, Clone)]
struct Outage {
    channel: Channel,
    start_ms: i64,
    end_ms: i64,
    reconnect_over_ms: u64,
}

impl Transport {
    pub(crate) fn new(profile: &Profile, seed: u64) -> Self {
        let transport = &profile.transport;
        let exponential = |mean: Ms| Quantiles::new(Law::Exponential { mean: mean.0 as f64 }, f64::INFINITY);
        let mobile = &transport.mobile;
        let offline = Law::Pareto { least: mobile.offline_min.0 as f64, shape: mobile.offline_shape };
        let start_ms = WORLD_START_MS + transport.outage.start.0;
        Self {
            seed: mix(seed ^ 0x7a45),
            web: exponential(transport.web.delay_mean),
            mobile: exponential(mobile.delay_mean),
            offline_share: Chance::new(mobile.offline_share),
            offline: Quantiles::new(offline, mobile.offline_max.0 as f64),
            batch_every_ms: transport.warehouse.batch_every.0,
            upload: exponential(transport.warehouse.upload_mean),
            duplicates_share: Chance::new(transport.duplicates.share),
            duplicates: exponential(transport.duplicates.delay_mean),
            outage: Outage {
                channel: transport.outage.channel,
                start_ms,
                end_ms: start_ms + transport.outage.length.0,
                reconnect_over_ms: transport.outage.reconnect_over.0 as u64,
            },
        }
    }

    /// Appends the deliveries of an event that has not travelled yet: one, or two with the later one second.
    #[inline]
    pub(crate) fn deliver(&self, event: Event, channel: Channel, out: &mut Vec<Event>) {
        let first = mix(self.seed ^ event.event_id());
        let second = mix(first);
        let sent_ms = event.event_time_ms();
        let travelled_ms = match channel {
            Channel::Web => sent_ms + self.web.whole(first),
            Channel::Mobile if self.offline_share.of(second) => sent_ms + self.offline.whole(mix(second)),
            Channel::Mobile => sent_ms + self.mobile.whole(first),
            Channel::Warehouse => self.next_batch_ms(sent_ms) + self.upload.whole(first),
        };
        let arrival_ms = self.outage.pass_ms(channel, travelled_ms, second);
        out.push(event.arriving_at(arrival_ms));
        // The low half of `second` is independent of the high one, which decided on being offline.
        if self.duplicates_share.of(second << 32) {
            let again_ms = arrival_ms + 1 + self.duplicates.whole(mix(!second));
            out.push(event.arriving_at(self.outage.pass_ms(channel, again_ms, !second)));
        }
    }

    fn next_batch_ms(&self, sent_ms: i64) -> i64 {
        match self.batch_every_ms {
            0 => sent_ms,
            every_ms => (sent_ms + every_ms - 1).div_euclid(every_ms) * every_ms,
        }
    }
}

impl Outage {
    /// What would have arrived while the channel is down arrives after it, spread evenly.
    #[inline]
    fn pass_ms(&self, channel: Channel, arrival_ms: i64, bits: u64) -> i64 {
        if channel != self.channel || arrival_ms < self.start_ms || arrival_ms >= self.end_ms {
            return arrival_ms;
        }
        let spread = mix(bits.rotate_left(32));
        self.end_ms + ((u128::from(spread) * u128::from(self.reconnect_over_ms)) >> 64) as i64
    }
}
