//! `list`, `explain` and `doctor`: what can be run, and whether this machine is fit for it.

use std::time::Duration;

use flowbench_generators::Profile;
use flowbench_harness::environment;
use flowbench_harness::experiment::Plan;
use flowbench_harness::experiment::{LoadedExperiment, SHIPPED, Shipped, shipped};
use flowbench_harness::measure::{share_lost_spinning, wake_up_delays};
use flowbench_pipelines::{Eviction, OrderName, Pipeline, Registry, RunConfig, Strategy, UnknownName};
use serde_json::{Value, json};

use crate::args::{Doctor, Explain, List, Listed};
use crate::failure::{Failure, OK, print};

/// The maximum share of the time that a spinning thread loses on a quiet machine.
const LOST_SHARE_MAX: f64 = 0.01;
/// How long the doctor measures a sleeping thread, and then a spinning one.
const LISTEN: Duration = Duration::from_secs(2);

pub(crate) fn list(args: &List, registry: Registry) -> Result<i32, Failure> {
    let kinds = [
        (Listed::Pipelines, "pipelines"),
        (Listed::Strategies, "strategies"),
        (Listed::Orders, "orders"),
        (Listed::Evictions, "evictions"),
        (Listed::Profiles, "profiles"),
        (Listed::Experiments, "experiments"),
    ];
    let wanted = kinds.into_iter().filter(|(kind, _)| args.what.is_none_or(|what| what == *kind));
    if args.json {
        let all: serde_json::Map<String, Value> = wanted
            .map(|(kind, name)| Ok((name.to_owned(), entries(kind, registry)?)))
            .collect::<Result<_, Failure>>()?;
        print(&format!("{:#}\n", Value::Object(all)))?;
        return Ok(OK);
    }
    let mut text = String::new();
    for (kind, name) in wanted {
        text.push_str(&format!("{name}\n"));
        for entry in entries(kind, registry)?.as_array().into_iter().flatten() {
            let word = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
            let exact = entry["exact"].as_bool().map_or("", |exact| if exact { "exact    " } else { "inexact  " });
            text.push_str(&format!("  {:<22}{exact}{}\n", word("name"), word("summary")));
        }
        if name == "strategies" {
            text.push_str(&matrix(registry));
        }
    }
    print(&text)?;
    Ok(OK)
}

fn entries(kind: Listed, registry: Registry) -> Result<Value, Failure> {
    let plain = |name: &str, summary: &str| json!({ "name": name, "summary": summary });
    Ok(match kind {
        Listed::Pipelines => registry.pipelines().map(pipeline_entry).collect(),
        Listed::Strategies => Strategy::ALL.iter().map(|one| plain(one.name(), one.summary())).collect(),
        Listed::Orders => OrderName::ALL.iter().map(|one| plain(one.name(), one.summary())).collect(),
        Listed::Evictions => {
            let entry = |one: &Eviction| json!({ "name": one.form(), "exact": one.is_exact(), "default": one.to_string(), "summary": one.summary() });
            Eviction::ALL.iter().map(entry).collect()
        }
        Listed::Profiles => {
            let entry = |name: &&str| Ok(plain(name, &Profile::named(name).map_err(Failure::failed)?.about));
            Profile::NAMES.iter().map(entry).collect::<Result<_, Failure>>()?
        }
        Listed::Experiments => {
            let entry = |shipped: &Shipped| {
                let name = shipped.name;
                Ok(plain(name, &LoadedExperiment::load(name, &[]).map_err(Failure::failed)?.experiment.title))
            };
            SHIPPED.iter().map(entry).collect::<Result<_, Failure>>()?
        }
    })
}

/// Returns a table with a row for each pipeline and a column for each strategy, with the reasons for the gaps.
fn matrix(registry: Registry) -> String {
    let mut text =
        "\n  which strategy serves which pipeline, in the order above (a letter: it does not, for the reason below)\n"
            .to_owned();
    let mut reasons: Vec<&str> = Vec::new();
    for pipeline in registry.pipelines() {
        let mut mark = |strategy: &Strategy| {
            let Some(reason) = pipeline.unsupported_reason(&RunConfig::plain(*strategy)) else { return '✓' };
            let at = reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            });
            (b'a' + at as u8) as char
        };
        let marks: Vec<String> = Strategy::ALL.iter().map(|strategy| mark(strategy).to_string()).collect();
        text.push_str(&format!("  {:<22}{}\n", pipeline.name(), marks.join(" ")));
    }
    for (letter, reason) in (b'a'..).zip(reasons) {
        text.push_str(&format!("  {}: {reason}\n", letter as char));
    }
    text
}

fn pipeline_entry(pipeline: &dyn Pipeline) -> Value {
    let reason = |strategy: Strategy| pipeline.unsupported_reason(&RunConfig::plain(strategy));
    let gaps: serde_json::Map<String, Value> = Strategy::ALL
        .into_iter()
        .filter_map(|strategy| Some((strategy.name().to_owned(), reason(strategy)?.into())))
        .collect();
    let served: Vec<&str> =
        Strategy::ALL.into_iter().filter(|one| reason(*one).is_none()).map(Strategy::name).collect();
    json!({
        "name": pipeline.name(),
        "summary": pipeline.about().question,
        "columns": pipeline.about().columns,
        "parameters": pipeline.about().parameters.iter().map(|one| json!({
            "name": one.name, "default": one.default, "meaning": one.meaning,
        })).collect::<Value>(),
        "strategies": served,
        "gaps": gaps,
    })
}

pub(crate) fn explain(args: &Explain, registry: Registry) -> Result<i32, Failure> {
    let name = args.name.as_str();
    let text = if let Ok(pipeline) = registry.find(name) {
        explain_pipeline(pipeline)
    } else if Profile::NAMES.contains(&name) {
        explain_profile(&Profile::named(name).map_err(Failure::failed)?)
    } else if shipped(name).is_some() {
        explain_experiment(name, registry)?
    } else if let Some(strategy) = Strategy::ALL.into_iter().find(|strategy| strategy.name() == name) {
        explain_strategy(strategy, registry)
    } else if let Some(eviction) = Eviction::ALL.into_iter().find(|eviction| eviction.name() == name) {
        explain_eviction(eviction)
    } else {
        return Err(unknown(name, registry));
    };
    print(&text)?;
    Ok(OK)
}

fn unknown(name: &str, registry: Registry) -> Failure {
    let pipelines = registry.pipelines().map(Pipeline::name);
    let all = pipelines.chain(Profile::NAMES.iter().copied()).chain(SHIPPED.iter().map(|shipped| shipped.name));
    let all = all.chain(Strategy::ALL.map(Strategy::name)).chain(Eviction::ALL.map(Eviction::name));
    let all: Vec<&str> = all.collect();
    let kinds = "pipeline, strategy, eviction, profile or experiment";
    Failure::usage_error(UnknownName::new(kinds, name, all.iter().copied()))
}

fn explain_strategy(strategy: Strategy, registry: Registry) -> String {
    let mut text = format!("{}\n{}\n\n", strategy.name(), strategy.summary());
    for pipeline in registry.pipelines() {
        text.push_str(&format!("pipeline    {}: {}\n", pipeline.name(), serves(pipeline, strategy)));
    }
    text
}

fn explain_eviction(eviction: Eviction) -> String {
    let (form, exact) = (eviction.form(), if eviction.is_exact() { "yes" } else { "no: what it loses is measured" });
    let example = if eviction.parameters().is_empty() { String::new() } else { format!(", such as {eviction}") };
    let mut text = format!("{}\n{}\n\n", eviction.name(), eviction.summary());
    text.push_str(&format!("write       {form}{example}\nexact       {exact}\n"));
    text.push_str(&format!("state       {}\n\n{}\n", eviction.serves(false), wrapped(eviction.explanation(), 100)));
    text
}

/// Breaks a paragraph into lines of at most `width` characters.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| !line.is_empty() && line.len() + 1 + word.len() > width) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n")
}

fn explain_pipeline(pipeline: &dyn Pipeline) -> String {
    let mut text = format!("{}\n{}\n\n", pipeline.name(), pipeline.about().question);
    text.push_str(&format!("answers     event_time,{}\n", pipeline.about().columns.join(",")));
    for one in pipeline.about().parameters {
        text.push_str(&format!("parameter   {} = {}: {}\n", one.name, one.default, one.meaning));
    }
    let state = if pipeline.about().state.is_empty() { "none" } else { pipeline.about().state };
    text.push_str(&format!("state       {state}\nedge cases  {}\n", pipeline.about().edge_cases));
    for strategy in Strategy::ALL {
        text.push_str(&format!("strategy    {}: {}\n", strategy.name(), serves(pipeline, strategy)));
    }
    for order in OrderName::ALL {
        text.push_str(&format!("order       {}: {}\n", order.name(), order.serves(pipeline.goes_by_arrival())));
    }
    for eviction in Eviction::ALL {
        text.push_str(&format!("eviction    {}: {}\n", eviction.name(), eviction_serves(pipeline, eviction)));
    }
    let sql = pipeline.about().sql;
    let ms = if sql.contains(":ms}") { "; {name:ms} in whole milliseconds" } else { "" };
    let list = if sql.contains(":list}") { "; {name:list} as a list of quoted words" } else { "" };
    let legend = if sql.contains('{') { format!(" ({{name}} is the parameter{ms}{list})") } else { String::new() };
    if !sql.is_empty() {
        text.push_str(&format!("\nreference SQL{legend}\n{sql}\n"));
    }
    text
}

/// Describes whether a strategy serves a pipeline, and under which axes it does not.
fn serves(pipeline: &dyn Pipeline, strategy: Strategy) -> String {
    let plain = RunConfig::plain(strategy);
    if let Some(why) = pipeline.unsupported_reason(&plain) {
        return format!("does not serve: {why}");
    }
    let of_orders =
        OrderName::ALL.map(|order| (order.name(), pipeline.unsupported_reason(&RunConfig { order, ..plain })));
    let of_evictions =
        Eviction::ALL.map(|eviction| (eviction.name(), pipeline.unsupported_reason(&RunConfig { eviction, ..plain })));
    let gaps = of_orders.into_iter().chain(of_evictions).filter_map(|(name, why)| Some((name, why?)));
    let not: Vec<String> = gaps.map(|(name, why)| format!("; not under {name}: {why}")).collect();
    format!("serves{}", not.concat())
}

/// Describes how an eviction serves a pipeline, or why it does not if no strategy can carry it out there.
fn eviction_serves(pipeline: &dyn Pipeline, eviction: Eviction) -> String {
    let reasons = Strategy::ALL
        .map(|strategy| pipeline.unsupported_reason(&RunConfig { eviction, ..RunConfig::plain(strategy) }));
    match (reasons.iter().all(Option::is_some), reasons[0]) {
        (true, Some(reason)) => format!("does not serve: {reason}"),
        _ => eviction.serves(pipeline.is_stateless()).to_owned(),
    }
}

fn explain_profile(profile: &Profile) -> String {
    let mut text = format!("{}\n{}\n\n", profile.name, profile.about);
    for one in profile.parameters() {
        text.push_str(&format!("{:<42}{:<14}{} (range {})\n", one.key, one.value, one.meaning, one.range));
    }
    text
}

fn explain_experiment(name: &str, registry: Registry) -> Result<String, Failure> {
    let loaded = LoadedExperiment::load(name, &[])?;
    let plan = Plan::new(&loaded, registry)?;
    let mut text = format!("{name}\n{}\n{} cases\n\n", loaded.experiment.title, plan.cases.len());
    plan.added.iter().for_each(|added| text.push_str(&format!("added to {added}\n\n")));
    for part in &loaded.experiment.parts {
        text.push_str(&format!("{}: {}\n", part.name, part.question));
        part.figures.iter().for_each(|figure| text.push_str(&format!("  {}: {}\n", figure.name, figure.question)));
    }
    text.push_str(&format!("\n{}", loaded.text));
    Ok(text)
}

pub(crate) fn doctor(args: &Doctor) -> Result<i32, Failure> {
    let mut findings = environment::findings();
    let delay = wake_up_delays(LISTEN).quantiles();
    let us = |ns: Option<u64>| ns.map_or("?".to_owned(), |ns| format!("{:.0} µs", ns as f64 / 1000.0));
    findings.push(environment::Finding {
        bad: delay.p99_ns.is_some_and(|ns| ns > 1_000_000),
        what: "wake-up delay",
        seen: format!(
            "median {}, p99 {}, maximum {} in {} s of short sleeps (matters to workers that park, not to spinning ones)",
            us(delay.p50_ns),
            us(delay.p99_ns),
            us(delay.max_ns),
            LISTEN.as_secs()
        ),
    });
    let lost_share = share_lost_spinning(LISTEN);
    findings.push(environment::Finding {
        bad: lost_share > LOST_SHARE_MAX,
        what: "CPU",
        seen: format!(
            "a thread that only spun was off the CPU for {:.1}% of {} s (quiet is below {:.0}%)",
            lost_share * 100.0,
            LISTEN.as_secs(),
            LOST_SHARE_MAX * 100.0
        ),
    });
    if args.json {
        let list: Value = findings
            .iter()
            .map(|finding| json!({ "what": finding.what, "seen": finding.seen, "bad": finding.bad }))
            .collect();
        print(&format!("{list:#}\n"))?;
        return Ok(OK);
    }
    let bad = findings.iter().filter(|finding| finding.bad).count();
    let mut text = String::new();
    for finding in &findings {
        let mark = if finding.bad { "!" } else { " " };
        text.push_str(&format!("{mark} {:<14}{}\n", finding.what, finding.seen));
    }
    text.push_str(match bad {
        0 => "fit to measure on\n",
        _ => "usable with care: compare within one run, and read the doubts next to every number\n",
    });
    print(&text)?;
    Ok(OK)
}
