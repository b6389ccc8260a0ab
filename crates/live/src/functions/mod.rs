//! Functions of users, as WebAssembly modules in a folder: batches of events in, events out.
//!
//! What a module exports and may import is told to users in `FUNCTIONS.md`. The way of a batch through this code:
//! [`batch`] reads it from a queue, [`instance`] runs the module over it within [`limits`], [`emitted`] makes events of
//! what came out, and [`function`] offers those and moves the cursor. [`host`] does this for every file of a
//! [`folder`] and keeps the cursors.

mod batch;
mod emitted;
mod folder;
mod function;
mod host;
mod imports;
mod instance;
mod limits;
mod module;
mod running;
mod state;

#[cfg(test)]
mod tests;

pub use host::{FunctionHost, FunctionSettings, QueueByName};
pub use running::RunningFunctions;
pub use state::{FunctionState, FunctionStates, FunctionStatus};
