//! What this package promises to others: how logs are read and written, and how mappings are drafted.

#![allow(clippy::unwrap_used, reason = "clippy takes the helpers of these files for more than tests")]

mod cloud_events;
mod dialects;
mod drafts;
mod files;
mod logs;
mod reading; // how all of them read a log
mod rows_of_others;
