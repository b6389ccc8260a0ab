//! Makes worlds: synthetic customer lifecycles, and the transport that disturbs them.
//!
//! A [`Profile`] says what a world is like. A [`Generator`] is one world, of a profile and a seed; its
//! [`trace`](Generator::trace) is the events in arrival order, its [`stream`](Generator::stream) the same without the
//! memory, its [`wave`](Generator::wave)s the same for threads. [`Facts`] tell what a trace, from here or from
//! elsewhere, is really like.
//!
//! Everything is a pure function of profile and seed, the same on every machine. This package depends on
//! `flowbench-events` only; it knows no clock, no thread and no file.
//!
//! ```
//! use flowbench_generators::{Amount, Generator, Profile};
//!
//! let mut profile = Profile::named("tiny")?;
//! profile.set("transport.mobile.offline_share", "0.2")?;
//! let trace = Generator::new(&profile, 42)?.trace(Amount::Events(1000));
//! assert_eq!(trace.events.len(), 1000);
//! # Ok::<(), flowbench_generators::ProfileError>(())
//! ```

mod arrivals;
mod draws;
mod facts;
mod lifecycle;
mod profile;
mod trace;
mod transport;

pub use arrivals::{WALKS_PER_WAVE, WORLD_LENGTH_MS, WORLD_START_MS};
pub use facts::{DurationSummary, Facts, FactsCollector, KindFacts};
pub use profile::{
    ArrivalsProfile, Asked, CampaignsProfile, ConversionProfile, CustomersProfile, DisorderProfile, DownloadsProfile,
    DuplicatesProfile, IdleProfile, LoyaltyProfile, MobileProfile, Ms, OrdersProfile, OutageProfile, PagesProfile,
    ProductsProfile, Profile, ProfileError, ProfileParameter, ReviewsProfile, Specification, TransportProfile, Unit,
    VisitsProfile, WarehouseProfile, WebProfile,
};
pub use trace::{Amount, Generator, Merger, Stream, Wave};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
