//! Clocks, threads and child processes: the only part that measures.
//!
//! An [`experiment`] is data; [`plan`] makes cases of it, and [`run`] takes them one by one, each in a [`case`] process
//! of its own or in the several of a [`cluster`], [`watched`] for a deadline and a memory cap. In it, [`drive`] offers the
//! trace by a plan fixed before the run at a [`rate`] that may have to be searched first, [`probe`] turns completions into
//! latencies, [`sampler`] watches memory and the machine. [`replay`] and [`generate`] answer without measuring.
//!
//! What we feed (`flowbench-generators`, `flowbench-pipelines`) and how we judge (`flowbench-measurement`,
//! `flowbench-report`) meet here and nowhere else.

mod activity;
mod allocation;
pub mod case;
pub mod case_spec;
mod check;
mod clock;
pub mod cluster;
pub mod companions;
pub mod company;
pub mod drive;
pub mod environment;
pub mod experiment;
mod gauges;
pub mod generate;
mod own_process;
pub mod peer;
pub mod plan;
pub mod probe;
mod protocol;
pub mod rate;
pub mod replay;
pub mod run;
pub mod sampler;
pub mod scheduling;
mod search;
mod shares;
mod trial;
mod views;
pub mod watched;
mod worker_driver;
