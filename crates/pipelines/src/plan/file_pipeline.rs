//! A pipeline from a file, as one of the catalogue is: with a name, parameters and columns.
//!
//! Decision D-046.

use std::sync::Arc;

use flowbench_events::{Event, Horizon, Problems, SourceText, Symbols, rfc3339};

use super::definition::{Definition, read};
use super::expression::compile::Compiler;
use super::expression::node::{Failure, Failures};
use super::lower::{Logic, Lowered, lower};
use super::row::{Schema, with_columns};
use super::sql;
use crate::answers::{Answers, Changes};
#[cfg(test)]
use crate::eviction::Loss;
use crate::pipeline::{About, BoundPipeline, Pipeline};
use crate::run::{ChangesOutlet, RunConfig, RunContext, RunEnd, RunError};
use crate::settings::{Parameter, SettingError, Settings};
use crate::shapes::{Keyed, Merging, Stateless, Windowed};
use crate::strategy::declaration::UnsupportedReason;

/// A pipeline that somebody wrote in a file.
///
/// # Examples
///
/// ```
/// use flowbench_pipelines::plan::FilePipeline;
/// use flowbench_pipelines::Pipeline;
///
/// let pipeline = FilePipeline::parse("./large.toml", r#"
///     question = "Which orders are worth more than 500?"
///
///     [[stage]]
///     filter = 'kind == "order_placed" && value > 500'
///
///     [[stage]]
///     emit = ["order", "value"]
/// "#)?;
/// assert_eq!((pipeline.name(), pipeline.about().columns), ("./large.toml", &["order", "value"][..]));
/// # Ok::<(), flowbench_events::Problems>(())
/// ```
pub struct FilePipeline {
    definition: Definition,
    about: &'static About,
}

impl FilePipeline {
    /// Reads a pipeline from the text of a file; its name is the path of the file, and SQL if it ends in `.sql`.
    ///
    /// It lives as long as the program, as the pipelines of the catalogue do, so a few hundred bytes of each text that
    /// is read are never freed.
    ///
    /// # Errors
    ///
    /// Names the places of all problems, with the likely fixes.
    pub fn parse(name: &str, text: &str) -> Result<&'static FilePipeline, Problems> {
        let source = SourceText::new(name, text);
        let is_sql = name.ends_with(".sql");
        let definition = if is_sql { sql::read(&source)? } else { read(&source)? };
        let defaults: Vec<String> =
            definition.parameters.iter().map(|declared| declared.default.text.clone()).collect();
        let lowered = lower(&definition, &defaults, &Symbols::default());
        let lowered = lowered.map_err(|problems| if is_sql { sql::in_sql(problems) } else { problems })?;
        let about = about(name, &definition, &lowered);
        Ok(Box::leak(Box::new(FilePipeline { definition, about })))
    }

    /// True if a name is that of a file: it ends in `.toml` or `.sql`, or has a `/`.
    pub fn is_path(name: &str) -> bool {
        name.ends_with(".toml") || name.ends_with(".sql") || name.contains('/')
    }

    /// Returns the pipeline as a file of SQL, from which the same plan is read.
    ///
    /// # Errors
    ///
    /// Names what SQL has no words for.
    pub fn sql(&self) -> Result<String, String> {
        sql::write(&self.definition)
    }
}

impl Pipeline for FilePipeline {
    fn about(&self) -> &'static About {
        self.about
    }

    fn bind(&self, settings: &Settings, symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        let mut values = Vec::with_capacity(self.about.parameters.len());
        for (parameter, declared) in self.about.parameters.iter().zip(&self.definition.parameters) {
            let value = settings.text(parameter.name).to_owned();
            let word = Compiler::new(symbols).word_of(&value, declared.of);
            word.map_err(|reason| SettingError::Impossible { name: parameter.name, value: value.clone(), reason })?;
            values.push(value);
        }
        let lowered = lower(&self.definition, &values, symbols);
        let Lowered { logic, mut schema, failures, .. } =
            lowered.map_err(|problems| SettingError::Unfit(problems.list()[0].to_string()))?;
        schema.names = self.about.columns;
        let inner: Box<dyn BoundPipeline> = match logic {
            Logic::EachEvent(logic) => logic.bound(),
            Logic::Running(logic) => Box::new(Keyed(logic)),
            Logic::CountIn(logic) => Box::new(Keyed(logic)),
            Logic::Tumbling(logic) => Box::new(Windowed(Stateless(logic.clone()), logic)),
            Logic::Hopping(panes, logic) => Box::new(Windowed(Merging(panes), logic)),
            Logic::BestOfTumbling(logic, best) => Box::new(Windowed(Stateless(logic), best)),
            Logic::BestOfHopping(panes, best) => Box::new(Windowed(Merging(panes), best)),
            Logic::Sessions(logic) => Box::new(Merging(logic)),
            Logic::Sequence(logic) => Box::new(Keyed(logic)),
            Logic::Matching(logic) => Box::new(Keyed(logic)),
            Logic::Absence(logic) => Box::new(Keyed(logic)),
        };
        Ok(Box::new(BoundPlan { inner, schema: Arc::new(schema), failures }))
    }
}

/// Describes a pipeline for as long as the program runs.
fn about(name: &str, definition: &Definition, lowered: &Lowered) -> &'static About {
    let parameters = definition.parameters.iter().map(|declared| Parameter {
        name: leaked(&declared.name),
        default: leaked(&declared.default.text),
        meaning: leaked(&match declared.meaning.as_str() {
            "" => declared.of.to_string(),
            meaning => meaning.to_owned(),
        }),
    });
    let columns = lowered.schema.columns.iter().map(|column| leaked(&column.name));
    Box::leak(Box::new(About {
        name: leaked(name),
        question: leaked(match definition.question.as_str() {
            "" => "A pipeline from a file, without a question.",
            question => question,
        }),
        sql: leaked(&definition.sql),
        edge_cases: leaked(&definition.notes),
        state: leaked(&lowered.state),
        parameters: Box::leak(parameters.collect()),
        columns: Box::leak(columns.collect()),
    }))
}

fn leaked(text: &str) -> &'static str {
    Box::leak(text.into())
}

/// A plan with its parameters fixed: it gives rows their columns, and fails if a calculation had no result.
struct BoundPlan {
    inner: Box<dyn BoundPipeline>,
    schema: Arc<Schema>,
    failures: Failures,
}

impl BoundPipeline for BoundPlan {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        with_columns(self.inner.oracle(canonical), &self.schema)
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        self.inner.counts(asked)
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        self.inner.unsupported_reason(config)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        self.failures.take();
        let end = self.inner.run(&self.with_own_columns(context))?;
        if let Some(failure) = self.failures.take() {
            return Err(calculation_error(&failure, &context.feed.trace().symbols));
        }
        let answers = with_columns(end.answers, &self.schema);
        let changes = end.changes.map(|changes| changes.map_rows(|rows| with_columns(rows, &self.schema)));
        Ok(RunEnd { answers, changes, ..end })
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        self.inner.without_key(events)
    }

    fn retention_ms(&self, events: &[Event]) -> Option<i64> {
        self.inner.retention_ms(events)
    }

    #[cfg(test)]
    fn oracle_with_loss(&self, events: &[Event], loss: &Loss) -> Option<Box<dyn Answers>> {
        Some(with_columns(self.inner.oracle_with_loss(events, loss)?, &self.schema))
    }
}

impl BoundPlan {
    /// Returns the context in which answers that are given on have the columns of the plan.
    fn with_own_columns(&self, context: &RunContext) -> RunContext {
        let outlet = context.outlet.clone().map(|outlet| {
            let schema = Arc::clone(&self.schema);
            let with_columns = move |changes: Changes| outlet(changes.map_rows(|rows| with_columns(rows, &schema)));
            Arc::new(with_columns) as ChangesOutlet
        });
        RunContext { outlet, ..context.clone() }
    }
}

fn calculation_error(failure: &Failure, symbols: &Symbols) -> RunError {
    let mut event_id = String::new();
    symbols.push_event_id(failure.event_id, &mut event_id);
    RunError::Calculation { what: failure.what, event_id, event_time: rfc3339(failure.event_time_ms) }
}
