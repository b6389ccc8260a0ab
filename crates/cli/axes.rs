//! The axes of a run as they are typed.

use flowbench_pipelines::{EvictionError, RunConfig, UnknownName};

use crate::failure::Failure;

/// Returns the configuration with these values; one that is not known is an error with a suggestion.
pub(crate) fn run_config(strategy: &str, order: &str, eviction: &str, workers: u16) -> Result<RunConfig, Failure> {
    let strategy = strategy.parse().map_err(|error: UnknownName| Failure::usage_error(error))?;
    Ok(RunConfig {
        order: order.parse().map_err(|error: UnknownName| Failure::usage_error(error))?,
        eviction: eviction.parse().map_err(|error: EvictionError| Failure::usage_error(error))?,
        workers: usize::from(workers),
        ..RunConfig::plain(strategy)
    })
}
