//! The transport of events: it turns event times into arrival times.
//!
//! It is a pure function of (seed, event id, channel, event time) on a finished world, so changing it never changes
//! what happened. Delays are never negative. A duplicate differs from its first delivery only by a later arrival time.
//! Every disturbance has draws of its own and is independent of the others.

use flowbench_events::{Channel, Event, mix};
use rand::RngExt;

use crate::arrivals::WORLD_START_MS;
use crate::draws::{Chance, HashChain, Law, Quantiles};
use crate::profile::{IdleProfile, Ms, OutageProfile, Profile, TransportProfile};

/// The transport of a world.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    seed: u64,
    web: Quantiles,
    web_offline: Holdup,
    mobile: Quantiles,
    mobile_offline: Holdup,
    batch_every_ms: i64, // 0: no batches
    upload: Quantiles,
    warehouse_offline: Holdup,
    disorder: Option<Holdup>, // None: share 0, which then costs no draw
    duplicates_share: f64,
    duplicates: Quantiles,
    outage: Outage,
    idle: Option<Idle>, // None: never
}

/// A delay by a Pareto law that holds up a share of the events.
#[derive(Debug, Clone)]
struct Holdup {
    share: Chance,
    delay: Quantiles,
}

/// An outage of one channel: nothing arrives during [start, end), and what would have arrived comes after it.
#[derive(Debug, Clone)]
struct Outage {
    channel: Channel,
    start_ms: i64,
    end_ms: i64,
    reconnect_over_ms: i64,
    shuffle: f64,
}

/// An idle channel: what happens during [start, end) never arrives.
#[derive(Debug, Clone)]
struct Idle {
    channel: Channel,
    start_ms: i64,
    end_ms: i64,
}

impl Transport {
    pub(crate) fn new(profile: &Profile, seed: u64) -> Self {
        let TransportProfile { web, mobile, warehouse, disorder, duplicates, outage, idle } = &profile.transport;
        let exponential = |mean: Ms| Quantiles::new(Law::Exponential { mean: mean.0 as f64 }, f64::INFINITY);
        Self {
            seed: mix(seed ^ 0x7a45),
            web: exponential(web.delay_mean),
            web_offline: Holdup::new(web.offline_share, web.offline_min, web.offline_shape, web.offline_max),
            mobile: exponential(mobile.delay_mean),
            mobile_offline: Holdup::new(
                mobile.offline_share,
                mobile.offline_min,
                mobile.offline_shape,
                mobile.offline_max,
            ),
            batch_every_ms: warehouse.batch_every.0,
            upload: exponential(warehouse.upload_mean),
            warehouse_offline: Holdup::new(
                warehouse.offline_share,
                warehouse.offline_min,
                warehouse.offline_shape,
                warehouse.offline_max,
            ),
            disorder: (disorder.share > 0.0)
                .then(|| Holdup::new(disorder.share, disorder.delay_min, disorder.delay_shape, disorder.delay_max)),
            duplicates_share: duplicates.share,
            duplicates: exponential(duplicates.delay_mean),
            outage: Outage::new(outage),
            idle: (idle.length.0 > 0).then(|| Idle::new(idle)),
        }
    }

    /// Appends the deliveries of an event: one, or two with the later one second, or none if its source is idle.
    #[inline]
    pub(crate) fn deliver(&self, event: Event, channel: Channel, out: &mut Vec<Event>) {
        let sent_ms = event.event_time_ms();
        if self.idle.as_ref().is_some_and(|idle| idle.silences(channel, sent_ms)) {
            return;
        }
        let number = self.seed ^ event.event_id().word();
        let first = mix(number);
        let second = mix(first);
        let travelled_ms = self.by_channel_ms(channel, sent_ms, HashChain::after(number));
        let held_back = self.disorder.as_ref().and_then(|disorder| disorder.of_ms(&mut HashChain::after(!first)));
        let arrival_ms = travelled_ms + held_back.unwrap_or(0);
        let arrival_ms = self.outage.pass_ms(channel, arrival_ms, HashChain::after(second.rotate_left(32)));
        out.push(event.arriving_at(arrival_ms));
        // The low half of `second` is independent of the high one, which decided on being offline.
        if f64::from(second as u32) < self.duplicates_share * 2_f64.powi(32) {
            let again_ms = arrival_ms + 1 + self.duplicates.whole(&mut HashChain::after(!second));
            let again_ms = self.outage.pass_ms(channel, again_ms, HashChain::after((!second).rotate_left(32)));
            out.push(event.arriving_at(again_ms));
        }
    }

    /// Draws the arrival time of an event that only its channel delays.
    #[inline]
    fn by_channel_ms(&self, channel: Channel, sent_ms: i64, mut draws: HashChain) -> i64 {
        let (offline, online) = match channel {
            Channel::Web => (&self.web_offline, &self.web),
            Channel::Mobile => (&self.mobile_offline, &self.mobile),
            Channel::Warehouse => (&self.warehouse_offline, &self.upload),
        };
        let online_ms = online.whole(&mut draws);
        match offline.of_ms(&mut draws) {
            Some(offline_ms) => sent_ms + offline_ms,
            None if channel == Channel::Warehouse => self.next_batch_ms(sent_ms) + online_ms,
            None => sent_ms + online_ms,
        }
    }

    fn next_batch_ms(&self, sent_ms: i64) -> i64 {
        match self.batch_every_ms {
            0 => sent_ms,
            every_ms => (sent_ms + every_ms - 1).div_euclid(every_ms) * every_ms,
        }
    }
}

impl Holdup {
    fn new(share: f64, least: Ms, shape: f64, most: Ms) -> Self {
        let law = Law::Pareto { least: least.0 as f64, shape };
        Self { share: Chance::new(share), delay: Quantiles::new(law, most.0 as f64) }
    }

    /// Draws the time for which an event is held up; `None` if it is not.
    #[inline]
    fn of_ms(&self, draws: &mut HashChain) -> Option<i64> {
        draws.sample(self.share).then(|| self.delay.whole(draws))
    }
}

impl Outage {
    fn new(outage: &OutageProfile) -> Self {
        let start_ms = WORLD_START_MS + outage.start.0;
        Self {
            channel: outage.channel,
            start_ms,
            end_ms: start_ms + outage.length.0,
            reconnect_over_ms: outage.reconnect_over.0,
            shuffle: outage.shuffle,
        }
    }

    /// Returns the arrival time after the outage. Events that would have arrived during it are spread evenly behind it,
    /// in random order, in their own order, or between the two; in their own order, later arrivals queue behind them.
    #[inline]
    fn pass_ms(&self, channel: Channel, arrival_ms: i64, mut draws: HashChain) -> i64 {
        let over_ms = self.reconnect_over_ms;
        let queue_end_ms = if self.shuffle == 1.0 { self.end_ms } else { self.end_ms + over_ms };
        if channel != self.channel || arrival_ms < self.start_ms || arrival_ms >= queue_end_ms {
            return arrival_ms;
        }
        let random_ms = if over_ms > 0 { draws.random_range(0..over_ms) } else { 0 };
        if self.shuffle == 1.0 {
            return self.end_ms + random_ms;
        }
        let in_turn = (arrival_ms - self.start_ms) as f64 / (queue_end_ms - self.start_ms) as f64;
        let in_turn_ms = in_turn * over_ms as f64;
        let sent_ms = self.end_ms + (in_turn_ms + self.shuffle * (random_ms as f64 - in_turn_ms)) as i64;
        sent_ms.max(arrival_ms)
    }
}

impl Idle {
    fn new(idle: &IdleProfile) -> Self {
        let start_ms = WORLD_START_MS + idle.start.0;
        Self { channel: idle.channel, start_ms, end_ms: start_ms + idle.length.0 }
    }

    #[inline]
    fn silences(&self, channel: Channel, sent_ms: i64) -> bool {
        channel == self.channel && (self.start_ms..self.end_ms).contains(&sent_ms)
    }
}
