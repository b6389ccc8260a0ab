//! `generate`, `inspect`, `replay`: logs in and out.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flowbench_events::{
    EventWriter, Horizon, Input, Mapping, MappingError, Output, ReadOptions, ReadSummary, Trace, read_events,
    read_trace, rfc3339,
};
use flowbench_generators::{Amount, Facts, FactsCollector, Generator};
use flowbench_harness::cluster::replay_processes::{ReplayProcesses, Together};
use flowbench_harness::experiment::named;
use flowbench_harness::replay::{Look, Replayed};
use flowbench_harness::{environment, generate as threads, replay as answering};
use flowbench_pipelines::{EvictionName, OrderName, Pipeline, RunConfig, Strategy, catalogue};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::{Generate, Inspect, Log, Replay};
use crate::failure::{Failure, INTERRUPTED, OK, print, say};
use crate::overwriting::{Named, refuse_to_overwrite};
use crate::progress::Counter;
use crate::rejects::{Place, Rejects, rejects_beside, rejects_of};
use crate::run::hosts;

/// Events written without being asked for a number.
const EVENTS_DEFAULT: u64 = 100_000;

pub(crate) fn generate(asked: &Generate, quiet: bool) -> Result<i32, Failure> {
    let profile = threads::profile(&asked.profile, &asked.set).map_err(Failure::misused)?;
    let generator = Generator::new(&profile, asked.seed).map_err(Failure::misused)?;
    let amount = match (asked.days, asked.events) {
        (Some(days), _) => Amount::Days(days),
        (None, events) => Amount::Events(events.unwrap_or(EVENTS_DEFAULT)),
    };
    let by_ending = flowbench_events::Format::from_path(&asked.output);
    let plain = asked.output.extension().is_none() || asked.output == Path::new("-") || asked.output.exists();
    if asked.format.is_none() && by_ending.is_none() && !plain {
        let path = asked.output.display();
        return Err(Failure::misused(format!("{path}: unknown ending; use .csv or .jsonl (.gz, .zst), or --format")));
    }
    let format = asked.format.map(Into::into).or(by_ending).unwrap_or(flowbench_events::Format::Csv);
    refuse_to_overwrite(&[(("log", &asked.output), "-o")], &[("profile", Path::new(&asked.profile))])?;
    leave_nothing_unfinished();
    let output = Output::create(&asked.output).map_err(Failure::failed)?;
    let mut writer = EventWriter::new(output, format);
    let total = if let Amount::Events(events) = amount { Some(events) } else { None };
    let counter = Counter::new("events", total, quiet);
    let cores = environment::usable_cores();
    let threads_wanted = asked.threads.map_or(cores, usize::from);
    let written = threads::generate(&generator, amount, threads_wanted, |batch| {
        counter.add(batch.len() as u64);
        writer.write(batch, generator.symbols())
    });
    let events = written?;
    writer.finish()?;
    counter.finish(&format!("{events} events of profile {}, seed {}", profile.name, asked.seed));
    if total.is_some_and(|wanted| events < wanted) {
        return Err(Failure::failed(format!("the world of this profile ends after {events} events; raise its rate")));
    }
    Ok(OK)
}

pub(crate) fn inspect(asked: &Inspect, quiet: bool) -> Result<i32, Failure> {
    let mut facts = FactsCollector::new(asked.slack).within(horizon(asked.duplicate_horizon));
    let mut symbols = flowbench_events::Symbols::default();
    let counter = Counter::new("events", None, quiet);
    let mut on_event = |event, symbols: &flowbench_events::Symbols| {
        facts.update(&[event], symbols);
        counter.add(1);
        Ok(())
    };
    let place = Place::new(asked.log.rejects.as_deref(), Place::Nowhere);
    refuse_to_overwrite(&written(None, &place), &read_files(&asked.log))?;
    leave_nothing_unfinished();
    let mut rejects = Rejects::new(place)?;
    let options = options(&asked.log)?;
    let input = Input::new(&asked.log.input);
    let summary = read_events(&input, &options, &mut symbols, &mut on_event, &mut |reject| rejects.take(reject))
        .map_err(Failure::failed)?;
    let rejected = rejects.finish()?;
    tell_assumed(&input, &summary, quiet);
    refuse_a_log_without_events(&input, &summary, &rejected)?;
    counter.finish(&summary.to_string());
    remark(&input, &summary, rejected, quiet);
    let facts = facts.finish();
    if asked.json {
        let mut json = serde_json::to_value(&facts).map_err(Failure::failed)?;
        json["rows"] = summary.rows.into();
        json["used"] = summary.used.into();
        json["skipped"] = summary.skipped.into();
        json["rejects"] = summary.rejects.into();
        json["remarks"] = summary.remarks.into();
        print(&format!("{json:#}\n"))?;
    } else {
        print(&in_words(&facts))?;
    }
    Ok(OK)
}

pub(crate) fn replay(asked: &Replay, quiet: bool) -> Result<i32, Failure> {
    let pipeline = catalogue::find(&asked.pipeline).map_err(Failure::misused)?;
    let config = config(asked, pipeline)?;
    // A setting that cannot be should not cost the reading of the whole log.
    pipeline
        .prepare(&asked.set, &flowbench_events::Symbols::default())
        .map_err(|error| Failure::misused(format!("pipeline {}: {error}", pipeline.name())))?;
    Output::check(&asked.output).map_err(Failure::failed)?;
    let is_stream = asked.output == Path::new("-") || (asked.output.exists() && !asked.output.is_file());
    let beside = if is_stream { rejects_beside(&asked.log.input) } else { rejects_of(&asked.output) };
    let place = Place::new(asked.log.rejects.as_deref(), Place::Default(beside));
    let mut read_files = read_files(&asked.log);
    read_files.extend(asked.place.hosts.as_deref().map(|hosts| ("list of hosts", hosts)));
    refuse_to_overwrite(&written(Some(&asked.output), &place), &read_files)?;
    leave_nothing_unfinished();
    let silence_max = Duration::from_millis(asked.peer_timeout);
    let companions = ReplayProcesses::meet(together(asked)?, config.workers, &purpose(asked, &config), silence_max)
        .map_err(Failure::failed)?;
    // They are told once.
    let mut rejects = Rejects::new(if companions.is_first() { place } else { Place::Nowhere })?;
    let (trace, summary) = read(&asked.log, &mut rejects)?;
    let (input, rejected) = (Input::new(&asked.log.input), rejects.finish()?);
    tell_assumed(&input, &summary, quiet || !companions.is_first());
    refuse_a_log_without_events(&input, &summary, &rejected)?;
    remark(&input, &summary, rejected, quiet || !companions.is_first());
    if asked.deduplicate
        && !quiet
        && companions.is_first()
        && trace.events.iter().all(|event| event.event_id().is_absent())
    {
        say(
            "note: no event of this log has an id, so --deduplicate finds nothing; name its column as event_id in a mapping",
        );
    }
    companions.agree(&trace.digest()).map_err(Failure::failed)?;
    let look = Look { changes: asked.changes, repeats: !quiet && companions.is_first() };
    let answered = answering::replay(pipeline, &asked.set, &config, asked.slack, &trace, look, companions.deployment())
        .map_err(Failure::failed)?;
    if !companions.is_first() {
        return Ok(OK);
    }
    let mut output = Output::create(&asked.output).map_err(Failure::failed)?;
    let written = if asked.changes {
        write_changes(&answered, &trace, &mut output)
    } else {
        write_lines(&answered.answers.header(), answered.answers.lines(&trace.symbols), &mut output)
    };
    written.map_err(|error| output.error(error))?;
    output.finish()?;
    if !quiet {
        say(&summary);
        let mut words = format!("{} answers of {}", answered.answers.len(), pipeline.name());
        words.push_str(&format!(", slack {}", duration(answered.slack_ms)));
        words.push_str(&format!(", {} events dropped as late", answered.late.count));
        if let Some(changes) = answered.changes.as_ref().filter(|_| asked.changes) {
            words.push_str(&format!(", {} answers taken back on the way", changes.retractions()));
        }
        if let Some(repeats) = answered.repeats {
            words.push_str(&format!(", {repeats} repeats of an event not counted"));
        }
        if answered.without_key > 0 {
            words.push_str(&format!(", {} events without a customer not used", answered.without_key));
        }
        say(words);
    }
    Ok(OK)
}

fn config(asked: &Replay, pipeline: &dyn Pipeline) -> Result<RunConfig, Failure> {
    let strategy = named("strategy", &asked.strategy, &Strategy::ALL.map(|one| (one.name(), one)));
    let order = named("order policy", &asked.order, &OrderName::ALL.map(|one| (one.name(), one)));
    let eviction = named("eviction", &asked.eviction, &EvictionName::ALL.map(|one| (one.name(), one)));
    let strategy = strategy.map_err(Failure::misused)?;
    let workers = usize::from(asked.workers);
    let processes = match hosts(&asked.place)? {
        Some((hosts, ..)) => hosts.addresses().len(),
        None => asked.place.processes.unwrap_or(1).into(),
    };
    if let Some(allowed) = strategy.allowed_workers(workers * processes) {
        let (name, all) = (strategy.name(), workers * processes);
        return Err(Failure::misused(format!("--workers {all}: strategy '{name}' runs on {allowed}")));
    }
    let order = order.map_err(Failure::misused)?;
    if asked.changes && !order.takes_back() {
        let problem =
            format!("--changes: order policy '{}' takes no answer back; use --order speculative", order.name());
        return Err(Failure::misused(problem));
    }
    let eviction = eviction.map_err(Failure::misused)?;
    let deduplicate = asked.deduplicate.then(|| horizon(asked.duplicate_horizon));
    let config = RunConfig { order, eviction, workers, deduplicate, ..RunConfig::plain(strategy) };
    match pipeline.unsupported_reason(&config).or_else(|| strategy.unsupported_between_processes(processes)) {
        Some(reason) => {
            let (strategy, pipeline) = (strategy.name(), pipeline.name());
            Err(Failure::misused(format!("--strategy {strategy} cannot serve {pipeline} this way: {reason}")))
        }
        None => Ok(config),
    }
}

/// For how long repeats are told from first deliveries, ms; for good unless something else is asked for.
fn horizon(asked_ms: Option<i64>) -> Horizon {
    asked_ms.map_or(Horizon::FOR_GOOD, Horizon::from_ms)
}

/// With whom a log is replayed.
fn together(asked: &Replay) -> Result<Together, Failure> {
    let place = &asked.place;
    let several = place.hosts.is_some() || place.processes.is_some_and(|processes| processes > 1);
    if several && asked.log.input == Path::new("-") {
        let problem = "standard input can be read by one process only; give the log as a file";
        return Err(Failure::misused(problem));
    }
    if let Some(address) = &asked.companion_of {
        return Ok(Together::StartedBy(address.clone()));
    }
    Ok(match hosts(place)? {
        Some((hosts, process, join_within)) => Together::Hosts { hosts, process, join_within },
        None if several => Together::Started(place.processes.unwrap_or(1).into()),
        None => Together::Alone,
    })
}

/// What all processes of a replay have to be asked for alike.
fn purpose(asked: &Replay, config: &RunConfig) -> String {
    format!("{} {:?} {config:?} {:?} {}", asked.pipeline, asked.set, asked.slack, asked.changes)
}

fn read(log: &Log, rejects: &mut Rejects) -> Result<(Arc<Trace>, ReadSummary), Failure> {
    let options = options(log)?;
    let read = read_trace(&Input::new(&log.input), &options, &mut |reject| rejects.take(reject));
    let (trace, summary) = read.map_err(Failure::failed)?;
    Ok((Arc::new(trace), summary))
}

/// What was recognised of the log and is not said by a mapping.
fn tell_assumed(input: &Input, summary: &ReadSummary, quiet: bool) {
    if !quiet && !summary.assumed.is_empty() {
        say(format!("read {input} as {}; a mapping overrides this", summary.assumed.join(", ")));
    }
}

fn options(log: &Log) -> Result<ReadOptions, Failure> {
    let mapping = log.map.as_ref().map(Mapping::load).transpose().map_err(|error| match error {
        MappingError::File(_) if !is_no_text(&error) => Failure::failed(error),
        _ => Failure::misused(error),
    })?;
    Ok(ReadOptions { format: log.format.map(Into::into), mapping, strict: log.strict })
}

/// True if it was read and is no text: what is wrong is what stands in it, as in any other bad mapping.
fn is_no_text(error: &MappingError) -> bool {
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::InvalidData)
}

/// Without an order policy that takes answers back, each is given once: stateless pipelines have nothing to correct.
fn write_changes(answered: &Replayed, trace: &Trace, output: &mut Output) -> io::Result<()> {
    match &answered.changes {
        Some(changes) => write_lines(&changes.header(), changes.lines(&trace.symbols), output),
        None => {
            let lines = answered.answers.lines(&trace.symbols).into_iter().map(|line| format!("{line},+1"));
            write_lines(&format!("{},change", answered.answers.header()), lines, output)
        }
    }
}

fn write_lines(header: &str, lines: impl IntoIterator<Item = String>, output: &mut Output) -> io::Result<()> {
    writeln!(output, "{header}")?;
    for line in lines {
        writeln!(output, "{line}")?;
    }
    Ok(())
}

/// The files that a command writes, with the option that names each.
fn written<'a>(answers: Option<&'a Path>, rejects: &'a Place) -> Vec<(Named<'a>, &'static str)> {
    let answers = answers.map(|path| (("answers", path), "-o"));
    let rejects = rejects.path().map(|path| (("list of rejects", path), "--rejects"));
    answers.into_iter().chain(rejects).collect()
}

fn read_files(log: &Log) -> Vec<Named<'_>> {
    let mapping = log.map.as_deref().map(|path| ("mapping", path));
    std::iter::once(("log", log.input.as_path())).chain(mapping).collect()
}

/// Ctrl-C takes away what is half written; what was in its place stays.
fn leave_nothing_unfinished() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let clean_up = move || {
        if signals.forever().next().is_some() {
            flowbench_events::remove_unfinished_outputs();
            std::process::exit(INTERRUPTED);
        }
    };
    // Where nobody can wait for signals, a file that is half written stays under its temporary name.
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(clean_up);
}

/// Rows of which none could be used are a failure, with the reasons.
fn refuse_a_log_without_events(input: &Input, summary: &ReadSummary, rejected: &str) -> Result<(), Failure> {
    if summary.rows == 0 || summary.events > 0 {
        return Ok(());
    }
    let mut problem = format!("{input}: no row became an event: {summary}");
    if !rejected.is_empty() {
        problem.push_str(&format!("\n{rejected}"));
    }
    if summary.skipped > 0 {
        problem
            .push_str("\nthe mapping does not list the kinds that were skipped: add them to kind = { values = ... }");
    }
    Err(Failure::failed(problem))
}

/// Says what should be known of a log that was read.
fn remark(input: &Input, summary: &ReadSummary, rejected: String, quiet: bool) {
    let no_rows = (summary.rows == 0).then(|| format!("{input} has no rows"));
    if !quiet {
        summary.remarks.iter().map(|remark| format!("note: {remark}")).chain(no_rows).for_each(say);
        Some(rejected).filter(|words| !words.is_empty()).into_iter().for_each(say);
    }
}

fn in_words(facts: &Facts) -> String {
    let time = |ms: Option<i64>| ms.map_or("-".to_owned(), rfc3339);
    let mut text = String::new();
    let mut line = |what: &str, seen: String| text.push_str(&format!("{what:<26}{seen}\n"));
    line("events", facts.events.to_string());
    line("event time", format!("{} to {}", time(facts.first_event_time_ms), time(facts.last_event_time_ms)));
    for rate in &facts.rates {
        let seen =
            format!("{} ({:.2} %, {:.1} an hour)", facts.per_kind[rate.kind.name()], rate.share * 100.0, rate.per_hour);
        line(&format!("  {}", rate.kind.name()), seen);
    }
    line("out of order", format!("{} ({:.2} %)", facts.out_of_order, facts.out_of_order_share * 100.0));
    line("late", format!("{} for a slack of {}", facts.late, duration(facts.slack_ms)));
    line("slack to lose nothing", duration(facts.slack_to_lose_nothing_ms));
    line("duplicates", facts.duplicates.to_string());
    for (what, spread) in [
        ("how late those were", &facts.lateness_ms),
        ("transport delay", &facts.delay_ms),
        ("gap of a customer", &facts.gap_ms),
    ] {
        let [p50, p99, max] = [spread.p50, spread.p99, spread.max].map(duration);
        line(what, format!("median {p50}, 99 % {p99}, greatest {max}"));
    }
    line("customers", facts.customers.to_string());
    line("share of the hottest 1 %", format!("{:.2} %", facts.hottest_percent_share * 100.0));
    line("digest", facts.digest.clone());
    text
}

/// `90000` -> `1min30s`, as it may be typed for a slack.
fn duration(ms: i64) -> String {
    let mut text = if ms < 0 { "-".to_owned() } else { String::new() };
    let mut rest = ms.unsigned_abs();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= length {
            text.push_str(&format!("{}{unit}", rest / length));
            rest %= length;
        }
    }
    if ms == 0 { "0s".to_owned() } else { text }
}
