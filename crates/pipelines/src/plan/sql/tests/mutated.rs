//! No text makes the reader panic, overflow the stack, or go on for ever.

use super::super::source::parsed;
use crate::plan::FilePipeline;
use crate::plan::document::Document;
use flowbench_events::SourceText;

const SEEDS: [&str; 5] = [
    "--! question = \"Which?\"\n--! [parameters]\n--! w = { type = \"duration\", default = \"7d\" }\n\
     SELECT event_time, customer, n FROM (SELECT *, count(*) OVER (PARTITION BY customer ORDER BY event_time, event_id \
     RANGE BETWEEN $w - INTERVAL '1' MILLISECOND PRECEDING AND CURRENT ROW) AS n FROM events WHERE customer IS NOT NULL) WHERE n >= 2",
    "SELECT country, coalesce(sum(value), 0) AS v, last(\"order\" ORDER BY event_time, event_id) AS o FROM events \
     WHERE country IS NOT NULL AND value BETWEEN 1 AND 2 GROUP BY country, TUMBLE(event_time, INTERVAL '1' DAY, 'Europe/London') \
     HAVING count(*) > 3",
    "SELECT concat('ORD-', strftime(event_time, '%Y'), \"order\") AS r, CASE WHEN value > 5 THEN 'a' ELSE 'ü' END AS b FROM events",
    "SELECT CAST(event_time AT TIME ZONE 'UTC' AS DATE) AS d, -rating * 2 AS x FROM events WHERE NOT kind IN ('a', 'order_placed')",
    "SELECT DISTINCT a.b FROM events JOIN x ON 1 = 1 WHERE EXISTS (SELECT 1) GROUP BY ROLLUP (a) ORDER BY 1 LIMIT 5",
];

const MORSELS: [&str; 24] = [
    "(",
    ")",
    ",",
    "'",
    "\"",
    "--",
    "/*",
    "SELECT ",
    "FROM ",
    "CASE WHEN ",
    " END",
    " AND ",
    " NOT ",
    " OVER (",
    " BETWEEN ",
    " IN (",
    "INTERVAL '1' ",
    "::",
    "$",
    "{",
    "\u{2028}",
    "ü",
    "UNION SELECT 1 ",
    "*",
];

/// Numbers by a seed, as the constants of Numerical Recipes give them.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }

    /// Returns the beginning of a letter of a text, or its end.
    fn place(&mut self, text: &str) -> usize {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        places[self.below(places.len())]
    }
}

fn read(text: &str) {
    if let Err(problems) = FilePipeline::parse("x.sql", text) {
        assert!(!problems.list().is_empty());
        for problem in problems.list() {
            assert!(problem.place.clone().is_none_or(|place| text.get(place).is_some()), "{text}\n{problem:?}");
            assert!(!problem.what.is_empty());
        }
    }
}

#[test]
fn mutations_of_queries_are_read_or_refused() {
    let mut random = Random(7);
    for seed in SEEDS {
        read(seed);
        for _ in 0..600 {
            let mut text = seed.to_owned();
            for _ in 0..=random.below(4) {
                let (one, other) = (random.place(&text), random.place(&text));
                let (start, end) = (one.min(other), one.max(other));
                match random.below(4) {
                    0 => text.insert_str(start, MORSELS[random.below(MORSELS.len())]),
                    1 if end - start < 30 => text.replace_range(start..end, ""),
                    2 => text = [&text[..end], &text[start..]].concat(),
                    _ => {
                        let of = SEEDS[random.below(SEEDS.len())];
                        let (one, other) = (random.place(of), random.place(of));
                        text.insert_str(start, &of[one.min(other)..one.max(other)]);
                    }
                }
            }
            read(&text);
        }
    }
}

#[test]
fn what_nests_too_deep_or_is_too_long_is_refused() {
    let query = |expression: String| format!("SELECT customer FROM events WHERE {expression}");
    let nested = |open: &str, inner: &str, close: &str, depth: usize| open.repeat(depth) + inner + &close.repeat(depth);
    for depth in [20, 60, 150, 20_000] {
        for text in [
            query(nested("(", "1", ")", depth)),
            query(nested("NOT ", "TRUE", "", depth)),
            query(nested("- ", "1", "", depth)),
            query(nested("CASE WHEN ", "TRUE", " THEN 1 ELSE 2 END", depth)),
            query(nested("coalesce(", "value", ", 0)", depth)),
            query(nested("CASE WHEN ", "value > 1", " THEN TRUE ELSE FALSE END", depth)),
            query(nested("value BETWEEN (", "1", ") AND 2", depth)),
            query(nested("(", "value", " BETWEEN 1 AND 2)", depth)),
            query(nested("rating + ", "1", "", depth) + " > 1"),
            query(nested("rating IN (", "1", ")", depth)),
            query("TRUE".to_owned() + &" IS NULL".repeat(depth)),
            query("value".to_owned() + &"::INT".repeat(depth)),
            query("TRUE".to_owned() + &" AND TRUE OR FALSE".repeat(depth)),
            nested("SELECT customer FROM (SELECT * FROM ", "events", ")", depth),
            nested("SELECT customer FROM (", "events", ")", depth),
            nested("SELECT 1 UNION ", "SELECT 1", "", depth),
            nested("(", "SELECT 1", ")", depth),
            nested("WITH a AS (", "SELECT 1", ") SELECT 1", depth),
        ] {
            read(&text);
            if depth == 20_000 {
                assert!(FilePipeline::parse("x.sql", &text).is_err());
            }
        }
    }
}

#[test]
fn a_deep_text_says_that_it_is_deep() {
    let text = format!("SELECT {}customer{} AS c FROM events", "(".repeat(90), ")".repeat(90));
    let source = SourceText::new("x.sql", text);
    let mut document = Document::new(&source);
    assert!(parsed(&source, &mut document).is_none());
    assert!(document.problems[0].what.contains("nests too deep"), "{:?}", document.problems);
}
