//! Options of every command.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ColorChoice};

#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// When to use colours: on a terminal only (NO_COLOR, CLICOLOR_FORCE and TERM=dumb are respected), always or never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// Draw no progress bar: print a line for each step, as where standard error is no terminal
    #[arg(long, global = true, overrides_with = "no_progress")]
    pub(crate) no_progress: bool,
    /// Print only errors on standard error: no progress and no remarks
    #[arg(long, short, global = true, overrides_with = "quiet")]
    pub(crate) quiet: bool,
    /// Print on standard error what is done: processes that start and end, files that are written
    #[arg(long, short, global = true, overrides_with = "verbose")]
    pub(crate) verbose: bool,
}

impl Global {
    /// Decides between `--quiet` and `--verbose` if both are given: what is typed counts more than the environment, and
    /// what is typed last counts most.
    pub(super) fn settle(&mut self, matches: &ArgMatches) {
        let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
        let typed_at = |option: &str| {
            let is_typed = matches.value_source(option) == Some(ValueSource::CommandLine);
            matches.index_of(option).filter(|_| is_typed)
        };
        if self.quiet && self.verbose {
            self.verbose = typed_at("verbose") > typed_at("quiet");
            self.quiet = !self.verbose;
        }
    }
}
