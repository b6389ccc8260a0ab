//! What faster pages would win, by the answers of a case, and in truth: in the same world with faster pages.
//!
//! Decision D-435.

use flowbench_events::{Event, Trace};
use flowbench_generators::{Amount, Generator};
use flowbench_measurement::record::WhatIf;
use flowbench_measurement::what_if::BandHour;
use flowbench_pipelines::{Answers, BoundPipeline, oracle};

use crate::environment;
use crate::experiment::case_spec::{CaseSpec, TraceSpec};
use crate::generate;

/// Returns the estimate from `answers`, with the truth beside it; `None` if the case does not ask for a counterfactual
/// world, and where the answers say nothing of faster pages.
pub(crate) fn estimated(
    spec: &CaseSpec,
    prepared: &dyn BoundPipeline,
    trace: &Trace,
    answers: &dyn Answers,
) -> Option<WhatIf> {
    if spec.trace.counterfactual.is_empty() {
        return None;
    }
    let rows = BandHour::read(&answers_csv(answers, trace)).ok()?;
    let estimate = WhatIf::one_band_faster(&rows)?;
    let otherwise = counterfactual(&spec.trace, &trace.events)?;
    let truth = conversions(prepared, &otherwise)? - conversions(prepared, trace)?;
    Some(WhatIf { truth: Some(truth), ..estimate })
}

/// Returns answers in CSV, as `replay` writes them.
pub(crate) fn answers_csv(answers: &dyn Answers, trace: &Trace) -> String {
    let mut csv = Vec::new();
    answers.write_csv(&trace.symbols, &mut csv).expect("writing to memory cannot fail");
    String::from_utf8(csv).expect("answers are text")
}

/// Returns the counterfactual world, up to the last arrival of the trace; `None` without events.
fn counterfactual(spec: &TraceSpec, events: &[Event]) -> Option<Trace> {
    let until_ms = events.last()?.arrival_time_ms();
    let profile = generate::profile(&spec.profile, &spec.counterfactual).ok()?;
    let generator = Generator::new(&profile, spec.seed).ok()?;
    let mut arrived: Vec<Event> = Vec::new();
    // The error is the end.
    let _ = generate::generate(&generator, Amount::Events(u64::MAX), environment::usable_cores(), |batch| {
        arrived.extend(batch.iter().take_while(|event| event.arrival_time_ms() <= until_ms));
        if batch.last().is_some_and(|event| event.arrival_time_ms() > until_ms) { Err(()) } else { Ok(()) }
    });
    Some(Trace { events: arrived, symbols: generator.symbols().clone(), ..Trace::default() })
}

/// Returns the number of views that lead to an order, if every event counts once and in canonical order.
fn conversions(prepared: &dyn BoundPipeline, trace: &Trace) -> Option<i64> {
    let answers = prepared.oracle(&oracle::occurrences(&trace.events));
    let rows = BandHour::read(&answers_csv(&*answers, trace)).ok()?;
    Some(rows.iter().map(|row| row.conversions as i64).sum())
}

#[cfg(test)]
mod tests {
    use flowbench_generators::BANDS_MS;
    use flowbench_pipelines::Registry;

    use super::*;

    /// What is won by the answers about a world, and in truth.
    fn won(settings: &[&str], counterfactual: &[&str], seed: u64, events: u64) -> WhatIf {
        let pipeline = Registry::default().find("load-time-conversion").unwrap();
        let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let otherwise = counterfactual.iter().map(|setting| (*setting).to_owned());
        let profile = generate::profile("retail", &settings).unwrap();
        let generator = Generator::new(&profile, seed).unwrap();
        let trace = generator.trace(Amount::Events(events));
        let spec = TraceSpec {
            profile: "retail".to_owned(),
            seed,
            events,
            counterfactual: settings.iter().cloned().chain(otherwise).collect(),
            overrides: settings,
            world: String::new(),
            log: None,
        };
        let prepared = pipeline.prepare(&[], &trace.symbols).unwrap();
        let answers = prepared.oracle(&oracle::occurrences(&trace.events));
        let rows = BandHour::read(&answers_csv(&*answers, &trace)).unwrap();
        let otherwise = super::counterfactual(&spec, &trace.events).unwrap();
        let truth = conversions(&*prepared, &otherwise).unwrap() - conversions(&*prepared, &trace).unwrap();
        WhatIf { truth: Some(truth), ..WhatIf::one_band_faster(&rows).unwrap() }
    }

    /// Customers who come once: no order converts the views of another visit.
    const STRANGERS: [&str; 2] = ["arrivals.walks_per_day=8000", "customers.new_customer_share=1"];
    const FASTER: [&str; 1] = ["pages.bands_faster=1"];

    #[test]
    fn the_interval_covers_the_planted_truth_in_about_the_stated_share_of_worlds() {
        let worlds: Vec<WhatIf> = (1..=20).map(|seed| won(&STRANGERS, &FASTER, seed, 120_000)).collect();
        let covered = worlds.iter().filter(|world| world.covers(world.truth.unwrap() as f64) == Some(true)).count();
        assert!(covered >= 17, "{covered} of 20: {worlds:#?}");
    }

    #[test]
    fn orders_of_busy_customers_win_views_that_the_estimate_does_not_count() {
        let worlds: Vec<WhatIf> =
            (1..=3).map(|seed| won(&["arrivals.walks_per_day=8000"], &FASTER, seed, 120_000)).collect();
        let estimated: f64 = worlds.iter().map(|world| world.won).sum();
        let truth: i64 = worlds.iter().map(|world| world.truth.unwrap()).sum();
        let ratio = estimated / truth as f64;
        assert!((0.6..0.95).contains(&ratio), "{ratio}: {worlds:#?}");
    }

    #[test]
    fn without_a_change_nothing_is_won_in_truth() {
        let world = won(&STRANGERS, &["pages.bands_faster=0"], 7, 50_000);
        assert_eq!(world.truth, Some(0));
        assert!(world.won > 0.0);
    }

    #[test]
    fn where_slow_pages_cost_nothing_the_interval_covers_nothing() {
        let world = won(&[&STRANGERS[..], &["conversion.half_at=1min"]].concat(), &FASTER, 7, 100_000);
        assert_eq!((world.truth, world.covers(0.0)), (Some(0), Some(true)), "{world:?}");
    }

    #[test]
    fn the_bands_of_the_generator_are_those_of_the_pipeline() {
        let about = Registry::default().find("load-time-conversion").unwrap().about();
        let default = |name| about.parameters.iter().find(|parameter| parameter.name == name).unwrap().default;
        assert_eq!(BANDS_MS.map(|ms| format!("{ms}ms")), [default("good"), default("poor")]);
    }
}
