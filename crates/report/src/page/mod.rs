//! `report.html`: one file, no network, light and dark, readable on a phone and on paper, with and without its script. Every
//! text in it is escaped.
//!
//! Decision D-507.

mod answers;
mod cases;
mod embedded;
mod families;
mod first;
pub(crate) mod head;
mod marks;
mod note;
mod provenance;
mod section;

use flowbench_measurement::record::{CaseRecord, EarlierFailure, QuestionRecord, Status};

use crate::Results;
use crate::chart::Chart;
use crate::draw;
use crate::draw::layout::Canvas;
use crate::page::families::{Family, families};
use crate::page::marks::Marks;
use crate::select::{case_name, telling_axes};
use crate::table::Table;
use crate::text::{escaped, prose};
use crate::{operator_profile, tables};

pub(crate) use self::provenance::machine_line;
use self::section::{Section, paragraph};

/// Definitions of the terms of a report.
const DEFINITIONS: &str = include_str!("definitions.html");
/// Size of a drawing from which a page has it only once: on a phone it is scrolled sideways.
const ONCE_BYTES: usize = 32 * 1024;
/// Maximum number of folds of one kind, and of rows of cases without numbers.
const FOLDS_MAX: usize = 60;

/// Returns the report as HTML. Identical results give identical bytes.
pub(crate) fn report(results: &Results, sections: &[Section]) -> String {
    let marks = Marks::of(results);
    let entries = contents(results, sections);
    let mut out = head::head(&results.run.title);
    out.push_str("<div class=\"page\">\n");
    out.push_str(&format!(
        "<nav class=\"side contents\" aria-label=\"Contents\">{entries}</nav>\n<main id=\"main\">\n"
    ));
    out.push_str(&format!(
        "<h1>{}</h1>\n{}",
        prose(&results.run.title),
        paragraph("small", &provenance::run_line(results))
    ));
    out.push_str(&format!("<details class=\"top contents\"><summary>Contents</summary>{entries}</details>\n"));
    first::push_first(&mut out, results, sections, &marks);
    for (n, section) in (1..).zip(sections) {
        push_section(&mut out, n, results, section);
    }
    push_note(&mut out, results);
    push_asked(&mut out, results);
    cases::push_cases(&mut out, results, sections, &marks);
    push_activity(&mut out, results);
    marks.push_doubts(&mut out, results);
    push_failures(&mut out, results);
    push_earlier_failures(&mut out, results);
    out.push_str(DEFINITIONS);
    provenance::push_provenance(&mut out, results);
    out + "</main>\n</div>\n" + &head::foot()
}

/// Returns the contents as a list of links.
fn contents(results: &Results, sections: &[Section]) -> String {
    let question = |(n, (part, _)): (usize, &Section)| (format!("q{n}"), part.question.clone());
    let mut entries: Vec<(String, String)> = (1..).zip(sections).map(question).collect();
    if results.run.note.is_some() {
        entries.push(("note".to_owned(), "Estimate and reading".to_owned()));
    }
    for (id, words) in [
        ("cases", "All cases"),
        ("doubts", "Doubts"),
        ("definitions", "Definitions"),
        ("provenance", "Machine, traces and files"),
    ] {
        entries.push((id.to_owned(), words.to_owned()));
    }
    let item = |(id, words): &(String, String)| format!("<li><a href=\"#{id}\">{}</a></li>\n", prose(words));
    format!("<ol>\n{}</ol>", entries.iter().map(item).collect::<String>())
}

fn push_section(out: &mut String, n: usize, results: &Results, (part, figures): &Section) {
    out.push_str(&format!("<h2 id=\"q{n}\">{}</h2>\n", prose(&part.question)));
    for (spec, chart) in figures {
        let heading = match figures.len() > 1 || spec.question != part.question {
            true => format!("<h3>{}</h3>\n", prose(&spec.question)),
            false => String::new(),
        };
        match chart {
            Ok(chart) => push_figure(out, &heading, &spec.reading, chart),
            Err(error) => out.push_str(&format!("{heading}{}", paragraph("warn", &format!("Not drawn: {error}")))),
        }
    }
    push_families(out, &families(results, &part.name));
}

/// Appends a figure with its heading, which stay together on paper, and its reading.
fn push_figure(out: &mut String, heading: &str, reading: &str, chart: &Chart) {
    let (name, drawing) = (escaped(&chart.name), drawing(chart));
    let reading = paragraph("", reading);
    out.push_str(&format!(
        "<div class=\"shown\">{heading}<figure id=\"f-{name}\">\n{drawing}</figure></div>\n{reading}\
         <p class=\"small\"><a href=\"{name}.svg\">This figure</a> and <a href=\"{name}.csv\">its numbers</a></p>\n"
    ));
}

/// Returns a chart as drawn for a wide screen and for a phone; one of many points for both.
pub(crate) fn drawing(chart: &Chart) -> String {
    let wide = draw::draw(chart, Canvas::Wide);
    match wide.len() {
        small if small < ONCE_BYTES => wide + &draw::draw(chart, Canvas::Narrow),
        _ => format!("<div class=\"wide-only\">{wide}</div>\n"),
    }
}

/// Appends how the strategies scale: a line for each family, which unfolds into its tables.
fn push_families(out: &mut String, families: &[Family]) {
    if families.is_empty() {
        return;
    }
    out.push_str("<h3>How the strategies scale</h3>\n");
    for family in families.iter().take(FOLDS_MAX) {
        let open = if families.len() == 1 { " open=\"open\"" } else { "" };
        let (summary, cases, laws) = (prose(&family.summary), family.cases.html(), family.laws.html());
        let careful = family.careful.as_deref().map_or(String::new(), |careful| paragraph("small", careful));
        out.push_str(&format!("<details{open}><summary>{summary}</summary>\n{cases}{laws}{careful}</details>\n"));
    }
    push_rest(out, families.len(), "cases.csv");
}

/// Says how many folds are left out, and in which file their numbers are.
fn push_rest(out: &mut String, all: usize, file: &str) {
    if all > FOLDS_MAX {
        out.push_str(&format!("<p>{} more, in <a href=\"{file}\">{file}</a>.</p>\n", all - FOLDS_MAX));
    }
}

/// Appends the note of the experiment: what was expected before the run, and how its reference was read.
fn push_note(out: &mut String, results: &Results) {
    let Some(note) = &results.run.note else { return };
    out.push_str("<h2 id=\"note\">Estimate and reading</h2>\n");
    let words = "The note of the experiment. Its numbers are those of the run it was written about, not of this one.";
    out.push_str(&format!("{}<div class=\"note\">\n{}</div>\n", paragraph("small", words), note::html(note)));
}

fn push_asked(out: &mut String, results: &Results) {
    let asked = tables::asked(results);
    if !asked.is_empty() {
        out.push_str("<h2>Disorder of the traces, as requested and as generated</h2>\n");
        out.push_str(&asked.html());
    }
}

fn push_activity(out: &mut String, results: &Results) {
    if results.operators.is_empty() && results.channels.is_empty() {
        return;
    }
    let (mut activities, mut logged) = (String::new(), 0);
    for (part, axes) in results.run.parts.iter().map(|part| (part, telling_axes(&cases_of(results, part)))) {
        activities.extend(operator_profile::cost_of_logging(results, &part.name).map(|cost| paragraph("", &cost)));
        for repeats in tables::repeats_of_cases(results, &part.name).into_values() {
            if !operator_profile::is_logged(results, &repeats) {
                continue;
            }
            logged += 1;
            if logged > FOLDS_MAX {
                continue;
            }
            let tables = operator_profile::tables(results, &repeats);
            let tables: String = tables.iter().filter(|table| !table.is_empty()).map(Table::html).collect();
            let name = prose(&format!("{} {}", repeats[0].case, case_name(repeats[0], &axes)));
            activities.push_str(&format!("<details><summary>{name}</summary>\n{tables}</details>\n"));
        }
    }
    if !activities.is_empty() {
        let words = "For each worker, the time spent in its operators and what it sent over its channels; medians of the \
                     repeats.";
        out.push_str(&format!("<h2>Where the time went</h2>\n{}{activities}", paragraph("small", words)));
        push_rest(out, logged, "operators.csv");
    }
}

fn cases_of<'a>(results: &'a Results, part: &QuestionRecord) -> Vec<&'a CaseRecord> {
    results.cases.iter().filter(|case| case.part == part.name).collect()
}

fn push_failures(out: &mut String, results: &Results) {
    let mut failures = tables::failures(results);
    if failures.is_empty() {
        return;
    }
    let all = failures.rows.len();
    failures.rows.truncate(FOLDS_MAX);
    out.push_str("<h2>Cases without numbers</h2>\n");
    out.push_str(&failures.html());
    push_rest(out, all, "cases.csv");
    let axes = telling_axes(&results.cases.iter().collect::<Vec<_>>());
    let tail = |case: &CaseRecord| match &case.status {
        Status::Failed { stderr_tail, .. } if !stderr_tail.is_empty() => {
            let name = format!("{} {}: last lines of its standard error", case.tag(), case_name(case, &axes));
            format!("<details><summary>{}</summary><pre>{}</pre></details>\n", escaped(&name), escaped(stderr_tail))
        }
        _ => String::new(),
    };
    out.extend(results.cases.iter().filter(|case| case.numbers.is_none()).take(FOLDS_MAX).map(tail));
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
