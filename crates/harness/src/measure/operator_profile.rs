//! The activity of the operators of a dataflow, from timely's own log.
//!
//! Decision D-413.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowbench_measurement::record::{ChannelLoad, OperatorTime};
use flowbench_pipelines::WorkerHook;
use serde::{Deserialize, Serialize};
use timely::logging::{
    ChannelsEvent, StartStop, TimelyEvent, TimelyEventBuilder, TimelyProgressEvent, TimelyProgressEventBuilder,
    WorkerIdentifier,
};
use timely::worker::Worker;

/// What timely logged during a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) operators: Vec<OperatorTime>,
    pub(crate) channels: Vec<ChannelLoad>,
    /// The number of progress messages that were delivered, including those a worker sent to itself.
    pub(crate) progress_messages: u64,
}

impl Activity {
    /// Adds the activity of the workers of another process.
    pub(crate) fn merge(&mut self, mut other: Activity) {
        self.operators.append(&mut other.operators);
        self.channels.append(&mut other.channels);
        self.progress_messages += other.progress_messages;
    }

    /// Adds the time that a worker was busy outside its dataflows: the part of `busy_ns` that no operator explains.
    pub(crate) fn add_the_rest(&mut self, worker: usize, busy_ns: u64) {
        let inside: u64 = self.operators.iter().filter(|one| one.worker == worker).map(|one| one.busy_ns).sum();
        let operator = "(reading the trace)".to_owned();
        let busy_ns = busy_ns.saturating_sub(inside);
        self.operators.push(OperatorTime { worker, operator, activations: 0, busy_ns });
    }
}

/// Records the logs of all workers of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Activity>>);

impl Recorder {
    /// Returns the hook to call on every worker before its dataflow is built.
    pub(crate) fn hook(&self) -> WorkerHook {
        let recorder = self.clone();
        Arc::new(move |worker| recorder.log(worker))
    }

    /// Returns what was logged, once all workers are gone.
    pub(crate) fn finish(&self) -> Activity {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn log(&self, worker: &mut Worker) {
        let mut log = OperatorLog::default();
        (log.into, log.worker) = (self.clone(), worker.index());
        let log = Rc::new(RefCell::new(log));
        let Some(mut register) = worker.log_register() else { return };
        let of_operators = Rc::clone(&log);
        register.insert::<TimelyEventBuilder, _>("timely", move |_, events| {
            let mut log = of_operators.borrow_mut();
            events.iter_mut().flatten().for_each(|(at, event)| log.note(*at, event));
        });
        insert_progress::<u64>(&mut register, &log);
        insert_progress::<i64>(&mut register, &log);
    }
}

/// Registers a counter of the progress messages of dataflows with timestamps of this type.
fn insert_progress<T: Clone + std::fmt::Debug + 'static>(
    register: &mut timely::logging_core::Registry,
    log: &Rc<RefCell<OperatorLog>>,
) {
    let log = Rc::clone(log);
    let name = format!("timely/progress/{}", std::any::type_name::<T>());
    register.insert::<TimelyProgressEventBuilder<T>, _>(&name, move |_, events| {
        let delivered = |(_, event): &&(Duration, TimelyProgressEvent<T>)| !event.is_send;
        log.borrow_mut().progress_messages += events.iter().flatten().filter(delivered).count() as u64;
    });
}

/// The log of one worker, submitted when the worker is gone.
#[derive(Debug, Default)]
struct OperatorLog {
    into: Recorder,
    worker: WorkerIdentifier,
    names: HashMap<usize, String>,            // of operators, by their number
    at: HashMap<Vec<usize>, String>,          // by their address
    running: Vec<Running>,                    // innermost last
    times: BTreeMap<String, (u64, Duration)>, // activations, and time without what ran inside
    channels: HashMap<usize, ChannelsEvent>,  // by their number
    loads: BTreeMap<usize, (u64, u64)>,       // messages and records, by channel
    progress_messages: u64,
}

#[derive(Debug)]
struct Running {
    operator: usize,
    since: Duration,
    inside: Duration, // of that, time of operators it runs itself
}

impl OperatorLog {
    fn note(&mut self, at: Duration, event: &TimelyEvent) {
        match event {
            TimelyEvent::Operates(operator) => {
                // What a dataflow does besides running its operators.
                let is_dataflow = operator.addr.len() == 1;
                let name = if is_dataflow { "(progress tracking)".to_owned() } else { operator.name.clone() };
                self.names.insert(operator.id, name.clone());
                self.at.insert(operator.addr.clone(), name);
            }
            TimelyEvent::Channels(channel) => drop(self.channels.insert(channel.id, channel.clone())),
            TimelyEvent::Schedule(event) if event.start_stop == StartStop::Start => {
                self.running.push(Running { operator: event.id, since: at, inside: Duration::ZERO });
            }
            TimelyEvent::Schedule(_) => self.stop(at),
            TimelyEvent::Messages(sent) if sent.is_send => {
                let (messages, records) = self.loads.entry(sent.channel).or_default();
                *messages += 1;
                *records += u64::try_from(sent.record_count).unwrap_or(0);
            }
            _ => {}
        }
    }

    fn stop(&mut self, at: Duration) {
        let Some(Running { operator, since, inside }) = self.running.pop() else { return };
        let whole = at.saturating_sub(since);
        if let Some(around) = self.running.last_mut() {
            around.inside += whole;
        }
        let name = self.names.get(&operator).cloned().unwrap_or_else(|| format!("operator {operator}"));
        let (activations, time) = self.times.entry(name).or_default();
        *activations += 1;
        *time += whole.saturating_sub(inside);
    }
}

impl OperatorLog {
    /// Returns a description of a channel. Operators are known by name only after their channels.
    fn words(&self, channel: usize) -> String {
        let Some(channel) = self.channels.get(&channel) else { return format!("channel {channel}") };
        let name = |index: usize| {
            let address: Vec<usize> = channel.scope_addr.iter().copied().chain([index]).collect();
            self.at.get(&address).map_or("(outside)", String::as_str)
        };
        format!("{} → {}", name(channel.source.0), name(channel.target.0))
    }

    /// Returns messages and records by the description of their channel.
    fn loads(&self) -> BTreeMap<String, (u64, u64)> {
        let mut loads: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (channel, (messages, records)) in &self.loads {
            let load = loads.entry(self.words(*channel)).or_default();
            *load = (load.0 + messages, load.1 + records);
        }
        loads
    }
}

impl Drop for OperatorLog {
    fn drop(&mut self) {
        let worker = self.worker;
        let mut activity = self.into.0.lock().unwrap_or_else(PoisonError::into_inner);
        let operators = std::mem::take(&mut self.times).into_iter();
        activity.operators.extend(operators.map(|(operator, (activations, time))| OperatorTime {
            worker,
            operator,
            activations,
            busy_ns: time.as_nanos() as u64,
        }));
        let loads = self.loads().into_iter();
        activity.channels.extend(loads.map(|(channel, (messages, records))| ChannelLoad {
            worker,
            channel,
            messages,
            records,
        }));
        activity.progress_messages += self.progress_messages;
    }
}

#[cfg(test)]
mod tests {
    use timely::logging::{MessagesEvent, OperatesEvent, ScheduleEvent};

    use super::*;

    fn at(ns: u64) -> Duration {
        Duration::from_nanos(ns)
    }

    #[test]
    fn time_of_an_operator_is_without_what_ran_inside_and_channels_have_words() {
        let recorder = Recorder::default();
        let mut log = OperatorLog::default();
        (log.into, log.worker) = (recorder.clone(), 3);
        let (source, target) = ((1, 0), (2, 0));
        let channel = ChannelsEvent { id: 7, scope_addr: vec![0], source, target, typ: String::new() };
        log.note(at(0), &TimelyEvent::Channels(channel));
        for (id, addr, name) in [(10, vec![0], "Dataflow"), (11, vec![0, 1], "Input"), (12, vec![0, 2], "answers")] {
            log.note(at(0), &TimelyEvent::Operates(OperatesEvent { id, addr, name: name.to_owned() }));
        }
        for (ns, event) in [(100, ScheduleEvent::start(10)), (120, ScheduleEvent::start(12))] {
            log.note(at(ns), &TimelyEvent::Schedule(event));
        }
        let sent = MessagesEvent { is_send: true, channel: 7, source: 3, target: 0, seq_no: 0, record_count: 5 };
        for is_send in [true, false] {
            log.note(at(125), &TimelyEvent::Messages(MessagesEvent { is_send, ..sent.clone() }));
        }
        for (ns, event) in [(150, ScheduleEvent::stop(12)), (155, ScheduleEvent::stop(10))] {
            log.note(at(ns), &TimelyEvent::Schedule(event));
        }
        drop(log);
        let mut activity = recorder.finish();
        activity.add_the_rest(3, 100);
        let times: Vec<_> =
            activity.operators.iter().map(|one| (one.operator.as_str(), one.activations, one.busy_ns)).collect();
        assert_eq!(times, [("(progress tracking)", 1, 25), ("answers", 1, 30), ("(reading the trace)", 0, 45)]);
        let load = ChannelLoad { worker: 3, channel: "Input → answers".to_owned(), messages: 1, records: 5 };
        assert_eq!(activity.channels, [load]);
    }
}
