//! The entry of a case process.

use std::fmt::Display;
use std::io::{Read, Write};
use std::sync::Arc;

use flowbench_measurement::record::Status;
use flowbench_pipelines::Registry;

use crate::case::error::CaseError;
#[cfg(feature = "live")]
use crate::case::live;
use crate::case::search;
use crate::case::trial::{Offer, PreparedCase};
use crate::cluster::peer::{self, Joined};
use crate::cluster::process_group::ProcessGroup;
use crate::experiment::case_spec::CaseSpec;
use crate::experiment::rate::OfferedLoad;
use crate::measure::request_to_end::answer_requests_to_end;
use crate::run::child_process::{self, ParentError};
use crate::run::protocol::{CaseResult, PANICKED};

/// Runs the case that standard input describes; returns the exit code.
///
/// The process ends with `parent`, which started it, and when any thread panics: a dataflow whose worker is gone
/// would wait for it forever.
pub fn case_process(parent: &str, registry: Registry) -> i32 {
    if let Err(error) = begin(parent) {
        return fail(&error);
    }
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string());
    let spec = read.and_then(|_| serde_json::from_str::<CaseSpec>(&text).map_err(|error| error.to_string()));
    match spec {
        Ok(spec) => send_result(run(&spec, registry, None)),
        Err(error) => fail(&format!("the case cannot be read: {error}")),
    }
}

/// Runs this process's share of a case that several processes run; returns the exit code. It listens at `listen_at`
/// and ends with `parent`, which started it.
pub fn peer_process(listen_at: &str, parent: &str, registry: Registry) -> i32 {
    if let Err(error) = begin(parent) {
        return fail(&error);
    }
    match peer::join(listen_at) {
        Ok(Joined { spec, mesh, control }) => {
            let process_group = ProcessGroup::new(spec.process, &spec.addresses, mesh, control, None);
            send_result(run(&spec.case, registry, Some(&process_group)))
        }
        Err(error) => error.report(),
    }
}

/// Ties this process to its parent, to the panics of its threads, and to the request to end.
fn begin(parent: &str) -> Result<(), ParentError> {
    abort_on_panic();
    // Without it, a case that takes too long does not say how far it was.
    let _ = answer_requests_to_end();
    child_process::end_with(parent)
}

/// Makes a panic of any thread end the process with [`PANICKED`], after its message.
pub fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(PANICKED);
    }));
}

/// Runs a case in this process, or its share of one that the processes of a group run: only the first of them has
/// numbers.
///
/// # Errors
///
/// Fails if the case cannot be run. A case that ran and gave wrong answers is a result.
pub fn run(
    spec: &CaseSpec,
    registry: Registry,
    process_group: Option<&Arc<ProcessGroup>>,
) -> Result<CaseResult, CaseError> {
    #[cfg(feature = "live")]
    if let Some(setup) = spec.live {
        return live::run(spec, setup, registry);
    }
    match spec.load {
        OfferedLoad::Search { arrivals } => search::run(spec, registry, arrivals),
        OfferedLoad::ShareOf { search, .. } => Err(CaseError::UnresolvedShare(search)),
        OfferedLoad::Closed => {
            let prepared = PreparedCase::new(spec, registry)?;
            run_once(spec, &prepared, &prepared.closed_loop(spec.trace.events), process_group)
        }
        OfferedLoad::Open { rate_events_per_s, arrivals, .. } => {
            let prepared = PreparedCase::new(spec, registry)?;
            let offer = prepared.open_loop(spec.trace.events, rate_events_per_s, arrivals)?;
            run_once(spec, &prepared, &offer, process_group)
        }
    }
}

fn run_once(
    spec: &CaseSpec,
    prepared: &PreparedCase,
    offer: &Offer,
    process_group: Option<&Arc<ProcessGroup>>,
) -> Result<CaseResult, CaseError> {
    let run = prepared.run(offer, spec.profile_operators, process_group)?;
    Ok(run.map_or(CaseResult::without_numbers(Status::Ok), |run| prepared.result(&run, None)))
}

/// Writes a result to standard output; returns the exit code.
fn send_result(result: Result<CaseResult, CaseError>) -> i32 {
    let result = match result {
        Ok(result) => result,
        Err(error) => return fail(&error),
    };
    let written = serde_json::to_vec(&result).map_err(std::io::Error::other);
    match written.and_then(|bytes| std::io::stdout().write_all(&bytes)) {
        Ok(()) => 0,
        Err(error) => fail(&format!("the result cannot be written: {error}")),
    }
}

/// Prints why this process fails; returns the exit code.
fn fail(problem: &dyn Display) -> i32 {
    eprintln!("{problem}");
    1
}
