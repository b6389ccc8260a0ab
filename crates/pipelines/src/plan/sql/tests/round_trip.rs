//! A plan that is written in SQL is read again as the same plan.

use std::path::Path;
use std::sync::Arc;

use flowbench_events::Trace;
use proptest::prelude::*;

use super::plans::Choices;
use super::{again, definition_of, described};
use crate::oracle;
use crate::pipeline::Pipeline;
use crate::plan::FilePipeline;
use crate::strategy::tests::events;

/// The files that ship and that SQL has words for.
const IN_SQL: [&str; 13] = [
    "beacon-band",
    "daily-revenue",
    "dispatched-today",
    "export-review",
    "identity",
    "lifetime-value",
    "order-reference",
    "product-views",
    "repeat-high-value",
    "sessions",
    "sessions-with-orders",
    "slow-pages",
    "unhappy-again",
];

fn shipped() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/pipelines");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, String)> = paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn the_files_that_ship_come_back_from_sql_as_the_same_plan_with_the_same_answers() {
    let mut trace = Trace::default();
    trace.symbols.country("GB");
    trace.symbols.country("FR");
    let trace = Arc::new(Trace { events: events(500), ..trace });
    let canonical = oracle::occurrences(&trace.events);
    let mut in_sql = Vec::new();
    for (name, text) in shipped() {
        let definition = definition_of(&format!("{name}.toml"), &text);
        let (sql, read) = match again(&definition) {
            Ok(written) => written,
            Err(why) => {
                let is_known = ["top_k", "sequence", "match", "absence"].iter().any(|stage| why.ends_with(stage));
                assert!(is_known, "{name}: {why}");
                continue;
            }
        };
        assert_eq!(described(&definition), described(&read), "{name}\n{sql}");
        let files = [("x.toml", text.as_str()), ("x.sql", sql.as_str())];
        let [toml, sql] = files.map(|(name, text)| {
            let bound = FilePipeline::parse(name, text).unwrap().prepare(&[], &trace.symbols).unwrap();
            let answers = bound.oracle(&canonical);
            let mut fingerprints = answers.fingerprints();
            fingerprints.sort_unstable();
            (answers.header(), answers.lines(&trace.symbols), fingerprints)
        });
        assert_eq!(toml, sql, "{name}");
        in_sql.push(name);
    }
    assert_eq!(in_sql, IN_SQL);
}

#[test]
fn a_plan_is_written_as_somebody_would_write_it() {
    let text = shipped().into_iter().find(|(name, _)| name == "repeat-high-value").unwrap().1;
    let (sql, _) = again(&definition_of("x.toml", &text)).unwrap();
    let query: Vec<&str> = sql.lines().filter(|line| !line.starts_with("--!")).collect();
    assert_eq!(
        query.join("\n"),
        "SELECT event_time, customer, \"order\", n\n\
         FROM (\n  \
           SELECT *, count(*) OVER (PARTITION BY customer ORDER BY event_time, event_id \
           RANGE BETWEEN $window - INTERVAL '1' MILLISECOND PRECEDING AND CURRENT ROW) AS n\n  \
           FROM events\n  \
           WHERE kind = 'order_placed' AND value > $threshold AND customer IS NOT NULL\n\
         )\n\
         WHERE n >= $count"
    );
    assert!(
        sql.contains("--! count = { type = \"integer\", default = \"3\", meaning = \"from which order on\" }"),
        "{sql}"
    );
    let text = "[[stage]]\nfilter = \"kind == 'order_placed' && (value > 5 || has(product))\"\n[[stage]]\n\
                key = ['country', 'day = day(arrival_time, \"Europe/London\")']\n[[stage]]\ntumble = '90min'\n\
                compute = ['n = count()', 'total = sum(value)', 'latest = last(order)']\n[[stage]]\n\
                filter = 'n > 1'\n[[stage]]\nemit = ['country', 'day', 'total', 'twice = n * 2', 'latest']";
    let (sql, _) = again(&definition_of("x.toml", text)).unwrap();
    assert_eq!(
        sql,
        "SELECT window_end AS event_time, country, day, coalesce(sum(value), 0) AS total, count(*) * 2 AS twice, \
         last(\"order\" ORDER BY event_time, event_id) AS latest\n\
         FROM (\n  \
           SELECT *, CAST(arrival_time AT TIME ZONE 'Europe/London' AS DATE) AS day\n  \
           FROM events\n  \
           WHERE kind = 'order_placed' AND (value > 5 OR product IS NOT NULL)\n\
         )\n\
         WHERE country IS NOT NULL AND day IS NOT NULL\n\
         GROUP BY country, day, TUMBLE(event_time, INTERVAL '90' MINUTE)\n\
         HAVING count(*) > 1"
    );
}

#[test]
fn what_sql_has_no_words_for_is_named() {
    for (stages, why) in [
        (
            "[[stage]]\nkey = ['customer']\n[[stage]]\ntumble = '1h'\ncompute = ['n = count()', 'm = max(value)']\n\
             [[stage]]\nemit = ['n']",
            "'m' would not be computed",
        ),
        (
            "[[stage]]\nkey = ['customer']\n[[stage]]\nabsence = '1h'\nstarts = 'true'\nends = 'true'\n[[stage]]\nemit = ['due']",
            "the stage absence",
        ),
    ] {
        let refused = again(&definition_of("x.toml", stages)).err().unwrap();
        assert!(refused.contains(why), "{refused}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Plans that are made up come back as the same plan, twice.
    #[test]
    fn plans_come_back_from_sql_as_the_same_plan(choices in proptest::collection::vec(any::<u8>(), 0..300)) {
        let text = Choices::from(choices).plan();
        let definition = definition_of("x.toml", &text);
        let Some(said) = described(&definition) else { return Err(TestCaseError::reject("a wrong type")) };
        let (sql, read) = again(&definition).unwrap();
        prop_assert_eq!(Some(said), described(&read), "{}\n{}", text, sql);
        let (_, twice) = again(&read).unwrap();
        prop_assert_eq!(described(&read), described(&twice), "{}", text);
    }
}
