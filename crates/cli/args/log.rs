//! Arguments of the commands on logs: `generate`, `inspect`, `map` and `replay`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use flowbench_events::{BadRowLimit, parse_count, parse_duration_ms};

use super::run::ClusterArgs;
use super::values::peer_timeout_ms;

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// A shipped profile (see `flowbench list profiles`), or the path of a TOML file
    #[arg(long, default_value = "retail")]
    pub(crate) profile: String,
    /// Seed of the generator; the same seed gives the same events on every machine
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// Number of events [default: 100000]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub(crate) events: Option<u64>,
    /// Number of days whose arrivals are written, instead of a number of events
    #[arg(long, value_name = "N", value_parser = parse_count, conflicts_with = "events")]
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
    /// Also write what is to be answered about the log, into a new folder: its facts, and for each pipeline the answers
    /// to all events. The events are then held in memory
    #[arg(long, value_name = "DIR")]
    pub(crate) truth: Option<PathBuf>,
    /// With `--truth`: pipelines or files of them, with their default parameters [default: all that `list` has]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', requires = "truth")]
    pub(crate) truth_pipeline: Vec<String>,
    /// With `--truth`: slacks such as 1min,1h. For each, the folder has the events that are late for it, and the answers
    /// to all others
    #[arg(
        long = "truth-slack",
        value_name = "D,...",
        value_delimiter = ',',
        value_parser = parse_duration_ms,
        requires = "truth"
    )]
    pub(crate) truth_slack_ms: Vec<i64>,
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
    /// CSV, JSON Lines or CloudEvents, plain or compressed; `-` for standard input
    #[arg(value_name = "FILE|-")]
    pub(crate) input: PathBuf,
    /// Mapping file that turns the rows of your log into events (`flowbench map` drafts one)
    #[arg(long, value_name = "MAP.toml")]
    pub(crate) map: Option<PathBuf>,
    /// Format [default: by the extension of the file, else by its content]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Fail on the first bad row
    #[arg(long, conflicts_with = "max_bad")]
    pub(crate) strict: bool,
    /// Fail if more rows than this are bad, such as 20 or 0.5%
    #[arg(long, value_name = "N|N%")]
    pub(crate) max_bad: Option<BadRowLimit>,
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
    /// Pipeline that answers the question (see `flowbench list pipelines`), or the file of one, such as
    /// `./mine.toml` or `./mine.sql`
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
    /// Draw the answers, too, as `flowbench plot` does; their numbers go to a CSV file of the same name
    #[arg(long, value_name = "FILE.svg")]
    pub(crate) figure: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Plot {
    /// Answers in CSV (plain, .gz or .zst), as `flowbench replay -o` writes them, or `-` for standard input
    #[arg(value_name = "ANSWERS.csv|-")]
    pub(crate) answers: PathBuf,
    /// Pipeline that gave the answers, or the file of one [default: the one that has their columns]
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: Option<String>,
    /// Series to draw below the answers: CSV with a header, a time (RFC 3339, or s or ms since 1970) and a value; may be
    /// given more than once
    #[arg(long = "with", value_name = "SERIES.csv")]
    pub(crate) external: Vec<PathBuf>,
    /// SVG file of the figure [default: the name of the answers with `-figure.svg`]
    #[arg(long, short, value_name = "FILE.svg")]
    pub(crate) output: Option<PathBuf>,
    /// Also write a picture for paper beside each figure: PNG, 7 inches wide at 300 dots an inch
    #[cfg(feature = "png")]
    #[arg(long)]
    pub(crate) png: bool,
}

impl Plot {
    /// Returns true if pictures are wanted.
    #[cfg(feature = "png")]
    pub(crate) fn with_png(&self) -> bool {
        self.png
    }

    #[cfg(not(feature = "png"))]
    pub(crate) fn with_png(&self) -> bool {
        false
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Jsonl,
    #[value(name = "cloudevents")]
    CloudEvents,
}

impl From<Format> for flowbench_events::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => flowbench_events::Format::Csv,
            Format::Jsonl => flowbench_events::Format::Jsonl,
            Format::CloudEvents => flowbench_events::Format::CloudEvents,
        }
    }
}
