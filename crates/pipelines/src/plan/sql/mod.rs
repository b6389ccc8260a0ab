//! SQL as the second door: a subset of SQL becomes the plan that stages in TOML become, and a plan is written in SQL.
//!
//! A text is [parsed](source) by the crate `sqlparser`. Its [queries](query), the innermost first, become stages, their
//! [expressions](expression) those of the plan; [aggregates](aggregate) over a [window frame](frame) or a [group](group)
//! become the stage that computes. The [writer](writer) goes the other way. What SQL means differently is refused, or
//! says exactly what the stage does.
//!
//! Decisions D-049 to D-052.

mod aggregate;
mod expression;
mod frame;
mod group;
mod hints;
mod presence;
mod query;
mod reader;
mod refused;
mod setting;
mod source;
mod spelling;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use flowbench_events::{Problems, SourceText};

use super::definition::Definition;
use super::document::Document;

pub(super) use hints::in_sql;
pub(super) use writer::write;

/// Reads a file of SQL.
///
/// # Errors
///
/// Everything that is wrong with its form, and what no stage does.
pub(super) fn read(source: &Arc<SourceText>) -> Result<Definition, Problems> {
    let mut document = Document::new(source);
    let heading = source::heading(source, &mut document);
    let parsed = source::parsed(source, &mut document);
    let Some((query, places)) = parsed else {
        Problems::check(document.problems)?;
        return Ok(heading.with(source, Vec::new()));
    };
    let (stages, problems) = query::stages(&query, &places, &heading.parameters, document);
    Problems::check(problems)?;
    Ok(heading.with(source, stages))
}
