//! Made-up plans answer made-up traces as DuckDB does, which is asked in the SQL that each plan is written in.
//!
//! Decision D-053.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::process::{Command, Stdio};
use std::sync::Arc;

use flowbench_events::{Channel, Event, Symbols, Trace, mix};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::definition_of;
use super::plans::Choices;
use crate::driver::UnpacedDriver;
use crate::pipeline::Pipeline;
use crate::plan::FilePipeline;
use crate::plan::expression::types::Type;
use crate::plan::lower::lower;
use crate::plan::row::{Content, Schema, Shown};
use crate::plan::sql::spelling::interval_text;
use crate::{Feed, RunConfig, RunContext, RunError, Strategy, oracle};

/// The seeds of the plans. `FLOWBENCH_DUCKDB_SEEDS=400..9000` asks for others.
const SEEDS: Range<u64> = 0..400;
/// How many traces there are, by the seeds from 0 on.
const TRACES: u64 = 32;
/// The number of traces that each plan is asked of.
const TRACES_EACH: u64 = 3;

/// What is asked of DuckDB at once.
#[derive(Serialize)]
struct Asked<'a> {
    traces: Vec<Vec<EventCells>>,
    plans: &'a [Plan],
    cases: &'a [Case],
}

/// The fields of an event in the order in which files have them.
type EventCells = serde_json::Value;

/// A plan that was made up.
#[derive(Serialize)]
struct Plan {
    #[serde(skip)]
    seed: u64,
    #[serde(skip)]
    toml: String,
    #[serde(skip)]
    settings: Vec<String>,
    #[serde(skip)]
    file: &'static FilePipeline,
    sql: String,
    /// The type and the text of each parameter.
    parameters: BTreeMap<String, [String; 2]>,
    /// What the columns hold, from `event_time` on.
    kinds: Vec<&'static str>,
}

/// A plan and a trace, by their numbers, with the rows of flowbench.
#[derive(Serialize)]
struct Case {
    plan: usize,
    trace: usize,
    rows: Vec<Vec<String>>,
}

/// How the rows of DuckDB differ.
#[derive(Deserialize)]
struct Difference {
    translated: String,
    error: String,
    ours: Vec<String>,
    theirs: Vec<String>,
}

#[test]
#[ignore = "needs a python3 with duckdb, see tests/golden/README.md"]
fn sql_of_made_up_plans_gives_the_same_answers_in_duckdb() {
    agree(Plan::of_seed);
}

#[test]
#[ignore = "needs a python3 with duckdb, see tests/golden/README.md"]
fn plans_without_words_in_sql_give_the_answers_of_queries_in_duckdb() {
    agree(Plan::wordless);
}

/// Compares the answers of the plans of all seeds; most cases have to have some.
fn agree(plan_of: impl Fn(u64) -> Option<Plan>) {
    let (seeds, traces) = (seeds(), traces());
    let plans: Vec<Plan> = seeds.clone().filter_map(plan_of).collect();
    let numbered = plans.iter().enumerate().flat_map(|(number, plan)| plan.traces().map(move |trace| (number, trace)));
    let (mut cases, mut overflows) = (Vec::new(), 0);
    for (plan, trace) in numbered {
        match rows(plans[plan].file, &plans[plan].settings, &traces[trace]) {
            Some(rows) => cases.push(Case { plan, trace, rows }),
            None => overflows += 1,
        }
    }
    let differences = in_duckdb(&traces, &plans, &cases);
    let different = std::iter::zip(&cases, &differences).filter_map(|(case, found)| Some((case, found.as_ref()?)));
    let different: Vec<String> = different.map(|(case, found)| described(&plans[case.plan], case, found)).collect();
    let answered = cases.iter().filter(|case| !case.rows.is_empty()).count();
    let (asked, seeds) = (cases.len(), seeds.end - seeds.start);
    let counts = format!(
        "{} plans of {seeds} seeds, {asked} cases, {answered} of them with answers, {overflows} left out as a \
         calculation has no result, {} different",
        plans.len(),
        different.len()
    );
    assert!(different.is_empty(), "{counts}\n{}", different[..different.len().min(3)].join("\n"));
    assert!(plans.len() as u64 * 10 > seeds * 8 && answered * 10 > asked * 8 && overflows * 5 < asked, "{counts}");
    println!("{counts}");
}

/// What changes the meaning of a plan: of its conditions and of the bounds of its windows.
const CHANGES: [(&str, &str); 12] = [
    (" > ", " >= "),
    (" < ", " <= "),
    (" == ", " != "),
    (" && ", " || "),
    ("!has(", "has("),
    ("count_in = '1h'", "count_in = '3600001ms'"),
    ("count_in = '5ms'", "count_in = '4ms'"),
    ("tumble = '1h'", "tumble = '3600001ms'"),
    ("tumble = 'day'\ntimezone = '{zone}'", "tumble = 'day'"),
    ("hop = '4h'", "hop = '6h'"),
    ("session = '30min'", "session = '1799999ms'"),
    ("last(", "max("),
];

/// The rows of another plan are found to be others, whatever was changed.
#[test]
#[ignore = "needs a python3 with duckdb, see tests/golden/README.md"]
fn sql_of_a_changed_plan_gives_other_answers_in_duckdb() {
    let traces = traces();
    let plans: Vec<Plan> = SEEDS.filter_map(Plan::of_seed).collect();
    let (mut cases, mut changes) = (Vec::new(), Vec::new());
    for (number, plan) in plans.iter().enumerate() {
        let answer = |file, trace: usize| rows(file, &plan.settings, &traces[trace]);
        let Some((trace, was)) = plan.traces().find_map(|trace| Some((trace, answer(plan.file, trace)?))) else {
            continue;
        };
        for change in CHANGES.iter().filter(|(from, _)| plan.toml.contains(from)) {
            let changed = FilePipeline::parse("changed.toml", &plan.toml.replacen(change.0, change.1, 1));
            let is = changed.ok().and_then(|file| answer(file, trace));
            if let Some(rows) = is.filter(|is| *is != was) {
                cases.push(Case { plan: number, trace, rows });
                changes.push(change);
            }
        }
    }
    let idle: Vec<_> = CHANGES.iter().filter(|change| !changes.contains(change)).collect();
    assert!(idle.is_empty(), "no answers hang on {idle:?}");
    for (change, found) in std::iter::zip(changes, in_duckdb(&traces, &plans, &cases)) {
        let found = found.unwrap_or_else(|| panic!("{change:?} is not found"));
        assert_eq!(found.error, "", "{change:?}");
    }
}

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("FLOWBENCH_DUCKDB_SEEDS") else { return SEEDS };
    let bounds = asked.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    bounds.expect("FLOWBENCH_DUCKDB_SEEDS is two numbers: 400..900")
}

fn traces() -> Vec<Arc<Trace>> {
    (0..TRACES).map(|seed| Arc::new(Choices::of_seed(!seed).trace())).collect()
}

impl Plan {
    /// Returns the plan of a seed, as SQL says it; `None` if its types are wrong, or a calculation of constants has no
    /// result.
    fn of_seed(seed: u64) -> Option<Plan> {
        let mut choices = Choices::of_seed(seed);
        let toml = choices.plan();
        let plan = Plan::new(seed, toml, choices.settings())?;
        let sql = plan.file.sql().unwrap_or_else(|why| panic!("{why}\n{}", plan.toml));
        Some(Plan { sql, ..plan })
    }

    /// Returns the plan of a seed that SQL has no words for, and a query.
    fn wordless(seed: u64) -> Option<Plan> {
        let (toml, sql) = Choices::of_seed(seed).wordless_plan();
        Some(Plan { sql, ..Plan::new(seed, toml, Vec::new())? })
    }

    fn new(seed: u64, toml: String, values: Vec<String>) -> Option<Plan> {
        let file = FilePipeline::parse("made-up.toml", &toml).ok()?;
        let definition = definition_of("made-up.toml", &toml);
        let names = definition.parameters.iter().map(|declared| declared.name.clone());
        let settings = std::iter::zip(names, &values).map(|(name, value)| format!("{name}={value}")).collect();
        let parameters = std::iter::zip(&definition.parameters, &values).map(|(declared, value)| {
            let text = if declared.of == Type::Duration { interval_text(value) } else { Some(value.clone()) };
            (declared.name.clone(), [declared.of.name().to_owned(), text.unwrap_or_default()])
        });
        let schema = lower(&definition, &values, &Symbols::default()).ok()?.schema;
        let columns = schema.columns.iter().map(|column| kind(&schema, &column.content));
        let kinds = std::iter::once("time").chain(columns).collect();
        Some(Plan { seed, sql: String::new(), parameters: parameters.collect(), kinds, toml, settings, file })
    }

    /// Returns the numbers of the traces it is asked of.
    fn traces(&self) -> impl Iterator<Item = usize> {
        let seed = self.seed;
        (0..TRACES_EACH).map(move |at| (mix(seed ^ at << 32) % TRACES) as usize)
    }
}

/// Returns what a column holds, as `in_duckdb.py` names it.
fn kind(schema: &Schema, content: &Content) -> &'static str {
    let of = match content {
        Content::Value(Shown::EventTime) => Type::Time,
        Content::Value(Shown::Word(at)) => schema.words[*at].of,
        Content::Composed(_) => Type::Composed,
    };
    match of {
        Type::Time => "time",
        Type::Duration => "duration",
        Type::Money | Type::Total => "money",
        _ => "plain",
    }
}

/// Returns the rows of a plan in canonical order; `None` if a calculation has no result.
fn rows(file: &FilePipeline, settings: &[String], trace: &Arc<Trace>) -> Option<Vec<Vec<String>>> {
    let bound = file.prepare(settings, &trace.symbols).unwrap_or_else(|error| panic!("{error}"));
    let truth = bound.oracle(&oracle::occurrences(&trace.events));
    let feed = Arc::new(Feed::new(Arc::clone(trace), 16, trace.slack_to_lose_nothing_ms(), true));
    match bound.run(&RunContext::new(RunConfig::plain(Strategy::SEQUENTIAL), &feed, UnpacedDriver::drivers())) {
        Ok(end) => assert_eq!(end.answers.lines(&trace.symbols), truth.lines(&trace.symbols)),
        Err(RunError::Calculation { .. }) => return None,
        Err(error) => panic!("{error}"),
    }
    let cells = |at| truth.cells(at, &trace.symbols).into_iter().map(|(_, text)| text).collect();
    let mut rows: Vec<Vec<String>> = (0..truth.len()).map(cells).collect();
    rows.sort_unstable();
    Some(rows)
}

fn in_duckdb(traces: &[Arc<Trace>], plans: &[Plan], cases: &[Case]) -> Vec<Option<Difference>> {
    let traces = traces.iter().map(|trace| trace.events.iter().map(|event| cells(event, &trace.symbols)).collect());
    let asked = serde_json::to_vec(&Asked { traces: traces.collect(), plans, cases }).unwrap();
    let python = std::env::var("FLOWBENCH_DUCKDB_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(&python);
    command.args(["-c", include_str!("in_duckdb.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{python}: {error}"));
    child.stdin.take().unwrap().write_all(&asked).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{python} failed, see above");
    let differences: Vec<Option<Difference>> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(differences.len(), cases.len());
    differences
}

/// Returns the fields of an event in the order in which files have them.
fn cells(event: &Event, symbols: &Symbols) -> EventCells {
    let record = event.record();
    let text = |push: &dyn Fn(&mut String)| {
        let mut text = String::new();
        push(&mut text);
        Some(text).filter(|text| !text.is_empty())
    };
    json!([
        text(&|text| symbols.push_event_id(record.event_id, text)),
        record.kind.name(),
        record.event_time_ms,
        record.arrival_time_ms,
        text(&|text| symbols.push_id(record.customer, text)),
        text(&|text| symbols.push_id(record.order, text)),
        text(&|text| symbols.push_id(record.product, text)),
        record.value.map(|value| value.to_string()),
        text(&|text| text.push_str(symbols.country_name(record.country))),
        record.load_time_ms,
        record.rating,
        record.channel.map(Channel::name),
    ])
}

fn described(plan: &Plan, case: &Case, difference: &Difference) -> String {
    let Plan { seed, toml, settings, sql, .. } = plan;
    let Difference { translated, error, ours, theirs } = difference;
    format!(
        "== seed {seed}, trace {}, {}\n{toml}\n{sql}\n-- in DuckDB\n{translated}\n{error}\nours:\n{}\ntheirs:\n{}\n",
        case.trace,
        settings.join(" "),
        ours.join("\n"),
        theirs.join("\n")
    )
}
