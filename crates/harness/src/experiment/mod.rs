//! From the TOML file of an experiment to its cases, each with everything its process needs to know.

pub(crate) mod axes;
mod axis_catalogue;
pub(crate) mod case_spec;
pub(crate) mod file;
pub(crate) mod plan;
pub(crate) mod rate;
pub(crate) mod shares;

pub use axes::WatermarkSources;
pub use axis_catalogue::{AxisMeaning, axis_catalogue};
pub use case_spec::{CaseSpec, TooFewEvents, TraceSpec};
pub use file::{Experiment, ExperimentError, LoadedExperiment, Question, TraceChoice};
pub use flowbench_experiments::{SHIPPED, Shipped, shipped};
pub use plan::Plan;
pub use rate::{Arrivals, OfferedLoad, percent};
