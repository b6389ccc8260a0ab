//! What is wrong, and what no stage does, is named with its place and what would do it.

use crate::plan::FilePipeline;

/// A query around a condition.
macro_rules! with_condition {
    ($condition:literal) => {
        concat!("SELECT customer FROM events WHERE ", $condition)
    };
}

/// A query around what stands behind OVER.
macro_rules! with_over {
    ($aggregate:literal, $over:literal) => {
        concat!("SELECT customer, ", $aggregate, " OVER (", $over, ") AS n FROM events WHERE customer IS NOT NULL")
    };
}

/// Queries that are broken, each with a piece of the place and message that is said of it.
const BROKEN: &[(&str, &str)] = &[
    ("", "x.sql: there is no query; write SELECT"),
    ("-- nothing\n", "there is no query"),
    ("SELEC customer FROM events", "line 1, column 1: expected: SELECT"),
    ("SELECT order FROM events", "line 1, column 8: "),
    ("SELECT customer FROM events WHERE", "line 1, column 33: expected: an expression"),
    ("SELECT customer\nFROM events\nWHERE value >> 5", "line 3, column 7: there is no operator '>>'"),
    ("SELECT 'a FROM events", "line 1, column 8: unterminated string literal"),
    (
        "SELECT customer, order FROM events",
        "line 1, column 18: the query ends before 'order', which cannot stand here; write \"order\"",
    ),
    (
        "SELECT customer FROM events WHERE value > 1 WHERE value < 9",
        "line 1, column 45: the query ends before 'WHERE', which cannot stand here; write AND",
    ),
    ("SELECT customer FROM events; SELECT 1", "line 1, column 30: the query ends before 'SELECT'"),
    ("SELECT customer FROM orders", "line 1, column 22: there is no table 'orders'; write FROM events"),
    ("SELECT customer", "a query has a source; write FROM events"),
    ("SELECT * FROM events", "line 1, column 8: answers have 1 to 6 columns; write their names"),
    ("SELECT value * 2 FROM events", "line 1, column 8: this has no name; write AS name"),
    ("SELECT e.customer FROM events e", "line 1, column 8: columns have no table before them"),
    ("SELECT DISTINCT customer FROM events", "line 1, column 8: DISTINCT would have to remember every answer"),
    (
        "SELECT customer FROM events LIMIT 10",
        "line 1, column 29: a stream of answers has no end; write the stage top_k",
    ),
    (
        "SELECT customer FROM events ORDER BY value",
        "line 1, column 29: answers have no order of their own; write top_k",
    ),
    ("SELECT TOP 5 customer FROM events", "line 1, column 8: TOP is the stage top_k"),
    ("SELECT customer FROM events UNION SELECT customer FROM events", "line 1, column 29: a pipeline has one source"),
    (
        "WITH a AS (SELECT 1) SELECT customer FROM events",
        "line 1, column 1: WITH names queries; write the one query in FROM",
    ),
    ("SELECT customer FROM events JOIN events AS b ON TRUE", "line 1, column 29: JOIN would be a stage 'match'"),
    (
        "SELECT customer FROM events, events",
        "line 1, column 17: a pipeline has one source; write the stages absence or",
    ),
    (with_condition!("EXISTS (SELECT 1 FROM events)"), "a subquery cannot stand here; write a stage absence"),
    (with_condition!("customer IN (SELECT customer FROM events)"), "column 35: a subquery cannot stand here"),
    (with_condition!("value > (SELECT 1)"), "a subquery cannot stand here"),
    (with_condition!("country LIKE 'G%'"), "column 35: texts are compared as a whole; write = or IN"),
    (with_condition!("country IS DISTINCT FROM 'GB'"), "there is no IS DISTINCT FROM"),
    (with_condition!("(value > 5) IS TRUE"), "there is no IS TRUE"),
    (with_condition!("country = NULL"), "column 45: NULL is no value here; write IS NULL"),
    (with_condition!("valeu > 5"), "column 35: there is no name 'valeu'; did you mean 'value'?"),
    (
        with_condition!("kind = 'ordr_placed'"),
        "column 42: 'ordr_placed' is not a kind of events; did you mean 'order_placed'?",
    ),
    (with_condition!("country < 'GB'"), "is not above or below another; write = or <>"),
    (with_condition!("country = ''"), "write x IS NOT NULL, or x IS NULL for what is absent"),
    (with_condition!("load_time > 5"), "never compared; write INTERVAL '3' SECOND"),
    (
        with_condition!("event_time > '2026-01-01T00:00:00Z'"),
        "'2026-01-01T00:00:00Z' is not a time; write TIMESTAMPTZ '2026-01-01T00:00:00Z'",
    ),
    (with_condition!("event_time > TIMESTAMP '2026-01-01'"), "the only typed text is a time; write TIMESTAMPTZ"),
    (with_condition!("event_time > now()"), "column 48: answers do not depend on the clock"),
    (with_condition!("load_time > INTERVAL '1' MONTH"), "months and years have no fixed length"),
    (with_condition!("load_time > INTERVAL '1.5' HOUR"), "this interval is not understood; write INTERVAL '7' DAY"),
    (with_condition!("value > $threshold"), "column 43: there is no parameter '$threshold'; write --! [parameters]"),
    (with_condition!("value > 1e3"), "column 43: '1e3' is not a number here"),
    (with_condition!("lower(country) = 'gb'"), "column 35: there is no function 'lower'"),
    (with_condition!("count(*) > 1"), "column 35: an aggregate"),
    ("SELECT value::INT AS v FROM events", "only days are cast"),
    ("SELECT CAST(event_time AS DATE) AS d FROM events", "the day of a time depends on the zone"),
    (
        "SELECT country || '-' AS c FROM events",
        "|| is NULL if one side is, and a text of cells is not; write concat(...)",
    ),
    (
        "SELECT CASE WHEN value > 5 THEN 1 END AS c FROM events",
        "column 8: without ELSE this is NULL, which no stage can say",
    ),
    ("SELECT CASE kind WHEN 'order_placed' THEN 1 ELSE 0 END AS c FROM events", "CASE stands alone; write CASE WHEN"),
    ("SELECT count(*) AS n FROM events", "column 8: an aggregate needs a window; write GROUP BY customer, TUMBLE"),
    (
        "SELECT customer, count(*) AS n FROM events WHERE customer IS NOT NULL GROUP BY customer",
        "groups without a window never end; write TUMBLE",
    ),
    (
        "SELECT customer, count(*) AS n FROM events GROUP BY customer, TUMBLE(event_time, INTERVAL '1' DAY)",
        "column 53: SQL makes a group of what has no customer, and the stage leaves it out; write WHERE customer IS NOT NULL",
    ),
    (
        "SELECT country, count(*) AS n FROM events WHERE value > 1 GROUP BY country, TUMBLE(event_time, INTERVAL '1' DAY)",
        "the stage leaves it out; write AND country IS NOT NULL",
    ),
    (
        "SELECT day, count(*) AS n FROM events GROUP BY country, day, TUMBLE(event_time, INTERVAL '1' DAY)",
        "no country, and the stage leaves it out; write WHERE country IS NOT NULL",
    ),
    (
        "SELECT day, count(*) AS n FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' DAY)",
        "there is no name 'day'; windows of calendar days have it: write TUMBLE(event_time, INTERVAL '1' DAY, 'UTC')",
    ),
    (
        "SELECT sum(value) AS s FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' DAY)",
        "column 8: the sum of nothing is NULL in SQL, and 0 in the stage; write coalesce(sum(value), 0)",
    ),
    (
        "SELECT count(DISTINCT customer) AS n FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' DAY)",
        "no stage counts different values",
    ),
    (
        "SELECT count(*) FILTER (WHERE value > 1) AS n FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' DAY)",
        "there is no FILTER; write sum(CASE",
    ),
    (
        "SELECT avg(value) AS n FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' DAY)",
        "nothing is rounded; write sum(x) and count(x) as columns",
    ),
    (
        "SELECT last(value) AS n FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' DAY)",
        "write last(x ORDER BY event_time, event_id)",
    ),
    ("SELECT TUMBLE_START(event_time, INTERVAL '1' DAY) AS n FROM events", "write window_start"),
    (
        "SELECT count(*) AS n FROM events GROUP BY TUMBLE(arrival_time, INTERVAL '1' DAY)",
        "windows are of the event time",
    ),
    (
        "SELECT count(*) AS n FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' HOUR, 'UTC')",
        "only a day has a time zone",
    ),
    (
        "SELECT count(*) AS n FROM events GROUP BY HOP(event_time, INTERVAL '1' HOUR, INTERVAL '10' MINUTE)",
        "a window is 1 to 1000 times its slide",
    ),
    ("SELECT count(*) AS n FROM events GROUP BY SESSION(event_time, INTERVAL '1' HOUR)", "a session needs a key"),
    (
        "SELECT n FROM (SELECT count(*) AS n FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' DAY))",
        "GROUP BY stands in the outermost query; write HAVING",
    ),
    ("SELECT customer FROM (SELECT customer FROM events)", "a query in FROM keeps all columns; write SELECT *"),
    ("SELECT customer FROM events HAVING TRUE", "HAVING stands behind GROUP BY"),
    (
        with_over!("row_number()", "PARTITION BY customer ORDER BY event_time, event_id"),
        "column 18: ranks are given by the stage top_k",
    ),
    (
        with_over!("lag(value)", "PARTITION BY customer ORDER BY event_time, event_id"),
        "neighbours are compared by the stage sequence",
    ),
    (with_over!("count(*)", "ORDER BY event_time, event_id"), "OVER needs a key; write PARTITION BY customer"),
    (
        with_over!("count(*)", "PARTITION BY customer ORDER BY event_time"),
        "of events in one millisecond, SQL would count each at the other; write ORDER BY event_time, event_id",
    ),
    (
        with_over!("count(*)", "PARTITION BY customer ORDER BY event_time DESC, event_id"),
        "events are taken in one order",
    ),
    (
        with_over!("count(*)", "PARTITION BY customer ORDER BY event_time, event_id ROWS 5 PRECEDING"),
        "no stage goes back by a number of rows",
    ),
    (
        with_over!(
            "max(value)",
            "PARTITION BY customer ORDER BY event_time, event_id RANGE INTERVAL '1' DAY PRECEDING"
        ),
        "only events are counted within a time; write count(*) for max",
    ),
    (
        with_over!(
            "count(*)",
            "PARTITION BY customer ORDER BY event_time, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
        ),
        "a window ends with the event itself",
    ),
    (
        "--! [parameters]\n--! w = { type = \"duration\", default = \"1d\" }\nSELECT count(*) OVER (PARTITION BY kind ORDER BY event_time, event_id RANGE $w PRECEDING) AS n FROM events",
        "RANGE counts an event exactly $w ago, and the stage does not; write $w - INTERVAL '1' MILLISECOND PRECEDING",
    ),
    (
        "--! [parameters]\n--! w = { type = \"duration\", default = \"1d\" }\nSELECT customer FROM events WHERE load_time > w",
        "line 3, column 47: 'w' is a parameter; write $w",
    ),
    (
        "--! [parameters]\n--! w = { type = \"time span\", default = \"1d\" }\nSELECT customer FROM events",
        "line 2, column 18: there is no type 'time span'",
    ),
    (
        "--! qestion = \"x\"\nSELECT customer FROM events",
        "line 1, column 5: the header of a pipeline has no key 'qestion'; did you mean 'question'?",
    ),
    ("SELECT customer\n--! question = \"x\"\nFROM events", "line 2, column 1: the header stands before the query"),
];

#[test]
fn an_error_names_the_place_and_what_would_do_it() {
    assert!(BROKEN.len() >= 60);
    let mut wrong = Vec::new();
    for (text, message) in BROKEN {
        let problems = FilePipeline::parse("x.sql", text).err().unwrap_or_else(|| panic!("nothing is wrong:\n{text}"));
        if !problems.to_string().contains(message) {
            wrong.push(format!("{text}\nsays: {problems}\nnot: {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn all_problems_of_a_query_are_said_at_once() {
    let text =
        "SELECT DISTINCT customer,\n  ratign AS r\nFROM events\nWHERE country LIKE 'G%' AND value IN (NULL)\nLIMIT 5";
    let problems = FilePipeline::parse("x.sql", text).err().unwrap();
    let places: Vec<(usize, usize)> = problems
        .list()
        .iter()
        .map(|problem| problem.source.line_and_column(problem.place.clone().unwrap().start))
        .collect();
    assert_eq!(places, [(1, 8), (4, 7), (4, 39), (5, 1)]);
    let text = "SELECT ratign AS r, customr FROM events WHERE valeu > 1 AND kind = 'x'";
    let problems = FilePipeline::parse("x.sql", text).err().unwrap();
    assert_eq!(problems.list().len(), 4, "{problems}");
}
