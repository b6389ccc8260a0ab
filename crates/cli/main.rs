//! The command line: arguments, exit codes, progress. No logic of its own.

mod args;
mod catalogue;
mod failure;
mod logs;
mod map;
mod overwriting;
mod progress;
mod rejects;
mod run;

use clap::Parser;
use flowbench_harness::case::{self, CASE_ARGUMENT};
use flowbench_harness::peer::PEER_ARGUMENT;

use args::{Arguments, Command};
use failure::Failure;

/// The same allocator in all arms of every comparison, and the one whose statistics are sampled.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    match (arguments.next().as_deref(), arguments.next()) {
        (Some(CASE_ARGUMENT), _) => std::process::exit(case::case_process()),
        (Some(PEER_ARGUMENT), Some(listen_at)) => std::process::exit(case::peer_process(&listen_at)),
        _ => {}
    }
    // A dataflow whose worker has panicked would wait for it for ever.
    case::abort_on_panic();
    let arguments = Arguments::parse();
    let code = match execute(&arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    };
    std::process::exit(code);
}

/// Does what was asked for; the exit code.
fn execute(arguments: &Arguments) -> Result<i32, Failure> {
    let quiet = arguments.quiet;
    match &arguments.command {
        Command::Run(asked) => run::run(asked, quiet),
        Command::Report(asked) => run::report(asked, quiet),
        Command::Generate(asked) => logs::generate(asked, quiet),
        Command::Inspect(asked) => logs::inspect(asked, quiet),
        Command::Map(asked) => map::map(asked, quiet),
        Command::Replay(asked) => logs::replay(asked, quiet),
        Command::List(asked) => catalogue::list(asked),
        Command::Explain(asked) => catalogue::explain(asked),
        Command::Doctor(asked) => catalogue::doctor(asked),
    }
}
