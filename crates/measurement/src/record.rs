//! The contract between the part that measures and the parts that read: plain structs, one per file kind.
//!
//! `run.json` holds one [`Run`]; `cases.ndjson` one [`CaseRecord`] a line; `timeline.csv` the [`TimelinePoint`]s;
//! `latency.hlog` the histograms, tagged by [`CaseRecord::tag`]; where activity was logged, `operators.csv` the
//! [`OperatorTime`]s and `channels.csv` the [`ChannelLoad`]s. Readers refuse a [`SCHEMA_VERSION`] above their own
//! and accept the ones below; what a version did not have yet reads as its default, and has no value in
//! [`CaseRecord::columns`]. Times are nanoseconds since the run of the case began, unless the name says otherwise.
//! A value that could not be measured is absent (`null`), never zero.

use serde::{Deserialize, Serialize};

pub use crate::columns::{Cell, cases_csv};

/// Version of every file of a results directory.
pub const SCHEMA_VERSION: u32 = 4;

/// What was run, on what, with which result in numbers of cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Name of the experiment.
    pub experiment: String,
    /// One line: what the experiment is for.
    pub title: String,
    /// The resolved experiment file as TOML, with every `--set` applied: enough to run it again.
    pub resolved_experiment: String,
    /// The questions with their figures, in the order of the report.
    pub parts: Vec<Part>,
    /// Seed of the order of the cases, and of the traces of cases that name none.
    pub seed: u64,
    /// When the run began, RFC 3339 UTC.
    pub started_at: String,
    /// How long it took, in seconds; absent while it runs.
    pub wall_s: Option<f64>,
    /// How many cases the plan holds (repeats counted).
    pub planned_cases: usize,
    /// True if it was stopped before all planned cases were done.
    pub interrupted: bool,
    /// Cases that had failed when the run was resumed and were run again: only their last attempt is among the cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_failures: Vec<EarlierFailure>,
    /// The traces the cases were fed.
    pub traces: Vec<TraceRecord>,
    /// What built the numbers.
    pub build: Build,
    /// Where they were measured.
    pub machine: Machine,
}

/// An attempt at a case that failed and is no longer among the cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierFailure {
    /// Which case.
    pub case: usize,
    /// Which repeat of it.
    pub repeat: usize,
    /// Why it failed, as in [`Status::Failed`].
    pub cause: String,
}

/// One question of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Short name, unique in the experiment; cases refer to it.
    pub name: String,
    /// The question in words.
    pub question: String,
    /// What the figures of this question show; drawn in order.
    pub figures: Vec<FigureSpec>,
}

/// One figure, as data: which numbers, how arranged, how to read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureSpec {
    /// File name without ending, unique in the experiment: letters, digits, `-`.
    pub name: String,
    /// Which drawing.
    pub kind: FigureKind,
    /// The question the figure answers, shown above it.
    pub question: String,
    /// How to read it, shown below it.
    pub reading: String,
    /// `sweep`: the column on the x axis. `at-level`: the column whose least value is looked for. `heat-map`: the
    /// column whose values stand side by side, such as `strategy`. Unused by the others.
    #[serde(default)]
    pub x: String,
    /// `over-time`: columns of `timeline.csv`; `distribution` and `ccdf`: histogram kinds (`latency`,
    /// `processing-delay`, `driver-lag`, `lost-time`, and `hiccup` of older runs); `heat-map`: the one column that its cells
    /// show; `scaling`: one column of events per second, `throughput_events_per_s` if empty; `operators`: nothing; the others: columns of
    /// cases. One line (or bar, or part of a stack) for each and each group; a panel for each unit. Empty if there are
    /// `panels`.
    ///
    /// Columns of cases are those of `cases.csv`, and three that compare a case with others: `total_workers` (of all
    /// processes), `speed_up` (closed loop: throughput over the median of the `sequential` cases of the same part that
    /// differ at most in strategy, workers, processes and records per epoch) and `efficiency` (speed-up / total
    /// workers).
    #[serde(default)]
    pub y: Vec<String>,
    /// `sweep`, `over-time`, `stacked`: in place of `y`, the panels one by one from top to bottom. They share the x axis
    /// and the legend of the groups; each has its own unit and scale.
    ///
    /// ```toml
    /// panels = [
    ///     { title = "How long an event waits", y = ["event_time_wait_p50_ms", "event_time_wait_p99_ms"], log_y = true },
    ///     { y = ["completeness"] },
    /// ]
    /// ```
    #[serde(default)]
    pub panels: Vec<PanelSpec>,
    /// Columns of cases that tell the lines apart (one line for each combination that occurs). `at-level`: the last one
    /// gives the bars that stand side by side, the ones before it the rows. `heat-map`, `operators`: the rows.
    /// `scaling`: a line for each; `sequential` becomes the line to beat.
    #[serde(default)]
    pub by: Vec<String>,
    /// `at-level`: the column of cases that has to reach `level`, such as `completeness`.
    #[serde(default)]
    pub level_column: String,
    /// `at-level`: what it has to reach, in the unit of the column: 0.99 of a share, not 99.
    #[serde(default)]
    pub level: Option<f64>,
    /// Only cases in which these columns have these values.
    #[serde(default)]
    pub only: std::collections::BTreeMap<String, String>,
    /// Logarithmic x axis.
    #[serde(default)]
    pub log_x: bool,
    /// Logarithmic y axis, in all panels.
    #[serde(default)]
    pub log_y: bool,
    /// It answers the purpose of the experiment: it also stands at the head of the report, without its remarks.
    #[serde(default)]
    pub lead: bool,
}

/// One panel of a figure that says which columns stand together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelSpec {
    /// Columns of the same unit, as in [`FigureSpec::y`].
    pub y: Vec<String>,
    /// Above the panel, without the unit; if empty, what the columns have in common.
    #[serde(default)]
    pub title: String,
    /// Logarithmic y axis, in this panel.
    #[serde(default)]
    pub log_y: bool,
}

impl FigureSpec {
    /// A figure of this name and kind, of which nothing else is said yet.
    pub fn new(name: impl Into<String>, kind: FigureKind) -> Self {
        Self {
            name: name.into(),
            kind,
            question: String::new(),
            reading: String::new(),
            x: String::new(),
            y: Vec::new(),
            panels: Vec::new(),
            by: Vec::new(),
            level_column: String::new(),
            level: None,
            only: Default::default(),
            log_x: false,
            log_y: false,
            lead: false,
        }
    }

    /// The columns that are drawn, those of `y` or of all panels.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.y.iter().chain(self.panels.iter().flat_map(|panel| &panel.y)).map(String::as_str)
    }
}

/// The drawings there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FigureKind {
    /// Columns of the cases against one of their axes; repeats give the median and the range.
    Sweep,
    /// Columns of the timeline against the time of the run.
    OverTime,
    /// Latency against its quantile (the tail spread out), from the histograms.
    Distribution,
    /// Grouped bars of a column, one bar a group.
    Bars,
    /// Bars of columns at the least `x` at which a column reaches a level: policies side by side at equal completeness.
    AtLevel,
    /// Bars made of several columns of one unit, end to end, one bar a group.
    Stacked,
    /// A grid of one column, rows by columns of choices; of several cases in a cell the best.
    HeatMap,
    /// Throughput against the total number of workers, beside the single thread, the ideal and the law of
    /// [`scaling`](crate::scaling).
    Scaling,
    /// The share of events that took longer against how long, from the histograms, both axes logarithmic.
    Ccdf,
    /// Bars of the time of cases whose activity was logged, made of their operators, one bar a group and worker.
    Operators,
}

/// A trace and what it really is like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceRecord {
    /// Short name used by the cases.
    pub name: String,
    /// Generator profile.
    pub profile: String,
    /// Generator seed.
    pub seed: u64,
    /// How many events.
    pub events: u64,
    /// Parameters that differ from the profile, `key=value`.
    pub overrides: Vec<String>,
    /// Digest of the events in arrival order; absent until a case has made the trace.
    pub digest: Option<String>,
}

/// What built the numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Version of flowbench.
    pub flowbench: String,
    /// Version of timely.
    pub timely: String,
    /// Version of differential dataflow; absent before it was a strategy.
    #[serde(default)]
    pub differential: Option<String>,
    /// Compiler, as it names itself.
    pub rustc: String,
    /// `release` or `debug`.
    pub profile: String,
    /// Commit, 12 digits; absent outside a checkout.
    pub commit: Option<String>,
    /// True if the tree had uncommitted changes when built.
    pub dirty: bool,
    /// BLAKE3 of Cargo.lock, first 16 digits.
    pub lock_digest: String,
    /// The allocator of every arm.
    pub allocator: String,
}

/// Where the numbers were measured. No host name, no path.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// One line for under the figures: `2 cores of AMD EPYC …, 24 GiB, Linux 6.1, virtual`.
    pub line: String,
    /// Processor model.
    pub cpu: String,
    /// Cores this process may use (affinity and cgroup quota respected).
    pub usable_cores: usize,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Kernel and version.
    pub kernel: String,
    /// Frequency governor, if readable.
    pub governor: Option<String>,
    /// Hypervisor or container, if recognised.
    pub virtualised: Option<String>,
    /// Cgroup CPU quota in cores, if any.
    pub cgroup_cores: Option<f64>,
}

/// One case with its numbers: one line of `cases.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The question this case belongs to ([`Part::name`]).
    pub part: String,
    /// Number of the case within the run, from 1; repeats of a case share it.
    pub case: usize,
    /// Which repeat, from 1.
    pub repeat: usize,
    /// The choice on every axis.
    pub axes: Axes,
    /// How it ended.
    pub status: Status,
    /// Everything measured; absent if the case failed.
    pub numbers: Option<Numbers>,
    /// Why the numbers may not be trusted.
    pub doubts: Vec<Doubt>,
}

/// The choice on every axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axes {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Parameters of the pipeline that differ from their defaults, `key=value`.
    pub settings: Vec<String>,
    /// First deliveries only.
    pub deduplicate: bool,
    /// Name of the strategy.
    pub strategy: String,
    /// Name of the order policy.
    pub order: String,
    /// Slack of the watermark in ms of event time.
    pub slack_ms: i64,
    /// `merged`: the watermark is one of all arrivals; `channel`: the least of those of the channels.
    #[serde(default = "merged")]
    pub sources: String,
    /// What a worker does that has nothing to do: `spin`, it looks again at once; `park`, it sleeps after a while.
    #[serde(default = "spin")]
    pub idle: String,
    /// A source that is silent for longer than this, in ms of arrival time, does not hold the watermark back; absent:
    /// it always does.
    #[serde(default)]
    pub idle_ms: Option<i64>,
    /// Name of the eviction.
    pub eviction: String,
    /// Number of workers of each process.
    pub workers: usize,
    /// Number of processes.
    #[serde(default = "one")]
    pub processes: usize,
    /// Progress granularity.
    pub records_per_epoch: usize,
    /// `open`, `closed` or `search`.
    pub load: String,
    /// Offered rate of the open loop; of a search, the one that was found.
    pub rate_events_per_s: Option<f64>,
    /// Offered rate as a share of the sustainable one that a search of the same choice has found; absent where the rate was
    /// given as such.
    #[serde(default)]
    pub rate_share: Option<f64>,
    /// Name of the trace.
    pub trace: String,
    /// Seed of the trace: which of its worlds. Absent in older records, which have that of the run.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What is set of the world besides, `key=value` in one line, or the name that was given to that; empty for nothing.
    #[serde(default)]
    pub world: String,
    /// Planted fault, if any.
    pub fault: Option<String>,
}

fn merged() -> String {
    "merged".to_owned()
}

fn one() -> usize {
    1
}

fn spin() -> String {
    "spin".to_owned()
}

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Status {
    /// Measured, and the answers are right where they must be.
    Ok,
    /// Measured, but the answers are wrong where they must be right: no numbers.
    Invalid {
        /// What is wrong.
        cause: String,
    },
    /// The process of the case did not end well: no numbers.
    Failed {
        /// `panic`, `deadline`, `memory cap`, `exit`, …
        cause: String,
        /// The last lines of its standard error.
        stderr_tail: String,
    },
}

impl Status {
    /// The word used in tables.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Invalid { .. } => "invalid",
            Status::Failed { .. } => "failed",
        }
    }
}

/// Everything measured in one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    /// Events of the trace that were offered.
    pub events: u64,
    /// From the first due instant to the last completion.
    pub elapsed_ns: u64,
    /// Events completed per second of wall clock, over the whole run. Of several runs of a closed loop, that in the middle;
    /// all other numbers are of this run, too.
    pub throughput_events_per_s: f64,
    /// Events per second of every run of a closed loop that counts, in the order in which they were made.
    #[serde(default)]
    pub run_throughputs_events_per_s: Vec<f64>,
    /// What the source alone gives to as many threads that do nothing else, events per second: no case can be faster. Absent
    /// where the load is not the maximum that can be.
    #[serde(default)]
    pub source_ceiling_events_per_s: Option<f64>,
    /// CPU time of the process during the run, user and system, in ns. A worker that spins while it waits takes as much as one
    /// that works: see [`WorkerShare::busy_ns`].
    pub cpu_ns: u64,
    /// Open loop: completed − due of every admitted event inside the recording window. Closed loop: completed − admitted
    /// of every epoch.
    pub latency: Quantiles,
    /// Wall clock between the due instant of the arrival that allowed an answer and the answer.
    pub processing_delay: Quantiles,
    /// From when an epoch (its last event) was due until it was admitted, without the time in which its worker was at work on
    /// earlier ones or off the CPU: nothing kept it from admitting.
    pub driver_lag: Quantiles,
    /// How late a thread woke up that asked to sleep 1 ms at a time. Not measured any more since schema version 4, which has
    /// [`lost`](Self::lost) instead.
    #[serde(default)]
    pub hiccup: Quantiles,
    /// Events still open when the run was stopped; they count into `latency` at their age.
    pub censored: u64,
    /// From the trace alone, in ms of event time: how long after it happened an event could be answered.
    pub event_time_wait_ms: EventTimeWait,
    /// Memory of the process and entries of the pipeline.
    pub memory: Memory,
    /// The answers against the truth.
    pub accuracy: Accuracy,
    /// How disordered the trace really is, beside what was asked for.
    #[serde(default)]
    pub disorder: Disorder,
    /// What the latency is made of.
    #[serde(default)]
    pub attribution: Attribution,
    /// How far the run fell behind, in event time and in events.
    #[serde(default)]
    pub progress: Progress,
    /// How the work was shared, and what that took.
    #[serde(default)]
    pub sharing: Sharing,
    /// Time that the workers lost to the machine.
    #[serde(default)]
    pub lost: LostTime,
    /// What a search for the sustainable rate found; absent where none was made.
    #[serde(default)]
    pub sustainable: Option<Sustainable>,
    /// Digest of the trace.
    pub trace_digest: String,
}

/// A distribution in nanoseconds; quantiles the sample cannot support are absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Quantiles {
    /// Number of samples.
    pub count: u64,
    /// Median (20 samples or more).
    pub p50_ns: Option<u64>,
    /// 0.9 quantile (100 samples or more).
    pub p90_ns: Option<u64>,
    /// 0.99 quantile (1,000 samples or more).
    pub p99_ns: Option<u64>,
    /// 0.999 quantile (10,000 samples or more).
    pub p999_ns: Option<u64>,
    /// Maximum sample.
    pub max_ns: Option<u64>,
}

/// Event-time wait over the events that were not late: the same on every machine and for any worker count.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EventTimeWait {
    /// Number of events; those released only by the end of the input are not counted.
    pub count: u64,
    /// Median, ms of event time (20 events or more, as the 0.99 quantile: these are all events, not a sample of them).
    pub p50_ms: Option<i64>,
    /// 0.99 quantile, ms of event time.
    pub p99_ms: Option<i64>,
    /// Maximum, ms of event time.
    pub max_ms: Option<i64>,
}

/// Memory of one case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// Bytes that the workers had taken from the allocator and not given back since the run began, without the answers that
    /// are kept for the check: peak. Absent where the allocator does not count.
    pub live_bytes_peak: Option<i64>,
    /// Live bytes after everything that the watermark could expire had expired.
    pub live_bytes_residual: Option<i64>,
    /// Resident set of the process: peak, with the trace and the harness in it.
    pub rss_bytes_peak: u64,
    /// State entries: peak.
    pub entries_peak: u64,
    /// State entries when the input had ended and everything expired.
    pub entries_residual: u64,
    /// Events waiting for the watermark: peak.
    pub buffered_peak: u64,
    /// State bytes per entry, allocator's view, when the input had ended and nothing of what was left had expired; absent
    /// below 1,000 entries, and in several processes, whose connections have buffers. The column leaves it out where events
    /// that wait took much of the memory.
    pub bytes_per_entry: Option<f64>,
    /// Key and state bytes an entry could not do without at that moment.
    pub payload_bytes_per_entry: Option<f64>,
    /// Growth of the live bytes over the last half of the run.
    pub growth: Option<Growth>,
}

/// A slope with its interval and the verdict on it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Live bytes gained per million events, last half of the run.
    pub bytes_per_million_events: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Growth of the state entries; absent in older records.
    #[serde(default)]
    pub entries: Option<EntriesGrowth>,
    /// What follows from it.
    pub verdict: Verdict,
    /// The series that has this verdict by itself; absent in older records.
    #[serde(default)]
    pub decided_by: Option<Series>,
}

/// State entries gained per million events, last half of the run, with the 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EntriesGrowth {
    /// The slope.
    pub per_million_events: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

/// What growth is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Series {
    /// The live bytes.
    Bytes,
    /// The state entries.
    Entries,
    /// Both agree, or only together make the verdict.
    Both,
}

/// Does memory grow? The rule stands in [`memory`](crate::memory).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval of the live bytes, or of the state entries, is above 0 and the growth is material.
    Growing,
    /// The intervals of both exclude a material growth.
    Bounded,
    /// Neither can be said.
    Inconclusive,
}

/// The answers of a case against what they must be and against the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accuracy {
    /// Answers of the oracle: the deduplicated trace in canonical order, nothing lost.
    pub truth: u64,
    /// Answers given and not taken back.
    pub given: u64,
    /// In the truth, and what they are about was not answered.
    pub missing: u64,
    /// Given, and the truth has no answer about that.
    pub spurious: u64,
    /// Answered, but with other content than the truth: neither missing nor spurious.
    #[serde(default)]
    pub wrong: u64,
    /// Answers taken back on the way.
    #[serde(default)]
    pub retractions: u64,
    /// How many subjects had an answer taken back, be it once or often.
    #[serde(default)]
    pub corrected: u64,
    /// Events of the trace that are late for this slack, from the trace alone.
    pub late: u64,
    /// Events the case dropped as late.
    pub dropped_as_late: u64,
    /// Order-insensitive digest of the answers given; in JSON 16 hexadecimal digits as text, since many readers of JSON
    /// round numbers of this size. A number before schema version 4.
    #[serde(with = "digest")]
    pub digest: u64,
}

/// The disorder of a trace, in events, beside the shares (0 to 1) that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Disorder {
    /// Events whose event time is below that of an earlier arrival.
    pub out_of_order: u64,
    /// Asked share of them; absent if none was asked for.
    pub out_of_order_share_asked: Option<f64>,
    /// Deliveries of an event that had come before.
    pub duplicates: u64,
    /// Asked share of events that are delivered twice; absent if none was asked for.
    pub duplicates_share_asked: Option<f64>,
}

/// What the latency is made of: the parts add up to its mean.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Attribution {
    /// Means over all events; absent if none was recorded.
    pub mean: Option<Parts>,
    /// Means over the slowest 1 % of the events; absent below 1,000 events.
    pub tail: Option<Parts>,
}

/// Where events spent their time, in ns on average.
///
/// An epoch is due with its last event. Its service starts when it is admitted, or at the last completion on the same
/// worker strictly before its own, whichever is later. In the closed loop an event is due when it is admitted. Time off the
/// CPU is known where a round of a worker's loop took 50 µs or more; shorter stretches are part of what they interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Parts {
    /// Between due and admitted, the worker had nothing to do and was on the CPU: whoever drives it was late.
    pub driver_lag_ns: f64,
    /// Off the CPU: between due and admitted the worker that reads the epoch, after that the one of all that was off for
    /// longest while it had something to do.
    #[serde(default)]
    pub off_cpu_ns: f64,
    /// The epoch filled (due of the epoch − due of the event), then it waited for the worker to be done with earlier ones.
    pub queueing_ns: f64,
    /// completed − start of the service, less the time off the CPU: the dataflow worked.
    pub compute_ns: f64,
}

/// Time lost by the workers of a run while it was measured, the warm-up left out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LostTime {
    /// Share (0 to 1) of the time in which a worker was off the CPU without having asked for it, or kept from looking for
    /// work while it had none: that of the worker which lost most. Absent where it was not measured.
    pub share: Option<f64>,
    /// How long an event waits for the end of such a stretch if it is due at a random instant, 0.99 quantile, ns.
    pub wait_p99_ns: Option<u64>,
    /// The 0.999 quantile.
    pub wait_p999_ns: Option<u64>,
    /// The longest stretch.
    pub max_ns: Option<u64>,
    /// How often the scheduler took a worker off the CPU, all workers together; absent where the kernel does not tell.
    pub involuntary_switches: Option<u64>,
    /// How long workers were ready to run and had no CPU, all together, ns; absent where the kernel does not tell.
    pub run_delay_ns: Option<u64>,
}

/// How far a run fell behind.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Maximum distance from the watermark to the newest event time over the cuts, ms of event time; from the trace
    /// alone. Absent where no cut had both.
    pub watermark_lag_peak_ms: Option<i64>,
    /// Most events due and not completed, over the samples of the timeline.
    pub backlog_peak: u64,
    /// From that sample until the backlog was back at its median over the run, or below; absent if it never was.
    pub recovery_ns: Option<u64>,
}

/// How the work of a run was shared among its workers, and what that took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sharing {
    /// What each worker did, those of the first process first.
    pub workers: Vec<WorkerShare>,
    /// Messages a worker gave to another one: events, rows or parts of states.
    pub exchanged_records: u64,
    /// Their size in memory, bytes.
    pub exchanged_bytes: u64,
    /// What crossed a boundary between processes, progress included; absent in a single process.
    pub wire: Option<Wire>,
    /// Progress messages sent between workers; absent unless they were counted.
    pub progress_messages: Option<u64>,
    /// How far apart the views of the workers were; absent where fewer than two of them hold state.
    pub view_skew: Option<ViewSkew>,
    /// How much longer the workers were busy where the activity of operators was logged: 0.1 for 10 %. The other numbers are
    /// of a run without. Absent where none was logged, or there is no such run.
    #[serde(default)]
    pub logging_overhead_share: Option<f64>,
}

/// What one worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WorkerShare {
    /// Messages its state was given.
    pub records: u64,
    /// Time of the rounds of its loop in which it had something to do, ns of wall clock, less the time off the CPU in them.
    pub busy_ns: u64,
}

/// What went from one process to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wire {
    /// Messages of data and of progress.
    pub messages: u64,
    /// Bytes on the connections, headers included.
    pub bytes: u64,
}

/// How much further the most advanced worker that holds state was than the least: quantiles over the time of the run. A
/// worker's view is what its state has taken in for good: the part of the trace whose watermark it has acted upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ViewSkew {
    /// Median, in records of the trace.
    pub p50_records: u64,
    /// 0.99 quantile, in records of the trace.
    pub p99_records: u64,
    /// Maximum, in records of the trace.
    pub max_records: u64,
    /// Median, in ms between the newest event times of the two views.
    pub p50_ms: i64,
    /// 0.99 quantile, in the same ms.
    pub p99_ms: i64,
    /// Maximum, in the same ms.
    pub max_ms: i64,
}

/// The maximum rate that was sustained, between what surely is and what surely is not.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sustainable {
    /// The rate the search settled on, events/s.
    pub rate_events_per_s: f64,
    /// Maximum rate up to it that was sustained every time it was tried, events/s; absent if each was refused once or
    /// more.
    pub low_events_per_s: Option<f64>,
    /// Least rate above it that was refused every time it was tried, events/s; absent if there is none, since the
    /// search may try no greater one.
    pub high_events_per_s: Option<f64>,
    /// Maximum p99 latency that was accepted, ns.
    pub slo_p99_ns: u64,
    /// Every rate that was tried, in order.
    pub probes: Vec<Probe>,
}

/// One rate that was tried.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Probe {
    /// Offered, events/s.
    pub rate_events_per_s: f64,
    /// Why it was not sustained; absent if it was.
    pub refused: Option<String>,
    /// Latency at that rate, ns; absent below 1,000 samples.
    pub latency_p99_ns: Option<u64>,
}

/// One reason why a number may not be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Stable short name: `driver-lag`, `lost-time`, `source-bound`, `few-samples`, `oversubscribed`, `no-spare-core`, `steal`,
    /// `debug-build`, `dirty-tree`, `short`, `short-run`, `censored`, `logged`, …
    pub code: String,
    /// In words, with the numbers.
    pub text: String,
}

/// One sample of a running case: a row of `timeline.csv`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// Since the run of the case began.
    pub at_ns: u64,
    /// Events admitted so far.
    pub admitted: u64,
    /// Bytes that the workers had taken from the allocator and not given back since the run began, without the answers that
    /// are kept for the check. Absent where the allocator does not count.
    pub live_bytes: Option<i64>,
    /// Resident set of the process.
    pub rss_bytes: u64,
    /// State entries over all workers.
    pub entries: u64,
    /// Events waiting for the watermark over all workers.
    pub buffered: u64,
    /// Maximum latency completed in the interval that ends here; absent if nothing completed.
    pub latency_max_ns: Option<u64>,
    /// Median latency of the interval.
    pub latency_p50_ns: Option<u64>,
    /// Newest event time of what had been admitted, ms since the first event time of the trace; absent before anything
    /// was.
    #[serde(default)]
    pub newest_event_time_ms: Option<i64>,
    /// Watermark of what had been admitted, in the same ms; absent while there is none.
    #[serde(default)]
    pub watermark_ms: Option<i64>,
    /// Events due and not completed; 0 in files of schema version 1, which did not count them.
    #[serde(default)]
    pub backlog: u64,
    /// How much further the most advanced worker was than the least ([`ViewSkew`]), in records; absent where fewer than two
    /// hold state, and before schema version 3.
    #[serde(default)]
    pub view_skew_records: Option<u64>,
    /// View skew in ms of event time.
    #[serde(default)]
    pub view_skew_ms: Option<i64>,
}

/// What one operator did on one worker: a row of `operators.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OperatorTime {
    /// Number of the worker, from 0, those of the first process first.
    pub worker: usize,
    /// Name of the operator; several of one name are one.
    pub operator: String,
    /// How often it was scheduled.
    pub activations: u64,
    /// Time it ran, ns of wall clock.
    pub busy_ns: u64,
}

/// What one worker sent over one channel of the dataflow: a row of `channels.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelLoad {
    /// Number of the worker that sent it, from 0, those of the first process first.
    pub worker: usize,
    /// From where to where, in words: `input → answers`.
    pub channel: String,
    /// Batches, to this worker and to others.
    pub messages: u64,
    /// Records in them.
    pub records: u64,
}

impl CaseRecord {
    /// The tag of this case's histograms and timeline rows: `c<case>r<repeat>`.
    pub fn tag(&self) -> String {
        format!("c{}r{}", self.case, self.repeat)
    }
}

/// How a digest of 64 bits stands in JSON.
mod digest {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(u64), // before schema version 4
    }

    pub(super) fn serialize<S: Serializer>(digest: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{digest:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        match Written::deserialize(deserializer)? {
            Written::Number(digest) => Ok(digest),
            Written::Text(text) => u64::from_str_radix(&text, 16)
                .map_err(|_| D::Error::custom(format!("the digest '{text}' is not a hexadecimal number of 64 bits"))),
        }
    }
}

/// Records for tests.
#[cfg(test)]
pub(crate) mod example {
    use super::*;

    pub(crate) fn run() -> Run {
        Run {
            schema_version: SCHEMA_VERSION,
            experiment: "quickstart".into(),
            title: "a first look".into(),
            resolved_experiment: "name = \"quickstart\"\n".into(),
            parts: vec![],
            seed: 7,
            started_at: "2026-01-31T10:00:00.250Z".into(),
            wall_s: None,
            planned_cases: 4,
            interrupted: false,
            earlier_failures: Vec::new(),
            traces: vec![],
            build: Build {
                flowbench: "0.1.0".into(),
                timely: "0.32.0".into(),
                differential: Some("0.26.0".into()),
                rustc: "rustc 1.95.0".into(),
                profile: "release".into(),
                commit: None,
                dirty: false,
                lock_digest: "0123456789abcdef".into(),
                allocator: "jemalloc".into(),
            },
            machine: Machine {
                line: "2 cores".into(),
                cpu: "a processor".into(),
                usable_cores: 2,
                memory_bytes: 1 << 34,
                kernel: "Linux".into(),
                governor: None,
                virtualised: None,
                cgroup_cores: None,
            },
        }
    }

    pub(crate) fn case(case: usize, repeat: usize) -> CaseRecord {
        let quantiles = |scale: u64| Quantiles {
            count: 100_000,
            p50_ns: Some(10 * scale),
            p90_ns: Some(20 * scale),
            p99_ns: Some(50 * scale),
            p999_ns: Some(80 * scale),
            max_ns: Some(90 * scale),
        };
        let numbers = Numbers {
            events: 100_000,
            elapsed_ns: 2_000_000_000,
            throughput_events_per_s: 50_000.0,
            run_throughputs_events_per_s: vec![40_000.0, 50_000.0, 55_000.0],
            source_ceiling_events_per_s: None,
            cpu_ns: 2_000_000,
            latency: quantiles(10_000),
            processing_delay: quantiles(10_000),
            driver_lag: quantiles(10),
            hiccup: quantiles(100),
            censored: 0,
            event_time_wait_ms: EventTimeWait { count: 9, p50_ms: Some(1), p99_ms: None, max_ms: Some(-3) },
            memory: Memory { live_bytes_peak: Some(4096), bytes_per_entry: Some(0.1 + 0.2), ..Memory::default() },
            accuracy: Accuracy {
                truth: 1_000,
                given: 910,
                missing: 100,
                spurious: 10,
                wrong: 50,
                retractions: 182,
                corrected: 91,
                late: 5_000,
                dropped_as_late: 5_000,
                digest: 255,
            },
            disorder: Disorder {
                out_of_order: 25_000,
                out_of_order_share_asked: Some(0.2),
                duplicates: 1_000,
                duplicates_share_asked: None,
            },
            attribution: Attribution {
                mean: Some(Parts {
                    driver_lag_ns: 1_000.0,
                    off_cpu_ns: 4_000.0,
                    queueing_ns: 16_000.0,
                    compute_ns: 79_000.0,
                }),
                tail: None,
            },
            progress: Progress {
                watermark_lag_peak_ms: Some(60_000),
                backlog_peak: 800,
                recovery_ns: Some(1_500_000_000),
            },
            sharing: Sharing {
                workers: vec![
                    WorkerShare { records: 30_000, busy_ns: 1_000_000_000 },
                    WorkerShare { records: 10_000, busy_ns: 500_000_000 },
                ],
                exchanged_records: 20_000,
                exchanged_bytes: 960_000,
                wire: None,
                progress_messages: None,
                view_skew: Some(ViewSkew {
                    p50_records: 4096,
                    p99_records: 8192,
                    p50_ms: 60_000,
                    ..ViewSkew::default()
                }),
                logging_overhead_share: None,
            },
            lost: LostTime { share: Some(0.01), involuntary_switches: Some(3), ..LostTime::default() },
            sustainable: None,
            trace_digest: "ab12".into(),
        };
        let doubt = |code: &str| Doubt { code: code.into(), text: "because".into() };
        CaseRecord {
            schema_version: SCHEMA_VERSION,
            part: "delay".into(),
            case,
            repeat,
            axes: axes(),
            status: Status::Ok,
            numbers: Some(numbers),
            doubts: vec![doubt("few-samples"), doubt("hiccups")],
        }
    }

    pub(crate) fn failed_case(number: usize, repeat: usize) -> CaseRecord {
        let status = Status::Failed { cause: "panic, \"caught\"".into(), stderr_tail: "line\nline".into() };
        CaseRecord { status, numbers: None, doubts: vec![], ..case(number, repeat) }
    }

    pub(crate) fn axes() -> Axes {
        Axes {
            pipeline: "sessions".into(),
            settings: vec!["gap=10min".into(), "any".into()],
            deduplicate: false,
            strategy: "exchange".into(),
            order: "watermark".into(),
            slack_ms: 60_000,
            sources: "channel".into(),
            idle: "spin".into(),
            idle_ms: Some(30_000),
            eviction: "frontier".into(),
            workers: 2,
            processes: 1,
            records_per_epoch: 4096,
            load: "open".into(),
            rate_events_per_s: Some(50_000.0),
            rate_share: None,
            trace: "retail".into(),
            seed: Some(42),
            world: String::new(),
            fault: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(more: &str) -> Result<FigureSpec, serde_json::Error> {
        serde_json::from_str(&format!("{{\"name\":\"f\",\"question\":\"?\",\"reading\":\"!\",{more}}}"))
    }

    #[test]
    fn the_digest_of_answers_is_text_in_json_and_a_number_of_an_older_schema_is_still_read() {
        let mut accuracy = example::case(0, 0).numbers.unwrap().accuracy;
        accuracy.digest = 0x00b9_6174_d1a2_cafb;
        let mut json = serde_json::to_value(accuracy).unwrap();
        assert_eq!(json["digest"], "00b96174d1a2cafb");
        assert_eq!(serde_json::from_value::<Accuracy>(json.clone()).unwrap(), accuracy);
        json["digest"] = 13_357_754_595_581_978_459_u64.into();
        assert_eq!(serde_json::from_value::<Accuracy>(json.clone()).unwrap().digest, 13_357_754_595_581_978_459);
        json["digest"] = "cafe and tea".into();
        let error = serde_json::from_value::<Accuracy>(json).unwrap_err().to_string();
        assert!(error.contains("'cafe and tea'"), "{error}");
    }

    #[test]
    fn a_figure_names_its_columns_in_y_or_in_panels_and_nothing_unknown() {
        let plain = figure(r#""kind":"sweep","x":"slack_ms","y":["completeness","churn"]"#).unwrap();
        assert_eq!(plain.columns().collect::<Vec<_>>(), ["completeness", "churn"]);
        let panels = figure(r#""kind":"stacked","panels":[{"y":["a","b"]},{"y":["c"],"title":"t","log_y":true}]"#);
        let panels = panels.unwrap();
        assert_eq!(panels.columns().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert!(panels.panels[1].log_y && !panels.panels[0].log_y && panels.level.is_none());
        assert_eq!(figure(r#""kind":"at-level","level":0.99,"y":[]"#).unwrap().kind, FigureKind::AtLevel);
        let unknown = figure(r#""kind":"sweep","panels":[{"y":[],"log_x":true}]"#).unwrap_err().to_string();
        assert!(unknown.contains("log_x"), "{unknown}");
    }
}
