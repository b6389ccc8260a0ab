//! A form in which texts that mean the same are equal, changelogs, and differences held against those of accuracy.

use flowbench_events::{Kind, Record, TimeReading, Trace, Value};
use flowbench_measurement::accuracy::compare_by_subject;
use flowbench_pipelines::{Answers, CellKind, Pipeline, Registry, RunConfig, Strategy};

use super::*;
use crate::replay::ReplayRequest;

/// What is drawn here stands for random answers: small numbers, many of them equal.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = flowbench_events::mix(self.0.wrapping_add(1));
        self.0 % limit
    }
}

fn pipeline(name: &str) -> &'static dyn Pipeline {
    Registry::default().find(name).unwrap()
}

/// The form of `lifetime-value`: event_time, customer, orders, spent; a customer and the number of orders are the key.
fn form() -> AnswerForm {
    let kinds = [CellKind::Time, CellKind::Name, CellKind::Plain, CellKind::Amount];
    let times = TimeReading::new(None, None).unwrap();
    AnswerForm::new(pipeline("lifetime-value"), &kinds, &["customer", "orders"], &[], times)
}

fn row(customer: &str, orders: &str, spent: &str) -> AnswerRow {
    form().row(&["2026-01-05T10:00:00Z", customer, orders, spent]).unwrap()
}

fn given(rows: &[AnswerRow]) -> GivenAnswers {
    let rows = rows.iter().zip(2..).map(|(row, line)| GivenRow { line, row: row.clone() }).collect();
    GivenAnswers { rows, ..GivenAnswers::default() }
}

/// The kinds of what differs, in their order.
fn kinds(found: &Findings) -> Vec<&'static str> {
    found.deviations.iter().map(|deviation| deviation.kind.name()).collect()
}

#[test]
fn texts_that_mean_the_same_are_equal() {
    let form = form();
    let ours = form.row(&["2026-01-05T10:00:00.000Z", "7", "2", "1203.500"]).unwrap();
    for theirs in [
        ["2026-01-05 10:00:00", "7", "2", "1203.5"],
        ["2026-01-05T11:00:00+01:00", "7.0", "2.0", "1.2035e3"],
        ["2026-01-05 10:00:00.000 UTC", "7", " 2", "01203.50 "],
    ] {
        assert_eq!(form.row(&theirs).unwrap(), ours, "{theirs:?}");
    }
    for theirs in [
        ["2026-01-05 10:00:00.001", "7", "2", "1203.5"],
        ["2026-01-05 10:00:00", "07", "2", "1203.5"],
        ["2026-01-05 10:00:00", "7", "", "1203.5"],
        ["2026-01-05 10:00:00", "7", "2", "1203.501"],
    ] {
        assert_ne!(form.row(&theirs).unwrap(), ours, "{theirs:?}");
    }
    let wrong = form.row(&["noon", "7", "2", "1"]).unwrap_err();
    assert!(
        wrong.column == 0 && wrong.reason.contains("'noon' is not a time") && wrong.reason.contains("--time-format")
    );
    assert_eq!(
        form.row(&["", "7", "2", "ten"]).unwrap_err(),
        WrongCell { column: 3, reason: "'ten' is not a number".to_owned() }
    );
    // Cells that are told apart by where they end, not by what is between them.
    assert_ne!(row("12", "3", "4"), row("1", "23", "4"));
    assert_eq!((form.names().count(), form.key_names().collect::<Vec<_>>()), (4, vec!["customer", "orders"]));
}

#[test]
fn each_kind_of_deviation_is_told() {
    let due = [row("1", "1", "5"), row("1", "2", "9"), row("2", "1", "4"), row("3", "1", "8")];
    let found = |rows: &[AnswerRow]| Findings::new(&form(), &due, None, &given(rows));
    assert!(found(&due).is_exact() && found(&[&due[2..], &due[..2]].concat()).is_exact());
    assert_eq!(kinds(&found(&due[1..])), ["missing"]);
    assert_eq!(kinds(&found(&[&due[..], &due[..1]].concat())), ["duplicated"]);
    assert_eq!(kinds(&found(&[&due[..], &[row("1", "1", "6")]].concat())), ["duplicated"]);
    assert_eq!(kinds(&found(&[&due[..], &[row("9", "1", "6")]].concat())), ["spurious"]);
    let wrong = found(&[&due[..3], &[row("3", "1", "8.5")]].concat());
    assert_eq!(kinds(&wrong), ["wrong"]);
    let deviation = &wrong.deviations[0];
    assert_eq!((deviation.due.as_ref(), deviation.given.as_ref().unwrap().line), (Some(&due[3]), 5));
    assert_eq!((wrong.due, wrong.given, wrong.count(DeviationKind::Wrong)), (4, 4, 1));
}

#[test]
fn an_answer_that_only_late_events_make_true_is_late_but_answered() {
    let truth = [row("1", "1", "5"), row("2", "1", "4"), row("2", "2", "7")];
    let due = [row("1", "1", "5"), row("2", "1", "3")];
    let found = |rows: &[AnswerRow]| Findings::new(&form(), &due, Some(&truth), &given(rows));
    assert!(found(&due).is_exact());
    let late = found(&truth);
    assert_eq!(kinds(&late), ["late_but_answered"; 2]);
    // One of them stands in place of an answer that is due, which is then not missing as well.
    assert_eq!(late.deviations.iter().filter_map(|one| one.due.clone()).collect::<Vec<_>>(), [row("2", "1", "3")]);
    assert_eq!(kinds(&found(&[row("1", "1", "5"), row("2", "1", "6")])), ["wrong"]);
}

#[test]
fn deviations_add_up_to_those_of_accuracy() {
    let mut draws = Draws(7);
    for _ in 0..300 {
        let answers = |draws: &mut Draws| -> Vec<(u64, u64)> {
            (0..draws.below(12)).map(|_| (draws.below(4), draws.below(3))).collect()
        };
        let (due, got) = (answers(&mut draws), answers(&mut draws));
        let rows = |answers: &[(u64, u64)]| -> Vec<AnswerRow> {
            answers.iter().map(|(key, value)| row(&key.to_string(), "1", &value.to_string())).collect()
        };
        let prints = |answers: &[(u64, u64)]| -> Vec<(u64, u128)> {
            answers.iter().map(|(key, value)| (*key, u128::from(key * 100 + value))).collect()
        };
        let found = Findings::new(&form(), &rows(&due), None, &given(&rows(&got)));
        let difference = compare_by_subject(&mut prints(&due), &mut prints(&got));
        let count = |kind| found.count(kind) as u64;
        assert_eq!(count(DeviationKind::Missing), difference.missing, "{due:?} {got:?}");
        assert_eq!(count(DeviationKind::Wrong), difference.wrong, "{due:?} {got:?}");
        let too_many = count(DeviationKind::Spurious) + count(DeviationKind::Duplicated);
        assert_eq!(too_many, difference.spurious, "{due:?} {got:?}");
        assert_eq!(found.is_exact(), difference.is_exact());
    }
}

/// What a changelog leaves, as operations and values of one customer: lines that stay, and lines that are overdrawn.
fn left(changes: &[(&str, &str)]) -> (Vec<u64>, Vec<u64>, bool) {
    let mut changelog = Changelog::default();
    for ((operation, value), line) in changes.iter().zip(1..) {
        changelog.push(GivenRow { line, row: row("1", "1", value) }, operation.parse().unwrap());
    }
    let lines = |rows: &[GivenRow]| rows.iter().map(|given| given.line).collect();
    let answers = changelog.finish(&form());
    (lines(&answers.rows), lines(&answers.overdrawn), answers.is_upsert)
}

#[test]
fn a_changelog_leaves_what_was_not_taken_back() {
    assert_eq!(left(&[("+I", "1"), ("-U", "1"), ("+U", "2")]), (vec![3], vec![], false));
    assert_eq!(
        left(&[("+", "1"), ("+1", "1"), ("-", "1.0"), ("insert", "2"), ("delete", "2")]),
        (vec![2], vec![], false)
    );
    assert_eq!(left(&[("-D", "1"), ("+2", "1")]), (vec![2], vec![], false));
    assert_eq!(left(&[("+I", "1"), ("-D", "2")]), (vec![1], vec![2], false));
    assert_eq!(left(&[("+I", "1"), ("-D", "1"), ("-D", "1")]), (vec![], vec![3], false));
    // Updates without what they replace.
    assert_eq!(left(&[("+I", "1"), ("+U", "2"), ("+U", "3")]), (vec![3], vec![], true));
    assert_eq!(left(&[("+I", "1"), ("+U", "2"), ("-D", "2")]), (vec![], vec![], true));
    assert!("1001".parse::<Operation>().unwrap_err().contains("more than 1000 times"));
    assert!("c".parse::<Operation>().unwrap_err().contains("'c' is no operation; write +, -"));
}

#[test]
fn what_is_due_for_a_slack_are_the_answers_without_late_events() {
    let mut trace = Trace::default();
    for (id, minute, customer) in [(1, 10, 7), (2, 30, 8), (3, 5, 7), (4, 29, 7)] {
        let mut record = Record::new(id, Kind::OrderPlaced, minute * 60_000);
        record.customer = trace.symbols.id(&customer.to_string()).unwrap();
        record.value = Value::parse("2.5");
        trace.events.push(record.try_into().unwrap());
    }
    let request = ReplayRequest::new(pipeline("lifetime-value"), &[], RunConfig::plain(Strategy::SEQUENTIAL));
    let due = DueAnswers::new(&request, &trace).unwrap();
    let form = due.form(request.pipeline, &["event_time".to_owned()], TimeReading::new(None, None).unwrap());
    let cells = |answers: &dyn Answers| -> Vec<String> {
        due.rows(answers, &form).iter().map(|row| row.cells().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(form.names().collect::<Vec<_>>(), ["customer", "orders", "spent"]);
    assert_eq!(cells(due.truth()), ["7 1 2.5", "7 2 5", "7 3 7.5", "8 1 2.5"]);
    assert_eq!(cells(&*due.for_slack(60_000)), ["7 1 2.5", "7 2 5", "8 1 2.5"]);
    assert_eq!(cells(&*due.for_slack(0)), ["7 1 2.5", "8 1 2.5"]);
    let late: Vec<_> =
        DueAnswers::late_events(&trace, 60_000).into_iter().map(|(number, _, at)| (number, at)).collect();
    assert_eq!(late, [(3, 29 * 60_000)]);
}
