//! The contract between the code that measures and the code that reads results: plain structs, one for each kind of
//! file.
//!
//! `run.json` holds one [`RunRecord`]; `cases.ndjson` one [`CaseRecord`] a line; `timeline.csv` the
//! [`TimelinePoint`]s; `state.csv` the [`OperatorState`]s; `latency.hlog` the histograms, tagged by
//! [`CaseRecord::tag`]; where activity was logged, `operators.csv` the [`OperatorTime`]s and `channels.csv` the
//! [`ChannelLoad`]s. Readers refuse a [`SCHEMA_VERSION`] above their own and accept the ones below; what a version did
//! not have yet reads as its default, and has no value in [`CaseRecord::columns`]. Times are nanoseconds since the run
//! of the case began, unless the name says otherwise. A value that could not be measured is absent (`null`), never
//! zero.

mod build;
mod case;
mod figure_spec;
mod machine;
mod numbers;
mod run;
mod timeline;

pub use self::build::Build;
pub use self::case::{Axes, CASE_SCHEMA, CaseRecord, Doubt, Status};
pub use self::figure_spec::{FigureKind, FigureSpec, PanelSpec};
pub use self::machine::{Machine, MachineSetup, Surroundings};
pub use self::numbers::{
    Accuracy, Attribution, BurstRelease, Disorder, EntriesGrowth, EventTimeWait, EvictionCost, Growth,
    LatencyComponents, LiveNumbers, LostTime, Memory, Numbers, Probe, Progress, Quantiles, Series, Sharing,
    Sustainable, Verdict, ViewSkew, WhatIf, Wire, WorkerShare,
};
pub use self::run::{
    EarlierFailure, LogRecord, QuestionRecord, RUN_SCHEMA, RunRecord, SCHEMA_VERSION, Segment, TraceRecord,
};
pub use self::timeline::{AllocatorBytes, ChannelLoad, OperatorState, OperatorTime, TimelinePoint};

#[cfg(test)]
pub(crate) mod example;
