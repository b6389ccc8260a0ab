//! Where the numbers come from, at the foot of the report: machine, build, traces with their digests, raw files, and how to
//! run the experiment again.

use flowbench_measurement::record::{LogRecord, RunRecord, Surroundings};

use super::section::paragraph;
use crate::Results;
use crate::page::embedded::embedded_cases;
use crate::table::{Column, LEFT, RIGHT, Table, WORDS};
use crate::text::escaped;

/// Returns the line about machine and build that is printed below every figure.
pub(crate) fn machine_line(results: &Results) -> String {
    let build = &results.run.build;
    let dirty = if build.dirty { " with uncommitted changes" } else { "" };
    let commit = build.commit.as_deref().map_or("unknown commit".to_owned(), |commit| format!("commit {commit}"));
    let debug = if build.profile == "release" { String::new() } else { format!(", {} build", build.profile) };
    format!("{}; flowbench {} ({commit}{dirty}{debug})", results.run.machine.line, build.flowbench)
}

/// Returns the line below the title: what was run, when, how long, and on what.
pub(crate) fn run_line(results: &Results) -> String {
    let run = &results.run;
    let wall = run.wall_s.map_or(String::new(), |s| format!(", took {}", crate::Quantity::Seconds.human(s)));
    let (experiment, started, machine) = (&run.experiment, &run.started_at, &run.machine.line);
    format!("{experiment}, {started}{wall}; {machine}")
}

pub(crate) fn push_provenance(out: &mut String, results: &Results) {
    out.push_str("<h2 id=\"provenance\">Machine, traces and files</h2>\n");
    out.push_str(&facts(results).html());
    let traces = traces(results);
    if !traces.is_empty() {
        out.push_str(&traces.html());
    }
    push_files(out, results);
    push_again(out, results);
}

/// Returns what was run, on which machine, and what else it did; nothing of what is not known.
fn facts(results: &Results) -> Table {
    let run = &results.run;
    let told = |of: &Option<Surroundings>| of.as_ref().map(ToString::to_string).unwrap_or_default();
    let (timely, rustc, allocator) = (&run.build.timely, &run.build.rustc, &run.build.allocator);
    let facts = [
        ("run", run_line(results)),
        ("seed", run.seed.to_string()),
        ("build", machine_line(results)),
        ("made with", format!("timely {timely}, {rustc}, {allocator}")),
        ("target", run.build.target.clone().unwrap_or_default()),
        ("CPUs allowed", run.machine.allowed_cpus.clone().unwrap_or_default()),
        ("governor", run.machine.governor.clone().unwrap_or_default()),
        ("setup of the machine", run.machine.setup.to_string()),
        ("before the run", told(&run.before)),
        ("by its end", told(&run.after)),
    ];
    let segments = (1..).zip(&run.segments).map(|(number, segment)| {
        let commit = segment.build.commit.as_deref().unwrap_or("unknown");
        let (from, machine) = (&segment.started_at, &segment.machine.line);
        ("continued", format!("{from} as segment {number} by commit {commit} on {machine}"))
    });
    let rows = facts
        .into_iter()
        .chain(segments)
        .filter(|(_, fact)| !fact.is_empty())
        .map(|(what, fact)| vec![what.to_owned(), fact]);
    Table { columns: vec![LEFT, WORDS], rows: rows.collect() }
}

fn traces(results: &Results) -> Table {
    let columns = [("trace", LEFT), ("seed", RIGHT), ("events", RIGHT), ("digest", LEFT), ("log", WORDS)];
    let row = |trace: &flowbench_measurement::record::TraceRecord| {
        // The beginning tells digests apart; run.json has them whole.
        let digest = trace.digest.as_deref().map_or("not made yet", |whole| whole.get(..12).unwrap_or(whole));
        let events = crate::Quantity::Count.human(trace.events as f64);
        let log = trace.log.as_ref().map_or(String::new(), log_rows);
        vec![trace.name.clone(), trace.seed.to_string(), events, digest.to_owned(), log]
    };
    let columns = columns.map(|(title, column)| Column { title, ..column }).to_vec();
    let mut table = Table { columns, rows: results.run.traces.iter().map(row).collect() };
    table.drop_if_all("log", &[""]);
    table
}

/// Returns what became of the rows of a log.
fn log_rows(log: &LogRecord) -> String {
    let LogRecord { rows, skipped, rejected, arrivals_back, .. } = log;
    let back = match arrivals_back {
        0 => String::new(),
        back => format!(", {back} with an arrival time out of order"),
    };
    format!("{rows} rows, {skipped} skipped and {rejected} rejected{back}")
}

fn push_files(out: &mut String, results: &Results) {
    let files = ["run.json", "cases.csv", "cases.ndjson", "timeline.csv", "latency.hlog"];
    let logged = [
        ("state.csv", results.has_states),
        ("operators.csv", !results.operators.is_empty()),
        ("channels.csv", !results.channels.is_empty()),
    ];
    let logged = logged.into_iter().filter(|(_, is_there)| *is_there).map(|(file, _)| file);
    let links: Vec<String> =
        files.into_iter().chain(logged).map(|file| format!("<a href=\"{file}\">{file}</a>")).collect();
    out.push_str(&embedded_cases(&results.cases));
    out.push_str(&format!(
        "<p>Raw data beside this file: {}. <code>flowbench report .</code> here draws everything again, byte for \
         byte.</p>\n",
        links.join(", ")
    ));
}

fn push_again(out: &mut String, results: &Results) {
    let RunRecord { build, resolved_experiment, .. } = &results.run;
    let commit = build.commit.as_deref().map_or(String::new(), |commit| format!("git checkout {commit}\n"));
    let dirty = if build.dirty {
        "# the tree had uncommitted changes: the commit alone is not what was measured\n"
    } else {
        ""
    };
    out.push_str("<h3>Run it again</h3>\n");
    out.push_str(&paragraph("", "Save the resolved experiment below as experiment.toml, then:"));
    out.push_str(&format!(
        "<pre>{}{}cargo build --release\ntarget/release/flowbench run experiment.toml</pre>\n",
        escaped(&commit),
        escaped(dirty)
    ));
    let experiment = escaped(resolved_experiment);
    out.push_str(&format!("<details><summary>The resolved experiment</summary><pre>{experiment}</pre></details>\n"));
}
