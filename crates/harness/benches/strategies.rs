//! Every pipeline, `sequential` beside `exchange` on 1 and 2 workers, closed loop, answers kept and not checked; every
//! strategy where all keys are used alike, and where one has 30 % of the events; and the order policies side by side on
//! input in order: what it costs to be ready for disorder.
//!
//! Read ratios within one run. The trace is `calm` (in order), so that all arms do the same work.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_pipelines::{
    BoundPipeline, Feed, OrderName, Registry, RunConfig, RunContext, Strategy, UnpacedDriver, catalogue,
};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Large enough that starting threads and touching their memory first is little (768 MB in memory).
const EVENTS: u64 = 16_000_000;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);
/// As the harness chooses in a closed loop.
const RECORDS_PER_EPOCH: usize = 16384;

/// Slack of the comparison of order policies, ms.
const SLACK_MS: i64 = 60_000;

/// Events of the comparison of all strategies, `differential` included.
const EVENTS_OF_ALL: u64 = 1_000_000;
/// Both without new customers, so that the share of a key stays what it is.
const EVEN: &[(&str, &str)] = &[
    ("arrivals.run_in", "2d"),
    ("customers.new_customer_share", "0"),
    ("customers.zipf_exponent", "0"),
    ("products.zipf_exponent", "0"),
    ("campaigns.focus_share", "0"),
];
/// One customer makes 30 % of the visits, and one product is on 30 % of the pages: that of a campaign that never ends.
const HOT: &[(&str, &str)] = &[
    ("arrivals.run_in", "2d"),
    ("customers.new_customer_share", "0"),
    ("customers.zipf_exponent", "0"),
    ("customers.whale_share", "0.3"),
    ("products.zipf_exponent", "0"),
    ("campaigns.every", "1d"),
    ("campaigns.length", "1d"),
    ("campaigns.factor", "1"),
    ("campaigns.focus_share", "0.6"),
];

fn feed(events: u64, slack_ms: i64, drops_late: bool) -> Arc<Feed> {
    feed_of(&[], events, slack_ms, drops_late)
}

fn feed_of(world: &[(&str, &str)], events: u64, slack_ms: i64, drops_late: bool) -> Arc<Feed> {
    let mut profile = Profile::named("calm").expect("calm is shipped");
    for (key, value) in world {
        profile.set(key, value).expect("the profile has the parameter");
    }
    let generator = Generator::new(&profile, 42).expect("the world is valid");
    let trace = Arc::new(generator.trace(Amount::Events(events)));
    Arc::new(Feed::new(trace, RECORDS_PER_EPOCH, slack_ms, drops_late))
}

fn prepared(name: &str, settings: &[&str], feed: &Feed) -> Box<dyn BoundPipeline> {
    let settings: Vec<String> = settings.iter().map(|setting| (*setting).to_owned()).collect();
    let pipeline = Registry::default().find(name).expect("the benches name pipelines that are there");
    pipeline.prepare(&settings, &feed.trace().symbols).expect("the settings are good")
}

fn arms() -> [(&'static str, RunConfig); 3] {
    let exchange = RunConfig::plain(Strategy::EXCHANGE);
    [
        ("sequential", RunConfig::plain(Strategy::SEQUENTIAL)),
        ("exchange-1", exchange),
        ("exchange-2", RunConfig { workers: 2, ..exchange }),
    ]
}

fn pipelines(criterion: &mut Criterion) {
    let feed = feed(EVENTS, 0, true);
    let mut cases: Vec<(String, Box<dyn BoundPipeline>)> = catalogue::CATALOGUE
        .iter()
        .map(|pipeline| (pipeline.name().to_owned(), prepared(pipeline.name(), &[], &feed)))
        .collect();
    // With every order concerned, state is the work; by default few are.
    cases.push(("repeat-high-value-all".to_owned(), prepared("repeat-high-value", &["threshold=-1"], &feed)));
    for (name, prepared) in &cases {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(EVENTS)).sample_size(10).warm_up_time(WARM_UP).measurement_time(MEASURED);
        for (arm, config) in arms() {
            group.bench_function(BenchmarkId::from_parameter(arm), |bencher| {
                bencher.iter(|| {
                    prepared
                        .run(&RunContext::new(config, &feed, UnpacedDriver::drivers()))
                        .map(|end| black_box(end.late.count))
                });
            });
        }
        group.finish();
    }
}

fn all_strategies(criterion: &mut Criterion) {
    for (world, feed) in [("even", EVEN), ("hot", HOT)].map(|(name, of)| (name, feed_of(of, EVENTS_OF_ALL, 0, true))) {
        for pipeline in ["repeat-high-value", "sessions", "trending-products"] {
            let prepared = prepared(pipeline, &[], &feed);
            let mut group = criterion.benchmark_group(format!("strategies-{pipeline}-{world}"));
            group.throughput(Throughput::Elements(EVENTS_OF_ALL));
            group.sample_size(10).warm_up_time(WARM_UP).measurement_time(MEASURED);
            for strategy in Strategy::ALL {
                for workers in (1..=2).filter(|workers| strategy.allowed_workers(*workers).is_none()) {
                    let config = RunConfig { workers, ..RunConfig::plain(strategy) };
                    let arm = BenchmarkId::from_parameter(format!("{}-{workers}", strategy.name()));
                    if prepared.unsupported_reason(&config).is_some() {
                        continue;
                    }
                    group.bench_function(arm, |bencher| {
                        bencher.iter(|| {
                            let context = RunContext::new(config, &feed, UnpacedDriver::drivers());
                            prepared.run(&context).map(|end| black_box(end.late.count))
                        });
                    });
                }
            }
            group.finish();
        }
    }
}

fn order_policies(criterion: &mut Criterion) {
    let feeds = [(OrderName::Arrival, false), (OrderName::Watermark, true), (OrderName::Speculative, true)]
        .map(|(order, drops_late)| (order, feed(EVENTS / 4, SLACK_MS, drops_late)));
    for pipeline in catalogue::CATALOGUE.iter().filter(|pipeline| !pipeline.is_stateless()) {
        let mut group = criterion.benchmark_group(format!("order-{}", pipeline.name()));
        group.throughput(Throughput::Elements(EVENTS / 4));
        group.sample_size(10).warm_up_time(WARM_UP).measurement_time(MEASURED);
        for (order, feed) in &feeds {
            let prepared = prepared(pipeline.name(), &[], feed);
            let config = RunConfig { order: *order, ..RunConfig::plain(Strategy::EXCHANGE) };
            group.bench_function(BenchmarkId::from_parameter(order.name()), |bencher| {
                bencher.iter(|| {
                    prepared
                        .run(&RunContext::new(config, feed, UnpacedDriver::drivers()))
                        .map(|end| black_box(end.late.count))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, pipelines, all_strategies, order_policies);
criterion_main!(benches);
