use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use flowbench_events::{Event, Kind, Trace, Value, rfc3339};

use super::FilePipeline;
use crate::catalogue::tests::parse;
use crate::driver::UnpacedDriver;
use crate::eviction::{Frontier, Never};
use crate::pipeline::{BoundPipeline, Pipeline};
use crate::strategy::tests::{STEP_MS, events};
use crate::{Eviction, Feed, OrderName, Registry, RunConfig, RunContext, RunError, Strategy, oracle};

/// The pipeline that ships as a file.
fn shipped(name: &str) -> &'static FilePipeline {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/pipelines").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    FilePipeline::parse(name, &text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The pipelines of the catalogue that there are as files, with settings to try them with.
const FILES: [(&str, &[&str]); 18] = [
    ("identity", &[]),
    ("export-review", &[]),
    ("export-review", &["on=order_placed", "threshold=300.5", "home=FR"]),
    ("order-reference", &[]),
    ("order-reference", &["timezone=America/New_York"]),
    ("beacon-band", &["good=1s", "poor=2s"]),
    ("repeat-high-value", &["window=8h", "threshold=100", "count=2"]),
    ("repeat-high-value", &["window=60d"]),
    ("dispatched-today", &[]),
    ("dispatched-today", &["on=review_posted", "timezone=America/New_York"]),
    ("lifetime-value", &[]),
    ("beacon-band", &[]),
    ("sessions", &[]),
    ("sessions", &["on=order_placed", "gap=2h"]),
    ("funnel", &[]),
    ("funnel", &["within=6h"]),
    ("trending-products", &[]),
    ("trending-products", &["k=2", "size=6h", "slide=3h"]),
];

pub(super) fn prepared(pipeline: &dyn Pipeline, settings: &[&str], trace: &Trace) -> Box<dyn BoundPipeline> {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    pipeline.prepare(&settings, &trace.symbols).unwrap()
}

/// A trace with countries that have names, and with values that are absent.
fn trace(mut events: Vec<Event>) -> Arc<Trace> {
    let mut trace = Trace::default();
    trace.symbols.country("GB");
    trace.symbols.country("FR");
    for (at, event) in events.iter_mut().enumerate().filter(|(at, _)| at % 7 == 0) {
        let mut record = event.record();
        (record.value, record.load_time_ms) = if at % 2 == 0 { (None, None) } else { (record.value, None) };
        *event = Event::try_from(record).unwrap();
    }
    Arc::new(Trace { events, ..trace })
}

#[test]
fn a_file_answers_as_the_pipeline_of_the_catalogue_does_whoever_runs_it() {
    let mut in_order = events(500);
    in_order.sort_by_key(Event::canonical_key);
    for (events, slack_ms) in [(in_order, 0), (events(500), 40 * STEP_MS)] {
        let trace = trace(events);
        let feed = Arc::new(Feed::new(Arc::clone(&trace), 16, slack_ms, true));
        let canonical = oracle::occurrences(&trace.events);
        for (name, settings) in FILES {
            let native = prepared(Registry::default().find(name).unwrap(), settings, &trace).oracle(&canonical);
            let file = prepared(shipped(name), settings, &trace);
            let truth = file.oracle(&canonical);
            assert_eq!(truth.header(), native.header());
            assert_eq!(truth.lines(&trace.symbols), native.lines(&trace.symbols), "{name} {settings:?}");
            assert!(!truth.is_empty(), "{name} {settings:?} has nothing to answer");
            assert_eq!(sorted(truth.fingerprints()), sorted(native.fingerprints()), "{name} {settings:?}");
            let lines = native.lines(&trace.symbols);
            assert!(serves(name, &*file, &feed, &lines) >= 20, "{name} is served by next to nothing");
        }
    }
}

fn sorted(mut fingerprints: Vec<u128>) -> Vec<u128> {
    fingerprints.sort_unstable();
    fingerprints
}

/// Runs a pipeline by every strategy that serves it, and returns how many runs gave these lines.
fn serves(name: &str, file: &dyn BoundPipeline, feed: &Arc<Feed>, lines: &[String]) -> usize {
    let mut served = 0;
    let orders = OrderName::ALL.into_iter().filter(|order| order.drops_late());
    let evictions = [Eviction::from(Never), Frontier.into()];
    let choices = orders.flat_map(|order| evictions.map(|eviction| (order, eviction)));
    for (order, eviction) in choices {
        for (strategy, workers) in Strategy::ALL.into_iter().flat_map(|one| [1, 2, 4].map(|workers| (one, workers))) {
            let config = RunConfig { workers, eviction, order, ..RunConfig::plain(strategy) };
            match file.run(&RunContext::new(config, feed, UnpacedDriver::drivers())) {
                Ok(end) => {
                    assert_eq!(end.answers.lines(&feed.trace().symbols), lines, "{name} {config:?}");
                    served += 1;
                }
                Err(RunError::Unsupported { .. } | RunError::Workers { .. }) => {}
                Err(error) => panic!("{name} {config:?}: {error}"),
            }
        }
    }
    served
}

#[test]
fn answers_are_about_ids_keys_and_windows() {
    for (name, subject) in [
        ("sessions", &["customer", "start"][..]),
        ("trending-products", &["window_start", "rank"]),
        ("best-sellers", &["day", "country", "rank"]),
        ("repeat-high-value", &["customer", "order"]),
        ("order-reference", &["order"]),
    ] {
        let bound = prepared(shipped(name), &[], &Trace::default());
        assert_eq!(bound.oracle(&[]).subject_columns(), subject, "{name}");
    }
    for (columns, subject) in [("'n', 'window_end'", "window_end"), ("'n'", "n")] {
        let stages = format!("[[stage]]\ntumble = '1h'\ncompute = ['n = count()']\n[[stage]]\nemit = [{columns}]");
        let bound = prepared(FilePipeline::parse("x.toml", &stages).unwrap(), &[], &Trace::default());
        assert_eq!(bound.oracle(&[]).subject_columns(), [subject]);
    }
}

/// A file, and the answers it gives to a few events.
#[track_caller]
pub(super) fn answers(stages: &str, events: &str, expected: &[&str]) {
    let trace = parse(events);
    let file = FilePipeline::parse("test.toml", stages).unwrap_or_else(|problems| panic!("{problems}"));
    let bound = prepared(file, &[], &trace);
    let lines = bound.oracle(&oracle::occurrences(&trace.events)).lines(&trace.symbols);
    assert_eq!(lines, expected);
    let slack_ms = trace.slack_to_lose_nothing_ms();
    let feed = Arc::new(Feed::new(Arc::new(trace), 2, slack_ms, true));
    serves("test.toml", &*bound, &feed, &lines);
}

const ORDERS: &str = "
    order_placed 2026-01-01T00:10:00 o=1 c=7 v=5 country=GB r=2
    order_placed 2026-01-01T00:20:00 o=2 c=7 v=3 country=FR
    page_viewed  2026-01-01T00:20:00 c=7
    order_placed 2026-01-01T00:59:59.999 o=3 c=8
    order_placed 2026-01-01T01:00:00 o=4 c=7 v=-2 country=GB r=5
    order_placed 2026-01-01T01:10:00 o=5 v=9";

#[test]
fn windows_have_a_key_and_every_aggregate() {
    let stages = r#"
        [[stage]]
        filter = 'kind == "order_placed"'
        [[stage]]
        key = ["customer"]
        [[stage]]
        tumble = "1h"
        compute = ["n = count()", "valued = count(value)", "least = min(value)", "latest = last(order)"]
        [[stage]]
        emit = ["window_start", "customer", "n", "valued", "least", "latest"]"#;
    answers(
        stages,
        ORDERS,
        &[
            "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,7,2,2,3.000,2",
            "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,8,1,0,,3",
            "2026-01-01T02:00:00.000Z,2026-01-01T01:00:00.000Z,7,1,1,-2.000,4",
        ],
    );
}

#[test]
fn a_key_may_have_several_parts_and_be_computed() {
    let stages = r#"
        [[stage]]
        filter = 'kind == "order_placed" && has(country)'
        [[stage]]
        key = ["customer", "country", "big = value > 2 ? 'big' : 'small'"]
        [[stage]]
        running = ["most = max(value)", "ratings = sum(rating)"]
        [[stage]]
        emit = ["customer", "country", "big", "most", "ratings", "double = most + most"]"#;
    answers(
        stages,
        ORDERS,
        &[
            "2026-01-01T00:10:00.000Z,7,GB,big,5.000,2,10.000",
            "2026-01-01T00:20:00.000Z,7,FR,big,3.000,0,6.000",
            "2026-01-01T01:00:00.000Z,7,GB,small,-2.000,5,-4.000",
        ],
    );
    let tumbling =
        stages.replace("running = [", "tumble = \"day\"\ncompute = [").replace("\"double = most + most\"", "\"day\"");
    answers(
        &tumbling,
        ORDERS,
        &[
            "2026-01-02T00:00:00.000Z,7,FR,big,3.000,0,2026-01-01",
            "2026-01-02T00:00:00.000Z,7,GB,big,5.000,2,2026-01-01",
            "2026-01-02T00:00:00.000Z,7,GB,small,-2.000,5,2026-01-01",
        ],
    );
}

#[test]
fn answers_can_be_filtered_by_what_is_computed_and_cells_have_their_types() {
    let stages = r#"
        [[stage]]
        key = ["customer"]
        [[stage]]
        count_in = "41min"
        [[stage]]
        filter = 'n >= 2 && kind == "order_placed"'
        [[stage]]
        map = ["since_epoch = event_time - timestamp('2026-01-01T00:00:00Z')", "is_gb = country == 'GB'"]
        [[stage]]
        emit = ["n", "kind", "placed = event_time", "since_epoch", "is_gb", "event_id"]"#;
    answers(
        stages,
        ORDERS,
        &[
            "2026-01-01T00:20:00.000Z,2,order_placed,2026-01-01T00:20:00.000Z,20min,false,2",
            "2026-01-01T01:00:00.000Z,3,order_placed,2026-01-01T01:00:00.000Z,1h,true,5",
        ],
    );
}

#[test]
fn a_session_has_every_aggregate_and_a_pause_of_exactly_the_gap_is_none() {
    let stages = r#"
        [[stage]]
        filter = 'kind == "order_placed" && has(customer)'
        [[stage]]
        key = ["customer"]
        [[stage]]
        session = "40min"
        compute = ["n = count()", "spent = sum(value)", "most = max(value)", "latest = last(order)"]
        [[stage]]
        filter = "n < 9"
        [[stage]]
        emit = ["session_start", "customer", "n", "spent", "most", "latest"]"#;
    let together = [
        "2026-01-01T00:59:59.999Z,2026-01-01T00:59:59.999Z,8,1,0.000,,3",
        "2026-01-01T01:00:00.000Z,2026-01-01T00:10:00.000Z,7,3,6.000,5.000,4",
    ];
    answers(stages, ORDERS, &together);
    let apart = [
        "2026-01-01T00:20:00.000Z,2026-01-01T00:10:00.000Z,7,2,8.000,5.000,2",
        "2026-01-01T00:59:59.999Z,2026-01-01T00:59:59.999Z,8,1,0.000,,3",
        "2026-01-01T01:00:00.000Z,2026-01-01T01:00:00.000Z,7,1,-2.000,-2.000,4",
    ];
    answers(&stages.replace("40min", "2399999ms"), ORDERS, &apart);
}

#[test]
fn what_does_not_happen_is_answered_when_it_was_due() {
    let events = "
        order_placed     2026-01-01T00:00:00 o=1 c=7 v=5
        order_placed     2026-01-01T00:00:00 o=2 c=7 v=6
        order_placed     2026-01-01T01:00:00 o=1 c=9 v=7
        order_dispatched 2026-01-03T00:00:00 o=2
        page_viewed      2026-01-03T00:00:00.001 c=7
        order_dispatched 2026-01-03T00:00:00.001 o=1
        order_placed     2026-01-04T00:00:00 o=1 c=8
        order_cancelled  2026-01-04T12:00:00 o=1
        order_placed     2026-01-05T00:00:00 o=3";
    let stages = r#"
        [[stage]]
        key = ["order"]
        [[stage]]
        absence = "48h"
        starts = 'kind == "order_placed"'
        ends = 'kind in ["order_dispatched", "order_cancelled"]'
        [[stage]]
        emit = ["order", "customer", "value", "placed = event_time", "due"]"#;
    answers(
        stages,
        events,
        &[
            "2026-01-03T00:00:00.000Z,1,7,5.000,2026-01-01T00:00:00.000Z,2026-01-03T00:00:00.000Z",
            "2026-01-07T00:00:00.000Z,3,,,2026-01-05T00:00:00.000Z,2026-01-07T00:00:00.000Z",
        ],
    );
    // An order that ends the wait for the one before begins to wait itself.
    let again = stages.replace("order_dispatched\", \"order_cancelled", "order_placed");
    answers(
        &again,
        events,
        &[
            "2026-01-03T00:00:00.000Z,2,7,6.000,2026-01-01T00:00:00.000Z,2026-01-03T00:00:00.000Z",
            "2026-01-03T01:00:00.000Z,1,9,7.000,2026-01-01T01:00:00.000Z,2026-01-03T01:00:00.000Z",
            "2026-01-06T00:00:00.000Z,1,8,,2026-01-04T00:00:00.000Z,2026-01-06T00:00:00.000Z",
            "2026-01-07T00:00:00.000Z,3,,,2026-01-05T00:00:00.000Z,2026-01-07T00:00:00.000Z",
        ],
    );
}

#[test]
fn windows_that_overlap_hold_what_a_look_at_each_finds() {
    const SIZE_MS: i64 = 5_400_000;
    let stages = r#"
        [[stage]]
        filter = 'kind in ["order_placed", "page_viewed"]'
        [[stage]]
        key = ["customer", "kind"]
        [[stage]]
        hop = "90min"
        slide = "30min"
        compute = ["n = count()", "rated = count(load_time_ms)", "total = sum(value)"]
        [[stage]]
        emit = ["window_start", "customer", "kind", "n", "rated", "total"]"#;
    let trace = trace(events(300));
    let mut expected = Vec::new();
    let starts: Vec<i64> = (0..2000).map(|slide| (slide - 4) * SIZE_MS / 3).collect();
    for start_ms in starts {
        let mut groups: BTreeMap<(u32, Kind), (u64, u64, i64)> = BTreeMap::new();
        let is_in = |event: &&Event| (start_ms..start_ms + SIZE_MS).contains(&event.event_time_ms());
        for event in oracle::occurrences(&trace.events).iter().filter(is_in) {
            let Some(customer) = event.customer() else { continue };
            if matches!(event.kind(), Kind::OrderPlaced | Kind::PageViewed) {
                let (n, rated, total) = groups.entry((customer.0, event.kind())).or_default();
                *n += 1;
                *rated += u64::from(event.load_time_ms().is_some());
                *total += event.value().map_or(0, |value| value.0);
            }
        }
        let (start, end) = (rfc3339(start_ms), rfc3339(start_ms + SIZE_MS));
        let line = |((customer, kind), (n, rated, total)): (&(u32, Kind), &(u64, u64, i64))| {
            format!("{end},{start},{customer},{kind},{n},{rated},{}", Value(*total))
        };
        let mut lines: Vec<String> = groups.iter().map(line).collect();
        lines.sort_unstable();
        expected.append(&mut lines);
    }
    let bound = prepared(FilePipeline::parse("hop.toml", stages).unwrap(), &[], &trace);
    assert_eq!(bound.oracle(&oracle::occurrences(&trace.events)).lines(&trace.symbols), expected);
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 16, 40 * STEP_MS, true));
    assert!(serves("hop.toml", &*bound, &feed, &expected) >= 20);
}

#[test]
fn every_file_that_ships_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/pipelines");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(names.len() >= 10);
    for name in names {
        let about = shipped(&name).about();
        assert!(about.question.ends_with('?') && about.parameters.iter().all(|one| !one.meaning.is_empty()), "{name}");
        assert!(!about.sql.is_empty() || Registry::default().find(&name).is_ok(), "{name} has no SQL to be checked by");
    }
}

#[test]
fn a_result_beyond_64_bits_ends_the_run_and_names_the_event() {
    let events = "
        order_placed 2026-01-02T00:00:00 o=1 c=7 v=9223372036854775.807
        order_placed 2026-01-01T00:00:00 o=2 c=7 v=9223372036854775.807";
    let trace = Arc::new(parse(events));
    let feed = Arc::new(Feed::new(Arc::clone(&trace), 2, trace.slack_to_lose_nothing_ms(), true));
    for (stages, what) in [
        ("[[stage]]\nmap = [\"twice = value + value\"]\n[[stage]]\nemit = [\"twice\"]", "event 2 of 2026-01-01"),
        ("[[stage]]\nmap = [\"twice = value * (1 / (rating - rating))\"]\n[[stage]]\nemit = [\"twice\"]", ""),
        (
            "[[stage]]\nkey = [\"customer\"]\n[[stage]]\nrunning = [\"s = sum(value)\"]\n[[stage]]\nemit = [\"s\"]",
            "a sum beyond 64 bits: event 1 of 2026-01-02",
        ),
        (
            "[[stage]]\ntumble = \"7d\"\ncompute = [\"s = sum(value)\"]\n[[stage]]\nemit = [\"s\"]",
            "a sum beyond 64 bits: event 0 of 2026-01-08",
        ),
    ] {
        let bound = prepared(FilePipeline::parse("x.toml", stages).unwrap(), &[], &trace);
        for (strategy, workers) in [(Strategy::SEQUENTIAL, 1), (Strategy::EXCHANGE, 2)] {
            let config = RunConfig { workers, ..RunConfig::plain(strategy) };
            match bound.run(&RunContext::new(config, &feed, UnpacedDriver::drivers())) {
                Err(error) => assert!(!what.is_empty() && error.to_string().contains(what), "{error}"),
                Ok(_) => assert_eq!(what, "", "{stages}: what is absent has no sum"),
            }
        }
    }
}

#[test]
fn parameters_are_set_as_those_of_any_pipeline() {
    let file = shipped("repeat-high-value");
    let error = |settings: &[&str]| {
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        file.prepare(&settings, &Trace::default().symbols).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(error(&["threshold=1", "window=1h", "count=9"]), "");
    assert!(error(&["treshold=1"]).contains("did you mean 'threshold'?"));
    assert!(error(&["threshold=a"]).contains("threshold = 'a': 'a' is not money"));
    assert!(error(&["window=0"]).contains("a duration from 1ms to 1000000d"));
    assert!(error(&["count=1", "count=2"]).contains("set twice"));
    let native = Registry::default().find("repeat-high-value").unwrap().about();
    assert_eq!((file.about().columns, file.about().question), (native.columns, native.question));
    assert!(file.about().state.starts_with("per customer: "), "{}", file.about().state);
    assert!(shipped("export-review").is_stateless() && !file.is_stateless());
}

/// Files that are broken: each with a piece of the place and message that is said of it.
const BROKEN: &[(&str, &str)] = &[
    ("", "x.toml: there are no stages"),
    ("stage = 1", "line 1, column 9: stages are a list"),
    ("[[stage]\nemit = []", "line 1, column"),
    (
        "qestion = 'x'\n[[stage]]\nemit = ['order']",
        "line 1, column 1: a pipeline has no key 'qestion'; did you mean 'question'?",
    ),
    (
        "question = 1\n[[stage]]\nemit = ['order']",
        "line 1, column 12: a text is needed here; write a sentence in quotes",
    ),
    (
        "[[stage]]\nfiltr = 'true'\n[[stage]]\nemit = ['order']",
        "line 2, column 1: there is no stage 'filtr'; did you mean 'filter'?",
    ),
    (
        "[[stage]]\nmtch = '1h'\n[[stage]]\nemit = ['order']",
        "line 2, column 1: there is no stage 'mtch'; did you mean 'match'?",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nthen = 'true'\n[[stage]]\nemit = ['order']",
        "line 4, column 9: this stage has no first; give it first = a condition in quotes",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\n[[stage]]\nemit = ['order']",
        "line 4, column 9: this stage has no then; give it then = a condition in quotes",
    ),
    (
        "[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\n[[stage]]\nemit = ['order']",
        "line 2, column 1: match needs a key; write [[stage]] with key = [\"customer\"] before it",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\nkep = 'a = value'\n[[stage]]\nemit = ['order']",
        "line 7, column 1: the stage match has no key 'kep'; did you mean 'keep'?",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = 7\nfirst = 'true'\nthen = 'true'\n[[stage]]\nemit = ['order']",
        "line 4, column 9: a text is needed here; write \"7d\"",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = 'day'\nfirst = 'true'\nthen = 'true'\n[[stage]]\nemit = ['order']",
        "line 4, column 9: 'day' is not a duration",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'kind'\nthen = 'valeu > 1'\n[[stage]]\nemit = ['order']",
        "line 5, column 10: a condition is needed, this is a kind of events; write a comparison with it",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'kind'\nthen = 'valeu > 1'\n[[stage]]\nemit = ['order']",
        "line 6, column 9: there is no name 'valeu'; did you mean 'value'?",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\nkeep = ['a = value', 'b = value', 'c = value', 'd = value', 'e = value']\n[[stage]]\nemit = ['order']",
        "line 4, column 1: a match keeps up to 4 cells of the first event, here are 5",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\nkeep = ['a = valeu']\n[[stage]]\nemit = ['order']",
        "line 7, column 14: there is no name 'valeu'; did you mean 'value'?",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\nkeep = ['value']\n[[stage]]\nemit = ['order']",
        "line 7, column 10: 'value' is that of the later event; give what is kept another name, 'first_value = value'",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\nkeep = ['a = value', 'a = rating']\n[[stage]]\nemit = ['order']",
        "line 7, column 27: there is something called 'a' already; give this another name",
    ),
    (
        "[[stage]]\nmap = ['since_first = value']\n[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\n[[stage]]\nemit = ['order']",
        "line 6, column 1: there is something called 'since_first' already",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'since_first > duration(\"1s\")'\nthen = 'true'\n[[stage]]\nemit = ['order']",
        "line 5, column 10: there is no name 'since_first'",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\nkeep = ['t = format(\"{order}\")']\n[[stage]]\nemit = ['order']",
        "line 7, column 14: format stands alone",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nmatch = '1h'\nfirst = 'true'\nthen = 'true'\n[[stage]]\nrunning = ['n = count()']\n[[stage]]\nemit = ['order']",
        "line 8, column 1: a pipeline has one stage that computes",
    ),
    (
        "[[stage]]\ntop_k = 10\nby = 'n'\n[[stage]]\nemit = ['order']",
        "line 2, column 1: top_k stands directly behind tumble or hop",
    ),
    (
        "[[stage]]\ntop_k = 1.5\nby = 'n'\n[[stage]]\nemit = ['order']",
        "line 2, column 9: a whole number is needed here",
    ),
    ("[[stage]]\ntop_k = 1\n[[stage]]\nemit = ['order']", "this stage has no by"),
    (
        "[[stage]]\ntumble = '1h'\ncompute = ['n = count()']\n[[stage]]\ntop_k = 0\nby = 'm'\nper = 'x'\n[[stage]]\nemit = ['n']",
        "top_k needs a key",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\ntumble = '1h'\ncompute = ['n = count()']\n[[stage]]\ntop_k = 0\nby = 'n'\n[[stage]]\nemit = ['n']",
        "line 7, column 9: '0': a whole number from 1 to 1000000",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\ntumble = '1h'\ncompute = ['n = count()']\n[[stage]]\ntop_k = 1\nby = 'm'\n[[stage]]\nemit = ['n']",
        "line 8, column 6: the window computes no 'm'",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\ntumble = '1h'\ncompute = ['n = count()']\n[[stage]]\ntop_k = 1\nby = 'n'\nper = ['ordr']\n[[stage]]\nemit = ['n']",
        "line 9, column 8: the key has no part 'ordr'; did you mean 'order'?",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\ntumble = '1h'\ncompute = ['n = max(value)']\n[[stage]]\ntop_k = 1\nby = 'n'\n[[stage]]\nemit = ['n']",
        "'n' is no count or sum, and windows that are ranked",
    ),
    ("[[stage]]\nsequence = ['true']\n[[stage]]\nemit = ['step']", "this stage has no within"),
    ("[[stage]]\nsequence = ['true']\nwithin = '1h'\n[[stage]]\nemit = ['step']", "sequence needs a key"),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nsequence = []\nwithin = '1h'\n[[stage]]\nemit = ['step']",
        "a sequence has 1 to 15 steps, here are 0",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nsequence = ['true', 'valeu > 1']\nwithin = '1h'\n[[stage]]\nemit = ['step']",
        "line 4, column 22: there is no name 'valeu'",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nabsence = '1h'\ntimezone = 'UTC'\nstarts = 'true'\nends = 'true'\n[[stage]]\nemit = ['due']",
        "line 5, column 12: a time zone only matters to days",
    ),
    ("[[stage]]\nmap = ['d = day(order)']\n[[stage]]\nemit = ['d']", "line 2, column 17: an order has no day"),
    (
        "[[stage]]\nmap = ['d = day(event_time, \"Europe/Londn\")']\n[[stage]]\nemit = ['d']",
        "line 2, column 29: 'Europe/Londn' is not a time zone",
    ),
    ("[[stage]]\nmap = ['d = day(event_time, kind)']\n[[stage]]\nemit = ['d']", "a time zone is needed here"),
    (
        "[[stage]]\nmap = ['t = format(\"a{ordr}\")']\n[[stage]]\nemit = ['t']",
        "line 2, column 23: there is no name 'ordr'; did you mean 'order'?",
    ),
    (
        "[[stage]]\nmap = ['t = format(\"{order}\")']\n[[stage]]\nfilter = 't == \"x\"'\n[[stage]]\nemit = ['t']",
        "line 4, column 11: this is a text of several values",
    ),
    ("[[stage]]\nmap = ['t = format(order)']\n[[stage]]\nemit = ['t']", "format takes one text"),
    ("[[stage]]\nfilter = 'format(\"{order}\") == \"x\"'\n[[stage]]\nemit = ['order']", "format stands alone"),
    (
        "[[stage]]\nemit = ['a = format(\"{order}{customer}{product}{value}\")', 'country', 'rating', 'kind']",
        "answers have more than 6 different values",
    ),
    ("[[stage]]\nhop = '1h'\ncompute = ['n = count()']\n[[stage]]\nemit = ['n']", "this stage has no slide"),
    (
        "[[stage]]\nhop = '1h'\nslide = '7min'\ncompute = ['n = count()']\n[[stage]]\nemit = ['n']",
        "line 3, column 9: a window is 1 to 1000 times its slide",
    ),
    (
        "[[stage]]\nhop = '1h'\nslide = '10min'\ncompute = ['n = max(value)']\n[[stage]]\nemit = ['n']",
        "'n' is no count or sum",
    ),
    ("[[stage]]\nsession = '1h'\ncompute = ['n = count()']\n[[stage]]\nemit = ['n']", "session needs a key"),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nabsence = '1h'\nstarts = 'tru'\n[[stage]]\nemit = ['order']",
        "this stage has no ends",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nabsence = '1h'\nstarts = 'tru'\nends = 'kind'\n[[stage]]\nemit = ['due']",
        "line 5, column 11: there is no name 'tru'",
    ),
    ("[[stage]]\n[[stage]]\nemit = ['order']", "this stage does nothing"),
    ("[[stage]]\nfilter = 'true'\nemit = ['order']", "this stage is both filter and emit; write [[stage]] before each"),
    (
        "[[stage]]\nfilter = 'true'\nas = 'n'\n[[stage]]\nemit = ['order']",
        "line 3, column 1: the stage filter has no key 'as'",
    ),
    ("[[stage]]\nfilter = 'true'", "there are no columns; write [[stage]] with emit"),
    ("[[stage]]\nemit = []", "answers have 1 to 6 columns, here are 0"),
    ("[[stage]]\nemit = ['order']\n[[stage]]\nfilter = 'true'", "line 4, column 1: emit is the last stage"),
    ("[[stage]]\nemit = ['order', 'order']", "answers have a column 'order' already"),
    ("[[stage]]\nemit = ['event_time']", "answers have a column 'event_time' already"),
    ("[[stage]]\nemit = ['ordre']", "line 2, column 10: there is no name 'ordre'; did you mean 'order'?"),
    ("[[stage]]\nemit = ['order + 1']", "this has no name; write 'name = ' before it"),
    ("[[stage]]\nemit = ['x = order + 1']", "line 2, column 14: an order + a whole number has no meaning"),
    ("[[stage]]\nemit = [1]", "a text is needed here"),
    ("[[stage]]\nfilter = 'value > '\n[[stage]]\nemit = ['order']", "line 2, column 18: the expression ends"),
    ("[[stage]]\nfilter = 'valeu > 5'\n[[stage]]\nemit = ['order']", "line 2, column 11: there is no name 'valeu'"),
    (
        "[[stage]]\nfilter = \"kind == \\\"x\\\"\"\n[[stage]]\nemit = ['order']",
        "line 2, column 19: 'x' is not a kind of events",
    ),
    (
        "[[stage]]\nfilter = '''\nvalue > 1\n  && kind == 'x' '''\n[[stage]]\nemit = ['order']",
        "line 4, column 14: 'x' is not a kind",
    ),
    (
        "[[stage]]\nfilter = 'n > 1'\n[[stage]]\nkey = ['customer']\n[[stage]]\ncount_in = '1h'\n[[stage]]\nemit = ['n']",
        "there is no name 'n'",
    ),
    ("[[stage]]\nmap = ['value = 1']\n[[stage]]\nemit = ['order']", "there is something called 'value' already"),
    ("[[stage]]\nkey = ['customer']\n[[stage]]\nemit = ['order']", "line 2, column 1: nothing is computed of the key"),
    ("[[stage]]\nrunning = ['n = count()']\n[[stage]]\nemit = ['n']", "running needs a key"),
    ("[[stage]]\ncount_in = '1h'\n[[stage]]\nemit = ['n']", "count_in needs a key"),
    (
        "[[stage]]\nkey = ['value']\n[[stage]]\nrunning = ['n = count()']\n[[stage]]\nkey = ['order']\n[[stage]]\nemit = ['n']",
        "there is one key",
    ),
    (
        "[[stage]]\nkey = ['value', 'order']\n[[stage]]\nrunning = ['n = count()']\n[[stage]]\nemit = ['n']",
        "the key takes 96 bits",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nrunning = ['n = cuont()']\n[[stage]]\nemit = ['n']",
        "line 4, column 17: there is no aggregate 'cuont'; did you mean 'count'?",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nrunning = ['n = value']\n[[stage]]\nemit = ['n']",
        "an aggregate is needed here",
    ),
    ("[[stage]]\nkey = ['order']\n[[stage]]\nrunning = ['n = sum()']\n[[stage]]\nemit = ['n']", "sum takes one value"),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nrunning = ['n = sum(country)']\n[[stage]]\nemit = ['n']",
        "there is no sum of a country",
    ),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\nrunning = []\n[[stage]]\nemit = ['order']",
        "a stage computes 1 to 4 aggregates",
    ),
    ("[[stage]]\nkey = ['order']\n[[stage]]\ncount_in = '1x'\n[[stage]]\nemit = ['n']", "line 4, column 12: "),
    (
        "[[stage]]\nkey = ['order']\n[[stage]]\ncount_in = '0'\n[[stage]]\nemit = ['n']",
        "a duration from 1ms to 1000000d",
    ),
    ("[[stage]]\nkey = ['order']\n[[stage]]\ncount_in = '{w}'\n[[stage]]\nemit = ['n']", "there is no parameter 'w'"),
    (
        "[parameters]\nw = { type = 'money', default = '1' }\n[[stage]]\nkey = ['order']\n[[stage]]\ncount_in = '{w}'\n[[stage]]\nemit = ['n']",
        "a duration is needed here, the parameter 'w' is money",
    ),
    ("[[stage]]\ntumble = '1h'\n[[stage]]\nemit = ['window_start']", "a window has nothing to say"),
    (
        "[[stage]]\ntumble = '1h'\ntimezone = 'UTC'\ncompute = ['n = count()']\n[[stage]]\nemit = ['n']",
        "a time zone only matters to days",
    ),
    (
        "[[stage]]\ntumble = 'day'\ntimezone = 'Europe/Londn'\ncompute = ['n = count()']\n[[stage]]\nemit = ['n']",
        "line 3, column 12: ",
    ),
    ("[[stage]]\ntumble = 'day'\ncompute = ['n = count()']\n[[stage]]\nemit = ['order']", "there is no name 'order'"),
    (
        "[[stage]]\ntumble = 'day'\ncompute = ['n = count()']\n[[stage]]\ntumble = 'day'\ncompute = ['m = count()']\n[[stage]]\nemit = ['n']",
        "one stage that computes",
    ),
    ("[parameters]\nw = 5\n[[stage]]\nemit = ['order']", "a parameter is a table"),
    (
        "[parameters]\nw = { type = 'mony', default = '1' }\n[[stage]]\nemit = ['order']",
        "there is no type 'mony'; did you mean 'money'?",
    ),
    ("[parameters]\nw = { type = 'money' }\n[[stage]]\nemit = ['order']", "the parameter 'w' has no default"),
    (
        "[parameters]\nw = { type = 'money', default = 'x' }\n[[stage]]\nemit = ['order']",
        "line 2, column 33: 'x' is not money",
    ),
    (
        "[parameters]\nvalue = { type = 'money', default = '1' }\n[[stage]]\nemit = ['order']",
        "'value' is a field of events",
    ),
    (
        "[parameters]\nw = { type = 'money', default = '1', defalt = '2' }\n[[stage]]\nemit = ['order']",
        "a parameter has no key 'defalt'",
    ),
    ("parameters = 1\n[[stage]]\nemit = ['order']", "parameters are a table"),
];

#[test]
fn an_error_names_the_place_and_what_would_be_right() {
    assert!(BROKEN.len() >= 50);
    for (text, message) in BROKEN {
        let problems = FilePipeline::parse("x.toml", text).err().unwrap_or_else(|| panic!("nothing is wrong:\n{text}"));
        assert!(problems.to_string().contains(message), "{text}\nsays: {problems}");
    }
}

#[test]
fn all_problems_of_all_stages_are_said_at_once() {
    let text =
        "[[stage]]\nfilter = 'valeu > 1 && kind == \"ordr_placed\"'\n[[stage]]\nemit = ['ordre', 'x = value + rating']";
    let problems = FilePipeline::parse("x.toml", text).err().unwrap();
    let lines: Vec<String> = problems.list().iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "x.toml, line 2, column 11: there is no name 'valeu'; did you mean 'value'?",
            "x.toml, line 2, column 32: 'ordr_placed' is not a kind of events; did you mean 'order_placed'?",
            "x.toml, line 4, column 10: there is no name 'ordre'; did you mean 'order'?",
            "x.toml, line 4, column 23: money + a whole number has no meaning",
        ]
    );
}

#[test]
fn a_text_is_put_together_of_cells() {
    let stages = r#"
        [[stage]]
        filter = 'kind == "order_placed" && has(value)'
        [[stage]]
        map = ["placed = day(event_time, 'Asia/Kolkata')", 'text = format("{{{order}}}, {placed:%d.%m.} {event_time:%H:%M} {value}")']
        [[stage]]
        emit = ["order", "text", "placed"]"#;
    let events = "
        order_placed 2026-01-01T18:29:59 o=a c=7 v=5
        order_placed 2026-01-01T18:30:00 c=7 v=3";
    answers(
        stages,
        events,
        &[
            "2026-01-01T18:29:59.000Z,a,\"{a}, 01.01. 18:29 5.000\",2026-01-01",
            "2026-01-01T18:30:00.000Z,,\"{}, 02.01. 18:30 3.000\",2026-01-02",
        ],
    );
}

#[test]
fn windows_are_ranked_for_each_part_of_the_key_and_ties_go_by_the_others() {
    let stages = r#"
        [[stage]]
        filter = 'has(value)'
        [[stage]]
        key = ["country", "customer"]
        [[stage]]
        tumble = "1h"
        compute = ["n = count()", "spent = sum(value)"]
        [[stage]]
        top_k = 2
        by = "spent"
        per = ["country"]
        [[stage]]
        emit = ["window_start", "country", "rank", "customer", "n", "spent"]"#;
    let events = "
        order_placed 2026-01-01T00:00:00 c=b v=5 country=GB
        order_placed 2026-01-01T00:01:00 c=a v=5 country=GB
        order_placed 2026-01-01T00:02:00 c=9 v=2 country=GB
        order_placed 2026-01-01T00:03:00 c=9 v=3 country=GB
        order_placed 2026-01-01T00:04:00 c=c v=4.999 country=GB
        order_placed 2026-01-01T00:05:00 c=c v=1 country=FR
        order_placed 2026-01-01T00:06:00 c=d v=-1 country=FR
        order_placed 2026-01-01T00:07:00 c=e v=7
        order_placed 2026-01-01T01:00:00 c=e v=7 country=FR";
    answers(
        stages,
        events,
        &[
            "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,FR,1,c,1,1.000",
            "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,FR,2,d,1,-1.000",
            "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,GB,1,9,2,5.000",
            "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,GB,2,a,1,5.000",
            "2026-01-01T02:00:00.000Z,2026-01-01T01:00:00.000Z,FR,1,e,1,7.000",
        ],
    );
    let of_all = stages.replace("per = [\"country\"]", "");
    answers(
        &of_all,
        events,
        &[
            "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,GB,1,9,2,5.000",
            "2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,GB,2,a,1,5.000",
            "2026-01-01T02:00:00.000Z,2026-01-01T01:00:00.000Z,FR,1,e,1,7.000",
        ],
    );
    let by_country =
        of_all.replace("key = [\"country\", \"customer\"]", "key = [\"country\"]").replace("\"customer\", ", "");
    answers(
        &by_country.replace("by = \"spent\"", "by = \"n\"").replace("filter = 'has(value)'", "filter = 'value < 1'"),
        events,
        &["2026-01-01T01:00:00.000Z,2026-01-01T00:00:00.000Z,FR,1,1,-1.000"],
    );
}

#[test]
fn steps_follow_each_other_by_any_condition() {
    let stages = r#"
        [[stage]]
        key = ["customer"]
        [[stage]]
        sequence = ["kind == 'order_placed' && value > 4", "kind == 'page_viewed'", "true"]
        within = "50min"
        [[stage]]
        emit = ["customer", "step", "since_start"]"#;
    answers(
        stages,
        "
        page_viewed  2026-01-01T00:00:00 c=7
        order_placed 2026-01-01T00:10:00 c=7 v=5
        order_placed 2026-01-01T00:11:00 c=7 v=5
        page_viewed  2026-01-01T00:20:00 c=7
        page_viewed  2026-01-01T01:00:00 c=7
        order_placed 2026-01-01T01:10:00 c=7 v=4
        order_placed 2026-01-01T01:10:00 c=8 v=5
        page_viewed  2026-01-01T02:00:00.001 c=8",
        &[
            "2026-01-01T00:10:00.000Z,7,1,0s",
            "2026-01-01T00:20:00.000Z,7,2,10min",
            "2026-01-01T01:00:00.000Z,7,3,50min",
            "2026-01-01T01:10:00.000Z,8,1,0s",
        ],
    );
}

#[test]
fn a_wait_may_end_with_the_day_of_a_zone() {
    let stages = r#"
        [[stage]]
        key = ["order"]
        [[stage]]
        absence = "day"
        timezone = "Europe/London"
        starts = 'kind == "order_packed"'
        ends = 'kind == "order_dispatched"'
        [[stage]]
        emit = ["order", "due"]"#;
    answers(
        stages,
        "
        order_packed     2026-07-01T22:59:59.999 o=1
        order_packed     2026-07-01T23:00:00 o=2
        order_packed     2026-07-01T12:00:00 o=3
        order_dispatched 2026-07-01T22:59:59.999 o=3
        order_packed     2026-07-01T12:00:00 o=4
        order_dispatched 2026-07-01T23:00:00 o=4",
        &[
            "2026-07-01T22:59:59.999Z,1,2026-07-01T22:59:59.999Z",
            "2026-07-01T22:59:59.999Z,4,2026-07-01T22:59:59.999Z",
            "2026-07-02T22:59:59.999Z,2,2026-07-02T22:59:59.999Z",
        ],
    );
}
