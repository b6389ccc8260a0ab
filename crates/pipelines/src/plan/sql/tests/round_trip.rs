//! A plan that is written in SQL is read again as the same plan.

use std::path::Path;
use std::sync::Arc;

use flowbench_events::Trace;
use proptest::prelude::*;

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
        let text = Choices { choices, next: 0 }.plan();
        let definition = definition_of("x.toml", &text);
        let Some(said) = described(&definition) else { return Err(TestCaseError::reject("a wrong type")) };
        let (sql, read) = again(&definition).unwrap();
        prop_assert_eq!(Some(said), described(&read), "{}\n{}", text, sql);
        let (_, twice) = again(&read).unwrap();
        prop_assert_eq!(described(&read), described(&twice), "{}", text);
    }
}

/// Plans made up by choices.
struct Choices {
    choices: Vec<u8>,
    next: usize,
}

impl Choices {
    fn pick(&mut self, count: usize) -> usize {
        let choice = self.choices.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(choice) % count
    }

    fn one<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.pick(list.len())]
    }

    fn plan(&mut self) -> String {
        let mut plan = String::from(
            "question = 'Is it \"so\"?'\n[parameters]\nleast = { type = 'integer', default = '3', meaning = 'a \\ it' }\n\
             threshold = { type = 'money', default = '10.5' }\nspan = { type = 'duration', default = '2h' }\n\
             home = { type = 'country', default = 'GB' }\nzone = { type = 'timezone', default = 'Asia/Kolkata' }\n",
        );
        let mut stage = |line: String| plan.push_str(&format!("[[stage]]\n{line}\n"));
        for number in 0..self.pick(3) {
            match self.pick(3) {
                0 => stage(format!("map = ['''m{number} = {}''']", self.number(2))),
                1 => stage(format!(
                    "map = ['''m{number} = {}''', '''c{number} = {}''']",
                    self.money(1),
                    self.condition(1)
                )),
                _ => stage(format!("filter = '''{}'''", self.condition(3))),
            }
        }
        let key = match self.pick(6) {
            0 => vec!["customer"],
            1 => vec!["country", "channel"],
            2 => vec!["kind", "product"],
            3 => vec!["kind"],
            4 => vec!["d = day(event_time, zone)", "country"],
            _ => vec!["order"],
        };
        let names: Vec<&str> = key.iter().map(|part| part.split(" = ").next().unwrap()).collect();
        let key = format!("key = {key:?}");
        let compute = format!(
            "['a = count()', '''b = sum({})''', '''x = {}({})''', 'l = last(order)']",
            self.money(1),
            self.one(&["min", "max", "count"]),
            self.number(1)
        );
        let window = match self.pick(8) {
            0 => {
                stage(key);
                stage(format!("running = {compute}"));
                None
            }
            1 => {
                stage(key);
                let within = self.one(&["24h", "1d", "90s", "5ms", "{span}"]);
                stage(format!("count_in = '{within}'\nas = 'a'"));
                stage("map = ['b = value', 'x = a + 1', 'l = product']".to_owned());
                None
            }
            2 => {
                let size = self.one(&["1h", "2500ms", "{span}", "day", "1d"]);
                let zone = if size == "day" {
                    self.one(&["timezone = '{zone}'\n", "", "timezone = 'Europe/London'\n"])
                } else {
                    ""
                };
                stage(key);
                stage(format!("tumble = '{size}'\n{zone}compute = {compute}"));
                Some("window_end")
            }
            3 => {
                stage(key);
                stage("hop = '6h'\nslide = '{span}'\ncompute = ['a = count()', 'b = sum(value)', 'x = count(rating)', 'l = sum(load_time)']".to_owned());
                Some("window_start")
            }
            4 => {
                stage(key);
                stage(format!("session = '{}'\ncompute = {compute}", self.one(&["30min", "{span}"])));
                Some("session_start")
            }
            5 => {
                stage(format!("tumble = '1h'\ncompute = {compute}"));
                Some("")
            }
            _ => {
                let last = self.condition(2);
                let format = self.one(&["{order}", "{{{customer}}}-{event_time:%H:%M}", "it is {value}"]);
                stage(format!(
                    "emit = ['order', '''n = {}''', '''v = {}''', '''c = {last}''', 't = format(\"{format}\")', '''d = {}''']",
                    self.number(3),
                    self.money(2),
                    self.duration(2)
                ));
                return plan;
            }
        };
        if self.pick(2) == 0 {
            stage(format!("filter = 'a > {} && (x < 5 || has(l) || b != 2.5)'", self.pick(9)));
        }
        if self.pick(2) == 0 {
            stage("map = ['y = a > 2 ? x : -a']".to_owned());
            stage("filter = '!(y == 7)'".to_owned());
        }
        let mut columns: Vec<String> =
            vec!["'n = a'".to_owned(), "'b'".to_owned(), "'x = x + 0 * a'".to_owned(), "'l'".to_owned()];
        match window {
            Some("") => {}
            Some(bound) if self.pick(2) == 0 => columns.push(format!("'{bound}'")),
            _ => columns.push(format!("'{}'", names[0])),
        }
        columns.push(format!("'t = format(\"{}\")'", self.one(&["{a}/{b}", "n: {a}", "{{"])));
        stage(format!("emit = [{}]", columns.join(", ")));
        plan
    }

    fn number(&mut self, depth: usize) -> String {
        match if depth == 0 { self.pick(4) } else { self.pick(9) } {
            0 => self.one(&["rating", "load_time_ms"]).to_owned(),
            1 => self.pick(50).to_string(),
            2 => "least".to_owned(),
            3 => "load_time_ms".to_owned(),
            4 => format!("(-{})", self.number(depth - 1)),
            5 => format!("({} ? {} : {})", self.condition(depth - 1), self.number(depth - 1), self.number(depth - 1)),
            6 => format!("({})", self.duration(depth - 1) + " / duration(\"1s\")"),
            _ => {
                let operator = self.one(&["+", "-", "*", "/", "%"]);
                let is_open = self.pick(2) == 0;
                let text = format!("{} {operator} {}", self.number(depth - 1), self.number(depth - 1));
                if is_open { text } else { format!("({text})") }
            }
        }
    }

    fn money(&mut self, depth: usize) -> String {
        match if depth == 0 { self.pick(2) } else { self.pick(5) } {
            0 => "value".to_owned(),
            1 => "threshold".to_owned(),
            2 => format!("value {} 0.125", self.one(&["+", "-"])),
            3 => format!("({} * ({}))", self.money(depth - 1), self.number(depth - 1)),
            _ => format!("({} ? {} : value)", self.condition(depth - 1), self.money(depth - 1)),
        }
    }

    fn duration(&mut self, depth: usize) -> String {
        match if depth == 0 { self.pick(3) } else { self.pick(5) } {
            0 => "load_time".to_owned(),
            1 => "span".to_owned(),
            2 => format!("duration(\"{}\")", self.one(&["1h30min", "7d", "1ms", "0s", "45s"])),
            3 => "(arrival_time - event_time)".to_owned(),
            _ => format!("({} + {})", self.duration(depth - 1), self.duration(depth - 1)),
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let comparison = self.one(&["==", "!=", "<", "<=", ">", ">="]);
        match if depth == 0 { self.pick(8) } else { self.pick(16) } {
            0 => "kind == \"order_placed\"".to_owned(),
            1 => "kind in [\"page_viewed\", \"order_packed\"]".to_owned(),
            2 => format!("country {} {}", self.one(&["==", "!="]), self.one(&["home", "\"GB\"", "\"it's\""])),
            3 => format!("has({})", self.one(&["customer", "value", "kind", "rating"])),
            4 => format!("!has({})", self.one(&["order", "value"])),
            5 => format!("value {comparison} {}", self.one(&["threshold", "5", "(-0.5)"])),
            6 => format!("rating {comparison} {}", self.pick(6)),
            7 => self.one(&["true", "false", "channel == \"search\" || true"]).to_owned(),
            8 => format!("({} {comparison} {})", self.number(depth - 1), self.number(depth - 1)),
            9 => format!("({} {comparison} {})", self.duration(depth - 1), self.duration(depth - 1)),
            10 => "day(event_time, zone) == day(arrival_time)".to_owned(),
            11 => format!("event_time + {} {comparison} timestamp(\"2026-01-01T00:00:00Z\")", self.duration(depth - 1)),
            12 => format!("!({})", self.condition(depth - 1)),
            13 => format!(
                "({} ? {} : {})",
                self.condition(depth - 1),
                self.condition(depth - 1),
                self.condition(depth - 1)
            ),
            14 => format!("({} || {})", self.condition(depth - 1), self.condition(depth - 1)),
            _ => format!(
                "({} && {} && {})",
                self.condition(depth - 1),
                self.condition(depth - 1),
                self.condition(depth - 1)
            ),
        }
    }
}
