//! The command line: arguments, exit codes, progress. No logic of its own.

mod args;
mod catalogue;
mod failure;
mod logs;
mod progress;
mod run;

use clap::Parser;

use args::{Arguments, Command};
use failure::Failure;

/// The same allocator in all arms of every comparison, and the one whose statistics are sampled.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == flowbench_harness::case::CASE_ARGUMENT) {
        std::process::exit(flowbench_harness::case::case_process());
    }
    // A dataflow whose worker has panicked would wait for it for ever.
    flowbench_harness::case::abort_on_panic();
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
        Command::Replay(asked) => logs::replay(asked, quiet),
        Command::List(asked) => catalogue::list(asked),
        Command::Explain(asked) => catalogue::explain(asked),
        Command::Doctor(asked) => catalogue::doctor(asked),
    }
}
