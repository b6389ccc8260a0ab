//! State by key or by window, and the operators that hold it.

pub(crate) mod dedup;
pub(crate) mod keyed_operator;
pub(crate) mod operator;
pub(crate) mod state_machine;
pub(crate) mod states;
pub(crate) mod table;
pub(crate) mod window_machine;
