//! Environment variables in place of options: one for each long option that is not hidden, all named by one rule.

use std::ffi::OsString;
use std::sync::OnceLock;

use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory};

use super::commands::Arguments;

/// What the name of every variable begins with.
const PREFIX: &str = "FLOWBENCH";
/// Options that mean different things in different commands. Their variables have the name of the command, too.
const BY_COMMAND: [&str; 16] = [
    "all",
    "deduplicate",
    "duplicate-horizon",
    "force",
    "format",
    "json",
    "only",
    "out",
    "output",
    "pipeline",
    "processes",
    "profile",
    "set",
    "slack",
    "strict",
    "workers",
];

/// Returns the command line with a variable for each option.
pub(crate) fn command() -> Command {
    with_variables(Arguments::command(), "")
}

/// Returns a command, and those below it, with a variable for each option; what is below `config` has its name.
fn with_variables(command: Command, name: &str) -> Command {
    let below: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    below.iter().fold(command.mut_args(|arg| with_variable(arg, name)), |command, below| {
        let name = if name.is_empty() { below } else { name };
        command.mut_subcommand(below, |command| with_variables(command, name))
    })
}

/// Returns the option with its variable; an option that is hidden or has no long name has none.
fn with_variable(arg: Arg, command: &str) -> Arg {
    let Some(variable) = variable(&arg, command) else { return arg };
    let is_empty = std::env::var_os(&variable).is_some_and(|value| value.is_empty());
    let arg = match arg.get_action() {
        ArgAction::SetTrue => arg.value_parser(FalseyValueParser::new()),
        _ => arg,
    };
    if is_empty { arg } else { arg.env(variable).hide_env_values(true) }
}

/// Returns the name of the variable of an option: `FLOWBENCH_<OPTION>`, or `FLOWBENCH_<COMMAND>_<OPTION>` for options
/// that mean different things in different commands. An option that is hidden or has no long name has none.
fn variable(arg: &Arg, command: &str) -> Option<String> {
    let long = arg.get_long().filter(|long| !arg.is_hide_set() && !["help", "version"].contains(long))?;
    let words = match BY_COMMAND.contains(&long) {
        true => vec![PREFIX, command, long],
        false => vec![PREFIX, long],
    };
    Some(words.join("_").replace('-', "_").to_uppercase())
}

/// The variables that took the place of options of this process, each with its value.
static USED: OnceLock<Vec<(String, String)>> = OnceLock::new();

/// Keeps the variables that took the place of options, for the record of a run; see [`set_variables`].
pub(super) fn keep(command: &Command, matches: &ArgMatches) {
    let _ = USED.set(used(command, matches));
}

/// Returns the variables that took the place of options of this process, each with its value.
pub(crate) fn set_variables() -> &'static [(String, String)] {
    USED.get().map_or(&[], Vec::as_slice)
}

/// Returns the variables of options that are set, whatever command was given.
pub(super) fn set_of(command: &Command) -> Vec<String> {
    let names = arguments(command).into_iter().filter_map(Arg::get_env).filter(|name| std::env::var_os(name).is_some());
    let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns the arguments of a command and of those below it.
fn arguments(command: &Command) -> Vec<&Arg> {
    command.get_arguments().chain(command.get_subcommands().flat_map(arguments)).collect()
}

/// Returns the variables that took the place of options of the command that was given.
fn used(command: &Command, matches: &ArgMatches) -> Vec<(String, String)> {
    let Some((name, below)) = matches.subcommand() else { return used_by(command, matches) };
    let Some(subcommand) = command.find_subcommand(name) else { return Vec::new() };
    // Options of all commands are among the matches of the command that was given.
    let all = used_by(command, below);
    all.into_iter().chain(used(subcommand, below)).collect()
}

/// Returns the variables that took the place of options of one command.
fn used_by(command: &Command, matches: &ArgMatches) -> Vec<(String, String)> {
    let is_used = |arg: &&Arg| {
        let id = arg.get_id().as_str();
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::EnvVariable)
    };
    let value = |arg: &Arg| {
        let name = arg.get_env()?.to_string_lossy().into_owned();
        let value: OsString = std::env::var_os(&name)?;
        Some((name, value.to_string_lossy().into_owned()))
    };
    command.get_arguments().filter(is_used).filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Every long option that is not hidden, by command.
    fn options() -> Vec<(String, Arg)> {
        let command = command();
        let of = |command: &Command| -> Vec<(String, Arg)> {
            arguments(command).into_iter().map(|arg| (command.get_name().to_owned(), arg.clone())).collect()
        };
        let own = command.get_arguments().map(|arg| (command.get_name().to_owned(), arg.clone()));
        let all = command.get_subcommands().flat_map(of).chain(own);
        all.filter(|(_, arg)| arg.get_long().is_some() && !arg.is_hide_set()).collect()
    }

    #[test]
    fn every_option_of_every_command_has_a_variable_named_by_the_rule() {
        let options = options();
        assert!(options.len() > 80, "{} options", options.len());
        for (command, arg) in &options {
            let env = arg.get_env().expect("a variable").to_str().unwrap();
            let long = arg.get_long().unwrap();
            let plain = format!("FLOWBENCH_{}", long.replace('-', "_").to_uppercase());
            let own = format!("FLOWBENCH_{}_{}", command.to_uppercase(), &plain["FLOWBENCH_".len()..]);
            assert_eq!(env, if BY_COMMAND.contains(&long) { own } else { plain }, "{command} --{long}");
        }
    }

    #[test]
    fn one_variable_means_one_thing_in_every_command() {
        let mut helps: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (_, arg) in options() {
            let variable = arg.get_env().unwrap().to_str().unwrap().to_owned();
            helps.entry(variable).or_default().insert(arg.get_help().unwrap().to_string());
        }
        let ambiguous: Vec<_> = helps.into_iter().filter(|(_, helps)| helps.len() > 1).collect();
        assert!(ambiguous.is_empty(), "{ambiguous:#?}");
    }

    #[test]
    fn what_processes_say_to_each_other_has_no_variable() {
        let command = command();
        let hidden = command.get_subcommands().flat_map(Command::get_arguments).filter(|arg| arg.is_hide_set());
        let hidden: Vec<&Arg> = hidden.collect();
        assert!(!hidden.is_empty() && hidden.iter().all(|arg| arg.get_env().is_none()));
    }

    #[test]
    fn the_tree_of_commands_is_sound() {
        command().debug_assert();
    }
}
