//! `compare`: two runs side by side.

use std::path::Path;

use flowbench_measurement::comparison::{Comparison, MetricChange};
use flowbench_measurement::results_dir::write_atomically;
use flowbench_report::{ComparisonForm, Results, comparison_html, comparison_json, comparison_text};

use crate::annotations::{Level, annotate};
use crate::args::Compare;
use crate::failure::{Failure, OK, eprint, print};
use crate::json_output::print_json;
use crate::kept_run::{check_results_dir, files_of_run, read_kept};
use crate::overwriting::{Named, refuse_to_overwrite};
use crate::terminal::screen;

pub(crate) fn compare(args: &Compare) -> Result<i32, Failure> {
    let (before, after) = (read_kept(&args.before)?, read_kept(&args.after)?);
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
    match args.json {
        true => print_json("comparison", comparison_json(&comparison))?,
        false => print(&comparison_text(&comparison, form, args.all))?,
    }
    annotate_changes(&comparison);
    Ok(OK)
}

/// Annotates what is worse in the run after, or other than it was.
fn annotate_changes(comparison: &Comparison) {
    let worse = comparison
        .cells
        .iter()
        .filter(|cell| cell.change == MetricChange::Worse)
        .map(|cell| format!("{}, {}: {:.2} times what it was", cell.case, cell.metric.column, cell.ratio.estimate));
    annotate(Level::Warning, "flowbench compare: worse", worse);
    let changed = comparison.exact.iter().map(|change| {
        format!("{}, {}: was {} and is {}", change.case, change.column, change.before, change.after.join(" or "))
    });
    annotate(Level::Warning, "flowbench compare: another value", changed);
    let failures = comparison.new_failures.iter().map(|failure| {
        format!("{}: {} of {} repeats: {}", failure.case, failure.failed, failure.repeats, failure.cause)
    });
    let gone = comparison.only_before.iter().map(|case| format!("{case}: only the run before has results"));
    annotate(Level::Warning, "flowbench compare: no results", failures.chain(gone));
}

/// Writes the comparison as HTML; a file of either run is never replaced.
fn write_html(args: &Compare, html: &Path, comparison: &Comparison) -> Result<(), Failure> {
    [&args.before, &args.after].into_iter().try_for_each(|dir| check_results_dir(dir))?;
    let [before, after] = [&args.before, &args.after].map(|dir| Results::read(dir).map_err(Failure::failed));
    let (before, after) = (before?, after?);
    let read = [files_of_run(&args.before, &before.run), files_of_run(&args.after, &after.run)].concat();
    let read: Vec<Named> = read.iter().map(|path| ("results of a run", path.as_path())).collect();
    refuse_to_overwrite(&[(("comparison", html), "--html")], &read)?;
    write_atomically(html, comparison_html(&before, &after, comparison).as_bytes()).map_err(Failure::failed)
}

fn refusal(comparison: &Comparison) -> Failure {
    let fields: String = comparison.obstacles.iter().map(|obstacle| format!("\n  {obstacle}")).collect();
    let (differ, compared) = (comparison.exact.len(), comparison.exact_compared);
    Failure::usage_error(format!(
        "the times of these runs cannot be compared, because they differ in more than the code under test:{fields}\n\
         Of {compared} exact values, which do not depend on that, {differ} differ. Measure both on one machine with the same \
         experiment, or compare them all the same with --force"
    ))
}
