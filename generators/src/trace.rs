//! Worlds as traces: events of many walks, merged into arrival order.
//!
//! A [`Generator`] makes [`Wave`]s, each a pure function of its number, in any order and on any thread. A [`Merger`]
//! takes them in order and gives events in the order (arrival time, event id). Everything that arrives before the
//! next wave begins is final then, so the merger holds only events under way: its memory depends on the rate and on
//! how long walks last, not on how many events there are.

use std::collections::VecDeque;

use flowbench_events::{Event, Kind, Record, Symbols, Trace};

use crate::arrivals::{Arrivals, WALKS_PER_WAVE, WORLD_START_MS};
use crate::lifecycle::{Lifecycle, symbols};
use crate::profile::{Profile, ProfileError};
use crate::transport::Transport;

/// A world: everything that will happen in it follows from its profile and its seed.
#[derive(Debug, Clone)]
pub struct Generator {
    arrivals: Arrivals,
    lifecycle: Lifecycle,
    transport: Transport,
    symbols: Symbols,
    waves: u64,
    bucket_shift: u32,
    begin_ms: i64,
}

/// The amount of a trace to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// This number of deliveries in arrival order, duplicates included.
    Events(u64),
    /// All deliveries within this number of days from the start of the trace.
    Days(u64),
}

/// All deliveries of the walks of one wave, in the order of the walks.
#[derive(Debug, Clone, Default)]
pub struct Wave {
    /// The deliveries.
    pub events: Vec<Event>,
    /// End of the wave, in ms since the Unix epoch: nothing of a later wave happens or arrives before it.
    pub complete_before_ms: i64,
}

impl Generator {
    /// Returns the world of `profile` and `seed`. Its tables take a few milliseconds and megabytes.
    ///
    /// # Errors
    ///
    /// [`ProfileError`] if a value of the profile is out of range or excludes another.
    pub fn new(profile: &Profile, seed: u64) -> Result<Self, ProfileError> {
        profile.validate()?;
        let arrivals = Arrivals::new(profile, seed);
        let lifecycle = Lifecycle::new(profile, seed);
        let waves = arrivals.waves().min(lifecycle.walks_most() / WALKS_PER_WAVE);
        // Buckets of the merger hold some thousand events: few enough to be sorted in the cache.
        let bucket_ms = 4096.0 / 6.0 / profile.arrivals.walks_per_day * 86_400_000.0;
        let bucket_shift = (bucket_ms as u64).max(1).ilog2().clamp(10, 31);
        let begin_ms = WORLD_START_MS + profile.arrivals.run_in.0;
        let transport = Transport::new(profile, seed);
        Ok(Self { arrivals, lifecycle, transport, symbols: symbols(), waves, bucket_shift, begin_ms })
    }

    /// Returns the text behind the ids of all events of this world.
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// Returns the number of waves: the world lasts ten years, or until the numbers for new customers are used up.
    pub fn waves(&self) -> u64 {
        self.waves
    }

    /// Returns wave `number`, a pure function of it; `None` from [`Generator::waves`] on.
    pub fn wave(&self, number: u64) -> Option<Wave> {
        let mut wave = Wave::default();
        self.fill_wave(number, &mut wave).then_some(wave)
    }

    /// Fills `wave` like [`Generator::wave`], reusing its memory; returns false if there is no such wave.
    pub fn fill_wave(&self, number: u64, wave: &mut Wave) -> bool {
        wave.events.clear();
        if number >= self.waves {
            return false;
        }
        let span = self.arrivals.span(number);
        for walk in number * WALKS_PER_WAVE..(number + 1) * WALKS_PER_WAVE {
            let mut draws = self.lifecycle.draws(walk);
            let start_ms = span.start_ms(&mut draws);
            self.lifecycle.walk(walk, start_ms, draws, &self.transport, &mut wave.events);
        }
        wave.complete_before_ms = span.end_ms();
        true
    }

    /// Returns a merger of waves, generated on any thread, into `amount` of the trace.
    pub fn merger(&self, amount: Amount) -> Merger {
        Merger::new(amount, self.bucket_shift, self.begin_ms)
    }

    /// Returns the trace in arrival order, batch by batch, generated on this thread. Its memory does not grow with the
    /// amount.
    pub fn stream(&self, amount: Amount) -> Stream<'_> {
        Stream { generator: self, merger: self.merger(amount), wave: Wave::default(), next_wave: 0 }
    }

    /// Returns the trace in memory, at 48 bytes per event.
    pub fn trace(&self, amount: Amount) -> Trace {
        let mut events = Vec::new();
        if let Amount::Events(count) = amount {
            events.reserve_exact(count.min(1 << 28) as usize); // beyond, let it grow: the world may end before
        }
        let mut stream = self.stream(amount);
        while stream.append_batch(&mut events) {}
        Trace { events, symbols: self.symbols.clone(), ..Trace::default() }
    }
}

/// A trace in arrival order, from [`Generator::stream`]. As an iterator it returns each batch in a vector of its own.
#[derive(Debug)]
pub struct Stream<'a> {
    generator: &'a Generator,
    merger: Merger,
    wave: Wave,
    next_wave: u64,
}

impl Stream<'_> {
    /// Replaces the content of `batch` by the next events, at least one; returns false at the end, with `batch` empty.
    pub fn next_batch(&mut self, batch: &mut Vec<Event>) -> bool {
        batch.clear();
        self.append_batch(batch)
    }

    /// Appends the next events, at least one; returns false at the end.
    pub fn append_batch(&mut self, events: &mut Vec<Event>) -> bool {
        loop {
            if self.merger.append_batch(events) {
                return true;
            }
            if self.merger.is_finished() {
                return false;
            }
            if self.generator.fill_wave(self.next_wave, &mut self.wave) {
                self.next_wave += 1;
                self.merger.push(&self.wave);
            } else {
                self.merger.end();
            }
        }
    }

    /// Returns the number of events held because earlier ones may still come.
    pub fn pending(&self) -> usize {
        self.merger.pending()
    }
}

impl Iterator for Stream<'_> {
    type Item = Vec<Event>;

    fn next(&mut self) -> Option<Vec<Event>> {
        let mut batch = Vec::new();
        self.append_batch(&mut batch).then_some(batch)
    }
}

/// A calendar queue (Brown 1988) that brings the deliveries of waves into arrival order.
///
/// A bucket holds what arrives within 2^n ms, as a chain of small chunks out of one slab, so that thousands of
/// nearly empty buckets of the far future cost little and nothing is allocated once the slab has its size. A bucket
/// is sorted when it is complete.
#[derive(Debug)]
pub struct Merger {
    shift: u32,
    first_bucket: i64, // (arrival time - start of the world) >> shift of the first bucket below
    buckets: VecDeque<Bucket>,
    slab: Slab,
    complete_before_ms: i64,
    begin_ms: i64,
    end_ms: i64,
    left: u64,
    pending: usize,
    keys: Vec<u64>,
    scratch: Vec<u64>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    newest_chunk: u32,
    events: u32,
}

/// Chunks of events, each linked to one before it.
#[derive(Debug)]
struct Slab {
    events: Vec<Event>,
    previous: Vec<u32>,
    free: u32,
}

const CHUNK: usize = 16;
const NONE: u32 = u32::MAX;
const EMPTY: Bucket = Bucket { newest_chunk: NONE, events: 0 };

impl Merger {
    fn new(amount: Amount, shift: u32, begin_ms: i64) -> Self {
        let day_ms = |days: u64| begin_ms.saturating_add((days as i64).saturating_mul(86_400_000));
        let (left, end_ms) = match amount {
            Amount::Events(count) => (count, i64::MAX),
            Amount::Days(days) => (u64::MAX, day_ms(days.min(1 << 30))),
        };
        Self {
            shift,
            first_bucket: 0,
            buckets: VecDeque::new(),
            slab: Slab { events: Vec::new(), previous: Vec::new(), free: NONE },
            complete_before_ms: WORLD_START_MS,
            begin_ms,
            end_ms,
            left,
            pending: 0,
            keys: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Adds the next wave; waves must come in the order of their numbers, from 0.
    pub fn push(&mut self, wave: &Wave) {
        let wanted = self.begin_ms..self.end_ms;
        for event in wave.events.iter().filter(|event| wanted.contains(&event.arrival_time_ms())) {
            let number = ((event.arrival_time_ms() - WORLD_START_MS) >> self.shift) - self.first_bucket;
            debug_assert!(number >= 0, "waves must be pushed in order");
            let number = number as usize;
            if number >= self.buckets.len() {
                self.buckets.resize(number + 1, EMPTY);
            }
            self.slab.push(&mut self.buckets[number], *event);
            self.pending += 1;
        }
        self.complete_before_ms = wave.complete_before_ms;
    }

    /// Declares that there are no more waves, so that everything held is complete.
    pub fn end(&mut self) {
        self.complete_before_ms = i64::MAX;
    }

    /// Appends the next complete events, at least one; returns false if a wave is needed first, or at the end.
    pub fn append_batch(&mut self, events: &mut Vec<Event>) -> bool {
        while self.left > 0 && self.first_bucket_is_complete() {
            self.first_bucket += 1;
            let bucket = self.buckets.pop_front().unwrap_or(EMPTY);
            if bucket.events > 0 {
                self.drain(bucket, events);
                return true;
            }
        }
        false
    }

    /// Returns true if no more events will come.
    pub fn is_finished(&self) -> bool {
        self.left == 0 || self.pending == 0 && self.complete_before_ms >= self.end_ms
    }

    /// Returns the number of events held because earlier ones may still come.
    pub fn pending(&self) -> usize {
        self.pending
    }

    fn first_bucket_is_complete(&self) -> bool {
        // Nothing at or after the end is held, so a bucket that reaches beyond the end is complete at the end.
        let bucket_end_ms = WORLD_START_MS + ((self.first_bucket + 1) << self.shift);
        self.pending > 0 && bucket_end_ms.min(self.end_ms) <= self.complete_before_ms
    }

    /// Appends the events of a complete bucket, in order.
    fn drain(&mut self, bucket: Bucket, events: &mut Vec<Event>) {
        self.keys.clear();
        self.slab.keys(bucket, self.shift, &mut self.keys);
        sort(&mut self.keys, &mut self.scratch, self.shift);
        let from = events.len();
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        events.extend(self.keys.iter().map(|key| self.slab.events[*key as u32 as usize]));
        let arrival = |event: &Event| event.arrival_time_ms();
        for together in events[from..].chunk_by_mut(|one, next| arrival(one) == arrival(next)) {
            if together.len() > 1 {
                together.sort_unstable_by_key(Event::event_id);
            }
        }
        events.truncate(from.saturating_add(wanted));
        self.left -= (events.len() - from) as u64;
        self.pending -= bucket.events as usize;
        self.slab.release(bucket);
    }
}

impl Slab {
    #[inline]
    fn push(&mut self, bucket: &mut Bucket, event: Event) {
        let within = bucket.events as usize % CHUNK;
        if within == 0 {
            bucket.newest_chunk = self.take_chunk(bucket.newest_chunk);
        }
        self.events[bucket.newest_chunk as usize * CHUNK + within] = event;
        bucket.events += 1;
    }

    fn take_chunk(&mut self, previous: u32) -> u32 {
        if self.free == NONE {
            self.previous.push(previous);
            let filler = Event::pack(Record::new(0, Kind::PageViewed, 0));
            self.events.resize(self.events.len() + CHUNK, filler);
            return self.previous.len() as u32 - 1;
        }
        let chunk = self.free;
        self.free = std::mem::replace(&mut self.previous[chunk as usize], previous);
        chunk
    }

    /// Appends one key per event: its place in the bucket's time, then its place in the slab.
    fn keys(&self, bucket: Bucket, shift: u32, keys: &mut Vec<u64>) {
        let mut chunk = bucket.newest_chunk;
        let mut left = bucket.events as usize;
        while left > 0 {
            let first = chunk as usize * CHUNK;
            let filled = (left - 1) % CHUNK + 1;
            for (event, place) in self.events[first..first + filled].iter().zip(first as u64..) {
                let time = (event.arrival_time_ms() - WORLD_START_MS) as u64 & ((1 << shift) - 1);
                keys.push(time << 32 | place);
            }
            left -= filled;
            chunk = self.previous[chunk as usize];
        }
    }

    /// Puts the chunks of a bucket on the free list.
    fn release(&mut self, bucket: Bucket) {
        let mut chunk = bucket.newest_chunk;
        while chunk != NONE {
            let previous = std::mem::replace(&mut self.previous[chunk as usize], self.free);
            self.free = chunk;
            chunk = previous;
        }
    }
}

/// Sorts keys by their upper half, which has `bits` bits.
fn sort(keys: &mut Vec<u64>, scratch: &mut Vec<u64>, bits: u32) {
    const DIGIT: u32 = 11;
    if keys.len() < 512 || bits > 2 * DIGIT {
        return keys.sort_unstable();
    }
    scratch.resize(keys.len(), 0);
    for shift in [32, 32 + DIGIT] {
        let digit = |key: u64| (key >> shift) as usize & ((1 << DIGIT) - 1);
        let mut places = [0_u32; 1 << DIGIT];
        for key in keys.iter() {
            places[digit(*key)] += 1;
        }
        let mut before = 0;
        for place in &mut places {
            before += std::mem::replace(place, before);
        }
        for key in keys.iter() {
            let place = &mut places[digit(*key)];
            scratch[*place as usize] = *key;
            *place += 1;
        }
        std::mem::swap(keys, scratch);
    }
}
