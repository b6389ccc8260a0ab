//! The reference SQL of every pipeline, really run: DuckDB and flowbench give the same answers, row by row.
//!
//! These tests need a python3 that has the module `duckdb` and are ignored unless asked for; `.ci/run` asks for them.
//! What DuckDB says of small logs is kept in `golden/` and checked without it.

use std::path::PathBuf;

use flowbench_events::parse_duration_ms;
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{Pipeline, Registry};
use serde_json::json;

use crate::command::{Scratch, repository};

/// What is asked of generated worlds: every pipeline, with settings that make the answers say something.
const ASKED: [(&str, &[&str]); 14] = [
    ("identity", &[""]),
    ("export-review", &["", "on=order_placed threshold=60.125 home=IE"]),
    ("order-reference", &["", "timezone=America/New_York"]),
    ("beacon-band", &["", "good=800ms poor=1s"]),
    ("deduplicate", &["", "horizon=1ms"]),
    ("repeat-high-value", &["", "threshold=100 count=2 window=72h", "threshold=0 count=2 window=1h"]),
    ("dispatched-today", &["", "on=order_placed timezone=Asia/Kolkata", "on=page_viewed timezone=America/New_York"]),
    ("dispatch-overdue", &["", "limit=20h", "limit=1h30min horizon=30h"]),
    ("sessions", &["", "on=any gap=6h", "on=order_placed gap=5d"]),
    ("funnel", &["", "stages=order_placed,order_dispatched,order_placed within=30d", "within=10min"]),
    ("load-time-conversion", &["", "within=12h good=1s poor=1500ms"]),
    ("late-then-unhappy", &["rating=5 limit=24h", "rating=4 limit=1h within=6d"]),
    ("trending-products", &["", "k=3 size=1d slide=6h", "k=1 size=15min slide=15min"]),
    ("lifetime-value", &[""]),
];

/// What is asked by files: those of questions that are not built in.
const ASKED_BY_FILES: [(&str, &[&str]); 15] = [
    ("best-sellers.toml", &["", "k=1 timezone=Asia/Kolkata"]),
    ("bought-again.toml", &["", "window=6h"]),
    ("daily-revenue.toml", &["", "timezone=America/New_York"]),
    ("delivery-time.toml", &["", "within=3d"]),
    ("download-without-order.toml", &["", "limit=12h"]),
    ("lost-after-slow-page.toml", &["slow=2s quiet=6h"]),
    ("not-dispatched.toml", &["limit=20h", "limit=1h30min"]),
    ("order-after-download.toml", &["", "within=30d"]),
    ("order-after-slow-page.toml", &["slow=1s", "slow=0 within=1d"]),
    ("packed-not-dispatched.toml", &["", "timezone=Asia/Kolkata"]),
    ("product-views.toml", &["", "size=1d slide=6h"]),
    ("sessions-with-orders.toml", &["gap=6h", "gap=5d"]),
    ("slow-pages.toml", &["", "limit=800ms"]),
    ("unhappy-after-dispatch.toml", &["bad=4", "bad=5 within=3d"]),
    ("unhappy-again.toml", &["bad=4", "bad=5 window=3d"]),
];

#[test]
#[ignore = "needs a python3 with duckdb, see golden/README.md"]
fn sql_agrees_on_a_quiet_world_of_three_months() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{QUIET} -o log.csv"));
    compare(&scratch, &[&ASKED[..], &ASKED_BY_FILES].concat());
}

/// Many events of a customer fall together, so that the answers hang on the canonical order of event ids.
#[test]
#[ignore = "needs a python3 with duckdb, see golden/README.md"]
fn sql_agrees_on_a_world_that_knows_only_full_hours() {
    let scratch = Scratch::new();
    let full_hours = r#"awk -F, 'BEGIN { OFS = "," } NR > 1 { $3 = substr($3, 1, 13) ":00:00.000Z" } 1'"#;
    let busy = QUIET.replace("walks_per_day=8 ", "walks_per_day=60 ");
    scratch.ok(&format!("{busy} | {full_hours} > log.csv"));
    compare(&scratch, &[&ASKED[..], &ASKED_BY_FILES].concat());
}

#[test]
#[ignore = "needs a python3 with duckdb, see golden/README.md"]
fn sql_agrees_on_a_world_with_duplicates_and_disorder() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate -q --profile stormy --seed 5 --events 8000 --set arrivals.walks_per_day=300 \
         --set arrivals.run_in=5d --set customers.population=50 --set products.count=40 --set reviews.share=1 \
         --set orders.value_median=2000 --set transport.duplicates.share=0.05 -o log.csv");
    compare(&scratch, &[&ASKED[..], &ASKED_BY_FILES].concat());
}

#[test]
#[ignore = "needs a python3 with duckdb, see golden/README.md"]
fn sql_agrees_on_event_ids_that_come_back() {
    let scratch = Scratch::new();
    scratch.ok(&format!(r#"{QUIET} | awk -F, 'BEGIN {{ OFS = "," }} NR > 1 {{ $1 = $1 % 997 }} 1' > log.csv"#));
    compare(&scratch, &[("deduplicate", &["", "horizon=12d", "horizon=1h"])]);
}

/// A world of few events a day, of which some are delivered twice, that sees clocks change and orders come to their
/// end.
const QUIET: &str = "flowbench generate -q --profile tiny --seed 3 --events 6000 --set arrivals.walks_per_day=8 \
                     --set customers.population=12 --set products.count=20 --set orders.value_median=400 \
                     --set orders.dispatch_gap_median=30h --set reviews.share=0.9 --set conversion.half_at=4s";

/// A python3 that has the module `duckdb`.
pub(crate) fn python() -> String {
    std::env::var("FLOWBENCH_DUCKDB_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Makes the table `deliveries` of a `log.csv` with the columns of flowbench. The column `delivery` numbers them from
/// 1, in the order of the file.
pub(crate) const INTERCHANGE: &str = "CREATE TABLE deliveries AS
SELECT *, row_number() OVER () AS delivery FROM read_csv('log.csv', header = true, columns = {
  event_id: 'VARCHAR', kind: 'VARCHAR', event_time: 'TIMESTAMPTZ', arrival_time: 'TIMESTAMPTZ', customer: 'VARCHAR',
  \"order\": 'VARCHAR', product: 'VARCHAR', value: 'DECIMAL(38,3)', country: 'VARCHAR', load_time_ms: 'BIGINT',
  rating: 'BIGINT', channel: 'VARCHAR'})";

/// Asks DuckDB everything in `asked.json`. Its time zone is a strange one, since no answer may depend on it.
///
/// A question is of `deliveries` (all rows) or of `occurrences` (the first delivery of each event; one without an id is
/// like no other), and finds it under the name `events`.
const ASK: &str = r#"import csv, json, duckdb

with open("asked.json") as file:
    asked = json.load(file)
db = duckdb.connect()
db.execute("SET TimeZone = 'Asia/Kathmandu'; SET threads = 1")
db.execute(asked["deliveries"])
db.execute("""CREATE TABLE occurrences AS SELECT * FROM deliveries
    QUALIFY event_id IS NULL OR row_number() OVER (PARTITION BY event_id ORDER BY delivery) = 1""")
for question in asked["questions"]:
    db.execute(f"CREATE OR REPLACE VIEW events AS SELECT * FROM {question['of']}")
    db.execute(f"CREATE OR REPLACE TABLE answers AS {question['sql']}")
    columns = db.execute("DESCRIBE answers").fetchall()
    cells = ", ".join(
        f"""strftime("{name}" AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')"""
        if type == "TIMESTAMP WITH TIME ZONE" else f'CAST("{name}" AS VARCHAR)'
        for name, type, *_ in columns)
    with open(question["answers"], "w") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(name for name, *_ in columns)
        rows.writerows(db.execute(f"SELECT {cells} FROM answers").fetchall())
"#;

/// Answers everything from `log.csv` both ways.
fn compare(scratch: &Scratch, asked: &[(&'static str, &[&'static str])]) {
    let ask = |(pipeline, settings): &(&'static str, &[&'static str])| -> Vec<Question> {
        settings.iter().map(|settings| Question { pipeline, settings }).collect()
    };
    let questions: Vec<Question> = asked.iter().flat_map(ask).collect();
    let answers = in_duckdb(scratch, INTERCHANGE, &questions);
    assert_eq!(answers.len(), questions.len());
    for (question, theirs) in questions.iter().zip(&answers) {
        let line = format!("flowbench replay -q log.csv {}", question.options());
        let ours = scratch.ok(&line).stdout;
        assert!(ours.lines().count() > 1, "{line}\nanswers nothing");
        let difference = difference(&ours, theirs);
        assert!(difference.is_none(), "{line}\n{}\n{}", difference.unwrap_or_default(), question.sql());
    }
}

/// What DuckDB answers from the `log.csv` in the folder: for each question a header, and rows in the order of
/// flowbench. `deliveries` is the SQL that makes the table of that name.
pub(crate) fn in_duckdb(scratch: &Scratch, deliveries: &str, questions: &[Question]) -> Vec<String> {
    let in_json: Vec<_> = questions.iter().zip(0..).map(|(one, number)| one.for_duckdb(number)).collect();
    scratch.write("ask.py", ASK);
    scratch.write("asked.json", json!({ "deliveries": deliveries, "questions": in_json }).to_string());
    let python = python();
    scratch.ok(&format!("'{python}' ask.py"));
    (0..).take(questions.len()).map(|number| sorted(&scratch.text(&Question::answers(number)))).collect()
}

/// A pipeline, or the name of a file that ships, with settings, written as `KEY=VALUE` with spaces between; a value with spaces stands in single quotes.
pub(crate) struct Question {
    pub(crate) pipeline: &'static str,
    pub(crate) settings: &'static str,
}

impl Question {
    /// As arguments of `flowbench replay`. Each event counts once, but for `deduplicate`, which is asked of deliveries.
    pub(crate) fn options(&self) -> String {
        let deduplicate = if self.pipeline == "deduplicate" { "" } else { "--deduplicate" };
        let settings: String = words(self.settings).iter().map(|setting| format!(" --set '{setting}'")).collect();
        let pipeline = match self.is_file() {
            true => format!("'{}'", shipped(self.pipeline).display()),
            false => self.pipeline.to_owned(),
        };
        format!("--pipeline {pipeline} {deduplicate}{settings}")
    }

    /// True if it is asked by a file that ships.
    fn is_file(&self) -> bool {
        FilePipeline::is_path(self.pipeline)
    }

    fn for_duckdb(&self, number: usize) -> serde_json::Value {
        let of = if self.pipeline == "deduplicate" { "deliveries" } else { "occurrences" };
        json!({ "of": of, "sql": self.sql(), "answers": Question::answers(number) })
    }

    /// Where DuckDB writes the answers.
    fn answers(number: usize) -> String {
        format!("theirs{number}.csv")
    }

    /// The reference SQL with its placeholders filled: `{name}` with the text of a parameter, `{name:ms}` with the
    /// whole number of ms of a duration, `{name:list}` with quoted words.
    fn sql(&self) -> String {
        let pipeline: &dyn Pipeline = match self.is_file() {
            true => {
                FilePipeline::parse(self.pipeline, &std::fs::read_to_string(shipped(self.pipeline)).unwrap()).unwrap()
            }
            false => Registry::default().find(self.pipeline).unwrap(),
        };
        let settings = words(self.settings);
        let mut sql = pipeline.about().sql.to_owned();
        for parameter in pipeline.about().parameters {
            let name = parameter.name;
            let text = text(pipeline, &settings, name);
            let words: Vec<String> = text.split(',').map(|word| format!("'{}'", word.trim())).collect();
            sql = sql.replace(&format!("{{{name}}}"), text).replace(&format!("{{{name}:list}}"), &words.join(", "));
            let in_ms = format!("{{{name}:ms}}");
            if sql.contains(&in_ms) {
                sql = sql.replace(&in_ms, &parse_duration_ms(text).unwrap().to_string());
            }
        }
        assert!(!sql.contains('{'), "a placeholder that no parameter of {} fills:\n{sql}", self.pipeline);
        sql
    }
}

fn shipped(name: &str) -> PathBuf {
    repository(&format!("experiments/pipelines/{name}"))
}

/// The value of a parameter, as set or its default.
fn text<'a>(pipeline: &dyn Pipeline, settings: &'a [String], name: &str) -> &'a str {
    let set = settings.iter().find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='));
    let default = || pipeline.about().parameters.iter().find(|parameter| parameter.name == name).unwrap().default;
    set.unwrap_or_else(default)
}

/// Splits at spaces outside of single quotes, and takes the quotes away.
fn words(settings: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in settings.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A header and rows, the rows sorted by their text, which begins with the event time.
fn sorted(answers: &str) -> String {
    let mut lines: Vec<&str> = answers.split_inclusive('\n').collect();
    lines[1..].sort_unstable();
    lines.concat()
}

/// The first line in which two texts differ, in words.
pub(crate) fn difference(ours: &str, theirs: &str) -> Option<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (ours, theirs) = (lines(ours), lines(theirs));
    let at = (0..ours.len().max(theirs.len())).find(|at| ours.get(*at) != theirs.get(*at))?;
    let line = |lines: &[String]| lines.get(at).map_or("nothing".to_owned(), |line| format!("'{line}'"));
    let counts = format!("{} lines of flowbench against {} of the SQL", ours.len(), theirs.len());
    Some(format!("{counts}; line {} is {} against {}", at + 1, line(&ours), line(&theirs)))
}
