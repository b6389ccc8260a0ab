//! Arguments of the commands that judge runs: `compare` and `gate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Results directory or baseline file of the run before
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// Results directory or baseline file of the run after
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
    /// Print JSON, with all metrics
    #[arg(long, conflicts_with = "markdown")]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("with").required(true).args(["baseline", "against", "calibrate"])))]
pub(crate) struct Gate {
    /// Results directory of a run to compare with, or a baseline file (`export --to baseline`)
    #[arg(long, value_name = "DIR|FILE")]
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
    /// Print JSON: the verdict, what was found, and all metrics
    #[arg(long, conflicts_with_all = ["markdown", "calibrate"])]
    pub(crate) json: bool,
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
