//! What SQL says is what the stages do, at the boundaries and where values are absent, too.

use super::{definition_of, described};
use crate::catalogue::tests::parse;
use crate::oracle;
use crate::pipeline::Pipeline;
use crate::plan::FilePipeline;

/// Queries, and the stages that they are.
const SAME: [(&str, &str); 17] = [
    (
        "SELECT \"order\", value FROM events WHERE kind = 'order_placed' AND value > 500;",
        "filter = 'kind == \"order_placed\" && value > 500'\n[[stage]]\nemit = ['order', 'value']",
    ),
    (
        "select event_time, CUSTOMER as \"Who\" from Events as e where country not in ('GB', 'FR')",
        "filter = '!(country in [\"GB\", \"FR\"])'\n[[stage]]\nemit = ['Who = customer']",
    ),
    (
        "SELECT customer FROM events WHERE value BETWEEN 1 AND 2.5 OR rating IS NULL",
        "filter = 'value >= 1 && value <= 2.5 || !has(rating)'\n[[stage]]\nemit = ['customer']",
    ),
    (
        "SELECT customer FROM events WHERE value NOT BETWEEN 1 AND 2 AND NOT kind <> 'order_placed'",
        "filter = '!(value >= 1 && value <= 2) && !(kind != \"order_placed\")'\n[[stage]]\nemit = ['customer']",
    ),
    (
        "SELECT value * 2 - 0.5 AS v, rating / 2 % 3 AS r, -rating AS m FROM events",
        "emit = ['v = value * 2 - 0.5', 'r = rating / 2 % 3', 'm = -rating']",
    ),
    (
        "SELECT event_time + INTERVAL '90' MINUTE AS t FROM events WHERE load_time > INTERVAL '2500' MILLISECOND AND arrival_time < TIMESTAMPTZ '2026-01-01T00:00:00Z'",
        "filter = 'load_time > duration(\"2500ms\") && arrival_time < timestamp(\"2026-01-01T00:00:00Z\")'\n[[stage]]\nemit = ['t = event_time + duration(\"90min\")']",
    ),
    // Unknown is not true, and CASE goes on.
    (
        "SELECT CASE WHEN value > 5 THEN 'high' WHEN kind = 'order_placed' THEN 'low' ELSE 'none' END AS band FROM events",
        "emit = ['band = has(value > 5) && value > 5 ? \"high\" : kind == \"order_placed\" ? \"low\" : \"none\"']",
    ),
    (
        "SELECT CASE WHEN value > 5 THEN 'high' WHEN NOT value > 5 THEN 'low' END AS band FROM events",
        "emit = ['band = value > 5 ? \"high\" : \"low\"']",
    ),
    ("SELECT coalesce(value, 0) AS v FROM events", "emit = ['v = has(value) ? value : 0']"),
    (
        "SELECT concat('{', \"order\", '}-', strftime(event_time, '%H:%M'), CAST(event_time AT TIME ZONE 'UTC' AS DATE)) AS t FROM events",
        "map = ['d = day(event_time)']\n[[stage]]\nemit = ['t = format(\"{{{order}}}-{event_time:%H:%M}{d}\")']",
    ),
    (
        "SELECT customer, double FROM (SELECT *, value * 2 AS double FROM events) WHERE double > 5",
        "map = ['double = value * 2']\n[[stage]]\nfilter = 'double > 5'\n[[stage]]\nemit = ['customer', 'double']",
    ),
    // RANGE counts both of its ends.
    (
        "SELECT customer, count(*) OVER (PARTITION BY customer ORDER BY event_time, event_id RANGE BETWEEN INTERVAL '7' DAY PRECEDING AND CURRENT ROW) AS n FROM events WHERE customer IS NOT NULL",
        "key = ['customer']\n[[stage]]\ncount_in = '604800001ms'\n[[stage]]\nemit = ['customer', 'n']",
    ),
    (
        "SELECT customer, count(*) OVER (PARTITION BY customer ORDER BY event_time, event_id RANGE INTERVAL '7 days' - INTERVAL '1' MILLISECOND PRECEDING) AS n FROM events WHERE customer = '7'",
        "filter = 'customer == \"7\"'\n[[stage]]\nkey = ['customer']\n[[stage]]\ncount_in = '7d'\n[[stage]]\nemit = ['customer', 'n']",
    ),
    (
        "SELECT customer, orders, spent FROM (SELECT *, count(*) OVER (PARTITION BY customer ORDER BY event_time, event_id) AS orders, coalesce(sum(value) OVER (PARTITION BY customer ORDER BY event_time, event_id ROWS UNBOUNDED PRECEDING), 0) AS spent FROM events WHERE customer IS NOT NULL) AS so_far WHERE orders > 2",
        "key = ['customer']\n[[stage]]\nrunning = ['orders = count()', 'spent = sum(value)']\n[[stage]]\nfilter = 'orders > 2'\n[[stage]]\nemit = ['customer', 'orders', 'spent']",
    ),
    (
        "SELECT day, country, COUNT(*) AS orders, sum(value) AS revenue FROM events WHERE value > 0 AND country IS NOT NULL GROUP BY country, TUMBLE(event_time, INTERVAL '1' DAY, 'Europe/London') HAVING orders > 1 AND max(value) > 5",
        "filter = 'value > 0'\n[[stage]]\nkey = ['country']\n[[stage]]\ntumble = 'day'\ntimezone = 'Europe/London'\ncompute = ['orders = count()', 'revenue = sum(value)', 'm = max(value)']\n[[stage]]\nfilter = 'orders > 1 && m > 5'\n[[stage]]\nemit = ['day', 'country', 'orders', 'revenue']",
    ),
    (
        "SELECT window_end AS event_time, CASE WHEN kind = 'order_placed' THEN 1 ELSE 0 END AS is_order, count(*) AS n FROM events GROUP BY is_order, HOP(event_time, INTERVAL '10' MINUTE, INTERVAL '1' HOUR)",
        "key = ['is_order = kind == \"order_placed\" ? 1 : 0']\n[[stage]]\nhop = '1h'\nslide = '10min'\ncompute = ['n = count()']\n[[stage]]\nemit = ['is_order', 'n']",
    ),
    (
        "SELECT session_end AS event_time, customer, count(*) AS n, last(\"order\" ORDER BY event_time, event_id) AS latest FROM events WHERE customer IS NOT NULL GROUP BY customer, SESSION(event_time, INTERVAL '30' MINUTE)",
        "key = ['customer']\n[[stage]]\nsession = '30min'\ncompute = ['n = count()', 'latest = last(order)']\n[[stage]]\nemit = ['customer', 'n', 'latest']",
    ),
];

#[test]
fn queries_are_the_stages_that_they_say() {
    for (sql, stages) in SAME {
        let from_sql = described(&definition_of("x.sql", sql)).unwrap_or_else(|| panic!("{sql}"));
        let from_toml = described(&definition_of("x.toml", &format!("[[stage]]\n{stages}"))).unwrap();
        assert_eq!(from_sql, from_toml, "{sql}");
    }
}

/// A query, and the answers it gives to a few events.
#[track_caller]
fn answers(sql: &str, settings: &[&str], events: &str, expected: &[&str]) {
    let trace = parse(events);
    let file = FilePipeline::parse("test.sql", sql).unwrap_or_else(|problems| panic!("{problems}"));
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let bound = file.prepare(&settings, &trace.symbols).unwrap();
    assert_eq!(bound.oracle(&oracle::occurrences(&trace.events)).lines(&trace.symbols), expected);
}

const ORDERS: &str = "
    order_placed 2026-01-01T00:10:00 o=1 c=7 v=5 country=GB
    order_placed 2026-01-01T00:10:00 o=2 c=7 v=3 country=FR
    order_placed 2026-01-01T01:10:00 o=3 c=7
    order_placed 2026-01-01T01:10:00.001 o=4 v=9";

#[test]
fn range_counts_both_its_ends_and_the_stage_only_one() {
    let query = |bound: &str| {
        format!(
            "--! [parameters]\n--! span = {{ type = \"duration\", default = \"2h\" }}\n\
             SELECT \"order\", count(*) OVER (PARTITION BY customer ORDER BY event_time, event_id \
             RANGE BETWEEN {bound} PRECEDING AND CURRENT ROW) AS n FROM events WHERE customer IS NOT NULL"
        )
    };
    let (first, second) = ("2026-01-01T00:10:00.000Z,1,1", "2026-01-01T00:10:00.000Z,2,2");
    answers(&query("INTERVAL '1' HOUR"), &[], ORDERS, &[first, second, "2026-01-01T01:10:00.000Z,3,3"]);
    let open = query("INTERVAL '1' HOUR - INTERVAL '1' MILLISECOND");
    answers(&open, &[], ORDERS, &[first, second, "2026-01-01T01:10:00.000Z,3,1"]);
    let set = query("$span - INTERVAL '1' MILLISECOND");
    answers(&set, &["span=1h"], ORDERS, &[first, second, "2026-01-01T01:10:00.000Z,3,1"]);
    answers(&set, &[], ORDERS, &[first, second, "2026-01-01T01:10:00.000Z,3,3"]);
}

#[test]
fn what_is_unknown_is_not_true_and_case_goes_on() {
    answers(
        "SELECT \"order\", CASE WHEN value > 4 THEN 'high' ELSE 'other' END AS band, coalesce(value, 0) AS v \
         FROM events WHERE NOT country = 'GB' OR value IS NULL",
        &[],
        ORDERS,
        &["2026-01-01T00:10:00.000Z,2,other,3.000", "2026-01-01T01:10:00.000Z,3,other,0.000"],
    );
}

#[test]
fn groups_have_what_their_window_has() {
    answers(
        "--! question = \"Who ordered in an hour?\"\n\
         SELECT customer, coalesce(sum(value), 0) AS spent, count(*) AS n, count(value) AS valued\n\
         FROM events\nWHERE customer IS NOT NULL\nGROUP BY customer, TUMBLE(event_time, INTERVAL '1' HOUR)",
        &[],
        ORDERS,
        &["2026-01-01T01:00:00.000Z,7,8.000,2,2", "2026-01-01T02:00:00.000Z,7,0.000,1,0"],
    );
    let file =
        FilePipeline::parse("x.sql", "SELECT count(*) AS n FROM events GROUP BY TUMBLE(event_time, INTERVAL '1' DAY)");
    let about = file.unwrap().about();
    assert_eq!((about.columns, about.state), (&["n"][..], "per window of 1d: count(*); needed until it ends"));
}
