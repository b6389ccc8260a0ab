//! Live sessions: pipelines that answer a trace while it is being written.
//!
//! The gate of `flowbench-live` records what arrives and cuts it into epochs. The strategies answer them as they answer
//! the epochs of a log, one after the other, and the answers to each go to the feed of their pipeline. So a feed is a
//! function of the recording: after a restart it has the same answers at the same positions.
//!
//! Decisions D-443 and D-444.

mod answer_feed;
mod pipeline_run;
mod remarks;
mod rules;
mod service;
mod session;
mod sources;
#[cfg(test)]
mod tests;
mod wall;
mod wall_figures;

pub use crate::answers_so_far::AnswersSoFar;
pub use rules::{RuleState, RulesState};
pub use service::{LiveService, ServiceError, ServiceSpec};
pub use session::{
    EMITTED, INBOX, LivePipeline, LiveSession, LiveSessionEnd, LiveSessionError, LiveSpec, PipelineProgress,
};
pub use sources::{Pace, SourceReport, offer_generated, offer_lines, offer_log};
pub(crate) use wall::wall_file;
pub use wall::wall_pipelines;
