//! `report.html`: one file, no network, light and dark, readable on a phone. Every text in it is escaped.

use std::collections::BTreeMap;

use flowbench_measurement::record::{CaseRecord, EarlierFailure, FigureKind, FigureSpec, QuestionRecord, Status};

use crate::Results;
use crate::answers::in_short;
use crate::chart::{Chart, counted};
use crate::families::{Family, families};
use crate::page::{Page, draw};
use crate::select::{FigureError, case_name, telling_axes};
use crate::svg::{STYLE, escaped, prose};
use crate::tables::Table;
use crate::{activity, tables};

/// One question with what became of its figures.
pub(crate) type Section<'a> = (&'a QuestionRecord, Vec<(&'a FigureSpec, Result<Chart, FigureError>)>);

const PAGE_STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0 auto;max-width:760px;padding:16px;font:16px/1.5 system-ui,sans-serif;color:#1f2328;background:#fff;\
overflow-wrap:anywhere}\
h1{font-size:1.6em;line-height:1.2;margin:.4em 0}h2{font-size:1.25em;line-height:1.3;margin:2em 0 .4em}\
h3{font-size:1.05em;margin:1.6em 0 .3em}p{margin:.5em 0}.small{font-size:.85em;opacity:.8}\
.answer{border-left:4px solid #0072b2;padding-left:12px;margin:.8em 0}\
.warn{border-left:4px solid #d55e00;padding-left:12px}\
.lead{display:grid;grid-template-columns:repeat(6,1fr);gap:8px 24px;width:min(1240px,96vw);position:relative;left:50%;\
transform:translateX(-50%)}.lead>*{grid-column:span 3;min-width:0}.lead>.third{grid-column:span 2}\
.lead p{margin:0;font-weight:600;line-height:1.25}\
figure{margin:.6em 0}.fig{display:block;max-width:100%;height:auto}.fig.narrow{display:none}\
.scroll{overflow-x:auto;margin:.4em 0}table{border-collapse:collapse;font-size:.85em;overflow-wrap:normal}\
th,td{padding:4px 6px;text-align:left;border-bottom:1px solid #d8dee4;white-space:nowrap;vertical-align:top}\
th{white-space:normal;vertical-align:bottom}\
.right{text-align:right;font-variant-numeric:tabular-nums}\
pre{overflow-x:auto;background:#f6f8fa;padding:10px;font-size:.8em}\
code{font-size:.9em}dt{font-weight:600;margin-top:.5em}\
dd{margin-left:0}a{color:#0969da}summary{cursor:pointer}\
.third .fig.narrow{display:block}\
@media (max-width:1000px){.lead{display:block;width:auto;left:0;transform:none}}\
@media (max-width:560px){.fig.wide{display:none}.fig.narrow{display:block}body{padding:12px}}\
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}pre{background:#161b22}\
th,td{border-color:#30363d}a{color:#58a6ff}.answer{border-color:#56b4e9}}";

/// Up to this many different texts of one doubt are shown without a click.
const UNFOLDED_DOUBTS: usize = 3;

const DEFINITIONS: [(&str, &str); 26] = [
    ("due", "when the plan, fixed before the run, wants an event offered"),
    (
        "latency",
        "completed − due, for every admitted event, whatever stalled; completed means that the output frontier \
        passed the event's epoch. Events still open at the end count at their age (censored)",
    ),
    ("driver lag", "admitted − due, without the time in which the worker was at work on earlier events or off the CPU"),
    (
        "attribution",
        "what the mean latency is the sum of: driver lag, where the worker was idle; off CPU, where the machine had taken \
        it off; queueing, while the epoch filled and then waited for the ones before it; compute, from the start of its \
        service to its completion. The tail is the slowest 1 % of the events",
    ),
    ("backlog", "events due and not completed. Recovery: from its peak until it is back at its median over the run"),
    (
        "processing delay",
        "wall clock between the due instant of the arrival that allowed an answer and the answer: the \
        machine's part",
    ),
    (
        "event-time wait",
        "event time between an event and the watermark that allowed its answer: computed from the trace \
        alone, the same on every machine",
    ),
    (
        "lost time",
        "time in which a worker was off the CPU without having asked for it, or kept from its loop while it had nothing to \
        do. At a quantile: how long an event that is due at a random instant waits for its end. A tail that comes near to \
        it is the machine's",
    ),
    ("hiccup floor", "how late a thread woke up that asked to sleep 1 ms at a time"),
    ("throughput", "events completed per second of wall clock, over the whole run"),
    (
        "speed-up, efficiency",
        "in the closed loop: throughput over the median throughput of the single thread (`sequential`) with the same \
        choices; and that for each worker of all processes",
    ),
    (
        "COST",
        "configuration that outperforms a single thread (McSherry, Isard, Murray, HotOS 2015): the least number of \
        workers with which a strategy is faster than `sequential`",
    ),
    (
        "Universal Scalability Law",
        "throughput of N workers as λN / (1 + σ(N−1) + κN(N−1)) (Gunther): λ is the throughput of one; σ, contention, \
        the share of the work that they do one after the other; κ, coherence, what every pair of them costs. Fitted by \
        least squares of the relative residuals; it describes what was measured and foretells little",
    ),
    (
        "imbalance, uneven",
        "what the worker with most has (messages its state was given, or time it was busy) as a multiple of the mean \
        of the workers: 1× if all have the same",
    ),
    (
        "view skew",
        "how much further the most advanced worker that holds state was than the least, in records of the trace or in \
        event time: over the time of the run, at random moments, they see states of so different ages",
    ),
    (
        "live bytes",
        "what the workers had taken from the allocator and not given back since the run began; RSS is the whole process, the \
        trace included",
    ),
    ("residual", "what is left after everything the watermark could expire has expired"),
    (
        "memory verdict",
        "growing, bounded or inconclusive: from the slope of the last half of the run with its 95 % \
        interval",
    ),
    (
        "answers",
        "compared with the oracle, a plain loop over the deduplicated trace in canonical order, as shares of the \
        truth: missing (−), where the truth has an answer and none was given; spurious (+), where the truth has none; \
        wrong (≠), where both have one and they differ. A case whose answers are wrong where they must be right has no \
        numbers",
    ),
    ("completeness", "share of the truth that was given exactly: neither missing nor wrong"),
    (
        "corrected, churn",
        "share of the answers that were taken back and given anew on the way, be it once or often; and how many were \
        taken back for each one that stayed",
    ),
    (
        "out of order, duplicates",
        "events with an event time below that of an earlier arrival, and repeated deliveries; as shares of the events",
    ),
    ("watermark lag", "newest event time that had arrived − watermark: from the trace alone"),
    ("late", "event time below the watermark at arrival; slack is how far the watermark is held back"),
    (
        "quantiles",
        "HdrHistogram, three significant digits: the upper end of the bucket of the sample of rank ⌈q n⌉. No quantile \
        with fewer than ten samples beyond it",
    ),
    (
        "repeats",
        "median, in brackets the range from the least to the greatest; from six repeats on the 95 % interval of the \
        median (exact, by order statistics). Two cases are told apart where these do not overlap. scattered: they reach \
        further from the median than a factor of 1.25 (rates) or 2 (latencies)",
    ),
];

/// Writes the report. The same results give the same bytes.
pub(crate) fn report(results: &Results, sections: &[Section]) -> String {
    let title = escaped(&results.run.title);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;; style-src \
         &#39;unsafe-inline&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"referrer\" content=\"no-referrer\"/>\n<title>{title}</title>\n\
         <style>{PAGE_STYLE}\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    push_lead(&mut out, sections);
    push_answers(&mut out, results, sections);
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
    push_definitions(&mut out);
    push_again(&mut out, results);
    out + "</body>\n</html>\n"
}

/// The line under every figure.
pub(crate) fn machine_line(results: &Results) -> String {
    let build = &results.run.build;
    let dirty = if build.dirty { " with uncommitted changes" } else { "" };
    let commit = build.commit.as_deref().map_or("unknown commit".to_owned(), |commit| format!("commit {commit}"));
    let debug = if build.profile == "release" { String::new() } else { format!(", {} build", build.profile) };
    format!("{}; flowbench {} ({commit}{dirty}{debug})", results.run.machine.line, build.flowbench)
}

/// The figures that answer the purpose, side by side: grids first and larger, then the others three in a row. Their
/// remarks stand below, where they are shown again.
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
        let (class, wide) = if is_grid { ("half", draw(&chart, Page::Wide)) } else { ("third", String::new()) };
        let (question, narrow) = (prose(&spec.question), draw(&chart, Page::Narrow));
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
            format!("{} ({seed}{events} events, digest {digest})", trace.name)
        })
        .collect();
    let traces = if traces.is_empty() { "none".to_owned() } else { traces.join(", ") };
    let (experiment, started, seed) = (&run.experiment, &run.started_at, run.seed);
    let machine = machine_line(results);
    let (timely, rustc, allocator) = (&run.build.timely, &run.build.rustc, &run.build.allocator);
    format!(
        "Experiment {experiment}, {started}{wall}, seed {seed}. {machine}; timely {timely}, {rustc}, {allocator}. \
         Traces: {traces}."
    )
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

/// How the strategies scale: a line for each family, its tables behind it.
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
    out.push_str(&format!("<figure id=\"f-{name}\">\n{}{}", draw(chart, Page::Wide), draw(chart, Page::Narrow)));
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
        out.push_str("<h2>What was asked of the traces, and what they are</h2>\n");
        out.push_str(&asked.html());
    }
}

fn push_cases(out: &mut String, results: &Results, sections: &[Section]) {
    out.push_str("<h2>All cases</h2>\n");
    out.push_str(&paragraph(
        "small",
        "Only the axes that vary have a column. events/s: completed, which in an open loop is the rate offered; \
         “612k of 2M” where fewer were completed than offered. speed-up: over the single thread. p50 and p99: of the \
         latency. Of several repeats the median, in brackets the range (from six repeats on the 95 % interval of the \
         median), the worst verdict on memory and the worst answers; ≈ before a value whose repeats scatter, or before a \
         speed-up whose range reaches 1. Answers: - missing, + \
         spurious, ≠ wrong, in percent of the true answers. churn: retractions for each answer, and the share of the \
         answers that were corrected. The first doubt, and how many more; all of them stand below.",
    ));
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
        activities.extend(activity::cost_of_logging(results, &part.name).map(|cost| paragraph("", &cost)));
        for repeats in tables::repeats_of_cases(results, &part.name).into_values() {
            let tables = activity::tables(results, &repeats);
            let tables: String = tables.iter().filter(|table| !table.is_empty()).map(Table::html).collect();
            if !tables.is_empty() {
                let name = prose(&format!("{} {}", repeats[0].case, case_name(repeats[0], &axes)));
                activities.push_str(&format!("<details><summary>{name}</summary>\n{tables}</details>\n"));
            }
        }
    }
    if !activities.is_empty() {
        let words =
            "Of each worker, the time of its operators and what it sent over its channels; medians of the repeats.";
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
        out.push_str(&paragraph("", "None was raised."));
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

/// A second attempt is not to be taken for the first.
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

fn push_definitions(out: &mut String) {
    out.push_str("<h2>What the words mean</h2>\n<dl>\n");
    for (word, meaning) in DEFINITIONS {
        out.push_str(&format!("<dt>{}</dt><dd>{}</dd>\n", escaped(word), escaped(meaning)));
    }
    out.push_str("</dl>\n");
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
    let logged = [("operators.csv", results.operators.is_empty()), ("channels.csv", results.channels.is_empty())];
    let logged = logged.into_iter().filter(|(_, empty)| !empty).map(|(file, _)| file);
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
