//! The cases as tables, for the terminal and for the report.

use std::collections::BTreeMap;

use flowbench_measurement::record::{CaseRecord, Numbers, Status, Verdict};
use flowbench_measurement::statistics::median;

use crate::Results;
use crate::quantity::Quantity;
use crate::select::{case_name, varying_axes};
use crate::svg::{escaped, harmless};

/// Rows of text under a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Column {
    title: &'static str,
    /// Numbers stand right.
    right: bool,
    /// May be shortened on a narrow terminal.
    flexible: bool,
}

const LEFT: Column = Column { title: "", right: false, flexible: false };
const RIGHT: Column = Column { right: true, ..LEFT };
const WORDS: Column = Column { flexible: true, ..LEFT };
/// Nothing flexible becomes narrower than this.
const LEAST_WIDTH: usize = 8;

/// All cases of a run for a terminal of `width` characters (80 to 100 suit best): a table for each question, then what
/// failed. Nothing in it can steer the terminal.
pub fn terminal_tables(results: &Results, width: usize) -> String {
    let mut out = String::new();
    for part in &results.run.parts {
        let table = cases(results, &part.name);
        if !table.is_empty() {
            out.push_str(&format!("{}\n{}\n", printable(&part.question), table.text(width)));
        }
    }
    let failures = failures(results);
    if !failures.is_empty() {
        out.push_str(&format!("Without numbers\n{}\n", failures.text(width)));
    }
    out
}

/// The measured cases of a question: medians over the repeats, worst verdict, every doubt.
pub(crate) fn cases(results: &Results, part: &str) -> Table {
    let of_part: Vec<&CaseRecord> = results.cases.iter().filter(|case| case.part == part).collect();
    let axes = varying_axes(of_part.iter().copied());
    let columns = vec![
        Column { title: "#", ..RIGHT },
        Column { title: "case", ..WORDS },
        Column { title: "n", ..RIGHT },
        Column { title: "events/s", ..RIGHT },
        Column { title: "p50", ..RIGHT },
        Column { title: "p99", ..RIGHT },
        Column { title: "memory", ..LEFT },
        Column { title: "answers", ..WORDS },
        Column { title: "doubts", ..WORDS },
    ];
    let mut repeats: BTreeMap<usize, Vec<&CaseRecord>> = BTreeMap::new();
    for case in of_part.into_iter().filter(|case| case.numbers.is_some()) {
        repeats.entry(case.case).or_default().push(case);
    }
    Table { columns, rows: repeats.values().map(|repeats| row(repeats, &axes)).collect() }
}

/// The cases without numbers, with the cause.
pub(crate) fn failures(results: &Results) -> Table {
    let axes = varying_axes(results.cases.iter());
    let columns = vec![
        Column { title: "case", ..RIGHT },
        Column { title: "what", ..WORDS },
        Column { title: "outcome", ..LEFT },
        Column { title: "cause", ..WORDS },
    ];
    let row = |case: &CaseRecord| {
        let cause = match &case.status {
            Status::Ok => "no numbers recorded".to_owned(),
            Status::Invalid { cause } | Status::Failed { cause, .. } => cause.clone(),
        };
        vec![case.tag(), case_name(case, &axes), case.status.word().to_owned(), cause]
    };
    Table { columns, rows: results.cases.iter().filter(|case| case.numbers.is_none()).map(row).collect() }
}

/// How the answers of a case compare with the truth, in words.
pub(crate) fn answers(numbers: &Numbers) -> String {
    let accuracy = numbers.accuracy;
    if accuracy.missing == 0 && accuracy.spurious == 0 {
        return "exact".to_owned();
    }
    let share = |n: u64| Quantity::Share.human(n as f64 / accuracy.truth.max(1) as f64);
    let mut words = Vec::new();
    if accuracy.missing > 0 {
        words.push(format!("-{}", share(accuracy.missing)));
    }
    if accuracy.spurious > 0 {
        words.push(format!("+{}", share(accuracy.spurious)));
    }
    words.join(" ")
}

impl Table {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Aligned text, no line longer than `width` where shortening words can achieve it.
    pub(crate) fn text(&self, width: usize) -> String {
        let widths = self.widths(width);
        let mut out =
            self.line(&widths, &self.columns.iter().map(|column| column.title.to_owned()).collect::<Vec<_>>());
        out.push_str(&"─".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)));
        out.push('\n');
        for row in &self.rows {
            out.push_str(&self.line(&widths, row));
        }
        out
    }

    /// An HTML table.
    pub(crate) fn html(&self) -> String {
        let cell = |tag: &str, column: &Column, text: &str| {
            let class = if column.right { " class=\"right\"" } else { "" };
            format!("<{tag}{class}>{}</{tag}>", escaped(text))
        };
        let header: String = self.columns.iter().map(|column| cell("th", column, column.title)).collect();
        let mut out = format!("<div class=\"scroll\"><table><thead><tr>{header}</tr></thead><tbody>\n");
        for row in &self.rows {
            let cells: String = self.columns.iter().zip(row).map(|(column, text)| cell("td", column, text)).collect();
            out.push_str(&format!("<tr>{cells}</tr>\n"));
        }
        out + "</tbody></table></div>\n"
    }

    /// As wide as the widest cell; then the widest flexible columns give way until the table fits.
    fn widths(&self, total: usize) -> Vec<usize> {
        let length = |text: &str| text.chars().count();
        let widest = |(n, column): (usize, &Column)| {
            self.rows.iter().map(|row| length(&row[n])).max().unwrap_or(0).max(length(column.title))
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(widest).collect();
        let between = 2 * (widths.len() - 1);
        while widths.iter().sum::<usize>() + between > total {
            let flexible = (0..widths.len()).filter(|n| self.columns[*n].flexible && widths[*n] > LEAST_WIDTH);
            let Some(n) = flexible.max_by_key(|n| widths[*n]) else { break };
            widths[n] -= 1;
        }
        widths
    }

    fn line(&self, widths: &[usize], row: &[String]) -> String {
        let cells = self.columns.iter().zip(widths).zip(row).map(|((column, width), text)| {
            let text = cut(&printable(text), *width);
            if column.right { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    }
}

fn row(repeats: &[&CaseRecord], axes: &[&str]) -> Vec<String> {
    let numbers: Vec<&Numbers> = repeats.iter().filter_map(|case| case.numbers.as_ref()).collect();
    let middle = |quantity: Quantity, value: fn(&Numbers) -> Option<f64>| {
        let values: Vec<f64> = numbers.iter().filter_map(|numbers| value(numbers)).collect();
        median(&values).map_or("–".to_owned(), |value| quantity.human(value))
    };
    let name = case_name(repeats[0], axes);
    vec![
        repeats[0].case.to_string(),
        if name.is_empty() { repeats[0].axes.pipeline.clone() } else { name },
        repeats.len().to_string(),
        middle(Quantity::Count, |n| Some(n.throughput_events_per_s)),
        middle(Quantity::Nanoseconds, |n| n.latency.p50_ns.map(|ns| ns as f64)),
        middle(Quantity::Nanoseconds, |n| n.latency.p99_ns.map(|ns| ns as f64)),
        verdict(&numbers),
        worst_answers(&numbers),
        codes(repeats),
    ]
}

/// The worst of the repeats: growing before inconclusive before bounded.
fn verdict(numbers: &[&Numbers]) -> String {
    let verdicts = || numbers.iter().filter_map(|numbers| numbers.memory.growth).map(|growth| growth.verdict);
    let worst = [Verdict::Growing, Verdict::Inconclusive, Verdict::Bounded];
    let worst = worst.into_iter().find(|verdict| verdicts().any(|other| other == *verdict));
    worst.map_or("–", |verdict| verdict.word()).to_owned()
}

fn worst_answers(numbers: &[&Numbers]) -> String {
    let worst = numbers.iter().max_by_key(|numbers| numbers.accuracy.missing + numbers.accuracy.spurious);
    worst.map_or("–".to_owned(), |numbers| answers(numbers))
}

fn codes(repeats: &[&CaseRecord]) -> String {
    let mut codes: Vec<&str> = repeats.iter().flat_map(|case| &case.doubts).map(|doubt| doubt.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.join(", ")
}

/// Text that cannot steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(harmless).collect()
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
