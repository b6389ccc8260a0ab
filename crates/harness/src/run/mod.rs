//! Runs an experiment: one case after another, each in processes of its own that are supervised.

pub(crate) mod child_process;
pub(crate) mod command_line;
pub(crate) mod protocol;
pub(crate) mod session;
pub(crate) mod supervisor;
pub(crate) mod suspension;

pub use command_line::{from_current_folder, recorded_argv};
pub use protocol::{CASE_ARGUMENT, CaseResult, PANICKED};
pub use session::{Finished, HostRank, Request, RunFailed, RunObserver, experiment_of, follow, run};
pub use supervisor::{CaseProcesses, Ending};
