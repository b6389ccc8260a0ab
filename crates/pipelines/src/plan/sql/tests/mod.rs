mod broken;
mod duckdb;
mod meaning;
mod mutated;
mod plans;
mod round_trip;
mod traces;
mod wordless;

use flowbench_events::{SourceText, Symbols};

use super::spelling::Spelling;
use super::{read, write};
use crate::plan::definition::{self, Definition, StageKind};
use crate::plan::document::Formula;
use crate::plan::expression::syntax::Syntax;
use crate::plan::lower::lower;

/// Reads a file by its ending.
fn definition_of(name: &str, text: &str) -> Definition {
    let source = SourceText::new(name, text);
    let read = if name.ends_with(".sql") { read(&source) } else { definition::read(&source) };
    read.unwrap_or_else(|problems| panic!("{problems}\nin {text}"))
}

/// What a plan does, in words that are the same for the same plan; `None` if it is none. Filters that follow each other are
/// one, and neither the order nor the names of aggregates matter.
fn described(definition: &Definition) -> Option<String> {
    let mut definition = definition.clone();
    let mut stages = Vec::new();
    for mut stage in definition.stages {
        match &mut stage.what {
            StageKind::Filter(condition) => {
                let place = stage.place.clone();
                stages.extend(
                    conditions(condition).into_iter().map(|what| definition::Stage { place: place.clone(), what }),
                );
                continue;
            }
            StageKind::Running(compute)
            | StageKind::Tumble { compute, .. }
            | StageKind::Hop { compute, .. }
            | StageKind::Session { compute, .. } => {
                compute.sort_by_key(|named| Spelling::plain().text(&named.formula.expression));
            }
            _ => {}
        }
        stages.push(stage);
    }
    definition.stages = stages;
    let defaults: Vec<String> = definition.parameters.iter().map(|declared| declared.default.text.clone()).collect();
    let mut symbols = Symbols::default();
    symbols.country("FR");
    symbols.country("GB");
    let symbols = [Symbols::default(), symbols];
    let descriptions = symbols.iter().map(|symbols| {
        let lowered = lower(&definition, &defaults, symbols).ok()?;
        Some(format!("{:#?}\n{:#?}", lowered.logic, lowered.schema))
    });
    let heading = format!("{:?} {:?}", definition.question, definition.notes);
    let parameters = definition
        .parameters
        .iter()
        .map(|one| format!("{} {:?} {} {}", one.name, one.of, one.default.text, one.meaning));
    let said: String = descriptions.collect::<Option<Vec<String>>>()?.concat();
    Some(format!("{heading}\n{}\n{}", parameters.collect::<Vec<_>>().join("\n"), without_names_of_aggregates(&said)))
}

fn without_names_of_aggregates(said: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in said.lines() {
        let is_of_aggregate = lines.last().is_some_and(|last| last.trim_start().starts_with("Aggregate {"));
        if !is_of_aggregate || !line.trim_start().starts_with("name: ") {
            lines.push(line);
        }
    }
    lines.join("\n")
}

fn conditions(condition: &Formula) -> Vec<StageKind> {
    match &condition.expression.syntax {
        Syntax::And(operands) => operands
            .iter()
            .flat_map(|operand| {
                let mut formula = condition.clone();
                formula.expression = operand.clone();
                conditions(&formula)
            })
            .collect(),
        _ => vec![StageKind::Filter(condition.clone())],
    }
}

/// Writes a plan as SQL and returns what is read from that.
fn again(definition: &Definition) -> Result<(String, Definition), String> {
    let sql = write(definition)?;
    let again = definition_of("again.sql", &sql);
    Ok((sql, again))
}
