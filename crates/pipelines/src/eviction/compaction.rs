//! Forget a state some time after the watermark has passed its expiry.

use flowbench_events::{duration_text, parse_duration_ms};

use super::policy::{AfterExpiry, ArgumentError, EvictionPolicy};

/// Keeps the history of the last `lag` of event time, as logical compaction does that lags behind the frontier.
///
/// What the collections of `differential` were at any time within the lag can still be told; of what was before, only what
/// it has come to. Answers do not depend on it, and `compaction(0s)` is [`Frontier`](super::Frontier).
///
/// This is about logical compaction alone (`TraceReader::set_logical_compaction`). Physical compaction
/// (`set_physical_compaction`) does not lag: the batches of a trace (a `Spine`) merge as they come, each new batch paying
/// for the merges in progress with fuel in proportion to its size, and none while nothing comes. Only a merge forgets: it
/// advances the times of its updates to the logical frontier *as it was when the merge began*, and drops those that then
/// add up to nothing. So what is held is what the lag keeps apart and what no merge has met yet. At the end of the input
/// there is no lag, and what was held back is consolidated; [`Frontier`](super::Frontier) leaves there what no merge has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// How far logical compaction stays behind the watermark, ms of event time, 0 or more.
    pub lag_ms: i64,
}

impl EvictionPolicy for Compaction {
    const NAME: &'static str = "compaction";
    const SUMMARY: &'static str =
        "as frontier, but arrangements keep the history of the last `lag` of event time (differential only)";
    const EXPLANATION: &'static str = "For differential. Logical compaction of every arrangement stays `lag` of event time \
        behind the watermark, so what a collection was at any time within it can still be told; older history is \
        what it has come to. Physical compaction does not wait: batches merge as new ones come, and only a merge drops \
        what has been taken back. So the lag and the merges that are still due are what is held beyond `frontier`.";
    const NEEDS_ARRANGEMENTS: bool = true;
    const PARAMETERS: &'static [&'static str] = &["lag"];
    const DEFAULT: Self = Self { lag_ms: 3_600_000 };

    fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
        Ok(Self { lag_ms: parse_duration_ms(arguments[0])? })
    }

    fn arguments(self) -> Vec<String> {
        vec![duration_text(self.lag_ms)]
    }

    fn serves(self) -> &'static str {
        "serves differential only, and is exact; holds the history of the lag as well"
    }

    fn is_by_compaction(self) -> bool {
        true
    }

    fn compaction_lag_ms(self) -> i64 {
        self.lag_ms
    }

    fn retention_ms(self, needed_ms: Option<i64>) -> Option<i64> {
        needed_ms.map(|needed_ms| needed_ms.saturating_add(self.lag_ms))
    }

    /// What is no collection has no history, and is forgotten as under [`Frontier`](super::Frontier): the ids of deliveries
    /// in front of a pipeline.
    fn after_expiry(self) -> AfterExpiry {
        AfterExpiry::Forget
    }
}

#[cfg(test)]
mod tests {
    use super::super::Eviction;
    use super::*;

    #[test]
    fn a_lag_is_written_as_it_may_be_read() {
        for (text, written, lag_ms) in [
            ("compaction(1h)", "compaction(1h)", 3_600_000),
            ("compaction( 90min )", "compaction(1h30min)", 5_400_000),
            ("compaction(0)", "compaction(0s)", 0),
            ("compaction(7d)", "compaction(7d)", 604_800_000),
            ("compaction(1001ms)", "compaction(1s1ms)", 1001),
            ("compaction(2000ms)", "compaction(2s)", 2000),
            ("compaction(9223372036854775807ms)", "compaction(106751991167d7h12min55s807ms)", i64::MAX),
        ] {
            let parsed: Eviction = text.parse().unwrap();
            assert_eq!((parsed, parsed.to_string()), (Compaction { lag_ms }.into(), written.to_owned()));
            assert_eq!((written.parse(), parsed.compaction_lag_ms()), (Ok(parsed), lag_ms));
        }
        let error = |text: &str| text.parse::<Eviction>().unwrap_err().to_string();
        assert_eq!(error("compaction"), "'compaction': compaction takes one argument; write it as compaction(lag)");
        for text in ["compaction()", "compaction(soon)", "compaction(-1h)", "compaction(1)"] {
            assert!(error(text).ends_with("write it as compaction(lag)"), "{}", error(text));
        }
    }
}
