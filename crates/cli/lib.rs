//! The command line: arguments, exit codes, progress. It has no logic of its own.
//!
//! It is a library, so that a program with pipelines of its own has every command, strategy and report for them:
//!
//! ```no_run
//! // All that its `main` does, with references to the pipelines in the brackets.
//! flowbench::main(&[]);
//! ```
//!
//! The example `own_pipeline` is such a program. What a pipeline is made of is in [`pipelines`] and [`events`].

mod annotations;
mod args;
mod axes;
mod bench;
mod catalogue;
mod compare;
mod completions;
mod config;
mod doctor;
mod dry_run;
mod export;
mod failure;
mod gate;
mod generate;
mod inspect;
mod json_output;
mod judge;
mod judgement;
mod kept_run;
mod log_input;
mod map;
mod origin;
mod overwriting;
mod pack;
mod plot;
mod progress;
mod rejects;
mod replay;
mod replay_stats;
mod reproduce;
mod run;
mod schema;
#[cfg(feature = "live")]
mod serve;
mod signals;
mod snippets;
mod terminal;
#[cfg(feature = "live")]
mod token;
mod truth;
mod verdict;

use flowbench_harness::case;
use flowbench_harness::cluster::PEER_ARGUMENT;
use flowbench_harness::environment::set_lock_file;
use flowbench_harness::run::CASE_ARGUMENT;

pub use flowbench_events as events;
pub use flowbench_pipelines as pipelines;

use args::{Arguments, Command, Global};
use failure::Failure;
use pipelines::{Pipeline, Registry};
use terminal::Talk;

/// The allocator of every compared arm, which also counts allocated bytes per thread.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The exact versions of all that flowbench is built from.
const CARGO_LOCK: &str = include_str!("../../Cargo.lock");

/// Runs the command line with the pipelines of the catalogue and with `own` ones, and ends the process.
///
/// The allocator, the processes of cases and the handling of signals and panics are those of the `flowbench` command, so
/// call it first thing in `main`.
pub fn main(own: &'static [&'static dyn Pipeline]) -> ! {
    set_lock_file(CARGO_LOCK);
    let registry = match Registry::new(own) {
        Ok(registry) => registry,
        Err(error) => std::process::exit(Failure::failed(error).report()),
    };
    let mut arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    match (arguments.next().as_deref(), arguments.next(), arguments.next()) {
        (Some(CASE_ARGUMENT), Some(parent), _) => std::process::exit(case::case_process(&parent, registry)),
        (Some(PEER_ARGUMENT), Some(listen_at), Some(parent)) => {
            std::process::exit(case::peer_process(&listen_at, &parent, registry))
        }
        _ => {}
    }
    // A dataflow whose worker has panicked would wait for it forever.
    case::abort_on_panic();
    signals::survive_full_files();
    let arguments = Arguments::of_process();
    let Global { no_progress, verbose: is_verbose, .. } = arguments.global;
    terminal::settle(Talk { no_progress, is_verbose });
    let code = match execute(&arguments, registry) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    };
    std::process::exit(code);
}

/// Executes the command and returns the exit code.
fn execute(arguments: &Arguments, registry: Registry) -> Result<i32, Failure> {
    let quiet = arguments.global.quiet;
    match &arguments.command {
        Command::Run(args) => run::run(args, registry, quiet),
        Command::Report(args) => run::report(args, quiet),
        Command::Compare(args) => compare::compare(args),
        Command::Gate(args) => gate::gate(args, registry, quiet),
        Command::Reproduce(args) => reproduce::reproduce(args, registry, quiet),
        Command::Export(args) => export::export(args, quiet),
        Command::Pack(args) => pack::pack(args, quiet),
        Command::Generate(args) => generate::generate(args, registry, quiet),
        Command::Inspect(args) => inspect::inspect(args, quiet),
        Command::Map(args) => map::map(args, quiet),
        Command::Replay(args) => replay::replay(args, registry, quiet),
        Command::Judge(args) => judge::judge(args, registry, quiet),
        Command::Plot(args) => plot::plot(args, registry, quiet),
        Command::Bench(args) => bench::bench(args, registry, quiet),
        #[cfg(feature = "live")]
        Command::Serve(args) => serve::serve(args, registry, quiet),
        #[cfg(feature = "live")]
        Command::Token(command) => token::token(command, quiet),
        Command::List(args) => catalogue::list(args, registry),
        Command::Explain(args) => catalogue::explain(args, registry),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Completions(args) => completions::completions(args),
        Command::Man(args) => completions::man(args, quiet),
        Command::Config(args) => config::config(args),
        Command::Schema(args) => schema::schema(args),
    }
}
