//! A program with a pipeline of its own, which every command and strategy of flowbench then knows:
//!
//! ```text
//! cargo run --release --example own_pipeline -- generate --events 100000 --output log.csv
//! cargo run --release --example own_pipeline -- replay log.csv --pipeline quiet-customers --set after=14d --output answers.csv
//! cargo run --release --example own_pipeline -- run crates/cli/examples/own_pipeline.toml
//! ```

use flowbench::events::{Event, Id, Symbols};
use flowbench::pipelines::{
    About, BoundPipeline, EMPTY_STATE, Keyed, KeyedLogic, Parameter, Pipeline, Row, SettingError, Settings,
    TimerOutcome, answer,
};

fn main() {
    flowbench::main(&[&QuietCustomers]);
}

/// Names the customers of whom nothing has been heard for a while.
struct QuietCustomers;

impl Pipeline for QuietCustomers {
    fn about(&self) -> &'static About {
        &About {
            name: "quiet-customers",
            question: "Which customers have done nothing for some time, and how many events had there been before?",
            sql: "",
            edge_cases: "An event at the very moment still counts as in time.",
            state: "per customer: time of the last event and a count; until the time is over",
            parameters: &[Parameter { name: "after", default: "7d", meaning: "duration, from 1ms" }],
            columns: Quiet::COLUMNS,
        }
    }

    fn bind(&self, settings: &Settings, _symbols: &Symbols) -> Result<Box<dyn BoundPipeline>, SettingError> {
        Ok(Box::new(Keyed(Logic { after_ms: settings.duration_ms("after")? })))
    }
}

#[derive(Clone)]
struct Logic {
    after_ms: i64,
}

#[derive(Clone, Default)]
struct Seen {
    last_ms: i64,
    events: u64,
}

answer! {
    struct Quiet about (customer) {
        customer: Id = id,
        events: u64 = text,
    }
}

impl KeyedLogic for Logic {
    type Key = Id;
    type State = Seen;
    type Row = Quiet;

    const HAS_TIMERS: bool = true;

    fn key(&self, event: &Event) -> Option<Id> {
        event.customer()
    }

    fn lacks_key(&self, event: &Event) -> bool {
        event.customer().is_none()
    }

    fn apply(&self, _customer: Id, seen: &mut Seen, event: &Event, _out: &mut Vec<Quiet>) {
        seen.last_ms = event.event_time_ms();
        seen.events += 1;
    }

    fn expires_at_ms(&self, _customer: Id, seen: &Seen) -> i64 {
        // A state that has seen nothing has no timer.
        if seen.events == 0 { EMPTY_STATE } else { seen.last_ms + self.after_ms }
    }

    fn on_expiry(&self, customer: Id, seen: &mut Seen, out: &mut Vec<Quiet>) -> TimerOutcome {
        out.push(Quiet { event_time_ms: seen.last_ms + self.after_ms, customer, events: seen.events });
        TimerOutcome::Evict
    }
}
