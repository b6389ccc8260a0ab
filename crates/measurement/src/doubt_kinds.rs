//! The kinds of doubts: what each code means in general, and what to do about it. The doubts of a case say it with their
//! numbers; see [`doubts`](crate::doubts).

/// A kind of doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoubtKind {
    /// Stable short name, as it is recorded.
    pub code: &'static str,
    /// What is the matter, in a sentence.
    pub meaning: &'static str,
    /// What to do about it, in a sentence.
    pub advice: &'static str,
}

const fn kind(code: &'static str, meaning: &'static str, advice: &'static str) -> DoubtKind {
    DoubtKind { code, meaning, advice }
}

/// All kinds of doubts: those about the machine, those about the experiment, those about the build, and those about
/// flowbench itself.
pub const DOUBTS: [DoubtKind; 29] = [
    kind(
        "lost-time",
        "The machine took time from a worker, which may explain a percentile or the throughput.",
        "Repeat on a quieter machine, or with fewer workers than cores.",
    ),
    kind(
        "oversubscribed",
        "There are more workers than usable cores, so they wait for each other's time slices.",
        "Use as many workers as there are cores, or fewer.",
    ),
    kind(
        "no-spare-core",
        "There are as many workers as usable cores, so a worker loses its core whenever anything else runs.",
        "Use fewer workers than cores, and repeat the case.",
    ),
    kind(
        "not-pinned",
        "The experiment asks for workers that are bound to cores, and they were not.",
        "Use fewer workers than cores and allow sched_setaffinity, or leave out `pin`.",
    ),
    kind(
        "steal",
        "The hypervisor gave CPU time to other machines during the run.",
        "Repeat on a quieter machine, and compare within one run only.",
    ),
    kind(
        "throttled",
        "A CPU quota held the process back during the run.",
        "Repeat with a larger quota, or with a set of cores in its place.",
    ),
    kind(
        "swapping",
        "The machine moved memory to and from swap during the run, and a worker whose memory is swapped waits for the disk.",
        "Give the machine more memory or the trace fewer events, or turn swap off.",
    ),
    kind(
        "swap-in-use",
        "More memory was in swap when the run began than could be had without swapping: the machine is short of memory.",
        "End other programs, or give the machine more memory.",
    ),
    kind(
        "on-battery",
        "The machine ran on its battery, and clocks may have been lowered to spare it.",
        "Plug the machine in and repeat.",
    ),
    kind(
        "mixed-run",
        "The case was measured with another build or on another machine than its run began with.",
        "Compare it with cases of its own segment only, which `run.json` describes, or measure all in one run.",
    ),
    kind(
        "scattered",
        "The repeats of the case lie too far apart for their median to be compared.",
        "Repeat more often, make the parts longer, or use a quieter machine.",
    ),
    kind(
        "scattered-runs",
        "The runs of the closed loop lie too far apart for their median to be compared.",
        "Give the trace more events, or repeat on a quieter machine.",
    ),
    kind(
        "short",
        "The runs of the closed loop were so short that one pause of the machine is a large part of them.",
        "Give the trace more events.",
    ),
    kind(
        "unsteady",
        "Latency was still falling when recording began: the run was warming up.",
        "Offer events for longer.",
    ),
    kind("few-samples", "There are too few latencies for p99 or p99.9.", "Run longer, or offer more events."),
    kind(
        "not-sustained",
        "The offered rate was not sustained, so latency grows with the length of the run.",
        "Offer less; with `lost-time`, repeat on a quieter machine.",
    ),
    kind(
        "source-bound",
        "The throughput is close to what reading the trace alone reaches: the case measured its source.",
        "Compare CPU time per event, or use a more expensive pipeline.",
    ),
    kind(
        "search-capped",
        "The trace is too short to find the limit of the rate: higher rates may be sustainable.",
        "Allow more time and memory, or give the trace more events.",
    ),
    kind(
        "censored",
        "Events were still open when the run was stopped; they count at the age they had then.",
        "Offer less, or allow more time.",
    ),
    kind(
        "short-run",
        "The trace covers too little event time for a memory verdict: memory may still be filling up, or follow the day.",
        "Give the trace more events, and an open loop the time to offer them.",
    ),
    kind(
        "memory-unsampled",
        "The run was over before its memory was sampled, so there is no peak of the live bytes.",
        "Give the trace more events.",
    ),
    kind(
        "memory-uncounted",
        "The allocator of this program does not count bytes per thread, so there are no live bytes.",
        "Build with the allocator that flowbench ships.",
    ),
    kind("saturated-latency", "Latencies exceeded one hour, and count as one hour.", "Offer less."),
    kind(
        "logged",
        "Every operator activation was logged, and the numbers include the cost of that.",
        "Compare the speed of cases without logging.",
    ),
    kind("debug-build", "The program was built without optimisation.", "Build it with --release."),
    kind(
        "dirty-tree",
        "The program was built from a tree with uncommitted changes, so the commit does not identify it.",
        "Commit first.",
    ),
    kind(
        "driver-lag",
        "Events were admitted late although their worker had nothing to do: the driver was slow, not the pipeline.",
        "Please report this.",
    ),
    kind(
        "memory-count",
        "Live memory was below the minimum that the entries need: live bytes and bytes per entry are too low.",
        "Please report this.",
    ),
    kind(
        "negative-latency",
        "Events were completed before they were due; their latencies are left out.",
        "Please report this: the clock or the plan is at fault.",
    ),
];

impl DoubtKind {
    /// Returns the kind of a doubt with this code; `None` for codes of earlier versions.
    pub fn of(code: &str) -> Option<&'static DoubtKind> {
        DOUBTS.iter().find(|kind| kind.code == code)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The sources in which doubts are raised.
    const SOURCES: [&str; 2] = [include_str!("doubts.rs"), include_str!("repeats.rs")];

    #[test]
    fn every_doubt_that_is_raised_has_a_kind_and_every_kind_is_raised() {
        let begins = ["doubt(\"", "taken(\"", "code: \""];
        let raised: BTreeSet<&str> = SOURCES
            .iter()
            .flat_map(|source| begins.iter().flat_map(|begin| source.split(begin).skip(1)))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let kinds: BTreeSet<&str> = DOUBTS.iter().map(|kind| kind.code).collect();
        assert_eq!(raised, kinds);
    }

    #[test]
    fn every_kind_is_explained_in_sentences() {
        for DoubtKind { code, meaning, advice } in DOUBTS {
            assert!(meaning.ends_with('.') && advice.ends_with('.'), "{code}");
            assert_eq!(DoubtKind::of(code).map(|kind| kind.meaning), Some(meaning));
        }
    }
}
