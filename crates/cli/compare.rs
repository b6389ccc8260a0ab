//! `compare`: two runs side by side.

use std::path::Path;

use flowbench_measurement::comparison::Comparison;
use flowbench_measurement::record::{CaseRecord, RunRecord};
use flowbench_measurement::results_dir::{read_cases, read_run, write_atomically};
use flowbench_report::{ComparisonForm, Results, comparison_html, comparison_text};

use crate::args::Compare;
use crate::failure::{Failure, OK, eprint, print};
use crate::overwriting::{Named, refuse_to_overwrite};
use crate::run::{check_results_dir, files_of_run};
use crate::terminal::screen;

pub(crate) fn compare(args: &Compare) -> Result<i32, Failure> {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let comparison = Comparison::of((&before.0, &before.1), (&after.0, &after.1));
    if !args.force && !comparison.obstacles.is_empty() {
        return Err(refusal(&comparison));
    }
    if comparison.is_empty() {
        let problem = format!("{} and {} have no case in common", args.before.display(), args.after.display());
        return Err(Failure::nothing_selected(problem));
    }
    for (dir, (run, cases)) in [(&args.before, &before), (&args.after, &after)] {
        if cases.len() < run.planned_cases {
            let (found, planned) = (cases.len(), run.planned_cases);
            eprint(format!("note: {} has {found} of {planned} planned results", dir.display()));
        }
    }
    if let Some(html) = &args.html {
        write_html(args, html, &comparison)?;
    }
    let form = if args.markdown { ComparisonForm::Markdown } else { ComparisonForm::Terminal(screen()) };
    print(&comparison_text(&comparison, form, args.all))?;
    Ok(OK)
}

/// Writes the comparison as HTML; a file of either run is never replaced.
fn write_html(args: &Compare, html: &Path, comparison: &Comparison) -> Result<(), Failure> {
    let [before, after] = [&args.before, &args.after].map(|dir| Results::read(dir).map_err(Failure::failed));
    let (before, after) = (before?, after?);
    let read = [files_of_run(&args.before, &before.run), files_of_run(&args.after, &after.run)].concat();
    let read: Vec<Named> = read.iter().map(|path| ("results of a run", path.as_path())).collect();
    refuse_to_overwrite(&[(("comparison", html), "--html")], &read)?;
    write_atomically(html, comparison_html(&before, &after, comparison).as_bytes()).map_err(Failure::failed)
}

/// Reads the run and the cases of a results directory.
pub(crate) fn read(dir: &Path) -> Result<(RunRecord, Vec<CaseRecord>), Failure> {
    check_results_dir(dir)?;
    let run = read_run(dir).map_err(Failure::failed)?;
    Ok((run, read_cases(dir).map_err(Failure::failed)?.rows))
}

fn refusal(comparison: &Comparison) -> Failure {
    let fields: String = comparison.obstacles.iter().map(|obstacle| format!("\n  {obstacle}")).collect();
    Failure::usage_error(format!(
        "the times of these runs cannot be compared, because they differ in more than the code under test:{fields}\n\
         Measure both on one machine with the same experiment, or compare them all the same with --force"
    ))
}
