//! Tables of the cases, one a question, which the script of the page sorts and filters.

use std::collections::BTreeSet;

use flowbench_measurement::record::CaseRecord;

use super::marks::Marks;
use super::section::{Section, paragraph};
use crate::Results;
use crate::table::{Column, Table};
use crate::tables::{self, repeats_of_cases};
use crate::text::prose;

/// Heading of the tables of cases and explanation of their columns.
const CASES: &str = include_str!("cases.html");
/// Maximum number of rows of a table; `cases.csv` has them all.
const ROWS_MAX: usize = 500;
/// Column whose cells are marks.
const DOUBTS: &str = "doubts";

pub(crate) fn push_cases(out: &mut String, results: &Results, sections: &[Section], marks: &Marks) {
    out.push_str(CASES);
    for (part, _) in sections {
        let repeats = repeats_of_cases(results, &part.name);
        let repeats: Vec<&Vec<&CaseRecord>> = repeats.values().collect();
        out.push_str(&format!("<h3>{}</h3>\n", prose(&part.question)));
        if repeats.is_empty() {
            out.push_str(&paragraph("", "No case with numbers."));
            continue;
        }
        let table = tables::cases_of(results, &repeats[..repeats.len().min(ROWS_MAX)]);
        let label = format!("{}{}", part.name, tables::repeats_words(results, &part.name));
        push_table(out, &table, &repeats, &label, marks);
        if repeats.len() > ROWS_MAX {
            let words = format!("The first {ROWS_MAX} of {} cases;", repeats.len());
            out.push_str(&format!("<p>{} <a href=\"cases.csv\">cases.csv</a> has them all.</p>\n", prose(&words)));
        }
    }
}

fn push_table(out: &mut String, table: &Table, repeats: &[&Vec<&CaseRecord>], label: &str, marks: &Marks) {
    let label = prose(label);
    let header: String =
        table.columns.iter().map(|column| format!("<th{}>{}</th>", class(column), prose(column.title))).collect();
    out.push_str(&format!(
        "<div class=\"scroll\" role=\"region\" aria-label=\"{label}\" tabindex=\"0\"><table class=\"cases\">\
         <caption class=\"small\">{label}</caption><thead><tr>{header}</tr></thead><tbody>\n"
    ));
    for (row, repeats) in table.rows.iter().zip(repeats) {
        let cells: String =
            table.columns.iter().zip(row).map(|(column, text)| cell(column, text, repeats, marks)).collect();
        out.push_str(&format!("<tr id=\"c{}\">{cells}</tr>\n", repeats[0].case));
    }
    out.push_str("</tbody></table></div>\n");
}

fn cell(column: &Column, text: &str, repeats: &[&CaseRecord], marks: &Marks) -> String {
    if column.title != DOUBTS {
        return format!("<td{}>{}</td>", class(column), prose(text));
    }
    let codes: BTreeSet<&str> = repeats.iter().flat_map(|case| &case.doubts).map(|doubt| doubt.code.as_str()).collect();
    let links: Vec<String> = codes.into_iter().map(|code| marks.link(code)).collect();
    format!("<td class=\"marks\">{}</td>", links.join(" "))
}

fn class(column: &Column) -> &'static str {
    if column.right { " class=\"right\"" } else { "" }
}
