//! All cases of a run as text for a terminal: a table for each question, then doubts, claims and failures.

use std::collections::BTreeMap;

use flowbench_measurement::claims::{Checked, Standing};
use flowbench_measurement::doubt_kinds::DoubtKind;
use flowbench_measurement::record::{CaseRecord, QuestionRecord};

use crate::Results;
use crate::case_table::CaseTable;
use crate::claims::ClaimsOfRun;
use crate::operator_profile;
use crate::quantity::SpreadForm;
use crate::select::{case_name, telling_axes};
use crate::table::{Column, FAILED, HEADING, INDENT, LEFT, NONE, Screen, Table, WORDS, printable, wrapped_lines};
use crate::tables::spread_kind;
use crate::text::counted;

/// Maximum number of cases that are named in full for one cause of a failure.
const NAMED_MAX: usize = 3;
/// Maximum number of further cases of which the tags are listed.
const TAGS_MAX: usize = 20;

/// Returns all cases of a run as text: for each question a table no wider than the screen, then what is in doubt, the
/// claims and the cases without numbers. Control characters in names are replaced, so the text cannot steer the terminal.
pub fn terminal_tables(results: &Results, screen: Screen) -> String {
    let parts = results.run.parts.iter().map(|part| question(results, part, screen));
    parts.chain([doubts(results, screen), claims(results, screen), failures(results, screen)]).collect()
}

fn question(results: &Results, part: &QuestionRecord, screen: Screen) -> String {
    if results.cases.iter().all(|case| case.part != part.name) {
        return String::new();
    }
    let table = CaseTable::new(results, part, screen);
    let mut out = heading(&printable(&part.question), screen);
    out.push_str(&wrapped_lines(&printable(&legend(results, part, &table)), "", screen.width));
    out.push_str(&rows(&table, screen));
    out.extend(
        operator_profile::cost_of_logging(results, &part.name).map(|cost| wrapped_lines(&cost, "", screen.width)),
    );
    out + "\n"
}

/// Returns the table, with what some rows have in common above them.
fn rows(table: &CaseTable, screen: Screen) -> String {
    let (mut out, rows) = table.table.header_and_rows(screen);
    let mut above = "";
    for (row, words) in rows.iter().zip(&table.headings) {
        if words != above {
            out.push_str(&heading(&printable(words), screen));
            above = words;
        }
        out.push_str(row);
    }
    out
}

fn heading(text: &str, screen: Screen) -> String {
    wrapped_lines(text, "", screen.width).lines().map(|line| screen.styled(HEADING, line) + "\n").collect()
}

/// Returns how the numbers of a table are to be read: of how many repeats they are, what their range is, and what is the
/// same in all cases.
fn legend(results: &Results, part: &QuestionRecord, table: &CaseTable) -> String {
    let mut sentences = vec![repeats(results, part, &table.forms)];
    if table.table.rows.iter().flatten().any(|cell| cell.starts_with('~')) {
        sentences.push("~: too wide a range to be compared.".to_owned());
    }
    if lacks_a_quantile(&table.table) {
        sentences.push("p50 and p99 are – where n is too small: they need 20 and 1,000 latencies.".to_owned());
    }
    if !table.same.is_empty() {
        let same: Vec<String> = table.same.iter().map(|(title, cell)| format!("{title} {cell}")).collect();
        sentences.push(format!("In all cases: {}.", same.join(", ")));
    }
    if !table.left_out.is_empty() {
        sentences.push(format!("Only in the report: {}.", table.left_out.join(", ")));
    }
    sentences.join(" ")
}

/// Returns true if a quantile of the latency is missing in a row.
fn lacks_a_quantile(table: &Table) -> bool {
    let is_quantile = |column: &Column| matches!(column.title, "p50" | "p99");
    let of_quantiles = |row: &Vec<String>| {
        let cells = table.columns.iter().zip(row).filter(|(column, _)| is_quantile(column));
        cells.into_iter().any(|(_, cell)| cell == NONE)
    };
    table.rows.iter().any(of_quantiles)
}

/// Returns of how many repeats the numbers of a question are, and what their range is.
fn repeats(results: &Results, part: &QuestionRecord, forms: &[SpreadForm]) -> String {
    let Some((count, kind)) = spread_kind(results, &part.name) else { return "No case has numbers.".to_owned() };
    let Some(kind) = kind else { return "Each case was measured once.".to_owned() };
    let range = match forms {
        [] => String::new(),
        forms if forms.contains(&SpreadForm::Ends) => format!(" [{kind}]"),
        _ => format!(" ± the farther end of {kind}"),
    };
    format!("Medians of {count} repeats{range}.")
}

/// Returns a line for each kind of doubt: in how many measurements it was raised, and what it means.
fn doubts(results: &Results, screen: Screen) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for doubt in results.cases.iter().flat_map(|case| &case.doubts) {
        *counts.entry(&doubt.code).or_default() += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let row = |(code, count): (&str, usize)| {
        let meaning =
            DoubtKind::of(code).map_or("raised by an earlier version; the report has its words", |kind| kind.meaning);
        vec![code.to_owned(), format!("{count} of {}", results.cases.len()), meaning.to_owned()]
    };
    let columns = vec![
        Column { title: "doubt", is_doubt: true, ..LEFT },
        Column { title: "measurements", ..LEFT },
        Column { title: "meaning (`flowbench explain` says more)", ..WORDS },
    ];
    Table { columns, rows: counts.into_iter().map(row).collect() }.text(screen) + "\n"
}

fn claims(results: &Results, screen: Screen) -> String {
    if results.run.claims.is_empty() {
        return String::new();
    }
    let ClaimsOfRun { checked, not_checked } = ClaimsOfRun::of(results);
    let lines = |one: Checked| {
        let word = one.standing.word();
        let claim = wrapped_lines(&printable(&one.claim), &format!("{word:<7}  "), screen.width);
        let found = wrapped_lines(&printable(&one.found), "         found: ", screen.width);
        let is_lost = one.standing == Standing::Fails;
        (if is_lost { claim.replacen(word, &screen.styled(FAILED, word), 1) } else { claim }) + &found
    };
    let not_checked = not_checked.iter().map(|sentence| wrapped_lines(sentence, "", screen.width));
    heading("Claims", screen) + &checked.into_iter().map(lines).chain(not_checked).collect::<String>() + "\n"
}

/// Returns the cases without numbers, those whose causes differ at most in numbers together.
fn failures(results: &Results, screen: Screen) -> String {
    let mut causes: Vec<(String, Vec<&CaseRecord>)> = Vec::new();
    for case in results.cases.iter().filter(|case| case.numbers.is_none()) {
        let cause = format!("{} {}", case.status.word(), case.status.cause().unwrap_or_default());
        let cause = cause.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        match causes.iter_mut().find(|(other, _)| *other == cause) {
            Some((_, cases)) => cases.push(case),
            None => causes.push((cause, vec![case])),
        }
    }
    if causes.is_empty() {
        return String::new();
    }
    let text: String = causes.iter().map(|(_, cases)| failure(results, cases, screen)).collect();
    heading("Without numbers", screen) + &text + "\n"
}

/// Returns the cause that some cases have in common, and the first of them by their names.
fn failure(results: &Results, cases: &[&CaseRecord], screen: Screen) -> String {
    let status = &cases[0].status;
    let (word, cause) = (status.word(), status.cause().unwrap_or("no numbers recorded"));
    let causes = cases.iter().map(|case| case.status.cause());
    let alike = if causes.clone().all(|other| other == causes.clone().next().flatten()) { "" } else { " and the like" };
    let first = format!("{word}, {}: ", counted(cases.len(), "measurement"));
    let mut text = wrapped_lines(&printable(&format!("{cause}{alike}")), &first, screen.width);
    text = text.replacen(word, &screen.styled(FAILED, word), 1);
    let (named, others) = cases.split_at(cases.len().min(NAMED_MAX));
    for case in named {
        let of_part: Vec<&CaseRecord> = results.cases.iter().filter(|other| other.part == case.part).collect();
        let name = format!("{} {}: {}", case.tag(), case.part, case_name(case, &telling_axes(&of_part)));
        text.push_str(&wrapped_lines(&printable(name.trim_end_matches(": ")), INDENT, screen.width));
    }
    if !others.is_empty() {
        let tags: Vec<String> = others.iter().take(TAGS_MAX).map(|case| case.tag()).collect();
        let more = if others.len() > TAGS_MAX { ", …" } else { "" };
        let words = format!("and {} more: {}{more}", others.len(), tags.join(", "));
        text.push_str(&wrapped_lines(&words, INDENT, screen.width));
    }
    text
}
