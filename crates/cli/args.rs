//! The arguments of the command line, checked as far as that needs neither files nor the catalogue.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use flowbench_events::parse_duration_ms;

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
    /// Write a synthetic trace
    Generate(Generate),
    /// Report the facts of a log: rates, disorder, skew, late events, digest
    Inspect(Inspect),
    /// Draft a mapping for your own log
    ///
    /// Reads the first rows of a log and writes a first mapping for `replay --map` and `inspect --map`. It picks the
    /// columns for the time (and its format), the kind, the customer, the order and so on by their names and contents.
    /// Guesses are marked with comments: check them, above all what the values of the kind mean.
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
    /// Directory of the results [default: `results/<experiment>/<utc>_<commit>`]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Continue the unfinished run in DIR: only cases that have no result yet are run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "set", "experiment", "processes", "hosts"])]
    pub(crate) resume: Option<PathBuf>,
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
    /// Eviction: when state is forgotten
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
    /// CSV file of the answers, or `-` for standard output
    #[arg(long, short, value_name = "ANSWERS.csv|-", default_value = "-")]
    pub(crate) output: PathBuf,
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
