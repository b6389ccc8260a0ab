//! Which strategies support which shapes of pipelines, and why the others do not.

use super::{Strategy, UnsupportedReason};
use crate::eviction::EvictionName;
use crate::run::RunConfig;

const NO_STATE: UnsupportedReason = "without state there is nothing to spread but reading, as exchange does";
const IN_ORDER: UnsupportedReason =
    "its states follow from the order of all events of a key, so parts of them cannot be put together";
const NO_RETRACTION: UnsupportedReason =
    "under speculative events are taken back one by one, so they cannot be put together first";

const NOTHING_TO_ARRANGE: UnsupportedReason =
    "a stateless pipeline has nothing to arrange: no event changes what another one means";
const BY_ARRIVAL: UnsupportedReason =
    "which delivery is the first follows from the order of arrival, so there is nothing to combine before";
const NO_ARRIVALS: UnsupportedReason =
    "which delivery is the first follows from the order of arrival, and its collections change with event time";
const NOT_WRITTEN: UnsupportedReason = "nobody has written it as collections that change with event time";
const BY_THE_FRONTIER: UnsupportedReason =
    "its logical time is event time: it answers when the watermark has passed, as under the order policy watermark";
const BY_COMPACTION: UnsupportedReason =
    "what it forgets is taken out by negative updates, which are part of the answer; there is nothing to keep for ever";

pub(crate) fn stateless(config: &RunConfig) -> Option<UnsupportedReason> {
    match config.strategy {
        Strategy::Differential => Some(NOTHING_TO_ARRANGE),
        Strategy::CoPartitioned | Strategy::PreAggregate | Strategy::Shared | Strategy::HotSplit => Some(NO_STATE),
        _ => None,
    }
}

/// Returns why first deliveries cannot be asked for: `differential` sees events when the watermark has passed them,
/// by event time.
pub(crate) fn deliveries(config: &RunConfig) -> Option<UnsupportedReason> {
    match config.strategy {
        Strategy::PreAggregate | Strategy::HotSplit => Some(BY_ARRIVAL),
        Strategy::Differential => Some(NO_ARRIVALS),
        _ => None,
    }
}

pub(crate) fn keyed(config: &RunConfig) -> Option<UnsupportedReason> {
    match config.strategy {
        Strategy::PreAggregate | Strategy::HotSplit => Some(IN_ORDER),
        Strategy::Differential => Some(NOT_WRITTEN),
        _ => None,
    }
}

/// Returns the gap of chained logic; `pre-aggregate` is of use where the rows of the first stage can be combined.
pub(crate) fn chained(config: &RunConfig, rows_combine: bool) -> Option<UnsupportedReason> {
    if config.strategy == Strategy::PreAggregate && rows_combine { None } else { keyed(config) }
}

pub(crate) fn grouped(config: &RunConfig) -> Option<UnsupportedReason> {
    (config.strategy == Strategy::Differential).then_some(NOT_WRITTEN)
}

pub(crate) fn merging(config: &RunConfig) -> Option<UnsupportedReason> {
    match config.strategy {
        Strategy::PreAggregate | Strategy::HotSplit => config.order.takes_back().then_some(NO_RETRACTION),
        Strategy::Differential => Some(NOT_WRITTEN),
        _ => None,
    }
}

pub(crate) fn incremental(config: &RunConfig) -> Option<UnsupportedReason> {
    if !config.order.waits() {
        return Some(BY_THE_FRONTIER);
    }
    (config.eviction != EvictionName::Frontier).then_some(BY_COMPACTION)
}
