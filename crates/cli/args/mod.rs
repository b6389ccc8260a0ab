//! The arguments of the command line, checked as far as that needs neither files nor the catalogue.

mod catalogue;
mod commands;
mod compare;
mod config;
mod environment;
mod global;
mod judge;
mod log;
mod parse;
mod results;
mod run;
#[cfg(feature = "live")]
mod serve;
mod values;

pub(crate) use self::catalogue::{Completions, Doctor, Explain, List, Listed, Man, Wanted};
pub(crate) use self::commands::{Arguments, Command};
pub(crate) use self::compare::{Compare, Gate, OnInconclusive};
pub(crate) use self::config::{Config, ConfigShow, Schema, SchemaOf};
pub(crate) use self::environment::{command, set_variables};
pub(crate) use self::global::Global;
pub(crate) use self::judge::Judge;
pub(crate) use self::log::{Format, Generate, Inspect, Log, Map, Plot, Replay};
pub(crate) use self::results::{Export, Pack};
pub(crate) use self::run::{Bench, ClusterArgs, Report, Reproduce, Run};
#[cfg(feature = "live")]
pub(crate) use self::serve::{Serve, Token, TokenAdd};
pub(crate) use self::values::ExportTo;
