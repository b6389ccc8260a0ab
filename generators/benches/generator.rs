//! Events per second of one core: our worlds, arrival-ordered and with transport, beside the generator of the `nexmark`
//! crate, which makes events in order and without transport. Compare `streamed` with `streamed` and `in memory` with
//! `in memory`: the latter pays for fresh pages on both sides.

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowbench_generators::{Amount, Generator, Profile};

const EVENTS: u64 = 1_000_000;

fn generators(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("generator");
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(EVENTS));
    for name in Profile::NAMES {
        let generator = world(name);
        let mut batch = Vec::new();
        group.bench_function(format!("{name}/streamed"), |bencher| {
            bencher.iter(|| {
                let mut stream = generator.stream(Amount::Events(EVENTS));
                while stream.next_batch(&mut batch) {
                    black_box(&batch);
                }
            });
        });
    }
    let retail = world("retail");
    group.bench_function("retail/in memory", |bencher| bencher.iter(|| retail.trace(Amount::Events(EVENTS))));
    let nexmark = || nexmark::EventGenerator::default().take(EVENTS as usize);
    group.bench_function("nexmark/streamed", |bencher| {
        bencher.iter(|| {
            for event in nexmark() {
                black_box(event);
            }
        });
    });
    group.bench_function("nexmark/in memory", |bencher| bencher.iter(|| nexmark().collect::<Vec<_>>()));
    group.finish();
}

fn world(name: &str) -> Generator {
    let profile = Profile::named(name).expect("a built-in profile");
    Generator::new(&profile, 42).expect("built-in profiles are valid")
}

criterion_group!(benches, generators);
criterion_main!(benches);
