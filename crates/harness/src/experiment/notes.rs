//! The notes of the experiments that come with the program.

/// Names of shipped experiments and their notes.
const NOTES: &[(&str, &str)] = &[
    ("quickstart", include_str!("../../../../experiments/quickstart.md")),
    ("disorder", include_str!("../../../../experiments/disorder.md")),
    ("outage", include_str!("../../../../experiments/outage.md")),
    ("duplicates", include_str!("../../../../experiments/duplicates.md")),
    ("retention", include_str!("../../../../experiments/retention.md")),
    ("eviction", include_str!("../../../../experiments/eviction.md")),
    ("soak", include_str!("../../../../experiments/soak.md")),
    ("late-state", include_str!("../../../../experiments/late-state.md")),
    ("parallelism", include_str!("../../../../experiments/parallelism.md")),
    ("latency", include_str!("../../../../experiments/latency.md")),
    ("granularity", include_str!("../../../../experiments/granularity.md")),
    ("ci", include_str!("../../../../experiments/ci.md")),
];

/// Returns the note of a shipped experiment, Markdown: its question, what was expected, and the reading of its
/// reference run.
pub fn note(experiment: &str) -> Option<&'static str> {
    NOTES.iter().find(|(name, _)| *name == experiment).map(|(_, note)| *note)
}
