//! The answers of a pipeline on their way to its feed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use flowbench_events::{Symbols, rfc3339};
use flowbench_live::{AttributeValue, CloudEvent, EventData, EventQueue};
use flowbench_pipelines::Changes;
use serde_json::value::to_raw_value;

use crate::answers_so_far::AnswersSoFar;

/// Gathers the answers to an epoch and appends them to a feed in canonical order, so that the feed does not depend on
/// workers.
pub(super) struct AnswerFeed {
    queue: Arc<EventQueue>,
    symbols: Arc<RwLock<Symbols>>,
    columns: &'static [&'static str],
    epoch: Mutex<Epoch>,
}

#[derive(Default)]
struct Epoch {
    /// How often each answer was given, less how often it was taken back: by event time and cells.
    net: BTreeMap<(i64, Vec<String>), i64>,
    so_far: AnswersSoFar,
}

impl AnswerFeed {
    pub(super) fn new(
        queue: Arc<EventQueue>,
        symbols: Arc<RwLock<Symbols>>,
        columns: &'static [&'static str],
    ) -> AnswerFeed {
        AnswerFeed { queue, symbols, columns, epoch: Mutex::default() }
    }

    pub(super) fn name(&self) -> &str {
        self.queue.name()
    }

    pub(super) fn columns(&self) -> &'static [&'static str] {
        self.columns
    }

    /// Takes answers to the epoch that is being answered.
    pub(super) fn take(&self, changes: &Changes) {
        let answers = changes.answers();
        let symbols = self.symbols.read().unwrap_or_else(PoisonError::into_inner);
        let mut epoch = self.epoch();
        for (at, times) in changes.times().iter().enumerate() {
            // The first cell is the event time.
            let cells = answers.cells(at, &symbols).into_iter().skip(1).map(|(_, text)| text).collect();
            *epoch.net.entry((answers.event_time_ms(at), cells)).or_default() += i64::from(*times);
        }
    }

    /// Appends the answers to the epoch, which is complete. What was given and taken back within it is not shown.
    pub(super) fn complete(&self) {
        let mut epoch = self.epoch();
        let net = std::mem::take(&mut epoch.net);
        let mut events = Vec::with_capacity(net.len());
        // What is taken back comes first: who follows the feed never has two answers where one is due.
        for taken_back in [true, false] {
            for ((time_ms, cells), times) in net.iter().filter(|(_, times)| (**times < 0) == taken_back) {
                for _ in 0..times.unsigned_abs() {
                    epoch.so_far.count(*time_ms, cells, taken_back);
                    events.push(self.event(*time_ms, cells, taken_back));
                }
            }
        }
        drop(epoch);
        if !events.is_empty() {
            self.queue.append_all(events);
        }
    }

    /// Counts the answers that only the end of the input gives, which do not go to the feed: the session may go on.
    pub(super) fn end(&self) -> AnswersSoFar {
        let mut epoch = self.epoch();
        for ((time_ms, cells), times) in std::mem::take(&mut epoch.net) {
            (0..times.unsigned_abs()).for_each(|_| epoch.so_far.count(time_ms, &cells, times < 0));
        }
        epoch.so_far
    }

    pub(super) fn so_far(&self) -> AnswersSoFar {
        self.epoch().so_far
    }

    fn event(&self, time_ms: i64, cells: &[String], taken_back: bool) -> CloudEvent {
        let name = self.name();
        let mut event = CloudEvent::new("", format!("/flowbench/pipelines/{name}"), format!("flowbench.answer.{name}"));
        event.attributes.insert("time".to_owned(), AttributeValue::Text(rfc3339(time_ms)));
        if taken_back {
            event.attributes.insert("change".to_owned(), AttributeValue::Integer(-1));
        }
        let columns: serde_json::Map<String, serde_json::Value> =
            self.columns.iter().zip(cells).map(|(name, cell)| ((*name).to_owned(), cell.clone().into())).collect();
        // An object of texts can always be written.
        event.data = to_raw_value(&columns).ok().map(EventData::Json);
        event
    }

    fn epoch(&self) -> MutexGuard<'_, Epoch> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
