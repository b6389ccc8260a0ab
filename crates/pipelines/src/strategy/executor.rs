//! Runs the stages of a pipeline with the strategy they are asked for.

use super::dataflow::context::WorkerTotals;
use super::dataflow::sink::ResultCollector;
use super::declaration::{Executor, UnsupportedReason};
use super::stage::{FirstStage, SecondStage};
use super::{hot_split, sequential, shared, topology};
use crate::answers::Corrupt;
use crate::message::Message;
use crate::run::{RunContext, RunError};

/// Runs one stage that gives the answers.
pub(crate) fn one_stage<M: Message, R: Message + Corrupt>(
    context: &RunContext,
    first: FirstStage<M, R>,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    match context.config.strategy.0.executor {
        Executor::Sequential => Ok(sequential::one_stage(context, first, collector)),
        Executor::Dataflow(topology) => topology::one_stage(topology, context, first, collector),
        Executor::Shared => shared::one_stage(context, first, collector),
        Executor::HotSplit => hot_split::one_stage(context, first, collector),
        Executor::Differential => Err(unsupported(context, NOT_WRITTEN)),
    }
}

/// Runs a stage and a second one that gives the answers.
pub(crate) fn two_stages<M: Message, B: Message, R: Message + Corrupt>(
    context: &RunContext,
    first: FirstStage<M, B>,
    second: SecondStage<B, R>,
    collector: &ResultCollector<R>,
) -> Result<Vec<WorkerTotals>, RunError> {
    match context.config.strategy.0.executor {
        Executor::Sequential => Ok(sequential::two_stages(context, first, &second, collector)),
        Executor::Dataflow(topology) => topology::two_stages(topology, context, first, second, collector),
        Executor::Shared => shared::two_stages(context, first, second, collector),
        Executor::HotSplit => hot_split::two_stages(context, first, second, collector),
        Executor::Differential => Err(unsupported(context, NOT_WRITTEN)),
    }
}

/// Why `differential` does not serve a pipeline that has only been written as logic.
pub(crate) const NOT_WRITTEN: UnsupportedReason = "it has no implementation as collections that change with event time";

fn unsupported(context: &RunContext, reason: UnsupportedReason) -> RunError {
    RunError::Unsupported { strategy: context.config.strategy.name(), reason }
}
