//! A case, inside its own process: runs it, searches for its rate, checks its answers and computes its numbers.

mod check;
pub(crate) mod child;
mod error;
mod evaluate;
#[cfg(feature = "live")]
mod live;
mod search;
mod trial;
mod what_if;

pub use child::{abort_on_panic, case_process, peer_process, run};
pub use error::CaseError;
