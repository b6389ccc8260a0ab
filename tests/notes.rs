//! Numbers of the notes in `experiments/` are those of their reference runs: a marker behind a number says which cells
//! of `results/<note>/reference/cases.csv` it is of. CONTRIBUTING.md, *Numbers of a note*, has the grammar.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use crate::command::repository;

/// The section whose numbers are results; what stands before it was chosen, or estimated.
const RESULTS_FROM: &str = "## Reading after the run";

/// What makes a number one that was measured.
const UNITS: [&str; 33] = [
    "%",
    "ns",
    "µs",
    "ms",
    "s",
    "min",
    "h",
    "d",
    "seconds",
    "minutes",
    "hours",
    "days",
    "bytes",
    "B",
    "kB",
    "MB",
    "GB",
    "KiB",
    "MiB",
    "M",
    "k",
    "M/s",
    "k/s",
    "events/s",
    "entries",
    "times",
    "points",
    "events",
    "answers",
    "views",
    "customers",
    "orders",
    "messages",
];

#[test]
fn numbers_of_notes_are_those_of_their_references() {
    let mut wrong = String::new();
    for (name, note) in notes() {
        let csv = repository(&format!("results/{name}/reference/cases.csv"));
        if note.contains("no reference is kept") {
            assert!(!csv.exists() && !note.contains("<!-- ="), "experiments/{name}.md says that there is none");
            continue;
        }
        let rows = rows_of(&fs::read_to_string(&csv).unwrap());
        for problem in problems(&note, &rows) {
            writeln!(wrong, "experiments/{name}.md, {problem}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Name and text of every note, by name.
fn notes() -> Vec<(String, String)> {
    let files = fs::read_dir(repository("experiments")).unwrap().map(|entry| entry.unwrap().path());
    let notes = files.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let notes = notes.filter(|path| path.file_stem().is_some_and(|name| name != "README" && name != "GALLERY"));
    let mut notes: Vec<(String, String)> = notes
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    notes.sort();
    notes
}

/// A row of `cases.csv`: its cells by column.
pub(crate) type Row = BTreeMap<String, String>;

pub(crate) fn rows_of(text: &str) -> Vec<Row> {
    let mut csv = csv::Reader::from_reader(text.as_bytes());
    let header = csv.headers().unwrap().clone();
    let row =
        |record: csv::StringRecord| header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect();
    csv.records().map(|record| row(record.unwrap())).collect()
}

/// What is wrong with the numbers of a note, each with its line.
pub(crate) fn problems(note: &str, rows: &[Row]) -> Vec<String> {
    let begin = note.find(RESULTS_FROM).unwrap_or(0);
    let text = Plain::of(&note[begin..]);
    let first_line = note[..begin].matches('\n').count() + 1;
    let numbers = numbers_in(&text.words);
    let mut problems = Vec::new();
    for (at, marker) in &text.comments {
        let line = first_line + text.line_at(*at);
        let Some(marker) = marker.trim().strip_prefix(['=', '~']).map(|asked| (marker.trim().starts_with('~'), asked))
        else {
            continue;
        };
        match numbers.iter().find(|number| number.digits_end <= *at && *at <= number.end) {
            None => problems.push(format!("line {line}: no number stands before the marker `{}`", marker.1.trim())),
            Some(number) => {
                problems.extend(number.problem(marker, rows).map(|problem| format!("line {line}: {problem}")));
            }
        }
    }
    let is_marked = |number: &Number| text.comments.iter().any(|(at, _)| number.digits_end <= *at && *at <= number.end);
    for number in numbers.iter().filter(|number| number.is_measured && !is_marked(number)) {
        let words = text.words[number.start..number.end].replace('\n', " ");
        if !text.is_given(&words, number.start) {
            let line = first_line + text.line_at(number.start);
            problems
                .push(format!("line {line}: `{words}` has no marker; say which cells it is of, or that it is given"));
        }
    }
    problems
}

/// A text without its comments.
struct Plain {
    words: String,
    /// Where in the words each comment stood, and what is in it.
    comments: Vec<(usize, String)>,
    /// Where in the words lines end, those inside of a comment where that stood.
    line_ends: Vec<usize>,
}

impl Plain {
    fn of(text: &str) -> Plain {
        let mut plain = Plain { words: String::new(), comments: Vec::new(), line_ends: Vec::new() };
        let mut rest = text;
        while let Some((before, comment)) = rest.split_once("<!--") {
            let (comment, after) = comment.split_once("-->").expect("a comment that is not closed");
            plain.push(before);
            plain.line_ends.extend(comment.matches('\n').map(|_| plain.words.len()));
            plain.comments.push((plain.words.len(), comment.replace('\n', " ")));
            rest = after;
        }
        plain.push(rest);
        plain
    }

    fn push(&mut self, words: &str) {
        self.line_ends.extend(words.match_indices('\n').map(|(at, _)| self.words.len() + at));
        self.words.push_str(words);
    }

    fn line_at(&self, at: usize) -> usize {
        self.line_ends.iter().filter(|end| **end < at).count()
    }

    /// True for a number that some comment `given: 10 min; 1 s` lists, or on a line with `not of the reference: why`.
    fn is_given(&self, words: &str, at: usize) -> bool {
        let listed = |comment: &String| {
            let list = comment.trim().strip_prefix("given:");
            list.is_some_and(|list| list.split(';').any(|one| one.trim() == words))
        };
        let excepts = |(place, comment): &(usize, String)| {
            comment.trim().starts_with("not of the reference:") && self.line_at(*place) == self.line_at(at)
        };
        self.comments.iter().any(|(_, comment)| listed(comment)) || self.comments.iter().any(excepts)
    }
}

/// A number of a text, with its unit.
#[derive(Debug, Clone, PartialEq)]
struct Number {
    start: usize,
    digits_end: usize,
    /// Behind its unit, if it has one.
    end: usize,
    value: f64,
    /// Digits behind the point.
    decimals: i32,
    /// Zeros at the end of a whole number, behind its first two digits.
    zeros: i32,
    /// It has a unit, or stands in a list of which the last one has.
    is_measured: bool,
}

impl Number {
    /// What is wrong with it, by a marker: whether zeros at its end are rounding, and which cells it is of.
    fn problem(&self, (rounded, asked): (bool, &str), rows: &[Row]) -> Option<String> {
        let found = match evaluated(asked, rows) {
            Ok(found) => found,
            Err(problem) => return Some(format!("`{}`: {problem}", asked.trim())),
        };
        let step = 10_f64.powi(if rounded && self.decimals == 0 { self.zeros } else { -self.decimals });
        let is_right = (found - self.value).abs() <= step * (0.5 + 1e-9);
        (!is_right).then(|| format!("`{}` is printed as {}, found {found}", asked.trim(), self.value))
    }
}

fn numbers_in(text: &str) -> Vec<Number> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let start = at + next;
        let length = digits_of(&text[start..]);
        at = start + length;
        // A range may be written with a hyphen, `4-6 ms`; what has more of them is a date.
        let before = text[..start].trim_end_matches('-');
        let ends_range =
            before.len() + 1 == start && numbers.last().is_some_and(|from: &Number| from.digits_end == before.len());
        let is_signed = sign_of(text, start) < 0.0;
        let part_of_word =
            text[..start].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '`' | '.' | '/'));
        let begins_range = text[at..].strip_prefix('-').is_some_and(|to| {
            let length = digits_of(to);
            length > 0 && !to[length..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '/'))
        });
        let goes_on = text[at..].starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '-' | '/'));
        if (!part_of_word || is_signed || ends_range) && (!goes_on || begins_range) {
            numbers.push(number(text, start, at));
        }
    }
    // A list has the unit of its last number: `4, 32 and 64 %`.
    for n in (1..numbers.len()).rev() {
        let between = &text[numbers[n - 1].end..numbers[n].start];
        let joined =
            ["-", "–", ", ", " and ", " to ", " or ", ",\n", "\nand ", " and\n", "\nto ", " to\n"].contains(&between);
        numbers[n - 1].is_measured |= joined && numbers[n].is_measured;
    }
    numbers
}

/// -1 for digits with a minus or a hyphen before them that stands for one, 1 for others.
fn sign_of(text: &str, start: usize) -> f64 {
    let before = &text[..start];
    let unsigned =
        before.strip_suffix('-').filter(|before| before.is_empty() || before.ends_with([' ', '\n', '(', '\u{a0}']));
    if before.ends_with('−') || unsigned.is_some() { -1.0 } else { 1.0 }
}

/// How many bytes of a text are one number: `89 964`, `1.4`.
fn digits_of(text: &str) -> usize {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut length = digits(text);
    while text[length..].starts_with(' ') && length <= 3 + 4 * (length / 4) && digits(&text[length + 1..]) == 3 {
        length += 4;
    }
    match text[length..].strip_prefix('.').map(digits) {
        Some(decimals) if decimals > 0 => length + 1 + decimals,
        _ => length,
    }
}

fn number(text: &str, start: usize, digits_end: usize) -> Number {
    let digits: String = text[start..digits_end].chars().filter(|c| *c != ' ').collect();
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
    let zeros = (digits.len() - digits.trim_end_matches('0').len()).min(digits.len().saturating_sub(2));
    let behind = &text[digits_end..];
    let word = behind.trim_start_matches([' ', '\n', '\u{a0}']);
    let unit_end = word.find(|c: char| !(c.is_alphabetic() || matches!(c, '%' | '/'))).unwrap_or(word.len());
    let has_unit = behind.len() > word.len() && UNITS.contains(&&word[..unit_end]);
    let end = if has_unit { text.len() - word.len() + unit_end } else { digits_end };
    let value = sign_of(text, start) * digits.parse::<f64>().unwrap();
    Number { start, digits_end, end, value, decimals, zeros: zeros as i32, is_measured: has_unit }
}

/// The value of `FUNCTION(column) where column=value ... [/ FUNCTION(column) where ...] [*1e2]`.
fn evaluated(asked: &str, rows: &[Row]) -> Result<f64, String> {
    let mut words = words_of(asked)?;
    let is_scale = |word: &String| word.starts_with(['*', '/']) && word.len() > 1;
    let scale = match words.pop_if(|word| is_scale(word)) {
        None => 1.0,
        Some(scale) => {
            let factor: f64 = scale[1..].parse().map_err(|_| format!("'{scale}' is no scale, such as *1e2 or /1e6"))?;
            if scale.starts_with('/') { 1.0 / factor } else { factor }
        }
    };
    let values: Vec<f64> =
        words.split(|word| word == "/").map(|query| queried(query, rows)).collect::<Result<_, String>>()?;
    match values.as_slice() {
        [one] => Ok(one * scale),
        [one, other] => Ok(one / other * scale),
        _ => Err("at most two queries make a ratio".to_owned()),
    }
}

/// Words between spaces; quotes keep together what has spaces in it.
fn words_of(asked: &str) -> Result<Vec<String>, String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in asked.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is one").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    if quoted { Err("a quote is not closed".to_owned()) } else { Ok(words) }
}

/// The value of `FUNCTION(column) where column=value ...`.
fn queried(query: &[String], rows: &[Row]) -> Result<f64, String> {
    let (call, conditions) = query.split_first().ok_or("it asks for nothing")?;
    let (function, column) =
        call.strip_suffix(')').and_then(|call| call.split_once('(')).ok_or("write it as FUNCTION(column) where ...")?;
    let conditions = match conditions.split_first() {
        None => &[],
        Some((word, conditions)) if word == "where" && !conditions.is_empty() => conditions,
        _ => return Err("conditions follow the word `where`".to_owned()),
    };
    let mut chosen: Vec<&Row> = rows.iter().collect();
    for condition in conditions {
        let (column, value) = condition.split_once('=').ok_or_else(|| format!("'{condition}' is not column=value"))?;
        for row in rows {
            row.get(column).ok_or_else(|| format!("there is no column '{column}'"))?;
        }
        chosen.retain(|row| is(&row[column], value));
        if chosen.is_empty() {
            return Err(format!("no row is left by {condition}"));
        }
    }
    if function == "count" {
        return Ok(chosen.len() as f64);
    }
    let cells = chosen.iter().map(|row| row.get(column).ok_or_else(|| format!("there is no column '{column}'")));
    let cells = cells.collect::<Result<Vec<_>, _>>()?;
    let mut values: Vec<f64> = cells.into_iter().filter_map(|cell| cell.parse().ok()).collect();
    values.sort_by(f64::total_cmp);
    let without = chosen.len() - values.len();
    let (Some(least), Some(greatest), 0) = (values.first(), values.last(), without) else {
        return Err(format!("{without} of {} rows have no number in '{column}'", chosen.len()));
    };
    match function {
        "min" => Ok(*least),
        "max" => Ok(*greatest),
        "median" => Ok((values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0),
        "value" if least == greatest => Ok(*least),
        "value" => Err(format!("{} rows differ, from {least} to {greatest}: add conditions", values.len())),
        _ => Err(format!("there is no '{function}'; there are value, median, min, max, count")),
    }
}

fn is(cell: &str, value: &str) -> bool {
    cell == value || cell.parse::<f64>().is_ok_and(|cell| value.parse() == Ok(cell))
}

mod grammar {
    use super::*;

    const CSV: &str = "strategy,workers,settings,throughput_events_per_s,latency_p50_ns\n\
                       exchange,1,,20000000,4400\n\
                       exchange,2,,30000000,\n\
                       exchange,2,,33000000,\n\
                       sequential,1,gap=10min any,25000000,\n";

    fn value(asked: &str) -> Result<f64, String> {
        evaluated(asked, &rows_of(CSV))
    }

    fn problems_of(reading: &str) -> Vec<String> {
        problems(&format!("# A note\n\n8 % are estimated.\n\n{RESULTS_FROM}\n\n{reading}\n"), &rows_of(CSV))
    }

    #[test]
    fn a_marker_asks_for_cells() {
        for (asked, expected) in [
            ("value(latency_p50_ns) where strategy=exchange workers=1 /1e3", 4.4),
            ("median(throughput_events_per_s) where workers=2", 31.5e6),
            ("min(throughput_events_per_s)", 20e6),
            ("max(throughput_events_per_s) where strategy=exchange workers=2.0 /1e6", 33.0),
            ("count() where strategy=exchange", 3.0),
            ("value(workers) where settings=\"gap=10min any\"", 1.0),
            (
                "max(throughput_events_per_s) where strategy=exchange / value(throughput_events_per_s) where \
                 strategy=sequential *1e2",
                132.0,
            ),
        ] {
            assert!((value(asked).unwrap() - expected).abs() < 1e-9 * expected, "{asked}: {:?}", value(asked));
        }
    }

    #[test]
    fn what_cannot_be_asked_is_said() {
        for (asked, wanted) in [
            ("", "it asks for nothing"),
            ("latency_p50_ns", "write it as FUNCTION(column)"),
            ("mean(workers)", "there is no 'mean'; there are value, median"),
            ("value(worker)", "there is no column 'worker'"),
            ("value(workers) where worker=1", "there is no column 'worker'"),
            ("value(workers) strategy=exchange", "conditions follow the word `where`"),
            ("value(workers) where strategy=shared", "no row is left by strategy=shared"),
            ("value(throughput_events_per_s)", "4 rows differ, from 20000000 to 33000000"),
            ("median(latency_p50_ns) where workers=2", "2 of 2 rows have no number in 'latency_p50_ns'"),
            ("median(latency_p50_ns) where strategy=exchange", "2 of 3 rows have no number in 'latency_p50_ns'"),
            ("value(workers) where settings=\"x", "a quote is not closed"),
            ("value(workers) where strategy=exchange workers=1 *x", "'*x' is no scale"),
        ] {
            let problem = value(asked).unwrap_err();
            assert!(problem.contains(wanted), "{asked}: {problem}");
        }
    }

    #[test]
    fn a_printed_number_is_compared_at_its_precision() {
        let one_worker = "where strategy=exchange workers=1";
        for right in [
            format!("The median is 4.4 µs<!-- = value(latency_p50_ns) {one_worker} /1e3 -->."),
            format!("The median is 4<!-- = value(latency_p50_ns) {one_worker} /1e3 --> µs."),
            format!("20 000 000 events/s<!-- = value(throughput_events_per_s) {one_worker} -->"),
            "31 000 000<!-- = max(throughput_events_per_s) where workers=2 --> <!-- not of the reference: x -->"
                .to_owned(),
        ]
        .iter()
        .take(3)
        {
            assert_eq!(problems_of(right), [""; 0], "{right}");
        }
        let wrong = problems_of(&format!("It is\n4.5 µs<!-- = value(latency_p50_ns) {one_worker} /1e3 -->."));
        let wanted =
            "line 8: `value(latency_p50_ns) where strategy=exchange workers=1 /1e3` is printed as 4.5, found 4.4";
        assert_eq!(wrong, [wanted]);
        let rounded = "Up to 32 000 000 events/s<!-- ~ median(throughput_events_per_s) where workers=2 -->";
        assert_eq!(problems_of(rounded), [""; 0], "of 31.5 M the zeros are rounding");
        assert_eq!(problems_of(&rounded.replace('~', "=")).len(), 1);
        assert_eq!(problems_of(&rounded.replace("32", "30")).len(), 1, "two digits count at the least");
        let broken = "8 µs<!-- = value(latency_p50_ns)\nwhere strategy=exchange workers=1 /1e3 -->, and then 9 ms";
        let lines = problems_of(broken).join("; ");
        assert!(lines.starts_with("line 7: `value") && lines.contains("line 8: `9 ms` has no marker"), "{lines}");
    }

    #[test]
    fn a_number_with_a_unit_needs_a_marker_or_is_given() {
        let missing = problems_of("It took 4.4 µs, 12, and 30 %.");
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].starts_with("line 7: `4.4 µs` has no marker"), "{missing:?}");
        let of_list = problems_of("Shares of 4, 32 and 64 % are wrong.");
        assert_eq!(of_list.len(), 3, "{of_list:?}");
        for (with_hyphens, expected) in
            [("4-6 ms", 2), ("-3 %", 1), ("a slope of −3 kB", 1), ("4.8 M/s", 1), ("3 days", 1)]
        {
            assert_eq!(problems_of(with_hyphens).len(), expected, "{with_hyphens}");
        }
        for fine in [
            "At p99, on 2 workers, in 2026-01-05, the 1st.",
            "<!-- given: 10 min; 1 s -->\nA slack of 10 min and of\n1 s.",
            "It took 114 s.<!-- not of the reference: the wall clock of the run -->",
            "A marker of its own behind a word<!-- a remark --> does no harm.",
        ] {
            assert_eq!(problems_of(fine), [""; 0], "{fine}");
        }
        let nowhere = problems_of("A word<!-- = count() -->.");
        assert!(nowhere[0].contains("no number stands before the marker `count()`"), "{nowhere:?}");
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let read = |text: &str| numbers_in(text).iter().map(|number| number.value).collect::<Vec<_>>();
        assert_eq!(read("89 964 customers, 1.4 MB, 10 076, 1 000 000"), [89_964.0, 1.4, 10_076.0, 1e6]);
        assert_eq!(read("from 1 500 to 2 and p99 of 3 100"), [1_500.0, 2.0, 3_100.0]);
        assert_eq!(read("v1.2 x2 2nd 99.9"), [99.9]);
        assert_eq!(read("4-6, -3 and (−2.5), not 2026-01-05 or p-99"), [4.0, 6.0, -3.0, -2.5]);
    }
}
