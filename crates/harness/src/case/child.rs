//! The entry of a case process.

use std::io::{Read, Write};
use std::sync::Arc;

use flowbench_measurement::record::Status;

use crate::case::search;
use crate::case::trial::PreparedCase;
use crate::cluster::peer::{self, Joined};
use crate::cluster::process_group::ProcessGroup;
use crate::experiment::case_spec::CaseSpec;
use crate::experiment::rate::Rate;
use crate::run::child_process;
use crate::run::protocol::{CaseResult, PANICKED};

/// Runs the case that standard input asks for; returns the exit code.
///
/// The process ends with `parent`, which started it, and when any thread panics: a dataflow whose worker is gone
/// would wait for it forever.
pub fn case_process(parent: &str) -> i32 {
    abort_on_panic();
    if let Err(problem) = child_process::end_with(parent) {
        return fail(&problem);
    }
    let mut text = String::new();
    let spec: CaseSpec = match std::io::stdin().read_to_string(&mut text).map(|_| serde_json::from_str(&text)) {
        Ok(Ok(spec)) => spec,
        Ok(Err(error)) => return fail(&format!("the case cannot be read: {error}")),
        Err(error) => return fail(&format!("the case cannot be read: {error}")),
    };
    send(run(&spec, None))
}

/// Runs this process's share of a case that several processes run; returns the exit code. It listens at `listen_at`
/// and ends with `parent`, which started it.
pub fn peer_process(listen_at: &str, parent: &str) -> i32 {
    abort_on_panic();
    if let Err(problem) = child_process::end_with(parent) {
        return fail(&problem);
    }
    match peer::join(listen_at) {
        Ok(Joined { spec, mesh, control }) => {
            let process_group = ProcessGroup::new(spec.process, spec.addresses.len(), mesh, control, None);
            send(run(&spec.case, Some(&process_group)))
        }
        Err(error) => error.report(),
    }
}

/// Writes a result to standard output; returns the exit code.
fn send(result: Result<CaseResult, String>) -> i32 {
    let result = match result {
        Ok(result) => result,
        Err(problem) => return fail(&problem),
    };
    let written = serde_json::to_vec(&result).map_err(std::io::Error::other);
    match written.and_then(|bytes| std::io::stdout().write_all(&bytes)) {
        Ok(()) => 0,
        Err(error) => fail(&format!("the result cannot be written: {error}")),
    }
}

/// Makes a panic of any thread end the process with [`PANICKED`], after its message.
pub fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(PANICKED);
    }));
}

fn fail(problem: &dyn std::fmt::Display) -> i32 {
    eprintln!("{problem}");
    1
}

/// Runs a case in this process, or its share of one that several processes run: only the first of them has numbers.
pub fn run(spec: &CaseSpec, process_group: Option<&Arc<ProcessGroup>>) -> Result<CaseResult, String> {
    if spec.rate == Rate::Search {
        return search::run(spec);
    }
    let ready = PreparedCase::new(spec)?;
    let run = ready.run(spec, spec.profile_operators, process_group)?;
    Ok(run.map_or(CaseResult::without_numbers(Status::Ok), |run| ready.result(spec, &run, None)))
}
