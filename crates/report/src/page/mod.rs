//! `report.html`: one file, no network, light and dark, readable on a phone. Every text in it is escaped.

mod answers;
mod families;

use std::collections::BTreeMap;

use flowbench_measurement::record::{
    CaseRecord, EarlierFailure, FigureKind, FigureSpec, LogRecord, QuestionRecord, RunRecord, Status, Surroundings,
};

use crate::Results;
use crate::chart::Chart;
use crate::claims::ClaimsOfRun;
use crate::draw;
use crate::draw::layout::Canvas;
use crate::draw::svg::{STYLE, compact};
use crate::figures::check::FigureError;
use crate::page::answers::in_short;
use crate::page::families::{Family, families};
use crate::select::{case_name, telling_axes};
use crate::table::Table;
use crate::text::counted;
use crate::text::{escaped, prose};
use crate::{operator_profile, tables};

/// A question with the charts or the errors of its figures.
pub(crate) type Section<'a> = (&'a QuestionRecord, Vec<(&'a FigureSpec, Result<Chart, FigureError>)>);

/// The style sheet of the page; that of the figures is [`STYLE`].
const PAGE_STYLE: &str = include_str!("page.css");
/// Heading of the tables of cases and explanation of their columns.
const CASES: &str = include_str!("cases.html");
/// Definitions of the terms of a report.
const DEFINITIONS: &str = include_str!("definitions.html");

/// Maximum number of different texts of one doubt that are shown unfolded.
const UNFOLDED_DOUBTS: usize = 3;

/// Returns the report as HTML. Identical results give identical bytes.
pub(crate) fn report(results: &Results, sections: &[Section]) -> String {
    let mut out = format!(
        include_str!("head.html"),
        title = escaped(&results.run.title),
        page_style = compact(PAGE_STYLE),
        figure_style = compact(STYLE),
    );
    push_lead(&mut out, sections);
    push_answers(&mut out, results, sections);
    push_claims(&mut out, results);
    out.push_str(&paragraph("small", &run_line(results)));
    for (n, section) in (1..).zip(sections) {
        push_section(&mut out, n, results, section);
    }
    push_asked(&mut out, results);
    push_cases(&mut out, results, sections);
    push_activity(&mut out, results);
    push_doubts(&mut out, results);
    push_failures(&mut out, results);
    push_earlier_failures(&mut out, results);
    out.push_str(DEFINITIONS);
    push_again(&mut out, results);
    out + "</body>\n</html>\n"
}

/// Returns the line about machine and build that is printed below every figure.
pub(crate) fn machine_line(results: &Results) -> String {
    let build = &results.run.build;
    let dirty = if build.dirty { " with uncommitted changes" } else { "" };
    let commit = build.commit.as_deref().map_or("unknown commit".to_owned(), |commit| format!("commit {commit}"));
    let debug = if build.profile == "release" { String::new() } else { format!(", {} build", build.profile) };
    format!("{}; flowbench {} ({commit}{dirty}{debug})", results.run.machine.line, build.flowbench)
}

/// Appends the leading figures side by side: heat maps first and larger, then the others three in a row. Their notes
/// follow below, where the figures are repeated.
fn push_lead(out: &mut String, sections: &[Section]) {
    let figures = sections.iter().flat_map(|(_, figures)| figures).filter(|(spec, _)| spec.lead);
    let mut charts: Vec<(&FigureSpec, &Chart)> =
        figures.filter_map(|(spec, chart)| Some((*spec, chart.as_ref().ok()?))).collect();
    if charts.is_empty() {
        return;
    }
    charts.sort_by_key(|(spec, _)| spec.kind != FigureKind::HeatMap);
    out.push_str("<div class=\"lead\">\n");
    for (spec, chart) in charts {
        let (is_grid, name) = (spec.kind == FigureKind::HeatMap, escaped(&spec.name));
        let chart = Chart { name: format!("lead-{}", chart.name), notes: Vec::new(), ..chart.clone() };
        let (class, wide) = if is_grid { ("half", draw::draw(&chart, Canvas::Wide)) } else { ("third", String::new()) };
        let (question, narrow) = (prose(&spec.question), draw::draw(&chart, Canvas::Narrow));
        out.push_str(&format!(
            "<figure class=\"{class}\">\n<p><a href=\"#f-{name}\">{question}</a></p>\n{wide}{narrow}</figure>\n"
        ));
    }
    out.push_str("</div>\n");
}

fn push_answers(out: &mut String, results: &Results, sections: &[Section]) {
    for missing in &results.missing {
        out.push_str(&paragraph("warn", missing));
    }
    for (n, (part, _)) in (1..).zip(sections) {
        let (question, answer) = (prose(&part.question), prose(&in_short(results, part)));
        out.push_str(&format!(
            "<div class=\"answer\"><p><a href=\"#q{n}\"><strong>{question}</strong></a></p>\n\
             <p>In short: {answer}</p></div>\n"
        ));
    }
}

/// Appends what the experiment claims, with what this run says of it.
fn push_claims(out: &mut String, results: &Results) {
    if !results.run.claims.is_empty() {
        out.push_str("<h2>Claims</h2>\n");
        let claims = ClaimsOfRun::of(results);
        out.push_str(&claims.table().html());
        claims.not_checked.iter().for_each(|sentence| out.push_str(&paragraph("small", sentence)));
    }
}

fn run_line(results: &Results) -> String {
    let run = &results.run;
    let wall = run.wall_s.map_or(String::new(), |s| format!(", took {}", crate::Quantity::Seconds.human(s)));
    let traces: Vec<String> = run
        .traces
        .iter()
        .map(|trace| {
            // The beginning tells digests apart; run.json has them whole.
            let digest = trace.digest.as_deref().map_or("not made yet", |whole| whole.get(..12).unwrap_or(whole));
            let events = crate::Quantity::Count.human(trace.events as f64);
            let seed = if trace.seed == run.seed { String::new() } else { format!("seed {}, ", trace.seed) };
            let log = trace.log.as_ref().map_or(String::new(), log_rows);
            format!("{} ({seed}{events} events{log}, digest {digest})", trace.name)
        })
        .collect();
    let traces = if traces.is_empty() { "none".to_owned() } else { traces.join(", ") };
    let (experiment, started, seed) = (&run.experiment, &run.started_at, run.seed);
    let machine = machine_line(results);
    let (timely, rustc, allocator) = (&run.build.timely, &run.build.rustc, &run.build.allocator);
    format!(
        "Experiment {experiment}, {started}{wall}, seed {seed}. {machine}; timely {timely}, {rustc}, {allocator}. \
         Traces: {traces}.{}",
        surroundings(run)
    )
}

/// Returns how the machine was set up and what else it did, as sentences; nothing of what is not known.
fn surroundings(run: &RunRecord) -> String {
    let told = |of: &Option<Surroundings>| of.as_ref().map(ToString::to_string).unwrap_or_default();
    let facts = [
        ("Target", run.build.target.clone().unwrap_or_default()),
        ("Setup of the machine", run.machine.setup.to_string()),
        ("Before the run", told(&run.before)),
        ("By its end", told(&run.after)),
    ];
    let segments = (1..).zip(&run.segments).map(|(number, segment)| {
        let commit = segment.build.commit.as_deref().unwrap_or("unknown");
        let (from, machine) = (&segment.started_at, &segment.machine.line);
        ("Continued", format!("{from} as segment {number} by commit {commit} on {machine}"))
    });
    let known = facts.into_iter().chain(segments).filter(|(_, fact)| !fact.is_empty());
    known.map(|(what, fact)| format!(" {what}: {fact}.")).collect()
}

/// Returns what became of the rows of a log, as a part of a sentence.
fn log_rows(log: &LogRecord) -> String {
    let LogRecord { rows, skipped, rejected, arrivals_back, .. } = log;
    let back = if *arrivals_back == 0 {
        String::new()
    } else {
        format!(", {arrivals_back} with an arrival time out of order")
    };
    format!("{back} of a log with {rows} rows, {skipped} skipped and {rejected} rejected")
}

fn push_section(out: &mut String, n: usize, results: &Results, (part, figures): &Section) {
    out.push_str(&format!("<h2 id=\"q{n}\">{}</h2>\n", prose(&part.question)));
    for (spec, chart) in figures {
        if figures.len() > 1 || spec.question != part.question {
            out.push_str(&format!("<h3>{}</h3>\n", prose(&spec.question)));
        }
        match chart {
            Ok(chart) => push_figure(out, results, spec, chart),
            Err(error) => out.push_str(&paragraph("warn", &format!("Not drawn: {error}"))),
        }
    }
    push_families(out, &families(results, &part.name));
}

/// Appends how the strategies scale: a line for each family, which unfolds into its tables.
fn push_families(out: &mut String, families: &[Family]) {
    if families.is_empty() {
        return;
    }
    out.push_str("<h3>How the strategies scale</h3>\n");
    for family in families {
        let open = if families.len() == 1 { " open=\"open\"" } else { "" };
        let (summary, cases, laws) = (prose(&family.summary), family.cases.html(), family.laws.html());
        let careful = family.careful.as_deref().map_or(String::new(), |careful| paragraph("small", careful));
        out.push_str(&format!("<details{open}><summary>{summary}</summary>\n{cases}{laws}{careful}</details>\n"));
    }
}

fn push_figure(out: &mut String, results: &Results, spec: &FigureSpec, chart: &Chart) {
    let name = escaped(&chart.name);
    out.push_str(&format!(
        "<figure id=\"f-{name}\">\n{}{}",
        draw::draw(chart, Canvas::Wide),
        draw::draw(chart, Canvas::Narrow)
    ));
    out.push_str(&format!("<figcaption>{}", paragraph("", &spec.reading)));
    out.push_str(&format!(
        "<p class=\"small\">{}. <a href=\"{name}.svg\">figure</a>, <a href=\"{name}.csv\">its numbers</a></p>",
        prose(&machine_line(results))
    ));
    out.push_str("</figcaption>\n</figure>\n");
}

fn push_asked(out: &mut String, results: &Results) {
    let asked = tables::asked(results);
    if !asked.is_empty() {
        out.push_str("<h2>Disorder of the traces, as requested and as generated</h2>\n");
        out.push_str(&asked.html());
    }
}

fn push_cases(out: &mut String, results: &Results, sections: &[Section]) {
    out.push_str(CASES);
    for (part, _) in sections {
        let table = tables::cases(results, &part.name);
        let question = format!("{}{}", part.question, tables::repeats_words(results, &part.name));
        let heading = format!("<h3>{}</h3>\n", prose(&question));
        out.push_str(&heading);
        out.push_str(&if table.is_empty() { paragraph("", "No case with numbers.") } else { table.html() });
    }
}

fn push_activity(out: &mut String, results: &Results) {
    let mut activities = String::new();
    for (part, axes) in results.run.parts.iter().map(|part| (part, telling_axes(&cases_of(results, part)))) {
        activities.extend(operator_profile::cost_of_logging(results, &part.name).map(|cost| paragraph("", &cost)));
        for repeats in tables::repeats_of_cases(results, &part.name).into_values() {
            let tables = operator_profile::tables(results, &repeats);
            let tables: String = tables.iter().filter(|table| !table.is_empty()).map(Table::html).collect();
            if !tables.is_empty() {
                let name = prose(&format!("{} {}", repeats[0].case, case_name(repeats[0], &axes)));
                activities.push_str(&format!("<details><summary>{name}</summary>\n{tables}</details>\n"));
            }
        }
    }
    if !activities.is_empty() {
        let words = "For each worker, the time spent in its operators and what it sent over its channels; medians of the \
                     repeats.";
        out.push_str(&format!("<h2>Where the time went</h2>\n{}{activities}", paragraph("small", words)));
    }
}

fn cases_of<'a>(results: &'a Results, part: &QuestionRecord) -> Vec<&'a CaseRecord> {
    results.cases.iter().filter(|case| case.part == part.name).collect()
}

fn push_doubts(out: &mut String, results: &Results) {
    out.push_str("<h2>Doubts</h2>\n");
    // By code; the same words for several measurements stand once, with the measurements they hold for.
    let mut doubts: BTreeMap<&str, Vec<(&str, Vec<String>)>> = BTreeMap::new();
    for (case, doubt) in results.cases.iter().flat_map(|case| case.doubts.iter().map(move |doubt| (case, doubt))) {
        let of_code = doubts.entry(&doubt.code).or_default();
        match of_code.iter_mut().find(|(text, _)| *text == doubt.text) {
            Some((_, tags)) => tags.push(case.tag()),
            None => of_code.push((&doubt.text, vec![case.tag()])),
        }
    }
    if doubts.is_empty() {
        out.push_str(&paragraph("", "No doubt was raised."));
    }
    for (code, texts) in doubts {
        let n = texts.iter().map(|(_, tags)| tags.len()).sum();
        let open = if texts.len() <= UNFOLDED_DOUBTS { " open=\"open\"" } else { "" };
        let (code, n) = (escaped(code), counted(n, "measurement"));
        out.push_str(&format!("<details{open}><summary><strong>{code}</strong>: {n}</summary>\n<ul>\n"));
        for (text, tags) in texts {
            let (text, tags) = (prose(text), escaped(&tags.join(" ")));
            out.push_str(&format!("<li>{text} <span class=\"small\">({tags})</span></li>\n"));
        }
        out.push_str("</ul></details>\n");
    }
}

fn push_failures(out: &mut String, results: &Results) {
    let failures = tables::failures(results);
    if failures.is_empty() {
        return;
    }
    out.push_str("<h2>Cases without numbers</h2>\n");
    out.push_str(&failures.html());
    let axes = telling_axes(&results.cases.iter().collect::<Vec<_>>());
    let tail = |case: &CaseRecord| match &case.status {
        Status::Failed { stderr_tail, .. } if !stderr_tail.is_empty() => {
            let name = format!("{} {}: last lines of its standard error", case.tag(), case_name(case, &axes));
            format!("<details><summary>{}</summary><pre>{}</pre></details>\n", escaped(&name), escaped(stderr_tail))
        }
        _ => String::new(),
    };
    out.extend(results.cases.iter().map(tail));
}

/// Lists cases that succeeded only after a failure.
fn push_earlier_failures(out: &mut String, results: &Results) {
    if results.run.earlier_failures.is_empty() {
        return;
    }
    out.push_str("<h2>Run again after a failure</h2>\n<ul>\n");
    for EarlierFailure { case, repeat, cause } in &results.run.earlier_failures {
        out.push_str(&format!("<li>c{case}r{repeat}: {}</li>\n", prose(cause)));
    }
    out.push_str("</ul>\n");
}

fn push_again(out: &mut String, results: &Results) {
    let run = &results.run;
    let commit = run.build.commit.as_deref().map_or(String::new(), |commit| format!("git checkout {commit}\n"));
    let dirty = if run.build.dirty {
        "# the tree had uncommitted changes: the commit alone is not what was measured\n"
    } else {
        ""
    };
    out.push_str("<h2>Run it again</h2>\n");
    out.push_str(&paragraph("", "Save the resolved experiment below as experiment.toml, then:"));
    out.push_str(&format!(
        "<pre>{}{}cargo build --release\ntarget/release/flowbench run experiment.toml</pre>\n",
        escaped(&commit),
        escaped(dirty)
    ));
    let experiment = escaped(&run.resolved_experiment);
    out.push_str(&format!("<details><summary>The resolved experiment</summary><pre>{experiment}</pre></details>\n"));
    let files = ["run.json", "cases.csv", "cases.ndjson", "timeline.csv", "latency.hlog"];
    let logged = [
        ("state.csv", results.has_states),
        ("operators.csv", !results.operators.is_empty()),
        ("channels.csv", !results.channels.is_empty()),
    ];
    let logged = logged.into_iter().filter(|(_, is_there)| *is_there).map(|(file, _)| file);
    let links: Vec<String> =
        files.into_iter().chain(logged).map(|file| format!("<a href=\"{file}\">{file}</a>")).collect();
    out.push_str(&format!(
        "<p>Raw data beside this file: {}. <code>flowbench report .</code> here draws everything again, byte for \
         byte.</p>\n",
        links.join(", ")
    ));
}

fn paragraph(class: &str, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<p{class}>{}</p>\n", prose(text))
}
