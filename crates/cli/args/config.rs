//! Arguments of the commands that tell what experiments and files hold: `config` and `schema`.

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show the values of an experiment
    ///
    /// A value of the command line (`--set`) comes before one of the environment (FLOWBENCH_RUN_SET, settings separated
    /// by `;`), that before the profile, that before the file, and that before the default.
    Show(ConfigShow),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShow {
    /// A shipped experiment, or the path of a TOML file
    #[arg(default_value = "quickstart")]
    pub(crate) experiment: String,
    /// Show every value with its origin, those that nobody gave as well; without it, only the values of the file
    #[arg(long)]
    pub(crate) resolved: bool,
    /// Choose a profile of the experiment
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Change the experiment, as in `run`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Print JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// The format
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Experiment files
    Experiment,
    /// Mapping files
    Mapping,
    /// The files of a run: run.json, and the lines of cases.ndjson
    Results,
}
