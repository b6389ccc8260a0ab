//! Why a case has no result.

use flowbench_events::Problems;
use flowbench_generators::ProfileError;
use flowbench_measurement::offered_load::ScheduleError;
use flowbench_pipelines::{RunError, SettingError, UnknownName};
use thiserror::Error;

use crate::experiment::TooFewEvents;
use crate::generate::UnusableProfile;
use crate::log::LogError;

/// Why a case has no result.
#[derive(Debug, Error)]
pub enum CaseError {
    /// The profile of the trace cannot be used.
    #[error(transparent)]
    Profile(#[from] UnusableProfile),
    /// The trace cannot be generated.
    #[error(transparent)]
    Trace(#[from] ProfileError),
    /// The log of the trace cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no pipeline of the requested name.
    #[error(transparent)]
    Pipeline(#[from] UnknownName),
    /// Something is wrong in the file of the pipeline.
    #[error(transparent)]
    PipelineFile(#[from] Problems),
    /// The pipeline does not take a setting.
    #[error("{pipeline}: {error}")]
    Setting {
        /// Name of the pipeline.
        pipeline: &'static str,
        /// What is wrong with the setting.
        error: SettingError,
    },
    /// The events cannot be offered at this rate.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The run went wrong.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The trace is too short for a search.
    #[error(transparent)]
    TooFewEvents(#[from] TooFewEvents),
    /// Several processes were to run a search.
    #[error("a search runs in one process")]
    SearchInSeveralProcesses,
    /// The live session could not be started or ended badly.
    #[cfg(feature = "live")]
    #[error(transparent)]
    Service(#[from] crate::live::ServiceError),
    /// Something went wrong with those who post to a live session, or with its replay.
    #[error("live: {0}")]
    Session(String),
    /// The files of a live session cannot be written.
    #[error("live: the files of the session among temporary files: {0}; TMPDIR names another place")]
    SessionFiles(#[from] std::io::Error),
    /// The recording of a live session cannot be read.
    #[error("live: the recording of the session: {0}")]
    Recording(String),
    /// The rate is a share of one that is not known yet.
    #[error("the rate is a share of what case {0} finds, which is not known")]
    UnresolvedShare(usize),
}
