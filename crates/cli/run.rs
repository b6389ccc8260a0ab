//! `run` and `report`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flowbench_harness::run::{Finished, Request, run as run_experiment};
use flowbench_measurement::results_dir::read_run;
use flowbench_report::{Drawn, Results, draw, terminal_tables};

use crate::args::{Report, Run};
use crate::failure::{Failure, INCOMPLETE, INTERRUPTED, OK, print, say};
use crate::progress::Cases;

/// Width of the tables on the terminal.
const TABLE_WIDTH: usize = 100;

pub(crate) fn run(asked: &Run, quiet: bool) -> Result<i32, Failure> {
    let interrupted = on_ctrl_c()?;
    let request = Request {
        experiment: asked.experiment.clone(),
        settings: asked.set.clone(),
        out: asked.out.clone(),
        resume: asked.resume.clone(),
    };
    let mut cases = Cases::new(quiet);
    let finished = run_experiment(&request, &interrupted, &mut cases);
    cases.finish();
    let finished = finished?;
    if asked.json {
        print(&json(&finished)?)?;
    } else {
        let results = Results::read(&finished.dir).map_err(Failure::failed)?;
        print(&terminal_tables(&results, TABLE_WIDTH))?;
    }
    if !quiet {
        tell(&finished.drawn, &finished.dir);
        if finished.interrupted {
            say(format!("interrupted; go on with: flowbench run --resume {}", finished.dir.display()));
        }
    }
    Ok(match finished {
        Finished { interrupted: true, .. } => INTERRUPTED,
        finished if finished.incomplete() > 0 => INCOMPLETE,
        _ => OK,
    })
}

pub(crate) fn report(asked: &Report, quiet: bool) -> Result<i32, Failure> {
    if !asked.dir.is_dir() {
        return Err(Failure::failed(format!("there is no folder {}; give a results directory", asked.dir.display())));
    }
    read_run(&asked.dir).map_err(Failure::failed)?;
    let drawn = draw(&asked.dir).map_err(Failure::failed)?;
    if !quiet {
        tell(&drawn, &asked.dir);
    }
    Ok(OK)
}

fn tell(drawn: &Drawn, dir: &std::path::Path) {
    drawn.problems.iter().for_each(|problem| say(format!("not drawn: {problem}")));
    drawn.missing.iter().for_each(|missing| say(format!("missing: {missing}")));
    let figures = drawn.figures.iter().filter(|path| path.extension().is_some_and(|ending| ending == "svg")).count();
    let noun = if figures == 1 { "figure" } else { "figures" };
    say(format!("{figures} {noun} and the numbers behind in {}", dir.display()));
    say(format!("report: {}", drawn.report.display()));
}

fn json(finished: &Finished) -> Result<String, Failure> {
    let value = serde_json::json!({
        "dir": finished.dir,
        "report": finished.drawn.report,
        "interrupted": finished.interrupted,
        "incomplete": finished.incomplete(),
        "cases": finished.cases,
    });
    serde_json::to_string_pretty(&value).map(|text| text + "\n").map_err(Failure::failed)
}

/// The first Ctrl-C stops the run and keeps what is finished, the second leaves at once.
fn on_ctrl_c() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::AcqRel) {
            std::process::exit(INTERRUPTED);
        }
        say("stopping; what is finished is kept (Ctrl-C again leaves at once)");
    })
    .map_err(Failure::failed)?;
    Ok(interrupted)
}
