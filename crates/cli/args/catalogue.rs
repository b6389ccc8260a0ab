//! Arguments of the commands that tell what there is: `list`, `explain`, `doctor`, `completions` and `man`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command, Error, ValueEnum};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(crate) struct List {
    /// List only this kind, or the pipelines in the files of a folder, such as `./questions`
    #[arg(value_parser = KindOrFolder)]
    pub(crate) what: Option<Wanted>,
    /// Print JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    /// The questions that events can be asked
    Pipelines,
    /// How work is spread over the workers
    Strategies,
    /// When an event is applied
    Orders,
    /// When state is forgotten
    Evictions,
    /// Synthetic worlds
    Profiles,
    /// Experiments that ship
    Experiments,
    /// What an experiment may vary
    Axes,
    /// Kinds of figures
    Figures,
    /// Columns of results
    Columns,
    /// What runs are compared by, and what is exported
    Metrics,
    /// Reasons not to trust a number
    Doubts,
    /// Words of the glossary
    Terms,
}

/// What is listed alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Kind(Listed),
    /// The pipelines in the files of a folder.
    Folder(PathBuf),
}

/// Reads the name of a kind, or a path: anything else that is there, or has a `/`.
#[derive(Debug, Clone)]
struct KindOrFolder;

impl TypedValueParser for KindOrFolder {
    type Value = Wanted;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Wanted, Error> {
        let path = PathBuf::from(value);
        match EnumValueParser::new().parse_ref(command, arg, value) {
            Ok(kind) => Ok(Wanted::Kind(kind)),
            Err(_) if value.to_string_lossy().contains('/') || path.exists() => Ok(Wanted::Folder(path)),
            Err(error) => Err(error),
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Listed::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A name that `list` knows, such as sessions, lost-time or coordinated-omission; one that names several things has each
    /// of them explained. Or the file of a pipeline, such as `./mine.toml` or `./mine.sql`
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Exit with code 1 if this machine is not fit to measure on, for CI: anything but that it is virtual, and its
    /// governor
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Folder of the pages, which is created; pages that are there already are replaced
    pub(crate) dir: PathBuf,
}
