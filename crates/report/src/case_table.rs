//! The table of a question on the terminal: columns that the question asks for, as wide as the screen allows.
//!
//! Decision D-509.

use std::collections::BTreeMap;

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{CaseRecord, Numbers, QuestionRecord};
use flowbench_measurement::repeats::{SCATTERED_LATENCIES, SCATTERED_RATES, Spread};

use crate::Results;
use crate::asked_columns::{IN_WORDS, TITLES, asked_columns, asks_for_memory};
use crate::compare;
use crate::quantity::{Quantity, SpreadForm, spread_words_as};
use crate::select::{telling_axes, value_name};
use crate::table::{Column, LEFT, NONE, RIGHT, Screen, Table, WORDS};
use crate::tables::{axis_column, axis_value, churn, codes, speed_up, throughput, verdict, worst_answers};

/// The table of a question, and what it does not show.
pub(crate) struct CaseTable {
    pub(crate) table: Table,
    /// Words above each row, of the axes that have no column; rows with the same words follow each other.
    pub(crate) headings: Vec<String>,
    /// Columns that have one value in all cases, with that value.
    pub(crate) same: Vec<(&'static str, String)>,
    /// Columns for which the screen is too narrow.
    pub(crate) left_out: Vec<&'static str>,
    /// The forms in which ranges of repeats are shown.
    pub(crate) forms: Vec<SpreadForm>,
}

/// One column with its cells in each form, from the widest to the narrowest.
struct CaseColumn {
    column: Column,
    cells: [Vec<String>; 3],
    /// Its words in a heading above rows; empty if it is not an axis.
    headings: Vec<String>,
    /// The place among the numbers that only this question asks for; absent for what every question shows.
    asked_as: Option<usize>,
    /// True if the table loses nothing when all cells are alike.
    may_be_same: bool,
}

const FORMS: [SpreadForm; 3] = [SpreadForm::Ends, SpreadForm::Deviation, SpreadForm::Mark];

/// Number of rows from which they are grouped below what they have in common.
const GROUP_MIN: usize = 4;

impl CaseTable {
    /// Returns the table of all cases of a question, those without numbers included.
    pub(crate) fn new(results: &Results, part: &QuestionRecord, screen: Screen) -> CaseTable {
        let mut columns = columns(results, part);
        let mut same = Vec::new();
        columns.retain(|one| match one.same_cell() {
            Some(cell) if cell == NONE || cell.is_empty() => false,
            Some(cell) if one.may_be_same => {
                same.push((one.column.title, cell.to_owned()));
                false
            }
            _ => true,
        });
        let rows = columns.first().map_or(0, |one| one.cells[0].len());
        let mut headings = vec![String::new(); rows];
        let mut forms = SpreadForm::Ends;
        if title_wrapped_width(&columns, &vec![forms; columns.len()]) > screen.width {
            forms = SpreadForm::Deviation;
            while title_wrapped_width(&columns, &vec![forms; columns.len()]) > screen.width {
                let Some(slowest) = slowest_axis(&columns) else { break };
                let axis = columns.remove(slowest);
                headings.iter_mut().zip(axis.headings).for_each(|(heading, word)| push_word(heading, &word));
            }
        }
        let forms = forms_in_width(&columns, forms, screen.width);
        let mut shown: Vec<(CaseColumn, SpreadForm)> = columns.into_iter().zip(forms).collect();
        let mut left_out = Vec::new();
        while table(&shown).least_width() > screen.width {
            let asked = (0..shown.len()).filter(|n| shown[*n].0.asked_as.is_some());
            let Some(last) = asked.max_by_key(|n| shown[*n].0.asked_as) else { break };
            left_out.insert(0, shown.remove(last).0.column.title);
        }
        let with_range = shown.iter().filter(|(one, form)| one.cells_in(*form) != one.cells_in(SpreadForm::Mark));
        let forms = with_range.map(|(_, form)| *form).collect();
        CaseTable { table: table(&shown), headings, same, left_out, forms }
    }
}

impl CaseColumn {
    fn cells_in(&self, form: SpreadForm) -> &Vec<String> {
        let at = FORMS.iter().position(|one| *one == form).unwrap_or(0);
        &self.cells[at]
    }

    /// Returns the cell that all rows have in common; `None` if there are fewer than two.
    fn same_cell(&self) -> Option<&str> {
        let cells = self.cells_in(SpreadForm::Ends);
        let first = cells.first().filter(|_| cells.len() > 1)?;
        cells.iter().all(|cell| cell == first).then_some(first)
    }
}

fn table(columns: &[(CaseColumn, SpreadForm)]) -> Table {
    table_of(columns.iter().map(|(one, form)| (one, *form)).collect())
}

fn table_of(columns: Vec<(&CaseColumn, SpreadForm)>) -> Table {
    let rows = columns.first().map_or(0, |(one, _)| one.cells[0].len());
    let row = |n: usize| columns.iter().map(|(one, form)| one.cells_in(*form)[n].clone()).collect();
    Table { columns: columns.iter().map(|(one, _)| one.column).collect(), rows: (0..rows).map(row).collect() }
}

/// Returns the width of the columns in these forms, if titles are wrapped and cells are not.
fn title_wrapped_width(columns: &[CaseColumn], forms: &[SpreadForm]) -> usize {
    table_of(columns.iter().zip(forms.iter().copied()).collect()).title_wrapped_width()
}

/// Returns the axis whose value changes most rarely from row to row, if it groups rows: [`GROUP_MIN`] in a group on average.
fn slowest_axis(columns: &[CaseColumn]) -> Option<usize> {
    let changes = |n: &usize| columns[*n].headings.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let axes: Vec<usize> = (0..columns.len()).filter(|n| !columns[*n].headings.is_empty()).collect();
    let slowest = axes.iter().copied().min_by_key(changes).filter(|_| axes.len() > 1)?;
    ((changes(&slowest) + 1) * GROUP_MIN <= columns[slowest].headings.len()).then_some(slowest)
}

fn push_word(heading: &mut String, word: &str) {
    let comma = if heading.is_empty() { "" } else { ", " };
    heading.push_str(&format!("{comma}{word}"));
}

/// Returns a form for each column: `form` for as many as there is room for, the first ones before the last ones, and
/// marks for the others.
fn forms_in_width(columns: &[CaseColumn], form: SpreadForm, width: usize) -> Vec<SpreadForm> {
    let mut forms = vec![form; columns.len()];
    for n in (0..columns.len()).rev() {
        if title_wrapped_width(columns, &forms) <= width {
            break;
        }
        forms[n] = SpreadForm::Mark;
    }
    forms
}

/// Returns all columns that the table of a question may have, in their order.
fn columns(results: &Results, part: &QuestionRecord) -> Vec<CaseColumn> {
    let cases = repeats_by_case(results, &part.name);
    let mut axes = telling_axes(&cases.concat());
    // The rate stands in the column of the throughput.
    axes.retain(|axis| *axis != "rate_events_per_s");
    if axes.is_empty() {
        axes.push("pipeline");
    }
    let words = |column: Column, cell: &dyn Fn(&[&CaseRecord]) -> String| {
        let cells: Vec<String> = cases.iter().map(|repeats| cell(repeats)).collect();
        let cells = [cells.clone(), cells.clone(), cells];
        CaseColumn { column, cells, headings: Vec::new(), asked_as: None, may_be_same: false }
    };
    let count = |repeats: &[&CaseRecord]| repeats.iter().filter(|case| case.numbers.is_some()).count();
    let mut columns = vec![words(Column { title: "#", ..RIGHT }, &|repeats| repeats[0].case.to_string())];
    columns.extend(axes.iter().map(|axis| {
        let cell = |repeats: &[&CaseRecord]| repeats[0].column(axis).unwrap_or(Cell::Empty);
        let heading = |repeats: &Vec<&CaseRecord>| value_name(axis, &cell(repeats)).unwrap_or_default();
        let column = words(axis_column(axis), &|repeats| axis_value(axis, &cell(repeats)));
        CaseColumn { headings: cases.iter().map(heading).collect(), ..column }
    }));
    if cases.iter().any(|repeats| count(repeats) != count(&cases[0])) {
        columns.push(words(Column { title: "n", ..RIGHT }, &|repeats| count(repeats).to_string()));
    }
    columns.push(CaseColumn {
        column: Column { title: "events/s", ..RIGHT },
        cells: FORMS.map(|form| cases.iter().map(|repeats| throughput(repeats, form)).collect()),
        headings: Vec::new(),
        asked_as: None,
        may_be_same: true,
    });
    let asked = asked_columns(part);
    if asked.contains(&"speed_up") {
        columns.push(words(Column { title: "speed-up", ..RIGHT }, &|repeats| speed_up(results, repeats)));
    }
    let mut of_numbers: Vec<(usize, &str)> = asked.iter().copied().enumerate().collect();
    of_numbers.retain(|(_, column)| !IN_WORDS.contains(column));
    of_numbers.sort_by_key(|(_, column)| TITLES.iter().position(|(one, _)| one == column));
    columns.extend(of_numbers.into_iter().map(|(place, column)| numbers_column(results, &cases, column, place)));
    let of_words = [
        (Column { title: "memory", ..LEFT }, asks_for_memory(&asked), true),
        (Column { title: "answers", ..LEFT }, true, true),
        (Column { title: "churn", ..LEFT }, asked.contains(&"churn") || asked.contains(&"corrected_share"), true),
        (Column { title: "doubts", is_doubt: true, ..WORDS }, true, false),
    ];
    // What answers are worth is in numbers as well: the first column to be left out.
    let in_numbers = asked.iter().any(|column| ["completeness", "lost_answers_share"].contains(column));
    let may_lack_answers = in_numbers && cases.iter().all(|repeats| count(repeats) > 0);
    for (column, is_shown, may_be_same) in of_words {
        if is_shown {
            let cells = words(column, &|repeats| words_of(column.title, repeats));
            let asked_as = (column.title == "answers" && may_lack_answers).then_some(usize::MAX);
            columns.push(CaseColumn { may_be_same, asked_as, ..cells });
        }
    }
    columns
}

/// Returns the cell of a column of words.
fn words_of(title: &str, repeats: &[&CaseRecord]) -> String {
    let numbers: Vec<&Numbers> = repeats.iter().filter_map(|case| case.numbers.as_ref()).collect();
    match title {
        "doubts" => codes(repeats),
        // A case without numbers says why in the place of its answers.
        "answers" if numbers.is_empty() => repeats[0].status.word().to_owned(),
        _ if numbers.is_empty() => NONE.to_owned(),
        "memory" => verdict(&numbers),
        "churn" => churn(&numbers),
        _ => worst_answers(&numbers),
    }
}

/// Returns a column of numbers with their spread over the repeats.
fn numbers_column(results: &Results, cases: &[Vec<&CaseRecord>], name: &'static str, place: usize) -> CaseColumn {
    let quantity = Quantity::of(name);
    let factor = if quantity == Quantity::Nanoseconds { SCATTERED_LATENCIES } else { SCATTERED_RATES };
    let cell = |repeats: &Vec<&CaseRecord>, form: SpreadForm| {
        let values = repeats.iter().filter(|case| case.numbers.is_some());
        let values: Vec<f64> = values.filter_map(|case| compare::column(results, case, name)?.number()).collect();
        let spread = Spread::of(&values);
        spread.map_or(NONE.to_owned(), |spread| spread_words_as(form, &spread, factor, |value| quantity.tick(value)))
    };
    let title = TITLES.iter().find(|(column, _)| *column == name).map_or(name, |(_, title)| title);
    CaseColumn {
        column: Column { title, ..RIGHT },
        cells: FORMS.map(|form| cases.iter().map(|repeats| cell(repeats, form)).collect()),
        headings: Vec::new(),
        asked_as: Some(place),
        may_be_same: true,
    }
}

/// Returns the repeats of each case of a question by case number, with and without numbers.
fn repeats_by_case<'a>(results: &'a Results, part: &str) -> Vec<Vec<&'a CaseRecord>> {
    let mut cases: BTreeMap<usize, Vec<&CaseRecord>> = BTreeMap::new();
    for case in results.cases.iter().filter(|case| case.part == part) {
        cases.entry(case.case).or_default().push(case);
    }
    cases.into_values().collect()
}
