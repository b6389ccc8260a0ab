//! From the words that were typed and the environment to arguments.

use clap::error::ErrorKind;
use clap::{ColorChoice, FromArgMatches, ValueEnum};

use super::commands::Arguments;
use super::environment::{self, command};
use crate::terminal::{eprint, set_color};

impl Arguments {
    /// Returns the arguments of this process; wrong ones end it, as do `--help` and `--version`.
    pub(crate) fn of_process() -> Arguments {
        let color = color_of_process();
        set_color(color);
        let command = command().color(color);
        let parsed = command.clone().try_get_matches().and_then(|matches| {
            let arguments = Arguments::from_arg_matches(&matches)?;
            Ok((arguments, matches))
        });
        match parsed {
            Ok((mut arguments, matches)) => {
                environment::keep(&command, &matches);
                arguments.global.settle(&matches);
                arguments
            }
            Err(error) => refuse(&error, &command),
        }
    }
}

/// Prints why arguments are wrong, or the help that was asked for, and ends the process.
fn refuse(error: &clap::Error, command: &clap::Command) -> ! {
    let _ = error.print();
    let set = environment::set_of(command);
    if error.kind() == ErrorKind::ArgumentConflict && !set.is_empty() {
        eprint(format!("hint: options may also come from the environment, where there is {}", set.join(", ")));
    }
    std::process::exit(error.exit_code());
}

/// Returns what `--color` says, before arguments are parsed: errors of the arguments have colours, too.
fn color_of_process() -> ColorChoice {
    let arguments: Vec<String> = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let own = arguments.iter().take_while(|argument| *argument != "--");
    let own: Vec<&str> = own.map(String::as_str).collect();
    let beside = own.iter().filter_map(|argument| argument.strip_prefix("--color="));
    let behind = own.windows(2).filter(|pair| pair[0] == "--color").map(|pair| pair[1]);
    let typed = beside.chain(behind).last().map(str::to_owned);
    let word = typed.or_else(|| std::env::var("FLOWBENCH_COLOR").ok()).unwrap_or_default();
    ColorChoice::from_str(&word, false).unwrap_or(ColorChoice::Auto)
}
