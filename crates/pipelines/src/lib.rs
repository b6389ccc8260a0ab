//! Streaming pipelines, and the strategies that run them.
//!
//! A pipeline is written once, as pure logic ([`StatelessLogic`] or [`KeyedLogic`]), and the axes compose around it:
//! a [`Strategy`] spreads the work, an [order policy](disorder) decides when an event is applied, an [`eviction`] when state
//! is forgotten. [`oracle`] applies the same logic with one plain loop: the truth that every run is compared with.
//! The [`catalogue`] lists the pipelines.
//!
//! This crate only depends on `flowbench-events`. It knows no clock and measures nothing: what it needs to be told
//! (may I offer more?) and what it can report (this is completed) goes through a [`Driver`].

mod answers;
mod axis;
pub mod catalogue;
mod deployment;
pub mod disorder;
mod driver;
mod event_time_progress;
pub mod eviction;
mod fault;
mod feed;
mod live_epochs;
mod logic;
mod message;
pub mod oracle;
mod pipeline;
pub mod plan;
mod progress;
mod recent;
mod registry;
mod run;
mod settings;
mod shapes;
mod speculative;
mod state;
mod strategy;
mod tight;
mod total;

pub use answers::{Answers, CellKind, Cells, Change, Changes, Row};
pub use axis::UnknownName;
pub use deployment::{Cluster, Connected, Deployment, over};
pub use disorder::OrderName;
pub use driver::{ArrangementCounts, Driver, Drivers, OperatorName, StateCounts, UnpacedDriver};
pub use eviction::{Eviction, EvictionError};
pub use fault::{Fault, FaultError, FaultKind};
pub use feed::{Delivery, EventTimeProgress, Feed};
pub use live_epochs::{LiveEpoch, LiveEpochs};
pub use logic::{Delivered, EMPTY_STATE, KeyedLogic, Mergeable, StatelessLogic, TimerOutcome, WindowLogic};
pub use message::{Key, Message, OrderKey, Timed};
pub use pipeline::{About, BoundPipeline, Pipeline};
pub use registry::{NameTaken, Registry};
pub use run::{ChangesOutlet, RunConfig, RunContext, RunEnd, RunError, WorkerEnd, WorkerHook};
pub use settings::{Parameter, SettingError, Settings};
pub use shapes::{FirstDeliveries, Keyed, Merging, Stateless, Windowed, WithDifferential};
pub use strategy::declaration::{Strategy, StrategyProblem, UnsupportedReason};
pub use strategy::differential::arrangements::Arrangements;
pub use strategy::differential::collections::{Collected, Events, Incremental, Rows, TimedEvent};
pub use total::Total;
