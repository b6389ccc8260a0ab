//! Experiments as data: a TOML file describes questions with their axes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use flowbench_events::{BadRowLimit, parse_bytes, parse_count, parse_duration_ms};
use flowbench_measurement::metric_choice::MetricChoice;
use flowbench_measurement::record::{FigureKind, FigureSpec};
use serde::{Deserialize, Deserializer, de::Error};

use crate::experiment::rate::parse_latency_ns;

/// An experiment as its file describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Version of the format of the file. By default 1.
    #[serde(default = "one")]
    pub schema_version: u64,
    /// Name of letters, digits, `-` and `_`, which also names the folder of the results. By default that of the file.
    #[serde(default)]
    pub name: String,
    /// The purpose in one line. By default the name.
    #[serde(default)]
    pub title: String,
    /// Seeds of the traces, one or a list; each case is run in the world of every seed. The first seed also shuffles
    /// the cases. By default 42.
    #[serde(default = "seed", deserialize_with = "one_or_more")]
    pub seed: Vec<u64>,
    /// Number of runs of each case, 1 to 1000. By default 3.
    #[serde(default = "three")]
    pub repeats: usize,
    /// Maximum duration of one case, trace and check included, ms; a part may have its own. By default 60 s.
    #[serde(default = "one_minute_ms", rename = "deadline", deserialize_with = "duration_ms")]
    pub deadline_ms: u64,
    /// Maximum resident set of a case, bytes. By default 4 GiB.
    #[serde(default, rename = "memory_cap", deserialize_with = "bytes")]
    pub memory_cap_bytes: Option<u64>,
    /// Maximum resident set of a case in MiB, as older files give it.
    #[serde(default)]
    pub memory_cap_mib: Option<u64>,
    /// True if each worker is bound to a core of its own. By default false.
    #[serde(default)]
    pub pin: bool,
    /// What every run of the experiment checks, each a [`Claim`](flowbench_measurement::claims::Claim).
    #[serde(default)]
    pub claims: Vec<String>,
    /// Parts or filters: only cases that match one of them are run; all of them if there is none.
    #[serde(default)]
    pub only: Vec<String>,
    /// Parts or filters: cases that match one of them are not run.
    #[serde(default)]
    pub skip: Vec<String>,
    /// By which metrics the gate judges, and from which change on. By default all, as
    /// [`METRICS`](flowbench_measurement::metrics::METRICS) has them.
    #[serde(default)]
    pub gate: MetricChoice,
    /// The texts of the pipeline files that parts name, by their paths. What is not here is read from the file when the
    /// experiment is, and recorded here, so that a run can be repeated without it.
    #[serde(default)]
    pub pipelines: BTreeMap<String, String>,
    /// The questions.
    #[serde(rename = "part", default)]
    pub parts: Vec<Question>,
    /// The profiles of the experiment: settings by their keys, such as those of a run for a larger machine, and
    /// `inherits` for another profile to begin with. `--profile NAME` or `--set size=NAME` chooses one.
    #[serde(default)]
    pub sizes: BTreeMap<String, toml::Table>,
}

impl Experiment {
    /// Returns the maximum resident set of a case, bytes.
    pub fn memory_cap_bytes(&self) -> u64 {
        let older = self.memory_cap_mib.map(|mib| mib.saturating_mul(1 << 20));
        self.memory_cap_bytes.or(older).unwrap_or(MEMORY_CAP_BYTES)
    }
}

/// One question: a trace, axes, figures.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Short name, unique in the experiment. By default `part-1`, `part-2`, ...
    #[serde(default)]
    pub name: String,
    /// The question in words. By default the title of the experiment.
    #[serde(default)]
    pub question: String,
    /// The trace that the cases are fed. By default 100 000 events of the profile `retail`.
    #[serde(default)]
    pub trace: TraceChoice,
    /// Open loop: how long events are offered, ms; the trace is cut to rate × duration. By default 1 s.
    #[serde(default = "one_second_ms", rename = "duration", deserialize_with = "duration_ms")]
    pub duration_ms: u64,
    /// Open loop: the shortest warm-up, ms. Events due before it are offered and not recorded, and neither are those due
    /// before the run is steady. By default 0.
    #[serde(default, rename = "warmup", deserialize_with = "duration_ms")]
    pub warmup_ms: u64,
    /// True if every case is run once more with the activity of its operators logged. Its numbers are from the run
    /// without logging.
    #[serde(default)]
    pub profile_operators: bool,
    /// True if only what follows from trace and configuration is compared with other runs: the cases are too short for
    /// their times to mean anything.
    #[serde(default)]
    pub untimed: bool,
    /// Search: the maximum p99 latency at which a rate counts as sustained, ns. By default 10 ms.
    #[serde(default = "ten_ms_in_ns", rename = "slo_p99", deserialize_with = "latency_ns")]
    pub slo_p99_ns: u64,
    /// Maximum duration of one case of this part, ms. A search is one case and takes as long as a dozen others.
    #[serde(default, rename = "deadline", deserialize_with = "some_duration_ms")]
    pub deadline_ms: Option<u64>,
    /// Parameters of a pipeline, `key=value`, by its name: they hold wherever the axis `settings` does not set the same one.
    #[serde(default)]
    pub of_pipeline: BTreeMap<String, Vec<String>>,
    /// One value or a list on each axis; every combination is a case.
    pub axes: BTreeMap<String, toml::Value>,
    /// The figures of the file, and one of the operators if they are logged.
    #[serde(rename = "figure", default)]
    pub figures: Vec<FigureSpec>,
}

/// The trace of a question: generated by a profile, or read from a log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceChoice {
    /// Name of a generator profile. By default `retail`, unless there is a file.
    #[serde(default)]
    pub profile: Option<String>,
    /// Maximum number of events. By default 100 000 with a profile, and all of a log.
    #[serde(default, deserialize_with = "count")]
    pub events: Option<u64>,
    /// Parameters of the generator, `key=value`.
    #[serde(default)]
    pub set: Vec<String>,
    /// Parameters of the generator, `key=value`, for the same world as it would otherwise be: its answers are the truth about
    /// what the answers of `load-time-conversion` say of faster pages.
    #[serde(default)]
    pub counterfactual: Vec<String>,
    /// Path of a log, instead of a profile. A relative one begins at the folder of the experiment file.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Path of the mapping of the log, like `file`.
    #[serde(default)]
    pub map: Option<PathBuf>,
    /// How many rows of the log may be bad, `20` or `"0.5%"`; any number if it is not given.
    #[serde(default)]
    pub max_bad: Option<BadRowLimit>,
}

/// Maximum resident set of a case if the file gives none, bytes.
const MEMORY_CAP_BYTES: u64 = 4 << 30;

/// Returns the figure of the operators of a part that logs them and does not draw them itself.
pub(crate) fn operators_figure(part: &Question) -> Option<FigureSpec> {
    let is_drawn = part.figures.iter().any(|figure| figure.kind == FigureKind::Operators);
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    (part.profile_operators && !is_drawn).then(|| FigureSpec {
        question: "Where does the time of each worker go?".to_owned(),
        reading: "Brackets mark work outside of operators. Measured in a separate run with every activation logged."
            .to_owned(),
        by: ["pipeline", "strategy", "workers", "world"].map(str::to_owned).to_vec(),
        ..FigureSpec::new(
            format!("time-of-{}", part.name.chars().map(plain).collect::<String>()),
            FigureKind::Operators,
        )
    })
}

/// Deserializes a number or a list of numbers.
fn one_or_more<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(u64),
        More(Vec<u64>),
    }
    let problem = "write a whole number of 0 or more, or a list of such";
    match OneOrMore::deserialize(input).map_err(|_| D::Error::custom(problem))? {
        OneOrMore::One(one) => Ok(vec![one]),
        OneOrMore::More(more) if more.is_empty() => Err(D::Error::custom(problem)),
        OneOrMore::More(more) => Ok(more),
    }
}

/// Deserializes a text, or a whole number that stands for itself.
fn number_or<'de, D: Deserializer<'de>>(
    input: D,
    parse: impl Fn(&str) -> Result<u64, String>,
) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum NumberOrText {
        Number(u64),
        Text(String),
    }
    match NumberOrText::deserialize(input)? {
        NumberOrText::Number(number) => Ok(Some(number)),
        NumberOrText::Text(text) => parse(&text).map(Some).map_err(D::Error::custom),
    }
}

fn count<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    number_or(input, parse_count)
}

fn bytes<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    number_or(input, parse_bytes)
}

fn duration_ms<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let ms = parse_duration_ms(&String::deserialize(input)?).map_err(D::Error::custom)?;
    u64::try_from(ms).map_err(D::Error::custom)
}

fn some_duration_ms<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    duration_ms(input).map(Some)
}

fn latency_ns<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    parse_latency_ns(&String::deserialize(input)?).map_err(D::Error::custom)
}

fn one() -> u64 {
    1
}

fn seed() -> Vec<u64> {
    vec![42]
}

fn three() -> usize {
    3
}

fn one_minute_ms() -> u64 {
    60_000
}

fn one_second_ms() -> u64 {
    1_000
}

fn ten_ms_in_ns() -> u64 {
    10_000_000
}
