//! The arguments of the command line, checked as far as that needs neither files nor the catalogue.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use flowbench_events::parse_duration_ms;
use flowbench_measurement::export::{EXPORT_FORMATS, ExportFormat};

/// Dataflow simulation and benchmarks on timely dataflow: latency, memory under eviction and the effect of out-of-order
/// data. Every number comes with a checked answer.
#[derive(Debug, Parser)]
#[command(name = "flowbench", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print only errors on standard error: no progress and no remarks
    #[arg(long, short, global = true, overrides_with = "quiet")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an experiment and write its report
    Run(Run),
    /// Draw the figures and the report of a results directory again, byte for byte
    Report(Report),
    /// Compare two runs: for each metric the ratio with its interval, and whether it is better, worse or the same
    Compare(Compare),
    /// Fail, with exit code 3, on a regression against another build or a run that was kept
    ///
    /// Answers, late events, waits and records moved are compared exactly, which every machine can. Times and sizes are
    /// compared by statistics: `--against` has both builds run the experiment in turn, and what looks worse is measured
    /// three more times before it counts. `--calibrate` says what a comparison can see on this machine.
    Gate(Gate),
    /// Run an experiment again from the record of a run, and say what holds: claim by claim, column by column
    Reproduce(Reproduce),
    /// Write the results of a run in the format of another tool
    ///
    /// Values are medians over the repeats of a case; where a format has room for them, the ends are the range of the
    /// repeats, or from six repeats on the 95 % interval of the median. A case without numbers exports none.
    Export(Export),
    /// Pack a results directory for those who check it: an artifact with claims, commands, checksums and metadata
    ///
    /// Writes a new folder with the results, the experiment with its note, a README (for each claim the command that
    /// checks it, the figure that shows it, minutes and disk), CITATION.cff, Cargo.lock, SHA256SUMS and an RO-Crate.
    /// The same results give the same bytes. A text with the name of this machine, of its user or of their folders
    /// is refused.
    Pack(Pack),
    /// Write a synthetic trace
    Generate(Generate),
    /// Report the facts of a log: rates, disorder, skew, late events, digest
    Inspect(Inspect),
    /// Draft a mapping for your own log
    ///
    /// Reads the first rows of a log and writes a first mapping for `replay --map` and `inspect --map`. It picks the
    /// columns for the time (and its format), the kind, the customer, the order and so on by their names and contents.
    /// Guesses are marked with comments: check them, above all what the values of the kind mean. If none of the words
    /// that tell what happened is known, the draft lists them and is refused until you write which kinds they are.
    ///
    /// For the whole file, a mapping may set `separator = ";"`, `encoding = "latin-1"`, `columns = ["user", "when"]`
    /// (for a file without a header), `decimal = ","`, `thousands = "."` and `absent = ["nan"]`. Otherwise separator,
    /// encoding and decimal comma are detected.
    ///
    /// Fields are mapped one by one, as in `customer = { column = "user" }`; in JSON Lines, a column is a path such as
    /// `user.id` or `items.0.price`. With `group = "InvoiceNo"` and `value = { column = "price", times = "quantity" }`,
    /// the lines of an order become one event. A row with several times needs an `[[event]]` with `kind` and `time` for
    /// each.
    Map(Map),
    /// Answer a question from a log
    Replay(Replay),
    /// Measure a question on your own log: strategies x workers, one report
    ///
    /// Every strategy that serves the pipeline is run on one and on two workers (or as asked), each in a process of its
    /// own that reads the log: in a closed loop for throughput and memory, and in the rhythm in which the log was
    /// recorded for latency. All answers are checked. For more (rates, evictions, searches), write an experiment with
    /// `trace = { file = "log.csv", map = "map.toml" }` and `flowbench run` it.
    Bench(Bench),
    /// List pipelines, strategies, order policies, evictions, profiles and experiments
    List(List),
    /// Explain a pipeline, a strategy, an eviction, a profile or an experiment
    Explain(Explain),
    /// Check whether this machine is fit to measure on
    Doctor(Doctor),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A shipped experiment, or the path of a TOML file
    #[arg(default_value = "quickstart")]
    pub(crate) experiment: String,
    /// Change the experiment: `repeats=3`, `<part>.rate=[100000]`, `<part>.trace.events=50000`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Run only this part of the experiment; may be given more than once
    #[arg(long, value_name = "PART")]
    pub(crate) only: Vec<String>,
    /// Directory of the results [default: `results/<experiment>/<utc>_<commit>`]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Continue the unfinished run in DIR: only cases that have no result yet are run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "set", "only", "experiment", "processes", "hosts"])]
    pub(crate) resume: Option<PathBuf>,
    /// With `--resume`: continue a run of another build or machine; its new cases are doubted (`mixed-run`)
    #[arg(long, requires = "resume")]
    pub(crate) allow_mixed: bool,
    /// Begin no case once the run has taken this long, such as 30min; the one that runs is finished, and `--resume`
    /// continues
    #[arg(long = "max-time", value_name = "D", value_parser = parse_duration_ms, conflicts_with = "hosts")]
    pub(crate) max_time_ms: Option<i64>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Run every case a second time with operator logging: time by operator and worker, messages by channel
    #[arg(long, conflicts_with = "resume")]
    pub(crate) profile_operators: bool,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// The processes in which the workers run.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Number of processes on this machine, each with the requested number of workers
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..=64), conflicts_with = "hosts")]
    pub(crate) processes: Option<u16>,
    /// File with one `address:port` per process, to run on several machines; start the same command on each of them
    #[arg(long, value_name = "FILE", requires = "process")]
    pub(crate) hosts: Option<PathBuf>,
    /// Index of this process in the hosts file, from 0; process 0 writes the results
    #[arg(long, value_name = "I", requires = "hosts")]
    pub(crate) process: Option<u16>,
    /// How long the processes of the hosts file may take to connect
    #[arg(long = "join-within", value_name = "D", default_value = "1min", value_parser = parse_duration_ms)]
    pub(crate) join_within_ms: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// A results directory
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Results directory of the run before
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// Results directory of the run after
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,
    /// Compare runs of different machines, experiments or measuring code all the same, and say so on every row
    #[arg(long)]
    pub(crate) force: bool,
    /// List the metrics that are the same, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Also write a page with both runs drawn over each other; an existing one is replaced
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Print Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("with").required(true).args(["baseline", "against", "calibrate"])))]
pub(crate) struct Gate {
    /// Results directory of a run to compare with
    #[arg(long, value_name = "DIR")]
    pub(crate) baseline: Option<PathBuf>,
    /// Results directory to judge instead of running the experiment of the baseline again
    #[arg(long, value_name = "DIR", requires = "baseline")]
    pub(crate) results: Option<PathBuf>,
    /// Another build to compare with: the command that starts it
    #[arg(long, value_name = "COMMAND")]
    pub(crate) against: Option<String>,
    /// Compare this build with itself: print the rate of false alarms and the smallest change that is found
    #[arg(long)]
    pub(crate) calibrate: bool,
    /// Experiment to run: a shipped one, or the path of a TOML file; with --baseline, its own
    #[arg(long, value_name = "EXPERIMENT", default_value = "ci", conflicts_with = "baseline")]
    pub(crate) experiment: String,
    /// Change the experiment, as in `run`
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "baseline")]
    pub(crate) set: Vec<String>,
    /// Run and compare only this part of the experiment; may be given more than once
    #[arg(long, value_name = "PART")]
    pub(crate) only: Vec<String>,
    /// Number of times that each build runs the experiment [default: 10, or the repeats of the baseline]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000), conflicts_with = "results")]
    pub(crate) rounds: Option<u16>,
    /// Judge times and sizes by this metric only, such as latency_p99_ns; may be given more than once [default:
    /// `metrics` of `[gate]` in the experiment, or all]
    #[arg(long = "metric", value_name = "COLUMN")]
    pub(crate) metrics: Vec<String>,
    /// A change of this metric matters from this share on, as in latency_p99_ns=20%; may be given more than once
    /// [default: `thresholds` of `[gate]` in the experiment, or those of flowbench]
    #[arg(long = "threshold", value_name = "COLUMN=SHARE", value_parser = threshold)]
    pub(crate) thresholds: Vec<(String, String)>,
    /// File of accepted regressions, each with case, column, commit, reason and expiry
    #[arg(long, value_name = "FILE")]
    pub(crate) accepted: Option<PathBuf>,
    /// What metrics that cannot be told apart do
    #[arg(long, value_name = "WHAT", default_value = "pass")]
    pub(crate) on_inconclusive: OnInconclusive,
    /// Judge times and sizes even if machine, experiment or measuring code differ
    #[arg(long)]
    pub(crate) force: bool,
    /// List the metrics that are the same, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Print Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Folder of what is measured [default: `results/gate/<utc>`]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

/// Splits `COLUMN=SHARE`.
fn threshold(text: &str) -> Result<(String, String), String> {
    let (column, share) = text.split_once('=').ok_or("write it as COLUMN=SHARE, such as latency_p99_ns=20%")?;
    Ok((column.to_owned(), share.to_owned()))
}

/// What metrics that cannot be told apart do to the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnInconclusive {
    Fail,
    Pass,
}

#[derive(Debug, Args)]
pub(crate) struct Reproduce {
    /// Results directory of the run to reproduce
    pub(crate) dir: PathBuf,
    /// Run and judge only this part of the experiment; may be given more than once
    #[arg(long, value_name = "PART")]
    pub(crate) only: Vec<String>,
    /// Directory of the new results [default: `results/<experiment>/<utc>_<commit>`]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Pack {
    /// A results directory
    pub(crate) dir: PathBuf,
    /// The new folder [default: `DIR-artifact`]
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Note of the experiment: question, expectation, reading [default: that of a shipped experiment]
    #[arg(long, value_name = "NOTE.md")]
    pub(crate) note: Option<PathBuf>,
    /// Cargo.lock of the build that measured [default: that of this build, if it is the same]
    #[arg(long, value_name = "Cargo.lock")]
    pub(crate) lock: Option<PathBuf>,
    /// Licence of the artifact, an SPDX expression
    #[arg(long, value_name = "SPDX", default_value = "MIT OR Apache-2.0")]
    pub(crate) license: String,
    /// Pack a run that has not come to its end, which the README then says
    #[arg(long)]
    pub(crate) incomplete: bool,
    /// Pack texts in which names of this machine or its user were found
    #[arg(long)]
    pub(crate) keep_names: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A results directory
    pub(crate) dir: PathBuf,
    /// Format
    #[arg(long, value_name = "FORMAT", value_parser = export_format())]
    pub(crate) to: &'static ExportFormat,
    /// Output file, `-` for standard output, or the folder of a format with several files [default: standard output]
    #[arg(long, short, value_name = "FILE|DIR|-")]
    pub(crate) output: Option<PathBuf>,
    /// Replace files of an earlier export
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// A shipped profile (see `flowbench list profiles`), or the path of a TOML file
    #[arg(long, default_value = "retail")]
    pub(crate) profile: String,
    /// Seed of the generator; the same seed gives the same events on every machine
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Number of events [default: 100000]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) events: Option<u64>,
    /// Number of days whose arrivals are written, instead of a number of events
    #[arg(long, value_name = "N", conflicts_with = "events")]
    pub(crate) days: Option<u64>,
    /// Change the profile: `transport.mobile.offline_share=0.2` (see `flowbench explain <profile>`)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Format [default: by the extension of the file, else csv]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Output file (`.gz` and `.zst` are compressed), or `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// Number of generating threads; the trace does not depend on it [default: usable cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) log: Log,
    /// Slack for which late events are counted, such as 0s, 1min, 1h
    #[arg(long = "slack", value_name = "D", default_value = "0s", value_parser = parse_duration_ms)]
    pub(crate) slack_ms: i64,
    /// How long after the last counted delivery of an event id another one counts again, such as 24h [default: never
    /// again]
    #[arg(long = "duplicate-horizon", value_name = "D", value_parser = parse_duration_ms)]
    pub(crate) duplicate_horizon_ms: Option<i64>,
    /// Print JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// A log to read.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// CSV or JSON Lines, plain or compressed; `-` for standard input
    #[arg(value_name = "FILE|-")]
    pub(crate) input: PathBuf,
    /// Mapping file that turns the rows of your log into events (`flowbench map` drafts one)
    #[arg(long, value_name = "MAP.toml")]
    pub(crate) map: Option<PathBuf>,
    /// Format [default: by the extension of the file, else by its content]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Fail on the first bad row
    #[arg(long)]
    pub(crate) strict: bool,
    /// File that lists bad rows, or `none` [default: a file next to the answers; for `inspect`, none]
    #[arg(long, value_name = "FILE|none")]
    pub(crate) rejects: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Map {
    /// CSV (with any separator) or JSON, plain or compressed; `-` for standard input
    #[arg(value_name = "FILE|-")]
    pub(crate) input: PathBuf,
    /// Format [default: by the extension of the file, else by its content]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Output file, which must not exist yet, or `-` for standard output
    #[arg(long, short, value_name = "MAP.toml|-", default_value = "-")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) log: Log,
    /// Pipeline that answers the question (see `flowbench list pipelines`)
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: String,
    /// Set a parameter of the pipeline: `threshold=1000` (see `flowbench explain <pipeline>`)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Strategy: how work is spread over the workers
    #[arg(long, value_name = "S", default_value = "exchange")]
    pub(crate) strategy: String,
    /// Number of workers of each process
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// How long another process may stay silent before the replay gives up; at least 1s
    #[arg(long = "peer-timeout", value_name = "D", default_value = "5min", value_parser = peer_timeout_ms)]
    pub(crate) peer_timeout_ms: u64,
    /// Address at which a process listens that another one has started
    #[arg(long, hide = true, conflicts_with = "hosts")]
    pub(crate) replay_process_of: Option<String>,
    /// Order policy: when an event is applied
    #[arg(long, value_name = "O", default_value = "watermark")]
    pub(crate) order: String,
    /// Slack of the watermark, such as 1h [default: the smallest that loses no event of the file]
    #[arg(long = "slack", value_name = "D", value_parser = parse_duration_ms)]
    pub(crate) slack_ms: Option<i64>,
    /// Eviction: when state is forgotten; `ttl` and `capacity` may lose answers (see `flowbench list evictions`)
    #[arg(long, value_name = "E", default_value = "frontier")]
    pub(crate) eviction: String,
    /// Count only the first delivery of each event id, whatever later deliveries say
    #[arg(long)]
    pub(crate) deduplicate: bool,
    /// With `--deduplicate`: how long after the last counted delivery of an event id another one counts again, such as
    /// 24h [default: never again]
    #[arg(
        long = "duplicate-horizon",
        value_name = "D",
        value_parser = parse_duration_ms,
        requires = "deduplicate"
    )]
    pub(crate) duplicate_horizon_ms: Option<i64>,
    /// With `--order speculative`: write every answer as it is given (+1) or retracted (-1), with a column `change`,
    /// instead of the final answers
    #[arg(long)]
    pub(crate) changes: bool,
    /// Measure the replay and print a table on standard error: throughput, latency of epochs, memory, late and rejected
    /// events. It is one run, and a cold one; to compare, use `flowbench bench`
    #[arg(long, conflicts_with_all = ["changes", "processes", "hosts"])]
    pub(crate) stats: bool,
    /// Measure the replay and write the numbers as JSON to a file, or `-` for standard output
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["changes", "processes", "hosts"])]
    pub(crate) stats_json: Option<PathBuf>,
    /// CSV file of the answers, or `-` for standard output
    #[arg(long, short, value_name = "ANSWERS.csv|-", default_value = "-")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// CSV or JSON Lines, plain or compressed; a file, because every case reads it
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// Mapping file that turns the rows of your log into events (`flowbench map` drafts one)
    #[arg(long, value_name = "MAP.toml")]
    pub(crate) map: Option<PathBuf>,
    /// Pipeline that answers the question (see `flowbench list pipelines`)
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: String,
    /// Set a parameter of the pipeline: `threshold=1000` (see `flowbench explain <pipeline>`)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Strategies to measure [default: all that serve the pipeline]
    #[arg(long, value_name = "S,...", value_delimiter = ',')]
    pub(crate) strategies: Vec<String>,
    /// Numbers of workers to measure [default: 1,2]
    #[arg(long, value_name = "N,...", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) workers: Vec<u16>,
    /// Slack of the watermark, such as 1h [default: the smallest that loses no event of the file]
    #[arg(long = "slack", value_name = "D", value_parser = parse_duration_ms)]
    pub(crate) slack_ms: Option<i64>,
    /// Count only the first delivery of each event id within a day
    #[arg(long)]
    pub(crate) deduplicate: bool,
    /// How long the whole log is played for the latency, in the rhythm of its arrival times
    #[arg(long = "duration", value_name = "D", default_value = "2s", value_parser = parse_duration_ms)]
    pub(crate) duration_ms: i64,
    /// Number of runs of each case
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) repeats: u16,
    /// Directory of the results [default: `results/bench/<utc>_<commit>`]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print the outcome as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// List only this kind
    pub(crate) what: Option<Listed>,
    /// Print JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    Pipelines,
    Strategies,
    Orders,
    Evictions,
    Profiles,
    Experiments,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Name of a pipeline, a strategy, an eviction, a profile or an experiment
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Jsonl,
}

impl From<Format> for flowbench_events::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => flowbench_events::Format::Csv,
            Format::Jsonl => flowbench_events::Format::Jsonl,
        }
    }
}

/// Returns a parser of the names of formats, whose help lists them.
fn export_format() -> impl TypedValueParser<Value = &'static ExportFormat> {
    let listed = EXPORT_FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.summary));
    PossibleValuesParser::new(listed).try_map(|name| ExportFormat::named(&name).ok_or("there is no such format"))
}

/// Parses a duration that is longer than the time between heartbeats.
fn peer_timeout_ms(text: &str) -> Result<u64, String> {
    let ms = parse_duration_ms(text).map_err(|error| error.to_string())?;
    u64::try_from(ms).ok().filter(|ms| *ms >= 1000).ok_or_else(|| format!("{text} is below 1s"))
}

/// Parses a whole number, which may have `_` between its digits and `k`, `M` or `G` after them.
fn count(text: &str) -> Result<u64, String> {
    let plain = text.replace('_', "");
    let (digits, factor) = match plain.as_bytes().last() {
        Some(b'k') => (&plain[..plain.len() - 1], 1_000),
        Some(b'M') => (&plain[..plain.len() - 1], 1_000_000),
        Some(b'G') => (&plain[..plain.len() - 1], 1_000_000_000),
        _ => (plain.as_str(), 1),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "write a whole number such as 500000, 500k or 2M".to_owned())
}
