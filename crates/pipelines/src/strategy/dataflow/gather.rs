//! The end of a run: every worker reports what it did, and the first process gathers the answers.

use std::cell::RefCell;
use std::rc::Rc;

use flowbench_events::LateSet;
use serde::{Deserialize, Serialize};
use timely::Bincode;
use timely::bytes::arc::BytesMut;
use timely::communication::Bytesable;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Input as _;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::probe::Probe;
use timely::worker::Worker;

use super::context::{WorkerContext, WorkerTotals};
use super::routing::Traffic;
use super::sink::SharedSink;

impl WorkerContext {
    /// Submits the answers when everything is answered, those of other processes through the first one.
    pub(crate) fn end<M: 'static>(self, worker: &mut Worker, last: &SharedSink<M>, late: LateSet) -> Vec<WorkerTotals> {
        self.driver.borrow_mut().on_drained();
        let (entries, payload_bytes) = self.payload.get();
        let Traffic { records: exchanged_records, bytes: exchanged_bytes } = self.traffic.get();
        let (worker_index, records, fault_fired) = (self.worker, self.records.get(), self.fault_fired.get());
        let totals = WorkerTotals {
            worker: worker_index,
            late,
            entries,
            payload_bytes,
            records,
            exchanged_records,
            exchanged_bytes,
            fault_fired,
        };
        let mut last = last.borrow_mut();
        if self.processes == 1 {
            last.submit(self.worker);
            return vec![totals];
        }
        let messages = if self.process == 0 {
            last.submit(self.worker);
            Vec::new()
        } else {
            let totals = GatherMessage { worker: self.worker, is_totals: true, bytes: packed(totals) };
            let answers = last.pack().into_iter();
            answers
                .map(|bytes| GatherMessage { worker: self.worker, is_totals: false, bytes })
                .chain([totals])
                .collect()
        };
        let mut all_totals = vec![totals];
        for GatherMessage { worker, is_totals, bytes } in gather(worker, messages) {
            match is_totals {
                true => all_totals.push(Bincode::<WorkerTotals>::from_bytes(BytesMut::from(bytes).freeze()).payload),
                false => last.unpack(worker, bytes),
            }
        }
        all_totals
    }
}

/// A message to the first worker of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct GatherMessage {
    worker: usize,
    is_totals: bool,
    bytes: Vec<u8>,
}

/// Brings messages to the first worker of all; the others get nothing. Every worker must take part.
fn gather(worker: &mut Worker, messages: Vec<GatherMessage>) -> Vec<GatherMessage> {
    let gathered = Rc::new(RefCell::new(Vec::new()));
    let into = Rc::clone(&gathered);
    let (mut input, probe) = worker.dataflow::<u64, _, _>(|scope| {
        let (input, stream) = scope.new_input::<Vec<GatherMessage>>();
        let to_first = Exchange::new(|_: &GatherMessage| 0);
        let arrived = stream.unary::<CapacityContainerBuilder<Vec<()>>, _, _, _>(to_first, "gather", move |_, _| {
            move |input, _| input.for_each(|_, messages| into.borrow_mut().append(messages))
        });
        (input, arrived.probe().0)
    });
    messages.into_iter().for_each(|message| input.send(message));
    input.close();
    while !probe.done() {
        worker.step();
    }
    gathered.take()
}

fn packed(totals: WorkerTotals) -> Vec<u8> {
    let mut bytes = Vec::new();
    Bincode::from(totals).into_bytes(&mut bytes);
    bytes
}
