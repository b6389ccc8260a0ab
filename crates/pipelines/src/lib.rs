//! The questions, and the ways to answer them.
//!
//! A pipeline is written once, as pure logic ([`StatelessLogic`] or [`KeyedLogic`]), and the axes compose around it:
//! a [`Strategy`] spreads the work, an [`order`] policy decides when an event is applied, an [`eviction`] when state
//! is forgotten. [`oracle`] applies the same logic with one plain loop: the truth that every run is compared with.
//! The [`catalogue`] lists the pipelines.
//!
//! This crate only depends on `flowbench-events`. It knows no clock and measures nothing: what it needs to be told
//! (may I offer more?) and what it can report (this is completed) goes through a [`Driver`].

mod answers;
pub mod catalogue;

mod deployment;
pub mod disorder;
mod driver;
pub mod eviction;
mod fault;
mod feed;
mod logic;
pub mod oracle;
mod pipeline;
mod run;
mod settings;
mod shapes;
mod speculative;
mod state;
mod strategy;
mod total;

pub use answers::{Answers, Cells, Change, Changes, Row};
pub use deployment::{Cluster, Connected, Deployment, over};
pub use disorder::OrderName;
pub use driver::{Driver, Drivers, StateCounts, UnpacedDriver};
pub use eviction::EvictionName;
pub use fault::{Fault, FaultKind};
pub use feed::{Delivery, EventTimeProgress, Feed};
pub use logic::{
    Delivered, EMPTY_STATE, Key, KeyedLogic, Mergeable, Message, StatelessLogic, Timed, TimerOutcome, Turn, WindowLogic,
};
pub use pipeline::{BoundPipeline, Pipeline};
pub use run::{RunConfig, RunContext, RunEnd, RunError, WorkerEnd, WorkerHook};
pub use settings::{Parameter, SettingError, Settings};
pub use shapes::{Chained, FirstDeliveries, Grouped, Keyed, Merging, MergingChained, Stateless, WithDifferential};
pub use strategy::differential::{Collected, Events, Incremental, Rows, TimedEvent};
pub use strategy::{Strategy, UnsupportedReason};
pub use total::Total;
