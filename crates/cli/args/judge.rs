//! Arguments of `judge`.

use std::path::PathBuf;

use clap::Args;
use flowbench_events::parse_duration_ms;

use super::log::{Format, Log};
use super::values::renamed;

#[derive(Debug, Args)]
pub(crate) struct Judge {
    /// Answers of any engine in CSV or JSON Lines, plain or compressed; `-` for standard input
    #[arg(value_name = "ANSWERS|-")]
    pub(crate) answers: PathBuf,
    /// The log that was answered: CSV, JSON Lines or CloudEvents, plain or compressed; `-` for standard input
    #[arg(long, value_name = "LOG|-")]
    pub(crate) trace: PathBuf,
    /// Mapping file that turns the rows of your log into events (`flowbench map` drafts one)
    #[arg(long, value_name = "MAP.toml")]
    pub(crate) map: Option<PathBuf>,
    /// Pipeline whose question was answered (see `flowbench list pipelines`), or the file of one, such as
    /// `./mine.toml` or `./mine.sql`
    #[arg(long, value_name = "NAME")]
    pub(crate) pipeline: String,
    /// Set a parameter of the pipeline: `threshold=1000` (see `flowbench explain <pipeline>`)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Slack of a watermark: what is due are the answers to the events that are not late for it, such as 1h [default: to
    /// all events]
    #[arg(long = "slack", value_name = "D", value_parser = parse_duration_ms)]
    pub(crate) slack_ms: Option<i64>,
    /// What is due are the answers to the first delivery of each event id, whatever later deliveries say
    #[arg(long)]
    pub(crate) deduplicate: bool,
    /// With `--deduplicate`: how long after the last counted delivery of an event id another one counts again, such as
    /// 24h [default: never again]
    #[arg(long = "duplicate-horizon", value_name = "D", value_parser = parse_duration_ms, requires = "deduplicate")]
    pub(crate) duplicate_horizon_ms: Option<i64>,
    /// Format of the answers [default: by the extension of the file, else by its content]
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Columns of the answers that have other names than those of the pipeline: `user=customer,after.total=spent`
    #[arg(long, value_name = "THEIRS=OURS,...", value_delimiter = ',', value_parser = renamed)]
    pub(crate) columns: Vec<(String, String)>,
    /// Names of the columns of a CSV file without a header line, in their order
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) header: Vec<String>,
    /// Columns of the pipeline that are not compared
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) ignore: Vec<String>,
    /// How times are written: rfc3339, epoch_s, epoch_ms, epoch_us, epoch_ns, or a pattern such as `%d.%m.%Y %H:%M`
    /// [default: rfc3339, with `T` or a space, with or without fraction and zone]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) time_format: Option<String>,
    /// Zone of times without an offset, an IANA name such as Europe/London [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// Column that says what a row of a changelog does: `+`, `-`, a number, `+I`, `-U`, `+U`, `-D`
    #[arg(long, value_name = "COLUMN")]
    pub(crate) op: Option<String>,
    /// CSV file of all answers that differ and all rows that cannot be read
    #[arg(long, value_name = "FILE")]
    pub(crate) differences: Option<PathBuf>,
    /// Print JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

impl Judge {
    /// Returns how the log is read.
    pub(crate) fn log(&self) -> Log {
        Log {
            input: self.trace.clone(),
            map: self.map.clone(),
            format: None,
            strict: false,
            max_bad: None,
            rejects: None,
        }
    }
}
