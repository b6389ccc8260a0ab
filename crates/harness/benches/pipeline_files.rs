//! Every built-in question that is a file, too, beside its file: `sequential`, closed loop, answers kept and not checked;
//! and what reading a file takes.
//!
//! Read ratios within one run. The trace is `calm` (in order).

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flowbench_events::Symbols;
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_pipelines::plan::FilePipeline;
use flowbench_pipelines::{Feed, Pipeline, Registry, RunConfig, RunContext, Strategy, UnpacedDriver};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const EVENTS: u64 = 4_000_000;
const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);
/// As the harness chooses in a closed loop.
const RECORDS_PER_EPOCH: usize = 16384;

/// Returns the names and texts of the files that ship, by name.
fn files() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../experiments/pipelines");
    let paths = fs::read_dir(folder).expect("the folder ships").map(|entry| entry.expect("it can be read").path());
    let paths = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    let mut files: Vec<(String, String)> = paths
        .map(|path| {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(path).expect("the file ships"))
        })
        .collect();
    files.sort();
    files
}

fn parsed(name: &str, text: &str) -> &'static FilePipeline {
    FilePipeline::parse(&format!("{name}.toml"), text).expect("the file is right")
}

fn throughput(criterion: &mut Criterion) {
    let profile = Profile::named("calm").expect("calm is shipped");
    let generator = Generator::new(&profile, 42).expect("the world is valid");
    let trace = Arc::new(generator.trace(Amount::Events(EVENTS)));
    let feed = Arc::new(Feed::new(trace, RECORDS_PER_EPOCH, 0, true));
    for (name, text) in files() {
        let Ok(built_in) = Registry::default().find(&name) else { continue };
        let mut group = criterion.benchmark_group(&name);
        group.throughput(Throughput::Elements(EVENTS)).sample_size(10).warm_up_time(WARM_UP).measurement_time(MEASURED);
        for (arm, pipeline) in [("built-in", built_in), ("file", parsed(&name, &text) as &dyn Pipeline)] {
            let prepared = pipeline.prepare(&[], &feed.trace().symbols).expect("the defaults are good");
            let config = RunConfig::plain(Strategy::SEQUENTIAL);
            group.bench_function(arm, |bencher| {
                bencher.iter(|| {
                    let context = RunContext::new(config, &feed, UnpacedDriver::drivers());
                    prepared.run(&context).map(|end| black_box(end.late.count))
                });
            });
        }
        group.finish();
    }
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reading");
    group.sample_size(20).warm_up_time(WARM_UP).measurement_time(Duration::from_secs(1));
    for (name, text) in files() {
        group.bench_function(&name, |bencher| {
            bencher.iter(|| {
                let pipeline = parsed(&name, &text);
                black_box(pipeline.prepare(&[], &Symbols::default()).expect("the defaults are good"))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, reading, throughput);
criterion_main!(benches);
