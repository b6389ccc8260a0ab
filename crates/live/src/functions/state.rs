//! How functions are doing, as it is shown.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// How a function is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunctionState {
    /// The name, which is that of the file without its ending, such as `orders.count`.
    pub name: String,
    /// The SHA-256 of the file in hexadecimal; empty if it was not read.
    pub digest: String,
    /// The name of the queue it reads.
    pub feed: String,
    /// Whether it runs.
    pub status: FunctionStatus,
    /// The position of the next event it reads, once it has looked at its queue.
    pub cursor: Option<u64>,
    /// Batches that succeeded.
    pub batches: u64,
    /// Events of those batches.
    pub events: u64,
    /// Events it emitted in those batches.
    pub emitted: u64,
    /// Events it emitted that the session refused, such as those of a type that pipelines read.
    pub rejected: u64,
    /// Batches that failed, whether by a trap, for want of fuel, or by what it emitted.
    pub failures: u64,
    /// Events it was not given because the queue no longer kept them.
    pub missed: u64,
    /// Events it was not given because they had come through too many functions, as in a loop.
    pub looped: u64,
    /// Fuel that all batches have used, including those that failed.
    pub fuel: u64,
    /// The mean time of a batch in microseconds, including those that failed.
    pub batch_us_mean: u64,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// What it logged in the last batch in which it logged anything.
    pub log: Vec<String>,
}

/// Whether a function runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FunctionStatus {
    /// It is given the events of its queue.
    Running,
    /// There is no queue of the name that its file has.
    Waiting,
    /// It failed too often in a row. Its cursor is kept, and a changed file starts it anew.
    Suspended,
    /// The file is no function, for the reason that the last error gives.
    Refused,
}

/// Shows the functions of a host, from any thread.
#[derive(Debug, Clone, Default)]
pub struct FunctionStates(Arc<Mutex<Vec<FunctionState>>>);

impl FunctionState {
    pub(super) fn new(name: &str, feed: &str) -> FunctionState {
        FunctionState {
            name: name.to_owned(),
            digest: String::new(),
            feed: feed.to_owned(),
            status: FunctionStatus::Running,
            cursor: None,
            batches: 0,
            events: 0,
            emitted: 0,
            rejected: 0,
            failures: 0,
            missed: 0,
            looped: 0,
            fuel: 0,
            batch_us_mean: 0,
            last_error: None,
            log: Vec::new(),
        }
    }
}

impl FunctionStates {
    /// Returns the states of all functions by name, as they were after their last batches.
    pub fn get(&self) -> Vec<FunctionState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, states: Vec<FunctionState>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = states;
    }
}
