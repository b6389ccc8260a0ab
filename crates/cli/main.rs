//! The command line: arguments, exit codes, progress. It has no logic of its own.

mod args;
mod catalogue;
mod failure;
mod generate;
mod inspect;
mod log_input;
mod map;
mod overwriting;
mod progress;
mod rejects;
mod replay;
mod run;
mod signals;

use clap::Parser;
use flowbench_harness::case;
use flowbench_harness::cluster::PEER_ARGUMENT;
use flowbench_harness::run::CASE_ARGUMENT;

use args::{Arguments, Command};
use failure::Failure;

/// The allocator of every compared arm, which also counts allocated bytes per thread.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (Some(CASE_ARGUMENT), Some(parent), _) => std::process::exit(case::case_process(&parent)),
        (Some(PEER_ARGUMENT), Some(listen_at), Some(parent)) => {
            std::process::exit(case::peer_process(&listen_at, &parent))
        }
        _ => {}
    }
    // A dataflow whose worker has panicked would wait for it forever.
    case::abort_on_panic();
    signals::survive_full_files();
    let arguments = Arguments::parse();
    let code = match execute(&arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    };
    std::process::exit(code);
}

/// Executes the command and returns the exit code.
fn execute(arguments: &Arguments) -> Result<i32, Failure> {
    let quiet = arguments.quiet;
    match &arguments.command {
        Command::Run(args) => run::run(args, quiet),
        Command::Report(args) => run::report(args, quiet),
        Command::Generate(args) => generate::generate(args, quiet),
        Command::Inspect(args) => inspect::inspect(args, quiet),
        Command::Map(args) => map::map(args, quiet),
        Command::Replay(args) => replay::replay(args, quiet),
        Command::List(args) => catalogue::list(args),
        Command::Explain(args) => catalogue::explain(args),
        Command::Doctor(args) => catalogue::doctor(args),
    }
}
