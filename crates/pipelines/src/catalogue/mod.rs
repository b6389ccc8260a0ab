//! The pipelines: one file each, with the question, its reference SQL, its edge cases, its logic and its table tests.

mod beacon_band;
mod deduplicate;
mod dispatch_overdue;
mod dispatched_today;
mod export_review;
mod funnel;
mod identity;
mod late_then_unhappy;
mod lifetime_value;
mod load_time_conversion;
mod order_reference;
mod repeat_high_value;
mod sessions;
mod trending_products;

use crate::pipeline::Pipeline;

/// All pipelines, in the order of `flowbench list`.
pub static CATALOGUE: &[&dyn Pipeline] = &[
    &identity::Identity,
    &export_review::ExportReview,
    &order_reference::OrderReference,
    &beacon_band::BeaconBand,
    &deduplicate::Deduplicate,
    &repeat_high_value::RepeatHighValue,
    &dispatched_today::DispatchedToday,
    &dispatch_overdue::DispatchOverdue,
    &sessions::Sessions,
    &funnel::Funnel,
    &load_time_conversion::LoadTimeConversion,
    &late_then_unhappy::LateThenUnhappy,
    &trending_products::TrendingProducts,
    &lifetime_value::LifetimeValue,
];

/// For table tests: the CSV lines a pipeline's oracle gives, and that every strategy gives the same. The exact evictions
/// take turns: each comes often, not with everything else.
#[cfg(test)]
pub(crate) fn check(pipeline: &dyn Pipeline, settings: &[&str], events: &str, answers: &[&str]) {
    use crate::driver::UnpacedDriver;
    use crate::eviction::Frontier;
    use crate::{Eviction, Feed, OrderName, RunConfig, RunContext, RunError, Strategy, oracle};
    use std::sync::Arc;

    let trace = tests::parse(events);
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let prepared = pipeline.prepare(&settings, &trace.symbols).unwrap();
    let lines = prepared.oracle(&oracle::occurrences(&trace.events)).lines(&trace.symbols);
    assert_eq!(lines, answers, "oracle of {}", pipeline.name());
    let trace = Arc::new(trace);
    let mut evictions = Eviction::ALL.into_iter().filter(|eviction| eviction.is_exact()).cycle();
    let paces = [(1, UnpacedDriver::one_at_a_time()), (1, UnpacedDriver::drivers()), (3, UnpacedDriver::drivers())];
    for (records_per_epoch, drivers) in paces.into_iter().chain([(100, UnpacedDriver::drivers())]) {
        let feed = Arc::new(Feed::new(Arc::clone(&trace), records_per_epoch, trace.slack_to_lose_nothing_ms(), true));
        for (strategy, workers) in Strategy::ALL.into_iter().flat_map(|one| [(one, 1), (one, 3)]) {
            for order in OrderName::ALL.into_iter().filter(|order| order.drops_late()) {
                for eviction in [Frontier.into()].into_iter().chain(evictions.by_ref().take(2)) {
                    let config = RunConfig { workers, eviction, order, ..RunConfig::plain(strategy) };
                    let end = match prepared.run(&RunContext::new(config, &feed, Arc::clone(&drivers))) {
                        Err(RunError::Unsupported { .. } | RunError::Workers { .. })
                            if strategy != Strategy::EXCHANGE || eviction.needs_arrangements() =>
                        {
                            continue;
                        }
                        end => end.unwrap(),
                    };
                    assert_eq!(end.answers.lines(&trace.symbols), answers, "{config:?}, {records_per_epoch} per epoch");
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use flowbench_events::{Event, Kind, Record, Symbols, Trace, Value, parse_rfc3339_ms};

    /// Reads lines `kind time key=value ...`, time without its `Z`; keys c(ustomer), o(rder),
    /// p(roduct), v(alue), l(oad time in ms), r(ating), country, id (else the number of the line).
    pub(crate) fn parse(events: &str) -> Trace {
        let mut symbols = Symbols::default();
        let lines = events.lines().map(str::trim).filter(|line| !line.is_empty());
        let events = lines.zip(1..).map(|(line, event_id)| event(line, event_id, &mut symbols)).collect();
        Trace { events, symbols, ..Trace::default() }
    }

    fn event(line: &str, event_id: u64, symbols: &mut Symbols) -> Event {
        let mut words = line.split_whitespace();
        let kind = Kind::from_name(words.next().unwrap()).unwrap();
        let time_ms = parse_rfc3339_ms(&format!("{}Z", words.next().unwrap())).unwrap();
        let mut record = Record::new(event_id, kind, time_ms);
        for (key, value) in words.map(|word| word.split_once('=').unwrap()) {
            match key {
                "c" => record.customer = symbols.id(value).unwrap(),
                "o" => record.order = symbols.id(value).unwrap(),
                "p" => record.product = symbols.id(value).unwrap(),
                "v" => record.value = Some(Value::parse(value).unwrap()),
                "l" => record.load_time_ms = Some(value.parse().unwrap()),
                "r" => record.rating = Some(value.parse().unwrap()),
                "id" => record.event_id = symbols.event_id(value),
                "country" => record.country = symbols.country(value).unwrap(),
                _ => panic!("{key}"),
            }
        }
        Event::try_from(record).unwrap()
    }

    /// What makes every pipeline answer, with each cell that is no number in two ways at least.
    const EVENTS: &str = "
        page_viewed      2026-01-01T00:00:00 c=7 p=a l=100 country=GB
        page_viewed      2026-01-01T00:00:01 c=7 p=b l=3000
        page_viewed      2026-01-01T01:00:01 c=8 p=b l=9000
        info_downloaded  2026-01-01T01:00:02 c=7 p=b
        order_placed     2026-01-01T01:00:03 c=7 o=1 v=501
        order_placed     2026-01-01T01:00:04 c=7 o=2 v=502
        order_placed     2026-01-01T01:00:05 c=7 o=3 v=503
        order_dispatched 2026-01-01T02:00:00 c=7 o=1 v=501 country=FR
        order_dispatched 2026-01-04T02:00:00 c=7 o=2 v=502 country=DE
        order_delivered  2026-01-05T02:00:00 c=7 o=2
        review_posted    2026-01-06T00:00:00 c=7 o=2 r=1";

    #[test]
    fn answers_of_any_pipeline_that_differ_in_one_cell_have_different_fingerprints() {
        let trace = parse(EVENTS);
        for pipeline in CATALOGUE {
            let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
            let answers = prepared.oracle(&crate::oracle::occurrences(&trace.events));
            assert!(!answers.is_empty(), "{} has nothing to answer", pipeline.name());
            for (cell, [row, other]) in answers.with_another_cell() {
                assert_ne!(row, other, "{}: {cell}", pipeline.name());
            }
        }
    }

    /// Each event of a customer comes twice more, so that subjects repeat, with other content and with the same.
    #[test]
    fn the_columns_that_identify_an_answer_of_any_pipeline_tell_what_its_subject_tells() {
        let later = EVENTS.replace("T0", "T1");
        let trace = parse(&[EVENTS, &later, EVENTS].concat());
        for pipeline in CATALOGUE {
            let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
            let answers = prepared.oracle(&crate::oracle::delivered(&trace, None, None));
            let (subjects, header) = (answers.subjects(), answers.header());
            let place = |name: &str| header.split(',').position(|column| column == name).unwrap();
            let places: Vec<usize> = answers.subject_columns().into_iter().map(place).collect();
            let cells: Vec<Vec<String>> = (0..answers.len())
                .map(|at| answers.cells(at, &trace.symbols).into_iter().map(|(_, text)| text).collect())
                .collect();
            let key = |at: usize| places.iter().map(|place| cells[at][*place].as_str()).collect::<Vec<_>>();
            for at in 0..answers.len() {
                assert_eq!(cells[at].join(","), answers.line(at, &trace.symbols), "{}", pipeline.name());
                for other in 0..at {
                    let are_same = subjects[at] == subjects[other];
                    assert_eq!(
                        key(at) == key(other),
                        are_same,
                        "{}: {:?}",
                        pipeline.name(),
                        (&cells[at], &cells[other])
                    );
                }
            }
        }
    }

    #[test]
    fn everything_is_said_of_each_and_unknown_names_get_a_suggestion() {
        for about in CATALOGUE.iter().map(|pipeline| pipeline.about()) {
            assert!(!about.question.is_empty() && !about.sql.is_empty() && !about.columns.is_empty(), "{}", about.name);
        }
        let error = |name| crate::Registry::default().find(name).err().unwrap().to_string();
        assert!(error("repeat-highvalue").contains("did you mean 'repeat-high-value'"));
        assert!(error("xyz").contains("identity"));
    }
}
