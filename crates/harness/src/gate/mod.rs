//! The gate: does a build do worse than another one, or than a run that was kept?
//!
//! Columns that follow from the trace alone are compared exactly. Times and sizes are compared by the statistics of
//! [`comparison`](flowbench_measurement::comparison), and whatever looks worse is measured three more times before it counts:
//! it is a regression if it is worse in three of four.
//!
//! Decision D-426.

mod accepted;
mod build_under_test;
mod request;
mod rounds;
mod suspects;

pub use accepted::{Accepted, AcceptedError, read_accepted};
pub use build_under_test::{BuildUnderTest, NoOtherBuild};
pub use request::{GateRequest, Gated, judge_runs};
pub use rounds::{GateError, MeasuredBuild, RoundObserver};
pub use suspects::{Judged, Judgement};
