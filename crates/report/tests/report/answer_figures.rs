//! Figures of answers: which numbers are drawn of which columns.

use flowbench_measurement::record::{FigureKind, FigureSpec};
use flowbench_report::{
    AnswersFigure, AnswersTable, ExternalSeries, answers_figures, check_figure, draw, drawn_along, what_if,
};

use crate::synthetic::Synthetic;

fn table(rows: &str) -> AnswersTable {
    AnswersTable::read("a.csv", rows).unwrap()
}

fn figures(rows: &str) -> Vec<AnswersFigure> {
    answers_figures(&table(rows), "What?", &[]).unwrap()
}

/// The drawn numbers over event time.
fn drawn(rows: &str) -> String {
    figures(rows).remove(0).csv()
}

/// The drawn numbers along a column.
fn drawn_by(along: &str, rows: &str) -> String {
    figures(rows).into_iter().find(|figure| figure.along == along).unwrap().csv()
}

const CONVERSIONS: &str = "event_time,hour,band,views,conversions\n\
    2026-01-05T11:00:00.000Z,2026-01-05T10:00:00.000Z,good,80,8\n\
    2026-01-05T11:00:00.000Z,2026-01-05T10:00:00.000Z,poor,20,0\n\
    2026-01-05T13:00:00.000Z,2026-01-05T12:00:00.000Z,good,40,4\n";

#[test]
fn views_are_columns_and_the_conversion_rate_is_a_line() {
    let expected = "series,event_time_unix_ms,y_count,low_count,high_count,y_share,low_share,high_share\n\
        good,1767607200000,80,80,80,,,\ngood,1767610800000,0,0,0,,,\ngood,1767614400000,40,40,40,,,\n\
        needs-improvement,1767607200000,0,0,0,,,\nneeds-improvement,1767610800000,0,0,0,,,\n\
        needs-improvement,1767614400000,0,0,0,,,\n\
        poor,1767607200000,20,20,20,,,\npoor,1767610800000,0,0,0,,,\npoor,1767614400000,0,0,0,,,\n\
        conversion rate,1767607200000,,,,0.08,0.08,0.08\nconversion rate,1767614400000,,,,0.1,0.1,0.1\n\
        good: conversion rate,1767607200000,,,,0.1,0.1,0.1\n\
        good: conversion rate,1767614400000,,,,0.1,0.1,0.1\n\
        poor: conversion rate,1767607200000,,,,0,0,0\n";
    assert_eq!(drawn(CONVERSIONS), expected);
    let expected = "series,band,y_count,low_count,high_count,y_share,low_share,high_share\n\
        page views,good,120,120,120,,,\npage views,poor,20,20,20,,,\n\
        conversion rate,good,,,,0.1,0.1,0.1\nconversion rate,poor,,,,0,0,0\n";
    assert_eq!(drawn_by("band", CONVERSIONS), expected);
    assert!(what_if(&table(CONVERSIONS)).is_none(), "no view needs improvement");
    assert_eq!(drawn_along(&["hour", "band", "views", "conversions"]), ["band"]);
}

#[test]
fn a_day_has_its_orders_and_their_total() {
    let rows = "event_time,day,orders,total\n2026-01-06T00:00:00.000Z,2026-01-05,19,1838.735\n\
                2026-01-08T00:00:00.000Z,2026-01-07,2,-10.000\n";
    let expected = "series,event_time_unix_ms,y_count,low_count,high_count\n\
        orders,1767571200000,19,19,19\norders,1767657600000,0,0,0\norders,1767744000000,2,2,2\n\
        total value,1767571200000,1838.735,1838.735,1838.735\ntotal value,1767657600000,0,0,0\n\
        total value,1767744000000,-10,-10,-10\n";
    assert_eq!(drawn(rows), expected);
}

#[test]
fn answers_of_ones_own_are_counted_and_their_amounts_are_summed() {
    let rows = "event_time,till,items,shop_id,delay_ms\n2026-01-05T10:00:00Z,a,3,7,10\n2026-01-05T10:00:00Z,b,4,7,20\n";
    let expected = "series,event_time_unix_ms,y_count,low_count,high_count,y_ms,low_ms,high_ms\n\
        answers,1767607200000,2,2,2,,,\n\"items, sum\",1767607200000,7,7,7,,,\n\
        \"delay, median\",1767607200000,,,,15,11,19\n";
    assert_eq!(drawn(rows), expected);
}

#[test]
fn stages_stand_from_the_first_on() {
    let rows = "event_time,customer,stage,since_start_ms\n2026-01-05T10:00:00Z,1,order_placed,5000\n\
                2026-01-05T10:00:00Z,1,page_viewed,0\n2026-01-05T10:00:00Z,1,info_downloaded,1000\n\
                2026-01-05T10:00:00Z,2,info_downloaded,3000\n2026-01-05T10:00:00Z,2,page_viewed,0\n";
    let by_stage = drawn_by("stage", rows);
    let reached: Vec<&str> = by_stage.lines().filter(|line| line.starts_with("reached")).collect();
    assert_eq!(
        reached,
        ["reached,page_viewed,2,2,2,,,", "reached,info_downloaded,2,2,2,,,", "reached,order_placed,1,1,1,,,"]
    );
    assert!(by_stage.contains("\"time since the start, median\",info_downloaded,,,,2000,1200,2800\n"), "{by_stage}");
}

#[test]
fn a_window_is_shown_as_it_is_and_leading_products_first() {
    let mut rows = "event_time,window_start,rank,product,views\n".to_owned();
    for (window, ranked) in [("10:00", ["b", "a"]), ("10:10", ["b", "c"])] {
        for (rank, product) in (1..).zip(ranked) {
            rows.push_str(&format!("2026-01-05T12:00:00Z,2026-01-05T{window}:00Z,{rank},{product},{}\n", 9 - rank));
        }
    }
    let drawn = drawn(&rows);
    let series: Vec<&str> = drawn.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(&series[..4], ["product b", "product b", "product a", "product c"]);
    assert_eq!(series.len(), 8, "views and ranks");
}

#[test]
fn classes_of_sessions_add_up() {
    let mut rows = "event_time,customer,start,end,events\n".to_owned();
    for (n, seconds) in [0, 5, 45, 59, 7200].into_iter().enumerate() {
        let end = format!("2026-01-05T{:02}:{:02}:{:02}Z", 10 + seconds / 3600, seconds / 60 % 60, seconds % 60);
        rows.push_str(&format!("{end},{n},2026-01-05T10:00:00Z,{end},{}\n", n + 1));
    }
    let by_length = drawn_by("length", &rows);
    let counted = |csv: &str| -> f64 {
        let sessions = csv.lines().filter(|line| line.starts_with("sessions,"));
        sessions.map(|line| line.split(',').nth(2).unwrap().parse::<f64>().unwrap()).sum()
    };
    assert!(by_length.contains("sessions,1 min,2,"), "{by_length}");
    assert_eq!((counted(&by_length), counted(&drawn_by("events", &rows))), (5.0, 5.0));
}

#[test]
fn the_same_answers_give_the_same_bytes_and_no_answers_a_reason() {
    let series = ExternalSeries::read("cpu.csv", "time,cpu_share\n2026-01-05T10:30:00Z,0.5\n").unwrap();
    let svg = || {
        answers_figures(&table(CONVERSIONS), "What?", std::slice::from_ref(&series)).unwrap()[0]
            .svg("3 answers")
            .replace('\u{a0}', " ")
    };
    assert_eq!(svg(), svg());
    assert!(svg().contains("3 answers") && svg().contains("CPU share"), "{}", svg());
    let empty = figures("event_time,hour,band,views,conversions\n");
    assert_eq!(empty.len(), 1);
    let svg = empty[0].svg("0 answers");
    assert!(svg.contains("Nothing to draw.") && svg.contains("a.csv has no answer."), "{svg}");
}

#[test]
fn a_bad_cell_is_named_by_file_line_and_column() {
    let error = |rows: &str| answers_figures(&table(rows), "What?", &[]).unwrap_err().to_string();
    assert_eq!(
        error(&CONVERSIONS.replace(",poor,20", ",slow,20")),
        "a.csv, line 3, column 'band': 'slow' is not good, needs-improvement or poor"
    );
    let days = "event_time,day,orders,total\n2026-01-06T00:00:00.000Z,5.1.2026,19,1\n";
    assert_eq!(error(days), "a.csv, line 2, column 'day': '5.1.2026' is not a day such as 2026-01-05");
}

#[test]
fn the_answers_of_a_part_are_a_figure_of_its_report() {
    let mut synthetic = Synthetic::full();
    let part = &mut synthetic.run.parts[0];
    let file = format!("answers-{}.csv", part.name);
    part.figures = ["", "band"]
        .map(|x| FigureSpec {
            question: "How do they go together?".to_owned(),
            x: x.to_owned(),
            ..FigureSpec::new(format!("seen{x}"), FigureKind::Answers)
        })
        .into();
    let dir = synthetic.written();
    let without = draw(dir.path()).unwrap();
    assert!(std::fs::read_to_string(dir.path().join("seen.svg")).unwrap().contains(&format!("{file} is not there")));
    std::fs::write(dir.path().join(&file), CONVERSIONS).unwrap();
    let drawn = draw(dir.path()).unwrap();
    assert!(drawn.problems.is_empty() && drawn.figures == without.figures, "{:?}", drawn.problems);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert!(
        read("seen.csv").starts_with("series,event_time_unix_ms") && read("seenband.csv").starts_with("series,band")
    );
    assert!(read("report.html").contains("How do they go together?"));
    std::fs::write(dir.path().join(&file), CONVERSIONS.replace(",80,8", ",eighty,8")).unwrap();
    let problems = draw(dir.path()).unwrap().problems;
    assert!(problems[0].to_string().contains(&format!("{file}, line 2, column 'views'")), "{problems:?}");
}

#[test]
fn a_figure_of_answers_goes_along_a_column_of_answers() {
    let spec = |x: &str| FigureSpec { x: x.to_owned(), ..FigureSpec::new("f", FigureKind::Answers) };
    assert!(check_figure(&spec("")).is_ok() && check_figure(&spec("band")).is_ok());
    let error = check_figure(&spec("bend")).unwrap_err().to_string();
    assert!(error.contains("`bend`") && error.contains("did you mean `band`?"), "{error}");
    let named = FigureSpec { y: vec!["views".to_owned()], ..spec("") };
    assert!(check_figure(&named).unwrap_err().to_string().contains("is empty for `answers`"));
}
