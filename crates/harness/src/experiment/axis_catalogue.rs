//! The axes of an experiment for readers: what each of them means, and what it may say.

use super::axes::AXES;

/// An axis that an experiment may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AxisMeaning {
    /// Name of the axis.
    pub name: &'static str,
    /// The value that it has if it is not named; empty if there is none.
    pub default: &'static str,
    /// What is varied, in a sentence.
    pub meaning: &'static str,
    /// What its values look like.
    pub values: &'static str,
}

/// What each axis means, and what its values look like.
const MEANINGS: [(&str, &str, &str); 19] = [
    ("pipeline", "Question that is asked of the events.", "names of `flowbench list pipelines`"),
    ("settings", "Parameters of the pipeline.", "lists of \"key=value\""),
    ("strategy", "How work is spread over the workers.", "names of `flowbench list strategies`"),
    ("order", "When an event is applied.", "names of `flowbench list orders`"),
    ("slack", "How far the watermark trails the newest event time.", "durations such as \"10min\""),
    ("sources", "Whose progress the watermark follows: all arrivals together, or each channel.", "merged, channel"),
    (
        "idle_timeout",
        "Silence after which a source no longer holds the watermark back, in arrival time.",
        "\"never\", or durations such as \"1h\"",
    ),
    ("idle", "What a worker without work does.", "spin, park"),
    ("eviction", "When state is forgotten.", "forms of `flowbench list evictions`"),
    ("workers", "Number of workers of each process.", "1 to 64"),
    ("processes", "Number of processes.", "1 to 64"),
    ("records_per_epoch", "Number of records per epoch: the granularity of progress.", "\"auto\", or 1 to 1000000"),
    (
        "rate",
        "How fast events are offered.",
        "events per second, \"closed\", \"search\", a share of what that finds such as \"80%\", or \"as-recorded\"",
    ),
    ("arrivals", "How due times are spread at that rate.", "constant, poisson, bursts, as-recorded"),
    ("deduplicate", "Whether only the first delivery of each event counts.", "true, false"),
    ("world", "Parameters of the generator.", "\"key=value\", or tables with a name and a list `set`"),
    ("fault", "Fault that is planted, to see that it is noticed.", "\"none\", or faults such as \"slower:20%\""),
    (
        "live",
        "What a live session has beside the pipeline, if events come to it through one.",
        "\"off\", \"on\", or words such as \"wall viewers=10\": wall, viewers=N, slow=N, silent=N, passing=N, rules=N, functions=N",
    ),
    ("seed", "Seed of the trace.", "whole numbers"),
];

/// Returns all axes in their order.
pub fn axis_catalogue() -> Vec<AxisMeaning> {
    let of = |(name, default): (&'static str, &'static str)| {
        let (_, meaning, values) = MEANINGS.into_iter().find(|(one, ..)| *one == name)?;
        Some(AxisMeaning { name, default, meaning, values })
    };
    AXES.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_axis_has_a_meaning_and_every_meaning_is_of_an_axis() {
        assert_eq!(axis_catalogue().len(), AXES.len());
        assert_eq!(MEANINGS.len(), AXES.len());
    }
}
