//! From the TOML file of an experiment to its cases, each with everything its process needs to know.

pub(crate) mod axes;
mod axis_catalogue;
pub(crate) mod case_spec;
pub(crate) mod check;
pub(crate) mod document;
pub(crate) mod estimate;
pub(crate) mod file;
pub(crate) mod filter;
pub(crate) mod keys;
pub(crate) mod live_setup;
pub(crate) mod load;
pub(crate) mod plan;
pub(crate) mod rate;
mod resolved;
pub(crate) mod selection;
pub(crate) mod settings;
pub(crate) mod shares;
pub(crate) mod validate;

pub use axes::WatermarkSources;
pub use axis_catalogue::{AxisMeaning, axis_catalogue};
pub use case_spec::{CaseSpec, TooFewEvents, TraceSpec};
pub use document::Layer;
pub use estimate::{Estimate, Resources, TimeLeft, check_resources, size};
pub use file::{Experiment, Question, TraceChoice};
pub use filter::{CaseFilter, FilterError};
pub use flowbench_experiments::{SHIPPED, Shipped, shipped};
pub use keys::EXPERIMENT_SCHEMA_VERSION;
pub use load::LoadedExperiment;
pub use plan::Plan;
pub use rate::{Arrivals, OfferedLoad, percent};
pub use resolved::ResolvedValue;
pub use selection::Selection;
pub use settings::Overrides;
pub use validate::parse_and_plan;
