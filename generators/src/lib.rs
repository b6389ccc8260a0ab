//! Synthetic worlds: customer lifecycles, and the transport that disturbs them.
//!
//! A [`Profile`] describes a kind of world. A [`Generator`] is one world, of a profile and a seed:
//! [`trace`](Generator::trace) returns its events in arrival order, [`stream`](Generator::stream) the same in bounded
//! memory, and [`wave`](Generator::wave) its parts for several threads. [`Facts`] describe an actual trace, generated
//! or recorded.
//!
//! Everything is a pure function of profile and seed, the same on every machine. This package depends on no other
//! flowbench package than `flowbench-events`, and uses no clock, thread or file.
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
mod load_time;
mod origin;
mod profile;
mod trace;
mod transport;

pub use arrivals::{WALKS_PER_WAVE, WORLD_LENGTH_MS, WORLD_START_MS};
pub use facts::{DurationSummary, Facts, FactsCollector, KindFacts};
pub use load_time::BANDS_MS;
pub use origin::{ALGORITHM_VERSION, Origin};
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
