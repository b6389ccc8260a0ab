//! `run` and `report`.

use std::path::Path;
use std::time::Duration;

use flowbench_harness::cluster::Hosts;
use flowbench_harness::environment::{cautions, surroundings};
use flowbench_harness::experiment::{Overrides, Selection};
use flowbench_harness::run::{
    Finished, HostRank, Request, follow as follow_experiment, recorded_argv, run as run_experiment,
};
use flowbench_measurement::case_name::names;
use flowbench_measurement::record::{CaseRecord, Status};
use flowbench_measurement::results_dir::{ResultsDir, read_run};
use flowbench_pipelines::Registry;
#[cfg(feature = "png")]
use flowbench_report::draw_with_png;
use flowbench_report::{Drawn, ReportError, Results, draw, terminal_tables};

use crate::annotations::{Level, annotate};
use crate::args::{ClusterArgs, ExportTo, Report, Run, set_variables};
use crate::dry_run::dry_run;
use crate::export;
use crate::failure::{Failure, INCOMPLETE, OK, eprint, print};
use crate::json_output::print_json;
use crate::kept_run::check_results_dir;
use crate::progress::Cases;
use crate::signals::{Interruption, stop_on_signals};
use crate::terminal::screen;

pub(crate) fn run(args: &Run, registry: Registry, quiet: bool) -> Result<i32, Failure> {
    if args.allow_mixed && args.resume.is_none() {
        return Err(Failure::usage_error("--allow-mixed is for --resume DIR: name the run to continue"));
    }
    check_exports(&args.export, args.json)?;
    let request = Request {
        experiment: args.experiment.clone(),
        settings: settings(args.profile.as_deref(), &args.set),
        out: args.out.clone(),
        resume: args.resume.clone(),
        allow_mixed: args.allow_mixed,
        selection: Selection { only: args.only.clone(), skip: args.skip.clone() },
        max_time: args.max_time_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0))),
        profile_operators: args.profile_operators,
        processes: args.cluster.processes.map(Into::into),
        host_rank: hosts(&args.cluster)?.map(|(hosts, process, join_within)| HostRank { hosts, process, join_within }),
        argv: Some(recorded_argv(set_variables())),
        registry,
        ..Request::default()
    };
    if args.dry_run {
        return dry_run(&request, args.json);
    }
    let interruption = stop_on_signals()?;
    measure(&request, &interruption, &args.export, args.json, quiet)
}

/// Checks before anything is measured that the exports can be written, and that one thing at most is printed.
fn check_exports(exports: &[ExportTo], json: bool) -> Result<(), Failure> {
    exports.iter().try_for_each(export::check)?;
    let printed = exports.iter().filter(|to| export::is_printed(to)).count() + usize::from(json);
    match printed {
        0 | 1 => Ok(()),
        _ => Err(Failure::usage_error(
            "only one of --export FORMAT=- and --json can be printed; write the others to files",
        )),
    }
}

/// The environment variable with settings of experiments, separated by `;`.
const SETTINGS_VARIABLE: &str = "FLOWBENCH_RUN_SET";

/// Returns what is changed in an experiment: by a profile, by the environment and by `--set`.
pub(crate) fn settings(profile: Option<&str>, set: &[String]) -> Overrides {
    let variable = std::env::var(SETTINGS_VARIABLE).unwrap_or_default();
    let environment = variable.split(';').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect();
    // The variable may stand for a `--set` that was not given.
    let is_variable = set == [variable];
    let arguments = if is_variable { Vec::new() } else { set.to_vec() };
    Overrides { profile: profile.map(str::to_owned), environment, arguments, everywhere: Vec::new() }
}

/// Runs an experiment, prints its outcome and exports it; returns the exit code.
pub(crate) fn measure(
    request: &Request,
    interruption: &Interruption,
    exports: &[ExportTo],
    json: bool,
    quiet: bool,
) -> Result<i32, Failure> {
    let mut cases = Cases::new(quiet);
    if !quiet {
        cautions(&surroundings()).iter().for_each(|found| eprint(format!("warning: {} {}", found.what, found.seen)));
    }
    if request.host_rank.as_ref().is_some_and(|host_rank| host_rank.process > 0) {
        return follow(request, interruption, &mut cases, quiet);
    }
    let finished = run_experiment(request, interruption.flag(), &mut cases);
    cases.finish();
    let finished = finished?;
    if json {
        print_json("outcome", outcome(&finished))?;
    } else if !exports.iter().any(export::is_printed) {
        let results = Results::read(&finished.dir).map_err(Failure::failed)?;
        print(&terminal_tables(&results, screen()))?;
    }
    annotate_bad_cases(&finished.cases);
    exports.iter().try_for_each(|to| export::write(to, &finished.dir, false, quiet))?;
    let stopped = interruption.exit_code();
    if !quiet {
        eprint_figures(&finished.drawn, &finished.dir);
        if finished.interrupted {
            eprint(why_interrupted(request, &finished, stopped.is_some()));
        }
        if request.host_rank.is_none() {
            next_commands(&finished).iter().for_each(|next| eprint(next_line(next, screen().width)));
        }
    }
    Ok(match stopped {
        Some(code) if finished.interrupted => code,
        _ if finished.interrupted || finished.incomplete() > 0 => INCOMPLETE,
        _ => OK,
    })
}

/// Returns what is worth doing next: three commands, the most useful first.
fn next_commands(finished: &Finished) -> Vec<String> {
    let dir = shell_quoted(&finished.dir);
    let is_complete = !finished.interrupted && finished.incomplete() == 0;
    let first = match is_complete {
        true => format!("flowbench reproduce {dir}    # does it hold again?"),
        false => format!("flowbench run --resume {dir}    # what failed or was not begun"),
    };
    let last = match is_complete {
        true => format!("flowbench pack {dir}    # an artifact for reviewers"),
        false => format!("flowbench report {dir}    # draw it again"),
    };
    vec![first, format!("flowbench export {dir} --to history    # for other tools"), last]
}

/// Returns a command to go on with as a line, without its comment if that would be broken.
fn next_line(next: &str, width: usize) -> String {
    let line = format!("next: {next}");
    let command = next.split("    #").next().unwrap_or(next);
    if line.chars().count() <= width { line } else { format!("next: {command}") }
}

/// Returns a path as a shell takes it for one word.
pub(crate) fn shell_quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./+,:@%".contains(letter);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Annotates the cases that failed or are invalid.
fn annotate_bad_cases(cases: &[CaseRecord]) {
    let bad = names(cases).into_iter().zip(cases).filter(|(_, case)| case.status != Status::Ok);
    let finding = |(name, case): (String, &CaseRecord)| {
        format!("{name}, repeat {}: {}: {}", case.repeat, case.status.word(), case.status.cause().unwrap_or_default())
    };
    annotate(Level::Error, "flowbench run: case without numbers", bad.map(finding));
}

/// Returns why a run has not come to its end, and what to do. A run on several machines cannot be resumed on one of
/// them.
fn why_interrupted(request: &Request, finished: &Finished, by_signal: bool) -> String {
    let go_on = format!("continue with: flowbench run --resume {}", finished.dir.display());
    match (&request.host_rank, by_signal) {
        (Some(_), true) => "interrupted".to_owned(),
        (Some(_), false) => "run aborted: the processes are out of step; restart it on all machines".to_owned(),
        (None, true) => format!("interrupted; {go_on}"),
        (None, false) => format!("--max-time is over after {} cases; {go_on}", finished.cases.len()),
    }
}

/// Takes part in a run whose results another process has.
fn follow(request: &Request, interruption: &Interruption, cases: &mut Cases, quiet: bool) -> Result<i32, Failure> {
    let done = follow_experiment(request, interruption.flag(), cases);
    cases.finish();
    let (done, planned) = (done?, cases.planned());
    if !quiet {
        eprint(format!("took part in {done} of {planned} cases; process 0 has the results"));
    }
    Ok(if done == planned { OK } else { interruption.exit_code().unwrap_or(INCOMPLETE) })
}

/// Returns the processes on several machines, the index of this one, and how long they may take to connect; `None` if
/// there is no hosts file.
pub(crate) fn hosts(cluster: &ClusterArgs) -> Result<Option<(Hosts, usize, Duration)>, Failure> {
    let (Some(file), Some(process)) = (&cluster.hosts, cluster.process) else { return Ok(None) };
    let hosts = Hosts::read(file).map_err(Failure::usage_error)?;
    hosts.address(process.into()).map_err(Failure::usage_error)?;
    let join_within = Duration::from_millis(u64::try_from(cluster.join_within_ms).unwrap_or(0));
    Ok(Some((hosts, process.into(), join_within)))
}

pub(crate) fn report(args: &Report, quiet: bool) -> Result<i32, Failure> {
    check_results_dir(&args.dir)?;
    read_run(&args.dir).map_err(Failure::failed)?;
    let _held = ResultsDir::hold(&args.dir);
    let drawn = drawn(args).map_err(Failure::failed)?;
    if !quiet {
        eprint_figures(&drawn, &args.dir);
    }
    Ok(OK)
}

#[cfg(feature = "png")]
fn drawn(args: &Report) -> Result<Drawn, ReportError> {
    if args.png { draw_with_png(&args.dir) } else { draw(&args.dir) }
}

#[cfg(not(feature = "png"))]
fn drawn(args: &Report) -> Result<Drawn, ReportError> {
    draw(&args.dir)
}

fn eprint_figures(drawn: &Drawn, dir: &Path) {
    drawn.problems.iter().for_each(|problem| eprint(format!("not drawn: {problem}")));
    drawn.missing.iter().for_each(|missing| eprint(format!("missing: {missing}")));
    let figures = drawn.figures.iter().filter(|path| path.extension().is_some_and(|ending| ending == "svg")).count();
    let pictures = drawn.figures.iter().filter(|path| path.extension().is_some_and(|ending| ending == "png")).count();
    let noun = if figures == 1 { "figure and its numbers" } else { "figures and their numbers" };
    let with_pictures = if pictures > 0 { format!(", {pictures} as PNG") } else { String::new() };
    eprint(format!("{figures} {noun} in {}{with_pictures}", dir.display()));
    eprint(format!("report: {}", drawn.report.display()));
}

/// Returns the outcome as JSON.
fn outcome(finished: &Finished) -> serde_json::Value {
    // JSON is text: a path that is not valid text is converted lossily.
    serde_json::json!({
        "dir": finished.dir.to_string_lossy(),
        "report": finished.drawn.report.to_string_lossy(),
        "interrupted": finished.interrupted,
        "incomplete": finished.incomplete(),
        "cases": finished.cases,
    })
}
