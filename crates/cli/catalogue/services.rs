//! Which strategies serve a pipeline, and which pipelines a strategy serves.

use flowbench_pipelines::{Eviction, OrderName, Pipeline, Registry, RunConfig, Strategy};

use super::list::field;

/// Says which strategies serve a pipeline.
pub(super) fn explain_strategies(pipeline: &dyn Pipeline) -> String {
    said_of_service(
        ["strategy", "strategies"],
        Strategy::ALL.map(|strategy| Service::of(strategy.name(), pipeline, strategy)),
    )
}

/// Says which pipelines a strategy serves.
pub(super) fn explain_pipelines(strategy: Strategy, registry: Registry) -> String {
    let services = registry.pipelines().map(|pipeline| Service::of(pipeline.name(), pipeline, strategy));
    said_of_service(["pipeline", "pipelines"], services)
}

/// Whether a strategy serves a pipeline.
struct Service {
    /// Name of the strategy, or of the pipeline if all is about one strategy.
    name: &'static str,
    /// Why it does not.
    refusal: Option<&'static str>,
    /// The orders and evictions under which it does not, each with the reason.
    gaps: Vec<(&'static str, &'static str)>,
}

impl Service {
    fn of(name: &'static str, pipeline: &dyn Pipeline, strategy: Strategy) -> Self {
        let plain = RunConfig::plain(strategy);
        let reason = |config: &RunConfig| pipeline.unsupported_reason(config);
        let of_orders = OrderName::ALL.map(|order| (order.name(), reason(&RunConfig { order, ..plain })));
        let of_evictions = Eviction::ALL.map(|eviction| (eviction.name(), reason(&RunConfig { eviction, ..plain })));
        let gaps = of_orders.into_iter().chain(of_evictions).filter_map(|(name, why)| Some((name, why?))).collect();
        Self { name, refusal: reason(&plain), gaps }
    }
}

/// A reason, with the names it is about, and the orders and evictions.
type Gap = (&'static str, Vec<&'static str>, Vec<&'static str>);

/// Lists what is served, and says each reason against something once, with all that it is about.
fn said_of_service(words: [&str; 2], services: impl IntoIterator<Item = Service>) -> String {
    let (mut serving, mut refused, mut gaps): (Vec<&str>, String, Vec<Gap>) = Default::default();
    for service in services {
        if let Some(why) = service.refusal {
            refused.push_str(&field(words[0], &format!("{}: does not serve: {why}", service.name)));
            continue;
        }
        serving.push(service.name);
        for (axis, why) in service.gaps {
            let known = gaps.iter().position(|(reason, ..)| *reason == why);
            let at = known.unwrap_or(gaps.len());
            if known.is_none() {
                gaps.push((why, Vec::new(), Vec::new()));
            }
            let (_, names, axes) = &mut gaps[at];
            add(names, service.name);
            add(axes, axis);
        }
    }
    let gap = |(why, names, axes): &Gap| {
        let names = if *names == serving { "any of them".to_owned() } else { names.join(", ") };
        field("but not", &format!("{} with {names}: {why}", axes.join(", ")))
    };
    let gaps: String = gaps.iter().map(gap).collect();
    let serving = if serving.is_empty() { String::new() } else { field(words[1], &serving.join(", ")) };
    serving + &gaps + &refused
}

fn add(to: &mut Vec<&'static str>, name: &'static str) {
    if !to.contains(&name) {
        to.push(name);
    }
}
