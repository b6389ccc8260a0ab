//! Where a generated trace comes from: what is needed to make it again.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Amount, Profile};

/// Version of the algorithm that makes worlds. It goes up whenever the same profile and seed give other events, that
/// is, with every change of a golden digest in `tests/worlds.rs`.
pub const ALGORITHM_VERSION: u32 = 1;

/// Version of the fields of [`Origin`].
const SCHEMA_VERSION: u32 = 1;

fn schema() -> String {
    "flowbench-origin".to_owned()
}

/// The origin of a generated trace. It is kept beside the file of the trace, whose format has no room for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// Name of the schema, `flowbench-origin`; older files have none.
    #[serde(default = "schema")]
    pub schema: String,
    /// Version of the fields.
    pub schema_version: u32,
    /// Version of the flowbench that wrote the trace.
    pub flowbench: String,
    /// Version of the algorithm ([`ALGORITHM_VERSION`]).
    pub algorithm: u32,
    /// Name of the profile.
    pub profile: String,
    /// Parameters that were set beside the profile, `key=value`.
    pub overrides: Vec<String>,
    /// Seed of the world.
    pub seed: u64,
    /// Number of days whose arrivals were asked for; absent if a number of events was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
    /// Number of events in the trace.
    pub events: u64,
    /// Digest of these events in the order of their arrival.
    pub digest: String,
    /// Every parameter of the profile with its value as `--set` reads it, those that were set among them.
    pub parameters: BTreeMap<String, String>,
}

impl Origin {
    /// Returns the origin of a trace of `events` events with this digest.
    pub fn new(
        profile: &Profile,
        overrides: &[String],
        seed: u64,
        amount: Amount,
        events: u64,
        digest: String,
    ) -> Self {
        let parameters = profile.parameters().into_iter();
        Self {
            schema: schema(),
            schema_version: SCHEMA_VERSION,
            flowbench: env!("CARGO_PKG_VERSION").to_owned(),
            algorithm: ALGORITHM_VERSION,
            profile: profile.name.clone(),
            overrides: overrides.to_vec(),
            seed,
            days: if let Amount::Days(days) = amount { Some(days) } else { None },
            events,
            digest,
            parameters: parameters.map(|one| (one.key.to_owned(), one.value)).collect(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, seed, flowbench, algorithm, overrides, .. } = self;
        write!(f, "profile {profile}, seed {seed}")?;
        overrides.iter().try_for_each(|setting| write!(f, ", {setting}"))?;
        write!(f, " (flowbench {flowbench}, algorithm {algorithm})")
    }
}
