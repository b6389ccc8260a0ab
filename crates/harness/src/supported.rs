//! Whether a configuration can run at all: asked before an experiment is run and before a log is replayed.

use flowbench_pipelines::{Pipeline, RunConfig, StrategyProblem};
use thiserror::Error;

/// Why a configuration cannot run.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// The strategy does not support the pipeline, or not with the other choices.
    #[error("{strategy} does not serve {pipeline}: {reason}")]
    Strategy {
        /// Name of the strategy.
        strategy: &'static str,
        /// Name of the pipeline.
        pipeline: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The strategy does not run on this number of workers.
    #[error("{strategy} on {workers} workers (it runs on {allowed})")]
    Workers {
        /// Name of the strategy.
        strategy: &'static str,
        /// The number of workers of all processes together.
        workers: usize,
        /// The numbers of workers it runs on.
        allowed: &'static str,
    },
}

/// Checks that `processes` processes can run a pipeline with this configuration.
///
/// # Errors
///
/// Fails with the reason if they cannot.
pub fn check_supported(pipeline: &dyn Pipeline, config: &RunConfig, processes: usize) -> Result<(), Unsupported> {
    let (strategy, workers) = (config.strategy, config.workers * processes);
    let checked = strategy.check(pipeline.unsupported_reason(config), workers, processes);
    checked.map_err(|problem| match problem {
        StrategyProblem::Unsupported(reason) => {
            Unsupported::Strategy { strategy: strategy.name(), pipeline: pipeline.name(), reason }
        }
        StrategyProblem::Workers(allowed) => Unsupported::Workers { strategy: strategy.name(), workers, allowed },
    })
}

#[cfg(test)]
mod tests {
    use flowbench_pipelines::{Registry, Strategy};

    use super::*;

    #[test]
    fn pipeline_processes_and_workers_are_checked() {
        let check = |pipeline: &str, strategy: Strategy, processes: usize| {
            let checked =
                check_supported(Registry::default().find(pipeline).unwrap(), &RunConfig::plain(strategy), processes);
            checked.map_err(|problem| problem.to_string())
        };
        assert_eq!(check("sessions", Strategy::EXCHANGE, 2), Ok(()));
        let error = |pipeline, strategy, processes| check(pipeline, strategy, processes).unwrap_err();
        assert!(error("identity", Strategy::HOT_SPLIT, 1).starts_with("hot-split does not serve identity: "));
        let wanted = "shared does not serve sessions: processes share no memory";
        assert_eq!(error("sessions", Strategy::SHARED, 2), wanted);
        let wanted = "sequential on 2 workers (it runs on exactly 1 worker)";
        assert_eq!(error("sessions", Strategy::SEQUENTIAL, 2), wanted);
    }
}
