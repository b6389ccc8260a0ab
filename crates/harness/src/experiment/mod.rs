//! From the TOML file of an experiment to its cases, each with everything its process needs to know.

pub(crate) mod case_spec;
pub(crate) mod file;
pub(crate) mod plan;
pub(crate) mod rate;
pub(crate) mod shares;

pub use case_spec::{Arrivals, CaseSpec, TraceSpec};
pub use file::{Experiment, ExperimentError, LoadedExperiment, Question, SHIPPED, TraceChoice};
pub use plan::{Plan, SOURCES_CHANNEL, SOURCES_MERGED, named};
pub use rate::{Rate, auto_records_per_epoch, percent};
