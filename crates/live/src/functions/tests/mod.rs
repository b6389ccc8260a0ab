//! Tests of functions as a whole: a folder, queues, and what comes out.
//!
//! `broken` breaks each limit by a module that does little else. `host` follows cursors through failures, changes and
//! restarts. `examples` holds the examples for users to what a plain computation says. `mutated` damages modules at
//! random. `measured` prints what a function costs.

mod broken;
mod examples;
mod host;
mod measured;
mod mutated;

use std::fs;
use std::sync::{Arc, Mutex};

use serde_json::value::RawValue;
use tempfile::TempDir;

use crate::cloud_event::{CloudEvent, EventData};
use crate::intake::{IntakeReceipt, Ticket};
use crate::queue::EventQueue;

use super::{FunctionHost, FunctionSettings, FunctionState};

/// A folder of functions, the queue `orders`, and what the functions have emitted.
struct Place {
    folder: TempDir,
    queue: Arc<EventQueue>,
    emitted: Arc<Mutex<Vec<String>>>,
    host: FunctionHost,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let emitted = Arc::default();
        let host = host(&folder, &emitted, 10_000_000);
        Place { folder, queue: Arc::new(EventQueue::new("orders", 10_000)), emitted, host }
    }

    /// Returns a place with one function, `orders.f`, that has looked at its queue.
    fn with(module: impl AsRef<[u8]>) -> Place {
        let mut place = Place::new();
        place.put("orders.f.wat", module);
        place.host.refresh().unwrap();
        place.run();
        place
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.folder.path().join("functions").join(name), content).unwrap();
    }

    fn run(&mut self) -> u64 {
        let queue = Arc::clone(&self.queue);
        self.host.run_once(&move |name: &str| (name == "orders").then(|| Arc::clone(&queue)))
    }

    /// Runs until nothing moves any more, which a suspended function does not.
    fn run_to_the_end(&mut self) {
        for _ in 0..100 {
            let failures = self.state().failures;
            if self.run() == 0 && self.state().failures == failures {
                return;
            }
        }
        panic!("it still runs: {:?}", self.state());
    }

    /// Lets the process end, and begins anew with what it left.
    fn restart(&mut self) {
        self.host = host(&self.folder, &self.emitted, 10_000_000);
        self.host.refresh().unwrap();
    }

    fn state(&self) -> FunctionState {
        self.host.states().get().into_iter().next().unwrap()
    }

    fn error(&self) -> String {
        self.state().last_error.unwrap()
    }

    fn emitted(&self) -> Vec<String> {
        self.emitted.lock().unwrap().clone()
    }
}

fn host(folder: &TempDir, emitted: &Arc<Mutex<Vec<String>>>, fuel_per_batch: u64) -> FunctionHost {
    let emitted = Arc::clone(emitted);
    host_with(folder, fuel_per_batch, move |events| {
        emitted.lock().unwrap().extend(events.iter().map(CloudEvent::to_json));
        Some(IntakeReceipt::default().into_ticket())
    })
}

/// Returns a host whose functions emit into `sink`.
fn host_with(
    folder: &TempDir,
    fuel_per_batch: u64,
    sink: impl Fn(Vec<CloudEvent>) -> Option<Ticket> + Send + Sync + 'static,
) -> FunctionHost {
    let functions = folder.path().join("functions");
    fs::create_dir_all(&functions).unwrap();
    let settings =
        FunctionSettings { fuel_per_batch, ..FunctionSettings::new(functions, folder.path().join("cursors.json")) };
    FunctionHost::new(settings, Arc::new(sink)).unwrap()
}

/// Returns an order event with this data.
fn order(data: &str) -> CloudEvent {
    let mut event = CloudEvent::new("", "/shop", "shop.order_placed");
    event.data = Some(EventData::Json(RawValue::from_string(data.to_owned()).unwrap()));
    event
}

/// Returns a function in text form that does this with a batch. `$more` holds functions and data, if any.
fn function_with(on_batch: &str, more: &str) -> String {
    format!(
        r#"(module
            (import "flowbench" "emit" (func $emit (param i32 i32)))
            (import "flowbench" "log" (func $log (param i32 i32)))
            (memory (export "memory") 16)
            (func (export "abi") (result i32) (i32.const 1))
            (func (export "alloc") (param i32) (result i32) (i32.const 65536))
            {more}
            (func (export "on_batch") (param $at i32) (param $length i32) (result i32) {on_batch}))"#
    )
}

fn function(on_batch: &str) -> String {
    function_with(on_batch, "")
}

/// Emits `{"type":"seen"}`, or what else is 15 bytes long, once for each batch.
fn emits(json: &str) -> String {
    assert_eq!(json.len(), 15);
    let data = format!("(data (i32.const 0) \"{}\")", json.replace('"', "\\\""));
    function_with("(call $emit (i32.const 0) (i32.const 15)) (i32.const 0)", &data)
}
