//! Every eviction beside `never`, closed loop, `sequential`, answers kept and not checked: what it costs to forget, and
//! what it saves.
//!
//! Read ratios within one run. The trace is `calm` (in order) and of many days, so that states expire all the time.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_pipelines::{Eviction, Feed, Registry, RunConfig, RunContext, Strategy, UnpacedDriver};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const EVENTS: u64 = 4_000_000;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);
/// As the harness chooses in a closed loop.
const RECORDS_PER_EPOCH: usize = 16384;

fn feed() -> Arc<Feed> {
    let profile = Profile::named("calm").expect("calm is shipped");
    let generator = Generator::new(&profile, 42).expect("the world is valid");
    let trace = Arc::new(generator.trace(Amount::Events(EVENTS)));
    Arc::new(Feed::new(trace, RECORDS_PER_EPOCH, 0, true))
}

fn evictions(criterion: &mut Criterion) {
    let feed = feed();
    for name in ["repeat-high-value", "sessions", "dispatch-overdue"] {
        let pipeline = Registry::default().find(name).expect("the benches name pipelines that are there");
        let prepared = pipeline.prepare(&[], &feed.trace().symbols).expect("there are no settings");
        let mut group = criterion.benchmark_group(format!("evictions-{name}"));
        group.throughput(Throughput::Elements(EVENTS)).sample_size(10).warm_up_time(WARM_UP).measurement_time(MEASURED);
        for eviction in Eviction::ALL {
            let config = RunConfig { eviction, ..RunConfig::plain(Strategy::SEQUENTIAL) };
            if prepared.unsupported_reason(&config).is_some() {
                continue;
            }
            group.bench_function(BenchmarkId::from_parameter(eviction), |bencher| {
                bencher.iter(|| {
                    let context = RunContext::new(config, &feed, UnpacedDriver::drivers());
                    prepared.run(&context).map(|end| black_box(end.late.count))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, evictions);
criterion_main!(benches);
