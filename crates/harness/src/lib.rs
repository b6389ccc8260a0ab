//! Clocks, threads and child processes: the only part that measures.
//!
//! An [`experiment`] is data, of which a plan makes cases. [`run`](mod@run) takes them one by one, each in one or more
//! processes of its own, supervised for a deadline and a memory cap. In such a process, [`case`] generates the trace,
//! has [`measure`](mod@measure) offer it to a pipeline, searches for the sustainable rate where one is requested,
//! checks the answers and computes the numbers. The processes of a [`cluster`] run one dataflow together.
//! A [`gate`] has several builds run an experiment in turn and judges whether one does worse.
//! [`replay`](mod@replay) and [`generate`](mod@generate) answer and generate without measuring, and [`judge`] compares
//! the answers of other engines with the oracle's.
//!
//! What we feed (`flowbench-generators`, `flowbench-pipelines`) and how we judge (`flowbench-measurement`,
//! `flowbench-report`) meet here and nowhere else.

mod answers_so_far;
pub mod bench;
pub mod case;
pub mod cluster;
pub mod environment;
pub mod experiment;
pub mod gate;
pub mod generate;
pub mod judge;
#[cfg(feature = "live")]
pub mod live;
pub mod log;
pub mod measure;
pub mod packing;
mod pipeline_file;
pub mod replay;
pub mod replay_stats;
pub mod run;
pub mod schema;
mod supported;

pub use pipeline_file::{PipelineError, find_pipeline, find_pipeline_file};
pub use supported::{Unsupported, check_supported};
