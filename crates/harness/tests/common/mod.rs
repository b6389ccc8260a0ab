//! What the tests of measured runs share: a small trace, a plain run, and a hook between a strategy and its drivers.

#![allow(dead_code, reason = "each of these tests uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use flowbench_events::{Event, Horizon, Trace};
use flowbench_generators::{Amount, Generator, Profile};
use flowbench_harness::measure::{Idle, Load, Measured, Setting, measure};
use flowbench_pipelines::{
    Answers, BoundPipeline, Driver, Feed, Registry, RunConfig, RunContext, RunEnd, RunError, StateCounts,
    UnsupportedReason,
};

/// Returns the first `events` events of the `calm` world, in order.
pub(crate) fn calm(events: u64) -> Arc<Trace> {
    let generator = Generator::new(&Profile::named("calm").unwrap(), 1).unwrap();
    Arc::new(generator.trace(Amount::Events(events)))
}

/// A pipeline with its defaults.
pub(crate) fn prepared(pipeline: &str, trace: &Trace) -> Box<dyn BoundPipeline> {
    Registry::default().find(pipeline).unwrap().prepare(&[], &trace.symbols).unwrap()
}

/// A measured run of threads.
pub(crate) fn run(
    prepared: &dyn BoundPipeline,
    config: RunConfig,
    feed: &Arc<Feed>,
    load: &Load,
    idle: Idle,
) -> Measured {
    let setting = Setting { prepared, config, feed, load, idle, pin: false, process_group: None };
    measure(&setting, false).unwrap().unwrap()
}

/// Hooks between a strategy and the driver of a worker; by default they do nothing.
pub(crate) trait Hook: Send + 'static {
    fn admissible(&mut self, driver: &mut dyn Driver) -> u64 {
        driver.admissible()
    }

    /// Called after the driver has recorded that `epochs` are admitted.
    fn on_admitted(&mut self, _epochs: u64) {}

    /// Called before the driver records that the worker is done.
    fn on_drained(&mut self) {}
}

/// A pipeline in whose runs every worker, by its number, has a hook.
pub(crate) struct Hooked<'a, F> {
    pub(crate) prepared: &'a dyn BoundPipeline,
    pub(crate) hook: F,
}

impl<H: Hook, F: Fn(usize) -> H + Clone + Send + Sync + 'static> BoundPipeline for Hooked<'_, F> {
    fn oracle(&self, canonical: &[Event]) -> Box<dyn Answers> {
        self.prepared.oracle(canonical)
    }

    fn counts(&self, asked: Option<Horizon>) -> Option<Horizon> {
        self.prepared.counts(asked)
    }

    fn unsupported_reason(&self, config: &RunConfig) -> Option<UnsupportedReason> {
        self.prepared.unsupported_reason(config)
    }

    fn run(&self, context: &RunContext) -> Result<RunEnd, RunError> {
        let (drivers, hook) = (Arc::clone(&context.drivers), self.hook.clone());
        let hooked =
            move |worker| -> Box<dyn Driver> { Box::new(HookedDriver { driver: drivers(worker), hook: hook(worker) }) };
        self.prepared.run(&RunContext::new(context.config, &context.feed, Arc::new(hooked)))
    }

    fn without_key(&self, events: &[Event]) -> u64 {
        self.prepared.without_key(events)
    }
}

struct HookedDriver<H> {
    driver: Box<dyn Driver>,
    hook: H,
}

impl<H: Hook> Driver for HookedDriver<H> {
    fn admissible(&mut self) -> u64 {
        self.hook.admissible(&mut *self.driver)
    }

    fn on_admitted(&mut self, epochs: u64) {
        self.driver.on_admitted(epochs);
        self.hook.on_admitted(epochs);
    }

    fn on_completed(&mut self, epochs: u64) {
        self.driver.on_completed(epochs);
    }

    fn on_state(&mut self, census: StateCounts) {
        self.driver.on_state(census);
    }

    fn on_view(&mut self, epochs: u64) {
        self.driver.on_view(epochs);
    }

    fn on_busy(&mut self) {
        self.driver.on_busy();
    }

    fn begin_weighing(&mut self) {
        self.driver.begin_weighing();
    }

    fn end_weighing(&mut self) {
        self.driver.end_weighing();
    }

    fn on_drained(&mut self) {
        self.hook.on_drained();
        self.driver.on_drained();
    }

    fn idle(&mut self) -> Option<Duration> {
        self.driver.idle()
    }
}
