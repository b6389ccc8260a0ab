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
mod deduplicate;
mod driver;
pub mod eviction;
mod fault;
mod feed;
mod home;
mod logic;
mod machine;
pub mod oracle;
pub mod order;
mod part;
mod pipeline;
mod run;
mod settings;
mod shapes;
mod states;
mod strategy;
mod table;
mod total;
mod window;

pub use answers::{Answers, Cells, Change, Changes, Row};
pub use driver::{Census, Driver, Drivers, Unhurried};
pub use eviction::EvictionName;
pub use fault::{Fault, FaultKind};
pub use feed::{Delivery, Feed, Reached};
pub use home::{Cluster, Connected, Home, over};
pub use logic::{
    Afterwards, Delivered, Key, KeyedLogic, Mergeable, Message, SPENT, StatelessLogic, Timed, Turn, WindowLogic,
};
pub use order::OrderName;
pub use pipeline::{Pipeline, Prepared};
pub use run::{Choice, RunEnd, RunError, Site, WorkerEnd, WorkerHook};
pub use settings::{Parameter, SettingError, Settings};
pub use shapes::{Chained, FirstDeliveries, Grouped, Keyed, Merging, MergingChained, Stateless, WithDifferential};
pub use strategy::differential::{Collected, Events, Happened, Incremental, Rows};
pub use strategy::{Strategy, StrategyGap};
pub use total::Total;
