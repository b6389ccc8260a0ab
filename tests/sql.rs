//! The reference SQL of every pipeline, really run: DuckDB and flowbench give the same answers, row by row.
//!
//! A python3 with the module `duckdb` is needed (`pip install duckdb`), the one on the path or the one named by
//! `FLOWBENCH_DUCKDB_PYTHON`. Without it these tests say so and pass.

use std::fs;
use std::process::{Command, Stdio};

use flowbench_events::parse_duration_ms;
use flowbench_pipelines::{Pipeline, catalogue};
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

/// What is asked of the order log, which knows only orders and cancellations.
const ASKED_OF_ORDERS: [(&str, &[&str]); 9] = [
    ("identity", &[""]),
    ("export-review", &["on=order_placed threshold=200 home='United Kingdom'"]),
    ("order-reference", &["", "timezone=Asia/Kolkata"]),
    ("repeat-high-value", &["threshold=200 count=2", "threshold=-1 count=2 window=30d"]),
    ("dispatched-today", &["on=order_placed timezone=UTC", "on=order_cancelled"]),
    ("dispatch-overdue", &["", "limit=3d horizon=3d"]),
    ("sessions", &["on=any", "on=order_placed gap=2d"]),
    ("funnel", &["stages=order_placed,order_cancelled", "stages=order_placed,order_placed,order_placed within=3d"]),
    ("lifetime-value", &[""]),
];

#[test]
fn every_pipeline_is_asked() {
    let asked = ASKED.map(|(pipeline, _)| pipeline);
    assert!(catalogue::CATALOGUE.iter().map(|pipeline| pipeline.name()).eq(asked), "{asked:?}");
}

#[test]
fn sql_agrees_on_a_quiet_world_of_three_months() {
    let scratch = Scratch::new();
    scratch.ok(&format!("{QUIET} -o log.csv"));
    compare(&scratch, GENERATED, &ASKED, "");
}

/// Many events of a customer fall together, so that the answers hang on the canonical order of event ids.
#[test]
fn sql_agrees_on_a_world_that_knows_only_full_hours() {
    let scratch = Scratch::new();
    let full_hours = r#"awk -F, 'BEGIN { OFS = "," } NR > 1 { $3 = substr($3, 1, 13) ":00:00.000Z" } 1'"#;
    scratch.ok(&format!("{QUIET} --set arrivals.walks_per_day=60 | {full_hours} > log.csv"));
    compare(&scratch, GENERATED, &ASKED, "");
}

#[test]
fn sql_agrees_on_a_world_with_duplicates_and_disorder() {
    let scratch = Scratch::new();
    scratch.ok("flowbench generate -q --profile stormy --seed 5 --events 8000 --set arrivals.walks_per_day=300 \
         --set arrivals.run_in=5d --set customers.population=50 --set products.count=40 --set reviews.share=1 \
         --set orders.value_median=2000 --set transport.duplicates.share=0.05 -o log.csv");
    compare(&scratch, GENERATED, &ASKED, "");
}

#[test]
fn sql_agrees_on_event_ids_that_come_back() {
    let scratch = Scratch::new();
    scratch.ok(&format!(r#"{QUIET} | awk -F, 'BEGIN {{ OFS = "," }} NR > 1 {{ $1 = $1 % 997 }} 1' > log.csv"#));
    compare(&scratch, GENERATED, &[("deduplicate", &["", "horizon=12d", "horizon=1h"])], "");
}

#[test]
fn sql_agrees_on_the_excerpt_of_a_real_order_log() {
    let scratch = Scratch::new();
    scratch.write("log.csv", fs::read(repository("tests/data/online_retail_excerpt.csv")).unwrap());
    scratch.write("map.toml", fs::read(repository("tests/data/online_retail.toml")).unwrap());
    compare(&scratch, ORDER_LOG, &ASKED_OF_ORDERS, "--map map.toml");
}

#[test]
fn sql_agrees_on_the_whole_of_a_real_order_log() {
    let data = repository("../shared/data");
    let log = data.join("online_retail_orders.csv");
    if !log.exists() {
        eprintln!("skipped: {} is not there; the excerpt stands in for it", log.display());
        return;
    }
    let scratch = Scratch::new();
    scratch.write("log.csv", fs::read(log).unwrap());
    scratch.write("map.toml", fs::read(data.join("online_retail.toml")).unwrap());
    compare(&scratch, ORDER_LOG, &ASKED_OF_ORDERS, "--map map.toml");
}

/// A world of few events a day, of which some are delivered twice, that sees clocks change and orders come to their end.
const QUIET: &str = "flowbench generate -q --profile tiny --seed 3 --events 6000 --set arrivals.walks_per_day=8 \
                     --set customers.population=12 --set products.count=20 --set orders.value_median=400 \
                     --set orders.dispatch_gap_median=30h --set reviews.share=0.9 --set conversion.half_at=4s";

/// Makes the table `deliveries` of a generated log.
const GENERATED: &str = "CREATE TABLE deliveries AS SELECT * FROM read_csv('log.csv', header = true, columns = {
  event_id: 'VARCHAR', kind: 'VARCHAR', event_time: 'TIMESTAMPTZ', arrival_time: 'TIMESTAMPTZ', customer: 'VARCHAR',
  \"order\": 'VARCHAR', product: 'VARCHAR', value: 'DECIMAL(38,3)', country: 'VARCHAR', load_time_ms: 'BIGINT',
  rating: 'BIGINT', channel: 'VARCHAR'})";

/// Makes the table `deliveries` of the order log, as its mapping does.
const ORDER_LOG: &str = "CREATE TABLE deliveries AS SELECT * REPLACE (CAST(event_id AS VARCHAR) AS event_id) FROM (
  SELECT row_number() OVER () AS event_id,
    CASE event_type WHEN 'order' THEN 'order_placed' WHEN 'cancellation' THEN 'order_cancelled' END AS kind,
    CAST(event_time AS TIMESTAMP) AT TIME ZONE 'UTC' AS event_time, CAST(NULL AS TIMESTAMPTZ) AS arrival_time,
    customer_id AS customer, order_id AS \"order\", CAST(NULL AS VARCHAR) AS product,
    CAST(value AS DECIMAL(38,3)) AS value, country_or_state AS country, CAST(NULL AS BIGINT) AS load_time_ms,
    CAST(NULL AS BIGINT) AS rating, CAST(NULL AS VARCHAR) AS channel
  FROM read_csv('log.csv', header = true, all_varchar = true))
WHERE kind IS NOT NULL";

/// Asks DuckDB everything in `asked.json`. Its time zone is a strange one, since no answer may depend on it.
const ASK: &str = r#"import csv, json, duckdb

with open("asked.json") as file:
    asked = json.load(file)
db = duckdb.connect()
db.execute("SET TimeZone = 'Asia/Kathmandu'; SET threads = 1")
db.execute(asked["deliveries"])
db.execute("""CREATE TABLE occurrences AS SELECT * FROM deliveries
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY arrival_time) = 1""")
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

/// Answers everything from `log.csv` both ways. Each event counts once, but for `deduplicate`, which is asked of deliveries.
fn compare(scratch: &Scratch, deliveries: &str, asked: &[(&str, &[&str])], options: &str) {
    let Some(python) = python_with_duckdb() else { return };
    let questions: Vec<Question> = asked
        .iter()
        .flat_map(|(pipeline, settings)| settings.iter().map(move |set| Question { pipeline, settings: words(set) }))
        .collect();
    let in_json: Vec<_> = questions.iter().zip(0..).map(|(one, number)| one.for_duckdb(number)).collect();
    scratch.write("ask.py", ASK);
    scratch.write("asked.json", json!({ "deliveries": deliveries, "questions": in_json }).to_string());
    scratch.ok(&format!("'{python}' ask.py"));
    for (question, number) in questions.iter().zip(0..) {
        let line = format!("flowbench replay -q log.csv {options} {} -o ours.csv", question.options());
        scratch.ok(&line);
        let (ours, theirs) = (scratch.text("ours.csv"), scratch.text(&Question::answers(number)));
        assert!(ours.lines().count() > 1, "{line}\nanswers nothing");
        let difference = difference(&ours, &theirs);
        assert!(difference.is_none(), "{line}\n{}\n{}", difference.unwrap_or_default(), question.sql());
    }
}

/// A pipeline with `KEY=VALUE` settings.
struct Question<'a> {
    pipeline: &'a str,
    settings: Vec<String>,
}

impl Question<'_> {
    fn for_duckdb(&self, number: u32) -> serde_json::Value {
        let of = if self.pipeline == "deduplicate" { "deliveries" } else { "occurrences" };
        json!({ "of": of, "sql": self.sql(), "answers": Question::answers(number) })
    }

    /// Where DuckDB writes the answers.
    fn answers(number: u32) -> String {
        format!("theirs{number}.csv")
    }

    fn options(&self) -> String {
        let deduplicate = if self.pipeline == "deduplicate" { "" } else { "--deduplicate" };
        let settings: String = self.settings.iter().map(|setting| format!(" --set '{setting}'")).collect();
        format!("--pipeline {} {deduplicate}{settings}", self.pipeline)
    }

    /// The reference SQL with its placeholders filled: `{name}` with the text of a parameter, `{name:ms}` with the whole
    /// number of ms of a duration, `{name:list}` with quoted words.
    fn sql(&self) -> String {
        let pipeline = catalogue::find(self.pipeline).unwrap();
        let mut sql = pipeline.sql().to_owned();
        for parameter in pipeline.parameters() {
            let name = parameter.name;
            let text = self.text(pipeline, name);
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

    fn text<'a>(&'a self, pipeline: &dyn Pipeline, name: &str) -> &'a str {
        let set = self.settings.iter().find_map(|setting| setting.strip_prefix(name)?.strip_prefix('='));
        let default = || pipeline.parameters().iter().find(|parameter| parameter.name == name).unwrap().default;
        set.unwrap_or_else(default)
    }
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

/// The command of a python that has DuckDB. One that was named has to have it.
fn python_with_duckdb() -> Option<String> {
    let named = std::env::var("FLOWBENCH_DUCKDB_PYTHON").ok();
    let python = named.clone().unwrap_or_else(|| "python3".to_owned());
    let mut import = Command::new(&python);
    import.args(["-c", "import duckdb"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if import.status().is_ok_and(|status| status.success()) {
        return Some(python);
    }
    let missing = "no python3 with duckdb; install it with `pip install duckdb`, or name one that has it by \
                   FLOWBENCH_DUCKDB_PYTHON";
    assert!(named.is_none(), "FLOWBENCH_DUCKDB_PYTHON={python}: {missing}");
    eprintln!("skipped: {missing}");
    None
}

/// What is in one but not in the other, both taken as a header and a multiset of rows.
fn difference(ours: &str, theirs: &str) -> Option<String> {
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines[1..].sort_unstable();
        lines
    };
    let (ours, theirs) = (sorted(ours), sorted(theirs));
    let at = (0..ours.len().max(theirs.len())).find(|at| ours.get(*at) != theirs.get(*at))?;
    let row = |rows: &[String]| rows.get(at).map_or("nothing".to_owned(), |row| format!("'{row}'"));
    Some(format!(
        "{} rows against {} of the SQL; the first difference, sorted: {} against {}",
        ours.len() - 1,
        theirs.len() - 1,
        row(&ours),
        row(&theirs)
    ))
}
