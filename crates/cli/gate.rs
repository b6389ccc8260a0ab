//! `gate`: fails on a regression.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use flowbench_harness::experiment::LoadedExperiment;
use flowbench_harness::gate::{BuildUnderTest, GateError, GateRequest, RoundObserver, judge_runs, read_accepted};
use flowbench_harness::run::experiment_of;
use flowbench_measurement::metric_choice::MetricChoice;
use flowbench_measurement::metrics::Metric;
use flowbench_measurement::record::{CaseRecord, RunRecord};
use flowbench_pipelines::Registry;
use flowbench_report::calibration_text;

use crate::args::Gate;
use crate::failure::{Failure, INCOMPLETE, OK, eprint, print};
use crate::kept_run::read_kept;
use crate::signals::stop_on_signals;
use crate::terminal::screen;
use crate::verdict::conclude;

/// Number of rounds if there is no baseline that says how many repeats it has.
const ROUNDS: usize = 10;

pub(crate) fn gate(args: &Gate, registry: Registry, quiet: bool) -> Result<i32, Failure> {
    let accepted = args.accepted.as_deref().map_or(Ok(Vec::new()), read_accepted).map_err(Failure::usage_error)?;
    let baseline = args.baseline.as_deref().map(|dir| complete(dir, args)).transpose()?;
    if let (Some((run, cases)), Some(results)) = (&baseline, &args.results) {
        let after = complete(results, args)?;
        let choice = MetricChoice::of_experiment(&run.resolved_experiment).map_err(Failure::failed)?;
        let metrics = metrics(choice, args)?;
        let gated = judge_runs(&metrics, (run, cases), (&after.0, &after.1), &accepted, args.force);
        return conclude(&gated, args);
    }
    let other = args.against.as_deref().map(BuildUnderTest::other).transpose().map_err(Failure::usage_error)?;
    let interruption = stop_on_signals()?;
    let experiment = match (&args.baseline, &baseline) {
        (Some(dir), Some((run, _))) => experiment_of(dir, run),
        _ => LoadedExperiment::load(&args.experiment, &args.set),
    };
    let experiment = experiment.map_err(Failure::usage_error)?;
    let repeats = baseline.as_ref().map_or(ROUNDS, |(_, cases)| repeats(cases));
    let request = GateRequest {
        metrics: metrics(experiment.experiment.gate.clone(), args)?,
        experiment,
        parts: args.only.iter().cloned().collect(),
        rounds: args.rounds.map_or(repeats, usize::from),
        out: out(args)?,
        registry,
        accepted,
        force: args.force,
        interrupted: interruption.flag(),
    };
    let mut observer = Rounds { quiet };
    let failed = |error: GateError| match error {
        GateError::Interrupted(_) => Failure::interrupted(interruption.exit_code().unwrap_or(INCOMPLETE), error),
        GateError::Experiment(error) => Failure::usage_error(error),
        error => Failure::failed(error),
    };
    if args.calibrate {
        let calibration = request.calibrate(&mut observer).map_err(failed)?;
        print(&calibration_text(&calibration, screen()))?;
        return Ok(OK);
    }
    let gated = match (&baseline, other) {
        (Some((run, cases)), _) => request.against_run(run, cases, &mut observer),
        (None, Some(other)) => request.against(other, &mut observer),
        (None, None) => return Err(Failure::usage_error("give --baseline DIR, --against COMMAND or --calibrate")),
    };
    let gated = gated.map_err(failed)?;
    if !quiet {
        eprint(format!("what was measured is in {}", request.out.display()));
    }
    conclude(&gated, args)
}

/// Returns the metrics of the choice that an experiment makes, and the arguments above it.
fn metrics(choice: MetricChoice, args: &Gate) -> Result<Vec<Metric>, Failure> {
    let asked = MetricChoice { metrics: args.metrics.clone(), thresholds: args.thresholds.iter().cloned().collect() };
    choice.overridden_by(asked).chosen().map_err(Failure::usage_error)
}

/// Reads a run to be judged or to judge by, which has to have all its results unless `--force`.
fn complete(dir: &Path, args: &Gate) -> Result<(RunRecord, Vec<CaseRecord>), Failure> {
    let (run, cases) = read_kept(dir)?;
    let (planned, found) = (run.planned_cases, cases.len());
    if found < planned && !args.force {
        return Err(Failure::usage_error(format!(
            "{} has {found} of {planned} planned results, so the gate would miss cases; finish it with `flowbench run --resume \
             {}`, or use it all the same with --force",
            dir.display(),
            dir.display()
        )));
    }
    selected(dir, (run, cases), args)
}

/// Returns a run with the cases of the parts that were asked for.
fn selected(
    dir: &Path,
    (run, mut cases): (RunRecord, Vec<CaseRecord>),
    args: &Gate,
) -> Result<(RunRecord, Vec<CaseRecord>), Failure> {
    if let Some(missing) = args.only.iter().find(|part| cases.iter().all(|case| case.part != **part)) {
        let parts: BTreeSet<&str> = cases.iter().map(|case| case.part.as_str()).collect();
        let parts = match parts.is_empty() {
            true => "no results at all".to_owned(),
            false => parts.into_iter().collect::<Vec<_>>().join(", "),
        };
        return Err(Failure::usage_error(format!("{} has no part '{missing}'; it has: {parts}", dir.display())));
    }
    cases.retain(|case| args.only.is_empty() || args.only.contains(&case.part));
    Ok((run, cases))
}

/// Returns the number of repeats of most cases of a run.
fn repeats(cases: &[CaseRecord]) -> usize {
    cases.iter().map(|case| case.repeat).max().unwrap_or(1)
}

/// Returns the folder of the results, which must not hold anything yet.
fn out(args: &Gate) -> Result<PathBuf, Failure> {
    let time = flowbench_harness::environment::utc_stamp();
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("results").join("gate").join(time));
    let is_taken = out.read_dir().is_ok_and(|mut entries| entries.next().is_some());
    if is_taken || out.is_file() {
        return Err(Failure::usage_error(format!("{} is not empty; give another folder by --out", out.display())));
    }
    Ok(out)
}

/// Prints the rounds as they begin.
struct Rounds {
    quiet: bool,
}

impl RoundObserver for Rounds {
    fn begins(&mut self, name: &str, round: usize, rounds: usize, build: &str) {
        if !self.quiet {
            eprint(format!("{name}: round {round} of {rounds}, {build}"));
        }
    }
}
