//! The experiments that come with flowbench: files of questions, each with its note, as data in the program.
//!
//! This package depends on no other. It exists so that the folder `experiments/` is packed with what embeds it.
//!
//! Decision D-434.

/// An experiment that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// Its name.
    pub name: &'static str,
    /// Its file, TOML.
    pub text: &'static str,
    /// Its note, Markdown: its question, what was expected, and the reading of its reference run.
    pub note: &'static str,
}

macro_rules! shipped {
    ($($name:literal,)*) => {
        &[$(Shipped {
            name: $name,
            text: include_str!(concat!("../", $name, ".toml")),
            note: include_str!(concat!("../", $name, ".md")),
        },)*]
    };
}

/// The experiments that come with the program, in the order in which they are listed.
pub const SHIPPED: &[Shipped] = shipped![
    "quickstart",
    "disorder",
    "outage",
    "duplicates",
    "retention",
    "eviction",
    "soak",
    "late-state",
    "parallelism",
    "latency",
    "granularity",
    "performance-and-sales",
    "live",
    "ci",
];

/// Returns the shipped experiment of that name.
pub fn shipped(name: &str) -> Option<&'static Shipped> {
    SHIPPED.iter().find(|shipped| shipped.name == name)
}
