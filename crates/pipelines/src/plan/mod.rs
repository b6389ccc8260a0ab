//! Pipelines in a file: stages and expressions in TOML, or a query in SQL (`sql`), which become a pipeline like any other.
//!
//! A file is read (`definition`), its names and types are checked and it becomes logic (`lower`) for the seams that
//! all pipelines have; so every strategy, order policy and eviction serves it.

mod absence;
mod aggregate;
mod definition;
mod document;
mod expression;
mod file_pipeline;
mod hopping;
mod key;
mod lower;
mod matching;
mod per_event;
mod row;
mod row_condition;
mod sequence;
mod session;
mod sql;
mod template;
#[cfg(test)]
mod tests;
mod top_k;
mod tumbling;

pub use file_pipeline::FilePipeline;
pub use row_condition::RowCondition;
