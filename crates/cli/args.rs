//! What may be typed: the arguments, checked as far as they can be without looking at anything.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use flowbench_events::parse_duration_ms;

/// Dataflow simulation and benchmarks on timely dataflow: latency, memory under eviction and the effect of out-of-order
/// data, every number bound to a checked answer.
#[derive(Debug, Parser)]
#[command(name = "flowbench", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// No progress and no remarks on standard error; errors only
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
    /// Tell what a log is really like: rates, disorder, skew, late events, digest
    Inspect(Inspect),
    /// Draft the mapping of somebody's log
    ///
    /// Looks at the first rows of a log and writes a first mapping for `replay --map` and `inspect --map`: which column
    /// is the time (and in which format), the kind, the customer, the order and so on, by its name and by what it holds.
    /// What is guessed stands beside it as a comment: check it, above all what the words of the kind mean.
    ///
    /// For the file as a whole, a mapping says `separator = ";"`, `encoding = "latin-1"`, `columns = ["user", "when"]` (there is no
    /// header), `decimal = ","`, `thousands = "."`, `absent = ["nan"]`. Unless it does, separator, encoding and decimal
    /// comma are recognised.
    ///
    /// For each field, it says `customer = { column = "user" }`; in JSON Lines, a column is a path such as `user.id` or
    /// `items.0.price`. Lines of an order are one event with `group = "InvoiceNo"` and `value = { column = "price", times
    /// = "quantity" }`. A row with several times has an `[[event]]` with `kind` and `time` for each.
    Map(Map),
    /// Answer a question from a log
    Replay(Replay),
    /// List what there is
    List(List),
    /// Explain a pipeline, a profile or an experiment
    Explain(Explain),
    /// Is this machine fit to measure on?
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
    /// Where the results go; by default `results/<experiment>/<utc>_<commit>`
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Go on with the unfinished run in DIR: only cases that are not recorded yet are run
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "set", "experiment", "processes", "hosts"])]
    pub(crate) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
    /// Run every case once more with the activity of its operators logged: time by operator and worker, messages by channel
    #[arg(long, conflicts_with = "resume")]
    pub(crate) profile_operators: bool,
    /// The outcome as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the workers live.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// Number of processes on this machine, each with so many workers as asked for
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..=64), conflicts_with = "hosts")]
    pub(crate) processes: Option<u16>,
    /// Processes on several machines: a file with an `address:port` for each. Start the same command on every machine
    #[arg(long, value_name = "FILE", requires = "process")]
    pub(crate) hosts: Option<PathBuf>,
    /// Which line of the hosts file this process is, from 0; process 0 has the results
    #[arg(long, value_name = "I", requires = "hosts")]
    pub(crate) process: Option<u16>,
    /// How long the processes of the hosts file may take to meet
    #[arg(long, value_name = "D", default_value = "1min", value_parser = parse_duration_ms)]
    pub(crate) join_within: i64,
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
    /// Seed: the same seed gives the same events on every machine
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// How many events [default: 100000]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) events: Option<u64>,
    /// What arrives within so many days, instead of a number of events
    #[arg(long, value_name = "N", conflicts_with = "events")]
    pub(crate) days: Option<u64>,
    /// Change the profile: `transport.mobile.offline_share=0.2` (see `flowbench explain <profile>`)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Format [default: by the ending of the file, else csv]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Where to: a file (`.gz` and `.zst` are compressed), or `-` for standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// Generating threads; the trace is the same for any number [default: usable cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) log: Log,
    /// For which slack late events are counted, such as 0s, 1min, 1h
    #[arg(long, value_name = "D", default_value = "0s", value_parser = parse_duration_ms)]
    pub(crate) slack: i64,
    /// A delivery that arrives so much later than the last one of its event id that counted is no duplicate [default: it
    /// is]
    #[arg(long, value_name = "D", value_parser = parse_duration_ms)]
    pub(crate) duplicate_horizon: Option<i64>,
    /// As JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// A log to read.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// CSV or JSON Lines, plain or compressed; `-` for standard input
    #[arg(value_name = "FILE|-")]
    pub(crate) input: PathBuf,
    /// Mapping file that makes events of somebody's log (`flowbench map` drafts one)
    #[arg(long, value_name = "MAP.toml")]
    pub(crate) map: Option<PathBuf>,
    /// Format [default: by the ending of the file, else by how it begins]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The first bad row is an error
    #[arg(long)]
    pub(crate) strict: bool,
    /// Where bad rows are listed: a file, or `none` [default: beside the answers; of `inspect`, none]
    #[arg(long, value_name = "FILE|none")]
    pub(crate) rejects: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Map {
    /// CSV (with any separator) or JSON, plain or compressed; `-` for standard input
    #[arg(value_name = "FILE|-")]
    pub(crate) input: PathBuf,
    /// Format [default: by the ending of the file, else by how it begins]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Where the mapping goes: a file that is not there yet, or `-` for standard output
    #[arg(long, short, value_name = "MAP.toml|-", default_value = "-")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) log: Log,
    /// The question (see `flowbench list pipelines`)
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: String,
    /// A parameter of the pipeline: `threshold=1000` (see `flowbench explain <pipeline>`)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// How work is spread
    #[arg(long, value_name = "S", default_value = "exchange")]
    pub(crate) strategy: String,
    /// Number of workers of each process
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,
    #[command(flatten)]
    pub(crate) place: Place,
    /// How long another process may give no sign of life before it is given up, 1s or more
    #[arg(long, value_name = "D", default_value = "5min", value_parser = peer_timeout_ms)]
    pub(crate) peer_timeout: u64,
    /// A process that another one has started
    #[arg(long, hide = true, conflicts_with = "hosts")]
    pub(crate) companion_of: Option<String>,
    /// When an event is applied
    #[arg(long, value_name = "O", default_value = "watermark")]
    pub(crate) order: String,
    /// Slack of the watermark, such as 1h [default: enough to lose nothing in the file]
    #[arg(long, value_name = "D", value_parser = parse_duration_ms)]
    pub(crate) slack: Option<i64>,
    /// When state is forgotten
    #[arg(long, value_name = "E", default_value = "frontier")]
    pub(crate) eviction: String,
    /// Count only the first delivery of each event id, whatever later deliveries say
    #[arg(long)]
    pub(crate) deduplicate: bool,
    /// With `--deduplicate`: a delivery that arrives so much later than the last one that counted is a first again, such as
    /// 24h [default: never]
    #[arg(long, value_name = "D", value_parser = parse_duration_ms, requires = "deduplicate")]
    pub(crate) duplicate_horizon: Option<i64>,
    /// With `--order speculative`: every answer given (+1) and taken back (-1), in a column `change`, in the order in
    /// which they are, instead of what is left at the end
    #[arg(long)]
    pub(crate) changes: bool,
    /// Where the answers go: a CSV file, or `-` for standard output
    #[arg(long, short, value_name = "ANSWERS.csv|-", default_value = "-")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// One kind only
    pub(crate) what: Option<Listed>,
    /// As JSON on standard output
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
    /// A pipeline, a profile or an experiment
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// As JSON on standard output
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

/// A duration that is longer than processes need to be heard of each other.
fn peer_timeout_ms(text: &str) -> Result<u64, String> {
    let ms = parse_duration_ms(text).map_err(|error| error.to_string())?;
    u64::try_from(ms).ok().filter(|ms| *ms >= 1000).ok_or_else(|| format!("{text} is below 1s"))
}

/// A whole number, with `_` between digits and `k`, `M` or `G` behind it if wanted.
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
