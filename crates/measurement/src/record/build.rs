//! The program that produced the numbers of a run.

use serde::{Deserialize, Serialize};

/// The program that produced the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Version of flowbench.
    pub flowbench: String,
    /// Version of timely.
    pub timely: String,
    /// Version of differential dataflow; absent before it was a strategy.
    #[serde(default)]
    pub differential: Option<String>,
    /// Version of the compiler, as printed by `rustc --version`.
    pub rustc: String,
    /// Build profile: `release` or `debug`.
    pub profile: String,
    /// First 12 digits of the commit; absent if built outside a checkout.
    pub commit: Option<String>,
    /// True if the tree had uncommitted changes when built.
    pub dirty: bool,
    /// First 16 digits of the BLAKE3 hash of `Cargo.lock`; `unknown` of a program that does not say.
    pub lock_digest: String,
    /// The allocator used by every case.
    pub allocator: String,
    /// First 16 digits of the BLAKE3 hash of the code that measures and evaluates; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measuring_digest: Option<String>,
    /// Target triple the program was built for; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Cargo features the program was built with; absent in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<Vec<String>>,
}
