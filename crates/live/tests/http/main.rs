//! The service as clients see it: bytes on a socket, against an intake that only writes down what it is offered.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail like tests")]

mod access;
mod client;
mod feeds;
mod fixture;
mod hostile;
mod limits;
mod posting;
