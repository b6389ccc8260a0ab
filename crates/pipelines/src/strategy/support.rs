//! Which strategies support which shapes of pipelines, and why the others do not.

use super::{Strategy, StrategyGap};
use crate::eviction::EvictionName;
use crate::run::Choice;

const NO_STATE: StrategyGap = "without state there is nothing to spread but reading, as exchange does";
const IN_ORDER: StrategyGap =
    "its states follow from the order of all events of a key, so parts of them cannot be put together";
const NO_RETRACTION: StrategyGap =
    "under speculative events are taken back one by one, so they cannot be put together first";

const NOTHING_TO_ARRANGE: StrategyGap =
    "a stateless pipeline has nothing to arrange: no event changes what another one means";
const BY_ARRIVAL: StrategyGap =
    "which delivery is the first follows from the order of arrival, so there is nothing to combine before";
const NO_ARRIVALS: StrategyGap =
    "which delivery is the first follows from the order of arrival, and its collections change with event time";
const NOT_WRITTEN: StrategyGap = "nobody has written it as collections that change with event time";
const BY_THE_FRONTIER: StrategyGap =
    "its logical time is event time: it answers when the watermark has passed, as under the order policy watermark";
const BY_COMPACTION: StrategyGap =
    "what it forgets is taken out by negative updates, which are part of the answer; there is nothing to keep for ever";

pub(crate) fn gap_of_stateless(choice: &Choice) -> Option<StrategyGap> {
    match choice.strategy {
        Strategy::Differential => Some(NOTHING_TO_ARRANGE),
        Strategy::CoPartitioned | Strategy::PreAggregate | Strategy::Shared | Strategy::HotSplit => Some(NO_STATE),
        _ => None,
    }
}

/// Returns why first deliveries cannot be asked for: `differential` sees events when the watermark has passed them,
/// by event time.
pub(crate) fn gap_of_deliveries(choice: &Choice) -> Option<StrategyGap> {
    match choice.strategy {
        Strategy::PreAggregate | Strategy::HotSplit => Some(BY_ARRIVAL),
        Strategy::Differential => Some(NO_ARRIVALS),
        _ => None,
    }
}

pub(crate) fn gap_of_keyed(choice: &Choice) -> Option<StrategyGap> {
    match choice.strategy {
        Strategy::PreAggregate | Strategy::HotSplit => Some(IN_ORDER),
        Strategy::Differential => Some(NOT_WRITTEN),
        _ => None,
    }
}

/// Returns the gap of chained logic; `pre-aggregate` is of use where the rows of the first stage can be combined.
pub(crate) fn gap_of_chained(choice: &Choice, rows_combine: bool) -> Option<StrategyGap> {
    if choice.strategy == Strategy::PreAggregate && rows_combine { None } else { gap_of_keyed(choice) }
}

pub(crate) fn gap_of_grouped(choice: &Choice) -> Option<StrategyGap> {
    (choice.strategy == Strategy::Differential).then_some(NOT_WRITTEN)
}

pub(crate) fn gap_of_merging(choice: &Choice) -> Option<StrategyGap> {
    match choice.strategy {
        Strategy::PreAggregate | Strategy::HotSplit => choice.order.takes_back().then_some(NO_RETRACTION),
        Strategy::Differential => Some(NOT_WRITTEN),
        _ => None,
    }
}

pub(crate) fn gap_of_incremental(choice: &Choice) -> Option<StrategyGap> {
    if !choice.order.waits() {
        return Some(BY_THE_FRONTIER);
    }
    (choice.eviction != EvictionName::Frontier).then_some(BY_COMPACTION)
}
