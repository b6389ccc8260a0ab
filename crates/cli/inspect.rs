//! `inspect`: reports the facts of a log.

use flowbench_events::{Input, Symbols, duration_text, read_events, rfc3339};
use flowbench_generators::{Facts, FactsCollector, Origin};

use crate::args::Inspect;
use crate::failure::{Failure, OK, eprint, print};
use crate::json_output::print_json;
use crate::log_input;
use crate::origin;
use crate::overwriting::refuse_to_overwrite;
use crate::progress::Counter;
use crate::rejects::{Place, Rejects};
use crate::signals::remove_unfinished_outputs_on_signals;

pub(crate) fn inspect(args: &Inspect, quiet: bool) -> Result<i32, Failure> {
    let mut facts = FactsCollector::new(args.slack_ms).within(log_input::horizon(args.duplicate_horizon_ms));
    let mut symbols = Symbols::default();
    let counter = Counter::new("events", None, quiet);
    let mut on_event = |event, symbols: &Symbols| {
        facts.update(&[event], symbols);
        counter.add(1);
        Ok(())
    };
    let place = Place::new(args.log.rejects.as_deref(), Place::Nowhere);
    refuse_to_overwrite(&log_input::written(None, &place), &log_input::read_files(&args.log))?;
    remove_unfinished_outputs_on_signals();
    let mut rejects = Rejects::new(place)?;
    let options = log_input::options(&args.log)?;
    let input = Input::new(&args.log.input);
    let summary = read_events(&input, &options, &mut symbols, &mut on_event, &mut |reject| rejects.take(reject))
        .map_err(Failure::failed)?;
    let rejected = rejects.finish()?;
    log_input::eprint_assumed(&input, &summary, quiet);
    log_input::refuse_log_without_events(&input, &summary, &rejected)?;
    log_input::refuse_too_many_bad_rows(&args.log, &input, &summary, &rejected)?;
    counter.finish(&summary.to_string());
    log_input::eprint_remarks(&input, &summary, rejected, quiet);
    let facts = facts.finish();
    let origin = origin_of(&input, &facts, quiet);
    if args.json {
        let mut json = serde_json::to_value(&facts).map_err(Failure::failed)?;
        json["rows"] = summary.rows.into();
        json["used"] = summary.used.into();
        json["skipped"] = summary.skipped.into();
        json["rejects"] = summary.rejects.into();
        json["remarks"] = summary.remarks.into();
        json["origin"] = serde_json::to_value(&origin).map_err(Failure::failed)?;
        print_json("inspection", json)?;
    } else {
        print(&table(&facts, origin.as_ref()))?;
    }
    Ok(OK)
}

/// What is said in place of the number of duplicates if they cannot be told.
const NO_EVENT_ID: &str = "not known: no event has an id (event_id in a mapping)";

/// Returns the origin that lies beside a log; `None`, with a note, if the log has other events now.
fn origin_of(input: &Input, facts: &Facts, quiet: bool) -> Option<Origin> {
    let origin = origin::of(input)?;
    let is_of_log = origin.digest == facts.digest;
    if !is_of_log && !quiet {
        eprint(format!("note: the origin beside {input} is of another trace, with the digest {}", origin.digest));
    }
    is_of_log.then_some(origin)
}

/// Returns the facts as lines of text.
fn table(facts: &Facts, origin: Option<&Origin>) -> String {
    let time = |ms: Option<i64>| ms.map_or("-".to_owned(), rfc3339);
    let mut text = String::new();
    let mut line = |what: &str, seen: String| text.push_str(&format!("{what:<26}{seen}\n"));
    line("events", facts.events.to_string());
    line("event time", format!("{} to {}", time(facts.first_event_time_ms), time(facts.last_event_time_ms)));
    for rate in &facts.rates {
        let seen =
            format!("{} ({:.2}%, {:.1} an hour)", facts.per_kind[rate.kind.name()], rate.share * 100.0, rate.per_hour);
        line(&format!("  {}", rate.kind.name()), seen);
    }
    line("out of order", format!("{} ({:.2}%)", facts.out_of_order, facts.out_of_order_share * 100.0));
    line("late", format!("{} for a slack of {}", facts.late, duration_text(facts.slack_ms)));
    line("slack to lose nothing", duration_text(facts.slack_to_lose_nothing_ms));
    line("duplicates", facts.duplicates.map_or(NO_EVENT_ID.to_owned(), |count| count.to_string()));
    for (what, spread) in [
        ("how late those were", &facts.lateness_ms),
        ("transport delay", &facts.delay_ms),
        ("gap of a customer", &facts.gap_ms),
    ] {
        let [p50, p99, max] = [spread.p50, spread.p99, spread.max].map(duration_text);
        line(what, format!("median {p50}, p99 {p99}, maximum {max}"));
    }
    line("customers", facts.customers.to_string());
    line("share of the hottest 1%", format!("{:.2}%", facts.hottest_percent_share * 100.0));
    line("digest", facts.digest.clone());
    if let Some(origin) = origin {
        line("generated", origin.to_string());
    }
    text
}
