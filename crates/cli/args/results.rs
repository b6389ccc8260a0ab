//! Arguments of the commands that pass results on: `export` and `pack`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use flowbench_measurement::export::{EXPORT_FORMATS, ExportFormat};

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
pub(crate) struct Pack {
    /// A results directory
    pub(crate) dir: PathBuf,
    /// The new folder, or an archive of it if its name ends in `.tar.gz` [default: `DIR-artifact`]
    #[arg(short, long, value_name = "FOLDER|FILE.tar.gz")]
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
    /// Text of the licence, if it is another than MIT or Apache-2.0
    #[arg(long, value_name = "FILE")]
    pub(crate) license_text: Option<PathBuf>,
    /// Pack a run that has not come to its end, which the README then says
    #[arg(long)]
    pub(crate) incomplete: bool,
    /// Pack texts in which names of this machine or its user were found
    #[arg(long)]
    pub(crate) keep_names: bool,
}

/// Returns a parser of the names of formats, whose help lists them.
fn export_format() -> impl TypedValueParser<Value = &'static ExportFormat> {
    let listed = EXPORT_FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.summary));
    PossibleValuesParser::new(listed).try_map(|name| ExportFormat::named(&name).ok_or("there is no such format"))
}
