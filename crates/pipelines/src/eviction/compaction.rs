//! Forget a state some time after the watermark has passed its expiry.

use flowbench_events::parse_duration_ms;

use super::Eviction;
use super::frontier::{Expiry, Frontier};
use super::policy::{ArgumentError, EvictionPolicy};
use crate::state::state_machine::KeyedStateMachine;

/// Keeps the history of the last `lag` of event time, as logical compaction does that lags behind the frontier.
///
/// What the collections of `differential` were at any time within the lag can still be told; of what was before, only what
/// it has come to. Answers do not depend on it, and `compaction(0s)` is [`Frontier`].
///
/// This is about logical compaction alone (`TraceReader::set_logical_compaction`). Physical compaction
/// (`set_physical_compaction`) does not lag: the batches of a trace (a `Spine`) merge as they come, each new batch paying
/// for the merges in progress with fuel in proportion to its size, and none while nothing comes. Only a merge forgets: it
/// advances the times of its updates to the logical frontier *as it was when the merge began*, and drops those that then
/// add up to nothing. So what is held is what the lag keeps apart and what no merge has met yet. At the end of the input
/// there is no lag, and what was held back is consolidated; [`Frontier`] leaves there what no merge has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compaction {
    /// How far logical compaction stays behind the watermark, ms of event time, 0 or more.
    pub lag_ms: i64,
}

impl EvictionPolicy for Compaction {
    const NAME: &'static str = "compaction";
    const SUMMARY: &'static str =
        "as frontier, but what arrangements were in the last lag of event time can be told; merging does not wait";
    const PARAMETERS: &'static [&'static str] = &["lag"];
    const DEFAULT: Self = Self { lag_ms: 3_600_000 };

    type Evictor<M: KeyedStateMachine> = Expiry<M>;

    fn parse(arguments: &[&str]) -> Result<Self, ArgumentError> {
        Ok(Self { lag_ms: parse_duration_ms(arguments[0])? })
    }

    fn arguments(self) -> Vec<String> {
        vec![in_one_unit(self.lag_ms)]
    }

    fn serves(self) -> &'static str {
        "serves in arrangements (differential), and is exact: logical compaction stays the lag behind, merging does not"
    }

    fn is_by_compaction(self) -> bool {
        true
    }

    /// What is no collection has no history, and is forgotten as under [`Frontier`]: the ids of deliveries in front of a
    /// pipeline.
    fn evictor<M: KeyedStateMachine>(self) -> Expiry<M> {
        Frontier.evictor()
    }
}

impl Eviction {
    /// True if only arrangements can forget so.
    pub(crate) fn needs_arrangements(self) -> bool {
        matches!(self, Eviction::Compaction(_))
    }

    /// Returns how long the past can still be told apart after the watermark has passed it, ms of event time.
    pub fn compaction_lag_ms(self) -> i64 {
        match self {
            Eviction::Compaction(Compaction { lag_ms }) => lag_ms,
            _ => 0,
        }
    }
}

/// Writes a duration in the largest unit of which it is a multiple.
fn in_one_unit(ms: i64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)];
    let whole = units.into_iter().find(|(_, length_ms)| ms != 0 && ms % length_ms == 0);
    whole.map_or_else(|| "0s".to_owned(), |(unit, length_ms)| format!("{}{unit}", ms / length_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_is_written_as_it_may_be_read() {
        for (text, written, lag_ms) in [
            ("compaction(1h)", "compaction(1h)", 3_600_000),
            ("compaction( 1h30min )", "compaction(90min)", 5_400_000),
            ("compaction(0)", "compaction(0s)", 0),
            ("compaction(7d)", "compaction(7d)", 604_800_000),
            ("compaction(1001ms)", "compaction(1001ms)", 1001),
            ("compaction(2000ms)", "compaction(2s)", 2000),
            ("compaction(9223372036854775807ms)", "compaction(9223372036854775807ms)", i64::MAX),
        ] {
            let parsed: Eviction = text.parse().unwrap();
            assert_eq!((parsed, parsed.to_string()), (Compaction { lag_ms }.into(), written.to_owned()));
            assert_eq!((written.parse(), parsed.compaction_lag_ms()), (Ok(parsed), lag_ms));
        }
        let error = |text: &str| text.parse::<Eviction>().unwrap_err().to_string();
        assert_eq!(error("compaction"), "'compaction': compaction takes 1 arguments; write it as compaction(lag)");
        for text in ["compaction()", "compaction(soon)", "compaction(-1h)", "compaction(1)"] {
            assert!(error(text).ends_with("write it as compaction(lag)"), "{}", error(text));
        }
    }
}
