//! The answer to a question in a sentence or two, derived from the data alone: which choice, by how much against what, and
//! under which doubt. The kind and the columns of its figures decide which rule answers it.
//!
//! Decision D-506.

mod accuracy;
mod choice;
mod contest;
mod contest_words;
mod memory;
mod more;
mod plateau;
mod rates;
mod said;
mod slack;
mod what_if;

use std::collections::{BTreeMap, BTreeSet};

use flowbench_measurement::columns::Cell;
use flowbench_measurement::record::{CaseRecord, FigureKind, FigureSpec, QuestionRecord};

use self::choice::{Choice, choices, given_and_chosen, is_chosen, is_given, is_memory};
use self::contest::Contest;
use self::said::{Said, sentence, uncapitalised};
use crate::Results;
use crate::figures::check::check_figure;
use crate::figures::panels::is_floor;
use crate::figures::scaling::THROUGHPUT;
use crate::quantity::words;
use crate::select::{cell_of, readable, select, value_name};

/// The answer to one question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What can be said, the most important first.
    pub(crate) sentences: Vec<String>,
    /// How many of the numbers behind it are doubtful; absent if none is.
    pub(crate) doubtful: Option<String>,
    /// Codes of these doubts.
    pub(crate) codes: BTreeSet<String>,
    /// What else to be careful about.
    pub(crate) careful: Vec<String>,
    /// What else the data say, sentence by sentence.
    pub(crate) more: Vec<String>,
}

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rule<'a> {
    /// Which contender is best, row by row, in a column.
    Contest(&'a str),
    /// Which contenders are exact; and the least of a column among these.
    Accuracy(Option<&'a str>),
    /// Which contenders are bounded.
    Memory(&'a str),
    /// Where completeness reaches a level.
    Slack(f64),
    /// Up to which rate each choice keeps up.
    Rates,
    /// Where along a numeric choice a column is close to its best.
    Plateau(&'a str, &'a str),
    /// What faster pages would win.
    WhatIf,
}

/// Answers a question.
pub(crate) fn answer(results: &Results, part: &QuestionRecord) -> Answer {
    let cases: Vec<&CaseRecord> = results.cases.iter().filter(|case| case.part == part.name).collect();
    let measured: Vec<&CaseRecord> = cases.iter().copied().filter(|case| case.numbers.is_some()).collect();
    if measured.is_empty() {
        let without = if cases.is_empty() { "no case has finished".to_owned() } else { more::coverage(&cases, 0) };
        return Answer { sentences: vec![format!("No answer: {without}.")], ..Answer::default() };
    }
    let spec_and_rule = in_order(part).into_iter().find_map(|spec| Some((spec, rule_of(part, spec, &measured)?)));
    let said = match spec_and_rule {
        Some((spec, rule)) => apply(results, part, spec, rule),
        None => of_answers(results, part).unwrap_or_else(|| without_figure(results, part, &measured)),
    };
    let mut more = said.more.iter().map(|text| sentence(text)).collect::<Vec<_>>();
    more.extend(more::sentences(&cases, &measured));
    let careful = [more::few_answers(&measured), more::measured_once(&measured)];
    Answer {
        sentences: said.sentences.iter().map(|text| sentence(text)).collect(),
        doubtful: doubtful(&said.numbers),
        codes: said.numbers.into_iter().flatten().collect(),
        careful: careful.into_iter().flatten().map(|text| sentence(&text)).collect(),
        more,
    }
}

/// Returns the figures of a question, the one that answers it best first.
fn in_order(part: &QuestionRecord) -> Vec<&FigureSpec> {
    let mut figures: Vec<&FigureSpec> = part.figures.iter().filter(|spec| check_figure(spec).is_ok()).collect();
    figures.sort_by_key(|spec| (!spec.lead, spec.kind != FigureKind::AtLevel));
    figures
}

/// Returns the rule by which a figure answers its question; absent if it does not compare choices.
fn rule_of<'a>(part: &'a QuestionRecord, spec: &'a FigureSpec, measured: &[&CaseRecord]) -> Option<Rule<'a>> {
    let column = spec.columns().find(|column| !is_floor(column)).or(spec.columns().next());
    let evictions: BTreeSet<&str> = measured.iter().map(|case| case.axes.eviction.as_str()).collect();
    match (spec.kind, spec.x.as_str(), column) {
        (FigureKind::AtLevel, slack::SLACK, _) if spec.level_column == COMPLETENESS => {
            Some(Rule::Slack(spec.level.unwrap_or(slack::LEVEL)))
        }
        (FigureKind::Sweep, slack::SLACK, _) if shows(part, COMPLETENESS) => Some(Rule::Slack(slack::LEVEL)),
        (FigureKind::Sweep, "rate_events_per_s", _) => Some(Rule::Rates),
        (FigureKind::Sweep, "records_per_epoch" | "workers" | "total_workers", Some(column)) => {
            Some(Rule::Plateau(&spec.x, column))
        }
        (FigureKind::Scaling, ..) => Some(Rule::Contest("speed_up")),
        (FigureKind::OverTime, _, Some(column)) => {
            let settings: BTreeSet<&Vec<String>> = measured.iter().map(|case| &case.axes.settings).collect();
            peak_of(column).filter(|_| evictions.len() > 1 || settings.len() > 1).map(Rule::Memory)
        }
        (FigureKind::Bars, _, Some(what_if::WON)) => Some(Rule::WhatIf),
        (FigureKind::HeatMap | FigureKind::Sweep | FigureKind::Bars, _, Some(column)) => {
            let rule = match column {
                column if accuracy::is_accuracy(column) => Rule::Accuracy(spec.columns().find(|cost| is_cost(cost))),
                column if is_memory(column) && evictions.contains("never") => Rule::Memory(column),
                column => Rule::Contest(column),
            };
            tells_apart(spec).then_some(rule)
        }
        (FigureKind::Stacked, ..) => tells_apart(spec).then_some(Rule::Contest("latency_p50_ns")),
        (FigureKind::Distribution | FigureKind::Ccdf, _, Some("latency")) => Some(Rule::Contest("latency_p99_ns")),
        (FigureKind::Distribution | FigureKind::Ccdf, _, Some("processing-delay")) => {
            Some(Rule::Contest("processing_delay_p99_ns"))
        }
        _ => None,
    }
}

/// Applies a rule to the cases of a figure.
fn apply(results: &Results, part: &QuestionRecord, spec: &FigureSpec, rule: Rule) -> Said {
    let mut asked = FigureSpec { only: spec.only.clone(), ..FigureSpec::new("", FigureKind::Bars) };
    // What figures of one kind divide among themselves, or a search needs, belongs to the answer.
    let divided = divided(part, spec);
    let needed = |column: &String| rule != Rule::Rates || is_given(column) && column != "load";
    asked.only.retain(|column, _| !divided.contains_key(column) && needed(column));
    let selection = select(results, &part.name, &asked);
    let mut choices = choices(results, &selection);
    if rule != Rule::Rates {
        choices
            .retain(|choice| divided.iter().all(|(column, values)| values.contains(&choice.cell(column).to_string())));
    }
    let (mut rows, contenders, end) = rows_and_contenders(spec, &mut choices);
    let more: Vec<String> = divided.into_keys().filter(|column| !rows.contains(column)).collect();
    rows.extend(more.into_iter().filter(|column| !contenders.contains(column)));
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let contenders: Vec<&str> = contenders.iter().map(String::as_str).collect();
    let mut said = match rule {
        Rule::Contest(column) => Contest::of(&choices, &rows, &contenders, column).said(),
        Rule::Accuracy(cost) => accuracy::said(&choices, &rows, &contenders, cost),
        Rule::Memory(column) => memory::said(&choices, column),
        Rule::Slack(level) => slack::said(&choices, level, &shown_by_slack(part)),
        Rule::Plateau(x, column) => plateau::said(&choices, x, column),
        Rule::Rates => rates(choices),
        Rule::WhatIf => what_if::won(&choices),
    };
    let condition = condition(&asked, end);
    if let Some(first) = said.sentences.first_mut().filter(|_| !condition.is_empty()) {
        *first = format!("{condition}: {}", uncapitalised(first));
    }
    said
}

/// Returns the columns, with their values, by which figures of one kind divide the cases of a question among themselves.
fn divided(part: &QuestionRecord, spec: &FigureSpec) -> BTreeMap<String, BTreeSet<String>> {
    let alike = |other: &&FigureSpec| (other.kind, &other.x, &other.by) == (spec.kind, &spec.x, &spec.by);
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (column, value) in part.figures.iter().filter(alike).flat_map(|figure| &figure.only) {
        values.entry(column.clone()).or_default().insert(value.clone());
    }
    values.retain(|column, values| values.len() > 1 && spec.only.contains_key(column));
    values
}

fn rates(choices: Vec<Choice>) -> Said {
    let (searches, others): (Vec<Choice>, Vec<Choice>) =
        choices.into_iter().partition(|choice| choice.record().axes.load.starts_with("search"));
    if searches.is_empty() { rates::offered(&others) } else { rates::searched(&searches, &others) }
}

/// Reads an answer from the answers that a question draws; `None` if they say nothing that can be put into a sentence.
fn of_answers(results: &Results, part: &QuestionRecord) -> Option<Said> {
    let is_drawn = part.figures.iter().any(|figure| figure.kind == FigureKind::Answers);
    let answers = results.answers.get(&part.name).filter(|_| is_drawn)?;
    what_if::bands(answers)
}

/// Compares the choices of a question that has no figure which does.
fn without_figure(results: &Results, part: &QuestionRecord, measured: &[&CaseRecord]) -> Said {
    let spec = FigureSpec::new("", FigureKind::Bars);
    let selection = select(results, &part.name, &spec);
    let mut choices = choices(results, &selection);
    let (rows, contenders, _) = rows_and_contenders(&spec, &mut choices);
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let contenders: Vec<&str> = contenders.iter().map(String::as_str).collect();
    if results.run.untimed_parts.contains(&part.name) {
        return accuracy::said(&choices, &rows, &contenders, None);
    }
    // An open loop completes what it is offered: its throughput says nothing.
    let open = measured.iter().all(|case| case.axes.rate_events_per_s.is_some());
    let column = if open { "latency_p99_ns" } else { THROUGHPUT };
    Contest::of(&choices, &rows, &contenders, column).said()
}

/// The upper end of an x axis that is a property of the trace: its column and its value.
type End<'a> = Option<(&'a str, Cell)>;

/// Divides the columns that tell the choices of a figure apart into rows, which are not compared, and contenders, which
/// are. Where the x axis is a property of the trace, only the choices at its upper end are kept, which is returned, too.
fn rows_and_contenders<'a>(spec: &'a FigureSpec, choices: &mut Vec<Choice>) -> (Vec<String>, Vec<String>, End<'a>) {
    let owned = |columns: &[&str]| columns.iter().map(|column| (*column).to_owned()).collect::<Vec<String>>();
    let (given, chosen) = given_and_chosen(choices);
    match spec.kind {
        FigureKind::HeatMap => return (spec.by.clone(), vec![spec.x.clone()], None),
        FigureKind::Scaling => return (owned(&given), vec!["strategy".to_owned()], None),
        _ => {}
    }
    let (mut rows, mut end) = (owned(&given), None);
    let mut contenders: Vec<String> = spec.by.iter().filter(|column| is_chosen(column)).cloned().collect();
    if spec.kind == FigureKind::Sweep && spec.x.ends_with("_asked") {
        end = keep_highest(choices, &spec.x).map(|cell| (spec.x.as_str(), cell));
        rows.retain(|row| row != "world");
    } else if spec.kind == FigureKind::Sweep && is_chosen(&spec.x) {
        let place = if contenders.is_empty() { &mut contenders } else { &mut rows };
        place.push(spec.x.clone());
    }
    if contenders.is_empty() {
        contenders = owned(&chosen);
    }
    // The slack is what answers are bought with: a choice is best at a slack, unless slacks are all that is compared.
    if contenders.len() > 1 && contenders.iter().any(|column| column == slack::SLACK) {
        contenders.retain(|column| column != slack::SLACK);
        rows.push(slack::SLACK.to_owned());
    }
    if contenders.is_empty() {
        contenders.extend(rows.pop());
    }
    (rows, contenders, end)
}

/// Keeps the choices with the highest value of a column, and returns it.
fn keep_highest(choices: &mut Vec<Choice>, column: &str) -> Option<Cell> {
    let value = |choice: &Choice| choice.cell(column).number().unwrap_or(f64::NEG_INFINITY);
    let highest = choices.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
    choices.retain(|choice| value(choice) == highest);
    choices.first().map(|choice| choice.cell(column).clone())
}

const COMPLETENESS: &str = "completeness";

/// Returns true if a figure distinguishes choices.
fn tells_apart(spec: &FigureSpec) -> bool {
    spec.by.iter().chain([&spec.x]).any(|column| is_chosen(column))
}

fn shows(part: &QuestionRecord, column: &str) -> bool {
    part.figures.iter().flat_map(FigureSpec::columns).any(|shown| shown == column)
}

/// Returns the columns of the figures that show what slack does.
fn shown_by_slack(part: &QuestionRecord) -> Vec<&str> {
    part.figures.iter().filter(|spec| spec.x == slack::SLACK).flat_map(FigureSpec::columns).collect()
}

/// Returns true for a column that is a price rather than a result.
fn is_cost(column: &str) -> bool {
    !accuracy::is_accuracy(column) && !is_floor(column)
}

/// Returns the column of a case that is the peak of a column over time, for what is held.
fn peak_of(column: &str) -> Option<&'static str> {
    match column {
        "live_bytes" => Some("live_bytes_peak"),
        "rss_bytes" => Some("rss_bytes_peak"),
        "entries" => Some("entries_peak"),
        "buffered" => Some("buffered_peak"),
        _ => None,
    }
}

/// Returns what all cases of the answer have in common, to begin it with: `With 50 % of sustainable, 1 worker`.
fn condition(asked: &FigureSpec, end: End) -> String {
    // Without a world or a rate of its own, a figure is about what the part is; without idleness, it says never.
    let is_told =
        |(column, value): &(&String, &String)| *column != "load" && (!value.is_empty() || *column == "idle_ms");
    let told = asked.only.iter().filter(is_told);
    let only = told.map(|(column, value)| (column.as_str(), cell_of(value)));
    let names = only.chain(end).filter_map(|(column, cell)| match column.strip_suffix("_share_asked") {
        Some(stem) => Some(format!("{} {}", readable(column, &cell), words(stem))),
        None if column == "world" => Some(format!("the world “{cell}”")),
        None => value_name(column, &cell),
    });
    let names: Vec<String> = names.collect();
    if names.is_empty() { String::new() } else { format!("With {}", names.join(", ")) }
}

/// Says how many of the numbers behind an answer are doubtful.
fn doubtful(numbers: &[BTreeSet<String>]) -> Option<String> {
    let doubtful = numbers.iter().filter(|codes| !codes.is_empty()).count();
    match (doubtful, numbers.len()) {
        (0, _) => None,
        (1, 1) => Some("The number behind this is doubtful".to_owned()),
        (2, 2) => Some("Both numbers behind this are doubtful".to_owned()),
        (n, all) if n == all => Some(format!("All {all} numbers behind this are doubtful")),
        (1, all) => Some(format!("1 of the {all} numbers behind this is doubtful")),
        (n, all) => Some(format!("{n} of the {all} numbers behind this are doubtful")),
    }
}
