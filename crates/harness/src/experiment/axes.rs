//! The axes of an experiment: their names, defaults and ranges, and the values of one combination of them.

use flowbench_events::{Horizon, Problem, parse_duration_ms};
use flowbench_pipelines::{Eviction, Fault, OrderName, Registry, RunConfig, Strategy, UnknownName};
use serde::{Deserialize, Serialize};
use toml::Value;

use crate::experiment::file::Question;
use crate::experiment::live_setup::LiveSetup;
use crate::experiment::load::LoadedExperiment;
use crate::experiment::rate::{Arrivals, OfferedLoad};
use crate::measure::load::Idle;

/// The axes an experiment may name, each with the value it has if it is not named.
pub(crate) const AXES: [(&str, &str); 19] = [
    ("pipeline", ""),
    ("settings", ""),
    ("strategy", "exchange"),
    ("order", "watermark"),
    ("slack", "0s"),
    ("sources", "merged"),
    ("idle_timeout", "never"),
    ("idle", "spin"),
    ("eviction", "frontier"),
    ("workers", "1"),
    ("processes", "1"),
    ("records_per_epoch", "auto"),
    ("rate", "closed"),
    ("arrivals", "constant"),
    ("deduplicate", "false"),
    ("world", ""),
    ("fault", "none"),
    ("live", "off"),
    ("seed", ""),
];

/// Maximum number of workers of a process.
const WORKERS_MAX: usize = 64;
/// Maximum number of processes of a case.
const PROCESSES_MAX: usize = 64;
/// Maximum number of records in an epoch.
const RECORDS_PER_EPOCH_MAX: usize = 1_000_000;

/// The sources whose progress the watermark follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatermarkSources {
    /// All arrivals together: the watermark is held behind their newest event time.
    Merged,
    /// Each channel: the watermark is held behind the channel that is furthest behind.
    Channel,
}

impl WatermarkSources {
    const ALL: [WatermarkSources; 2] = [WatermarkSources::Merged, WatermarkSources::Channel];

    /// Returns the name used in files and records.
    pub fn name(self) -> &'static str {
        match self {
            WatermarkSources::Merged => "merged",
            WatermarkSources::Channel => "channel",
        }
    }
}

/// One value of an axis, with its number in the list of values if it stands in one.
pub(crate) type AxisValue = (&'static str, Value, Option<usize>);

/// One combination of axis values, of which each is parsed on request. Errors name the axis and its place.
pub(crate) struct Combination<'a> {
    pub(crate) loaded: &'a LoadedExperiment,
    /// Number of the part, from 0.
    pub(crate) part: usize,
    pub(crate) values: &'a [AxisValue],
}

impl Combination<'_> {
    fn value(&self, axis: &str) -> Option<&Value> {
        self.values.iter().find(|(name, ..)| *name == axis).map(|(_, value, _)| value)
    }

    pub(crate) fn text(&self, axis: &str) -> String {
        match self.value(axis) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        }
    }

    /// Returns the value as a filter compares it: a list of settings is their text.
    pub(crate) fn words(&self, axis: &str) -> String {
        match self.value(axis) {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
            _ => self.text(axis),
        }
    }

    pub(crate) fn error(&self, axis: &str, problem: &dyn std::fmt::Display) -> Problem {
        let number = self.values.iter().find(|(name, ..)| *name == axis).and_then(|(.., number)| *number);
        let number = number.map_or(String::new(), |number| format!("/{number}"));
        self.loaded.problem(&format!("part/{}/axes/{axis}{number}", self.part), &format!("{axis}: {problem}"))
    }

    /// Checks the one value of this combination by itself; a world is checked together with its trace.
    pub(crate) fn check(&self, axis: &str, registry: Registry) -> Result<(), Problem> {
        match axis {
            "pipeline" => self.parsed("pipeline", |name| registry.find(name)).map(drop),
            "settings" => self.settings().map(drop),
            "strategy" => self.parsed("strategy", str::parse::<Strategy>).map(drop),
            "order" => self.parsed("order", str::parse::<OrderName>).map(drop),
            "slack" => self.parsed("slack", parse_duration_ms).map(drop),
            "sources" => self.sources().map(drop),
            "idle_timeout" => self.idle_timeout_ms().map(drop),
            "idle" => self.idle().map(drop),
            "eviction" => self.parsed("eviction", str::parse::<Eviction>).map(drop),
            "workers" => self.workers().map(drop),
            "processes" => self.processes().map(drop),
            "records_per_epoch" => self.records_per_epoch().map(drop),
            "rate" if self.text("rate") != "as-recorded" => self.parsed("rate", OfferedLoad::parse).map(drop),
            "arrivals" => self.arrivals().map(drop),
            "deduplicate" => self.deduplicate().map(drop),
            "fault" if self.fault().is_some() => self.parsed("fault", str::parse::<Fault>).map(drop),
            "live" => self.live().map(drop),
            "seed" => self.seed().map(drop),
            _ => Ok(()),
        }
    }

    pub(crate) fn parsed<T, E: std::fmt::Display>(
        &self,
        axis: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Problem> {
        parse(&self.text(axis)).map_err(|problem| self.error(axis, &problem))
    }

    fn named<T: Copy>(&self, axis: &'static str, known: &[(&str, T)]) -> Result<T, Problem> {
        self.parsed(axis, |text| named(axis, text, known))
    }

    fn whole(&self, axis: &str, most: usize) -> Result<usize, Problem> {
        let whole = |text: &str| text.parse::<usize>().ok().filter(|number| (1..=most).contains(number));
        self.parsed(axis, |text| whole(text).ok_or(format!("{text} is outside 1 to {most}, whole numbers")))
    }

    /// Returns the values of all axes that a pipeline knows.
    pub(crate) fn config(&self) -> Result<RunConfig, Problem> {
        let strategy = self.parsed("strategy", str::parse)?;
        let order = self.parsed("order", str::parse)?;
        let eviction = self.parsed("eviction", str::parse)?;
        let (workers, deduplicate) = (self.workers()?, self.deduplicate()?);
        let fault = match self.fault() {
            Some(_) => Some(self.parsed("fault", str::parse)?),
            None => None,
        };
        Ok(RunConfig { strategy, order, eviction, workers, deduplicate, fault })
    }

    fn workers(&self) -> Result<usize, Problem> {
        self.whole("workers", WORKERS_MAX)
    }

    fn deduplicate(&self) -> Result<Option<Horizon>, Problem> {
        self.named("deduplicate", &[("true", Some(Horizon::DAY)), ("false", None)])
    }

    fn arrivals(&self) -> Result<Arrivals, Problem> {
        self.named("arrivals", &Arrivals::NAMES)
    }

    /// Returns the planted fault as it is written; `None` if there is none.
    pub(crate) fn fault(&self) -> Option<String> {
        Some(self.text("fault")).filter(|fault| fault != "none")
    }

    /// Returns the live session through which events come to the pipeline; `None` for none.
    pub(crate) fn live(&self) -> Result<Option<LiveSetup>, Problem> {
        self.parsed("live", LiveSetup::parse)
    }

    pub(crate) fn processes(&self) -> Result<usize, Problem> {
        self.whole("processes", PROCESSES_MAX)
    }

    /// Returns the load; `rate = "as-recorded"` offers `events` in `duration_ms`, whatever `arrivals` says.
    pub(crate) fn load(&self, events: u64, duration_ms: u64) -> Result<OfferedLoad, Problem> {
        if self.text("rate") == "as-recorded" {
            return Ok(OfferedLoad::as_recorded(events, duration_ms));
        }
        match self.parsed("rate", OfferedLoad::parse)? {
            OfferedLoad::Closed => Ok(OfferedLoad::Closed),
            load => Ok(load.with_arrivals(self.arrivals()?)),
        }
    }

    pub(crate) fn sources(&self) -> Result<WatermarkSources, Problem> {
        self.named("sources", &WatermarkSources::ALL.map(|one| (one.name(), one)))
    }

    /// Returns how long a source may be silent, ms; `None` for forever.
    pub(crate) fn idle_timeout_ms(&self) -> Result<Option<i64>, Problem> {
        match self.text("idle_timeout").as_str() {
            "never" => Ok(None),
            _ => self.parsed("idle_timeout", parse_duration_ms).map(Some),
        }
    }

    /// Returns what a worker without work does. In older files, `idle` was the timeout of a silent source.
    pub(crate) fn idle(&self) -> Result<Idle, Problem> {
        let idle = self.text("idle");
        if idle == "never" || parse_duration_ms(&idle).is_ok() {
            let problem = format!("how long a source may be silent is `idle_timeout = \"{idle}\"` now");
            return Err(self.error("idle", &problem));
        }
        self.named("idle", &Idle::ALL.map(|one| (one.name(), one)))
    }

    /// Returns the number of records in an epoch; `None` for a default that depends on the rate.
    pub(crate) fn records_per_epoch(&self) -> Result<Option<usize>, Problem> {
        match self.text("records_per_epoch").as_str() {
            "auto" => Ok(None),
            _ => self.whole("records_per_epoch", RECORDS_PER_EPOCH_MAX).map(Some),
        }
    }

    pub(crate) fn seed(&self) -> Result<u64, Problem> {
        self.parsed("seed", |text| {
            text.parse().map_err(|_| format!("'{text}' is not a seed; write whole numbers of 0 or more"))
        })
    }

    pub(crate) fn settings(&self) -> Result<Vec<String>, Problem> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        match self.value("settings") {
            None => Some(Vec::new()),
            Some(Value::String(text)) if text.is_empty() => Some(Vec::new()),
            Some(Value::String(text)) => Some(vec![text.clone()]),
            Some(Value::Array(list)) => list.iter().map(text).collect::<Option<_>>(),
            Some(_) => None,
        }
        .ok_or_else(|| self.error("settings", &"write a list of \"key=value\""))
    }
}

/// Returns the values of a question on an axis, which is given by its name and its default.
pub(crate) fn values_on(question: &Question, (axis, default): &(&'static str, &str)) -> Vec<AxisValue> {
    match question.axes.get(*axis) {
        // The settings of one case are a list themselves.
        Some(Value::Array(list)) if *axis == "settings" && list.iter().all(Value::is_str) => {
            vec![(axis, Value::Array(list.clone()), None)]
        }
        Some(Value::Array(list)) => {
            list.iter().enumerate().map(|(number, value)| (*axis, value.clone(), Some(number))).collect()
        }
        Some(value) => vec![(axis, value.clone(), None)],
        None => vec![(axis, Value::String((*default).to_owned()), None)],
    }
}

/// Returns the value that `name` stands for among those that are known.
///
/// # Errors
///
/// The error suggests the nearest name, or lists all names.
pub(crate) fn named<T: Copy>(what: &'static str, name: &str, known: &[(&str, T)]) -> Result<T, UnknownName> {
    let found = known.iter().find(|(one, _)| *one == name).map(|(_, value)| *value);
    found.ok_or_else(|| UnknownName::new(what, name, known.iter().map(|(name, _)| *name)))
}
