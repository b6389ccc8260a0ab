//! A pipeline as seen from outside: by name, with its axes chosen and its answers type-erased.

use flowbench_events::{Event, Horizon, Symbols};

use crate::answers::Answers;
#[cfg(test)]
use crate::eviction::Loss;
use crate::run::{RunConfig, RunContext, RunEnd, RunError};
use crate::settings::{Parameter, SettingError, Settings};
use crate::strategy::declaration::{StrategyProblem, UnsupportedReason};

/// A named question with exact semantics: one entry of the catalogue.
///
/// # Examples
///
/// ```
/// use flowbench_events::{Event, EventId, Symbols};
/// use flowbench_pipelines::{About, BoundPipeline, Pipeline, Row, SettingError, Settings, Stateless, StatelessLogic};
///
/// flowbench_pipelines::answer! {
///     struct Seen about (event_id) {
///         event_id: EventId = event_id,
///     }
/// }
///
/// #[derive(Clone)]
/// struct All;
///
/// impl StatelessLogic for All {
///     type Row = Seen;
///
///     fn answer(&self, event: &Event) -> Option<Seen> {
///         Some(Seen { event_time_ms: event.event_time_ms(), event_id: event.event_id() })
///     }
/// }
///
/// struct AllEvents;
///
/// impl Pipeline for AllEvents {
///     fn about(&self) -> &'static About {
///         &About {
///             name: "all-events",
///             question: "Which events are there?",
///             sql: "SELECT event_time, event_id FROM events",
///             edge_cases: "",
///             state: "",
///             parameters: &[],
///             columns: Seen::COLUMNS,
///         }
///     }
///
///     fn bind(&self, _: &Settings, _: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
///         Ok(Box::new(Stateless(All)))
///     }
/// }
///
/// assert!(AllEvents.is_stateless());
/// ```
pub trait Pipeline: Sync {
    /// Returns its name, question, edge cases, parameters and columns.
    fn about(&self) -> &'static About;

    /// Fixes the parameters for a trace with these symbols. `settings` only has parameters that there are.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that is out of range.
    fn bind(&self, settings: &Settings, symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError>;

    /// True if event time does not matter to it: its answers are exact under every order policy, and none waits.
    fn goes_by_arrival(&self) -> bool {
        self.is_stateless()
    }

    /// Returns its name on the command line and in experiments.
    fn name(&self) -> &'static str {
        self.about().name
    }

    /// True if every answer is to a single event, whatever came before.
    fn is_stateless(&self) -> bool {
        self.about().state.is_empty()
    }

    /// Returns why `config` cannot serve this pipeline; `None` if it can.
    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        self.prepare(&[], &Symbols::default()).ok()?.unsupported_reason(config)
    }

    /// Returns the columns that identify an answer; see [`Row::subject_columns`](crate::Row::subject_columns).
    fn key_columns(&self) -> Vec<&'static str> {
        let prepared = self.prepare(&[], &Symbols::default());
        prepared.map_or_else(|_| Vec::new(), |prepared| prepared.oracle(&[]).subject_columns())
    }

    /// Fixes the parameters (`KEY=VALUE`) for a trace with these symbols.
    ///
    /// # Errors
    ///
    /// Fails with the first setting that is unknown, given twice, or out of range.
    fn prepare(&self, settings: &[String], symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        self.bind(&Settings::new(self.about().parameters, settings)?, symbols)
    }
}

/// The description of a pipeline.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Name on the command line and in experiments.
    pub name: &'static str,
    /// The question in one or two sentences.
    pub question: &'static str,
    /// The question as reference SQL over a table `events`; empty if there is none.
    pub sql: &'static str,
    /// The edge cases, and how each is decided.
    pub edge_cases: &'static str,
    /// What is remembered and for how long; empty for a stateless pipeline.
    pub state: &'static str,
    /// The parameters it takes.
    pub parameters: &'static [Parameter],
    /// The columns of its answers after `event_time`.
    pub columns: &'static [&'static str],
}

/// A pipeline with its parameters fixed.
pub trait BoundPipeline: Send + Sync {
    /// Returns the truth for events in canonical order (see [`occurrences`](crate::oracle::occurrences) and [`delivered`](crate::oracle::delivered)): those
    /// that [`counts`](BoundPipeline::counts) describes.
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers>;
    /// Returns within which horizon only first deliveries count, where `asked` is requested in front of the pipeline;
    /// `None` if all count.
    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        asked
    }
    /// Returns why it cannot run with `config`; `None` if it can.
    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason>;
    /// Checks that it can run in this context: with this strategy, on this many workers and processes.
    ///
    /// # Errors
    ///
    /// [`RunError::Workers`] or [`RunError::Unsupported`] if it cannot.
    fn check(&self, context: &RunContext) -> Result<(), RunError> {
        let (strategy, workers) = (context.config.strategy, context.workers());
        let checked = strategy.check(self.unsupported_reason(&context.config), workers, context.deployment.processes());
        checked.map_err(|problem| match problem {
            StrategyProblem::Unsupported(reason) => RunError::Unsupported { strategy: strategy.name(), reason },
            StrategyProblem::Workers(allowed) => RunError::Workers { strategy: strategy.name(), allowed, workers },
        })
    }
    /// Runs it, and returns when everything is answered.
    ///
    /// # Errors
    ///
    /// What [`check`](BoundPipeline::check) says, or what went wrong in the dataflow.
    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError>;
    /// Returns how many of `events` would concern the pipeline but have no key.
    fn without_key(&self, events: &[Event]) -> u64;
    /// Returns how long a state is kept if nothing follows the event that created it, ms of event time: the maximum
    /// over the first 20,000 of `events`. `None` where one is kept forever, or nothing is kept.
    fn retention_ms(&self, _events: &[Event]) -> Option<i64> {
        None
    }
    /// Returns what must be answered to `events`, in the order of the trace, if states are lost; `None` if there is no
    /// telling.
    #[cfg(test)]
    fn oracle_with_loss(&self, _events: &[Event], _loss: &Loss) -> Option<Box<dyn Answers>> {
        None
    }
}
