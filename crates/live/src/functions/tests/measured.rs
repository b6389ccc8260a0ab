//! What a function costs. Prints figures, which FUNCTIONS.md states:
//! `cargo test --release -p flowbench-live functions::tests::measured -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::queue::Cursor;

use super::super::batch::Batch;
use super::super::instance::FunctionInstance;
use super::super::module::{FunctionModule, ModuleForm};
use super::*;

const COUNT: &str = include_str!("../../../examples/functions/orders.count.wat");
const BIG_ORDER: &str = include_str!("../../../examples/functions/orders.big-order.wat");
const REVENUE: &[u8] = include_bytes!("../../../examples/functions/orders.revenue.wasm");

/// Returns the median time of many runs.
fn median(runs: usize, mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..runs)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[runs / 2]
}

fn module(bytes: &[u8], form: ModuleForm) -> FunctionModule {
    FunctionModule::new(bytes, form).unwrap()
}

fn a_batch(events: usize) -> Batch {
    let queue = EventQueue::new("orders", events);
    queue.append_all((0..events).map(|n| {
        let (product, cents) = (n % 97, n % 100);
        order(&format!(
            "{{\"event_id\":\"{n}\",\"customer\":\"c{product}\",\"product\":\"p{product}\",\"value\":\"19.{cents:02}\",\"channel\":\"web\"}}"
        ))
    }));
    Batch::read(&queue, Cursor(0), events).unwrap()
}

#[test]
#[ignore = "prints figures, which depend on the machine, and proves nothing"]
fn what_a_function_costs() {
    const FUEL: u64 = 100_000_000;
    const RUNS: usize = if cfg!(debug_assertions) { 11 } else { 201 };
    let batch = a_batch(250);
    println!("{} events of {} bytes", batch.events, batch.lines.len() / batch.events as usize);
    let queue = EventQueue::new("orders", 250);
    queue.append_all(
        (0..250).map(|_| order("{\"event_id\":\"1\",\"customer\":\"c1\",\"product\":\"p1\",\"value\":\"19.99\"}")),
    );
    let per_event = |time: Duration| time.as_secs_f64() * 1e9 / batch.events as f64;
    let writing = median(RUNS, || drop(black_box(Batch::read(&queue, Cursor(0), 250).unwrap())));
    println!("writing JSON: {:.0} ns an event", per_event(writing));
    let modules = [
        ("nothing", module(function("(i32.const 0)").as_bytes(), ModuleForm::Text)),
        ("count", module(COUNT.as_bytes(), ModuleForm::Text)),
        ("big-order", module(BIG_ORDER.as_bytes(), ModuleForm::Text)),
        ("revenue", module(REVENUE, ModuleForm::Binary)),
    ];
    for (name, module) in &modules {
        let mut instance = FunctionInstance::new(module, FUEL).unwrap();
        let mut fuel = 0;
        let time = median(RUNS, || fuel = black_box(instance.on_batch(&batch.lines, FUEL)).fuel);
        let (time, fuel) = (per_event(time), fuel as f64 / batch.events as f64);
        println!("{name}: {time:.0} ns and {fuel:.0} units of fuel an event, {:.0} events/s", 1e9 / time);
        let start = median(RUNS, || drop(black_box(FunctionInstance::new(module, FUEL).unwrap())));
        println!("{name}: {:.1} us to start", start.as_secs_f64() * 1e6);
    }
    let mut nothing = FunctionInstance::new(&modules[0].1, FUEL).unwrap();
    let line = &batch.lines[..250];
    let calls = median(RUNS, || (0..1_000).for_each(|_| drop(black_box(nothing.on_batch(line, FUEL)))));
    println!("a batch of one event: {:.0} ns", calls.as_secs_f64() * 1e6);
    let spin = module(function("(loop (br 0)) (i32.const 0)").as_bytes(), ModuleForm::Text);
    let ended = median(9, || {
        let mut instance = FunctionInstance::new(&spin, 10_000_000).unwrap();
        assert!(instance.on_batch(line, 10_000_000).emitted.is_err());
    });
    println!("an endless loop is ended after {:.0} ms", ended.as_secs_f64() * 1e3);
}
