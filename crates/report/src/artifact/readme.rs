//! The README of an artifact: what a reviewer does, in which order, and what to expect.

use std::collections::BTreeMap;

use flowbench_measurement::record::{RunRecord, Status};

use super::claim_rows::{ClaimRow, claim_rows};
use super::part_times::part_s;
use crate::quantity::trimmed;
use crate::text::counted;
use crate::{Quantity, Results};

/// What the README says of an artifact beside its results.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contents<'a> {
    /// Size of the results, bytes.
    pub(super) results_bytes: usize,
    pub(super) has_note: bool,
    pub(super) has_lock: bool,
    pub(super) license: &'a str,
    pub(super) has_license_texts: bool,
    /// True if the build that packs is the one that measured.
    pub(super) is_of_this_build: bool,
}

/// Returns the README as Markdown.
pub(super) fn readme(results: &Results, contents: &Contents) -> String {
    [
        introduction(results),
        claims(results, contents),
        without_measuring(),
        build(&results.run, contents),
        measuring(results, contents),
        hardware(results),
        exactness(results),
        files(results, contents),
        citation(contents),
    ]
    .concat()
}

fn introduction(results: &Results) -> String {
    let RunRecord { title, experiment, started_at, build, planned_cases, .. } = &results.run;
    let day = started_at.get(..10).unwrap_or(started_at);
    let measured = results.cases.len();
    let incomplete = if measured < *planned_cases {
        format!(
            "\n**This run is incomplete: {measured} of {planned_cases} measurements are here.** Claims are judged by \
             these alone.\n"
        )
    } else {
        String::new()
    };
    format!(
        "# {}\n\nResults of the experiment `{experiment}`: {} by flowbench {} on {day}, with what it takes to check \
         them, first as they are, in a minute, then by measuring again.\n{incomplete}\n\
         Below, `flowbench` is `target/release/flowbench` of the build described under *Build*; commands are meant \
         to be run in this folder.\n\n",
        line(title),
        counted(measured, "measurement"),
        build.flowbench
    )
}

fn claims(results: &Results, contents: &Contents) -> String {
    let rows = claim_rows(results);
    let mut text = String::from("## Claims\n\n");
    if rows.is_empty() {
        return text + "The experiment claims nothing. *Measure it again* says how to compare numbers.\n\n";
    }
    text.push_str("| claim | in these results | checked by | shown by | minutes | disk |\n|---|---|---|---|---|---|\n");
    for row in &rows {
        text.push_str(&claim(row, contents));
    }
    text.push_str(
        "\nThe command measures the part of the claim again and prints, claim by claim, how it stood and how it \
         stands: `holds`, `fails`, `open` if the repeats say both, or `no case` if nothing was measured that it is \
         about. It ends with exit code 3 if a claim that held fails, or if a value differs that is the same on every \
         machine. Minutes are those of the run that is packed here; disk is what the new results take.\n\n",
    );
    text
}

fn claim(row: &ClaimRow, contents: &Contents) -> String {
    let checked = &row.checked;
    let links: Vec<String> = row.figures.iter().map(|name| format!("[{name}](results/{name}.svg)")).collect();
    let shown = if links.is_empty() { "[report](results/report.html)".to_owned() } else { links.join(", ") };
    let found = if checked.found.is_empty() { String::new() } else { format!(": {}", line(&rounded(&checked.found))) };
    let command = reproduce(row.part.as_deref());
    let disk = Quantity::Bytes.human(contents.results_bytes as f64 * row.share);
    format!(
        "| `{}` | {}{found} | `{command}` | {shown} | {} | {disk} |\n",
        line(&checked.claim),
        checked.standing.word(),
        minutes(row.wall_s)
    )
}

/// Returns a number with at most four decimals, unless nothing would be left of it; any other text as it is.
fn rounded(found: &str) -> String {
    let Ok(value) = found.parse::<f64>() else { return found.to_owned() };
    let short = trimmed(format!("{value:.4}"));
    if short == "0" || found.len() < short.len() { found.to_owned() } else { short }
}

/// Returns the command that measures a part again, or all.
fn reproduce(part: Option<&str>) -> String {
    part.map_or("flowbench reproduce results --out again".to_owned(), |part| {
        format!("flowbench reproduce results --only {part} --out again-{part}")
    })
}

fn without_measuring() -> String {
    "## Check what is here\n\n```\nsha256sum -c SHA256SUMS     # the files are those that were packed\n\
     flowbench report results    # with the same build: draws every figure and the report again, byte for byte\n\
     sha256sum -c SHA256SUMS     # so nothing has changed\n```\n\n\
     `results/report.html` is the whole report in one file and needs no network: start with its answers, then read the \
     doubts.\n\n"
        .to_owned()
}

fn build(run: &RunRecord, contents: &Contents) -> String {
    let build = &run.build;
    let commit = build.commit.as_deref().unwrap_or("unknown");
    let dirty = if build.dirty {
        "\nThe tree had uncommitted changes, so the commit alone is not what was measured.\n"
    } else {
        ""
    };
    let lock = if contents.has_lock {
        "`Cargo.lock` is that of the build and of the commit."
    } else {
        "`Cargo.lock` is that of the commit, and not in this folder."
    };
    let target = build.target.as_ref().map_or(String::new(), |target| format!(", for {target}"));
    let other = match contents.is_of_this_build {
        true => "",
        false => {
            "\nAnother build has packed these results. If the build that measured them does not have a command of \
             this README, use a later one: it reads them, too, but measures with its own code, and `reproduce` says \
             so.\n"
        }
    };
    format!(
        "## Build\n\nLinux, the Rust toolchain, a C compiler and make; the network only to fetch crates. Three to \
         six minutes on two cores, and 1 GB of disk.\n\n```\ngit checkout {commit}   # in a clone of flowbench \
         {}\ncargo build --release --locked\n```\n{dirty}\nThe numbers are of a {} build by {}{target}, with timely \
         {}{} and the allocator {}. \
         {lock} The first 16 digits of its BLAKE3 hash are `{}`.\n{other}\n",
        build.flowbench,
        build.profile,
        build.rustc,
        build.timely,
        build.differential.as_ref().map_or(String::new(), |version| format!(", differential dataflow {version}")),
        build.allocator,
        build.lock_digest
    )
}

fn measuring(results: &Results, contents: &Contents) -> String {
    let run = &results.run;
    let all =
        format!("everything: {} min, {}", minutes(run.wall_s), Quantity::Bytes.human(contents.results_bytes as f64));
    let small = shortest_part(results);
    let commands = [
        Some(("flowbench doctor".to_owned(), "is this machine fit to measure on?".to_owned())),
        small.map(|(part, wall_s)| (reproduce(Some(part)), format!("a small check first: {} min", minutes(wall_s)))),
        Some((reproduce(None), all)),
        Some(("flowbench compare results again".to_owned(), "metric by metric, with intervals".to_owned())),
    ];
    let commands: Vec<_> = commands.into_iter().flatten().collect();
    let width = commands.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    let commands: String = commands.iter().map(|(command, what)| format!("{command:<width$} # {what}\n")).collect();
    let mut text = format!(
        "## Measure it again\n\n```\n{commands}```\n\n`experiment.toml` is the experiment with every setting applied; \
         `flowbench run ./experiment.toml` runs it without comparing."
    );
    for log in run.traces.iter().filter_map(|trace| trace.log.as_ref()) {
        text.push_str(&format!(
            " The log `{}` (digest of its events `{}`) is not in this folder; put it where the experiment expects it.",
            line(&log.file),
            log.digest
        ));
    }
    text + "\n\n"
}

/// Returns the part that takes least time, and how long it took, s; `None` if there is only one.
fn shortest_part(results: &Results) -> Option<(&str, Option<f64>)> {
    let parts = results.run.parts.iter().map(|part| (part.name.as_str(), part_s(results, &part.name)));
    let shortest = parts.min_by(|one, other| one.1.unwrap_or(f64::MAX).total_cmp(&other.1.unwrap_or(f64::MAX)));
    shortest.filter(|_| results.run.parts.len() > 1)
}

fn hardware(results: &Results) -> String {
    let run = &results.run;
    let setup = run.machine.setup.to_string();
    let setup = if setup.is_empty() { String::new() } else { format!(" {setup}.") };
    let cpus = run.machine.allowed_cpus.as_ref().map_or(String::new(), |cpus| format!(" CPUs {cpus} were allowed."));
    let told = [("when it began", run.before), ("by its end", run.after)].map(|(when, told)| {
        let words = told.map_or(String::new(), |told| told.to_string());
        if words.is_empty() { words } else { format!(" Beside the run, {when}: {words}.") }
    });
    let workers = results.cases.iter().map(|case| case.axes.workers * case.axes.processes).max().unwrap_or(0);
    format!(
        "## Hardware\n\nMeasured on {}.{cpus}{setup}{} Cases have up to {}: a machine has enough cores if there is one for \
         each, and one to spare.\n\n",
        line(&run.machine.line),
        told.concat(),
        counted(workers, "worker")
    )
}

fn exactness(results: &Results) -> String {
    format!(
        "## What is exact\n\nExact, on every machine: traces, answers, late events, waits in event time, records and \
         bytes moved, except for what depends on timing by nature, such as answers in arrival order on several \
         workers. `reproduce` compares them value by value. Not exact: throughput, latency, CPU time and memory, \
         which are those of this machine at that time; claims about them are ratios, and a ratio has the interval of \
         its repeats.\n\n\
         {}{}\n",
        outcomes(results),
        doubts(results)
    )
}

fn outcomes(results: &Results) -> String {
    let count = |is: fn(&Status) -> bool| results.cases.iter().filter(|case| is(&case.status)).count();
    let failed = count(|status| matches!(status, Status::Failed { .. }));
    let invalid = count(|status| matches!(status, Status::Invalid { .. }));
    let again = results.run.earlier_failures.len();
    let checked = count(|status| matches!(status, Status::Ok));
    let mut text =
        format!("Of {}, {checked} have numbers and checked answers", counted(results.cases.len(), "measurement"));
    for (number, what) in [(failed, "failed"), (invalid, "gave wrong answers and have no numbers")] {
        if number > 0 {
            text.push_str(&format!(", {number} {what}"));
        }
    }
    if again > 0 {
        text.push_str(&format!("; {} failed and were run again", counted(again, "attempt")));
    }
    text + ".\n"
}

/// Returns how many measurements have which doubt.
fn doubts(results: &Results) -> String {
    let doubtful = results.cases.iter().filter(|case| !case.doubts.is_empty()).count();
    if doubtful == 0 {
        return "No doubt was raised about any.\n".to_owned();
    }
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for doubt in results.cases.iter().flat_map(|case| &case.doubts) {
        *codes.entry(&doubt.code).or_default() += 1;
    }
    let codes: Vec<String> = codes.into_iter().map(|(code, count)| format!("{code} {count}")).collect();
    format!(
        "Doubts, reasons not to trust a number, were raised about {doubtful} of them: {}. The report explains each.\n",
        codes.join(", ")
    )
}

fn files(results: &Results, contents: &Contents) -> String {
    let has_figures = results.run.parts.iter().any(|part| !part.figures.is_empty());
    let over_time = if results.has_states { "results/timeline.csv, state.csv" } else { "results/timeline.csv" };
    let rows = [
        ("README.md", "this file", true),
        ("experiment.toml", "the experiment, with every setting applied", true),
        (
            "experiment.md",
            "the note of the experiment: its question, what was expected, and a reading of its reference run",
            contents.has_note,
        ),
        ("results/report.html", "the report", true),
        ("results/*.svg, and .csv of the same name", "each figure, and the numbers drawn in it", has_figures),
        (
            "results/cases.csv, cases.ndjson",
            "every measurement: one row each, the unit in the name of its column",
            true,
        ),
        (over_time, "memory, entries and latency over time", true),
        ("results/latency.hlog", "latency histograms, in the log format of HdrHistogram", true),
        ("results/run.json", "what was run, of which build, on which machine", true),
        ("Cargo.lock", "the exact version of every dependency", contents.has_lock),
        ("LICENSES/*.txt", "the text of the licence", contents.has_license_texts),
        ("CITATION.cff", "how to cite flowbench, in the Citation File Format", true),
        ("ro-crate-metadata.json", "every file with its size and SHA-256, as an RO-Crate", true),
        ("SHA256SUMS", "the checksums of all other files", true),
    ];
    let rows = rows.into_iter().filter(|(_, _, is_there)| *is_there);
    let rows: String = rows.map(|(file, what, _)| format!("| `{file}` | {what} |\n")).collect();
    format!("## Files\n\n| file | what is in it |\n|---|---|\n{rows}\n")
}

fn citation(contents: &Contents) -> String {
    format!("## Licence and citation\n\n{}. To cite flowbench, see `CITATION.cff`.\n", contents.license)
}

/// Returns a duration in whole minutes, rounded up.
fn minutes(wall_s: Option<f64>) -> String {
    wall_s.map_or("?".to_owned(), |wall_s| format!("{:.0}", (wall_s / 60.0).ceil().max(1.0)))
}

/// Returns a text as one line of a table.
fn line(text: &str) -> String {
    text.replace('|', "\\|").lines().collect::<Vec<_>>().join(" ")
}
