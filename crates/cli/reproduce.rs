//! `reproduce`: an experiment once more, and what held.

use std::path::Path;

use flowbench_harness::experiment::Selection;
use flowbench_harness::run::{Request, recorded_argv, run as run_experiment};
use flowbench_measurement::claims::{Checked, Standing, check_claims};
use flowbench_measurement::comparison::Comparison;
use flowbench_measurement::record::{CaseRecord, RunRecord, Status};
use flowbench_pipelines::Registry;
use flowbench_report::{comparison_json, counted, reproduction_text};
use serde_json::{Value, json};

use crate::args::{Reproduce, set_variables};
use crate::failure::{Failure, INCOMPLETE, OK, REGRESSION, eprint, print};
use crate::json_output::print_json;
use crate::kept_run::read_dir;
use crate::progress::Cases;
use crate::signals::stop_on_signals;
use crate::terminal::screen;

/// Maximum number of cases without results that are listed.
const LISTED_MAX: usize = 10;

pub(crate) fn reproduce(args: &Reproduce, registry: Registry, quiet: bool) -> Result<i32, Failure> {
    let (run, cases) = read_dir(&args.dir)?;
    let interruption = stop_on_signals()?;
    let request = Request {
        again: Some(args.dir.clone()),
        out: args.out.clone(),
        selection: Selection::parts(&args.only),
        argv: Some(recorded_argv(set_variables())),
        registry,
        ..Request::default()
    };
    let mut progress = Cases::new(quiet);
    let finished = run_experiment(&request, interruption.flag(), &mut progress);
    progress.finish();
    let finished = finished?;
    if !quiet {
        eprint(format!("report: {}", finished.drawn.report.display()));
    }
    if finished.interrupted {
        let (new, old) = (finished.dir.display(), args.dir.display());
        eprint(format!(
            "interrupted; continue with: flowbench run --resume {new}, then: flowbench compare {old} {new}"
        ));
        return Ok(interruption.exit_code().unwrap_or(INCOMPLETE));
    }
    let (again, cases_again) = read_dir(&finished.dir)?;
    if finished.incomplete() > 0 {
        eprint(incomplete(&cases_again, &finished.dir, args));
    }
    let (run, cases) = only_of(&args.only, run, cases, &again);
    let comparison = Comparison::of((&run, &cases), (&again, &cases_again));
    let (before, now) = (check_claims(&run.claims, &cases), check_claims(&run.claims, &cases_again));
    let is_judged = |now: &Checked| args.only.is_empty() || now.standing != Standing::Unknown;
    let (before, now): (Vec<_>, Vec<_>) = before.into_iter().zip(now).filter(|(_, now)| is_judged(now)).unzip();
    let is_lost = before.iter().zip(&now).any(|(before, now)| {
        let is_gone = before.standing == Standing::Holds && now.standing == Standing::Unknown;
        is_gone || now.standing == Standing::Fails
    });
    let is_another = comparison.exact_compared == 0 || !comparison.only_before.is_empty();
    if is_another {
        eprint("the run has other cases than its record: they cannot be compared");
    }
    let code = match () {
        () if finished.incomplete() > 0 => INCOMPLETE,
        () if is_lost || is_another || !comparison.exact.is_empty() => REGRESSION,
        () => OK,
    };
    match args.json {
        true => print_json(
            "reproduction",
            json!({
                "dir": finished.dir.to_string_lossy(),
                "report": finished.drawn.report.to_string_lossy(),
                "is_reproduced": code == OK,
                "incomplete": finished.incomplete(),
                "claims": before.iter().zip(&now).map(claim).collect::<Vec<_>>(),
                "comparison": comparison_json(&comparison),
            }),
        )?,
        false => {
            print(&reproduction_text(&comparison, &before, &now, screen()))?;
            eprint(verdict(code, &comparison, &now));
        }
    }
    Ok(code)
}

/// Says which cases have no results, and how to go on.
fn incomplete(cases: &[CaseRecord], dir: &Path, args: &Reproduce) -> String {
    let failed: Vec<&CaseRecord> = cases.iter().filter(|case| case.status != Status::Ok).collect();
    let list = failed.iter().take(LISTED_MAX).map(|case| {
        let (part, status) = (&case.part, &case.status);
        format!("  {part}, {}: {}, {}\n", case.tag(), status.word(), status.cause().unwrap_or_default())
    });
    let more = failed.len().saturating_sub(LISTED_MAX);
    let more = if more > 0 { format!("  and {more} more\n") } else { String::new() };
    let (list, dir, old) = (list.collect::<String>(), dir.display(), args.dir.display());
    format!(
        "{} of {} without results:\n{list}{more}measure them again with: flowbench run --resume {dir}, then: flowbench compare \
         {old} {dir}",
        failed.len(),
        counted(cases.len(), "case")
    )
}

/// Says what came of it in one line.
fn verdict(code: i32, comparison: &Comparison, now: &[Checked]) -> String {
    let word = match code {
        OK => "reproduced",
        INCOMPLETE => "incomplete",
        _ => "not reproduced",
    };
    let hold = now.iter().filter(|checked| checked.standing == Standing::Holds).count();
    let same = comparison.exact_compared - comparison.exact.len();
    let claims = counted(now.len(), "claim");
    format!("{word}: {hold} of {claims} hold, {same} of {} exact values are as they were", comparison.exact_compared)
}

fn claim((before, now): (&Checked, &Checked)) -> Value {
    json!({
        "claim": now.claim,
        "standing_before": before.standing.word(),
        "standing": now.standing.word(),
        "found_before": before.found,
        "found": now.found,
    })
}

/// Returns a run as if it had been one of the named parts only; as it is if none is named. That `again` is an
/// experiment of these parts is then no difference.
fn only_of(
    parts: &[String],
    run: RunRecord,
    cases: Vec<CaseRecord>,
    again: &RunRecord,
) -> (RunRecord, Vec<CaseRecord>) {
    if parts.is_empty() {
        return (run, cases);
    }
    let cases = cases.into_iter().filter(|case| parts.contains(&case.part)).collect();
    (RunRecord { resolved_experiment: again.resolved_experiment.clone(), ..run }, cases)
}
