//! `explain`: all that is known about a name.

use flowbench_generators::Profile;
use flowbench_harness::experiment::{LoadedExperiment, Plan, axis_catalogue};
use flowbench_harness::find_pipeline;
use flowbench_measurement::doubt_kinds::DoubtKind;
use flowbench_measurement::metrics::{Better, Metric};
use flowbench_measurement::record::FigureKind;
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{Eviction, OrderName, Pipeline, Registry, RunConfig, Strategy, UnknownName};
use flowbench_report::column_catalogue;

use super::entries::{KINDS, entries};
use super::list::{field, wrapped};
use super::services::{explain_pipelines, explain_strategies};
use super::terms::{Term, terms, typed};
use crate::args::{Explain, Listed};
use crate::failure::{Failure, OK, print};
use crate::terminal::{heading, screen};

pub(crate) fn explain(args: &Explain, registry: Registry) -> Result<i32, Failure> {
    let name = args.name.as_str();
    if FilePipeline::is_path(name) {
        print(&explain_pipeline(find_pipeline(name, registry)?))?;
        return Ok(OK);
    }
    let mut texts = Vec::new();
    let mut known = Vec::new();
    for (kind, _, noun) in KINDS {
        let names: Vec<String> =
            entries(kind, registry)?.into_iter().map(|entry| short(&entry.name).to_owned()).collect();
        let wanted = if kind == Listed::Terms { typed(name) } else { short(name).to_owned() };
        if names.contains(&wanted) {
            texts.push((noun, explanation(kind, &wanted, registry)?));
        }
        known.extend(names);
    }
    // An experiment has its whole file, which would hide what else has the name.
    texts.sort_by_key(|(noun, _)| *noun == "experiment");
    if texts.is_empty() {
        return Err(unknown(name, &known));
    }
    // The first begins with the name alone, the others say what else it names.
    let text = |(n, (noun, text)): (usize, &(&str, String))| match text.split_once('\n') {
        Some((title, rest)) if n == 0 => format!("{}\n{rest}", heading(title)),
        Some((title, rest)) => format!("{}\n{rest}", heading(&format!("{title} ({noun})"))),
        None => text.clone(),
    };
    print(&texts.iter().enumerate().map(text).collect::<Vec<_>>().join("\n"))?;
    Ok(OK)
}

/// Returns the failure about a name that nothing has, with the nearest one if there is one.
fn unknown(name: &str, known: &[String]) -> Failure {
    let near = UnknownName::new("name", name, known.iter().map(String::as_str)).to_string();
    match near.contains("did you mean") {
        true => Failure::usage_error(near),
        false => Failure::usage_error(format!("there is no name '{name}'; `flowbench list` shows all names")),
    }
}

/// Returns a form such as `ttl(after)` without what is in parentheses.
fn short(name: &str) -> &str {
    name.split('(').next().unwrap_or(name)
}

/// Returns all that is known about the thing of this kind and name.
fn explanation(kind: Listed, name: &str, registry: Registry) -> Result<String, Failure> {
    Ok(match kind {
        Listed::Pipelines => registry.find(name).map(explain_pipeline).unwrap_or_default(),
        Listed::Strategies => find(Strategy::ALL, name, Strategy::name, |one| explain_strategy(one, registry)),
        Listed::Orders => find(OrderName::ALL, name, OrderName::name, |one| explain_order(one, registry)),
        Listed::Evictions => find(Eviction::ALL, name, Eviction::name, explain_eviction),
        Listed::Profiles => explain_profile(&Profile::named(name).map_err(Failure::failed)?),
        Listed::Experiments => explain_experiment(name, registry)?,
        Listed::Axes => find(axis_catalogue(), name, |axis| axis.name, explain_axis),
        Listed::Figures => find(FigureKind::ALL, name, FigureKind::name, explain_figure),
        Listed::Columns => explain_columns(name),
        Listed::Metrics => Metric::of_column(name).map(explain_metric).unwrap_or_default(),
        Listed::Doubts => DoubtKind::of(name).map(explain_doubt).unwrap_or_default(),
        Listed::Terms => terms().iter().find(|term| typed(&term.name) == name).map(explain_term).unwrap_or_default(),
    })
}

fn find<T: Copy>(
    all: impl IntoIterator<Item = T>,
    name: &str,
    name_of: impl Fn(T) -> &'static str,
    text: impl Fn(T) -> String,
) -> String {
    all.into_iter().find(|one| name_of(*one) == name).map(text).unwrap_or_default()
}

fn explain_order(order: OrderName, registry: Registry) -> String {
    let mut text = format!("{}\n{}\n\n", order.name(), order.summary());
    text.push_str(&field("state", order.serves(false)));
    for pipeline in registry.pipelines() {
        let serves = order.serves(pipeline.goes_by_arrival());
        text.push_str(&field("pipeline", &format!("{}: {serves}", pipeline.name())));
    }
    text
}

fn explain_axis(axis: flowbench_harness::experiment::AxisMeaning) -> String {
    let default = if axis.default.is_empty() { "none" } else { axis.default };
    let (values, example) =
        (field("values", axis.values), "under `[part.axes]`, one value or a list of them".to_owned());
    let mut text = format!("{}\n{}\n\n{values}{}", axis.name, axis.meaning, field("default", default));
    text.push_str(&field("write", &example));
    text
}

fn explain_figure(kind: FigureKind) -> String {
    format!("{}\n{}\n\n{}", kind.name(), kind.summary(), field("keys", kind.keys()))
}

fn explain_columns(name: &str) -> String {
    let columns = column_catalogue().into_iter().filter(|column| column.name == name);
    let about = |column: flowbench_report::ColumnMeaning| {
        let absent_if = if column.absent_if.is_empty() { String::new() } else { field("absent if", column.absent_if) };
        let (meaning, unit) = (field("meaning", column.meaning), field("unit", column.unit));
        format!("{meaning}{unit}{}{absent_if}", field("place", column.place))
    };
    format!("{name}\n{}", columns.map(about).collect::<Vec<_>>().join("\n"))
}

fn explain_metric(metric: &Metric) -> String {
    let better = match metric.better {
        Better::Higher => "higher",
        Better::Lower => "lower",
    };
    let share = metric.material_share * 100.0;
    let least = if metric.material_least > 0.0 {
        format!(", and at least {} {}", metric.material_least, metric.unit.word())
    } else {
        String::new()
    };
    format!(
        "{}\n{}\n\n{}{}{}",
        metric.column,
        metric.summary,
        field("unit", metric.unit.word()),
        field("better", better),
        field("threshold", &format!("a change by less than {share:.0} %{least} does not matter")),
    )
}

fn explain_doubt(kind: &DoubtKind) -> String {
    format!("{}\n{}\n\n{}", kind.code, kind.meaning, field("what to do", kind.advice))
}

fn explain_term(term: &Term) -> String {
    format!("{}\n{}\n", typed(&term.name), wrapped(&term.meaning, screen().width, 0))
}

fn explain_strategy(strategy: Strategy, registry: Registry) -> String {
    let mut text = format!("{}\n{}\n\n", strategy.name(), strategy.summary());
    text.push_str(&explain_pipelines(strategy, registry));
    text
}

fn explain_eviction(eviction: Eviction) -> String {
    let (form, exact) = (eviction.form(), if eviction.is_exact() { "yes" } else { "no: what it loses is measured" });
    let example = if eviction.parameters().is_empty() { String::new() } else { format!(", such as {eviction}") };
    let mut text = format!("{}\n{}\n\n", eviction.name(), eviction.summary());
    text.push_str(&format!("write       {form}{example}\nexact       {exact}\n"));
    text.push_str(&format!(
        "state       {}\n\n{}\n",
        eviction.serves(false),
        wrapped(eviction.explanation(), screen().width, 0)
    ));
    text
}

fn explain_pipeline(pipeline: &dyn Pipeline) -> String {
    let mut text = format!("{}\n{}\n\n", pipeline.name(), pipeline.about().question);
    text.push_str(&format!("answers     event_time,{}\n", pipeline.about().columns.join(",")));
    text.push_str(&format!("key         {}\n", pipeline.key_columns().join(",")));
    for one in pipeline.about().parameters {
        text.push_str(&format!("parameter   {} = {}: {}\n", one.name, one.default, one.meaning));
    }
    let state = if pipeline.about().state.is_empty() { "none" } else { pipeline.about().state };
    text.push_str(&format!("{}{}", field("state", state), field("edge cases", pipeline.about().edge_cases)));
    text.push_str(&explain_strategies(pipeline));
    for order in OrderName::ALL {
        let serves = order.serves(pipeline.goes_by_arrival());
        text.push_str(&field("order", &format!("{}: {serves}", order.name())));
    }
    for eviction in Eviction::ALL {
        let serves = eviction_serves(pipeline, eviction);
        text.push_str(&field("eviction", &format!("{}: {serves}", eviction.name())));
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
