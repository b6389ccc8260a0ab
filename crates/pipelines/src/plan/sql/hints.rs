//! What is said of expressions, in the words of SQL.

use flowbench_events::{Problem, Problems};

use super::spelling::interval_text;

/// What the hints of expressions say to write, and what to write in SQL.
const SPELLINGS: [(&str, &str); 14] = [
    ("has(x), or !has(x) for what is absent", "x IS NOT NULL, or x IS NULL for what is absent"),
    ("has takes one name; write has(value)", "one name is needed here; write value IS NOT NULL"),
    ("write == or !=", "write = or <>"),
    ("write == and || for fields", "write = and OR for fields"),
    ("write x / duration(\"1ms\")", "write x / INTERVAL '1' MILLISECOND"),
    ("write tumble = \"day\"", "write TUMBLE(event_time, INTERVAL '1' DAY, 'UTC')"),
    ("write true or false without quotes", "write TRUE or FALSE without quotes"),
    ("write day(event_time)", "write CAST(event_time AT TIME ZONE 'UTC' AS DATE)"),
    ("on both sides of ':'", "behind THEN and ELSE"),
    ("write format(\"{order}-{customer}\")", "write concat(\"order\", '-', customer)"),
    (
        "format stands alone; write name = format(\"{order}-{customer}\") in map or emit",
        "concat is a column of its own; write concat(\"order\", '-', customer) AS name",
    ),
    ("write it alone in emit", "write it alone in SELECT"),
    ("emit is the last stage", "the columns come last"),
    (
        "a pipeline has one stage that computes; leave one of them out",
        "a query computes once; leave one OVER or GROUP BY out",
    ),
];

/// Returns problems with their hints in SQL.
pub(crate) fn in_sql(problems: Problems) -> Problems {
    problems.map(|problem| Problem { what: spelled(&problem.what), help: spelled(&problem.help), ..problem })
}

fn spelled(text: &str) -> String {
    let mut text = SPELLINGS.iter().fold(text.to_owned(), |text, (cel, sql)| text.replace(cel, sql));
    if let Some((before, rest)) = text.split_once("write timestamp(\"") {
        text = format!("{before}write TIMESTAMPTZ '{}", rest.replacen("\")", "'", 1));
    }
    if let Some((before, rest)) = text.split_once("write duration(\"") {
        let (written, after) = rest.split_once("\")").unwrap_or((rest, ""));
        let interval = interval_text(written).unwrap_or_else(|| "INTERVAL '3' SECOND".to_owned());
        text = format!("{before}write {interval}{after}");
    }
    text
}
