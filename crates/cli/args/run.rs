//! Arguments of the commands that measure: `run`, `bench`, `report` and `reproduce`.

use std::path::PathBuf;

use clap::Args;
use flowbench_events::{BadRowLimit, parse_duration_ms};

use super::values::{ExportTo, export_to};

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A shipped experiment, or the path of a TOML file
    #[arg(default_value = "quickstart")]
    pub(crate) experiment: String,
    /// Change the experiment: `repeats=3`, `<part>.rate=[100000]`, `<part>.trace.events=50000`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Choose a profile of the experiment, such as quick (a minute or two), ci or paper (five repeats or more)
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Run only this part, or the cases of a filter such as `workers>=2 & pipeline=sessions|funnel`; may be given more
    /// than once
    ///
    /// A filter is conditions joined by `&`, all of which have to hold. A condition is an axis (`flowbench list axes`) or
    /// `part`, one of = != >= <= > <, and a value; behind = and != there may be several, joined by `|`. Quote it: the
    /// shell has its own meaning for &, | and >.
    #[arg(long, value_name = "PART|FILTER")]
    pub(crate) only: Vec<String>,
    /// Leave out this part, or the cases of a filter; may be given more than once
    #[arg(long, value_name = "PART|FILTER")]
    pub(crate) skip: Vec<String>,
    /// Print the plan and run nothing: cases, processes, and estimates of time, memory and disk, part by part
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Directory of the results [default: `results/<experiment>/<utc>_<commit>`]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Continue the unfinished run in DIR: only cases that have no result yet are run
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with_all = ["out", "set", "only", "skip", "profile", "experiment", "processes", "hosts"]
    )]
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
    /// Also write the results in the format of another tool, as `export --to FORMAT -o FILE` does; may be given more
    /// than once. `FORMAT=-` prints them in place of the tables
    #[arg(long, value_name = "FORMAT=FILE|DIR|-", value_parser = export_to, conflicts_with = "hosts")]
    pub(crate) export: Vec<ExportTo>,
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
pub(crate) struct Bench {
    /// CSV, JSON Lines or CloudEvents, plain or compressed; a file, because every case reads it
    #[arg(value_name = "LOG")]
    pub(crate) log: PathBuf,
    /// Mapping file that turns the rows of your log into events (`flowbench map` drafts one)
    #[arg(long, value_name = "MAP.toml")]
    pub(crate) map: Option<PathBuf>,
    /// Fail if more rows than this are bad, such as 20 or 0.5%
    #[arg(long, value_name = "N|N%")]
    pub(crate) max_bad: Option<BadRowLimit>,
    /// Pipeline that answers the question (see `flowbench list pipelines`), or the file of one, such as
    /// `./mine.toml` or `./mine.sql`
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
pub(crate) struct Report {
    /// A results directory
    pub(crate) dir: PathBuf,
    /// Also write a picture for paper beside each figure: PNG, 7 inches wide at 300 dots an inch
    #[cfg(feature = "png")]
    #[arg(long)]
    pub(crate) png: bool,
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
    /// Print JSON: what became of each claim, and all metrics
    #[arg(long)]
    pub(crate) json: bool,
}
